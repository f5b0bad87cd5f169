//! How receivers look for messages: what is known first, then the ring; and what follows from what they find.

use super::{Release, Shared};
use crate::MAX_BATCH;
use crate::ring::{Consumer, Polled, Ring};
use crate::sync::guard;
use crate::wait::stay_off;

/// Looks in vain after which a message does not belong to a stream any more.
const MOST_LULLS: u8 = 2;

impl<T, R: Ring<T>> Shared<T, R> {
    /// As [`Ring::poll`]; `Closed` is final, and skip marks that were stepped over are released and counted.
    ///
    /// # Safety
    ///
    /// As for [`Ring::poll`], but what lies below the head need not be released.
    #[inline(always)]
    pub(super) unsafe fn poll(&self, consumer: &mut Consumer, max: usize) -> Polled {
        // What is known to be here needs no look at the ring.
        if consumer.head == consumer.released {
            if consumer.available() >= max {
                return Polled::Ready;
            }
            if max == 1 && self.ring.claim_seen(consumer) {
                self.hand_on();
                return Polled::Ready;
            }
        }
        // SAFETY: the caller's promise.
        unsafe { self.look(consumer, max) }
    }

    /// As [`poll`](Shared::poll), when not as much as is wanted is known.
    ///
    /// # Safety
    ///
    /// As there.
    #[inline(never)]
    unsafe fn look(&self, consumer: &mut Consumer, max: usize) -> Polled {
        if consumer.ended {
            return Polled::Closed;
        }
        if consumer.head != consumer.released {
            // After a forgotten batch: nobody else would give these slots back.
            // SAFETY: the caller's promise.
            unsafe { self.release(consumer) };
        }
        let high_water = consumer.high_water;
        // SAFETY: the caller's promise.
        let mut polled = unsafe { self.ring.poll(consumer, max) };
        if self.streaming {
            // SAFETY: the caller's promise.
            polled = unsafe { self.hold_back(consumer, max, polled) };
        }
        if high_water != consumer.high_water {
            self.counts.high_water.raise(consumer.high_water);
        }
        if consumer.stepped_over > 0 {
            // SAFETY: the caller's promise.
            unsafe { self.settle_marks(consumer) };
        }
        if core::mem::take(&mut consumer.more_for_others) {
            self.hand_on();
        }
        if polled == Polled::Closed {
            self.end(consumer);
        }
        polled
    }

    /// Whoever published more than this receiver has claimed may have woken another that could not reach it yet: the wake-up is
    /// handed on from one to the next, one for each that finds work.
    #[inline(always)]
    fn hand_on(&self) {
        if guard("a wake-up is handed on") {
            self.bells.not_empty.notify_if(1, || self.ring.has_more());
        }
    }

    /// While messages stream in, lets the senders get ahead when few or none are here, and looks once more. Close behind a sender
    /// every message costs the journey of the lines that both sides use; some distance behind, many share one.
    ///
    /// # Safety
    ///
    /// As for [`Ring::poll`].
    #[inline]
    unsafe fn hold_back(&self, consumer: &mut Consumer, max: usize, polled: Polled) -> Polled {
        let found = polled == Polled::Ready;
        let lulls = consumer.lulls;
        consumer.lulls = if found { 0 } else { lulls.saturating_add(1) };
        let few = MAX_BATCH.min(self.ring.storage().capacity() / 4);
        // A message after a lull is alone, perhaps, and is not kept waiting. What others compete for is claimed already.
        let ahead = consumer.available() >= few || (found && R::RELEASED_IN_ANY_ORDER);
        if lulls > MOST_LULLS || ahead || polled == Polled::Closed {
            return polled;
        }
        stay_off();
        // SAFETY: the caller's promise.
        unsafe {
            if found {
                self.ring.look_again(consumer);
                return polled;
            }
            self.ring.poll(consumer, max)
        }
    }

    /// All is over for this receiver: that is final. A message of a send that raced the closing may still come, for others.
    #[cold]
    fn end(&self, consumer: &mut Consumer) {
        consumer.ended = true;
        if guard("who ends keeps nobody waiting") {
            self.ring.retire(consumer);
        }
        if guard("who ends wakes those who follow") && self.ring.receivers_await_release() {
            self.bells.not_empty.notify(u32::MAX);
        }
    }

    /// Counts skip marks that were stepped over, and gives their slots back.
    ///
    /// # Safety
    ///
    /// As for [`Ring::poll`].
    #[cold]
    unsafe fn settle_marks(&self, consumer: &mut Consumer) {
        let marks = core::mem::take(&mut consumer.stepped_over);
        self.counts.skipped.add(marks);
        if consumer.head != consumer.released {
            // SAFETY: the caller's promise.
            unsafe { self.ring.release(consumer) };
        }
        self.room_made(marks);
    }
}
