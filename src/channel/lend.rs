//! Receivers that lend: everybody gets everything, in place.

use super::{Batch as Owned, Broadcast, ChannelStats, Sender, Shared};
use crate::error::broadcast::{RecvError, RecvTimeoutError, SubscribeError, TryRecvError};
use crate::ring::{BroadcastRing, Consumer, LANES, Polled, Ring};
use crate::sync::{Arc, Deadline, guard};
use crate::wait::{Attempt, Event, until};
use core::cell::Cell;
use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;
use core::time::Duration;

type Channel<T> = Shared<T, BroadcastRing<T>>;

/// A receiver of a broadcast: gets every message that is sent after it has subscribed, by reference.
///
/// `Send` and not `Sync`: one thread uses it at a time, through `&mut`. The sender cannot overtake it: what it does not read
/// stays, and in the end nobody can send. Dropping it lets the sender go on; what it has not read is nobody's loss.
///
/// Nothing here allocates. `try_` calls never wait for another thread.
pub struct Receiver<T> {
    shared: Arc<Channel<T>>,
    consumer: Consumer,
    not_sync: PhantomData<Cell<()>>,
}

/// Subscribes receivers from any thread; `Send`, `Sync`, `Clone`. Keeps neither the channel open nor the sender back.
pub struct Subscriber<T> {
    shared: Arc<Channel<T>>,
}

fn subscribe<T>(shared: &Arc<Channel<T>>, after: &[&Receiver<T>]) -> Result<Receiver<T>, SubscribeError> {
    if after.iter().any(|receiver| !Arc::ptr_eq(&receiver.shared, shared)) {
        return Err(SubscribeError::Foreign);
    }
    if shared.ring.is_closed() {
        return Err(SubscribeError::Disconnected);
    }
    let gates = after.iter().map(|receiver| receiver.consumer.gate);
    let consumer = shared.ring.join(gates).ok_or(SubscribeError::TooMany { max: LANES })?;
    if guard("joining wakes the sender") {
        // While it joined, it may have kept the sender back at a tail that was out of date.
        shared.bells.not_full.notify_all();
    }
    Ok(Receiver { shared: Arc::clone(shared), consumer, not_sync: PhantomData })
}

impl<T> Sender<T, Broadcast> {
    /// A new receiver, of what is sent from now on. At most 64 at a time. Allocates nothing.
    ///
    /// # Errors
    ///
    /// When all 64 places are taken, or the channel is closed. A receiver that has gone keeps its place for as long as one that
    /// runs after it stays.
    pub fn subscribe(&self) -> Result<Receiver<T>, SubscribeError> {
        subscribe(self.shared(), &[])
    }

    /// A new receiver that gets each message only when all of those in `after` have released it: a stage of a pipeline, or the
    /// foot of a diamond. It reads the same slots, and sees what those before it did. It waits for none that has been dropped, and for none before
    /// those: a pipeline whose middle stage goes is two that do not know of each other.
    ///
    /// # Errors
    ///
    /// As for [`subscribe`](Sender::subscribe), and when one of `after` belongs to another channel.
    ///
    /// ```
    /// let (mut tx, mut journal) = ringway::broadcast::channel::<u64>(8);
    /// let mut trade = tx.subscribe_after(&[&journal])?;
    /// tx.try_send(7)?;
    /// assert_eq!(trade.drain(8, |_| ()), 0); // not yet in the journal
    /// assert_eq!(journal.drain(8, |_| ()), 1);
    /// assert_eq!(trade.drain(8, |_| ()), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn subscribe_after(&self, after: &[&Receiver<T>]) -> Result<Receiver<T>, SubscribeError> {
        subscribe(self.shared(), after)
    }

    /// A handle to subscribe from other threads.
    pub fn subscriber(&self) -> Subscriber<T> {
        Subscriber { shared: Arc::clone(self.shared()) }
    }

    /// How many receivers there are.
    pub fn receivers(&self) -> usize {
        self.shared().ring.receivers()
    }
}

impl<T> Subscriber<T> {
    /// As [`Sender::subscribe`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn subscribe(&self) -> Result<Receiver<T>, SubscribeError> {
        subscribe(&self.shared, &[])
    }

    /// As [`Sender::subscribe_after`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn subscribe_after(&self, after: &[&Receiver<T>]) -> Result<Receiver<T>, SubscribeError> {
        subscribe(&self.shared, after)
    }
}

impl<T> Receiver<T> {
    /// The first receiver of a new channel.
    pub(super) fn first(shared: &Arc<Channel<T>>) -> Option<Self> {
        subscribe(shared, &[]).ok()
    }

