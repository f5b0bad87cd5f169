//! Why a signal was not sent, or a subscriber not made.

use crate::ids::{AgentId, SignalKind};
use crate::value::{NotFinite, ScoreError};
use core::fmt;
use std::error::Error;

/// A call on a [`SignalHub`](super::SignalHub), or on a handle of one, was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignalError {
    /// The coordination is not open, or not any more.
    UnknownCoordination,
    /// The signal is for an agent that has no subscription in the coordination.
    UnknownRecipient {
        /// The agent.
        agent: AgentId,
    },
    /// The signal is for a set of recipients that this coordination does not have.
    UnknownSet,
    /// There is no such kind.
    KindOutOfRange {
        /// The number that was given.
        got: u8,
    },
    /// A subscription to nothing.
    EmptyMask,
    /// The coordination has as many subscriptions as it may have.
    SubscriberLimit {
        /// How many that is.
        max: usize,
    },
    /// The coordination has as many sets of recipients as it may have.
    SetLimit {
        /// How many that is.
        max: usize,
    },
    /// Subscriptions overwrite their oldest signals, or refuse new ones: nothing else.
    UnsupportedOverflow,
    /// A subscription that refuses what it has no room for has no room. Nobody got the signal.
    Full {
        /// Whose subscription it is.
        agent: AgentId,
    },
    /// Signals were overwritten before they were archived. The next call goes on behind them.
    Lagged {
        /// How many.
        missed: u64,
    },
    /// The payload does not fit.
    PayloadTooLarge {
        /// The most there is room for, in bytes, with eight for what kind of payload it is.
        max: usize,
    },
    /// A score lies below 0.0 or above 1.0.
    ScoreOutOfRange,
    /// A number is infinite, or none at all.
    NotFinite,
    /// No signal was asked for.
    LimitZero,
    /// More signals were asked for than there is room to give them.
    OutputTooSmall,
    /// The coordination of this handle was closed.
    Closed,
    /// The system does not provide the memory.
    OutOfMemory,
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownCoordination => f.write_str("the coordination is not open"),
            Self::UnknownRecipient { agent } => write!(f, "{agent} has no subscription"),
            Self::UnknownSet => f.write_str("the coordination has no such set of recipients"),
            Self::KindOutOfRange { got } => write!(f, "there are kinds from 0 to 63, and no {got}"),
            Self::EmptyMask => f.write_str("a subscription names a kind at least"),
            Self::SubscriberLimit { max } => write!(f, "the coordination has {max} subscriptions already"),
            Self::SetLimit { max } => write!(f, "the coordination has {max} sets of recipients already"),
            Self::UnsupportedOverflow => f.write_str("a subscription drops the oldest, or rejects"),
            Self::Full { agent } => write!(f, "a subscription of {agent} has no room"),
            Self::Lagged { missed } => write!(f, "{missed} signals were overwritten before they were archived"),
            Self::PayloadTooLarge { max } => write!(f, "a payload has {max} bytes at most"),
            Self::ScoreOutOfRange => ScoreError::OutOfRange.fmt(f),
            Self::NotFinite => NotFinite.fmt(f),
            Self::LimitZero => f.write_str("a limit of 0 asks for nothing"),
            Self::OutputTooSmall => f.write_str("the limit is greater than the room for the signals"),
            Self::Closed => f.write_str("the coordination was closed"),
            Self::OutOfMemory => f.write_str("the system does not provide the memory"),
        }
    }
}

impl Error for SignalError {}

impl From<ScoreError> for SignalError {
    fn from(error: ScoreError) -> Self {
        match error {
            ScoreError::NotFinite => Self::NotFinite,
            ScoreError::OutOfRange => Self::ScoreOutOfRange,
        }
    }
}

impl From<NotFinite> for SignalError {
    fn from(_: NotFinite) -> Self {
        Self::NotFinite
    }
}

impl TryFrom<u8> for SignalKind {
    type Error = SignalError;

    /// As [`SignalKind::new`], with an error where there is no such kind.
    fn try_from(got: u8) -> Result<Self, SignalError> {
        Self::new(got).ok_or(SignalError::KindOutOfRange { got })
    }
}
