//! Noticing a store that does not answer.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use mcpass_record::Gate;
use mcpass_store::{Store, StoreError};

use super::LoaderError;

/// A store, and what is done when it is silent.
#[derive(Debug)]
pub(super) struct Patience {
    store: Arc<dyn Store>,
    gate: Gate,
    limit: Duration,
}

impl Patience {
    pub(super) fn new(store: Arc<dyn Store>, gate: Gate, limit: Duration) -> Self {
        Self { store, gate, limit }
    }

    pub(super) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Asks the store for a sign of life.
    pub(super) async fn ping(&self) -> Result<(), LoaderError> {
        match tokio::time::timeout(self.limit, self.store.ping()).await {
            Ok(answer) => Ok(answer?),
            Err(_) => Err(LoaderError::Silent(self.limit)),
        }
    }

    /// Waits for an answer of the store. A large batch may take its time, so the gate is closed
    /// only if the store gives no sign of life meanwhile; after a long time the call is given up.
    pub(super) async fn wait<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, LoaderError> {
        let silence = |error: LoaderError| {
            if self.gate.close(&error.to_string()) {
                tracing::error!(%error, "requests are refused until the database answers");
            }
        };
        wait(call, || self.ping(), silence, self.limit).await
    }
}

async fn wait<T, P>(
    call: impl Future<Output = Result<T, StoreError>>,
    ping: impl Fn() -> P,
    on_silence: impl Fn(LoaderError),
    patience: Duration,
) -> Result<T, LoaderError>
where
    P: Future<Output = Result<(), LoaderError>>,
{
    let mut call = pin!(call);
    for _ in 0..GIVE_UP {
        let sign_of_life = async {
            tokio::time::sleep(patience).await;
            ping().await
        };
        tokio::select! {
            biased;
            answer = &mut call => return Ok(answer?),
            sign = sign_of_life => if let Err(error) = sign { on_silence(error) },
        }
    }
    Err(LoaderError::Silent(patience * GIVE_UP))
}

/// A call is given up after this many times the patience.
const GIVE_UP: u32 = 20;

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::{pending, ready};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(1);

    fn in_paused_time(test: impl AsyncFnOnce()) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(test());
    }

    async fn slow(seconds: u64) -> Result<u64, StoreError> {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        Ok(seconds)
    }

    #[test]
    fn a_slow_answer_of_a_living_store_is_waited_for() {
        in_paused_time(async || {
            let pings = Cell::new(0);
            let ping = || {
                pings.set(pings.get() + 1);
                ready(Ok(()))
            };
            let answer = wait(slow(7), ping, |_| panic!("it is alive"), PATIENCE).await;
            assert_eq!((answer.unwrap(), pings.get()), (7, 6));
        });
    }

    #[test]
    fn a_silent_store_is_noticed_at_once_and_given_up_later() {
        in_paused_time(async || {
            let start = tokio::time::Instant::now();
            let noticed = Cell::new(None);
            let ping = || ready(Err(LoaderError::Silent(PATIENCE)));
            let on_silence = |_| {
                if noticed.get().is_none() {
                    noticed.set(Some(start.elapsed()));
                }
            };
            let call = pending::<Result<(), StoreError>>();
            let error = wait(call, ping, on_silence, PATIENCE).await.unwrap_err();
            assert!(matches!(error, LoaderError::Silent(for_) if for_ == PATIENCE * GIVE_UP));
            assert!(noticed.get().is_some_and(|after| after <= PATIENCE * 2));
        });
    }
}