    /// Its number among the channel's receivers, 0 to 63; given again when it has gone.
    pub fn id(&self) -> usize {
        self.consumer.gate.lane as usize
    }

    /// Calls `f` with up to `max` messages that are there now, and releases them all at once. Gives their number: at least one if
    /// there is any, but it may be fewer than are there.
    ///
    /// Wait-free apart from `f`. If `f` panics, the message it was given counts as read.
    #[inline]
    pub fn drain(&mut self, max: usize, mut f: impl FnMut(&T)) -> usize {
        let Ok(mut batch) = self.try_batch(max) else { return 0 };
        let read = batch.len();
        batch.read_all(&mut f);
        read
    }

    /// Lends up to `max` messages that are there now. Wait-free.
    ///
    /// # Errors
    ///
    /// [`Empty`](TryRecvError::Empty) (also for a `max` of 0), or [`Disconnected`](TryRecvError::Disconnected) once the
    /// channel is closed and everything was read.
    #[inline]
    pub fn try_batch(&mut self, max: usize) -> Result<Batch<'_, T>, TryRecvError> {
        let Self { shared, consumer, .. } = self;
        // SAFETY: the consumer is this receiver's; nothing below its head is read any more.
        match unsafe { shared.poll(consumer, max.max(1)) } {
            Polled::Ready if max > 0 => Ok(Batch(Owned::new(shared.ring.storage(), consumer, max, &**shared))),
            Polled::Closed => Err(TryRecvError::Disconnected),
            _ => Err(TryRecvError::Empty),
        }
    }

    /// Calls `f` with the next message, in place, waiting for it as [`Builder::wait`](crate::Builder::wait) says. May wait. The
    /// message is released afterwards, also if `f` panics.
    ///
    /// # Errors
    ///
    /// When the channel is closed and everything was read.
    ///
    /// Nothing of it can be kept: its slot is used again.
    ///
    /// ```compile_fail,E0521
    /// let (_tx, mut rx) = ringway::broadcast::channel::<u32>(8);
    /// let mut kept = None;
    /// let _ = rx.recv_with(|message| kept = Some(message));
    /// ```
    pub fn recv_with<R>(&mut self, f: impl FnOnce(&T) -> R) -> Result<R, RecvError> {
        self.recv_until(Deadline::NEVER, f).map_err(|_| RecvError::Disconnected)
    }

    fn recv_until<R>(&mut self, deadline: Deadline, f: impl FnOnce(&T) -> R) -> Result<R, RecvTimeoutError> {
        let Self { shared, consumer, .. } = self;
        // SAFETY: as in `try_batch`.
        let attempt = || Some(unsafe { shared.poll(consumer, 1) }).filter(|polled| *polled != Polled::Empty);
        match until(shared.recv_wait, shared.bells.not_empty.event(), &mut Attempt { deadline, attempt }) {
            Some(Polled::Ready) => Ok(Batch(Owned::new(shared.ring.storage(), consumer, 1, &**shared)).first(f)),
            Some(_) => Err(RecvTimeoutError::Disconnected),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// How many messages fit: the capacity asked for, rounded up to a power of two.
    pub fn capacity(&self) -> usize {
        self.shared.ring.storage().capacity()
    }

    /// How many messages this receiver has still to read, whether or not those that it runs after have. Out of date as soon as it
    /// is read.
    pub fn len(&self) -> usize {
        self.shared.ring.behind(&self.consumer)
    }

    /// Whether it has read everything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the channel is closed: by a call, or because the sender is gone. There may still be messages to read. Final once
    /// true, and what the closer did before is visible then.
    pub fn is_disconnected(&self) -> bool {
        self.shared.ring.is_closed()
    }

    /// Closes the channel for all: sends fail from now on; what was sent before can still be read. True for the one call that
    /// closed it. Never waits; wakes everybody who does.
    pub fn close(&self) -> bool {
        self.shared.close()
    }

    /// What the channel has done so far. A message counts as received when every receiver has released it.
    pub fn stats(&self) -> ChannelStats {
        self.shared.stats()
    }

    /// The name given with [`Builder::name`](crate::Builder::name).
    pub fn name(&self) -> Option<&str> {
        self.shared.name.as_deref()
    }

    /// As [`Receiver::set_event`](crate::Receiver::set_event), for all receivers of the channel.
    pub fn set_event(&mut self, event: &Event) -> bool {
        self.shared.bells.not_empty.move_to(event)
    }

    /// How many messages it has read, in wrapping arithmetic.
    pub(crate) fn read(&self) -> u64 {
        self.consumer.taken()
    }

    /// What the channel wakes.
    pub(crate) fn event(&self) -> &Event {
        self.shared.bells.not_empty.event()
    }
}

impl<T: Clone> Receiver<T> {
    /// Clones the next message if there is one now.
    ///
    /// # Errors
    ///
    /// As for [`try_batch`](Receiver::try_batch).
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.try_batch(1).map(|batch| batch.first(T::clone))
    }

    /// Clones the next message, waiting for it as [`Builder::wait`](crate::Builder::wait) says. May wait.
    ///
    /// # Errors
    ///
    /// When the channel is closed and everything was read.
    pub fn recv(&mut self) -> Result<T, RecvError> {
        self.recv_with(T::clone)
    }

    /// Clones the next message, waiting for it no longer than `timeout`. A timeout too long for the clock is for ever.
    ///
    /// # Errors
    ///
    /// [`Timeout`](RecvTimeoutError::Timeout), or [`Disconnected`](RecvTimeoutError::Disconnected) once the channel is closed and
    /// everything was read.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Deadline::after(timeout), T::clone)
    }

    /// Clones of the messages as they come, waiting in between, until the channel is closed and everything was read.
    pub fn iter(&mut self) -> Iter<'_, T> {
        Iter { receiver: self }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // SAFETY: the consumer is this receiver's, and it goes.
        unsafe { self.shared.leave(&mut self.consumer) };
        if guard("leaving wakes the sender") {
            // It may have waited for this one, or be without anybody now.
            self.shared.bells.not_full.notify_all();
        }
    }
}

