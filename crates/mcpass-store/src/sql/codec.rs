//! What stands in columns: JSON of lists, names of states, bounds of ids.

mod settings;

use std::time::Duration;

use mcpass_domain::{Permission, Reason, RowState, Surface, Timestamp};

pub(super) use self::settings::{kind_from_json, settings_to_json};
use super::failure;
use crate::StoreError;

pub(super) fn permissions_to_json(permissions: &[Permission]) -> String {
    permissions.iter().map(Permission::as_str).collect::<serde_json::Value>().to_string()
}

pub(super) fn permissions_from_json(json: &str) -> Result<Vec<Permission>, StoreError> {
    let texts: Vec<std::borrow::Cow<'_, str>> =
        serde_json::from_str(json).map_err(|error| failure::damaged("permission", error))?;
    texts
        .iter()
        .map(|text| text.parse().map_err(|error| failure::damaged("permission", error)))
        .collect()
}

pub(super) fn reason(text: &str) -> Result<Reason, StoreError> {
    Reason::parse(text)
        .ok_or_else(|| failure::damaged("reason", format_args!("`{text}` is not known")))
}

pub(super) fn surface(text: &str) -> Result<Surface, StoreError> {
    Surface::ALL
        .into_iter()
        .find(|surface| surface.as_str() == text)
        .ok_or_else(|| failure::damaged("surface", format_args!("`{text}` is not known")))
}

pub(super) fn row_state(text: &str) -> Result<RowState, StoreError> {
    [RowState::Done, RowState::Pending, RowState::Unknown]
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| failure::damaged("state", format_args!("`{text}` is not known")))
}

/// Numbers beyond what a column holds do not happen; the largest stands for them.
pub(super) fn to_column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn from_column<N: TryFrom<i64>>(number: i64) -> Result<N, StoreError> {
    N::try_from(number)
        .map_err(|_| failure::damaged("number", format_args!("{number} is out of range")))
}

/// The least id that something of the moment `at` can have: ids are UUIDs of version 7, which
/// lead with their milliseconds (RFC 9562 section 5.7). See [`crate::AccessBatch::rows`].
pub(super) fn least_id(at: Timestamp) -> [u8; 16] {
    id_bound(at.saturating_sub(SLACK), 0)
}

/// The greatest id that something of the moment `at` can have.
pub(super) fn greatest_id(at: Timestamp) -> [u8; 16] {
    id_bound(at.saturating_add(SLACK), 0xFF)
}

/// How far an id may be from the moment in its row.
const SLACK: Duration = Duration::from_secs(1);

fn id_bound(at: Timestamp, rest: u8) -> [u8; 16] {
    let millis = u64::try_from(at.as_micros() / 1_000).unwrap_or(0).min((1 << 48) - 1);
    let [_, _, millis @ ..] = millis.to_be_bytes();
    let mut id = [rest; 16];
    for (to, from) in id.iter_mut().zip(millis) {
        *to = from;
    }
    id
}

#[cfg(test)]
mod tests {
    use mcpass_domain::RequestId;
    use mcpass_domain::id::IdParts;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_of_a_moment_lie_between_its_bounds(micros in 0..253_402_300_800_000_000_i64, random: [u8; 10]) {
            let now = Timestamp::from_micros(micros);
            let id = RequestId::from(IdParts { now, random });
            prop_assert!(least_id(now) <= *id.as_bytes());
            prop_assert!(*id.as_bytes() <= greatest_id(now));
        }

        #[test]
        fn bounds_of_any_moment_are_in_order(micros: i64) {
            let at = Timestamp::from_micros(micros);
            prop_assert!(least_id(at) < greatest_id(at));
        }
    }

    #[test]
    fn what_another_version_wrote_is_named() {
        let error = kind_from_json("quantum", "{}").unwrap_err();
        assert!(error.to_string().contains("`quantum`"), "{error}");
        assert!(permissions_from_json("[\"nodot\"]").is_err());
        assert!(reason("because").is_err() && surface("x").is_err() && row_state("x").is_err());
    }
}
