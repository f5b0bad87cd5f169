//! Rules: the ten operators, their order, mistakes, and which rules do nothing.

use crate::desk::{Desk, OTHER, rule};
use proptest::prelude::*;
use ringway::coord::routing::{Decision, Op, Operand, Reason, RouteError, RouteRequest, RouterSet, Rule, RuleSet};
use ringway::ids::{KeyId, RuleId, SymId};
use ringway::value::{BlobRef, SetRef, Value};

const SET: Value = Value::Set(SetRef { index: 0, generation: 0 });

fn sym(name: u32) -> Value {
    Value::Sym(SymId::new(name))
}

/// Which rule decides of a state; none if no rule does.
fn decides(set: &RouterSet, desk: &Desk) -> Option<u16> {
    match set.route(desk, &RouteRequest::default()).reason {
        Reason::Rule(rule) => Some(rule.get()),
        _ => None,
    }
}

fn matches(op: Op, operand: impl Into<Operand>, value: Option<Value>) -> bool {
    let set = RouterSet::builder().conditional([rule(1, op, operand)]).build().unwrap();
    let mut desk = Desk::new();
    desk.sets = vec![vec![1, 2]];
    decides(&set, desk.set(OTHER, value)).is_some()
}

#[test]
fn s_d4_ten_operators() {
    let int = |n| Some(Value::Int(n));
    let float = |n| Some(Value::Float(n));
    type Row = (Op, Operand, Vec<Option<Value>>, Vec<Option<Value>>);
    let table: Vec<Row> = vec![
        (Op::Eq, 3.into(), vec![int(3), float(3.0)], vec![int(4), float(3.5), Some(sym(3))]),
        (Op::Eq, 2.5.into(), vec![float(2.5)], vec![int(2), int(3)]),
        (Op::Eq, 2.0.into(), vec![int(2), float(2.0)], vec![int(3)]),
        (Op::Eq, true.into(), vec![Some(Value::Bool(true))], vec![Some(Value::Bool(false)), int(1)]),
        (Op::Eq, Value::Null.into(), vec![Some(Value::Null)], vec![int(0)]),
        (Op::Eq, sym(7).into(), vec![Some(sym(7))], vec![Some(sym(8)), int(7)]),
        (Op::Ne, 3.into(), vec![int(4), float(3.5)], vec![int(3), float(3.0), float(f64::NAN)]),
        (Op::Ne, 2.5.into(), vec![int(2), float(2.0)], vec![float(2.5)]),
        (Op::Ne, sym(7).into(), vec![Some(sym(8))], vec![Some(sym(7))]),
        (Op::Ne, Value::Null.into(), vec![int(0), Some(sym(1))], vec![Some(Value::Null)]),
        (Op::Gt, 3.into(), vec![int(4), float(3.5), float(f64::INFINITY)], vec![int(3), float(3.0), int(i64::MIN)]),
        (Op::Gt, i64::MAX.into(), vec![float(1e19)], vec![int(i64::MAX), float(9e18)]),
        (Op::Gt, 2.5.into(), vec![int(3), float(2.6)], vec![int(2), float(2.5)]),
        (Op::Lt, 3.into(), vec![int(2), float(2.9)], vec![int(3), float(3.0)]),
        (Op::Lt, i64::MIN.into(), vec![float(-1e19)], vec![int(i64::MIN)]),
        (Op::Ge, 3.into(), vec![int(3), float(3.0), int(i64::MAX)], vec![int(2), float(2.9)]),
        (Op::Ge, (-2.5).into(), vec![int(-2), float(-2.5)], vec![int(-3), float(-2.6)]),
        (Op::Le, 3.into(), vec![int(3), int(i64::MIN)], vec![int(4), float(3.1)]),
        (Op::Le, 2.5.into(), vec![int(2), float(2.5)], vec![int(3)]),
        (Op::In, [1_i64, 5, 3].into(), vec![int(5), float(1.0)], vec![int(2), float(1.5), Some(sym(1))]),
        (Op::In, [sym(1), Value::Int(2)].into(), vec![Some(sym(1)), int(2)], vec![Some(sym(2)), int(1)]),
        (Op::In, Operand::List(Box::new([])), vec![], vec![int(1), Some(Value::Null)]),
        (Op::NotIn, [1_i64, 5].into(), vec![int(2), float(1.5)], vec![int(1), float(5.0), Some(sym(9))]),
        (Op::NotIn, [sym(1)].into(), vec![Some(sym(2))], vec![Some(sym(1)), int(9)]),
        (Op::NotIn, Operand::List(Box::new([])), vec![int(1), Some(Value::Null)], vec![]),
        (Op::Contains, 1.into(), vec![Some(SET)], vec![int(1)]),
        (Op::Contains, sym(2).into(), vec![Some(SET)], vec![Some(sym(2))]),
        (Op::Contains, 3.into(), vec![], vec![Some(SET)]),
        (Op::NotContains, 3.into(), vec![Some(SET)], vec![int(1)]),
        (Op::NotContains, 1.into(), vec![], vec![Some(SET)]),
    ];
    for (op, operand, yes, no) in table {
        for value in yes {
            assert!(matches(op, operand.clone(), value), "{value:?} {op:?} {operand:?}");
        }
        for value in no.into_iter().chain([None]) {
            assert!(!matches(op, operand.clone(), value), "not {value:?} {op:?} {operand:?}");
        }
    }
}

