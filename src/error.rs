//! Errors. A failing send gives its message back, and no error asks anything of the message's type.

pub(crate) mod broadcast;

use core::fmt;
use std::error::Error;

/// A message could not be sent at once. Gives the message back.
///
/// ```
/// use ringway::{TrySendError, spsc};
/// let (mut tx, rx) = spsc::channel(1);
/// tx.try_send("first")?;
/// assert_eq!(tx.try_send("second"), Err(TrySendError::Full("second")));
/// drop(rx);
/// assert_eq!(tx.try_send("third").unwrap_err().into_inner(), "third");
/// # Ok::<(), TrySendError<&str>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room now: every slot holds a message, or is claimed by a send in progress.
    Full(T),
    /// The channel is closed, or nobody is left to receive.
    Disconnected(T),
}

impl<T> TrySendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(message) | Self::Disconnected(message) => message,
        }
    }

    /// Whether there was no room.
    pub const fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }

    /// Whether the channel is closed.
    pub const fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }

    /// The same error about something made of the message.
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> TrySendError<U> {
        match self {
            Self::Full(message) => TrySendError::Full(f(message)),
            Self::Disconnected(message) => TrySendError::Disconnected(f(message)),
        }
    }
}

/// A message could not be sent because the channel is closed. Gives the message back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

impl<T> SendError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// A message could not be sent in time. Gives the message back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum SendTimeoutError<T> {
    /// There was no room until the timeout had elapsed.
    Timeout(T),
    /// The channel is closed, or nobody is left to receive.
    Disconnected(T),
}

impl<T> SendTimeoutError<T> {
    /// The message that was not sent.
    pub fn into_inner(self) -> T {
        match self {
            Self::Timeout(message) | Self::Disconnected(message) => message,
        }
    }

    /// Whether the timeout elapsed.
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout(_))
    }

    /// Whether the channel is closed.
    pub const fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }
}

impl<T> From<SendError<T>> for TrySendError<T> {
    fn from(SendError(message): SendError<T>) -> Self {
        Self::Disconnected(message)
    }
}

impl<T> From<SendError<T>> for SendTimeoutError<T> {
    fn from(SendError(message): SendError<T>) -> Self {
        Self::Disconnected(message)
    }
}

/// The channel is closed: no further message goes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnected;

/// Slots could not be reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveError {
    /// Fewer slots are free now than were asked for.
    TooFew {
        /// How many are.
        free: usize,
    },
    /// More were asked for than the channel has: waiting would be in vain.
    TooLarge,
    /// The channel is closed, or nobody is left to receive.
    Disconnected,
}

/// Nothing could be received at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing can be taken now: the channel is empty, or its next slots belong to a send in progress.
    Empty,
    /// The channel is closed and everything that was sent has been taken. It stays so.
    Disconnected,
}

impl TryRecvError {
    /// Whether there may be something later.
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Whether there will never be anything again.
    pub const fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected)
    }
}

/// Nothing can be received any more: the channel is closed and everything that was sent has been taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecvError;

/// Nothing was received in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// Nothing came until the timeout had elapsed.
    Timeout,
    /// The channel is closed and everything that was sent has been taken.
    Disconnected,
}

impl RecvTimeoutError {
    /// Whether the timeout elapsed.
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout)
    }

    /// Whether there will never be anything again.
    pub const fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected)
    }
}

