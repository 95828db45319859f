//! Exactly once, whenever a run ends.

use proptest::prelude::*;

use super::*;

#[test]
fn an_earlier_run_is_drained_settled_and_forgotten() {
    in_paused_time(async || {
        let site = Site::new();
        let mut earlier = site.thread_with(run(1), 0, 300);
        for number in 0..10 {
            earlier.admit(number);
        }
        earlier.answer(3);
        drop(earlier);
        let mut current = site.thread(run(2), 0);
        current.admit(50);

        let loader = site.loader(run(2));
        assert!(!site.gate.is_open());
        loader.ready().await.unwrap();
        assert!(site.gate.is_open());
        assert_eq!(site.segments(), 1);
        loader.flush().await.unwrap();
        for (number, state) in site.states().await {
            let expected = match number {
                3 => RowState::Done,
                50 => RowState::Pending,
                _ => RowState::Unknown,
            };
            assert_eq!(state, expected, "{number}");
        }
        let names: Vec<_> = site.store.access_positions().await.unwrap().into_keys().collect();
        assert_eq!(names, [current.journal.name().to_string()]);
    });
}

#[test]
fn an_earlier_run_is_settled_even_if_the_clock_was_set_back() {
    in_paused_time(async || {
        let site = Site::new();
        site.thread(run(1), 0).admit(1);
        site.clock.set(NOW.saturating_sub(Duration::from_hours(5)));
        site.loader(run(2)).ready().await.unwrap();
        assert_eq!(site.states().await, [(1, RowState::Unknown)]);
    });
}

#[test]
fn places_in_journals_that_are_gone_are_forgotten() {
    in_paused_time(async || {
        let site = Site::new();
        let mut earlier = site.thread(run(1), 0);
        earlier.admit(1);
        let loader = site.loader(run(1));
        loader.flush().await.unwrap();
        drop(loader);
        assert_eq!(site.store.access_positions().await.unwrap().len(), 1);
        let file = earlier.journal.name().segment_path(site.path(), 1);
        std::fs::remove_file(file).unwrap();
        site.loader(run(2)).ready().await.unwrap();
        assert_eq!(site.store.access_positions().await.unwrap(), BTreeMap::new());
    });
}

/// What happens to one run before it ends.
#[derive(Clone, Debug)]
enum Step {
    Admit,
    Answer(prop::sample::Index),
    /// The loader goes on for this many milliseconds.
    Load(u64),
    Fault(Fault),
    /// The process dies, and another one starts.
    Crash,
}

fn step() -> impl Strategy<Value = Step> {
    let fault = prop_oneof![
        Just(Fault::None),
        Just(Fault::Everything),
        Just(Fault::LostAnswers),
        (0..8_u64).prop_map(Fault::After),
    ];
    prop_oneof![
        5 => Just(Step::Admit),
        4 => any::<prop::sample::Index>().prop_map(Step::Answer),
        3 => (1..400_u64).prop_map(Step::Load),
        2 => fault.prop_map(Step::Fault),
        1 => Just(Step::Crash),
    ]
}

/// What must be in the store at the end.
#[derive(Default)]
struct Model {
    states: Vec<RowState>,
    open: Vec<usize>,
}

impl Model {
    fn crash(&mut self) {
        for number in self.open.drain(..) {
            self.states[number] = RowState::Unknown;
        }
    }
}

async fn play(steps: Vec<Step>) {
    let site = Site::new();
    let mut model = Model::default();
    let mut runs = 0;
    let start = |site: &Site, number: u64| {
        let threads: Vec<_> =
            (0..2).map(|thread| site.thread_with(run(number), thread, 900)).collect();
        let mut config = site.config(run(number));
        config.options.batch_records = 3;
        let (loader, task) = Loader::with_task(config);
        (threads, loader, tokio::spawn(task.run()))
    };
    let (mut threads, mut loader, mut task) = start(&site, runs);
    for step in steps {
        match step {
            Step::Admit => {
                let number = model.states.len();
                threads[number % 2].admit(number as u64);
                model.states.push(RowState::Pending);
                model.open.push(number);
            }
            Step::Answer(which) if !model.open.is_empty() => {
                let number = model.open.swap_remove(which.index(model.open.len()));
                threads[number % 2].answer(number as u64);
                model.states[number] = RowState::Done;
            }
            Step::Answer(_) => {}
            Step::Load(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
            Step::Fault(fault) => site.store.set(fault),
            Step::Crash => {
                // Wherever it is: between reading, loading, removing and forgetting.
                task.abort();
                let _aborted = task.await;
                model.crash();
                runs += 1;
                (threads, loader, task) = start(&site, runs);
            }
        }
    }
    site.store.set(Fault::None);
    loader.ready().await.unwrap();
    loader.flush().await.unwrap();
    let expected: Vec<_> = (0..).zip(model.states).collect();
    assert_eq!(site.states().await, expected);
    for (number, row) in site.rows().await {
        assert_eq!(row.outcome.is_some(), row.state == RowState::Done);
        assert!(row.outcome.is_none_or(|known| known == outcome(number)));
    }
    drop(threads);
    loader.stop().await.unwrap();
    assert_eq!(site.segments(), 0);
    assert_eq!(site.store.access_positions().await.unwrap(), BTreeMap::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_call_has_one_row_whatever_happens(steps in prop::collection::vec(step(), 0..60)) {
        in_paused_time(async || play(steps).await);
    }
}
