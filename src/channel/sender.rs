//! The sending half.

use super::many::ManySenders;
use super::slots::Claim;
use super::{ChannelStats, Kind, Publish, Shared, Slots};
use crate::MAX_BATCH;
use crate::error::{Disconnected, ReserveError, SendError, SendTimeoutError, TrySendError};
use crate::ring::{Producer, Refused, Ring, Run};
use crate::sync::{Arc, Deadline, Ordering};
use crate::wait::{Attempt, stay_off, until};
use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

/// The sending half of a channel.
///
/// `Send` and not `Sync`: one thread uses it at a time, through `&mut`. Where a channel has many senders, a clone is
/// another handle for another thread. Dropping the last one closes the channel.
///
/// Nothing here allocates. `try_` calls never wait for another thread.
///
/// ```compile_fail,E0277
/// let (tx, _rx) = ringway::spsc::channel::<u32>(8);
/// std::thread::scope(|scope| _ = scope.spawn(|| tx.len())); // shared by two threads
/// ```
///
/// ```compile_fail,E0277
/// let (mut tx, _rx) = ringway::mpsc::channel::<std::rc::Rc<u32>>(8);
/// std::thread::spawn(move || tx.close()); // its messages must not leave their thread
/// ```
pub struct Sender<T, K: Kind> {
    shared: Arc<Shared<T, K::Ring<T>>>,
    producer: Producer,
    claim: Claim,
    not_sync: PhantomData<Cell<()>>,
}

impl<T, K: Kind> Sender<T, K> {
    pub(super) fn new(shared: Arc<Shared<T, K::Ring<T>>>) -> Self {
        let mut first = Self::without_lane(shared);
        first.producer = first.shared.ring.join(&first.producer);
        first
    }

    /// The first sender, in the ring that all share.
    pub(super) fn without_lane(shared: Arc<Shared<T, K::Ring<T>>>) -> Self {
        let producer = Producer { tail: shared.start, head: shared.start, lane: 0, held_back: false };
        Self { shared, producer, claim: Claim::NONE, not_sync: PhantomData }
    }

    pub(super) fn shared(&self) -> &Arc<Shared<T, K::Ring<T>>> {
        &self.shared
    }

    /// Sends a message if there is room now.
    ///
    /// Progress and cost: see the [kinds](crate#which-channel). One release store where there is one sender; one
    /// compare-and-swap and one release store where there are many.
    ///
    /// # Errors
    ///
    /// [`Full`](TrySendError::Full) or [`Disconnected`](TrySendError::Disconnected), with the message.
    ///
    /// ```
    /// let (mut tx, mut rx) = ringway::spsc::channel(2);
    /// tx.try_send(1)?;
    /// tx.try_send(2)?;
    /// assert!(tx.try_send(3).unwrap_err().is_full());
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// # Ok::<(), ringway::TrySendError<i32>>(())
    /// ```
    #[inline]
    pub fn try_send(&mut self, message: T) -> Result<(), TrySendError<T>> {
        self.settle_forgotten();
        let Self { shared, producer, .. } = self;
        if producer.held_back {
            producer.held_back = false;
            stay_off();
        }
        try_send(shared, producer, message)
    }

    /// Sends a message, waiting for room as [`Builder::send_wait`](crate::Builder::send_wait) says. May wait.
    ///
    /// # Errors
    ///
    /// When the channel is closed, before or meanwhile, with the message.
    pub fn send(&mut self, message: T) -> Result<(), SendError<T>> {
        self.send_until(message, Deadline::NEVER).map_err(|error| SendError(error.into_inner()))
    }

    /// Sends a message, waiting for room no longer than `timeout`. A timeout too long for the clock is for ever.
    ///
    /// # Errors
    ///
    /// [`Timeout`](SendTimeoutError::Timeout) or [`Disconnected`](SendTimeoutError::Disconnected), with the message.
    ///
    /// ```
    /// use std::time::Duration;
    /// let (mut tx, rx) = ringway::spsc::channel(1);
    /// tx.send_timeout("in time", Duration::from_millis(1))?;
    /// assert!(tx.send_timeout("too late", Duration::from_millis(1)).unwrap_err().is_timeout());
    /// # drop(rx);
    /// # Ok::<(), ringway::SendTimeoutError<&str>>(())
    /// ```
    pub fn send_timeout(&mut self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        self.send_until(message, Deadline::after(timeout))
    }