impl From<RecvError> for TryRecvError {
    fn from(_: RecvError) -> Self {
        Self::Disconnected
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(_: RecvError) -> Self {
        Self::Disconnected
    }
}

/// A channel, worker or bus could not be built as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A channel of no slots could never carry a message.
    ZeroCapacity,
    /// The capacity is beyond what can be addressed, or beyond 2^32 slots.
    CapacityTooLarge {
        /// The capacity asked for.
        capacity: usize,
    },
    /// The system does not provide the memory for the slots of a channel, or the timers of a worker.
    OutOfMemory {
        /// How much was asked for.
        bytes: usize,
    },
    /// A worker that takes no messages could never make progress.
    ZeroBatch,
    /// A duty cycle takes at most [`MAX_BATCH`](crate::MAX_BATCH) messages.
    BatchTooLarge {
        /// The batch asked for.
        batch: usize,
    },
    /// A bus or a pool needs a worker.
    ZeroWorkers,
    /// More workers than a bus or a pool may have.
    TooManyWorkers {
        /// The number asked for.
        workers: usize,
        /// The most there may be.
        max: usize,
    },
    /// More lanes than a channel may have.
    TooManyLanes {
        /// The number asked for.
        lanes: usize,
        /// The most there may be.
        max: usize,
    },
    /// A worker without a duty would have nothing to run.
    NoDuties,
    /// The named core is not one that this process may use.
    CoreNotAllowed {
        /// The core asked for.
        core: usize,
        /// Those it may use.
        allowed: Vec<usize>,
    },
    /// There are not that many cores that this process may use.
    NoSuchCore {
        /// The index asked for, counted from 0.
        index: usize,
        /// The cores it may use.
        allowed: Vec<usize>,
    },
    /// The system refused to pin a thread to an allowed core.
    PinFailed {
        /// The core asked for.
        core: usize,
    },
    /// The receiver already wakes another worker, which cannot be changed.
    EventTaken,
    /// A thread's name cannot hold a NUL character.
    InvalidName {
        /// The name asked for.
        name: String,
    },
    /// The system did not start a thread.
    Thread(std::io::ErrorKind),
    /// A handler panicked before its worker had started.
    StartPanicked,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroCapacity => f.write_str("the capacity is 0; a channel needs at least one slot"),
            Self::CapacityTooLarge { capacity } => write!(f, "a capacity of {capacity} is more than memory can hold"),
            Self::OutOfMemory { bytes } => {
                write!(f, "the system does not provide the {bytes} bytes that were asked for")
            }
            Self::ZeroBatch => f.write_str("the batch is 0; a worker has to take at least one message a cycle"),
            Self::BatchTooLarge { batch } => {
                write!(f, "a batch of {batch} is more than the {} a cycle may take", crate::MAX_BATCH)
            }
            Self::ZeroWorkers => f.write_str("there are 0 workers; at least one is needed"),
            Self::TooManyWorkers { workers, max } => {
                write!(f, "{workers} workers are more than the {max} there may be")
            }
            Self::TooManyLanes { lanes, max } => write!(f, "{lanes} lanes are more than the {max} there may be"),
            Self::NoDuties => f.write_str("the worker has no duty; add one before starting it"),
            Self::CoreNotAllowed { core, allowed } => {
                write!(
                    f,
                    "core {core} is not one of those this process may use, {allowed:?}: name one of them, or use Pin::nth"
                )
            }
            Self::NoSuchCore { index, allowed } => {
                write!(
                    f,
                    "there is no core of index {index} (counted from 0) among those this process may use, {allowed:?}"
                )
            }
            Self::PinFailed { core } => write!(
                f,
                "the system refused to pin a thread to core {core}: use Pin::spread or Pin::none where a core is not essential"
            ),
            Self::InvalidName { name } => write!(f, "{name:?} is no name for a thread: it holds a NUL character"),
            Self::EventTaken => f.write_str("the receiver already wakes another worker"),
            Self::Thread(kind) => write!(f, "the system did not start a thread: {kind}"),
            Self::StartPanicked => f.write_str("a handler panicked before its worker had started"),
        }
    }
}

impl Error for BuildError {}

/// `Debug` without asking for `T: Debug`, `Display` and `Error` for the errors that carry a message.
macro_rules! carrying {
    ($($type:ident { $($variant:ident => $text:literal),+ })+) => {$(
        impl<T> fmt::Debug for $type<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant(_) => concat!(stringify!($variant), "(..)")),+ })
            }
        }

        impl<T> fmt::Display for $type<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant(_) => $text),+ })
            }
        }

        impl<T> Error for $type<T> {}
    )+};
}

carrying! {
    TrySendError { Full => "the channel is full", Disconnected => "the channel is closed" }
    SendTimeoutError { Timeout => "the channel stayed full", Disconnected => "the channel is closed" }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendError(..)")
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel is closed")
    }
}

impl<T> Error for SendError<T> {}

impl fmt::Display for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel is closed")
    }
}

impl Error for Disconnected {}

impl fmt::Display for ReserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFew { free } => write!(f, "only {free} slots are free"),
            Self::TooLarge => f.write_str("the channel has fewer slots than that"),
            Self::Disconnected => f.write_str("the channel is closed"),
        }
    }
}

impl Error for ReserveError {}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "the channel is empty",
            Self::Disconnected => "the channel is closed and drained",
        })
    }
}

impl Error for TryRecvError {}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the channel is closed and drained")
    }
}

impl Error for RecvError {}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Timeout => "the channel stayed empty",
            Self::Disconnected => "the channel is closed and drained",
        })
    }
}

impl Error for RecvTimeoutError {}