#[test]
fn s_d4_first_match_by_priority_and_then_as_given() {
    let rules = [
        rule(1, Op::Ge, 0),
        rule(2, Op::Ge, 5).priority(60),
        rule(3, Op::Ge, 5).priority(60),
        rule(4, Op::Lt, 0).priority(10),
        rule(5, Op::Ge, 9).priority(100),
    ];
    let set = RouterSet::builder().conditional(&rules).build().unwrap();
    assert_eq!(set.rules().iter().map(|rule| rule.id.get()).collect::<Vec<_>>(), [5, 2, 3, 1, 4]);
    let mut desk = Desk::new();
    for (value, expected) in [(9, Some(5)), (8, Some(2)), (4, Some(1)), (-1, Some(4))] {
        assert_eq!(decides(&set, desk.set(OTHER, Value::Int(value))), expected);
    }
    assert_eq!(decides(&set, desk.set(OTHER, None)), None);
    assert_eq!(Rule::PRIORITY, rules[0].priority);
}

/// More keys than are kept during a decision, each looked at several times and in turn.
#[test]
fn s_d4_many_keys() {
    let rules: Vec<_> =
        (0..40_u16).map(|n| Rule { key: KeyId::new(n % 13), ..rule(n, Op::Eq, i64::from(n)) }).collect();
    let set = RouterSet::builder().conditional(&rules).build().unwrap();
    for n in 0..40_u16 {
        let mut desk = Desk::new();
        for key in 0..13 {
            desk.set(KeyId::new(key), Value::Int(-1));
        }
        assert_eq!(decides(&set, &desk), None);
        assert_eq!(decides(&set, desk.set(KeyId::new(n % 13), Value::Int(n.into()))), Some(n));
    }
}

#[test]
fn rules_that_cannot_be_built_say_why() {
    let of = |rules: &[Rule]| RuleSet::new(rules).unwrap_err();
    let id = RuleId::new(1);
    assert_eq!(
        of(&[rule(1, Op::Eq, 0), rule(2, Op::Eq, 0), rule(1, Op::Ne, 0)]),
        RouteError::DuplicateRule { rule: id }
    );
    assert_eq!(of(&[rule(1, Op::Eq, 0).priority(101)]), RouteError::PriorityOutOfRange { rule: id, got: 101 });
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(of(&[rule(1, Op::Lt, number)]), RouteError::Nan { rule: id });
        assert_eq!(of(&[rule(1, Op::In, [Value::Int(1), Value::Float(number)])]), RouteError::Nan { rule: id });
    }
    let mismatches = [
        rule(1, Op::Gt, true),
        rule(1, Op::Lt, sym(1)),
        rule(1, Op::Ge, Value::Null),
        rule(1, Op::Le, SET),
        rule(1, Op::Eq, [1_i64]),
        rule(1, Op::In, 1),
        rule(1, Op::NotIn, SET),
        rule(1, Op::Contains, [1_i64]),
        rule(1, Op::Contains, 0.5),
        rule(1, Op::Contains, -1),
        rule(1, Op::NotContains, i64::MAX),
    ];
    for wrong in mismatches {
        assert_eq!(of(std::slice::from_ref(&wrong)), RouteError::TypeMismatch { rule: id }, "{wrong:?}");
    }
    assert!(RuleSet::new(&[]).unwrap().report().is_clean());
}