    fn send_until(&mut self, message: T, deadline: Deadline) -> Result<(), SendTimeoutError<T>> {
        self.settle_forgotten();
        let Self { shared, producer, .. } = self;
        // What is waited for is room; the message stays where it is, which large ones are grateful for.
        let attempt = || match shared.ring.claim(producer, 1, 1) {
            Err(Refused::Full { .. }) => None,
            settled => Some(settled),
        };
        match until(shared.send_wait, &shared.bells.not_full, &mut Attempt { deadline, attempt }) {
            Some(Ok(run)) => {
                // SAFETY: `run` was just claimed by this sender.
                unsafe { put(shared, producer, run, message) };
                Ok(())
            }
            Some(Err(_)) => Err(SendTimeoutError::Disconnected(message)),
            None => Err(SendTimeoutError::Timeout(message)),
        }
    }

    /// Sends what there is room for, published at once; takes no more from the iterator than goes in. Gives the
    /// number sent, which is 0 when the channel is full.
    ///
    /// The iterator runs between the claim and the publication: in a channel with many senders, keep it short, and
    /// let it know its length. Messages of more than 128 bytes are pushed into [reserved](Sender::try_reserve) slots faster.
    ///
    /// If it does not know its length, at most [`MAX_BATCH`](crate::MAX_BATCH) slots are claimed, and those
    /// it leaves empty become a mark that the receiver steps over. If it panics, what it gave before is sent.
    ///
    /// # Errors
    ///
    /// When the channel is closed; nothing was taken then.
    ///
    /// ```
    /// let (mut tx, mut rx) = ringway::mpsc::channel(4);
    /// let mut numbers = 1..=6;
    /// assert_eq!(tx.try_send_iter(&mut numbers), Ok(4));
    /// assert_eq!(numbers, 5..=6); // still there
    /// assert_eq!(rx.drain(256, |_| ()), 4);
    /// ```
    pub fn try_send_iter(&mut self, messages: &mut impl Iterator<Item = T>) -> Result<usize, Disconnected> {
        match self.claim_for(messages.size_hint()) {
            Ok(0) | Err(Refused::Full { .. }) => return Ok(0),
            Ok(_) => {}
            Err(Refused::Closed) => return Err(Disconnected),
        }
        let sender = CommitOnDrop(self);
        let Sender { shared, producer, claim, .. } = &mut *sender.0;
        claim.fill(shared.ring.storage_of(producer.lane), messages);
        Ok(sender.0.claim.written())
    }

    /// Opens a claim for as many messages as an iterator promises, and as there is room for.
    pub(crate) fn claim_for(&mut self, (lower, upper): (usize, Option<usize>)) -> Result<usize, Refused> {
        self.settle_forgotten();
        let want = match upper {
            Some(upper) if upper == lower => upper,
            Some(upper) => upper.min(lower.max(MAX_BATCH)),
            None => lower.max(MAX_BATCH),
        };
        if want == 0 {
            return if self.is_disconnected() { Err(Refused::Closed) } else { Ok(0) };
        }
        let want = want.min(self.capacity());
        let run = self.shared.ring.claim(&mut self.producer, 1, want)?;
        self.claim.open(self.shared.ring.storage_of(self.producer.lane), run);
        Ok(run.len)
    }

    /// Writes the next slot of the open claim; gives the message back when there is none.
    #[inline]
    pub(crate) fn push(&mut self, message: T) -> Result<(), T> {
        self.claim.push(self.shared.ring.storage_of(self.producer.lane), message)
    }

    /// Publishes what was pushed into the open claim.
    pub(crate) fn commit(&mut self) {
        self.claim.commit(&mut self.producer, &*self.shared);
    }

