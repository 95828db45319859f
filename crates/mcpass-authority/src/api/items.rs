//! How many items an answer holds.

use super::ApiError;

/// What `limit` may be for one list. Another number is refused, not bent: who asks for none or for
/// a million would take what comes for what there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Items {
    /// If nothing is said.
    pub usual: u32,
    /// The most; the least is one.
    pub most: u32,
}

impl Items {
    /// Of the audit log.
    pub const AUDIT: Self = Self { usual: 100, most: 1_000 };
    /// Of the access log.
    pub const LOG: Self = Self { usual: 100, most: 10_000 };
    /// Of users and groups.
    pub const NAMES: Self = Self { usual: 100, most: 1_000 };
    /// Of tokens.
    pub const TOKENS: Self = Self { usual: 100, most: 1_000 };
    /// Of what is sent as it is read: all there are.
    pub const STREAM: Self = Self { usual: u32::MAX, most: u32::MAX };

    /// How many are asked for.
    ///
    /// # Errors
    /// When that is none, or more than the most.
    pub fn of(self, limit: Option<u32>) -> Result<u32, ApiError> {
        let limit = limit.unwrap_or(self.usual);
        if (1..=self.most).contains(&limit) {
            return Ok(limit);
        }
        let hint = match limit {
            0 => "leave it out for the usual number",
            _ => "ask for fewer, and for what follows with `cursor`",
        };
        let message = format!("`limit`: {limit} is not from 1 to {}", self.most);
        Err(ApiError::invalid("limit", message).with_hint(hint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_taken_as_it_is_or_refused() {
        assert_eq!(Items::LOG.of(None).unwrap(), 100);
        for fits in [1, 10_000] {
            assert_eq!(Items::LOG.of(Some(fits)).unwrap(), fits);
        }
        for wrong in [0, 10_001, u32::MAX] {
            let error = Items::LOG.of(Some(wrong)).unwrap_err();
            assert_eq!(error.field.as_deref(), Some("limit"));
            assert!(error.message.contains("from 1 to 10000"), "{}", error.message);
        }
        assert_eq!(Items::STREAM.of(Some(u32::MAX)).unwrap(), u32::MAX);
        assert!(Items::STREAM.of(Some(0)).is_err());
    }
}
