//! The receiving half.

use super::many::ManyReceivers;
use super::{Batch, ChannelStats, IntoIter, Iter, Kind, Shared, TryIter};
use crate::error::{RecvError, RecvTimeoutError, TryRecvError};
use crate::ring::{Consumer, Polled, Ring};
use crate::sync::{Arc, Deadline, Ordering};
use crate::wait::{Attempt, Event, until};
use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;

/// The receiving half of a channel.
///
/// `Send` and not `Sync`: one thread uses it at a time, through `&mut`. Where receivers compete, a clone is another handle
/// for another thread. Dropping the last one closes the channel and drops the messages that nobody took.
///
/// Nothing here allocates. `try_` calls never wait for another thread. Progress and cost of each: see the
/// [kinds](crate#which-channel).
///
/// ```compile_fail,E0277
/// let (_tx, rx) = ringway::mpsc::channel::<u32>(8);
/// std::thread::scope(|scope| _ = scope.spawn(|| rx.len())); // shared by two threads
/// ```
pub struct Receiver<T, K: Kind> {
    pub(super) shared: Arc<Shared<T, K::Ring<T>>>,
    pub(super) consumer: Consumer,
    not_sync: PhantomData<Cell<()>>,
}

impl<T, K: Kind> Receiver<T, K> {
    pub(super) fn new(shared: Arc<Shared<T, K::Ring<T>>>) -> Self {
        let consumer = Consumer::new(shared.start);
        Self { shared, consumer, not_sync: PhantomData }
    }

    /// Takes a message if there is one now.
    ///
    /// One acquire load and one release store; where receivers compete, also one compare-and-swap.
    ///
    /// # Errors
    ///
    /// [`Empty`](TryRecvError::Empty), or [`Disconnected`](TryRecvError::Disconnected) once the channel is closed and
    /// drained.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        try_recv(&self.shared, &mut self.consumer)
    }

    /// Takes a message, waiting for it as [`Builder::wait`](crate::Builder::wait) says. May wait.
    ///
    /// # Errors
    ///
    /// When the channel is closed and drained.
    ///
    /// ```
    /// let (mut tx, mut rx) = ringway::spsc::channel(8);
    /// let sender = std::thread::spawn(move || tx.send("hello"));
    /// assert_eq!(rx.recv()?, "hello");
    /// assert!(rx.recv().is_err()); // the sender is gone
    /// # sender.join().unwrap().unwrap();
    /// # Ok::<(), ringway::RecvError>(())
    /// ```
    pub fn recv(&mut self) -> Result<T, RecvError> {
        self.recv_until(Deadline::NEVER).map_err(|_| RecvError)
    }

    /// Takes a message, waiting for it no longer than `timeout`. A timeout too long for the clock is for ever.
    ///
    /// # Errors
    ///
    /// [`Timeout`](RecvTimeoutError::Timeout), or [`Disconnected`](RecvTimeoutError::Disconnected) once the channel
    /// is closed and drained.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Deadline::after(timeout))
    }

    fn recv_until(&mut self, deadline: Deadline) -> Result<T, RecvTimeoutError> {
        let Self { shared, consumer, .. } = self;
        // SAFETY: the consumer is this receiver's, and its head is moved only past what was moved out or dropped.
        let attempt = || Some(unsafe { shared.poll(consumer, 1) }).filter(|polled| *polled != Polled::Empty);
        match until(shared.recv_wait, shared.bells.not_empty.event(), &mut Attempt { deadline, attempt }) {
            // SAFETY: as above, and a message is available.
            Some(Polled::Ready) => Ok(unsafe { take(shared, consumer) }),
            Some(_) => Err(RecvTimeoutError::Disconnected),
            None => Err(RecvTimeoutError::Timeout),
        }
    }

    /// Lets the channel wake `event` instead of its own from now on, so that a thread can sleep over several channels (see
    /// [`Event::wait_until`](crate::Event::wait_until)). Once; workers do this with their inboxes. False if the channel wakes
    /// another event that it had been given before. Allocates.
    ///
    /// ```
    /// let (mut tx, mut rx) = ringway::spsc::channel(8);
    /// let event = ringway::Event::new();
    /// assert!(rx.set_event(&event));
    /// let sender = std::thread::spawn(move || tx.send(1));
    /// event.wait_until(None, || !rx.is_empty());
    /// assert_eq!(rx.try_recv(), Ok(1));
    /// # sender.join().unwrap()?;
    /// # Ok::<(), ringway::SendError<i32>>(())
    /// ```
    pub fn set_event(&mut self, event: &Event) -> bool {
        self.shared.bells.not_empty.move_to(event)
    }

    /// Takes up to `max` messages that are there now, and gives their slots back all at once. Gives the number taken: at least
    /// one if there is any, but it may be fewer than are there (as a [`Batch`] may). 0 says that nothing could be taken.
    ///
    /// If `f` panics, the message it was given is gone and the others stay.
    ///
    /// ```
    /// let (mut tx, mut rx) = ringway::spsc::channel(8);
    /// tx.try_send_iter(&mut (1..=5))?;
    /// let mut sum = 0;
    /// assert_eq!(rx.drain(3, |n| sum += n), 3);
    /// assert_eq!(sum, 6);
    /// # Ok::<(), ringway::Disconnected>(())
    /// ```
    #[inline]
    pub fn drain(&mut self, max: usize, f: impl FnMut(T)) -> usize {
        match self.try_batch(max) {
            Ok(mut batch) => {
                let taken = batch.len();
                batch.take_all(f);
                taken
            }
            Err(_) => 0,
        }
    }

    /// Lends up to `max` messages that are there now, in place. A batch may be shorter than what is queued.
    ///
    /// Where receivers compete, what is not taken of a batch stays claimed by this receiver until its next call or its drop:
    /// it occupies the channel, and if it passes to another receiver, that one gets it out of order.
    ///
    /// # Errors
    ///
    /// [`Empty`](TryRecvError::Empty) (also for a `max` of 0), or [`Disconnected`](TryRecvError::Disconnected) once the
    /// channel is closed and drained.
    #[inline]
    pub fn try_batch(&mut self, max: usize) -> Result<Batch<'_, T>, TryRecvError> {
        let Self { shared, consumer, .. } = self;
        if max == 0 {
            // Nothing may be claimed.
            let over = shared.ring.is_closed() && shared.ring.positions().len == 0;
            return Err(if over { TryRecvError::Disconnected } else { TryRecvError::Empty });
        }
        // SAFETY: the consumer is this receiver's, and its head is moved only past what was moved out or dropped.
        match unsafe { shared.poll(consumer, max) } {
            Polled::Ready => Ok(Batch::new(shared.ring.storage_of(consumer.lane), consumer, max, &**shared)),
            Polled::Closed => Err(TryRecvError::Disconnected),
            Polled::Empty => Err(TryRecvError::Empty),
        }
    }

    /// Messages as they come, waiting in between, until the channel is closed and drained.
    pub fn iter(&mut self) -> Iter<'_, T, K> {
        Iter { receiver: self }
    }

    /// The messages that are there, without waiting.
    pub fn try_iter(&mut self) -> TryIter<'_, T, K> {
        TryIter { receiver: self }
    }

    /// How many messages fit: the capacity asked for, rounded up to a power of two.
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity()
    }

    /// How many slots are taken now, including those of sends in progress. Out of date as soon as it is read.
    pub fn len(&self) -> usize {
        self.shared.ring.positions().len
    }

    /// Whether no slot is taken now.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the channel is closed: by a call, or because the last sender is gone. There may still be messages to
    /// take. Final once true, and what the closer did before is visible then.
    pub fn is_disconnected(&self) -> bool {
        self.shared.ring.is_closed()
    }

    /// Closes the channel for all: sends fail from now on; what was sent before can still be received. True for the
    /// one call that closed it. Never waits; wakes everybody who does.
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
fn try_recv<T, R: Ring<T>>(shared: &Shared<T, R>, consumer: &mut Consumer) -> Result<T, TryRecvError> {
    // SAFETY: the consumer is the receiver's, and its head is moved only past what was moved out or dropped.
    match unsafe { shared.poll(consumer, 1) } {
        Polled::Empty => Err(TryRecvError::Empty),
        Polled::Closed => Err(TryRecvError::Disconnected),
        // SAFETY: as above, and a message is available.
        Polled::Ready => Ok(unsafe { take(shared, consumer) }),
    }
}

