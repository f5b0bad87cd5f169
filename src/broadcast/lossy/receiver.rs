//! The receiving half.

use super::{History, Lagged, LossyStats, RecvError, RecvTimeoutError, Shared, TryRecvError};
use crate::ring::{LossyRing, Read, ahead};
use crate::sync::{Arc, Deadline};
use crate::wait::{Attempt, until};
use bytemuck::Pod;
use core::cell::Cell;
use core::fmt;
use core::iter::FusedIterator;
use core::marker::PhantomData;
use core::time::Duration;

/// The receiving half of a lossy channel: gets every message, or learns exactly how many it has lost.
///
/// `Send` and not `Sync`: one thread uses it at a time, through `&mut`. `Clone`: another receiver, which reads on from the
/// same place; a receiver for what is sent from now on comes from [`Sender::subscribe`](super::Sender::subscribe). Dropping
/// a receiver closes nothing.
///
/// Nothing here allocates. Receivers leave no trace in the channel: nobody pays for there being many.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    cursor: Cursor,
    not_sync: PhantomData<Cell<()>>,
}

/// Where a receiver is, and how it got there.
#[derive(Debug)]
struct Cursor {
    position: u64,
    received: u64,
    lost: u64,
    skipped: u64,
}

/// How often [`Receiver::latest`] starts over because it has been overtaken.
const FRESH_STARTS: usize = 8;

impl Cursor {
    fn new(position: u64) -> Self {
        Self { position, received: 0, lost: 0, skipped: 0 }
    }

    #[inline(always)]
    fn pass_received(&mut self) {
        self.position = self.position.wrapping_add(1);
        self.received += 1;
    }

    #[inline(always)]
    fn pass_lost(&mut self, lost: u64) {
        self.position = self.position.wrapping_add(lost);
        self.lost += lost;
    }

    #[inline]
    fn try_recv<T: Pod>(&mut self, ring: &LossyRing<T>) -> Result<T, TryRecvError> {
        match ring.read(self.position) {
            Read::Message(message) => {
                self.pass_received();
                Ok(message)
            }
            Read::Lost(lost) => {
                self.pass_lost(lost);
                Err(TryRecvError::Lagged(lost))
            }
            Read::NotYet if ring.has_ended(self.position) => Err(TryRecvError::Disconnected),
            Read::NotYet => Err(TryRecvError::Empty),
        }
    }

    fn latest<T: Pod>(&mut self, ring: &LossyRing<T>) -> Option<T> {
        for start in 1..=FRESH_STARTS {
            let frontier = ring.frontier();
            let waiting = ahead(frontier, self.position).clamp(0, ring.capacity() as i64);
            for back in 1..=waiting as u64 {
                let position = frontier.wrapping_sub(back);
                match ring.read(position) {
                    Read::Message(message) => {
                        let skipped = ahead(position, self.position) as u64;
                        self.skipped += skipped;
                        self.position = self.position.wrapping_add(skipped);
                        self.pass_received();
                        return Some(message);
                    }
                    // Overtaken: there is something newer.
                    Read::Lost(_) if start < FRESH_STARTS && ring.frontier() != frontier => break,
                    Read::Lost(_) | Read::NotYet => {}
                }
            }
            if ring.frontier() == frontier {
                return None;
            }
        }
        None
    }
}

