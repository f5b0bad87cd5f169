//! What cannot be built.

use super::types::Strategy;
use crate::ids::RuleId;
use core::convert::Infallible;
use core::fmt;
use std::error::Error;

/// A set of routers, or of rules, cannot be built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteError {
    /// Two routers have one strategy.
    DuplicateStrategy,
    /// A router of your own says that it is one of the built-in ones.
    BuiltInStrategy {
        /// Which.
        strategy: Strategy,
    },
    /// More routers than a set takes.
    TooManyRouters {
        /// How many it takes.
        max: usize,
    },
    /// A key that is not among the [known](super::RouterSetBuilder::known) ones.
    UnknownKey,
    /// A task that is not among them.
    UnknownTask,
    /// No router of this strategy is in the set.
    UnknownStrategy,
    /// The operator cannot be used with this operand.
    TypeMismatch {
        /// The rule.
        rule: RuleId,
    },
    /// A priority above 100.
    PriorityOutOfRange {
        /// The rule.
        rule: RuleId,
        /// Its priority.
        got: u8,
    },
    /// Two rules have one id.
    DuplicateRule {
        /// The id.
        rule: RuleId,
    },
    /// An operand is infinite, or no number.
    Nan {
        /// The rule.
        rule: RuleId,
    },
    /// A threshold outside of its range, or thresholds that cross: 0 to 1 for complexity, 0 to 100 for priorities.
    ThresholdOutOfRange,
    /// Hints in which no task belongs to a group.
    EmptyGroup,
    /// A hint that belongs to no task.
    EmptyTask,
    /// More rules, operands, tasks, entries or records than can be counted here.
    SetTooLarge,
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateStrategy => f.write_str("two routers have one strategy"),
            Self::BuiltInStrategy { strategy } => write!(f, "a custom router says that it is {strategy:?}"),
            Self::TooManyRouters { max } => write!(f, "a set takes {max} routers"),
            Self::UnknownKey => f.write_str("a key that nobody knows"),
            Self::UnknownTask => f.write_str("a task that nobody knows"),
            Self::UnknownStrategy => f.write_str("no router has this strategy"),
            Self::TypeMismatch { rule } => write!(f, "{rule}: the operator cannot be used with this operand"),
            Self::PriorityOutOfRange { rule, got } => write!(f, "{rule}: priority {got} is above 100"),
            Self::DuplicateRule { rule } => write!(f, "{rule} is there twice"),
            Self::Nan { rule } => write!(f, "{rule}: the operand is not finite"),
            Self::ThresholdOutOfRange => f.write_str("a threshold is out of range"),
            Self::EmptyGroup => f.write_str("no task of the hints belongs to a group"),
            Self::EmptyTask => f.write_str("a hint belongs to no task"),
            Self::SetTooLarge => f.write_str("too large a set"),
        }
    }
}

impl Error for RouteError {}

impl From<Infallible> for RouteError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