/// Takes the first available message and gives its slot back.
///
/// # Safety
///
/// As for [`Ring::poll`], and one is available.
#[inline(always)]
unsafe fn take<T, R: Ring<T>>(shared: &Shared<T, R>, consumer: &mut Consumer) -> T {
    // SAFETY: the caller's promise.
    let message = unsafe { shared.ring.take_one(consumer) };
    shared.room_made(1);
    message
}

impl<T, K: ManyReceivers> Clone for Receiver<T, K> {
    /// Another receiver of the same channel, which competes for its messages. What this one has in an open batch stays its
    /// own. Allocates nothing.
    fn clone(&self) -> Self {
        // Relaxed: a new handle is made from one that is counted, so the count is not 0.
        self.shared.counts.receivers.fetch_add(1, Ordering::Relaxed);
        Self::new(Arc::clone(&self.shared))
    }
}

impl<T, K: Kind> Drop for Receiver<T, K> {
    fn drop(&mut self) {
        let Self { shared, consumer, .. } = self;
        // SAFETY: the consumer is this receiver's, and it goes.
        unsafe { shared.leave(consumer) };
        // AcqRel: the last to leave sees what the others have left, and drops it.
        if shared.counts.receivers.fetch_sub(1, Ordering::AcqRel) == 1 {
            shared.close();
            // SAFETY: as above.
            unsafe { shared.drop_rest(consumer) };
        }
    }
}

impl<T, K: Kind> IntoIterator for Receiver<T, K> {
    type Item = T;
    type IntoIter = IntoIter<T, K>;

    fn into_iter(self) -> IntoIter<T, K> {
        IntoIter { receiver: self }
    }
}

impl<'a, T, K: Kind> IntoIterator for &'a mut Receiver<T, K> {
    type Item = T;
    type IntoIter = Iter<'a, T, K>;

    fn into_iter(self) -> Iter<'a, T, K> {
        self.iter()
    }
}

impl<T, K: Kind> fmt::Debug for Receiver<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Receiver", f)
    }
}
