use super::*;
use proptest::prelude::*;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn all_due(timers: &mut Timers) -> Vec<u32> {
    std::iter::from_fn(|| timers.pop_due()).map(|(owner, _)| owner).collect()
}

#[test]
fn never_early_and_never_forgotten() {
    let origin = Instant::now();
    let hour = 3_600_000;
    for delay in [0, 1, 63, 64, 65, 4095, 4096, 4097, 262_143, 262_144, hour, 5 * hour, 24 * hour, 40 * 24 * hour] {
        for start in [0, 1, 62, 63, 64, 4_095, 16_777_214] {
            let mut timers = Timers::with_capacity(1, origin).unwrap();
            timers.advance(origin + ms(start));
            timers.after(7, origin + ms(start), ms(delay)).unwrap();
            if delay > 0 {
                timers.advance(origin + ms(start + delay - 1));
                assert_eq!(all_due(&mut timers), [], "{delay} from {start}");
                let deadline = timers.next_deadline().unwrap();
                assert!(deadline <= origin + ms(start + delay), "{delay} from {start}");
            }
            timers.advance(origin + ms(start + delay));
            assert_eq!(all_due(&mut timers), [7], "{delay} from {start}");
            assert!(timers.is_empty() && timers.next_deadline().is_none());
        }
    }
}

#[test]
fn sleeping_until_the_deadline_always_gets_there() {
    let origin = Instant::now();
    let mut timers = Timers::with_capacity(1, origin).unwrap();
    timers.after(1, origin, Duration::from_secs(100_000)).unwrap();
    let mut steps = 0;
    while all_due(&mut timers).is_empty() {
        let deadline = timers.next_deadline().unwrap();
        timers.advance(deadline);
        steps += 1;
        assert!(steps < 50, "each step comes closer");
    }
}

/// The machine was suspended for days: each timer fires once, and a period keeps its rhythm.
#[test]
fn f12_a_jump_in_time_fires_each_timer_once() {
    let (origin, days) = (Instant::now(), Duration::from_secs(10 * 24 * 3600));
    let mut timers = Timers::with_capacity(3, origin).unwrap();
    timers.every(1, origin, ms(10)).unwrap();
    timers.after(2, origin, ms(5)).unwrap();
    timers.after(3, origin, days + ms(5)).unwrap();
    timers.advance(origin + days + ms(1));
    let mut due = all_due(&mut timers);
    due.sort_unstable();
    assert_eq!(due, [1, 2]);
    timers.advance(origin + days + ms(9));
    assert_eq!(all_due(&mut timers), [3]);
    timers.advance(origin + days + ms(10));
    assert_eq!(all_due(&mut timers), [1]);
    // An earlier time than one that was seen changes nothing.
    timers.advance(origin);
    assert_eq!(all_due(&mut timers), []);
}

#[test]
fn a_part_of_a_tick_rounds_up() {
    let origin = Instant::now();
    let mut timers = Timers::with_capacity(1, origin).unwrap();
    timers.after(1, origin + Duration::from_micros(300), Duration::from_micros(800)).unwrap();
    timers.advance(origin + Duration::from_micros(1_999));
    assert_eq!(all_due(&mut timers), []);
    timers.advance(origin + ms(2));
    assert_eq!(all_due(&mut timers), [1]);
}

#[test]
fn ids_are_stale_once_the_timer_is_gone() {
    let origin = Instant::now();
    let mut timers = Timers::with_capacity(1, origin).unwrap();
    let first = timers.after(1, origin, ms(5)).unwrap();
    assert_eq!(timers.after(2, origin, ms(5)), Err(TimerError::Full { capacity: 1 }));
    assert!(timers.cancel(first) && !timers.cancel(first));
    let second = timers.after(2, origin, ms(5)).unwrap();
    assert!(first != second && !timers.cancel(first));
    timers.advance(origin + ms(5));
    assert_eq!(timers.pop_due(), Some((2, second)));
    assert!(!timers.cancel(second));
    assert_eq!(
        Timers::with_capacity(0, origin).unwrap().after(1, origin, ms(1)),
        Err(TimerError::Full { capacity: 0 })
    );
}

#[test]
fn a_late_period_fires_once_and_keeps_its_rhythm() {
    let origin = Instant::now();
    let mut timers = Timers::with_capacity(1, origin).unwrap();
    assert_eq!(timers.every(1, origin, Duration::from_micros(999)), Err(TimerError::PeriodTooShort));
    let id = timers.every(1, origin, ms(10)).unwrap();
    timers.advance(origin + ms(35));
    assert_eq!(all_due(&mut timers), [1]);
    timers.advance(origin + ms(39));
    assert_eq!(all_due(&mut timers), []);
    timers.advance(origin + ms(40));
    assert_eq!(timers.pop_due(), Some((1, id)));
    assert!(timers.cancel(id) && timers.is_empty());
}

