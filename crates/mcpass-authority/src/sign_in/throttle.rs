//! How often somebody may guess: after some failures an answer takes longer each time, for each
//! name and for each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use mcpass_domain::{SecretDigest, Timestamp};
use parking_lot::Mutex;

use crate::api::ApiError;

/// Failures of a name after which one has to wait.
const FREE_OF_NAME: u32 = 4;
/// Failures from an address after which one has to wait. Many people may share one.
const FREE_OF_ADDRESS: u32 = 19;
/// The first wait; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_secs(30);
/// The longest wait. Whoever fails on purpose should not be able to lock somebody out for long.
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// After so long without a failure the count begins anew.
const MEMORY: Duration = Duration::from_hours(24);
/// Names and addresses that are remembered.
const MAX_ENTRIES: usize = 20_000;

/// What is remembered of failures.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    entries: Mutex<HashMap<Key, Entry>>,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Key {
    Address(IpAddr),
    /// The digest, so that a name costs the same memory however long it is.
    Name(SecretDigest),
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Entry {
    failures: u32,
    locked_until: Option<Timestamp>,
    last: Timestamp,
}

/// What the store knows of a user's failures.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Failures {
    pub(super) count: u32,
    pub(super) locked_until: Option<Timestamp>,
}

/// An attempt that is under way. It counts as a failure until it is something else, so that many
/// guesses at once are as slow as one after the other.
#[derive(Debug)]
pub(super) struct Attempt {
    name: Counted,
    address: Option<Counted>,
    /// What the failures of the name are if this attempt is one.
    pub(super) failures: Failures,
}

/// An attempt as it was counted for a name or an address.
#[derive(Clone, Copy, Debug)]
struct Counted {
    key: Key,
    before: Entry,
    after: Entry,
}

impl Throttle {
    /// Begins an attempt, or refuses it with how long to wait. Without an address, that of whoever
    /// tries is not known.
    pub(super) fn begin(
        &self,
        name: &str,
        ip: Option<IpAddr>,
        stored: Failures,
        now: Timestamp,
    ) -> Result<Attempt, ApiError> {
        let (name, address) =
            (Key::Name(SecretDigest::of(name.as_bytes())), ip.map(Key::of_address));
        let mut entries = self.entries.lock();
        let of_name = current(entries.get(&name), stored, now);
        let address = address
            .map(|address| (address, current(entries.get(&address), Failures::default(), now)));
        let of_address = address.and_then(|(_, before)| before.locked_until);
        let locked = of_name.locked_until.max(of_address);
        if let Some(until) = locked.filter(|until| *until > now) {
            return Err(locked_out(until.since(now)));
        }
        make_room(&mut entries, now);
        let mut count = |key: Key, before: Entry| {
            let after = before.fail(key.free(), now);
            entries.insert(key, after);
            Counted { key, before, after }
        };
        let (name, address) =
            (count(name, of_name), address.map(|(address, before)| count(address, before)));
        let Entry { failures: count, locked_until, .. } = name.after;
        Ok(Attempt { name, address, failures: Failures { count, locked_until } })
    }

    /// The attempt was no guess, and says nothing of the failures before: a right password
    /// without its code.
    pub(super) fn undo(&self, attempt: &Attempt) {
        let mut entries = self.entries.lock();
        for Counted { key, before, after } in std::iter::once(attempt.name).chain(attempt.address) {
            let Some(entry) = entries.get_mut(&key) else { continue };
            if *entry == after {
                *entry = before;
                continue;
            }
            // Others have failed meanwhile: what is locked is locked by them.
            entry.failures = entry.failures.saturating_sub(1);
            let wait = wait(entry.failures, key.free());
            entry.locked_until = wait.map(|wait| entry.last.saturating_add(wait));
        }
    }

    /// The attempt succeeded: the name's failures are forgotten. Those of the address are not,
    /// or one account of one's own would be enough to guess at others from it.
    pub(super) fn succeed(&self, attempt: &Attempt) {
        self.undo(attempt);
        self.entries.lock().remove(&attempt.name.key);
    }

    /// Forgets the failures of a name, because somebody who may do so let it in again.
    pub(super) fn forgive(&self, name: &str) {
        self.entries.lock().remove(&Key::Name(SecretDigest::of(name.as_bytes())));
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.entries.lock().len()
    }
}

