//! What can be wrong with a call.

use crate::ids::KeyId;
use core::fmt;
use std::error::Error;

/// A call on the state was refused. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateError {
    /// The store has given out no such key.
    UnknownKey,
    /// The key has no value.
    MissingRequired {
        /// The key.
        key: KeyId,
    },
    /// The key was written since.
    RevisionMismatch {
        /// Its present revision.
        current: u64,
    },
    /// There is no such version yet.
    VersionInFuture {
        /// The present version.
        current: u64,
    },
    /// The changes since that version are not all kept.
    HistoryTrimmed {
        /// The oldest version that can be gone back to.
        oldest: u64,
    },
    /// The value does not fit: keep it as a document, and a summary in the state.
    ValueTooLarge {
        /// The largest: bytes of a text, members of a set.
        max: usize,
    },
    /// A number is infinite, or none at all.
    NotFinite,
    /// There is no room for another key.
    KeysFull,
    /// There is no room for another watcher.
    WatchersFull,
    /// The update has too many keys.
    BatchTooLarge {
        /// The most.
        max: usize,
    },
    /// The update names a key twice.
    DuplicateKey,
    /// A name is empty or too long.
    InvalidName,
    /// There is no room for another set, document or text.
    PoolFull {
        /// How many there can be.
        max: usize,
    },
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => f.write_str("the store has no such key"),
            Self::MissingRequired { key } => write!(f, "{key} has no value"),
            Self::RevisionMismatch { current } => write!(f, "the key was written since: its revision is {current}"),
            Self::VersionInFuture { current } => {
                write!(f, "there is no such version yet: the present one is {current}")
            }
            Self::HistoryTrimmed { oldest } => write!(f, "the history goes back to version {oldest} only"),
            Self::ValueTooLarge { max } => write!(f, "the value is larger than {max}"),
            Self::NotFinite => f.write_str("the number is not finite"),
            Self::KeysFull => f.write_str("there is no room for another key"),
            Self::WatchersFull => f.write_str("there is no room for another watcher"),
            Self::BatchTooLarge { max } => write!(f, "an update has {max} keys at most"),
            Self::DuplicateKey => f.write_str("the update names a key twice"),
            Self::InvalidName => f.write_str("a name has 1 to 64 bytes"),
            Self::PoolFull { max } => write!(f, "all {max} places are taken"),
        }
    }
}

impl Error for StateError {}
