//! Which rules do nothing.
//!
//! A rule looks at one key, and no other key's rules can hide it: their keys may have no value. Along the values of its key, every
//! condition changes only at operands. So it is enough to try the operands, what lies next to them on either side, and one
//! value of each kind that no operand names: a rule that is first for none of these is first for no value. Sets are tried
//! one for each rule: with the members whose lack makes an earlier rule true, and no others.

use super::rule::{Operand, Rule};
use super::rules::RuleSet;
use super::test::Test;
use crate::ids::{KeyId, RuleId, SymId};
use crate::value::{BlobRef, SetRef, StateSize, StateView, Value};

/// Rules that can be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleReport {
    /// Rules whose condition is that of an earlier one, with that one.
    pub duplicates: Vec<(RuleId, RuleId)>,
    /// Rules that are true only where earlier ones are, with one of these. Duplicates are not repeated here.
    pub shadowed: Vec<(RuleId, RuleId)>,
    /// Rules that no value makes true.
    pub never: Vec<RuleId>,
}

impl RuleReport {
    /// Whether there is nothing to report.
    pub fn is_clean(&self) -> bool {
        self.duplicates.is_empty() && self.shadowed.is_empty() && self.never.is_empty()
    }

    /// Whether the rule can be left out.
    pub fn names(&self, rule: RuleId) -> bool {
        let pairs = self.duplicates.iter().chain(&self.shadowed);
        pairs.map(|(of, _)| of).chain(&self.never).any(|of| *of == rule)
    }

    pub(super) fn of(set: &RuleSet) -> Self {
        let mut places: Vec<_> = (0..set.rules().len()).collect();
        places.sort_by_key(|&place| set.rules()[place].key);
        let mut report = Self::default();
        for key in places.chunk_by(|&a, &b| set.rules()[a].key == set.rules()[b].key) {
            Key { set, places: key }.report(&mut report);
        }
        report
    }
}

/// The rules of one key, by their places in the set and in their order.
struct Key<'a> {
    set: &'a RuleSet,
    places: &'a [usize],
}

/// A value to be tried; if it is a set, one with these members.
struct Trial {
    value: Value,
    members: Vec<u32>,
}

impl StateView for Trial {
    fn get(&self, _key: KeyId) -> Option<Value> {
        Some(self.value)
    }

    fn version(&self) -> u64 {
        0
    }

    fn size(&self) -> StateSize {
        StateSize::default()
    }

    fn set_contains(&self, _set: SetRef, member: u32) -> bool {
        self.members.contains(&member)
    }
}

impl Key<'_> {
    fn report(&self, report: &mut RuleReport) {
        let count = self.places.len();
        // Of each rule: whether it is the first for some value, and which was the first for one that it is true for.
        let (mut reached, mut hidden_by) = (vec![false; count], vec![None; count]);
        for trial in self.trials() {
            let mut first = None;
            for rule in (0..count).filter(|&rule| self.test(rule).holds(trial.value, &trial)) {
                match first {
                    None => {
                        reached[rule] = true;
                        first = Some(rule);
                    }
                    Some(by) => hidden_by[rule] = hidden_by[rule].or(Some(by)),
                }
            }
        }
        for rule in (0..count).filter(|&rule| !reached[rule]) {
            let same = (0..rule).find(|&earlier| self.test(earlier) == self.test(rule));
            match (same, hidden_by[rule]) {
                (_, None) => report.never.push(self.rule(rule).id),
                (Some(same), _) => report.duplicates.push((self.rule(rule).id, self.rule(same).id)),
                (None, Some(by)) => report.shadowed.push((self.rule(rule).id, self.rule(by).id)),
            }
        }
    }

    fn rule(&self, rule: usize) -> &Rule {
        &self.set.rules()[self.places[rule]]
    }

    fn test(&self, rule: usize) -> &Test {
        self.set.test(self.places[rule])
    }

    fn trials(&self) -> impl Iterator<Item = Trial> {
        let operands = || (0..self.places.len()).flat_map(|rule| self.rule(rule).value.values().iter().copied());
        let operands_and_neighbours = operands().flat_map(|value| [value].into_iter().chain(neighbours(value)));
        let others = unnamed(operands());
        let plain = operands_and_neighbours.chain(others).map(|value| Trial { value, members: Vec::new() });
        let about_sets = (0..self.places.len()).any(|rule| matches!(self.test(rule), Test::Set { .. }));
        let of_sets = (0..self.places.len()).filter(move |_| about_sets).flat_map(|rule| self.sets_for(rule));
        plain.chain(of_sets)
    }

    /// Sets for which as few rules before this one are true as possible: those that are named, and another.
    fn sets_for(&self, rule: usize) -> Vec<Trial> {
        let wanted = match *self.test(rule) {
            Test::Set { member, holds } => Some((member, holds)),
            _ => None,
        };
        let missing = |earlier: usize| match *self.test(earlier) {
            Test::Set { member, holds: false } => (wanted != Some((member, false))).then_some(member),
            _ => None,
        };
        let own = wanted.filter(|(_, holds)| *holds).map(|(member, _)| member);
        let members: Vec<_> = (0..rule).filter_map(missing).chain(own).collect();
        let named = (0..self.places.len()).flat_map(|rule| sets_of(&self.rule(rule).value));
        let mut sets: Vec<_> = named.map(SetRef::to_bits).collect();
        sets.push(free(&sets));
        let trial = |set| Trial { value: Value::Set(SetRef::from_bits(set)), members: members.clone() };
        sets.into_iter().map(trial).collect()
    }
}

/// Numbers next to a number: of two operands without a number of either kind between them, nothing lies between.
fn neighbours(value: Value) -> impl Iterator<Item = Value> {
    let (number, whole) = match value {
        Value::Int(whole) => (Some(whole as f64), Some(whole)),
        Value::Float(number) => (Some(number), (number.abs() < 9.2e18).then_some(number as i64)),
        _ => (None, None),
    };
    let numbers = number.into_iter().flat_map(|number| [number, number.next_up(), number.next_down()]);
    let wholes = whole.into_iter().flat_map(|whole| [whole, whole.saturating_add(1), whole.saturating_sub(1)]);
    numbers.filter(|number| number.is_finite()).map(Value::Float).chain(wholes.map(Value::Int))
}

/// A value of each kind that is none of these, as far as the kind has one.
fn unnamed(operands: impl Iterator<Item = Value>) -> impl Iterator<Item = Value> {
    let (mut names, mut blobs, mut sets) = (Vec::new(), Vec::new(), Vec::new());
    for operand in operands {
        match operand {
            Value::Sym(name) => names.push(u64::from(name.get())),
            Value::Blob(blob) => blobs.push(blob.to_bits()),
            Value::Set(set) => sets.push(set.to_bits()),
            _ => {}
        }
    }
    let name = free(&names) as u32;
    [
        Value::Null,
        Value::Bool(false),
        Value::Bool(true),
        Value::Int(0),
        Value::Sym(SymId::new(name)),
        Value::Blob(BlobRef::from_bits(free(&blobs))),
        Value::Set(SetRef::from_bits(free(&sets))),
    ]
    .into_iter()
}

fn sets_of(operand: &Operand) -> impl Iterator<Item = SetRef> {
    operand.values().iter().filter_map(|value| if let Value::Set(set) = value { Some(*set) } else { None })
}

/// The least number that is none of these.
fn free(taken: &[u64]) -> u64 {
    (0..).find(|number| !taken.contains(number)).unwrap_or(0)
}
