//! No allocation on the hot paths of routing.
#![cfg(feature = "coord")]

#[path = "common/allocations.rs"]
mod allocations;

use allocations::calls;
#[path = "coord_routing/desk.rs"]
mod desk;

use desk::{Desk, ERRORS, OTHER, PRIORITY, rule};
use ringway::coord::routing::{
    Consolidate, Decision, Fields, Op, Operand, Q16, Reason, RouteRecord, RouteRequest, Router, RouterSet, Rule,
    StateAnalysis, Strategy, Verdict, hints,
};
use ringway::ids::{KeyId, TaskId};
use ringway::metrics::Registry;
use ringway::value::{StateView, Value};
use std::hint::black_box;

const N: u32 = 10_000;

/// What `N` runs of `f` cost this thread.
fn cost(mut f: impl FnMut(u32)) -> u64 {
    let before = calls();
    (0..N).for_each(&mut f);
    calls() - before
}

struct Patience;

impl Router for Patience {
    fn strategy(&self) -> Strategy {
        Strategy::Custom(1)
    }
    fn priority(&self) -> u8 {
        90
    }
    fn reads(&self) -> Fields {
        Fields::RETRY_COUNT
    }
    fn judge(&self, _state: &dyn StateView, request: &RouteRequest) -> Verdict {
        if request.retry_count > 3 {
            Verdict::new(Decision::Error, Q16::ONE, Reason::Custom(1))
        } else {
            Verdict::abstain(Q16::new(0.5), Reason::Custom(0))
        }
    }
}

/// Four routers, one of your own, ten rules with all operators, times in a histogram.
fn routers(consolidate: Consolidate) -> RouterSet {
    let numbered = [Op::Eq, Op::Ne, Op::Gt, Op::Lt, Op::Ge, Op::Le, Op::In, Op::NotIn, Op::Contains, Op::NotContains];
    let rules: Vec<_> = (0..)
        .zip(numbered)
        .map(|(n, op)| {
            let operand = match op {
                Op::In | Op::NotIn => Operand::from([100_i64, 200]),
                _ => Operand::from(100 + i64::from(n)),
            };
            Rule { key: KeyId::new(3 + n), ..rule(n, op, operand) }
        })
        .collect();
    let registry = Registry::builder().build();
    let three = (1..4).map(TaskId::new).fold(hints(), |hints, task| hints.task(task).group(1).after(&[TaskId::new(0)]));
    RouterSet::builder()
        .conditional(&rules)
        .state(StateAnalysis { required: vec![PRIORITY], ..StateAnalysis::default() })
        .parallel(three)
        .priority(80, 20)
        .custom(Patience)
        .consolidate(consolidate)
        .histogram(registry.histogram("routing_decision_time_ms", &[]).unwrap())
        .build()
        .unwrap()
}

#[test]
fn the_counter_counts() {
    assert_eq!(cost(|_| drop(black_box(Box::new(1)))), 2 * u64::from(N));
}

#[test]
fn s_d7b_four_routers_and_ten_rules_allocate_nothing() {
    let mut desk = Desk::new();
    desk.done(&[TaskId::new(0)]).set(OTHER, Value::Int(1));
    for consolidate in [Consolidate::default(), Consolidate::Weighted { abstain: false }, Consolidate::Precedence] {
        let set = routers(consolidate);
        assert_eq!(set.rules().len(), 10);
        let costs = cost(|n| {
            desk.set(PRIORITY, Value::Int(i64::from(n % 100)));
            desk.set(ERRORS, Value::Int(i64::from(n % 3)));
            desk.set(KeyId::new(3 + n as u16 % 10), Value::Int(100 + i64::from(n % 10)));
            let request =
                RouteRequest { task: TaskId::new(n % 7), retry_count: n as u16 % 5, ..RouteRequest::default() };
            assert!(!set.route(&desk, &request).cached);
            assert!(set.route(&desk, &request).cached);
        });
        assert_eq!((costs, set.stats().cache_hits), (0, u64::from(N)));
    }
}

#[test]
fn looking_at_a_set_allocates_nothing() {
    let (set, mut desk) = (routers(Consolidate::default()), Desk::new());
    desk.done(&[TaskId::new(0)]).set(PRIORITY, Value::Int(50));
    let (mut records, mut verdicts, mut peers) =
        ([RouteRecord::default(); 16], [Verdict::default(); 8], [TaskId::default(); 8]);
    let request = RouteRequest { task: TaskId::new(1), ..RouteRequest::default() };
    let costs = cost(|n| {
        set.route(&desk, &request);
        assert_eq!(set.explain(&desk, &request, &mut verdicts), 5);
        assert_eq!(set.peers(&desk, request.task, &mut peers), 2);
        assert!(set.history(Some(request.task), 16, &mut records) > 0);
        if n % 100 == 0 {
            assert_eq!(set.stats().total_routings, u64::from(n) + 1);
            set.clear_history();
        }
    });
    assert_eq!(costs, 0);
}
