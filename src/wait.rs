//! Waiting: how a thread passes the time until somebody else has made progress.
//!
//! There is one way to sleep in this crate, the handshake of [`Event`], and one loop that waits, [`until`]: try,
//! spin, yield, then announce the sleep, try once more, and sleep. Senders, receivers and workers all wait there.

mod barrier;
mod bell;
mod event;

pub(crate) use bell::Bell;
pub use event::Event;

use crate::sync::{Deadline, Woken, guard, nap, spin_loop, yield_now};
use core::time::Duration;

/// A sleeper looks again after this long even if nobody woke it. See [`Event::rescued_wakeups`].
pub(crate) const BACKSTOP: Duration = Duration::from_millis(100);

/// No timed sleep is shorter: timers are no finer than this (Linux adds 50 us of slack).
const SHORTEST_NAP: Duration = Duration::from_micros(50);
const LONGEST_NAP: Duration = Duration::from_millis(1);

/// How one side of a channel, or a worker, waits for the other side.
///
/// A strategy belongs to the side that waits, and costs the other side nothing but a wake-up when somebody sleeps.
/// Every strategy spins for a bounded time only and then gives its core away, so that two threads that wait for each
/// other on one core both finish (no promise for real-time scheduling classes such as `SCHED_FIFO`).
///
/// | strategy | waits by | idle CPU | use it when |
/// |---|---|---|---|
/// | [`spin`](Wait::spin) | spinning, with a yield now and then | a whole core | the thread owns its core and every 100 ns counts |
/// | [`yielding`](Wait::yielding) | a short spin, then yielding | a whole core, given away on demand | cores are shared but latency matters |
/// | [`backoff`](Wait::backoff) | spins, yields, then naps of 50 us to 1 ms | about 1 % | nobody should pay for waking you |
/// | [`park`](Wait::park) | sleeping until woken, once it has spun for as long as a sleep costs | none | idle most of the time |
/// | [`adaptive`](Wait::adaptive) | a brief spin, a few yields, then sleeping | none | the default |
///
/// ```
/// use ringway::{Builder, Wait};
/// let (mut tx, mut rx) = Builder::new(64).wait(Wait::park()).spsc::<u32>()?;
/// tx.send(7)?;
/// assert_eq!(rx.recv()?, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    spins: u32,
    yields: u32,
    then: Then,
}

/// What a strategy does once its spins and yields are spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    StartOver,
    Yield,
    Nap,
    Park,
}

/// Loom explores every interleaving anyway: a spin would only be more of the same.
const fn spins(n: u32) -> u32 {
    if cfg!(ringway_loom) { 0 } else { n }
}

impl Wait {
    /// Spins about 25 us at a time and yields once in between. For threads that own their core.
    pub const fn spin() -> Self {
        Self { spins: spins(1_000), yields: spins(1), then: Then::StartOver }
    }

    /// Spins briefly, then yields until there is something to do.
    pub const fn yielding() -> Self {
        Self { spins: spins(32), yields: 0, then: Then::Yield }
    }

    /// Spins, yields, then naps for 50 us, doubling up to 1 ms. Nobody has to wake such a thread.
    pub const fn backoff() -> Self {
        Self { spins: spins(10), yields: spins(5), then: Then::Nap }
    }

    /// Sleeps until it is woken. Before that it spins for about three microseconds and yields once, which is what going to sleep
    /// and being woken would cost both sides: in a stream it would be asleep for nothing again and again.
    pub const fn park() -> Self {
        Self { spins: spins(128), yields: spins(1), then: Then::Park }
    }

    /// Spins for one or two microseconds, yields a few times, then sleeps until it is woken.
    pub const fn adaptive() -> Self {
        Self { spins: spins(64), yields: spins(2), then: Then::Park }
    }

    /// Whether a thread that waits so keeps its core busy however long it waits.
    pub(crate) const fn burns_a_core(self) -> bool {
        matches!(self.then, Then::StartOver | Then::Yield)
    }

    fn step(self, n: u32) -> Step {
        let patience = self.spins + self.yields;
        match self.then {
            _ if n < self.spins => Step::Spin,
            _ if n < patience => Step::Yield,
            Then::StartOver | Then::Yield => Step::Yield,
            Then::Nap => Step::Nap(LONGEST_NAP.min(SHORTEST_NAP * (1 << (n - patience).min(5)))),
            Then::Park => Step::Park,
        }
    }
}

/// Keeps a thread off what another is writing for about a third of a microsecond.
pub(crate) fn stay_off() {
    (0..spins(12)).for_each(|_| spin_loop());
}

impl Default for Wait {
    /// [`Wait::adaptive`].
    fn default() -> Self {
        Self::adaptive()
    }
}

enum Step {
    Spin,
    Yield,
    Nap(Duration),
    Park,
}

/// What somebody waits for.
pub(crate) trait Await {
    type Output;

    /// Tries to make progress; `Some` ends the wait.
    fn attempt(&mut self) -> Option<Self::Output>;

    /// When to give up. Asked again after each attempt.
    fn deadline(&self) -> Deadline {
        Deadline::NEVER
    }

    /// About to sleep.
    fn parking(&mut self) {}
}

