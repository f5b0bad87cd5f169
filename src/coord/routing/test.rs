//! A rule's condition, compiled.

use super::rule::{Op, Operand};
use crate::value::{StateView, Value};
use core::cmp::Ordering;

/// What is left to do at run time: no operator is looked up and nothing is converted.
///
/// Conditions with a whole number are ranges, since most values are whole, too.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Test {
    /// A whole number is within (or outside of) the range, both ends included. `order` is for other numbers.
    Range { low: i64, high: i64, outside: bool, order: Order, than: i64 },
    /// A number compares so with one that is not whole.
    Number { order: Order, than: f64 },
    /// The words are (or are not) those: not for numbers.
    Words { words: [u64; 2], equal: bool },
    /// Present and not null.
    NotNull,
    /// One of the lists, or of a kind that is in them and none of them. Both lists ascend.
    Among { wholes: Box<[i64]>, others: Box<[[u64; 2]]>, kinds: u8, inside: bool },
    /// A set that holds the member, or does not.
    Set { member: u32, holds: bool },
}

/// An operator on numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
}

impl Order {
    const fn accepts(self, found: Ordering) -> bool {
        match self {
            Self::Eq => found.is_eq(),
            Self::Ne => found.is_ne(),
            Self::Gt => found.is_gt(),
            Self::Lt => found.is_lt(),
            Self::Ge => found.is_ge(),
            Self::Le => found.is_le(),
        }
    }

    /// The whole numbers that it accepts.
    const fn range(self, than: i64) -> Test {
        let (low, high) = match self {
            Self::Eq | Self::Ne => (than, than),
            Self::Ge => (than, i64::MAX),
            Self::Le => (i64::MIN, than),
            // Nothing is beyond the ends: an empty range.
            Self::Gt if than == i64::MAX => (1, 0),
            Self::Lt if than == i64::MIN => (1, 0),
            Self::Gt => (than + 1, i64::MAX),
            Self::Lt => (i64::MIN, than - 1),
        };
        Test::Range { low, high, outside: matches!(self, Self::Ne), order: self, than }
    }
}

impl Op {
    const fn order(self) -> Option<Order> {
        Some(match self {
            Self::Eq => Order::Eq,
            Self::Ne => Order::Ne,
            Self::Gt => Order::Gt,
            Self::Lt => Order::Lt,
            Self::Ge => Order::Ge,
            Self::Le => Order::Le,
            Self::In | Self::NotIn | Self::Contains | Self::NotContains => return None,
        })
    }
}

/// Whole numbers from which a step of one is no longer exact in the other kind.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

/// A number that stands for a whole one becomes it, so that equal numbers have equal words.
fn canonical(value: Value) -> Value {
    match value {
        Value::Float(number) if number.fract() == 0.0 && (-BEYOND..BEYOND).contains(&number) => {
            Value::Int(number as i64)
        }
        other => other,
    }
}

/// A number against a whole one, exactly; none for what is no number.
fn compare(number: f64, whole: i64) -> Option<Ordering> {
    if number.is_nan() {
        None
    } else if number >= BEYOND {
        Some(Ordering::Greater)
    } else if number < -BEYOND {
        Some(Ordering::Less)
    } else {
        // What is cut off makes it lie further from 0.
        let cut = number.fract().partial_cmp(&0.0)?;
        Some((number.trunc() as i64).cmp(&whole).then(cut))
    }
}

/// A bit for each kind that is compared within itself.
const fn kind(value: Value) -> u8 {
    match value {
        Value::Null => 1,
        Value::Bool(_) => 2,
        Value::Int(_) | Value::Float(_) => 4,
        Value::Sym(_) => 8,
        Value::Set(_) => 16,
        Value::Blob(_) => 32,
    }
}

impl Test {
    /// The condition; none if the operator cannot be used with the operand.
    pub(super) fn new(op: Op, operand: &Operand) -> Option<Self> {
        match (op, operand) {
            (Op::In | Op::NotIn, Operand::List(values)) => Some(Self::among(values, op == Op::In)),
            (Op::Contains | Op::NotContains, Operand::One(value)) => {
                let member = match *value {
                    Value::Sym(name) => name.get(),
                    Value::Int(number) => u32::try_from(number).ok()?,
                    _ => return None,
                };
                Some(Self::Set { member, holds: op == Op::Contains })
            }
            (_, Operand::One(value)) => Self::ordered(op.order()?, canonical(*value)),
            (_, Operand::List(_)) => None,
        }
    }

