//! Rules, compiled into a program that is gone through from the top.

use super::error::RouteError;
use super::report::RuleReport;
use super::rule::Rule;
use super::test::Test;
use super::types::{Q16, Reason, Verdict};
use crate::ids::KeyId;
use crate::value::{StateView, Value};
use core::fmt;

/// Keys that several rules look at are read once in a decision: this many of them.
const COLUMNS: usize = 8;
const NONE: u8 = COLUMNS as u8;

/// One step of the program.
struct Step {
    test: Test,
    key: KeyId,
    /// Where the key's value is kept for later steps; [`NONE`] if no other step needs it.
    column: u8,
}

/// Rules in the order in which they are tried: by descending priority, and as given among equals. The first that matches
/// decides.
pub struct RuleSet {
    rules: Box<[Rule]>,
    program: Box<[Step]>,
    verdicts: Box<[Verdict]>,
    columns: bool,
}

/// What no rule has matched comes to.
const NO_RULE: Verdict = Verdict::abstain(Q16::new(0.5), Reason::NoRule);

impl RuleSet {
    /// Checks and compiles rules. For the control plane.
    ///
    /// # Errors
    ///
    /// Those of [`RouteError`] that name a rule; [`SetTooLarge`](RouteError::SetTooLarge) above 65,536 rules.
    pub fn new(rules: &[Rule]) -> Result<Self, RouteError> {
        if rules.len() > 1 << 16 {
            return Err(RouteError::SetTooLarge);
        }
        let mut ids: Vec<_> = rules.iter().map(|rule| rule.id).collect();
        ids.sort_unstable();
        if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(RouteError::DuplicateRule { rule: twice[0] });
        }
        let mut rules = rules.to_vec();
        rules.sort_by_key(|rule| core::cmp::Reverse(rule.priority));
        let columns = columns(&rules);
        let step = |rule: &Rule| -> Result<Step, RouteError> {
            rule.check()?;
            let test = Test::new(rule.op, &rule.value).ok_or(RouteError::TypeMismatch { rule: rule.id })?;
            let column = columns.iter().position(|key| *key == rule.key).map_or(NONE, |column| column as u8);
            Ok(Step { test, key: rule.key, column })
        };
        let program = rules.iter().map(step).collect::<Result<_, _>>()?;
        let verdict =
            |rule: &Rule| Verdict { next: rule.next, ..Verdict::new(rule.decision, Q16::ONE, Reason::Rule(rule.id)) };
        let verdicts = rules.iter().map(verdict).collect();
        Ok(Self { rules: rules.into(), program, verdicts, columns: !columns.is_empty() })
    }

    /// The rules in the order in which they are tried.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Which rules are duplicates, shadowed by others, or never true. Takes time by the square of the rules of each key.
    pub fn report(&self) -> RuleReport {
        RuleReport::of(self)
    }

    /// Without the rules that its [`report`](Self::report) names: decides the same, of every state.
    pub fn consolidated(&self) -> Self {
        let report = self.report();
        let kept: Vec<_> = self.rules.iter().filter(|rule| !report.names(rule.id)).cloned().collect();
        Self::new(&kept).expect("some of the rules of a set make a set")
    }

    /// The condition of the rule at this place.
    pub(super) fn test(&self, place: usize) -> &Test {
        &self.program[place].test
    }

    /// The first rule that matches, by its place.
    #[inline]
    pub(super) fn first(&self, state: &dyn StateView) -> Option<usize> {
        if self.columns { self.first_by_column(state) } else { self.first_by(|step| state.get(step.key), state) }
    }

    fn first_by_column(&self, state: &dyn StateView) -> Option<usize> {
        let mut values = [None; COLUMNS];
        let mut read = 0_u8;
        let look = |step: &Step| {
            let Some(value) = values.get_mut(usize::from(step.column)) else { return state.get(step.key) };
            let bit = 1 << step.column;
            if read & bit == 0 {
                read |= bit;
                *value = state.get(step.key);
            }
            *value
        };
        self.first_by(look, state)
    }

    #[inline(always)]
    fn first_by(&self, mut look: impl FnMut(&Step) -> Option<Value>, state: &dyn StateView) -> Option<usize> {
        self.program.iter().position(|step| look(step).is_some_and(|value| step.test.holds(value, state)))
    }

    /// What the rule at this place says, or that none has matched.
    #[inline]
    pub(super) fn verdict(&self, place: Option<usize>) -> Verdict {
        place.map_or(NO_RULE, |place| self.verdicts[place])
    }
}

/// The keys that several rules look at.
fn columns(rules: &[Rule]) -> Vec<KeyId> {
    let mut keys: Vec<_> = rules.iter().map(|rule| rule.key).collect();
    keys.sort_unstable();
    let mut shared: Vec<_> = keys.chunk_by(|a, b| a == b).filter(|same| same.len() > 1).collect();
    shared.sort_by_key(|same| core::cmp::Reverse(same.len()));
    shared.iter().take(COLUMNS).map(|same| same[0]).collect()
}

impl TryFrom<&[Rule]> for RuleSet {
    type Error = RouteError;

    fn try_from(rules: &[Rule]) -> Result<Self, RouteError> {
        Self::new(rules)
    }
}

impl<const N: usize> TryFrom<[Rule; N]> for RuleSet {
    type Error = RouteError;

    fn try_from(rules: [Rule; N]) -> Result<Self, RouteError> {
        Self::new(&rules)
    }
}

impl<const N: usize> TryFrom<&[Rule; N]> for RuleSet {
    type Error = RouteError;

    fn try_from(rules: &[Rule; N]) -> Result<Self, RouteError> {
        Self::new(rules)
    }
}

impl TryFrom<&Vec<Rule>> for RuleSet {
    type Error = RouteError;

    fn try_from(rules: &Vec<Rule>) -> Result<Self, RouteError> {
        Self::new(rules)
    }
}

impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RuleSet").field(&self.rules).finish()
    }
}