impl Key {
    /// Failures after which one has to wait.
    const fn free(&self) -> u32 {
        match self {
            Self::Address(_) => FREE_OF_ADDRESS,
            Self::Name(_) => FREE_OF_NAME,
        }
    }

    /// One customer of a provider has a /64 of IPv6 at least.
    fn of_address(ip: IpAddr) -> Self {
        Self::Address(match ip.to_canonical() {
            IpAddr::V4(ip) => IpAddr::V4(ip),
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        })
    }
}

impl Entry {
    fn fail(self, free: u32, now: Timestamp) -> Self {
        let failures = self.failures.saturating_add(1);
        let wait = wait(failures, free);
        let locked_until = wait.map(|wait| now.saturating_add(wait));
        Self { failures, locked_until, last: now }
    }
}

/// How long to wait after so many failures, of which the first ones are free.
fn wait(failures: u32, free: u32) -> Option<Duration> {
    let beyond = failures.checked_sub(free + 1)?;
    Some(FIRST_WAIT.saturating_mul(2_u32.saturating_pow(beyond)).min(LONGEST_WAIT))
}

/// What is remembered, or what the store knows of it; nothing once it is long ago.
fn current(known: Option<&Entry>, stored: Failures, now: Timestamp) -> Entry {
    let entry = known.copied().unwrap_or_else(|| {
        let last = stored.locked_until.unwrap_or(now);
        Entry { failures: stored.count, locked_until: stored.locked_until, last }
    });
    if now.since(entry.last) > MEMORY { Entry::default() } else { entry }
}

/// Forgets what is long ago, and where that is not enough what is longest ago: failures of
/// users are in the store as well.
fn make_room(entries: &mut HashMap<Key, Entry>, now: Timestamp) {
    if entries.len() + 2 <= MAX_ENTRIES {
        return;
    }
    entries.retain(|_, entry| now.since(entry.last) <= MEMORY);
    if entries.len() > MAX_ENTRIES / 2 {
        let mut moments: Vec<Timestamp> = entries.values().map(|entry| entry.last).collect();
        let middle = moments.len() / 2;
        let (_, median, _) = moments.select_nth_unstable(middle);
        let median = *median;
        entries.retain(|_, entry| entry.last > median);
    }
}

