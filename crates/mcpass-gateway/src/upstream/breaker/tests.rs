//! The breaker against a list of everything that happened.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Event {
    Admit(Says),
    Fail { which: usize, jitter: u8 },
    Succeed { which: usize },
    Wait { millis: u32 },
}

fn event() -> impl Strategy<Value = Event> {
    let says = prop_oneof![4 => Just(Says::Much), 1 => Just(Says::Little), 1 => Just(Says::Aside)];
    prop_oneof![
        5 => says.prop_map(Event::Admit),
        5 => (0..4_usize, any::<u8>()).prop_map(|(which, jitter)| Event::Fail { which, jitter }),
        1 => (0..4_usize).prop_map(|which| Event::Succeed { which }),
        3 => (0..40_000_u32).prop_map(|millis| Event::Wait { millis }),
    ]
}

fn at(micros: i64) -> Monotonic {
    Monotonic::from_micros(micros)
}

/// What is known of the past, without a state that could be wrong.
#[derive(Default)]
struct Model {
    now: i64,
    /// Calls that run, oldest first.
    running: Vec<(Ticket, u32, Says)>,
    /// Failures since the last success, of calls that count.
    in_a_row: u32,
    opened: bool,
    changes: u32,
    /// The earliest time of the next trial, and the latest.
    next_trial: (i64, i64),
    rests: u32,
}

impl Model {
    fn left_alone(&mut self, jitter: u8) {
        let full = 1_000_000_i64.saturating_mul(1 << self.rests.min(20)).min(30_000_000);
        let shortest = full - full / 4;
        let wait = if jitter == 0 { full } else { shortest };
        self.next_trial = (self.now + wait, self.now + full);
        self.rests += 1;
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn it_opens_after_so_many_failures_and_lets_one_try(events in prop::collection::vec(event(), 1..120)) {
        let mut breaker = Breaker::new(at(0));
        let mut model = Model::default();
        for event in events {
            match event {
                Event::Wait { millis } => model.now += i64::from(millis) * 1_000,
                Event::Admit(says) => {
                    let ticket = breaker.admit(at(model.now), says);
                    let is_aside = says == Says::Aside;
                    let may = !model.opened || is_aside || says == Says::Much && model.now >= model.next_trial.1;
                    let must_not = model.opened && !is_aside && (says == Says::Little || model.now < model.next_trial.0);
                    prop_assert!(!may || ticket.is_some(), "refused");
                    prop_assert!(!must_not || ticket.is_none(), "let through");
                    if let Some(ticket) = ticket {
                        model.running.push((ticket, model.changes, says));
                        if model.opened && !is_aside {
                            // The next one may try after a while, whatever becomes of this one.
                            let while_ = 1_000_000_i64.saturating_mul(1 << (model.rests - 1).min(20)).min(30_000_000);
                            model.next_trial = (model.now + while_, model.now + while_);
                        }
                    }
                }
                Event::Succeed { which } if which < model.running.len() => {
                    let (ticket, changes, _) = model.running.remove(which);
                    let counts = changes == model.changes;
                    let closes = breaker.succeeded(ticket, at(model.now));
                    prop_assert_eq!(closes, counts && model.opened);
                    if counts {
                        model.in_a_row = 0;
                        model.rests = 0;
                        model.changes += u32::from(model.opened);
                        model.opened = false;
                    }
                }
                Event::Fail { which, jitter } if which < model.running.len() => {
                    let (ticket, changes, says) = model.running.remove(which);
                    let is_known = model.opened || model.in_a_row > 0;
                    let counts = changes == model.changes && !(says == Says::Aside && is_known);
                    let rest = breaker.failed(ticket, at(model.now), jitter);
                    if counts && model.opened {
                        model.left_alone(jitter);
                        prop_assert!(rest.is_some());
                    } else if counts {
                        model.in_a_row += 1;
                        let opens = model.in_a_row == FAILURES;
                        prop_assert_eq!(rest.is_some(), opens);
                        if opens {
                            model.opened = true;
                            model.changes += 1;
                            model.left_alone(jitter);
                        }
                    } else {
                        prop_assert_eq!(rest, None);
                    }
                    if let Some(rest) = rest {
                        prop_assert!(rest <= LONGEST && rest >= SHORTEST * 3 / 4);
                    }
                }
                Event::Succeed { .. } | Event::Fail { .. } => {}
            }
            let is_resting = matches!(breaker.condition(), Condition::Resting(_));
            prop_assert_eq!(is_resting, model.opened);
            if let Condition::Failing(failures) = breaker.condition() {
                prop_assert_eq!(failures, model.in_a_row);
            }
            prop_assert!(breaker.since() <= at(model.now));
        }
    }
}

#[test]
fn whiles_double_up_to_the_longest_and_are_never_in_step() {
    let seconds: Vec<f64> = (0..8).map(|rests| rest(rests, 0).as_secs_f64()).collect();
    assert_eq!(seconds, [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]);
    assert_eq!(rest(u32::MAX, 0), LONGEST);
    assert_eq!(rest(1, 255), Duration::from_millis(1_500));
    assert!(rest(1, 100) > rest(1, 200));
}

#[test]
fn a_late_outcome_of_an_earlier_time_changes_nothing() {
    let mut breaker = Breaker::new(at(0));
    let early = breaker.admit(at(0), Says::Much).unwrap();
    for _ in 0..FAILURES {
        let ticket = breaker.admit(at(0), Says::Much).unwrap();
        breaker.failed(ticket, at(0), 0);
    }
    assert!(!breaker.succeeded(early, at(1)), "it was sent before things went wrong");
    assert!(matches!(breaker.condition(), Condition::Resting(_)));
    let trial = breaker.admit(at(1_000_000), Says::Much).unwrap();
    assert!(breaker.succeeded(trial, at(1_000_001)));
    assert_eq!(breaker.failed(early, at(1_000_002), 0), None);
    assert_eq!((breaker.condition(), breaker.since()), (Condition::Healthy, at(1_000_001)));
}

#[test]
fn a_page_of_management_may_always_try_and_keeps_no_agent_waiting() {
    let mut breaker = Breaker::new(at(0));
    let fail = |breaker: &mut Breaker, now: i64, says| {
        let ticket = breaker.admit(at(now), says).unwrap();
        breaker.failed(ticket, at(now), 0)
    };
    for now in 0..20 {
        assert_eq!(fail(&mut breaker, now, Says::Aside), None);
        assert_eq!(breaker.condition(), Condition::Failing(1), "as is true, and no more");
    }
    for _ in 2..FAILURES {
        assert_eq!(fail(&mut breaker, 20, Says::Much), None);
    }
    assert_eq!(fail(&mut breaker, 20, Says::Much), Some(SHORTEST));
    let due = Condition::Resting(after(at(20), SHORTEST));
    assert_eq!(breaker.condition(), due);
    assert_eq!(breaker.admit(at(21), Says::Much), None);
    assert_eq!(fail(&mut breaker, 21, Says::Aside), None);
    assert_eq!(breaker.condition(), due, "agents wait no longer for it");
    // Whoever has mended it, and looks at its page, need not wait.
    let trial = breaker.admit(at(22), Says::Aside).unwrap();
    assert!(breaker.succeeded(trial, at(23)));
    assert_eq!(breaker.condition(), Condition::Healthy);
}
