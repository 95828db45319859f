//! What to do in each phase, with the tools to do it (our own; that there are prompts is
//! documented).

use crate::provider::{Prompt, PromptArgument};

/// One argument for all of them.
const ARGUMENTS: &[PromptArgument] = &[PromptArgument {
    name: "feature_id",
    description: "The feature (ftr_…).",
    is_required: true,
}];

const fn prompt(name: &'static str, title: &'static str, description: &'static str) -> Prompt {
    Prompt { name, title, description, arguments: ARGUMENTS }
}

/// All of them, in the order of the phases.
pub(super) static ALL: [Prompt; 8] = [
    prompt(
        "analyse_feature",
        "Analyse a feature",
        "Understand what is wanted, and say it clearly.",
    ),
    prompt("write_user_stories", "Write user stories", "Write the user stories of a feature."),
    prompt("write_test_cases", "Write test cases", "Write the test cases of a feature."),
    prompt("design", "Write the technical design", "Write the technical design of a feature."),
    prompt("implement", "Implement a feature", "Plan branches, write the code, split it."),
    prompt("review", "Review the code", "Review the code of a feature against its checklists."),
    prompt("test", "Test a feature", "Run the test cases of a feature and report."),
    prompt("ship", "Ship a feature", "See whether a feature can ship, and ship it."),
];

/// What each asks for, after the beginning that all have.
fn steps(name: &str) -> &'static str {
    match name {
        "analyse_feature" => {
            "Set its status to feature_analysis. Find out what is wanted, for whom, and what is \
             left open. Write it into description and acceptance_criteria with features_update, \
             and set the status to feature_analysis_verification."
        }
        "write_user_stories" => {
            "Set its status to user_stories_analysis. Read what is there with \
             user_stories_existing, and add what is missing with one call of user_stories_create: \
             each \"As a …, I want … so that …\", with acceptance criteria. Then set the status to \
             user_stories_analysis_verification."
        }
        "write_test_cases" => {
            "Set its status to test_cases_analysis. Read the stories with user_stories_existing \
             and the cases with test_cases_existing. Add what is missing with one call of \
             test_cases_create: steps, expected result, and is_critical for what must work before \
             anybody gets it. Then set the status to test_cases_analysis_verification."
        }
        "design" => {
            "Set its status to technical_design. Read its stories and test cases. Write the design \
             into technical_design with features_update: what changes where, what can go wrong, \
             what is left out. Then set the status to technical_design_verification."
        }
        "implement" => {
            "Read its technical_design, stories and test cases. Move it along branch_planning, \
             code_implementation, pr_splitting and pr_execution with features_update, one at a \
             time and with a verification where people want one. Write what a person has to do \
             with tasks_create."
        }
        "review" => {
            "Set its status to code_review. Read the checklists for that phase with \
             checklists_existing and checklist_items_existing. Look at each item, and record what \
             came of it with checklist_items_check. What has to be mended goes into tasks_create. \
             Then set the status to code_review_verification, or back to code_implementation."
        }
        "test" => {
            "Set its status to functional_testing. Read the test cases with test_cases_existing \
             and set those that you run to in_progress with test_cases_update_status. Run them, \
             critical ones first. Write what came of them with test_reports_create, and set those \
             that passed to done. Then set the feature's status to \
             functional_testing_verification, or back to code_implementation."
        }
        _ => {
            "Read its critical test cases with test_cases_existing: all have to be done. See \
             whether its checklists have open items. Move it to ready_to_ship and then to shipped \
             with features_update; if that is refused, the answer says what is missing."
        }
    }
}

/// The text of a prompt.
pub(super) fn text(name: &str, feature: &str) -> String {
    // A feature's id has a fixed length; anything longer is none.
    let feature: String = feature.chars().take(64).collect();
    format!(
        "Work on the feature {feature}.\n\nRead it with features_info first: it tells the statuses \
         that the feature may go to next. Give the version that you read with each update. Texts \
         that were shortened are read on with offset.\n\n{}\n",
        steps(name)
    )
}