impl<T: Pod> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        let cursor = Cursor::new(shared.ring.frontier());
        Self { shared, cursor, not_sync: PhantomData }
    }

    /// Takes the next message if there is one now. Wait-free.
    ///
    /// # Errors
    ///
    /// [`Lagged`](TryRecvError::Lagged) when messages were lost: the next call goes on behind them.
    /// [`Empty`](TryRecvError::Empty), or [`Disconnected`](TryRecvError::Disconnected) once the channel is closed and this
    /// receiver is past everything that was sent.
    #[inline]
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        self.cursor.try_recv(&self.shared.ring)
    }

    /// Takes the next message, waiting for it as [`Builder::wait`](crate::Builder::wait) says. May wait.
    ///
    /// # Errors
    ///
    /// When messages were lost (the next call goes on behind them), or the channel is closed and this receiver is past
    /// everything that was sent.
    ///
    /// ```
    /// use ringway::broadcast::{self, lossy::RecvError};
    /// let (mut tx, mut rx) = broadcast::lossy::<u32>(1);
    /// let sender = std::thread::spawn(move || tx.send_all(&[1, 2]));
    /// let mut last = 0;
    /// loop {
    ///     match rx.recv() {
    ///         Ok(n) => last = n,
    ///         Err(RecvError::Lagged(lost)) => println!("{lost} lost"),
    ///         Err(_) => break, // the sender is gone
    ///     }
    /// }
    /// assert_eq!((last, rx.received() + rx.lost()), (2, 2));
    /// # sender.join().unwrap().unwrap();
    /// ```
    pub fn recv(&mut self) -> Result<T, RecvError> {
        match self.recv_until(Deadline::NEVER) {
            Ok(message) => Ok(message),
            Err(RecvTimeoutError::Lagged(lost)) => Err(RecvError::Lagged(lost)),
            Err(_) => Err(RecvError::Disconnected),
        }
    }

    /// Takes the next message, waiting for it no longer than `timeout`. A timeout too long for the clock is for ever.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Receiver::recv), or when the timeout has elapsed.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<T, RecvTimeoutError> {
        self.recv_until(Deadline::after(timeout))
    }

    fn recv_until(&mut self, deadline: Deadline) -> Result<T, RecvTimeoutError> {
        let Self { shared, cursor, .. } = self;
        let attempt = || match cursor.try_recv(&shared.ring) {
            Ok(message) => Some(Ok(message)),
            Err(TryRecvError::Lagged(lost)) => Some(Err(RecvTimeoutError::Lagged(lost))),
            Err(TryRecvError::Disconnected) => Some(Err(RecvTimeoutError::Disconnected)),
            Err(TryRecvError::Empty) => None,
        };
        until(shared.wait, &shared.event, &mut Attempt { deadline, attempt }).unwrap_or(Err(RecvTimeoutError::Timeout))
    }

    /// Takes up to `max` messages that are there now, and gives the number taken: as many as there are up to a gap.
    ///
    /// A gap is told where it lies: the messages before it are taken first, and the next call tells of it. Wait-free apart
    /// from `f`. If `f` panics, the message it was given has been received.
    ///
    /// # Errors
    ///
    /// When the very next messages are lost; nothing was taken then, and the next call goes on behind them. That the channel
    /// is closed is no error here: it gives 0.
    ///
    /// ```
    /// use ringway::broadcast::{self, lossy::Lagged};
    /// let (mut tx, mut rx) = broadcast::lossy::<u64>(4);
    /// tx.send_all(&[1, 2, 3, 4, 5])?;
    /// let mut sum = 0;
    /// assert_eq!(rx.drain(256, |n| sum += n), Err(Lagged(1)));
    /// assert_eq!(rx.drain(256, |n| sum += n), Ok(4));
    /// assert_eq!(sum, 2 + 3 + 4 + 5);
    /// # Ok::<(), ringway::Disconnected>(())
    /// ```
    pub fn drain(&mut self, max: usize, mut f: impl FnMut(T)) -> Result<usize, Lagged> {
        let Self { shared, cursor, .. } = self;
        for taken in 0..max {
            match shared.ring.read(cursor.position) {
                Read::Message(message) => {
                    cursor.pass_received();
                    f(message);
                }
                Read::Lost(lost) if taken == 0 => {
                    cursor.pass_lost(lost);
                    return Err(Lagged(lost));
                }
                Read::Lost(_) | Read::NotYet => return Ok(taken),
            }
        }
        Ok(max)
    }

    /// Takes the newest message there is and steps over all before it; nothing if there is none that this receiver has not
    /// passed yet.
    ///
    /// What it steps over counts as [skipped](Receiver::skipped), not as lost, though it were overwritten already: who asks
    /// for the latest misses nothing. Never waits. It looks again when senders overtake it, but not for ever: while they
    /// overwrite the whole channel faster than one message can be copied, it gives nothing. So give the channel some
    /// slots, also where only the newest message matters; one is too few.
    ///
    /// ```
    /// let (mut tx, mut rx) = ringway::broadcast::lossy::<u32>(4);
    /// tx.send_all(&[1, 2, 3])?;
    /// assert_eq!(rx.latest(), Some(3));
    /// assert_eq!(rx.latest(), None);
    /// assert_eq!((rx.received(), rx.skipped(), rx.lost()), (1, 2, 0));
    /// # Ok::<(), ringway::Disconnected>(())
    /// ```
    pub fn latest(&mut self) -> Option<T> {
        self.cursor.latest(&self.shared.ring)
    }

    /// The messages that the channel keeps, from the oldest to the newest, whether this receiver has passed them or not.
    pub fn history(&self) -> History<'_, T> {
        History::new(&self.shared.ring)
    }

    /// Messages as they come, and losses between them, waiting, until the channel is closed and drained.
    ///
    /// ```
    /// use ringway::broadcast::{self, lossy::Lagged};
    /// let (mut tx, mut rx) = broadcast::lossy::<u32>(2);
    /// tx.send_all(&[1, 2, 3])?;
    /// drop(tx);
    /// assert_eq!(rx.iter().collect::<Vec<_>>(), [Err(Lagged(1)), Ok(2), Ok(3)]);
    /// # Ok::<(), ringway::Disconnected>(())
    /// ```
    pub fn iter(&mut self) -> Iter<'_, T> {
        Iter { receiver: self }
    }
}

