//! What can come of waiting, other than success.

use super::DepId;
use crate::value::ScoreError;
use core::fmt;
use core::time::Duration;
use std::error::Error;

/// A dependency was refused, or did not come true. Each outcome has one shape, in every call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DepError {
    /// It took too long: the dependency's own timeout, or the one of the call.
    Timeout {
        /// The dependency; the first unmet one if it was the call's.
        dep: DepId,
        /// That timeout.
        after: Duration,
    },
    /// An agent failed whose success is required, or a probe failed too often.
    Failed {
        /// The dependency.
        dep: DepId,
    },
    /// The agent that is waited for waits, directly or by others, for the one that would wait.
    Cycle {
        /// How many agents it goes through.
        length: usize,
    },
    /// The coordination was closed, or nobody has named it so far.
    UnknownCoordination,
    /// No such dependency is known.
    UnknownDependency,
    /// A dependency has no time at all.
    ZeroTimeout,
    /// A probe has no interval.
    ZeroInterval,
    /// A level is negative, infinite or no number, or a score not between 0 and 1.
    ScoreOutOfRange,
    /// There is no room.
    CapacityExceeded {
        /// For what.
        what: &'static str,
        /// How many there can be.
        max: usize,
    },
    /// The dependency is named twice, or pending already.
    DuplicateDep {
        /// The dependency.
        id: DepId,
    },
    /// The probe panicked.
    ProbeFault {
        /// The dependency.
        dep: DepId,
    },
    /// The ticket was cancelled.
    Cancelled,
    /// The coordination was cleared or closed meanwhile.
    Cleared,
    /// An agent is waited for that may have completed unheard: the hub's history did not go back far enough when the coordination
    /// was first named here, or there was no room for an agent that completed. Clearing the coordination ends this, and so does
    /// [`agent_done`](super::DependencySet::agent_done) for the agent.
    Lagged {
        /// How many signals that could have been completions, and completions, were missed.
        missed: u64,
    },
}

impl fmt::Display for DepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { dep, after } => write!(f, "{dep} was not met within {after:?}"),
            Self::Failed { dep } => write!(f, "{dep} failed"),
            Self::Cycle { length } => write!(f, "{length} agents would wait for each other"),
            Self::UnknownCoordination => f.write_str("the coordination is not open"),
            Self::UnknownDependency => f.write_str("no such dependency is known"),
            Self::ZeroTimeout => f.write_str("a timeout is longer than nothing"),
            Self::ZeroInterval => f.write_str("an interval is longer than nothing"),
            Self::ScoreOutOfRange => f.write_str("the level is out of range"),
            Self::CapacityExceeded { what, max } => write!(f, "there is room for {max} {what}"),
            Self::DuplicateDep { id } => write!(f, "{id} is named twice, or pending already"),
            Self::ProbeFault { dep } => write!(f, "the probe of {dep} panicked"),
            Self::Cancelled => f.write_str("the ticket was cancelled"),
            Self::Lagged { missed } => write!(f, "the agent may be among {missed} that were not heard"),
            Self::Cleared => f.write_str("the coordination was cleared"),
        }
    }
}

impl Error for DepError {}

impl From<ScoreError> for DepError {
    fn from(_: ScoreError) -> Self {
        Self::ScoreOutOfRange
    }
}
