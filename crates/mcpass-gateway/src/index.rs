//! Every known token in memory, by digest, and what families have used.
//!
//! A look-up takes one short read lock on one of many shards. A change is in force for all
//! threads when the call that made it returns: there is no snapshot that could be stale.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::{FamilyId, Limiter, Limits, Monotonic, Subject, TokenDigest};
use parking_lot::{Mutex, RwLock};

/// A power of two, so that two threads rarely meet at one lock.
const SHARDS: usize = 64;

type Tokens = HashMap<TokenDigest, Arc<Subject>>;

/// All tokens that were ever issued and not deleted, whatever their state.
#[derive(Debug)]
pub struct Index {
    shards: Box<[RwLock<Tokens>]>,
}

impl Default for Index {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| RwLock::default()).collect() }
    }
}

impl Index {
    /// The token of this digest.
    pub fn find(&self, digest: &TokenDigest) -> Option<Arc<Subject>> {
        self.shard(digest).read().get(digest).cloned()
    }

    /// Puts a token's present state in force.
    pub fn put(&self, digest: TokenDigest, subject: Arc<Subject>) {
        self.shard(&digest).write().insert(digest, subject);
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.shards.iter().all(|shard| shard.read().is_empty())
    }

    /// Calls `each` for every token, shard by shard. For gauges and lists, not for the data path.
    pub fn for_each(&self, mut each: impl FnMut(&Subject)) {
        for shard in &self.shards {
            for subject in shard.read().values() {
                each(subject);
            }
        }
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder by the number of shards")]
    fn shard(&self, digest: &TokenDigest) -> &RwLock<Tokens> {
        // The last byte: the maps inside hash the digest with a seed of their own, because
        // anyone can compute SHA-256 and choose where an unseeded digest would fall.
        &self.shards[usize::from(digest.as_bytes()[31]) % SHARDS]
    }
}

/// One limiter for each family that made a call, and protective budgets beside them.
#[derive(Debug, Default)]
pub struct Meters {
    families: Sharded<FamilyId>,
    handshakes: Sharded<FamilyId>,
    strangers: Sharded<IpAddr>,
}

/// Handshakes, lists, pings and notifications of one family: far beyond what a client needs.
pub const HANDSHAKES: Limits = Limits { per_minute: 6_000, per_hour: 120_000, max_context: 0 };
/// Requests without a valid token from one address.
pub const STRANGERS: Limits = Limits { per_minute: 600, per_hour: 6_000, max_context: 0 };

impl Meters {
    /// The limiter that all tokens of a family share.
    pub fn family(&self, family: FamilyId) -> Arc<Mutex<Limiter>> {
        self.families.meter(family)
    }

    /// The protective budget of a family.
    pub fn handshakes(&self, family: FamilyId) -> Arc<Mutex<Limiter>> {
        self.handshakes.meter(family)
    }

    /// The protective budget of an address that shows no valid token.
    pub fn stranger(&self, address: IpAddr) -> Arc<Mutex<Limiter>> {
        self.strangers.meter(network_of(address.to_canonical()))
    }

    /// Forgets whoever made no call within an hour. To be called every few minutes.
    pub fn sweep(&self, now: Monotonic) {
        self.families.sweep(now);
        self.handshakes.sweep(now);
        self.strangers.sweep(now);
    }
}

/// The smallest network that one stranger surely has: an IPv4 address, or an IPv6 /64 (RFC 4291,
/// section 2.5.1),
/// whose addresses would otherwise be as many budgets, and as many limiters in memory.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()
        }
    }
}

type Meter = Arc<Mutex<Limiter>>;

/// Limiters by key, in shards like [`Index`].
#[derive(Debug)]
struct Sharded<K> {
    hasher: RandomState,
    shards: Box<[Mutex<HashMap<K, Meter>>]>,
}

impl<K> Default for Sharded<K> {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }
}

impl<K: Copy + Eq + std::hash::Hash> Sharded<K> {
    #[expect(clippy::indexing_slicing, reason = "a remainder by the number of shards")]
    fn meter(&self, key: K) -> Arc<Mutex<Limiter>> {
        let at = usize::try_from(self.hasher.hash_one(key) % SHARDS as u64).unwrap_or(0);
        Arc::clone(self.shards[at].lock().entry(key).or_default())
    }

    fn sweep(&self, now: Monotonic) {
        const ANY: Limits = Limits { per_minute: 1, per_hour: 1, max_context: 0 };
        for shard in &self.shards {
            shard.lock().retain(|_, meter| {
                // Somebody who holds the meter is about to count on it.
                let in_use = Arc::strong_count(meter) > 1;
                let [_, hour] = meter.lock().usage(&ANY, now);
                in_use || hour.reset_after > Duration::ZERO
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_forgets_the_idle_and_keeps_the_counted() {
        let meters = Meters::default();
        let (here, there): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let admit = |address, at: i64| {
            let now = Monotonic::from_micros(at);
            meters.stranger(address).lock().admit(&STRANGERS, now, 1).unwrap();
        };
        admit(here, 0);
        admit(there, 3_000_000_000);
        meters.sweep(Monotonic::from_micros(3_700_000_000));
        let known =
            |address| meters.strangers.shards.iter().any(|s| s.lock().contains_key(address));
        assert!(!known(&here) && known(&there));
    }

    #[test]
    fn an_ipv4_stranger_in_ipv6_clothes_has_one_budget() {
        let meters = Meters::default();
        let plain = meters.stranger("10.0.0.1".parse().unwrap());
        assert!(Arc::ptr_eq(&plain, &meters.stranger("::ffff:10.0.0.1".parse().unwrap())));
    }

    #[test]
    fn a_stranger_with_many_ipv6_addresses_has_one_budget() {
        let meters = Meters::default();
        let of = |address: &str| meters.stranger(address.parse().unwrap());
        assert!(Arc::ptr_eq(&of("2001:db8::1"), &of("2001:db8::ffff:0:0:2")));
        assert!(!Arc::ptr_eq(&of("2001:db8::1"), &of("2001:db8:0:1::1")));
        assert!(!Arc::ptr_eq(&of("10.0.0.1"), &of("10.0.0.2")));
    }
}
