//! Why contexts were not stored, or not found.

use crate::ids::AgentId;
use core::fmt;
use std::error::Error;

/// A call on a [`ContextStore`](super::ContextStore) was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ContextError {
    /// An id is mandatory, and 0.
    MissingField {
        /// `coordination_id` or `session_id`.
        field: &'static str,
    },
    /// The coordination has no contexts.
    UnknownCoordination,
    /// The agent has no context in the coordination.
    UnknownAgent,
    /// The agent's place was taken by another one since, or is still another one's: the generation differs.
    StaleAgent,
    /// The agent is there twice, or has a context already.
    DuplicateAgent {
        /// The agent.
        agent: AgentId,
    },
    /// A context is larger than contexts may be.
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        limit: usize,
    },
    /// There is no room for so many contexts.
    StoreFull,
    /// A setting is out of its range.
    OutOfRange {
        /// Its name.
        field: &'static str,
    },
    /// Contexts cannot be made none at a time.
    ZeroBatch,
    /// There is no such section.
    UnknownSection,
    /// Nobody was assigned anything.
    EmptyAssignments,
    /// There is less room for results than there are results.
    OutputTooSmall,
    /// Nothing is wrong with this one; it was not stored because of another one.
    Withdrawn,
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingField { field } => write!(f, "{field} is missing"),
            Self::UnknownCoordination => f.write_str("the coordination has no contexts"),
            Self::UnknownAgent => f.write_str("the agent has no context"),
            Self::StaleAgent => f.write_str("the agent's place belongs to another one"),
            Self::DuplicateAgent { agent } => write!(f, "{agent} is there already"),
            Self::TooLarge { bytes, limit } => write!(f, "a context has {bytes} bytes, and may have {limit}"),
            Self::StoreFull => f.write_str("there is no room for so many contexts"),
            Self::OutOfRange { field } => write!(f, "{field} is out of its range"),
            Self::ZeroBatch => f.write_str("a chunk of no contexts makes no progress"),
            Self::UnknownSection => f.write_str("there is no such section"),
            Self::EmptyAssignments => f.write_str("there are no assignments"),
            Self::Withdrawn => f.write_str("another context could not be stored"),
            Self::OutputTooSmall => f.write_str("there is less room than results"),
        }
    }
}

impl Error for ContextError {}