    fn ordered(order: Order, value: Value) -> Option<Self> {
        match (value, order) {
            (Value::Int(than), _) => Some(order.range(than)),
            (Value::Float(than), _) => Some(Self::Number { order, than }),
            (Value::Null, Order::Ne) => Some(Self::NotNull),
            (_, Order::Eq | Order::Ne) => Some(Self::Words { words: value.to_words(), equal: order == Order::Eq }),
            _ => None,
        }
    }

    fn among(values: &[Value], inside: bool) -> Self {
        let kinds = values.iter().fold(0, |kinds, value| kinds | kind(*value));
        let (mut wholes, mut others) = (Vec::new(), Vec::new());
        for value in values {
            match canonical(*value) {
                Value::Int(whole) => wholes.push(whole),
                other => others.push(other.to_words()),
            }
        }
        wholes.sort_unstable();
        wholes.dedup();
        others.sort_unstable();
        others.dedup();
        Self::Among { wholes: wholes.into(), others: others.into(), kinds, inside }
    }

    /// Whether a value that is present meets the condition.
    pub(super) fn holds(&self, value: Value, state: &dyn StateView) -> bool {
        if let Value::Int(number) = value { self.holds_whole(number) } else { self.holds_other(value, state) }
    }

    /// The same for a whole number, apart, since most values are: it stays in a register.
    #[inline]
    pub(super) fn holds_whole(&self, number: i64) -> bool {
        match self {
            Self::Range { low, high, outside, .. } => (*low <= number && number <= *high) != *outside,
            Self::Among { wholes, kinds, inside, .. } => {
                let found = if wholes.len() <= SHORT {
                    wholes.contains(&number)
                } else {
                    wholes.binary_search(&number).is_ok()
                };
                found == *inside && allows(*kinds, Value::Int(number))
            }
            Self::Number { order, than } => compare(*than, number).is_some_and(|found| order.accepts(found.reverse())),
            Self::NotNull => true,
            Self::Words { .. } | Self::Set { .. } => false,
        }
    }

    #[inline(never)]
    pub(super) fn holds_other(&self, value: Value, state: &dyn StateView) -> bool {
        match (self, value) {
            (Self::Range { order, than, .. }, Value::Float(number)) => {
                compare(number, *than).is_some_and(|found| order.accepts(found))
            }
            (Self::Number { order, than }, Value::Float(number)) => {
                number.partial_cmp(than).is_some_and(|found| order.accepts(found))
            }
            (Self::Range { .. } | Self::Number { .. }, _) => false,
            (Self::Words { words, equal }, _) => {
                let [kind, content] = value.to_words();
                kind == words[0] && (content == words[1]) == *equal
            }
            (Self::NotNull, _) => value != Value::Null,
            (Self::Among { wholes, others, kinds, inside }, _) => {
                let found = match canonical(value) {
                    Value::Int(number) => wholes.binary_search(&number).is_ok(),
                    other => others.binary_search(&other.to_words()).is_ok(),
                };
                found == *inside && allows(*kinds, value)
            }
            (Self::Set { member, holds }, Value::Set(set)) => state.set_contains(set, *member) == *holds,
            (Self::Set { .. }, _) => false,
        }
    }
}

/// A list that is gone through rather than searched.
const SHORT: usize = 16;

/// What is of another kind than the list is neither in it nor out of it; everything is out of an empty one.
const fn allows(kinds: u8, value: Value) -> bool {
    (kinds == 0 || kinds & kind(value) != 0) && value.is_finite()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_both_kinds_compare_exactly() {
        let large = (1 << 53) + 1;
        let cases = [
            (0.5, 0, Ordering::Greater),
            (-0.5, 0, Ordering::Less),
            (-1.5, -1, Ordering::Less),
            (-0.0, 0, Ordering::Equal),
            (9_007_199_254_740_992.0, large, Ordering::Less),
            (BEYOND, i64::MAX, Ordering::Greater),
            (-BEYOND, i64::MIN, Ordering::Equal),
            (f64::INFINITY, i64::MAX, Ordering::Greater),
            (f64::NEG_INFINITY, i64::MIN, Ordering::Less),
        ];
        for (number, whole, expected) in cases {
            assert_eq!(compare(number, whole), Some(expected), "{number} against {whole}");
        }
        assert_eq!(compare(f64::NAN, 0), None);
        assert_eq!(canonical(Value::Float(3.0)), Value::Int(3));
        assert_eq!(canonical(Value::Float(BEYOND)), Value::Float(BEYOND));
    }
}
