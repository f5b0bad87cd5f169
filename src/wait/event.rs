//! The event: the one park and wake handshake of the crate.
//!
//! One 64-bit word: an epoch, and the number of announced sleepers whom no notifier has taken charge of yet.
//!
//! # Invariants
//!
//! * **E1** `sleepers` is at least the number of threads that announced themselves in the present epoch and have not
//!   withdrawn, plus the number of threads asleep whom no waker is about to wake. It may be more (somebody left while a notifier
//!   came, or was woken in another's stead): that costs one idle wake call later and loses nothing.
//! * **E2** Who takes `n` sleepers off the word also advances the epoch, in the same step, and then wakes `n`. Those
//!   who had announced themselves but do not sleep yet find the epoch changed and do not fall asleep.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | W1 `announce`: heavy barrier between announcing and looking again | W2 | neither sees the other: sleep over work |
//! | W2 `notify`: light barrier between publishing and looking for sleepers | W1 | the same |
//! | W3 `wake`: Release on the step that advances the epoch | W4 | what the notifier wrote could be missed at waking |
//! | W4 `withdraw`, `sleep`: Acquire on the word; in `announce` by W1 | W3 | a sleeper leaves with the wake-up and without the work |
//!
//! Both outcomes of the race W1 against W2: if the notifier's barrier comes first, its publication is visible to the
//! look after W1, and the sleeper does not sleep. If the sleeper's barrier comes first, the announcement is visible to
//! the load after W2, and the notifier wakes it.

use super::barrier::Barrier;
use super::{Attempt, until};
use crate::sync::{Arc, AtomicU64, Counter, Deadline, Futex, Ordering, Woken, epoch, guard};
use crate::wait::Wait;
use core::fmt;
use core::time::Duration;
use crossbeam_utils::CachePadded;

const SLEEPER: u64 = 1;
const EPOCH: u64 = 1 << 32;

/// What a thread sleeps on until another thread notifies it.
///
/// Every channel has two (one for its receivers, one for its senders) and every worker has one that all its inboxes
/// ring. Make one yourself to let several receivers wake one thread: build them with
/// [`Builder::event`](crate::Builder::event) and wait with [`wait_until`](Event::wait_until).
///
/// An `Event` carries no memory of its own: it never answers "was it notified?" but always "look again". Cloning gives
/// another handle to the same event.
///
/// ```
/// use ringway::{Builder, Event};
/// use std::time::Duration;
///
/// let event = Event::new();
/// let (mut orders, mut from_orders) = Builder::new(8).event(&event).spsc::<u32>()?;
/// let (_quotes, mut from_quotes) = Builder::new(8).event(&event).spsc::<u32>()?;
/// let sender = std::thread::spawn(move || orders.send(1));
///
/// // Sleeps until either channel has something.
/// assert!(event.wait_until(Some(Duration::from_secs(5)), || !from_orders.is_empty() || !from_quotes.is_empty()));
/// assert_eq!(from_orders.try_recv(), Ok(1));
/// assert!(from_quotes.try_recv().is_err());
/// # sender.join().unwrap()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Event {
    shared: Arc<Shared>,
}

struct Shared {
    futex: CachePadded<Futex>,
    barrier: Barrier,
    rescued: Counter,
}

/// A sleep that was announced in some epoch and not yet slept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announced {
    epoch: u32,
}

impl Event {
    /// A new event. Allocates once.
    pub fn new() -> Self {
        let barrier = Barrier::new();
        Self { shared: Arc::new(Shared { futex: CachePadded::new(Futex::new()), barrier, rescued: Counter::new() }) }
    }

    /// Lets one sleeper, if there is any, look again. Lock-free on Linux; elsewhere it may wait for a thread that is
    /// just falling asleep. Without sleepers: one load, and a fence where the system has no `membarrier`.
    pub fn notify_one(&self) {
        self.notify(1);
    }

    /// Lets every sleeper look again; otherwise as [`notify_one`](Event::notify_one).
    pub fn notify_all(&self) {
        self.notify(u32::MAX);
    }

