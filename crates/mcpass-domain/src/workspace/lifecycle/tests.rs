use proptest::prelude::*;

use super::*;

fn status() -> impl Strategy<Value = FeatureStatus> {
    prop::sample::select(FeatureStatus::ALL)
}

fn route() -> impl Strategy<Value = Route> {
    let modes: Vec<_> = ExecutionMode::all().collect();
    let skipped = prop::collection::btree_set(prop::sample::select(Phase::ALL), 0..4);
    (prop::sample::select(modes), skipped).prop_map(|(mode, skipped)| Route { mode, skipped })
}

fn is_on_ladder(status: FeatureStatus) -> bool {
    status.stage() != Stage::Closed || status == FeatureStatus::Shipped
}

proptest! {
    /// The rule in other words: between here and there is nothing but what the route leaves out
    /// and the verification of this phase.
    #[test]
    fn no_rung_can_be_jumped(from in status(), to in status(), route in route()) {
        if from.may_become(to, &route) && to > from && is_on_ladder(to) {
            let between = FeatureStatus::ALL.iter().filter(|rung| **rung > from && **rung < to);
            for rung in between {
                let is_passed = match rung.stage() {
                    Stage::Work(phase) => !route.has(phase),
                    Stage::Verification(phase) => {
                        !route.has(phase) || from == phase.work()
                    }
                    _ => false,
                };
                prop_assert!(is_passed, "{from} -> {to} jumps {rung} on {route:?}");
            }
        }
    }

    #[test]
    fn every_allowed_move_is_named_and_no_other(
        from in status(), to in status(), route in route(),
    ) {
        let moves = from.moves(&route);
        prop_assert_eq!(moves.contains(&to), from.may_become(to, &route));
        prop_assert!(!moves.contains(&from));
        prop_assert!(moves.is_sorted());
    }

    /// Nothing is stuck: whatever is open can be given up, and whatever is closed put away or
    /// taken up again.
    #[test]
    fn there_is_always_a_way_out(from in status(), route in route()) {
        let moves = from.moves(&route);
        let out = [FeatureStatus::Backlog, FeatureStatus::Cancelled, FeatureStatus::Archived];
        prop_assert!(out.iter().any(|to| moves.contains(to)), "{from}: {moves:?}");
    }

    /// Only what is ready ships, whatever was moved before.
    #[test]
    fn nothing_ships_that_was_not_ready(
        route in route(), choices in prop::collection::vec(any::<prop::sample::Index>(), 1..60),
    ) {
        let mut at = FeatureStatus::Backlog;
        for choice in choices {
            let moves = at.moves(&route);
            let next = moves[choice.index(moves.len())];
            prop_assert!(next != FeatureStatus::Shipped || at == FeatureStatus::ReadyToShip);
            at = next;
        }
    }

    #[test]
    fn modes_print_and_parse_back(mode in prop::sample::select(ExecutionMode::all().collect::<Vec<_>>())) {
        prop_assert_eq!(ExecutionMode::parse(&mode.to_string()), Some(mode));
    }
}

#[test]
fn the_whole_ladder_can_be_climbed_with_and_without_verifications() {
    let route = Route::default();
    let climb = |choose: fn(&[FeatureStatus]) -> Option<&FeatureStatus>| {
        let mut way = vec![FeatureStatus::Backlog];
        while let Some(next) = way.last().and_then(|at| choose(&at.forward(&route)).copied()) {
            way.push(next);
        }
        way
    };
    let slow = climb(<[_]>::first);
    assert_eq!(slow, FeatureStatus::ALL[..24], "every rung up to shipped");
    let quick = climb(<[_]>::last);
    assert!(quick.iter().all(|rung| !rung.as_str().ends_with("_verification")));
    assert_eq!(quick.len(), 3 + Phase::ALL.len() + 2);
}

#[test]
fn the_documented_statuses_stand_in_their_documented_order() {
    let documented = [
        "backlog",
        "ready_for_ai",
        "assigned_to_ai",
        "feature_analysis",
        "feature_analysis_verification",
        "user_stories_analysis",
        "user_stories_analysis_verification",
        "test_cases_analysis",
        "test_cases_analysis_verification",
        "technical_design",
        "technical_design_verification",
        "branch_planning",
        "branch_planning_verification",
        "code_implementation",
        "code_implementation_verification",
        "pr_splitting",
        "pr_splitting_verification",
        "pr_execution",
        "functional_testing",
    ];
    assert_eq!(FeatureStatus::WORDS[..documented.len()], documented);
    assert_eq!(FeatureStatus::parse("shipped"), Some(FeatureStatus::Shipped));
    assert_eq!(FeatureStatus::parse("Shipped"), None);
}

#[test]
fn a_mode_shortens_the_way() {
    use FeatureStatus as S;
    let from = Route { mode: ExecutionMode::From(Phase::CodeReview), ..Route::default() };
    assert_eq!(S::AssignedToAi.forward(&from), [S::CodeReview]);
    assert_eq!(S::CodeReviewVerification.forward(&from), [S::ReadyToShip]);
    let only = Route { mode: ExecutionMode::Only(Phase::TechnicalDesign), ..Route::default() };
    assert_eq!(S::AssignedToAi.forward(&only), [S::TechnicalDesign]);
    assert_eq!(S::TechnicalDesign.forward(&only), [S::TechnicalDesignVerification]);
    assert!(S::TechnicalDesignVerification.forward(&only).is_empty());
    let skipped = [Phase::BranchPlanning, Phase::CodeImplementation].into();
    let skipping = Route { skipped, ..Route::default() };
    assert_eq!(
        S::TechnicalDesign.forward(&skipping),
        [S::TechnicalDesignVerification, S::PrSplitting]
    );
    assert!(!S::PrSplitting.may_become(S::CodeImplementation, &skipping));
}

#[test]
fn a_feature_can_be_set_back_and_taken_up_again() {
    use FeatureStatus as S;
    let route = Route::default();
    assert_eq!(
        S::TestCasesAnalysisVerification.moves(&route),
        [
            S::Backlog,
            S::ReadyForAi,
            S::FeatureAnalysis,
            S::UserStoriesAnalysis,
            S::TestCasesAnalysis,
            S::TechnicalDesign,
            S::Cancelled,
        ]
    );
    assert_eq!(S::Shipped.moves(&route), [S::Archived]);
    assert_eq!(S::Cancelled.moves(&route), [S::Backlog, S::Archived]);
    assert_eq!(S::Archived.moves(&route), [S::Backlog]);
}
