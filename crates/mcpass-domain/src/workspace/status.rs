//! The statuses of everything but features, and the rule of each move.

use super::in_words;
use super::item::{ItemId, Kind};
use super::lifecycle::{FeatureStatus, Route};

in_words! {
    /// Where a user story or a test case stands (documented, with these words in this order;
    /// which moves are allowed is ours).
    WorkStatus {
        /// Being written; the first one.
        Draft "draft",
        /// Waits for approval.
        PendingApproval "pending_approval",
        /// Approved.
        Approved "approved",
        /// Being worked on; a test case: being executed.
        InProgress "in_progress",
        /// Done; a test case: it passed.
        Done "done",
        /// Not wanted any more.
        Cancelled "cancelled",
    }

    /// Where a task stands (documented; the moves are ours).
    TaskStatus {
        /// To be done; the first one.
        Pending "pending",
        /// Being done.
        InProgress "in_progress",
        /// Done.
        Completed "completed",
        /// Something stands in its way.
        Blocked "blocked",
        /// Not wanted any more.
        Cancelled "cancelled",
    }

    /// Whether a product or a checklist is in use (our own).
    ShelfStatus {
        /// In use; the first one.
        Active "active",
        /// Put away: nothing is added to it.
        Archived "archived",
    }

    /// Whether a test report can still change (our own).
    ReportStatus {
        /// Being written; the first one.
        Draft "draft",
        /// Done: it stays as it is.
        Final "final",
    }

    /// What came of a checklist item. That a result is recorded is documented, the words are ours.
    CheckResult {
        /// Nobody has checked it; the first one.
        Open "open",
        /// It is as it should be.
        Passed "passed",
        /// It is not.
        Failed "failed",
        /// It does not apply here.
        NotApplicable "not_applicable",
    }
}

/// One status and those that may come after it.
type Row = (&'static str, &'static [&'static str]);

const WORK: &[Row] = &[
    // A phase without approval is passed by itself (documented), so a draft may be approved at
    // once.
    ("draft", &["pending_approval", "approved", "cancelled"]),
    ("pending_approval", &["draft", "approved", "cancelled"]),
    ("approved", &["draft", "in_progress", "cancelled"]),
    ("in_progress", &["approved", "done", "cancelled"]),
    ("done", &["in_progress"]),
    ("cancelled", &["draft"]),
];

const TASK: &[Row] = &[
    ("pending", &["in_progress", "completed", "blocked", "cancelled"]),
    ("in_progress", &["pending", "completed", "blocked", "cancelled"]),
    ("completed", &["in_progress"]),
    ("blocked", &["pending", "in_progress", "cancelled"]),
    ("cancelled", &["pending"]),
];

const SHELF: &[Row] = &[("active", &["archived"]), ("archived", &["active"])];

const REPORT: &[Row] = &[("draft", &["final"]), ("final", &[])];

/// People look again.
const CHECK: &[Row] = &[
    ("open", &["passed", "failed", "not_applicable"]),
    ("passed", &["open", "failed", "not_applicable"]),
    ("failed", &["open", "passed", "not_applicable"]),
    ("not_applicable", &["open", "passed", "failed"]),
];

/// The statuses of a kind, the first one first.
pub const fn statuses(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Product | Kind::Checklist => ShelfStatus::WORDS,
        Kind::Feature => FeatureStatus::WORDS,
        Kind::UserStory | Kind::TestCase => WorkStatus::WORDS,
        Kind::TestReport => ReportStatus::WORDS,
        Kind::ChecklistItem => CheckResult::WORDS,
        Kind::Task => TaskStatus::WORDS,
    }
}

/// The statuses that may come after `from`, in their order. `route` is that of the feature, and
/// matters for features alone.
pub fn moves(kind: Kind, from: &str, route: &Route) -> Vec<&'static str> {
    let table = match kind {
        Kind::Feature => {
            let moves = FeatureStatus::parse(from).map(|from| from.moves(route));
            return moves.into_iter().flatten().map(FeatureStatus::as_str).collect();
        }
        Kind::Product | Kind::Checklist => SHELF,
        Kind::UserStory | Kind::TestCase => WORK,
        Kind::TestReport => REPORT,
        Kind::ChecklistItem => CHECK,
        Kind::Task => TASK,
    };
    table.iter().find(|(each, _)| *each == from).map_or(&[][..], |(_, to)| to).to_vec()
}

/// Checks a move; staying where one is is none, and always allowed.
///
/// # Errors
/// When the move is not allowed, with those that are.
pub fn step(kind: Kind, from: &str, to: &str, route: &Route) -> Result<(), RefusedMove> {
    let allowed = moves(kind, from, route);
    if from == to || allowed.contains(&to) {
        return Ok(());
    }
    let short = |text: &str| text.chars().take(64).collect();
    Err(RefusedMove { kind, from: short(from), to: short(to), allowed })
}

/// A move that the rules do not allow.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RefusedMove {
    /// What was to move.
    pub kind: Kind,
    /// Where it stands.
    pub from: String,
    /// Where it was to go.
    pub to: String,
    /// Where it may go.
    pub allowed: Vec<&'static str>,
}

impl std::error::Error for RefusedMove {}

impl std::fmt::Display for RefusedMove {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, from, to, allowed } = self;
        let what = kind.noun();
        write!(f, "A {what} cannot go from {from} to {to}. ")?;
        if allowed.is_empty() {
            write!(f, "A {what} that is {from} stays so.")
        } else {
            write!(f, "From {from} it can go to: {}.", allowed.join(", "))
        }
    }
}

/// Whether a feature may ship: its critical test cases have to be done (documented: they "must
/// pass before the feature can ship"). One that was cancelled has not passed.
///
/// # Errors
/// When some are not, with their ids.
pub fn may_ship(
    critical: impl IntoIterator<Item = (ItemId, WorkStatus)>,
) -> Result<(), UntestedFeature> {
    let open = critical.into_iter().filter(|(_, status)| *status != WorkStatus::Done);
    let open: Vec<_> = open.collect();
    if open.is_empty() { Ok(()) } else { Err(UntestedFeature { open }) }
}

/// A feature whose critical test cases are not all done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct UntestedFeature {
    /// Those that are not, and where they stand.
    pub open: Vec<(ItemId, WorkStatus)>,
}

impl std::error::Error for UntestedFeature {}

impl std::fmt::Display for UntestedFeature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const NAMED: usize = 5;
        let named: Vec<_> =
            self.open.iter().take(NAMED).map(|(id, status)| format!("{id} ({status})")).collect();
        let more = self.open.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        write!(
            f,
            "This feature cannot ship: critical test cases have to be done first. Not done: {}{more}.",
            named.join(", "),
        )
    }
}

#[cfg(test)]
mod tests;
