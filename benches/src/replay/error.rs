//! Why a file cannot be replayed.

use std::fmt::{Display, Formatter, Result};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum FeedError {
    /// The system does not give it, for the reason it tells.
    Unreadable(String),
    /// It is about something else: these columns are not there.
    Lacks(Vec<&'static str>),
    /// It names more of something than a replay can tell apart. Part of a file would give wrong totals.
    TooMany { what: &'static str, most: u32 },
}

impl std::error::Error for FeedError {}

impl Display for FeedError {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Unreadable(reason) => write!(f, "it cannot be read: {reason}"),
            Self::Lacks(columns) => {
                write!(f, "it is not a file of departures: it lacks the columns {}", columns.join(", "))
            }
            Self::TooMany { what, most } => {
                write!(f, "it names more than {most} {what}, the most that a replay can tell apart")
            }
        }
    }
}

/// Why a row cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RowError {
    /// It is left out, and counted.
    Bad(String),
    /// Nor can the file.
    File(FeedError),
}

impl From<String> for RowError {
    fn from(reason: String) -> Self {
        Self::Bad(reason)
    }
}

impl From<FeedError> for RowError {
    fn from(error: FeedError) -> Self {
        Self::File(error)
    }
}
