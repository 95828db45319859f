//! The product workspace: what it holds, and which changes its rules allow.
//!
//! Products have features, and these have user stories, test cases, test reports, checklists and
//! tasks. Words that Edsger's public documentation names are marked "documented"; the rest is
//! mcpass's own design. `docs/workspace.md` says which is which for readers.
//!
//! | module | what it holds |
//! |---|---|
//! | [`item`] | kinds, ids, items, changes and their trail |
//! | [`lifecycle`] | the statuses of a feature and the moves between them |
//! | [`status`] | the statuses of everything else, and the rule of each move |
//! | [`words`] | phases, priorities, roles and the like |

pub mod item;
pub mod lifecycle;
pub mod status;
pub mod words;

pub use item::{
    Event, EventFilter, InvalidItemId, Item, ItemChange, ItemCommit, ItemFilter, ItemId, Kind,
    Place,
};
pub use lifecycle::{ExecutionMode, FeatureStatus, Phase, Route, Stage};
pub use status::{
    CheckResult, RefusedMove, ReportStatus, ShelfStatus, TaskStatus, UntestedFeature, WorkStatus,
    may_ship, statuses, step,
};
pub use words::{
    Action, ChecklistPhase, Executor, FeaturePriority, ItemType, PhaseState, Role, TaskSource,
    TestResult,
};

/// Enums whose variants each have one word, which is what is stored and sent.
macro_rules! in_words {
    ($($(#[$doc:meta])* $name:ident {
        $($(#[$variant_doc:meta])* $variant:ident $word:literal,)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum $name { $($(#[$variant_doc])* $variant,)* }

        impl $name {
            /// All of them, in their order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];
            /// Their words, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];

            /// The word for it.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one that a word means.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.as_str() == word)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    )*};
}

pub(crate) use in_words;
