//! Any receiver, any sender: what workers and generic code take.

use super::{Batch, Kind, Receiver, Sender};
use crate::error::{Disconnected, SendError, SendTimeoutError, TryRecvError, TrySendError};
use crate::wait::Event;
use core::time::Duration;

/// Any receiver of messages, for generic code. Sealed: implemented by this crate's receivers.
///
/// ```
/// use ringway::{Source, mpsc, spsc};
///
/// fn sum(source: &mut impl Source<Item = u64>) -> u64 {
///     let mut sum = 0;
///     source.drain(usize::MAX, |n| sum += n);
///     sum
/// }
///
/// let (mut a, mut from_a) = spsc::channel(4);
/// let (mut b, mut from_b) = mpsc::channel(4);
/// a.try_send(1)?;
/// b.try_send(2)?;
/// assert_eq!(sum(&mut from_a) + sum(&mut from_b), 3);
/// # Ok::<(), ringway::TrySendError<u64>>(())
/// ```
///
/// Nothing else is a source:
///
/// ```compile_fail,E0277
/// struct Mine;
/// impl ringway::Source for Mine {
///     type Item = u32;
///     fn try_batch(&mut self, _: usize) -> Result<ringway::Batch<'_, u32>, ringway::TryRecvError> {
///         Err(ringway::TryRecvError::Empty)
///     }
///     fn try_recv(&mut self) -> Result<u32, ringway::TryRecvError> {
///         Ok(1)
///     }
///     fn drain(&mut self, _: usize, _: impl FnMut(u32)) -> usize {
///         0
///     }
/// }
/// ```
#[allow(private_bounds)]
pub trait Source: Inbox {
    /// What it receives.
    type Item;

    /// As the receiver's method of this name.
    ///
    /// # Errors
    ///
    /// When nothing is there.
    fn try_batch(&mut self, max: usize) -> Result<Batch<'_, Self::Item>, TryRecvError>;

    /// As the receiver's method of this name.
    ///
    /// # Errors
    ///
    /// When nothing is there.
    fn try_recv(&mut self) -> Result<Self::Item, TryRecvError>;

    /// As the receiver's method of this name.
    fn drain(&mut self, max: usize, f: impl FnMut(Self::Item)) -> usize;
}

/// Any sender of messages, for generic code. Sealed: implemented by this crate's senders.
///
/// ```
/// fn send_all(sink: &mut impl ringway::Sink<u32>, numbers: &[u32]) -> usize {
///     let mut numbers = numbers.iter().copied();
///     sink.try_send_iter(&mut numbers).unwrap_or(0)
/// }
///
/// let (mut tx, rx) = ringway::spsc::channel(4);
/// assert_eq!(send_all(&mut tx, &[1, 2, 3]), 3);
/// # drop(rx);
/// ```
///
/// Nothing else is a sink:
///
/// ```compile_fail,E0277
/// struct Mine;
/// impl ringway::Sink<u32> for Mine {
///     fn try_send(&mut self, _: u32) -> Result<(), ringway::TrySendError<u32>> {
///         Ok(())
///     }
///     fn send(&mut self, _: u32) -> Result<(), ringway::SendError<u32>> {
///         Ok(())
///     }
///     fn send_timeout(&mut self, _: u32, _: std::time::Duration) -> Result<(), ringway::SendTimeoutError<u32>> {
///         Ok(())
///     }
///     fn try_send_iter(&mut self, _: &mut impl Iterator<Item = u32>) -> Result<usize, ringway::Disconnected> {
///         Ok(0)
///     }
/// }
/// ```
#[allow(private_bounds)]
pub trait Sink<T>: Outbox {
    /// As the sender's method of this name.
    ///
    /// # Errors
    ///
    /// When there is no room, or the channel is closed; with the message.
    fn try_send(&mut self, message: T) -> Result<(), TrySendError<T>>;