impl<T> Receiver<T> {
    /// The position of the next message.
    pub fn position(&self) -> u64 {
        LossyRing::<T>::shown(self.cursor.position)
    }

    /// Messages that this receiver took. Like the other counts it begins at 0 in a clone.
    pub fn received(&self) -> u64 {
        self.cursor.received
    }

    /// Messages that this receiver lost, all told: the sum of the [`Lagged`] it was given.
    pub fn lost(&self) -> u64 {
        self.cursor.lost
    }

    /// Messages that [`latest`](Receiver::latest) stepped over.
    pub fn skipped(&self) -> u64 {
        self.cursor.skipped
    }

    /// How many messages the channel keeps: the capacity asked for, rounded up to a power of two.
    pub fn capacity(&self) -> usize {
        self.shared.ring.capacity()
    }

    /// Whether the channel is closed: by a call, or because the last sender is gone. There may still be messages to take.
    /// Final once true, and what the closer did before is visible then.
    pub fn is_disconnected(&self) -> bool {
        self.shared.ring.is_closed()
    }

    /// Closes the channel for all, other receivers included: sends fail from now on; what was sent before can still be
    /// received. True for the one call that closed it. Never waits; wakes everybody who does.
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

impl<T> Clone for Receiver<T> {
    /// Another receiver, which reads on from the same place and counts from 0. Allocates nothing.
    fn clone(&self) -> Self {
        let cursor = Cursor::new(self.cursor.position);
        Self { shared: Arc::clone(&self.shared), cursor, not_sync: PhantomData }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.debug("Receiver", f)
    }
}

impl<'a, T: Pod> IntoIterator for &'a mut Receiver<T> {
    type Item = Result<T, Lagged>;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// Messages as they come; see [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a mut Receiver<T>,
}

impl<T: Pod> Iterator for Iter<'_, T> {
    type Item = Result<T, Lagged>;

    fn next(&mut self) -> Option<Result<T, Lagged>> {
        match self.receiver.recv() {
            Ok(message) => Some(Ok(message)),
            Err(RecvError::Lagged(lost)) => Some(Err(Lagged(lost))),
            Err(RecvError::Disconnected) => None,
        }
    }
}

impl<T: Pod> FusedIterator for Iter<'_, T> {}
