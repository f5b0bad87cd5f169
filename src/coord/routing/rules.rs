//! Rules, compiled into a program that is gone through from the top.

use super::error::RouteError;
use super::report::RuleReport;
use super::rule::Rule;
use super::test::Test;
use super::types::{Q16, Reason, Verdict};
use crate::ids::KeyId;
use crate::value::{StateView, Value};
use core::fmt;

/// One step of the program.
struct Step {
    test: Test,
    key: KeyId,
}

/// Rules in the order in which they are tried: by descending priority, and as given among equals. The first that matches
/// decides.
pub struct RuleSet {
    rules: Box<[Rule]>,
    program: Box<[Step]>,
}

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
        let step = |rule: &Rule| -> Result<Step, RouteError> {
            rule.check()?;
            let test = Test::new(rule.op, &rule.value).ok_or(RouteError::TypeMismatch { rule: rule.id })?;
            Ok(Step { test, key: rule.key })
        };
        let program = rules.iter().map(step).collect::<Result<_, _>>()?;
        Ok(Self { rules: rules.into(), program })
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
    ///
    /// Each rule asks for its key: keeping values for later rules was tried, and cost more than asking the state again.
    #[inline]
    pub(super) fn first(&self, state: &dyn StateView) -> Option<usize> {
        self.program.iter().position(|step| match state.get(step.key) {
            // Taken apart here: a copy of the whole value waits for the parts to be written.
            Some(Value::Int(number)) => step.test.holds_whole(number),
            Some(value) => step.test.holds_other(value, state),
            None => false,
        })
    }

    /// What comes of no rule, and then of each.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        let verdict =
            |rule: &Rule| Verdict { next: rule.next, ..Verdict::new(rule.decision, Q16::ONE, Reason::Rule(rule.id)) };
        let no_rule = Verdict::abstain(Q16::new(0.5), Reason::NoRule);
        core::iter::once(no_rule).chain(self.rules.iter().map(verdict)).collect()
    }
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

impl TryFrom<Vec<Rule>> for RuleSet {
    type Error = RouteError;

    fn try_from(rules: Vec<Rule>) -> Result<Self, RouteError> {
        Self::new(&rules)
    }
}

impl fmt::Debug for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RuleSet").field(&self.rules).finish()
    }
}
