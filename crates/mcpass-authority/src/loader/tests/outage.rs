//! A store that goes and comes back.

use super::*;

#[test]
fn the_gate_opens_with_the_store_and_closes_without_it() {
    in_paused_time(async || {
        let site = Site::new();
        site.store.set(Fault::Everything);
        let loader = site.loader(run(1));
        assert!(loader.flush().await.unwrap_err().to_string().contains("injected fault"));
        assert!(!site.gate.is_open());
        assert!(site.gate.reason().unwrap().contains("injected fault"));

        site.store.set(Fault::None);
        loader.ready().await.unwrap();
        assert!(site.gate.is_open());

        // Idle, so only a ping can notice.
        tokio::time::sleep(Duration::from_secs(30)).await;
        site.store.set(Fault::Everything);
        let stopped = Instant::now();
        while site.gate.is_open() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(stopped.elapsed() <= Duration::from_secs(1), "{:?}", stopped.elapsed());

        tokio::time::sleep(Duration::from_mins(5)).await;
        assert!(!site.gate.is_open());
        site.store.set(Fault::None);
        let started = Instant::now();
        while !site.gate.is_open() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(started.elapsed() <= Duration::from_millis(1_100), "{:?}", started.elapsed());
    });
}

#[test]
fn what_came_during_an_outage_is_loaded_after_it() {
    in_paused_time(async || {
        let site = Site::new();
        let mut thread = site.thread(run(1), 0);
        let loader = site.loader(run(1));
        loader.ready().await.unwrap();
        for (round, fault) in
            [Fault::Everything, Fault::AccessLoads, Fault::LostAnswers].into_iter().enumerate()
        {
            let first = round as u64 * 10;
            thread.admit(first);
            loader.flush().await.unwrap();
            site.store.set(fault);
            thread.answer(first);
            thread.admit(first + 1);
            loader.flush().await.unwrap_err();
            assert!(!site.gate.is_open());
            // Joined with its row by a batch that is read again, while the store may have the
            // row as a pending one already.
            thread.answer(first + 1);
            tokio::time::sleep(Duration::from_secs(7)).await;
            site.store.set(Fault::None);
            loader.flush().await.unwrap();
            assert!(site.gate.is_open());
            let done = [(first, RowState::Done), (first + 1, RowState::Done)];
            let states = site.states().await;
            assert_eq!(states[states.len() - 2..], done, "{fault:?}");
        }
        assert!(loader.metrics().failures() >= 3);
        assert_eq!(loader.metrics().lag_bytes(), 0);
    });
}

#[test]
fn stopping_without_a_store_keeps_the_journals() {
    in_paused_time(async || {
        let site = Site::new();
        let mut thread = site.thread(run(1), 0);
        let loader = site.loader(run(1));
        loader.ready().await.unwrap();
        site.store.set(Fault::Everything);
        thread.admit(1);
        drop(thread);
        loader.stop().await.unwrap_err();
        assert_eq!(site.segments(), 1);

        site.store.set(Fault::None);
        drain(site.path(), site.store.clone()).await.unwrap();
        assert_eq!(site.states().await, [(1, RowState::Unknown)]);
        assert_eq!(site.segments(), 0);
    });
}

#[test]
fn a_journal_that_cannot_be_read_is_the_operators_trouble_not_the_callers() {
    in_paused_time(async || {
        let site = Site::new();
        let mut thread = site.thread(run(1), 0);
        let loader = site.loader(run(1));
        loader.ready().await.unwrap();
        thread.admit(1);
        // A folder where a segment of another journal should be.
        let other = JournalName { run: run(1), thread: 9 }.segment_path(site.path(), 1);
        std::fs::create_dir(&other).unwrap();
        let error = loader.flush().await.unwrap_err();
        assert!(matches!(&error, LoaderError::Journal(_)), "{error}");
        assert!(site.gate.is_open());
        assert_eq!(site.rows().await.len(), 1);
        std::fs::remove_dir(&other).unwrap();
        loader.flush().await.unwrap();
    });
}
