//! Rules as they are written.

use super::error::RouteError;
use super::types::Decision;
use crate::ids::{KeyId, RuleId, SymId, TaskId};
use crate::value::Value;

/// How a value of the state is compared with a rule's operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Op {
    /// Equal. Whole numbers and others are compared by what they stand for; everything else, by kind and content.
    Eq,
    /// Of the operand's kind, and not equal to it. With [`Value::Null`], anything that is present and not null.
    Ne,
    /// Greater: numbers only, as the next three.
    Gt,
    /// Less.
    Lt,
    /// Greater or equal.
    Ge,
    /// Less or equal.
    Le,
    /// Equal to one of a list.
    In,
    /// Of the kind of one of a list, and equal to none. With an empty list, anything that is present.
    NotIn,
    /// A set that holds the operand: a symbol, or a whole number of 32 bits.
    Contains,
    /// A set that does not hold it.
    NotContains,
}

/// What a rule compares with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// One value.
    One(Value),
    /// A list, for [`Op::In`] and [`Op::NotIn`].
    List(Box<[Value]>),
}

impl Operand {
    /// A list of values.
    pub fn list<V: Into<Value>>(values: impl IntoIterator<Item = V>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }

    pub(super) fn values(&self) -> &[Value] {
        match self {
            Self::One(value) => core::slice::from_ref(value),
            Self::List(values) => values,
        }
    }
}

impl<V: Into<Value>, const N: usize> From<[V; N]> for Operand {
    fn from(values: [V; N]) -> Self {
        Self::list(values)
    }
}

macro_rules! from {
    ($($of:ty => $value:expr;)+) => {$(
        impl From<$of> for Operand {
            fn from(value: $of) -> Self {
                let value_of: fn($of) -> Value = $value;
                Self::One(value_of(value))
            }
        }
    )+};
}

from! {
    Value => |value| value;
    bool => Value::Bool;
    i32 => |number| Value::Int(number.into());
    i64 => Value::Int;
    f64 => Value::Float;
    SymId => Value::Sym;
}

/// If the value of a key compares so with an operand, that is the decision.
///
/// A rule whose key has no value is false, and so is one whose value is of a kind that cannot be compared with the operand:
/// whatever the operator.
///
/// ```
/// use ringway::coord::routing::{Decision, Op, Rule};
/// use ringway::ids::{KeyId, RuleId};
///
/// let errors = KeyId::new(0);
/// let rule = Rule::new(RuleId::new(1), errors, Op::Gt, 0, Decision::Retry).priority(100);
/// assert_eq!(rule.priority, 100);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name; no two rules of a set have the same.
    pub id: RuleId,
    /// What it looks at.
    pub key: KeyId,
    /// How it compares.
    pub op: Op,
    /// What it compares with.
    pub value: Operand,
    /// What it decides.
    pub decision: Decision,
    /// The task that comes next.
    pub next: Option<TaskId>,
    /// From 0 to 100: the greater, the earlier. Among equals, the order in which they were given.
    pub priority: u8,
}

impl Rule {
    /// The priority of a rule that says nothing about it.
    pub const PRIORITY: u8 = 50;

    /// A rule of priority 50 that names no task.
    pub fn new(id: RuleId, key: KeyId, op: Op, value: impl Into<Operand>, decision: Decision) -> Self {
        Self { id, key, op, value: value.into(), decision, next: None, priority: Self::PRIORITY }
    }

    /// With this priority, from 0 to 100.
    pub fn priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }

    /// Naming the task that comes next.
    pub fn next(mut self, task: TaskId) -> Self {
        self.next = Some(task);
        self
    }

    pub(super) fn check(&self) -> Result<(), RouteError> {
        let rule = self.id;
        if self.priority > 100 {
            return Err(RouteError::PriorityOutOfRange { rule, got: self.priority });
        }
        if !self.value.values().iter().all(|value| value.is_finite()) {
            return Err(RouteError::Nan { rule });
        }
        Ok(())
    }
}