    /// Sleeps until `ready` answers true, looking again after every notification. Answers false when `timeout` has
    /// elapsed (`None` waits for ever). Whatever makes `ready` true must be followed by a notification; channels do
    /// so by themselves. May wait; allocates nothing.
    pub fn wait_until(&self, timeout: Option<Duration>, mut ready: impl FnMut() -> bool) -> bool {
        let deadline = timeout.map_or(Deadline::NEVER, Deadline::after);
        until(Wait::park(), self, &mut Attempt { deadline, attempt: || ready().then_some(()) }).is_some()
    }

    /// How often a sleeper found work although nobody had woken it: every sleep ends after 100 ms at the latest, as a
    /// safety net. Stays 0 in practice; anything else is worth a bug report (or a notifier was stopped for that long
    /// between publishing and notifying). Where several threads sleep on one event, a rescue is told from a late wake-up only
    /// if nobody was notified during that sleep: the figure is a lower bound there.
    pub fn rescued_wakeups(&self) -> u64 {
        self.shared.rescued.get()
    }

    /// Whether both are the same event.
    pub(crate) fn same_as(&self, other: &Event) -> bool {
        core::ptr::eq::<Shared>(&*self.shared, &*other.shared)
    }

    /// Wakes up to `n` sleepers. Called after publishing.
    #[inline]
    pub(crate) fn notify(&self, n: u32) {
        self.shared.barrier.light(); // W2, pairs with W1
        self.ring(|| n);
    }

    /// As [`notify`](Event::notify), for callers that have executed the light barrier themselves; `n` is asked for if somebody
    /// sleeps.
    #[inline(always)]
    pub(super) fn ring(&self, n: impl FnOnce() -> u32) {
        // Relaxed: the barrier orders this load after the publication.
        let word = self.word().load(Ordering::Relaxed);
        if word as u32 != 0 {
            self.wake(word, n());
        }
    }

    /// Whether somebody has announced to sleep, and nobody has taken charge of waking it.
    #[inline(always)]
    pub(super) fn has_sleepers(&self) -> bool {
        // Relaxed: as in `ring`.
        self.word().load(Ordering::Relaxed) as u32 != 0
    }

    #[cold]
    #[inline(never)]
    fn wake(&self, mut word: u64, n: u32) {
        loop {
            let taken = n.min(word as u32);
            if taken == 0 {
                return;
            }
            // E2: off the word and on with the epoch in one step.
            let epoch = if guard("waking changes the epoch") { EPOCH } else { 0 };
            let next = word.wrapping_sub(u64::from(taken)).wrapping_add(epoch);
            // Release: W3, pairs with W4.
            match self.word().compare_exchange_weak(word, next, Ordering::Release, Ordering::Relaxed) {
                // Everybody means whoever sleeps: one who was counted may sleep on because its wake-up went to another.
                Ok(_) => return self.shared.futex.wake(if n == u32::MAX { n } else { taken }),
                Err(seen) => word = seen,
            }
        }
    }

    /// Says that this thread is about to sleep. Look for work once more after this, then sleep or withdraw.
    pub(crate) fn announce(&self) -> Announced {
        // Relaxed: the barrier that follows orders it, and acquires what a notifier had told by this word (W4).
        let word = self.word().fetch_add(SLEEPER, Ordering::Relaxed);
        self.shared.barrier.heavy(); // W1, pairs with W2
        Announced { epoch: epoch(word) }
    }

