//! The statuses of a feature and the moves between them.
//!
//! [`FeatureStatus`] is the ladder, in its order. The first nineteen rungs, up to
//! `functional_testing`, are documented with their names and their order; which moves are allowed
//! is not, beyond three hints: a person sets `ready_for_ai`, a feature may be set back to
//! `ready_for_ai` or `backlog`, and a phase without approval is passed by itself. The rest is ours:
//!
//! - Forward goes one phase at a time: to the verification of this phase, or past it to the next
//!   phase. Phases that the feature's own workflow skips, or its execution mode leaves out, are
//!   not in its way.
//! - Back goes to any earlier phase, to `ready_for_ai` and to `backlog`.
//! - `shipped` is left for `archived` alone. What is `cancelled` or `archived` can be taken up
//!   again, from `backlog`.

use std::collections::BTreeSet;
use std::fmt;

use super::in_words;

in_words! {
    /// Where a feature stands. The order is that of the ladder.
    FeatureStatus {
        /// Wanted, some day (documented).
        Backlog "backlog",
        /// An agent may take it (documented).
        ReadyForAi "ready_for_ai",
        /// An agent has taken it (documented).
        AssignedToAi "assigned_to_ai",
        /// What is wanted is understood (documented).
        FeatureAnalysis "feature_analysis",
        /// A person looks at that (documented).
        FeatureAnalysisVerification "feature_analysis_verification",
        /// User stories are written (documented).
        UserStoriesAnalysis "user_stories_analysis",
        /// A person looks at them (documented).
        UserStoriesAnalysisVerification "user_stories_analysis_verification",
        /// Test cases are written (documented).
        TestCasesAnalysis "test_cases_analysis",
        /// A person looks at them (documented).
        TestCasesAnalysisVerification "test_cases_analysis_verification",
        /// The design is written (documented).
        TechnicalDesign "technical_design",
        /// A person looks at it (documented).
        TechnicalDesignVerification "technical_design_verification",
        /// Branches are planned (documented).
        BranchPlanning "branch_planning",
        /// A person looks at the plan (documented).
        BranchPlanningVerification "branch_planning_verification",
        /// Code is written (documented).
        CodeImplementation "code_implementation",
        /// A person looks at it (documented).
        CodeImplementationVerification "code_implementation_verification",
        /// Changes are split into pull requests (documented).
        PrSplitting "pr_splitting",
        /// A person looks at that (documented).
        PrSplittingVerification "pr_splitting_verification",
        /// Pull requests are made; documented without a verification.
        PrExecution "pr_execution",
        /// The feature is tried as its users would (documented).
        FunctionalTesting "functional_testing",
        /// A person looks at the outcome (our own).
        FunctionalTestingVerification "functional_testing_verification",
        /// The code is reviewed (our own; the phase is documented).
        CodeReview "code_review",
        /// A person looks at the outcome (our own).
        CodeReviewVerification "code_review_verification",
        /// Everything is done but the release (our own).
        ReadyToShip "ready_to_ship",
        /// Users have it (our own).
        Shipped "shipped",
        /// Nobody wants it any more (our own).
        Cancelled "cancelled",
        /// Put away (our own).
        Archived "archived",
    }

    /// A phase of the work on a feature, in its order. All but the last are documented as
    /// statuses, the last as a phase.
    Phase {
        /// What is wanted is understood.
        FeatureAnalysis "feature_analysis",
        /// User stories are written.
        UserStoriesAnalysis "user_stories_analysis",
        /// Test cases are written.
        TestCasesAnalysis "test_cases_analysis",
        /// The design is written.
        TechnicalDesign "technical_design",
        /// Branches are planned.
        BranchPlanning "branch_planning",
        /// Code is written.
        CodeImplementation "code_implementation",
        /// Changes are split into pull requests.
        PrSplitting "pr_splitting",
        /// Pull requests are made.
        PrExecution "pr_execution",
        /// The feature is tried as its users would.
        FunctionalTesting "functional_testing",
        /// The code is reviewed.
        CodeReview "code_review",
    }
}

/// What a status means for the rules.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stage {
    /// Nobody works on it.
    Waiting,
    /// Taken, before its first phase.
    Assigned,
    /// In a phase.
    Work(Phase),
    /// After a phase: a person looks at its outcome.
    Verification(Phase),
    /// After the last phase.
    Ready,
    /// Off the ladder, or at its end.
    Closed,
}

impl Phase {
    /// The status in which this phase is worked on.
    pub const fn work(self) -> FeatureStatus {
        self.statuses().0
    }

    /// The status in which a person looks at its outcome, if it has one.
    pub const fn verification(self) -> Option<FeatureStatus> {
        self.statuses().1
    }

    const fn statuses(self) -> (FeatureStatus, Option<FeatureStatus>) {
        use FeatureStatus as S;
        match self {
            Self::FeatureAnalysis => (S::FeatureAnalysis, Some(S::FeatureAnalysisVerification)),
            Self::UserStoriesAnalysis => {
                (S::UserStoriesAnalysis, Some(S::UserStoriesAnalysisVerification))
            }
            Self::TestCasesAnalysis => {
                (S::TestCasesAnalysis, Some(S::TestCasesAnalysisVerification))
            }
            Self::TechnicalDesign => (S::TechnicalDesign, Some(S::TechnicalDesignVerification)),
            Self::BranchPlanning => (S::BranchPlanning, Some(S::BranchPlanningVerification)),
            Self::CodeImplementation => {
                (S::CodeImplementation, Some(S::CodeImplementationVerification))
            }
            Self::PrSplitting => (S::PrSplitting, Some(S::PrSplittingVerification)),
            Self::PrExecution => (S::PrExecution, None),
            Self::FunctionalTesting => {
                (S::FunctionalTesting, Some(S::FunctionalTestingVerification))
            }
            Self::CodeReview => (S::CodeReview, Some(S::CodeReviewVerification)),
        }
    }
}

