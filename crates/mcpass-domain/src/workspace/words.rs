//! Words that fields of the workspace can hold.

use super::in_words;

in_words! {
    /// How soon a feature is wanted (documented).
    FeaturePriority {
        /// Before others.
        High "high",
        /// As usual.
        Medium "medium",
        /// After others.
        Low "low",
    }

    /// How far one phase of a feature's own workflow is (documented).
    PhaseState {
        /// Not done yet.
        Pending "pending",
        /// Done.
        Completed "completed",
        /// Left out: the feature passes it by.
        Skipped "skipped",
    }

    /// Whose checklist it is. The first four are documented; the documentation ends its list with
    /// "etc.".
    Role {
        /// Product manager.
        Pm "pm",
        /// Developer.
        Dev "dev",
        /// Tester.
        Qa "qa",
        /// Technical lead.
        TechLead "tech_lead",
        /// Anybody (our own).
        Any "any",
    }

    /// The phases that a checklist is for. Eighteen of twenty are documented by name; the two of
    /// branch planning are our guess at the others, because features have them.
    ChecklistPhase {
        /// Analysis of a feature.
        FeatureAnalysis "feature_analysis",
        /// A person looks at that.
        FeatureAnalysisVerification "feature_analysis_verification",
        /// User stories are written.
        UserStoriesAnalysis "user_stories_analysis",
        /// A person looks at them.
        UserStoriesAnalysisVerification "user_stories_analysis_verification",
        /// Test cases are written.
        TestCasesAnalysis "test_cases_analysis",
        /// A person looks at them.
        TestCasesAnalysisVerification "test_cases_analysis_verification",
        /// The design is written.
        TechnicalDesign "technical_design",
        /// A person looks at it.
        TechnicalDesignVerification "technical_design_verification",
        /// Branches are planned.
        BranchPlanning "branch_planning",
        /// A person looks at the plan.
        BranchPlanningVerification "branch_planning_verification",
        /// Code is written.
        CodeImplementation "code_implementation",
        /// A person looks at it.
        CodeImplementationVerification "code_implementation_verification",
        /// Code is made better.
        CodeRefine "code_refine",
        /// A person looks at that.
        CodeRefineVerification "code_refine_verification",
        /// Bugs are mended.
        BugFixing "bug_fixing",
        /// Code is reviewed.
        CodeReview "code_review",
        /// Code is tested.
        CodeTesting "code_testing",
        /// The product is tried as its users would.
        FunctionalTesting "functional_testing",
        /// Changes are split into pull requests.
        PrSplitting "pr_splitting",
        /// Pull requests are made.
        PrExecution "pr_execution",
    }

    /// What a checklist item asks for. That there are more types than a checkbox is documented,
    /// their names are our own.
    ItemType {
        /// A tick.
        Checkbox "checkbox",
        /// A text.
        Text "text",
        /// A number.
        Number "number",
        /// One of the item's choices.
        Choice "choice",
    }

    /// How one test case went in a test report (our own).
    TestResult {
        /// As expected.
        Passed "passed",
        /// Otherwise.
        Failed "failed",
        /// It could not be run.
        Blocked "blocked",
        /// It was left out.
        Skipped "skipped",
    }

    /// Who does a task (documented).
    Executor {
        /// An agent.
        Ai "ai",
        /// A person.
        Human "human",
    }

    /// Where a task comes from (documented).
    TaskSource {
        /// Somebody wrote it.
        Manual "manual",
        /// It was made by a program.
        System "system",
    }

    /// What was done to an item, in the audit trail (our own).
    Action {
        /// It was checked, with a result.
        Check "check",
        /// It was added.
        Create "create",
        /// It was removed.
        Delete "delete",
        /// Its status moved.
        Status "status",
        /// Fields changed.
        Update "update",
    }
}
