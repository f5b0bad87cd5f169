//! Slots reserved before there is anything to put in.

use super::Publish;
use super::local::locally;
use crate::ring::{For, Producer, Run, Storage, Window};
use core::fmt;

/// A run that a sender has claimed and not settled. Lives in the sender, so that a forgotten [`Slots`] can be settled
/// later.
#[derive(Debug)]
pub(crate) struct Claim {
    run: Run,
    written: usize,
}

impl Claim {
    pub(super) const NONE: Self = Self { run: Run { start: 0, len: 0 }, written: 0 };

    #[inline(always)]
    pub(super) fn is_open(&self) -> bool {
        self.run.len > 0
    }

    #[inline]
    pub(super) fn open<T>(&mut self, storage: &Storage<T>, run: Run) {
        storage.ask_for(run.start, run.len, For::Writing);
        *self = Self { run, written: 0 };
    }

    /// Publishes what was written and gives the others up.
    pub(super) fn commit(&mut self, producer: &mut Producer, channel: &(impl Publish + ?Sized)) {
        let Self { run, written } = core::mem::replace(self, Self::NONE);
        if run.len > 0 {
            // SAFETY: the run was this sender's open claim, and its first `written` slots were written.
            unsafe { channel.publish(producer, run, written) };
        }
    }

    /// Drops what was written and gives all of it up, even if a value's drop panics.
    pub(super) fn abort<T>(
        &mut self,
        storage: &Storage<T>,
        producer: &mut Producer,
        channel: &(impl Publish + ?Sized),
    ) {
        struct GiveUp<'a, P: Publish + ?Sized>(&'a mut Claim, &'a mut Producer, &'a P);
        impl<P: Publish + ?Sized> Drop for GiveUp<'_, P> {
            fn drop(&mut self) {
                self.0.commit(self.1, self.2);
            }
        }
        // Zero before dropping: none of them may be published or dropped again.
        let written = core::mem::take(&mut self.written);
        let start = self.run.start;
        let _give_up = GiveUp(self, producer, channel);
        // SAFETY: R1: they are ours until the claim is settled, which `_give_up` does after this.
        unsafe { storage.drop_run(start, written) };
    }

    /// Writes the next slot; gives the message back when all are written.
    #[inline(always)]
    pub(super) fn push<T>(&mut self, storage: &Storage<T>, message: T) -> Result<(), T> {
        if self.written == self.run.len {
            return Err(message);
        }
        // SAFETY: R1: the slot is in the claimed run and not yet written.
        unsafe { storage.write(self.run.start.wrapping_add(self.written as u64), message) };
        self.written += 1;
        Ok(())
    }

    /// Writes the slots that are left with what `messages` gives, and takes no more from it than goes in.
    #[inline]
    pub(super) fn fill<T, I: Iterator<Item = T>>(&mut self, storage: &Storage<T>, messages: &mut I) {
        locally(messages, |messages| self.write_all(storage, messages));
    }

    #[inline(always)]
    fn write_all<T>(&mut self, storage: &Storage<T>, messages: &mut impl Iterator<Item = T>) {
        /// Tells, also when unwinding, how many were written; they are counted in a register meanwhile.
        struct Filling<'a> {
            claim: &'a mut Claim,
            written: usize,
        }
        impl Drop for Filling<'_> {
            fn drop(&mut self) {
                self.claim.written += self.written;
            }
        }
        let from = self.run.start.wrapping_add(self.written as u64);
        let (first, second) = storage.pieces(from, self.run.len - self.written);
        let mut filling = Filling { claim: self, written: 0 };
        for piece in [first, second] {
            let window = Window::open(piece, For::Writing);
            let mut index = 0;
            // The iterator's own loop: what `next` gives would be made elsewhere, and copied from there.
            messages.take(piece.len()).for_each(|message| {
                window.roll(index);
                // SAFETY: R1: in bounds of a piece of the claimed run that is not yet written.
                unsafe { piece.cast::<T>().add(index).write(message) };
                index += 1;
                filling.written += 1;
            });
            if index < piece.len() {
                return;
            }
        }
    }

    pub(super) fn len(&self) -> usize {
        self.run.len
    }

    pub(super) fn written(&self) -> usize {
        self.written
    }
}

/// Room for messages that are still to be made, reserved by [`try_reserve`](super::Sender::try_reserve).
///
/// [`commit`](Slots::commit) publishes what was pushed, all at once. Dropping the slots instead (also when unwinding)
/// drops what was pushed and publishes nothing. Slots that were not published are given back; in a channel with many
/// senders they become a mark that the receiver steps over.
///
/// **Receivers of a channel with many senders wait behind open slots**, and so does what other senders send after
/// them: keep them short. Forgotten slots (`mem::forget`) are given up by the sender's next call, or its drop.
///
/// ```
/// let (mut tx, mut rx) = ringway::mpsc::channel(8);
/// let mut slots = tx.try_reserve(3)?;
/// slots.push("a").unwrap();
/// slots.push("b").unwrap();
/// assert!(rx.try_recv().is_err()); // nothing is visible yet
/// slots.commit(); // publishes two, gives the third up
/// assert_eq!(rx.drain(8, |_| ()), 2);
/// # Ok::<(), ringway::ReserveError>(())
/// ```
pub struct Slots<'a, T> {
    pub(super) storage: &'a Storage<T>,
    pub(super) claim: &'a mut Claim,
    pub(super) producer: &'a mut Producer,
    pub(super) channel: &'a dyn Publish,
}

impl<T> Slots<'_, T> {
    /// How many slots were reserved.
    pub fn len(&self) -> usize {
        self.claim.len()
    }

    /// Whether none were: `try_reserve(0)`.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many of them are still empty.
    pub fn remaining(&self) -> usize {
        self.claim.len() - self.claim.written()
    }

    /// Puts a message into the next slot.
    ///
    /// # Errors
    ///
    /// Gives the message back when no slot is left.
    #[inline]
    pub fn push(&mut self, message: T) -> Result<(), T> {
        self.claim.push(self.storage, message)
    }

    /// Publishes what was pushed, all at once, and gives the remaining slots up.
    pub fn commit(self) {
        // The claim is settled before `self` is dropped, which then has nothing to give up.
        self.claim.commit(self.producer, self.channel);
    }
}

impl<T> Drop for Slots<'_, T> {
    fn drop(&mut self) {
        if self.claim.is_open() {
            self.claim.abort(self.storage, self.producer, self.channel);
        }
    }
}

impl<T> fmt::Debug for Slots<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").field("len", &self.len()).field("remaining", &self.remaining()).finish()
    }
}