#[test]
fn what_is_due_can_be_cancelled() {
    let origin = Instant::now();
    let mut timers = Timers::with_capacity(2, origin).unwrap();
    let first = timers.after(1, origin, ms(1)).unwrap();
    let second = timers.after(2, origin, ms(1)).unwrap();
    timers.advance(origin + ms(9));
    assert_eq!(timers.pop_due(), Some((1, first)));
    assert!(timers.cancel(second));
    assert_eq!(timers.pop_due(), None);
}

#[derive(Clone, Debug)]
enum Op {
    After(u64),
    Every(u64),
    Cancel(usize),
    Advance(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let span = || prop_oneof![0..200_u64, 0..10_000_u64, 0..20_000_000_u64, 0..200_000_000_u64];
    prop_oneof![
        3 => span().prop_map(Op::After),
        1 => span().prop_map(|period| Op::Every(period + 1)),
        1 => (0..64_usize).prop_map(Op::Cancel),
        3 => span().prop_map(Op::Advance),
    ]
}

proptest! {
    /// Against a list that is searched: the same timers fire, at the same moment, in any order within a step.
    #[test]
    fn behaves_like_a_list(ops in prop::collection::vec(op(), 1..200)) {
        let origin = Instant::now();
        let mut timers = Timers::with_capacity(16, origin).unwrap();
        // Owner, id, due, period.
        let mut model: Vec<(u32, TimerId, u64, u64)> = Vec::new();
        let (mut now, mut owner) = (0, 0);
        for op in ops {
            match op {
                Op::After(delay) => {
                    owner += 1;
                    match timers.after(owner, origin + ms(now), ms(delay)) {
                        Ok(id) => model.push((owner, id, now + delay, 0)),
                        Err(error) => prop_assert_eq!((error, model.len()), (TimerError::Full { capacity: 16 }, 16)),
                    }
                }
                Op::Every(period) => {
                    owner += 1;
                    match timers.every(owner, origin + ms(now), ms(period)) {
                        Ok(id) => model.push((owner, id, now + period, period)),
                        Err(error) => prop_assert_eq!((error, model.len()), (TimerError::Full { capacity: 16 }, 16)),
                    }
                }
                Op::Cancel(index) if !model.is_empty() => {
                    let (_, id, ..) = model.remove(index % model.len());
                    prop_assert!(timers.cancel(id));
                }
                Op::Cancel(_) => {}
                Op::Advance(by) => {
                    now += by;
                    timers.advance(origin + ms(now));
                    let mut fired = all_due(&mut timers);
                    let mut expected: Vec<_> = model.iter().filter(|timer| timer.2 <= now).map(|timer| timer.0).collect();
                    fired.sort_unstable();
                    expected.sort_unstable();
                    prop_assert_eq!(fired, expected);
                    model.retain(|timer| timer.2 > now || timer.3 > 0);
                    for (_, _, due, period) in &mut model {
                        if *due <= now {
                            *due += ((now - *due) / *period + 1) * *period;
                        }
                    }
                    let first = model.iter().map(|timer| timer.2).min();
                    let deadline = timers.next_deadline();
                    prop_assert_eq!(deadline.is_some(), first.is_some());
                    prop_assert!(deadline <= first.map(|first| origin + ms(first)));
                }
            }
        }
    }
}

#[test]
fn the_deadline_is_ahead_after_months() {
    let origin = Instant::now();
    let mut timers = Timers::with_capacity(1, origin).unwrap();
    let now = origin + ms(400 * 24 * 3_600_000);
    timers.advance(now);
    timers.every(1, now, ms(1000)).unwrap();
    assert!(timers.next_deadline().unwrap() > now);
}

/// A period that is no whole number of ticks keeps its rhythm: sixty times a second is 3600 times a minute.
#[test]
fn fractions_of_a_tick_do_not_add_up() {
    let origin = Instant::now();
    let mut timers = Timers::with_capacity(1, origin).unwrap();
    timers.every(1, origin, Duration::from_nanos(16_666_667)).unwrap();
    let fired: usize = (0..=60_000)
        .map(|now| {
            timers.advance(origin + ms(now));
            all_due(&mut timers).len()
        })
        .sum();
    assert_eq!(fired, 3599);
}

#[test]
fn more_timers_than_memory_is_an_error() {
    assert!(Timers::with_capacity(usize::MAX, Instant::now()).is_err());
}