    /// Takes an announcement back; false if a notifier may have come for it (see E1).
    pub(crate) fn withdraw(&self, announced: Announced) -> bool {
        // Acquire, here and below: W4, pairs with W3: if a notifier came for us, the next look finds what it published.
        let mut word = self.word().load(Ordering::Acquire);
        while epoch(word) == announced.epoch {
            debug_assert!(word as u32 > 0, "E1: an announcement of this epoch is counted");
            // Relaxed where it succeeds: nothing is published by leaving.
            match self.word().compare_exchange_weak(word, word - SLEEPER, Ordering::Relaxed, Ordering::Acquire) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
        false
    }

    /// Sleeps until notified, for `timeout` at the longest. After [`Woken::TimedOut`] the announcement still stands; after
    /// [`Woken::Maybe`] it may, and is nobody's business any more.
    pub(crate) fn sleep(&self, announced: Announced, timeout: Option<Duration>) -> Woken {
        let woken = self.shared.futex.sleep(announced.epoch, timeout);
        // Woken in our own epoch, it may have been meant for one that a late waker had taken off the word before, and that sleeps
        // on (the kernel prefers threads of higher priority, a condition variable promises no order). The announcement stays, in
        // its stead (E1).
        // Acquire: W4, pairs with W3; the value does not matter.
        let _ = self.word().load(Ordering::Acquire);
        woken
    }

    pub(crate) fn count_rescue(&self) {
        self.shared.rescued.add(1);
    }

    fn word(&self) -> &AtomicU64 {
        self.shared.futex.word()
    }
}

impl Default for Event {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sleepers = self.word().load(Ordering::Relaxed) as u32;
        f.debug_struct("Event").field("sleepers", &sleepers).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::AtomicBool;
    use crate::sync::model::{model, thread};

    /// Whoever learns that a notifier came for it finds what that one had published, without any barrier of its own in between: it
    /// may be the last look before it gives up, and nobody else is woken.
    fn finds_why(name: &str, notifier_came: impl Fn(&Event, Announced) -> bool + Send + Sync + 'static) {
        model(name, 3, move || {
            let (event, published) = (Event::new(), Arc::new(AtomicBool::new(false)));
            let notifier = thread::spawn({
                let (event, published) = (event.clone(), Arc::clone(&published));
                move || {
                    published.store(true, Ordering::Relaxed);
                    event.notify_one();
                }
            });
            let announced = event.announce();
            if notifier_came(&event, announced) {
                assert!(published.load(Ordering::Relaxed), "woken for nothing");
            }
            notifier.join().unwrap();
        });
    }

    #[test]
    fn who_cannot_withdraw_finds_why() {
        finds_why("who cannot withdraw finds why", |event, announced| !event.withdraw(announced));
    }

    #[test]
    fn who_was_woken_finds_why() {
        finds_why("who was woken finds why", |event, announced| {
            event.sleep(announced, Some(Duration::ZERO)) == Woken::Maybe
                && epoch(event.word().load(Ordering::Relaxed)) != announced.epoch
        });
    }

    /// A waker that is late may wake somebody who went to sleep after it had looked, instead of the one it counted: that one
    /// still sleeps, so it must not be forgotten (E1).
    #[test]
    #[cfg(not(ringway_loom))]
    fn whose_wake_up_went_to_another_stays_counted() {
        let event = Event::new();
        let sleeps = |event: Event| move || event.sleep(event.announce(), None);
        let first = event.announce(); // Sleeps, as far as anybody knows.
        // A waker takes it off the word, and is stopped before it wakes anybody.
        event.word().fetch_add(EPOCH - SLEEPER, Ordering::Relaxed);
        let second = thread::spawn(sleeps(event.clone()));
        while !second.is_finished() {
            event.shared.futex.wake(1);
            thread::yield_now();
        }
        assert_eq!(second.join().unwrap(), Woken::Maybe);
        assert!(event.word().load(Ordering::Relaxed) as u32 >= 1, "{first:?} is forgotten");
    }

    /// The number is then of the right size, but does not say who: everybody is woken where everybody is meant.
    #[test]
    #[cfg(not(ringway_loom))]
    fn all_are_woken_whatever_was_counted() {
        let event = Event::new();
        let sleepers = [(); 2].map(|()| {
            let event = event.clone();
            thread::spawn(move || event.sleep(event.announce(), Some(Duration::from_secs(20))))
        });
        while event.word().load(Ordering::Relaxed) as u32 != 2 {
            thread::yield_now();
        }
        // Both sleep, or will at once; one of them was taken off the word by a waker whose wake-up went elsewhere.
        thread::sleep(Duration::from_millis(50));
        event.word().fetch_sub(SLEEPER, Ordering::Relaxed);
        event.notify_all();
        for sleeper in sleepers {
            assert_eq!(sleeper.join().unwrap(), Woken::Maybe);
        }
    }
}
