//! Joining admissions with outcomes.

use std::collections::{BTreeMap, HashMap};

use mcpass_domain::{AccessRow, Admission, Outcome, Reason, RequestId, RowState, TokenId};
use mcpass_record::Entry;
use mcpass_store::{AccessBatch, LastUse, Position};

/// Rows in the making.
#[derive(Debug, Default)]
pub(super) struct Joiner {
    rows: Vec<AccessRow>,
    places: HashMap<RequestId, usize>,
    outcomes: Vec<Outcome>,
    last_uses: HashMap<TokenId, LastUse>,
}

impl Joiner {
    pub(super) fn add(&mut self, entry: Entry) {
        match entry {
            Entry::Admission(admission) => self.admission(admission),
            Entry::Outcome(outcome) => self.outcome(outcome),
        }
    }

    fn admission(&mut self, admission: Admission<'static>) {
        if let Some(token) = admission.token.filter(|_| is_use(admission.reason)) {
            let use_ = LastUse { token, at: admission.at, ip: admission.remote_ip };
            let last = self.last_uses.entry(token).or_insert(use_);
            if last.at <= use_.at {
                *last = use_;
            }
        }
        self.places.insert(admission.id, self.rows.len());
        self.rows.push(AccessRow { admission, outcome: None, state: RowState::Pending });
    }

    fn outcome(&mut self, outcome: Outcome) {
        let place = self.places.get(&outcome.id);
        match place.and_then(|place| self.rows.get_mut(*place)) {
            None => self.outcomes.push(outcome),
            Some(row) => {
                row.outcome = Some(outcome);
                row.state = RowState::Done;
            }
        }
    }

    /// How many outcomes belong to rows of earlier batches.
    pub(super) fn late(&self) -> u64 {
        self.outcomes.len() as u64
    }

    /// What goes into the store. When it may hold some of the rows already, as pending ones,
    /// because an earlier attempt succeeded without anybody hearing of it, the outcomes are said
    /// once more: the store leaves rows alone that it has.
    pub(super) fn into_batch(
        mut self,
        positions: BTreeMap<String, Position>,
        is_doubtful: bool,
    ) -> AccessBatch {
        if is_doubtful {
            self.outcomes.extend(self.rows.iter().filter_map(|row| row.outcome));
        }
        AccessBatch {
            rows: self.rows,
            outcomes: self.outcomes,
            last_uses: self.last_uses.into_values().collect(),
            positions,
        }
    }
}

/// Whether a request with a known token, decided like this, counts as a use of the token: it was
/// in good standing, and used from where it may be. What was refused for other reasons was
/// authenticated all the same.
fn is_use(reason: Reason) -> bool {
    match reason {
        Reason::Disabled
        | Reason::Expired
        | Reason::ForbiddenNetwork
        | Reason::MalformedToken
        | Reason::MissingToken
        | Reason::OwnerInactive
        | Reason::Revoked
        | Reason::UnknownToken => false,
        Reason::Allowed
        | Reason::BadRequest
        | Reason::ContextExceeded
        | Reason::ForbiddenOrigin
        | Reason::InsufficientPermissions
        | Reason::MethodNotAllowed
        | Reason::ProtectiveLimit
        | Reason::RateLimited
        | Reason::RecordUnavailable
        | Reason::SessionUnknown
        | Reason::TooLarge
        | Reason::UnknownServer
        | Reason::UnsupportedMediaType
        | Reason::UpstreamFailed
        | Reason::UpstreamTimeout => true,
    }
}