fn pairs(pairs: &[(RuleId, RuleId)]) -> Vec<(u16, u16)> {
    pairs.iter().map(|(rule, by)| (rule.get(), by.get())).collect()
}

/// Sixty rules that decide something, and forty that never do.
#[test]
fn s_d7c_the_report_names_the_forty() {
    let hundred: Vec<_> = (0..100_u16)
        .map(|n| {
            let of_key = |op, operand: i64| Rule { key: KeyId::new(n % 10), ..rule(n, op, operand) };
            match n / 10 {
                // Each key: six rules for one number each, then four within what `< 6` or the six leave over.
                band @ 0..5 => of_key(Op::Eq, i64::from(band) * 10),
                5 => of_key(Op::Le, 25).priority(40),
                6 => of_key(Op::Lt, 20).priority(30),
                7 => of_key(Op::Eq, 30).priority(30),
                8 => Rule { value: [10_i64, 20, 40].into(), ..of_key(Op::In, 0).priority(30) },
                _ => of_key(Op::Gt, i64::MAX).priority(30).next_to_nothing(),
            }
        })
        .collect();
    let report = RuleSet::new(&hundred).unwrap().report();
    let mut named: Vec<_> = (0..100).filter(|n| report.names(RuleId::new(*n))).collect();
    named.sort_unstable();
    assert_eq!(named, (60..100).collect::<Vec<_>>());
    assert_eq!((report.duplicates.len(), report.shadowed.len(), report.never.len()), (10, 20, 10));
    assert!(pairs(&report.duplicates).iter().all(|(rule, by)| rule / 10 == 7 && by / 10 == 3));
    assert_eq!(RuleSet::new(&hundred).unwrap().consolidated().rules().len(), 60);
    let set = RouterSet::builder().conditional(&hundred).build().unwrap();
    assert_eq!(set.report(), report);
    assert!(RouterSet::builder().build().unwrap().report().is_clean());
}

trait Nothing {
    fn next_to_nothing(self) -> Self;
}

impl Nothing for Rule {
    /// True for no value at all.
    fn next_to_nothing(self) -> Self {
        Rule { op: Op::In, value: Operand::List(Box::new([])), ..self }
    }
}

#[test]
fn s_d7c_what_shadows_what() {
    let report = |rules: &[Rule]| {
        let report = RuleSet::new(rules).unwrap().report();
        let never: Vec<_> = report.never.iter().map(|rule| rule.get()).collect();
        (pairs(&report.duplicates), pairs(&report.shadowed), never)
    };
    let clean = (vec![], vec![], vec![]);
    // Between 3 and 4 there are numbers that are not whole.
    assert_eq!(report(&[rule(1, Op::Ge, 4), rule(2, Op::Gt, 3)]), clean);
    assert_eq!(report(&[rule(1, Op::Gt, 3), rule(2, Op::Ge, 4)]), (vec![], vec![(2, 1)], vec![]));
    assert_eq!(report(&[rule(1, Op::Lt, 3), rule(2, Op::Ge, 3), rule(3, Op::Ne, 0)]).1.len(), 1);
    assert_eq!(report(&[rule(1, Op::Lt, 3), rule(2, Op::Gt, 3), rule(3, Op::Ne, 0)]), clean);
    // Other keys hide nothing: they may have no value.
    let elsewhere = Rule { key: KeyId::new(4), ..rule(1, Op::NotIn, Operand::List(Box::new([]))) };
    assert_eq!(report(&[elsewhere, rule(2, Op::Eq, 1)]), clean);
    assert_eq!(report(&[rule(1, Op::NotIn, Operand::List(Box::new([]))), rule(2, Op::Eq, 1)]).1, [(2, 1)]);
    assert_eq!(report(&[rule(1, Op::Eq, true), rule(2, Op::Eq, false), rule(3, Op::Ne, true)]).1, [(3, 2)]);
    assert_eq!(report(&[rule(1, Op::Ne, sym(1)), rule(2, Op::Eq, sym(2)), rule(3, Op::Eq, sym(1))]).1, [(2, 1)]);
    // Sets: a member is in or out.
    assert_eq!(report(&[rule(1, Op::Contains, 1), rule(2, Op::NotContains, 1), rule(3, Op::Contains, 2)]).1.len(), 1);
    assert_eq!(report(&[rule(1, Op::Contains, 1), rule(2, Op::NotContains, 2), rule(3, Op::Contains, 3)]), clean);
    assert_eq!(report(&[rule(1, Op::NotContains, 2), rule(2, Op::Eq, SET)]), clean);
    assert_eq!(report(&[rule(1, Op::Contains, 1), rule(2, Op::Contains, 1)]).0, [(2, 1)]);
    let blob = Value::Blob(BlobRef::default());
    assert_eq!(report(&[rule(1, Op::Ne, blob), rule(2, Op::Eq, blob)]), clean);
}

