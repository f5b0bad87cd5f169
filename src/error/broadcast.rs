//! Errors of broadcast receivers, which may have missed something.

use core::fmt;
use std::error::Error;

/// Why a broadcast receiver got nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TryRecvError {
    /// Nothing is there now.
    Empty,
    /// The channel is closed and everything was read.
    Disconnected,
    /// This many messages were overwritten before they were read, exactly. The next call goes on with the oldest that is
    /// left. Lossy channels only.
    Lagged(u64),
}

/// Why a broadcast receiver that waits got nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvError {
    /// The channel is closed and everything was read.
    Disconnected,
    /// As [`TryRecvError::Lagged`].
    Lagged(u64),
}

/// Why a broadcast receiver that waits for a while got nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecvTimeoutError {
    /// Nothing came in time.
    Timeout,
    /// The channel is closed and everything was read.
    Disconnected,
    /// As [`TryRecvError::Lagged`].
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

const CLOSED: &str = "the channel is closed and everything was read";

fn lagged(f: &mut fmt::Formatter<'_>, missed: u64) -> fmt::Result {
    write!(f, "{missed} messages were overwritten before they were read")
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the channel has nothing new"),
            Self::Disconnected => f.write_str(CLOSED),
            Self::Lagged(missed) => lagged(f, *missed),
        }
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected => f.write_str(CLOSED),
            Self::Lagged(missed) => lagged(f, *missed),
        }
    }
}

impl fmt::Display for RecvTimeoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("nothing came in time"),
            Self::Disconnected => f.write_str(CLOSED),
            Self::Lagged(missed) => lagged(f, *missed),
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

impl Error for TryRecvError {}
impl Error for RecvError {}
impl Error for RecvTimeoutError {}
impl Error for SubscribeError {}