    /// Reserves `n` slots, all of them or none, to be filled and committed later. See [`Slots`] for what open slots
    /// hold up.
    ///
    /// # Errors
    ///
    /// [`TooFew`](ReserveError::TooFew) says how many are free now, [`TooLarge`](ReserveError::TooLarge) that there
    /// will never be so many.
    pub fn try_reserve(&mut self, n: usize) -> Result<Slots<'_, T>, ReserveError> {
        self.settle_forgotten();
        if n > self.capacity() {
            return Err(ReserveError::TooLarge);
        }
        if n > 0 {
            match self.shared.ring.claim(&mut self.producer, n, n) {
                Ok(run) => self.claim.open(self.shared.ring.storage_of(self.producer.lane), run),
                Err(Refused::Full { free }) => return Err(ReserveError::TooFew { free }),
                Err(Refused::Closed) => return Err(ReserveError::Disconnected),
            }
        } else if self.is_disconnected() {
            return Err(ReserveError::Disconnected);
        }
        let Self { shared, producer, claim, .. } = self;
        Ok(Slots { storage: shared.ring.storage_of(producer.lane), claim, producer, channel: &**shared })
    }

    #[inline(always)]
    fn settle_forgotten(&mut self) {
        if self.claim.is_open() {
            self.abort();
        }
    }

    #[cold]
    fn abort(&mut self) {
        let storage = self.shared.ring.storage_of(self.producer.lane);
        self.claim.abort(storage, &mut self.producer, &*self.shared);
    }

    /// How many messages fit: the capacity asked for, rounded up to a power of two.
    pub fn capacity(&self) -> usize {
        self.shared.ring.storage_of(self.producer.lane).capacity()
    }

    /// How many slots are taken now, including those of sends in progress. Out of date as soon as it is read.
    pub fn len(&self) -> usize {
        self.shared.ring.positions_of(self.producer.lane).len
    }

    /// Whether no slot is taken now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every slot is taken now.
    pub fn is_full(&self) -> bool {
        self.len() == self.capacity()
    }

    /// Whether the channel is closed: by a call, or because the other side is gone. Final once true, and what the
    /// closer did before is visible then.
    pub fn is_disconnected(&self) -> bool {
        self.shared.ring.is_closed()
    }

    /// Closes the channel for all: sends fail from now on, and receivers get what was sent before, then
    /// `Disconnected`. True for the one call that closed it. Never waits; wakes everybody who does.
    pub fn close(&self) -> bool {
        self.shared.close()
    }

    /// What the channel has done so far.
    pub fn stats(&self) -> ChannelStats {
        self.shared.stats()
    }

    /// The name given with [`Builder::name`](crate::Builder::name).
    pub fn name(&self) -> Option<&str> {
        self.shared.name.as_deref()
    }
}

#[inline]
fn try_send<T, R: Ring<T>>(shared: &Shared<T, R>, producer: &mut Producer, message: T) -> Result<(), TrySendError<T>> {
    match shared.ring.send_one(producer, message, |producer, run| shared.before_publication(producer, run)) {
        Ok(()) => {
            shared.after_publication(1);
            Ok(())
        }
        Err((Refused::Full { .. }, message)) => {
            producer.held_back = shared.streaming;
            Err(TrySendError::Full(message))
        }
        Err((Refused::Closed, message)) => Err(TrySendError::Disconnected(message)),
    }
}

/// Fills a claim of one slot.
///
/// # Safety
///
/// `run` is the sender's last claim, of one slot, and was not published.
#[inline(always)]
unsafe fn put<T, R: Ring<T>>(shared: &Shared<T, R>, producer: &mut Producer, run: Run, message: T) {
    // SAFETY: R1: the slot is ours, and is written before it is published.
    unsafe {
        shared.ring.storage_of(producer.lane).write(run.start, message);
        shared.publish(producer, run, 1);
    }
}

/// Publishes what was pushed, also when unwinding.
struct CommitOnDrop<'a, T, K: Kind>(&'a mut Sender<T, K>);

impl<T, K: Kind> Drop for CommitOnDrop<'_, T, K> {
    fn drop(&mut self) {
        self.0.commit();
    }
}

impl<T, K: ManySenders> Clone for Sender<T, K> {
    /// Another sender of the same channel. Allocates nothing.
    fn clone(&self) -> Self {
        // Relaxed: a new handle is made from one that is counted, so the count is not 0.
        self.shared.counts.senders.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(&self.shared);
        // What this handle has learned of the receiver, it learned with Acquire; the clone takes over no more than that.
        let producer = shared.ring.join(&self.producer);
        Self { shared, producer, claim: Claim::NONE, not_sync: PhantomData }
    }
}

impl<T, K: Kind> Drop for Sender<T, K> {
    fn drop(&mut self) {
        /// Leaves even if a forgotten message's drop panics.
        struct Leave<'a, T, R: Ring<T>>(&'a Shared<T, R>, usize);
        impl<T, R: Ring<T>> Drop for Leave<'_, T, R> {
            fn drop(&mut self) {
                self.0.ring.part(self.1);
                // AcqRel: the last to leave has seen, and its closing publishes, what the others did before.
                if self.0.counts.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
                    self.0.close();
                }
            }
        }
        let shared = Arc::clone(&self.shared);
        let _leave = Leave(&*shared, self.producer.lane);
        self.settle_forgotten();
    }
}

impl<T, K: Kind> fmt::Debug for Sender<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Sender", f)
    }
}