fn number() -> impl Strategy<Value = Value> {
    prop_oneof![(-3..4_i64).prop_map(Value::Int), (-6..7_i32).prop_map(|n| Value::Float(f64::from(n) / 2.0))]
}

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => number(),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => (0..3_u32).prop_map(sym),
        1 => (0..2_u32).prop_map(|index| Value::Set(SetRef { index, generation: 0 })),
        1 => Just(Value::Null),
    ]
}

fn any_condition() -> impl Strategy<Value = (Op, Operand)> {
    let ordered = prop::sample::select(vec![Op::Gt, Op::Lt, Op::Ge, Op::Le]);
    let equal = prop::sample::select(vec![Op::Eq, Op::Ne]);
    let listed = prop::sample::select(vec![Op::In, Op::NotIn]);
    let held = prop::sample::select(vec![Op::Contains, Op::NotContains]);
    prop_oneof![
        3 => (ordered, number()).prop_map(|(op, value)| (op, Operand::One(value))),
        3 => (equal, any_value()).prop_map(|(op, value)| (op, Operand::One(value))),
        2 => (listed, prop::collection::vec(any_value(), 0..4)).prop_map(|(op, values)| (op, Operand::List(values.into()))),
        1 => (held, 0..3_i64).prop_map(|(op, member)| (op, member.into())),
    ]
}

fn any_rules() -> impl Strategy<Value = Vec<Rule>> {
    let one = (any_condition(), 0..3_u16, 0..4_u8, 0..8_usize);
    prop::collection::vec(one, 0..14).prop_map(|rules| {
        let rule = |(id, ((op, value), key, priority, decision)): (usize, (_, u16, u8, usize))| Rule {
            key: KeyId::new(key),
            ..Rule::new(RuleId::new(id as u16), OTHER, op, value, Decision::ALL[decision]).priority(priority)
        };
        rules.into_iter().enumerate().map(rule).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever the report names can go: no decision changes. What it does not name decides something: taking that away, too,
    /// changes the decision of some state.
    #[test]
    fn s_d7c_consolidation_keeps_every_decision(
        rules in any_rules(),
        states in prop::collection::vec((prop::collection::vec(prop::option::of(any_value()), 3), 0..8_u32, 0..8_u32), 40),
    ) {
        let rules = RuleSet::new(&rules).unwrap();
        let slimmer = rules.consolidated();
        prop_assert!(slimmer.report().is_clean());
        let set = |rules: RuleSet| RouterSet::builder().conditional(rules).cache(0).build().unwrap();
        let (full, slim) = (set(rules), set(slimmer));
        for (values, first, second) in states {
            let mut desk = Desk::new();
            desk.sets = [first, second].map(|bits| (0..3).filter(|bit| bits >> bit & 1 != 0).collect()).to_vec();
            for (key, value) in (0..).zip(values) {
                desk.set(KeyId::new(key), value);
            }
            prop_assert_eq!(decides(&full, &desk), decides(&slim, &desk));
        }
    }
}
