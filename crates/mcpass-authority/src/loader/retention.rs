//! Deleting old rows: by whole days, in small steps.

use std::time::Duration;

use mcpass_domain::Timestamp;
use mcpass_store::{AccessFilter, PageRequest, Store, StoreError};

/// Which rows are old, and for which day that has been seen to.
#[derive(Debug)]
pub(super) struct Retention {
    days: u32,
    done: Option<Timestamp>,
    /// How much of the log's time goes in the next step.
    span: Duration,
}

impl Retention {
    pub(super) fn new(days: u32) -> Self {
        Self { days, done: None, span: SPAN_MIN }
    }

    /// The moment before which rows go, if that has not been seen to.
    pub(super) fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let today = now.as_micros().div_euclid(DAY).saturating_mul(DAY);
        let kept = i64::from(self.days).saturating_mul(DAY);
        let before = Timestamp::from_micros(today.saturating_sub(kept));
        (self.done != Some(before)).then_some(before)
    }

    /// Deletes some of the rows older than `before`; answers how many. A step is one short
    /// transaction, so that loading goes on between two of them; its span follows the traffic.
    pub(super) async fn step(
        &mut self,
        store: &dyn Store,
        before: Timestamp,
    ) -> Result<u64, StoreError> {
        let filter = AccessFilter { oldest_first: true, ..AccessFilter::default() };
        let oldest = store.access_list(&filter, &PageRequest { after: None, limit: 1 }).await?;
        let oldest = oldest.items.first().map(|row| row.admission.at);
        let deleted = match oldest {
            Some(oldest) if oldest < before => {
                store.access_delete_before(oldest.saturating_add(self.span).min(before)).await?
            }
            _ => 0,
        };
        match deleted {
            0 => self.done = Some(before),
            1..STEP_MIN => self.span = (self.span * 2).min(SPAN_MAX),
            STEP_MIN..STEP_MAX => {}
            STEP_MAX.. => self.span = (self.span / 2).max(SPAN_MIN),
        }
        Ok(deleted)
    }
}

/// Microseconds of a day.
const DAY: i64 = 24 * 3_600 * 1_000_000;

/// Rows of one step: between these two, the span is right.
const STEP_MIN: u64 = 5_000;
const STEP_MAX: u64 = 50_000;

const SPAN_MIN: Duration = Duration::from_secs(1);
const SPAN_MAX: Duration = Duration::from_hours(24);
