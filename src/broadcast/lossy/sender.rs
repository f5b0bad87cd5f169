//! The sending half.

use super::{History, LossyStats, Receiver, Shared, SharedSender};
use crate::error::{Disconnected, SendError};
use crate::sync::Arc;
use bytemuck::Pod;
use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;

/// The sending half of a lossy channel: never waits, whatever receivers and other senders do.
///
/// `Clone`, `Send` and not `Sync`: a handle for each thread. Messages of one sender are received in the order in which they
/// were sent. Dropping the last sender closes the channel; that there is no receiver does not, for one may
/// [subscribe](Sender::subscribe) later and look at the [history](Receiver::history).
///
/// Nothing here allocates.
pub struct Sender<T> {
    pub(super) shared: Arc<Shared<T>>,
    not_sync: PhantomData<Cell<()>>,
}

impl<T: Pod> Sender<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared, not_sync: PhantomData }
    }

    /// Sends a message, in the place of the oldest. Wait-free, but for waking receivers that sleep.
    ///
    /// `Ok` says that the channel was open and the message has its position. In the rare case that a sender is stopped inside
    /// a send for a whole lap, a message may be given up instead of waiting: see
    /// [`LossyStats::dropped`](super::LossyStats::dropped).
    ///
    /// # Errors
    ///
    /// When the channel is closed, with the message. It never fails otherwise.
    ///
    /// ```
    /// let (mut tx, mut rx) = ringway::broadcast::lossy::<u32>(2);
    /// tx.send(1)?;
    /// assert_eq!(rx.recv(), Ok(1));
    /// rx.close();
    /// assert_eq!(tx.send(2).unwrap_err().into_inner(), 2);
    /// # Ok::<(), ringway::SendError<u32>>(())
    /// ```
    #[inline]
    pub fn send(&mut self, message: T) -> Result<(), SendError<T>> {
        self.shared.send(&message).map_err(|Disconnected| SendError(message))
    }

    /// Sends all messages, or none: at consecutive positions, with no other sender's message between them, and at the price
    /// of one claim and one wake-up. Otherwise as [`send`](Sender::send).
    ///
    /// Of more messages than the channel keeps, the last remain.
    ///
    /// # Errors
    ///
    /// When the channel is closed.
    ///
    /// ```
    /// let (mut tx, mut rx) = ringway::broadcast::lossy::<u32>(4);
    /// tx.send_all(&[1, 2, 3])?;
    /// assert_eq!(rx.drain(256, |_| ()), Ok(3));
    /// # Ok::<(), ringway::Disconnected>(())
    /// ```
    pub fn send_all(&mut self, messages: &[T]) -> Result<(), Disconnected> {
        self.shared.send_counted(messages.len(), messages.iter().copied())
    }

    /// The same sender, to be used by several threads at a time. Allocates nothing.
    pub fn into_shared(self) -> SharedSender<T> {
        SharedSender::new(self)
    }

    /// Another receiver, for what is sent from now on. Allocates nothing.
    ///
    /// ```
    /// let (mut tx, _) = ringway::broadcast::lossy::<u32>(4);
    /// tx.send(1)?;
    /// let mut rx = tx.subscribe();
    /// tx.send(2)?;
    /// assert_eq!(rx.try_recv(), Ok(2));
    /// assert_eq!(rx.history().count(), 2);
    /// # Ok::<(), ringway::SendError<u32>>(())
    /// ```
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(Arc::clone(&self.shared))
    }

    /// The messages that the channel keeps, from the oldest to the newest.
    pub fn history(&self) -> History<'_, T> {
        History::new(&self.shared.ring)
    }
}

impl<T> Sender<T> {
    /// How many messages the channel keeps: the capacity asked for, rounded up to a power of two.
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity()
    }

    /// Whether the channel is closed. Final once true, and what the closer did before is visible then.
    pub fn is_disconnected(&self) -> bool {
        self.shared.ring.is_closed()
    }

    /// Closes the channel for all: sends fail from now on; what was sent before can still be received. True for the one
    /// call that closed it. Never waits; wakes everybody who does.
    pub fn close(&self) -> bool {
        self.shared.close()
    }

    /// What the channel has done so far.
    pub fn stats(&self) -> LossyStats {
        self.shared.stats()
    }

    /// The name given with [`Builder::name`](crate::Builder::name).
    pub fn name(&self) -> Option<&str> {
        self.shared.name.as_deref()
    }
}

impl<T> Clone for Sender<T> {
    /// Another sender of the same channel. Allocates nothing.
    fn clone(&self) -> Self {
        self.shared.join();
        Self { shared: Arc::clone(&self.shared), not_sync: PhantomData }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.leave();
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Sender", f)
    }
}