    /// As the sender's method of this name.
    ///
    /// # Errors
    ///
    /// When the channel is closed; with the message.
    fn send(&mut self, message: T) -> Result<(), SendError<T>>;

    /// As the sender's method of this name.
    ///
    /// # Errors
    ///
    /// When there is no room in time, or the channel is closed; with the message.
    fn send_timeout(&mut self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>>;

    /// As the sender's method of this name.
    ///
    /// # Errors
    ///
    /// When the channel is closed.
    fn try_send_iter(&mut self, messages: &mut impl Iterator<Item = T>) -> Result<usize, Disconnected>;
}

/// What a worker needs of a receiver beside its messages.
pub(crate) trait Inbox {
    /// What its thread sleeps on.
    fn event(&self) -> Event;

    /// Whether other receivers of the channel sleep there too.
    fn shares_event(&self) -> bool;

    /// Makes it wake `event` from now on; false if it already wakes another that it had been moved to.
    fn move_event(&mut self, event: &Event) -> bool;

    /// The number of messages that were taken so far, in wrapping arithmetic.
    fn taken(&self) -> u64;

    /// Drops the next message of those that were lent last, and counts it as dropped.
    fn discard(&mut self);

    /// Closes it for its senders.
    fn close(&self);

    /// Lets the next sender mark its message.
    fn arm_probe(&self);

    /// Whether a marked message is on its way.
    fn is_marked(&self) -> bool;

    /// When the marked message was sent, if it has been taken.
    fn take_mark(&self) -> Option<u64>;
}

/// Seals [`Sink`].
pub(crate) trait Outbox {}

impl<T, K: Kind> Outbox for Sender<T, K> {}

impl<T, K: Kind> Sink<T> for Sender<T, K> {
    #[inline]
    fn try_send(&mut self, message: T) -> Result<(), TrySendError<T>> {
        Self::try_send(self, message)
    }

    fn send(&mut self, message: T) -> Result<(), SendError<T>> {
        Self::send(self, message)
    }

    fn send_timeout(&mut self, message: T, timeout: Duration) -> Result<(), SendTimeoutError<T>> {
        Self::send_timeout(self, message, timeout)
    }

    fn try_send_iter(&mut self, messages: &mut impl Iterator<Item = T>) -> Result<usize, Disconnected> {
        Self::try_send_iter(self, messages)
    }
}

impl<T, K: Kind> Source for Receiver<T, K> {
    type Item = T;

    #[inline]
    fn try_batch(&mut self, max: usize) -> Result<Batch<'_, T>, TryRecvError> {
        Self::try_batch(self, max)
    }

    #[inline]
    fn try_recv(&mut self) -> Result<T, TryRecvError> {
        Self::try_recv(self)
    }

    #[inline]
    fn drain(&mut self, max: usize, f: impl FnMut(T)) -> usize {
        Self::drain(self, max, f)
    }
}

impl<T, K: Kind> Inbox for Receiver<T, K> {
    fn event(&self) -> Event {
        self.shared.bells.not_empty.event().clone()
    }

    fn shares_event(&self) -> bool {
        <K::Ring<T> as crate::ring::Ring<T>>::RELEASED_IN_ANY_ORDER
    }

    fn move_event(&mut self, event: &Event) -> bool {
        self.set_event(event)
    }

    fn taken(&self) -> u64 {
        self.consumer.taken()
    }

    fn discard(&mut self) {
        if self.consumer.available() > 0 {
            // Counted first: the message's drop may panic.
            self.shared.counts.dropped.add(1);
            self.drain(1, drop);
        }
    }

    fn close(&self) {
        self.shared.close();
    }

    fn arm_probe(&self) {
        self.shared.bells.probe.arm();
    }

    #[inline(always)]
    fn is_marked(&self) -> bool {
        self.shared.bells.probe.is_marked()
    }

    fn take_mark(&self) -> Option<u64> {
        self.shared.bells.probe.take(self.consumer.lane, self.consumer.head)
    }
}