/// Messages of a broadcast, in place, read-only: look at them as slices, or go through them one by one.
///
/// What was gone past with [`advance`](Batch::advance) or [`commit`](Batch::commit) is released when the batch is dropped, all at
/// once; the rest stays for this receiver's next call. Until then the sender cannot use their slots.
///
/// ```
/// let (mut tx, mut rx) = ringway::broadcast::channel(8);
/// tx.try_send_iter(&mut (1..=5))?;
///
/// let mut batch = rx.try_batch(4)?;
/// assert_eq!(batch.as_slices().0, [1, 2, 3, 4]);
/// assert_eq!(batch.advance(), Some(&1));
/// batch.commit(2); // 2 and 3 are done with
/// drop(batch);
/// assert_eq!(rx.try_recv(), Ok(4)); // was left
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Batch<'a, T>(Owned<'a, T>);

impl<T> Batch<'_, T> {
    /// How many messages are left in the batch.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is left in the batch.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is left, in order: the second slice follows the first, and is empty unless the batch lies across the end of the ring.
    pub fn as_slices(&self) -> (&[T], &[T]) {
        self.0.as_slices()
    }

    /// What is left, in order.
    pub fn iter(&self) -> core::iter::Chain<core::slice::Iter<'_, T>, core::slice::Iter<'_, T>> {
        let (first, second) = self.as_slices();
        first.iter().chain(second)
    }

    /// Goes past the next message.
    #[inline]
    pub fn advance(&mut self) -> Option<&T> {
        self.0.lend_next()
    }

    /// Calls `f` with every message that is left, and goes past it. If `f` panics, the message it was given counts as read.
    #[inline]
    pub fn read_all(&mut self, f: impl FnMut(&T)) {
        self.0.lend_all(f);
    }

    /// Goes past the next `n` messages.
    ///
    /// # Panics
    ///
    /// If fewer are left.
    pub fn commit(&mut self, n: usize) {
        self.0.pass(n);
    }

    /// Goes past the first message, of a batch that has one.
    fn first<R>(mut self, f: impl FnOnce(&T) -> R) -> R {
        match self.advance() {
            Some(message) => f(message),
            None => unreachable!("a batch begins with at least one message"),
        }
    }

    /// Goes past all messages that are left.
    pub fn commit_all(&mut self) {
        self.0.pass(self.0.len());
    }
}

impl<'a, T> IntoIterator for &'a Batch<'_, T> {
    type Item = &'a T;
    type IntoIter = core::iter::Chain<core::slice::Iter<'a, T>, core::slice::Iter<'a, T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Clones of messages as they come; see [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a mut Receiver<T>,
}

impl<T: Clone> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T: Clone> FusedIterator for Iter<'_, T> {}

impl<T> Clone for Subscriber<T> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Receiver", f)
    }
}

impl<T> fmt::Debug for Subscriber<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Subscriber", f)
    }
}

impl<T> fmt::Debug for Batch<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Batch").field("len", &self.len()).finish_non_exhaustive()
    }
}
