//! A sender for several threads at a time.

use super::{History, LossyStats, Receiver, Sender, Shared};
use crate::error::Disconnected;
use crate::sync::Arc;
use bytemuck::Pod;
use core::fmt;

/// A [`Sender`] that is used by reference, by several threads at a time: for tables of channels that threads share.
///
/// `Clone`, `Send` and `Sync`. It counts as one sender, and what holds for those holds for it; but messages of two threads that
/// send at the same time come in either order.
///
/// ```
/// let (tx, mut rx) = ringway::broadcast::lossy::<u64>(8);
/// let tx = tx.into_shared();
/// std::thread::scope(|scope| {
///     for thread in 0..2 {
///         let tx = &tx;
///         scope.spawn(move || tx.send(thread));
///     }
/// });
/// assert_eq!(rx.recv().unwrap() + rx.recv().unwrap(), 1);
/// ```
pub struct SharedSender<T> {
    shared: Arc<Shared<T>>,
}

impl<T: Pod> SharedSender<T> {
    pub(super) fn new(sender: Sender<T>) -> Self {
        // Counted before the one that it takes the place of goes.
        sender.shared.join();
        Self { shared: Arc::clone(&sender.shared) }
    }

    /// As [`Sender::send`].
    ///
    /// # Errors
    ///
    /// When the channel is closed.
    #[inline]
    pub fn send(&self, message: T) -> Result<(), Disconnected> {
        self.shared.send(&message)
    }

    /// Sends `n` messages at consecutive positions, at the price of one claim and one wake-up.
    ///
    /// What `messages` has beyond `n` stays in it. Positions that it has no message for, or that remain when it panics, are
    /// given up: they count as [dropped](LossyStats::dropped), and as lost for each receiver. Receivers stop at a position that
    /// is not written yet, so it should be quick.
    ///
    /// # Errors
    ///
    /// When the channel is closed; nothing was taken from `messages` then.
    ///
    /// ```
    /// let (tx, mut rx) = ringway::broadcast::lossy::<u64>(8);
    /// let even = |n: &u64| n % 2 == 0;
    /// let count = (0..10).filter(even).count();
    /// tx.into_shared().send_counted(count, (0..10).filter(even))?;
    /// assert_eq!(rx.drain(8, |n| assert!(even(&n))), Ok(5));
    /// # Ok::<(), ringway::Disconnected>(())
    /// ```
    pub fn send_counted(&self, n: usize, messages: impl IntoIterator<Item = T>) -> Result<(), Disconnected> {
        self.shared.send_counted(n, messages.into_iter())
    }

    /// As [`Sender::subscribe`].
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(Arc::clone(&self.shared))
    }

    /// As [`Sender::history`].
    pub fn history(&self) -> History<'_, T> {
        History::new(&self.shared.ring)
    }
}

impl<T> SharedSender<T> {
    /// As [`Sender::capacity`].
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity()
    }

    /// As [`Sender::is_disconnected`].
    pub fn is_disconnected(&self) -> bool {
        self.shared.ring.is_closed()
    }

    /// As [`Sender::close`].
    pub fn close(&self) -> bool {
        self.shared.close()
    }

    /// As [`Sender::stats`].
    pub fn stats(&self) -> LossyStats {
        self.shared.stats()
    }
}

impl<T> Clone for SharedSender<T> {
    /// Another sender of the same channel. Allocates nothing.
    fn clone(&self) -> Self {
        self.shared.join();
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<T> Drop for SharedSender<T> {
    fn drop(&mut self) {
        self.shared.leave();
    }
}

impl<T> fmt::Debug for SharedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("SharedSender", f)
    }
}
