//! What can be wrong with a metric.

use core::fmt;
use std::error::Error;

/// A metric could not be registered, recorded or watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricError {
    /// The name, with these tags, is a metric of another kind.
    NameTaken,
    /// A name or the key of a tag is not of the form `[a-zA-Z_][a-zA-Z0-9_]*`.
    InvalidName,
    /// There are too many tags.
    LabelLimit {
        /// How many there may be.
        max: usize,
    },
    /// There is no room for another series.
    SeriesFull,
    /// A rate is a percentage, from 0 to 100.
    RateOutOfRange,
    /// The threshold is no number, or its series does not exist or has no such figure.
    SloInvalid,
    /// It exports already.
    AlreadyStarted,
    /// It does not export.
    NotStarted,
    /// A handler of no events.
    EmptyMask,
    /// The system does not provide the memory.
    OutOfMemory,
}

impl fmt::Display for MetricError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NameTaken => "the name is taken by a metric of another kind",
            Self::InvalidName => "names are letters, digits and underscores, and begin with no digit",
            Self::LabelLimit { max } => return write!(f, "a series has {max} tags at most"),
            Self::SeriesFull => "there is no room for another series",
            Self::RateOutOfRange => "a rate lies between 0 and 100",
            Self::SloInvalid => "the threshold is no number, or its series has no such figure",
            Self::AlreadyStarted => "the registry exports already",
            Self::NotStarted => "the registry does not export",
            Self::EmptyMask => "a handler is for one kind of events at least",
            Self::OutOfMemory => "the system does not provide the memory",
        })
    }
}

impl Error for MetricError {}