/// An attempt with a fixed deadline.
pub(crate) struct Attempt<F> {
    pub(crate) deadline: Deadline,
    pub(crate) attempt: F,
}

impl<R, F: FnMut() -> Option<R>> Await for Attempt<F> {
    type Output = R;

    fn attempt(&mut self) -> Option<R> {
        (self.attempt)()
    }

    fn deadline(&self) -> Deadline {
        self.deadline
    }
}

/// Repeats the attempt until it gives something or the deadline has passed; waits in between as `wait` says.
///
/// There is always one more attempt after the deadline has passed and before giving up, and one between announcing a
/// sleep and sleeping: whatever was published before the announcement was seen is found by that look.
pub(crate) fn until<A: Await>(wait: Wait, event: &Event, awaited: &mut A) -> Option<A::Output> {
    let mut n = 0;
    loop {
        if let Some(result) = awaited.attempt() {
            return Some(result);
        }
        let step = wait.step(n);
        // Reading the clock costs as much as a spin: look at it now and then.
        let look_at_clock = n % 32 == 31 || !matches!(step, Step::Spin);
        match step {
            Step::Spin => spin_loop(),
            Step::Yield => yield_now(),
            Step::Nap(nap_for) => nap(awaited.deadline().remaining().map_or(nap_for, |left| left.min(nap_for))),
            Step::Park => {
                if let Some(result) = park(event, awaited) {
                    return Some(result);
                }
            }
        }
        if look_at_clock && awaited.deadline().has_passed() {
            return if guard("a last look when the time is up") { awaited.attempt() } else { None };
        }
        n = if wait.then == Then::StartOver && n >= wait.spins { 0 } else { n.saturating_add(1) };
    }
}

/// One sleep: announces it, looks once more, sleeps; counts a rescue when the backstop found work.
fn park<A: Await>(event: &Event, awaited: &mut A) -> Option<A::Output> {
    let announced = event.announce();
    if guard("look again after announcing")
        && let Some(result) = awaited.attempt()
    {
        event.withdraw(announced);
        return Some(result);
    }
    awaited.parking();
    let left = awaited.deadline().remaining();
    let backstop = left.is_none_or(|left| left > BACKSTOP);
    let woken = event.sleep(announced, if backstop { backstop_timeout() } else { left });
    if woken == Woken::TimedOut && event.withdraw(announced) && backstop {
        // Nobody came for us. If there is work all the same, somebody should have.
        let result = awaited.attempt();
        if result.is_some() {
            event.count_rescue();
        }
        return result;
    }
    None
}

/// Models run without the backstop: a lost wake-up shows as a deadlock there.
fn backstop_timeout() -> Option<Duration> {
    (!cfg!(ringway_loom)).then_some(BACKSTOP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v17_every_strategy_but_spinning_comes_to_rest() {
        assert!(matches!(Wait::park().step(1_000), Step::Park));
        assert!(matches!(Wait::adaptive().step(1_000), Step::Park));
        assert!(matches!(Wait::backoff().step(15), Step::Nap(nap) if nap == SHORTEST_NAP));
        assert!(matches!(Wait::backoff().step(u32::MAX), Step::Nap(nap) if nap == LONGEST_NAP));
        assert!(Wait::spin().burns_a_core() && Wait::yielding().burns_a_core());
        assert!(!Wait::default().burns_a_core());
    }

    /// Timers are no finer than 50 us: before that there is spinning and yielding, and no nap is shorter of itself.
    #[test]
    fn x30_no_nap_is_shorter_than_timers_are() {
        let backoff = Wait::backoff();
        assert!((0..10).all(|n| matches!(backoff.step(n), Step::Spin)));
        assert!((10..15).all(|n| matches!(backoff.step(n), Step::Yield)));
        let naps = (15..100).map(|n| match backoff.step(n) {
            Step::Nap(nap) => nap,
            _ => unreachable!("it naps from here on"),
        });
        assert!(naps.into_iter().all(|nap| (Duration::from_micros(50)..=Duration::from_millis(1)).contains(&nap)));
    }

    #[test]
    fn a_passed_deadline_still_gets_a_last_look() {
        struct Passed {
            looked_last: bool,
        }
        impl Await for Passed {
            type Output = ();
            fn attempt(&mut self) -> Option<()> {
                self.looked_last = true;
                None
            }
            fn deadline(&self) -> Deadline {
                Deadline::after(Duration::ZERO)
            }
            fn parking(&mut self) {
                self.looked_last = false;
            }
        }
        for wait in [Wait::park(), Wait::adaptive()] {
            let mut passed = Passed { looked_last: false };
            assert!(until(wait, &Event::new(), &mut passed).is_none());
            assert!(passed.looked_last, "{wait:?} gave up without a look after its sleep");
        }
        for wait in [Wait::spin(), Wait::yielding(), Wait::backoff()] {
            let mut looks = 0;
            let attempt = || {
                looks += 1;
                None::<()>
            };
            let result =
                until(wait, &Event::new(), &mut Attempt { deadline: Deadline::after(Duration::ZERO), attempt });
            assert!(result.is_none() && looks >= 2, "{wait:?} looked {looks} times");
        }
    }
}
