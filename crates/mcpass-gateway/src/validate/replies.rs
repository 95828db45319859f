//! Replies kept for ten minutes, so that a question asked twice is counted once.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use mcpass_domain::{FamilyId, Monotonic, Reason, TokenDigest};
use parking_lot::{Mutex, MutexGuard};

/// How long a `request_id` is remembered.
const TTL: Duration = Duration::from_mins(10);
/// Replies kept for one caller at most; beyond that the oldest are forgotten early.
const PER_CALLER: usize = 100_000;

/// Replies by caller and `request_id`.
#[derive(Debug, Default)]
pub struct Replies(Mutex<Kept>);

#[derive(Debug, Default)]
pub(super) struct Kept(HashMap<FamilyId, HashMap<Box<str>, One>>);

#[derive(Debug)]
struct One {
    /// Of the question's bytes: the same id with another question is a mistake.
    question: TokenDigest,
    reply: Bytes,
    reason: Reason,
    at: Monotonic,
}

/// Whether a question was asked before.
pub(super) enum Repetition {
    None,
    /// The id was used for another question.
    Other,
    /// With this reply.
    Same(Bytes, Reason),
}

impl Replies {
    /// All of them, for one look and one change without anything between.
    pub(super) fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock()
    }

    /// Forgets what is too old. To be called every few minutes.
    pub fn sweep(&self, now: Monotonic) {
        self.0.lock().0.retain(|_, replies| {
            replies.retain(|_, one| now.since(one.at) < TTL);
            !replies.is_empty()
        });
    }
}

impl Kept {
    pub(super) fn find(
        &self,
        (family, id): (FamilyId, &str),
        question: &TokenDigest,
        now: Monotonic,
    ) -> Repetition {
        let one = self.0.get(&family).and_then(|replies| replies.get(id));
        match one.filter(|one| now.since(one.at) < TTL) {
            None => Repetition::None,
            Some(one) if one.question == *question => {
                Repetition::Same(one.reply.clone(), one.reason)
            }
            Some(_) => Repetition::Other,
        }
    }

    pub(super) fn put(
        &mut self,
        (family, id): (FamilyId, &str),
        question: TokenDigest,
        reply: Bytes,
        reason: Reason,
        at: Monotonic,
    ) {
        let replies = self.0.entry(family).or_default();
        if replies.len() >= PER_CALLER {
            let mut ages: Vec<Monotonic> = replies.values().map(|one| one.at).collect();
            let middle = ages.len() / 2;
            let (_, middle, _) = ages.select_nth_unstable(middle);
            let middle = *middle;
            replies.retain(|_, one| one.at > middle);
        }
        replies.insert(id.into(), One { question, reply, reason, at });
    }

    /// The call was not recorded, so it did not happen.
    pub(super) fn forget(&mut self, (family, id): (FamilyId, &str)) {
        if let Some(replies) = self.0.get_mut(&family) {
            replies.remove(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: FamilyId = FamilyId::from_bytes([1; 16]);

    fn at(seconds: i64) -> Monotonic {
        Monotonic::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_question_is_known_for_ten_minutes_to_whoever_asked_it() {
        let (one, two) = (TokenDigest::of(b"1"), TokenDigest::of(b"2"));
        let replies = Replies::default();
        replies.lock().put((A, "x"), one, Bytes::from_static(b"r"), Reason::Allowed, at(0));
        let find = |family, question, now| replies.lock().find((family, "x"), question, at(now));
        assert!(matches!(find(A, &one, 599), Repetition::Same(reply, _) if reply == "r"));
        assert!(matches!(find(A, &two, 599), Repetition::Other));
        assert!(matches!(find(A, &two, 600), Repetition::None));
        let other = FamilyId::from_bytes([2; 16]);
        assert!(matches!(find(other, &one, 0), Repetition::None));
        replies.sweep(at(600));
        assert!(replies.lock().0.is_empty());
    }
}
