//! What a receiver of a broadcast can be told instead of a message.

use core::fmt;
use std::error::Error;

/// This many messages were lost just before the next one.
///
/// ```
/// let (mut tx, mut rx) = ringway::broadcast::lossy::<u64>(2);
/// tx.send_all(&[1, 2, 3])?;
/// let lagged = rx.drain(10, drop).unwrap_err();
/// assert_eq!((lagged.0, lagged.to_string().as_str()), (1, "1 messages were lost"));
/// # Ok::<(), ringway::Disconnected>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged(pub u64);

/// Nothing could be received at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing can be taken now: nothing was sent since, or the next message belongs to a send in progress.
    Empty,
    /// The channel is closed and this receiver is past everything that was sent. It stays so.
    Disconnected,
    /// Exactly this many messages were lost; the receiver has passed them, and goes on with the one after.
    /// Only lossy channels answer so.
    Lagged(u64),
}

/// Nothing was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// The channel is closed and this receiver is past everything that was sent. It stays so.
    Disconnected,
    /// Exactly this many messages were lost; the receiver has passed them, and goes on with the one after.
    /// Only lossy channels answer so.
    Lagged(u64),
}

/// Nothing was received in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// Nothing came until the timeout had elapsed.
    Timeout,
    /// The channel is closed and this receiver is past everything that was sent. It stays so.
    Disconnected,
    /// Exactly this many messages were lost; the receiver has passed them, and goes on with the one after.
    /// Only lossy channels answer so.
    Lagged(u64),
}

/// Why nobody could be subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubscribeError {
    /// The channel has as many receivers as it can have, counting those that have gone while others that run after them have
    /// not.
    TooMany {
        /// How many that is.
        max: usize,
    },
    /// A receiver that was to be followed belongs to another channel.
    Foreign,
    /// The channel is closed: nothing would ever come.
    Disconnected,
}

macro_rules! questions {
    ($($type:ident)+) => {$(
        impl $type {
            /// How many messages were lost, if that is what it tells.
            pub const fn lagged(&self) -> Option<u64> {
                match self {
                    Self::Lagged(lost) => Some(*lost),
                    _ => None,
                }
            }

            /// Whether there will never be anything again.
            pub const fn is_disconnected(&self) -> bool {
                matches!(self, Self::Disconnected)
            }
        }

        impl From<Lagged> for $type {
            fn from(Lagged(lost): Lagged) -> Self {
                Self::Lagged(lost)
            }
        }

        impl Error for $type {}
    )+};
}

questions! { TryRecvError RecvError RecvTimeoutError }

impl TryRecvError {
    /// Whether there may be something later.
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

impl RecvTimeoutError {
    /// Whether the timeout elapsed.
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::Timeout)
    }
}

impl From<RecvError> for RecvTimeoutError {
    fn from(error: RecvError) -> Self {
        match error {
            RecvError::Disconnected => Self::Disconnected,
            RecvError::Lagged(lost) => Self::Lagged(lost),
        }
    }
}

impl Error for Lagged {}

impl fmt::Display for Lagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages were lost", self.0)
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the channel is empty"),
            Self::Disconnected => f.write_str("the channel is closed and drained"),
            Self::Lagged(lost) => Lagged(*lost).fmt(f),
        }
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected => f.write_str("the channel is closed and drained"),
            Self::Lagged(lost) => Lagged(*lost).fmt(f),
        }
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("the channel stayed empty"),
            Self::Disconnected => f.write_str("the channel is closed and drained"),
            Self::Lagged(lost) => Lagged(*lost).fmt(f),
        }
    }
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { max } => {
                write!(f, "the channel has {max} receivers already, which is as many as it can have")
            }
            Self::Foreign => f.write_str("a receiver can only run after receivers of the same channel"),
            Self::Disconnected => f.write_str("the channel is closed: nothing would ever come"),
        }
    }
}

impl Error for SubscribeError {}