fn locked_out(wait: Duration) -> ApiError {
    // Rounded up, so that whoever waits as long as this says does not come too early.
    let seconds = u32::try_from(wait.as_micros().div_ceil(1_000_000)).unwrap_or(u32::MAX);
    let message = format!("too many attempts failed; wait {seconds} s before the next one");
    ApiError::new("sign_in.locked", message)
        .with_hint("if you forgot your password, ask an operator for a link to set a new one")
        .with_retry_after(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros((1_790_000_000 + seconds) * 1_000_000)
    }

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(std::net::Ipv4Addr::from_bits(0x0A00_0000 + n))
    }

    #[test]
    fn waits_grow_up_to_a_quarter_of_an_hour() {
        let waits: Vec<_> =
            (1..13).map(|n| wait(n, FREE_OF_NAME).map_or(0, |wait| wait.as_secs())).collect();
        assert_eq!(waits, [0, 0, 0, 0, 30, 60, 120, 240, 480, 900, 900, 900]);
        assert_eq!(wait(u32::MAX, FREE_OF_NAME), Some(LONGEST_WAIT));
    }

    #[test]
    fn a_name_is_locked_from_everywhere_and_others_are_not() {
        let throttle = Throttle::default();
        let none = Failures::default();
        for n in 0..5 {
            throttle.begin("ana", Some(address(n)), none, at(0)).unwrap();
        }
        let error = throttle.begin("ana", Some(address(9)), none, at(1)).unwrap_err();
        assert_eq!(error.code, "sign_in.locked");
        assert!(error.message.contains("wait 29 s"), "{error}");
        throttle.begin("ben", HOME, none, at(1)).unwrap();
        throttle.begin("ana", Some(address(9)), none, at(30)).unwrap();
        assert!(throttle.begin("ana", Some(address(9)), none, at(89)).is_err());
        throttle.begin("ana", Some(address(9)), none, at(90)).unwrap();
        throttle.begin("ana", HOME, none, at(90 + 121 + 86_400)).unwrap();
        throttle.begin("ana", HOME, none, at(90 + 121 + 86_400)).unwrap();
    }

    #[test]
    fn an_address_is_locked_whatever_name_it_tries() {
        let throttle = Throttle::default();
        let ip = |n: u128| Some(IpAddr::V6(Ipv6Addr::from_bits((0x2001_0DB8 << 96) + n)));
        for n in 0..20 {
            throttle.begin(&format!("u{n}"), ip(n), Failures::default(), at(0)).unwrap();
        }
        assert!(throttle.begin("ana", ip(77), Failures::default(), at(1)).is_err());
        throttle.begin("ana", HOME, Failures::default(), at(1)).unwrap();
    }

    #[test]
    fn where_addresses_are_not_known_names_alone_are_locked() {
        let throttle = Throttle::default();
        for n in 0..100 {
            throttle.begin(&format!("u{n}"), None, Failures::default(), at(0)).unwrap();
        }
        for _ in 0..5 {
            throttle.begin("ana", None, Failures::default(), at(0)).unwrap();
        }
        assert!(throttle.begin("ana", None, Failures::default(), at(1)).is_err());
    }

    #[test]
    fn success_forgives_the_name_and_not_the_address() {
        let throttle = Throttle::default();
        let none = Failures::default();
        for n in 0..30 {
            let attempt = throttle.begin("own", HOME, none, at(0)).unwrap();
            throttle.succeed(&attempt);
            if n < 19 {
                throttle.begin(&format!("u{n}"), HOME, none, at(0)).unwrap();
            }
        }
        throttle.begin("ana", HOME, none, at(0)).unwrap();
        assert!(throttle.begin("own", HOME, none, at(0)).is_err());
    }

    #[test]
    fn a_right_password_without_a_code_changes_nothing() {
        let throttle = Throttle::default();
        let none = Failures::default();
        for _ in 0..4 {
            throttle.begin("ana", HOME, none, at(0)).unwrap();
        }
        for _ in 0..9 {
            let attempt = throttle.begin("ana", HOME, none, at(0)).unwrap();
            assert_eq!(attempt.failures.count, 5);
            throttle.undo(&attempt);
        }
    }

    #[test]
    fn what_others_locked_stays_locked_when_an_attempt_was_no_guess() {
        let throttle = Throttle::default();
        let none = Failures::default();
        let begin = |name: &str, at| throttle.begin(name, HOME, none, at);
        // It takes its time, and there is a failure more than would be free.
        let slow = begin("own", at(0)).unwrap();
        for n in 0..19 {
            begin(&format!("u{n}"), at(0)).unwrap();
        }
        begin("u20", at(30)).unwrap();
        assert!(begin("ana", at(31)).is_err());
        throttle.undo(&slow);
        let error = begin("ana", at(31)).unwrap_err();
        assert!(error.message.contains("wait 29 s"), "as without it: {error}");
        begin("ana", at(60)).unwrap();
    }

    #[test]
    fn what_the_store_knows_counts_after_a_restart() {
        let throttle = Throttle::default();
        let stored = Failures { count: 6, locked_until: Some(at(60)) };
        assert!(throttle.begin("ana", HOME, stored, at(59)).is_err());
        let attempt = throttle.begin("ana", HOME, stored, at(60)).unwrap();
        assert_eq!(attempt.failures, Failures { count: 7, locked_until: Some(at(180)) });
        throttle.forgive("ana");
        let attempt = throttle.begin("ana", HOME, Failures::default(), at(61)).unwrap();
        assert_eq!(attempt.failures.count, 1);
    }

    #[test]
    fn a_million_names_and_addresses_take_bounded_memory() {
        let throttle = Throttle::default();
        for n in 0..100_000_u32 {
            let seconds = i64::from(n / 100);
            throttle
                .begin(&n.to_string(), Some(address(n)), Failures::default(), at(seconds))
                .unwrap();
            assert!(throttle.len() <= MAX_ENTRIES);
        }
        assert!(throttle.len() > MAX_ENTRIES / 4);
    }
}