/// How much of the ladder a feature is to go (documented: `full_pipeline`,
/// `only_technical_design` and `from_code_implementation`, with "etc."; ours: the same for every
/// phase).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ExecutionMode {
    /// Every phase.
    #[default]
    Full,
    /// Every phase from this one on.
    From(Phase),
    /// This phase alone. Its way ends there.
    Only(Phase),
}

impl ExecutionMode {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let each = |mode: fn(Phase) -> Self| Phase::ALL.iter().copied().map(mode);
        std::iter::once(Self::Full).chain(each(Self::From)).chain(each(Self::Only))
    }

    /// The one that a word means.
    pub fn parse(word: &str) -> Option<Self> {
        Self::all().find(|mode| mode.to_string() == word)
    }

    fn has(self, phase: Phase) -> bool {
        match self {
            Self::Full => true,
            Self::From(first) => phase >= first,
            Self::Only(one) => phase == one,
        }
    }
}

impl fmt::Display for ExecutionMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => f.write_str("full_pipeline"),
            Self::From(phase) => write!(f, "from_{phase}"),
            Self::Only(phase) => write!(f, "only_{phase}"),
        }
    }
}

/// The phases that one feature goes through.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Route {
    /// How much of the ladder.
    pub mode: ExecutionMode,
    /// What its workflow leaves out.
    pub skipped: BTreeSet<Phase>,
}

impl Route {
    /// Whether the feature goes through this phase.
    pub fn has(&self, phase: Phase) -> bool {
        self.mode.has(phase) && !self.skipped.contains(&phase)
    }

    /// What comes after a phase, or first; none where the way ends.
    fn after(&self, phase: Option<Phase>) -> Option<FeatureStatus> {
        let later = |next: &Phase| phase.is_none_or(|phase| *next > phase);
        let next = Phase::ALL.iter().copied().filter(later).find(|next| self.has(*next));
        match (next, self.mode) {
            (Some(next), _) => Some(next.work()),
            (None, ExecutionMode::Only(_)) => None,
            (None, _) => Some(FeatureStatus::ReadyToShip),
        }
    }
}

impl FeatureStatus {
    /// What it means for the rules.
    pub fn stage(self) -> Stage {
        match self {
            Self::Backlog | Self::ReadyForAi => Stage::Waiting,
            Self::AssignedToAi => Stage::Assigned,
            Self::ReadyToShip => Stage::Ready,
            Self::Shipped | Self::Cancelled | Self::Archived => Stage::Closed,
            _ => {
                let phases = Phase::ALL.iter().copied();
                let stages = phases.flat_map(|phase| {
                    let verification = phase.verification();
                    let verified = verification.map(|to| (to, Stage::Verification(phase)));
                    std::iter::once((phase.work(), Stage::Work(phase))).chain(verified)
                });
                // Each status between the first and the last phase is of one phase.
                let mut stages = stages.filter(|(status, _)| *status == self);
                stages.next().map_or(Stage::Closed, |(_, stage)| stage)
            }
        }
    }

    /// The next rungs: none where the way ends.
    pub fn forward(self, route: &Route) -> Vec<Self> {
        match self.stage() {
            Stage::Waiting if self == Self::Backlog => vec![Self::ReadyForAi],
            Stage::Waiting => vec![Self::AssignedToAi],
            Stage::Assigned => route.after(None).into_iter().collect(),
            Stage::Work(phase) => {
                phase.verification().into_iter().chain(route.after(Some(phase))).collect()
            }
            Stage::Verification(phase) => route.after(Some(phase)).into_iter().collect(),
            Stage::Ready => vec![Self::Shipped],
            Stage::Closed => Vec::new(),
        }
    }

    /// Whether a feature on this route may go from here to there. (Shipping asks for more:
    /// [`super::may_ship`].)
    pub fn may_become(self, to: Self, route: &Route) -> bool {
        match (self, to) {
            (Self::Shipped | Self::Cancelled | Self::Backlog, Self::Archived)
            | (Self::Cancelled | Self::Archived, Self::Backlog) => true,
            (_, Self::Archived) => false,
            (_, Self::Cancelled) => self.stage() != Stage::Closed,
            _ if self.stage() == Stage::Closed => false,
            _ => self.forward(route).contains(&to) || self.is_back(to, route),
        }
    }

    /// Every status that a feature on this route may go to from here, in the order of the ladder.
    pub fn moves(self, route: &Route) -> Vec<Self> {
        Self::ALL.iter().copied().filter(|to| self.may_become(*to, route)).collect()
    }

    fn is_back(self, to: Self, route: &Route) -> bool {
        to < self
            && match to.stage() {
                Stage::Waiting => true,
                Stage::Work(phase) => route.has(phase),
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests;
