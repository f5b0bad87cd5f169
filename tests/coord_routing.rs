//! Routing: rules, routers, consolidation, cache, history, statistics, and what cannot be built.
#![cfg(feature = "coord")]

#[path = "coord_routing/desk.rs"]
mod desk;
#[path = "coord_routing/rules.rs"]
mod rules;

use desk::{Desk, ERRORS, OTHER, PRIORITY, rule};
use ringway::coord::routing::{
    Consolidate, Decision, Fields, HintsBuilder, Keys, Op, Q16, Reason, Route, RouteError, RouteMetrics, RouteRecord,
    RouteRequest, Router, RouterSet, RouterSetBuilder, RouterSpec, Rule, StateAnalysis, Strategy, Verdict, hints,
};
use ringway::coord::state::{Snapshot, StateStore};
use ringway::ids::{AgentId, CorrelationId, KeyId, RuleId, TaskId};
use ringway::metrics::{Reading, Registry};
use ringway::value::{Members, SetRef, StateSize, StateView, Value};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const PARSE: TaskId = TaskId::new(0);
const MAP: TaskId = TaskId::new(1);
const VERIFY: TaskId = TaskId::new(2);
const TRANSLATE: TaskId = TaskId::new(3);
/// No hint speaks of it.
const ALONE: TaskId = TaskId::new(9);

fn of(task: TaskId) -> RouteRequest {
    RouteRequest { task, ..RouteRequest::default() }
}

/// Those of the source: errors at priority 100, urgent tasks at 90.
fn fixtures() -> [Rule; 2] {
    let errors = Rule::new(RuleId::new(1), ERRORS, Op::Gt, 0, Decision::Error).priority(100);
    let urgent = Rule::new(RuleId::new(2), PRIORITY, Op::Ge, 80, Decision::Conditional).priority(90);
    [urgent, errors]
}

fn three() -> HintsBuilder {
    let three = [MAP, VERIFY, TRANSLATE].into_iter();
    three.fold(hints(), |hints, task| hints.task(task).group(1).after(&[PARSE]))
}

/// All four routers, the rules over a key that no other router looks at.
fn four() -> RouterSetBuilder {
    RouterSet::builder()
        .conditional([rule(1, Op::Eq, 1).next(PARSE)])
        .state(StateAnalysis { required: vec![KeyId::new(5)], ..StateAnalysis::default() })
        .parallel(three())
        .priority(80, 20)
}

/// In order: no errors, complete, simple, priority 50, nothing done, no rule matches.
fn ordinary() -> Desk {
    let mut desk = Desk::new();
    desk.set(KeyId::new(5), Value::Null).set(PRIORITY, Value::Int(50));
    desk
}

#[derive(Clone)]
struct Own {
    number: u8,
    priority: u8,
    reads: Fields,
    judge: fn(&dyn StateView, &RouteRequest) -> Verdict,
}

impl Router for Own {
    fn strategy(&self) -> Strategy {
        Strategy::Custom(self.number)
    }
    fn priority(&self) -> u8 {
        self.priority
    }
    fn reads(&self) -> Fields {
        self.reads
    }
    fn judge(&self, state: &dyn StateView, request: &RouteRequest) -> Verdict {
        (self.judge)(state, request)
    }
}

fn own(number: u8, judge: fn(&dyn StateView, &RouteRequest) -> Verdict) -> Own {
    Own { number, priority: 50, reads: Fields::NONE, judge }
}

fn shrug(_: &dyn StateView, _: &RouteRequest) -> Verdict {
    Verdict::abstain(Q16::new(0.5), Reason::Custom(0))
}

fn panics(_: &dyn StateView, _: &RouteRequest) -> Verdict {
    panic!("a router that panics");
}

fn summary(route: &Route) -> (Decision, f64, Strategy, Reason) {
    (route.decision, (route.confidence.get() * 100.0).round() / 100.0, route.strategy, route.reason)
}

#[test]
fn s_d4_the_rules_of_the_source() {
    let set = RouterSet::builder().conditional(fixtures()).build().unwrap();
    let mut desk = Desk::new();
    desk.done(&[]).set(PRIORITY, Value::Int(50));
    let route = set.route(&desk, &of(ALONE));
    assert_eq!(summary(&route), (Decision::Continue, 0.5, Strategy::Conditional, Reason::NoRule));
    desk.set(PRIORITY, Value::Int(80));
    let route = set.route(&desk, &of(ALONE));
    let urgent = (Decision::Conditional, 1.0, Strategy::Conditional, Reason::Rule(RuleId::new(2)));
    assert_eq!(summary(&route), urgent);
    desk.set(ERRORS, Value::Int(1));
    assert_eq!(set.route(&desk, &of(ALONE)).reason, Reason::Rule(RuleId::new(1)), "by priority, not as given");
    desk.set(ERRORS, Value::Int(0)).set(PRIORITY, Value::Int(79));
    assert_eq!(set.route(&desk, &of(ALONE)).reason, Reason::NoRule);
    assert_eq!((set.rule_matches(RuleId::new(1)), set.rule_matches(RuleId::new(2))), (Some(1), Some(1)));
    assert_eq!(set.rule_matches(RuleId::new(3)), None);
}

/// Under the default every router decides something; in the compatible mode two of them never do.
#[test]
fn s_d4_every_router_wins() {
    let mut matching = ordinary();
    matching.set(OTHER, Value::Int(1));
    let mut failing = ordinary();
    failing.set(ERRORS, Value::Int(1));
    let mut ready = ordinary();
    ready.done(&[PARSE]);
    let mut urgent = ordinary();
    urgent.set(PRIORITY, Value::Int(80));
    let cases = [
        (&matching, MAP, Strategy::Conditional, Decision::Branch),
        (&failing, MAP, Strategy::StateAnalysis, Decision::Retry),
        (&ready, MAP, Strategy::Parallel, Decision::Parallel),
        (&urgent, MAP, Strategy::Priority, Decision::Continue),
        (&ordinary(), MAP, Strategy::StateAnalysis, Decision::Continue),
    ];
    let with_own = |set: RouterSetBuilder| set.custom(own(7, shrug)).build().unwrap();
    let (set, compatible) = (with_own(four()), with_own(four().consolidate(Consolidate::Weighted { abstain: false })));
    for (state, task, strategy, decision) in cases {
        let route = set.route(state, &of(task));
        assert_eq!((route.strategy, route.decision), (strategy, decision));
        let by = compatible.route(state, &of(task)).strategy;
        assert_eq!(by, if strategy == Strategy::Conditional { strategy } else { Strategy::StateAnalysis });
    }
    assert_eq!(set.route(&matching, &of(MAP)).next, Some(PARSE));
    let eager = own(7, |_, _| Verdict::new(Decision::End, Q16::ONE, Reason::Custom(3)));
    let set = four().custom(eager).build().unwrap();
    let route = set.route(&urgent, &of(MAP));
    assert_eq!((route.strategy, route.reason), (Strategy::Custom(7), Reason::Custom(3)));
}

#[test]
fn s_d4_the_scores_of_the_compatible_mode() {
    let mut scores = Vec::new();
    let mut desk = ordinary();
    let set = four().consolidate(Consolidate::Weighted { abstain: false }).build().unwrap();
    let mut note = |desk: &Desk| {
        let mut verdicts = [Verdict::default(); 8];
        assert_eq!(set.explain(desk, &of(MAP), &mut verdicts), 4);
        for (verdict, strategy) in verdicts.iter().zip(set.routers()) {
            let score = verdict.confidence.score(strategy.priority().unwrap());
            scores.push((f64::from(score) / 65_536.0).round() as u32);
        }
    };
    note(&desk);
    note(desk.set(OTHER, Value::Int(1)));
    note(desk.set(ERRORS, Value::Int(1)));
    note(desk.set(ERRORS, None).sized(1_000, 1, 0));
    note(desk.sized(1, 1, 0).set(KeyId::new(5), None));
    note(desk.done(&[PARSE]));
    note(desk.set(PRIORITY, Value::Int(80)));
    note(desk.set(PRIORITY, Value::Int(20)));
    scores.sort_unstable_by(|a, b| b.cmp(a));
    scores.dedup();
    assert_eq!(scores, [100, 76, 72, 68, 64, 54, 50, 42, 38, 34, 32]);
    assert_eq!(set.stats().total_routings, 0, "explaining leaves no traces");
    let mut two = [Verdict::default(); 2];
    assert_eq!(set.explain(&desk, &of(MAP), &mut two), 2);
}

#[test]
fn s_d4_precedence_and_ties() {
    let mut desk = ordinary();
    desk.done(&[PARSE]).set(OTHER, Value::Int(1));
    let set = four().consolidate(Consolidate::Precedence).build().unwrap();
    assert_eq!(set.route(&desk, &of(MAP)).decision, Decision::Parallel, "before the rule's Branch");
    desk.set(ERRORS, Value::Int(1));
    assert_eq!(set.route(&desk, &of(MAP)).decision, Decision::Retry);

    let says = |number, priority, confidence: fn(&dyn StateView, &RouteRequest) -> Verdict| Own {
        priority,
        ..own(number, confidence)
    };
    let half = |_: &dyn StateView, _: &RouteRequest| Verdict::new(Decision::End, Q16::new(0.5), Reason::Custom(0));
    let whole = |_: &dyn StateView, _: &RouteRequest| Verdict::new(Decision::Skip, Q16::ONE, Reason::Custom(0));
    let tie = RouterSet::builder().custom(says(1, 30, whole)).custom(says(2, 60, half)).build().unwrap();
    assert_eq!(tie.route(&desk, &of(MAP)).strategy, Strategy::Custom(2), "30 by the higher priority");
    let tie = RouterSet::builder().custom(says(4, 30, whole)).custom(says(3, 30, whole)).build().unwrap();
    assert_eq!(tie.route(&desk, &of(MAP)).strategy, Strategy::Custom(4), "by the order");
    assert_eq!(tie.routers(), [Strategy::Custom(4), Strategy::Custom(3)]);
}

#[test]
fn s_d5_errors_gaps_complexity() {
    let analysis = StateAnalysis { required: vec![OTHER], ..StateAnalysis::default() };
    let set = RouterSet::builder().state(analysis).build().unwrap();
    let mut desk = Desk::new();
    let decides = |desk: &mut Desk, expected: (Decision, f64, Reason)| {
        let route = set.route(desk, &of(ALONE));
        assert_eq!(summary(&route), (expected.0, expected.1, Strategy::StateAnalysis, expected.2));
    };
    for errors in [Value::Int(2), Value::Bool(true), Value::Float(0.5)] {
        decides(desk.set(ERRORS, errors), (Decision::Retry, 0.95, Reason::Errors));
    }
    for none in [Value::Int(0), Value::Bool(false), Value::Float(0.0), Value::Null] {
        decides(desk.set(ERRORS, none), (Decision::Skip, 0.8, Reason::Incomplete));
    }
    desk.set(OTHER, Value::Null);
    decides(desk.sized(200, 0, 0), (Decision::Continue, 0.9, Reason::Ordinary)); // 0.80
    decides(desk.sized(200, 0, 33_334), (Decision::Branch, 0.85, Reason::Complex)); // 0.81
    decides(desk.sized(195, 1, 0), (Decision::Branch, 0.85, Reason::Complex)); // 0.81
    decides(desk.sized(usize::MAX, usize::MAX, usize::MAX), (Decision::Branch, 0.85, Reason::Complex));

    let complexity = |keys, depth, bytes| StateAnalysis::complexity(StateSize { keys, depth, bytes });
    assert_eq!(complexity(50, 5, 500_000), 0.5);
    assert_eq!((complexity(0, 0, 0), complexity(1_000, 9, 9)), (0.0, 1.0));
    let strict = StateAnalysis { error_decision: Decision::End, max_complexity_score: 0.0, ..StateAnalysis::default() };
    let set = RouterSet::builder().state(strict).build().unwrap();
    assert_eq!(set.route(desk.sized(0, 0, 1), &of(ALONE)).decision, Decision::Branch);
    assert_eq!(set.route(desk.set(ERRORS, Value::Int(1)), &of(ALONE)).decision, Decision::End);
}

#[test]
fn s_d6_parallel_hints() {
    let set = RouterSet::builder().parallel(three()).build().unwrap();
    let mut desk = Desk::new();
    let mut peers = [TaskId::default(); 8];
    let mut decides = |desk: &Desk, task, expected: &[TaskId]| {
        let route = set.route(desk, &of(task));
        let count = set.peers(desk, task, &mut peers);
        assert_eq!(&peers[..count], expected);
        if expected.is_empty() {
            assert_eq!(summary(&route), (Decision::Continue, 0.7, Strategy::Parallel, Reason::NoPeers));
        } else {
            let reason = Reason::Peers(count as u16);
            assert_eq!(summary(&route), (Decision::Parallel, 0.9, Strategy::Parallel, reason));
        }
    };
    decides(&desk, MAP, &[]); // no set: nothing is done
    decides(desk.done(&[]), MAP, &[]);
    decides(desk.done(&[PARSE]), MAP, &[VERIFY, TRANSLATE]);
    decides(desk.done(&[PARSE, VERIFY]), MAP, &[TRANSLATE]);
    decides(desk.done(&[PARSE, VERIFY, TRANSLATE]), MAP, &[]);
    decides(&desk, PARSE, &[]);
    decides(&desk, ALONE, &[]);
}

/// A peer that still waits for something else cannot run beside anybody; a task that is written twice is one.
#[test]
fn s_d6_peers_are_ready_themselves() {
    let hints = hints().task(MAP).task(VERIFY).group(2).after(&[TRANSLATE]).task(MAP).group(2).estimate(5);
    let built = hints.clone().build().unwrap();
    assert_eq!((built.estimate_ms(MAP), built.estimate_ms(PARSE)), (Some(5), None));
    let set = RouterSet::builder().parallel(hints).build().unwrap();
    let mut desk = Desk::new();
    assert_eq!(set.route(desk.done(&[]), &of(MAP)).reason, Reason::NoPeers);
    assert_eq!(set.route(desk.done(&[TRANSLATE]), &of(MAP)).reason, Reason::Peers(1));
}

#[test]
fn s_d6_priorities() {
    let set = RouterSet::builder().priority(80, 20).build().unwrap();
    let mut desk = Desk::new();
    let cases = [
        (Some(Value::Int(80)), (Decision::Continue, 0.95, Reason::HighPriority)),
        (Some(Value::Int(79)), (Decision::Continue, 0.8, Reason::MiddlePriority)),
        (Some(Value::Float(80.5)), (Decision::Continue, 0.95, Reason::HighPriority)),
        (Some(Value::Int(50)), (Decision::Continue, 0.8, Reason::MiddlePriority)),
        (None, (Decision::Continue, 0.8, Reason::MiddlePriority)),
        (Some(Value::Null), (Decision::Continue, 0.8, Reason::MiddlePriority)),
        (Some(Value::Int(21)), (Decision::Continue, 0.8, Reason::MiddlePriority)),
        (Some(Value::Int(20)), (Decision::Skip, 0.85, Reason::LowPriority)),
        (Some(Value::Int(i64::MIN)), (Decision::Skip, 0.85, Reason::LowPriority)),
    ];
    for (priority, (decision, confidence, reason)) in cases {
        let route = set.route(desk.set(PRIORITY, priority), &of(ALONE));
        assert_eq!(summary(&route), (decision, confidence, Strategy::Priority, reason), "{priority:?}");
    }
}

#[test]
fn s_d6_a_faulty_router_is_skipped_and_counted() {
    let set = four().cache(0).custom(own(1, panics)).build().unwrap();
    let route = set.route(&ordinary(), &of(MAP));
    assert_eq!((route.strategy, route.decision), (Strategy::StateAnalysis, Decision::Continue));
    assert_eq!(set.stats().faults, 1);
    let mut matching = ordinary();
    matching.set(OTHER, Value::Int(1));
    assert_eq!(set.route(&matching, &of(MAP)).strategy, Strategy::Conditional);
    assert_eq!(set.stats().faults, 2, "custom routers are asked in any case");
    let mut verdicts = [Verdict::default(); 8];
    assert_eq!(set.explain(&matching, &of(MAP), &mut verdicts), 5);
    assert_eq!((verdicts[4].reason, verdicts[0].reason), (Reason::Fault, Reason::Rule(RuleId::new(1))));

    // The others are asked, before it and after it.
    let first = Own { priority: 100, ..own(1, panics) };
    let set = RouterSet::builder().custom(first).custom(own(2, panics)).priority(80, 20).build().unwrap();
    assert_eq!(set.route(&ordinary(), &of(MAP)).strategy, Strategy::Priority);
    assert_eq!(set.stats().faults, 2);
}

/// What a router panics with may panic again when it is dropped.
#[test]
fn s_d6_a_fault_that_panics_again_is_one_fault() {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            std::panic::panic_any(()); // nothing that could leak: what is panicked with here is forgotten
        }
    }
    let set = four().custom(own(1, |_, _| std::panic::panic_any(Again))).build().unwrap();
    assert_eq!(
        set.route(&ordinary(), &of(MAP)).strategy,
        four().build().unwrap().route(&ordinary(), &of(MAP)).strategy
    );
    assert_eq!(set.stats().faults, 1);
    let mut verdicts = [Verdict::default(); 5];
    assert_eq!(set.explain(&ordinary(), &of(MAP), &mut verdicts), 5);
    assert_eq!(verdicts[4].reason, Reason::Fault);
}

#[test]
fn s_d6_nobody_decides() {
    let nobody = (Decision::Continue, 0.5, Strategy::Conditional, Reason::NoRouters);
    let none = RouterSet::builder().build().unwrap();
    assert_eq!(summary(&none.route(&ordinary(), &of(MAP))), nobody);
    let faulty = RouterSet::builder().custom(own(1, panics)).build().unwrap();
    assert_eq!(summary(&faulty.route(&ordinary(), &of(MAP))), nobody);
    assert_eq!((none.stats().total_routings, faulty.stats().faults), (1, 1));
}

#[test]
fn s_d7_the_same_version_hits_and_a_write_recomputes() {
    let set = four().build().unwrap();
    let mut desk = ordinary();
    let first = set.route(&desk, &of(MAP));
    let second = set.route(&desk, &of(MAP));
    assert!(!first.cached && first.ns > 0);
    assert_eq!(second, Route { cached: true, ns: 0, ..first });
    assert!(!set.route(&desk, &of(VERIFY)).cached, "of another task");
    assert!(!set.route(desk.set(KeyId::new(9), Value::Null), &of(MAP)).cached, "any write");
    assert!(set.route(&desk, &of(MAP)).cached);
    assert!(!set.route(&desk.clone(), &of(MAP)).cached, "of another state that counts alike");
    let stats = set.stats();
    assert_eq!((stats.cache_hits, stats.cache_misses, stats.total_routings), (2, 4, 6));
}

#[test]
fn s_d7_a_cache_keeps_a_thousand_tasks() {
    let set = four().build().unwrap();
    let desk = ordinary();
    assert!(set.cache_capacity() >= 1_000);
    (0..1_000).for_each(|task| assert!(!set.route(&desk, &of(TaskId::new(task))).cached));
    (0..1_000).for_each(|task| assert!(set.route(&desk, &of(TaskId::new(task))).cached));
    let none = four().cache(0).build().unwrap();
    (0..2).for_each(|_| assert!(!none.route(&desk, &of(MAP)).cached));
    assert_eq!((none.stats().cache_misses, none.cache_capacity()), (0, 0));
}

/// A change of the set finds none of the old decisions, in whatever order the sets are made and used.
#[test]
fn s_d7_another_set_recomputes() {
    let set = four().build().unwrap();
    let desk = ordinary();
    set.route(&desk, &of(MAP));
    let eager = own(1, |_, _| Verdict::new(Decision::End, Q16::ONE, Reason::Custom(0)));
    let more = set.with(RouterSpec::Custom(Arc::new(eager))).unwrap();
    let fewer = set.without(Strategy::StateAnalysis).unwrap();
    assert_eq!(more.route(&desk, &of(MAP)).decision, Decision::End);
    assert_eq!(fewer.route(&desk, &of(MAP)).strategy, Strategy::Conditional);
    assert_eq!(set.route(&desk, &of(MAP)).strategy, Strategy::StateAnalysis);
    assert!(more.version() != fewer.version() && set.version() != more.version());
    assert_eq!((more.routers().len(), set.routers().len(), fewer.routers().len()), (5, 4, 3));
    assert_eq!(fewer.stats().total_routings, 4, "statistics go on");
    assert_eq!(fewer.without(Strategy::StateAnalysis).unwrap_err(), RouteError::UnknownStrategy);
    let again = RouterSpec::Priority { high: 80, low: 20 };
    assert_eq!(set.with(again).unwrap_err(), RouteError::DuplicateStrategy);
}

/// What a router says it looks at tells decisions apart; nothing else does.
#[test]
fn s_d7_fields_of_the_request() {
    let request = of(MAP);
    let changed = [
        (Fields::EXECUTION_MS, RouteRequest { execution_ms: 1, ..request }),
        (Fields::RETRY_COUNT, RouteRequest { retry_count: 1, ..request }),
        (Fields::DATA, RouteRequest { data: Value::Int(0), ..request }),
        (Fields::CORRELATION, RouteRequest { correlation: CorrelationId::new(1), ..request }),
    ];
    for reads in [Fields::NONE, Fields::EXECUTION_MS, Fields::RETRY_COUNT, Fields::DATA, Fields::CORRELATION] {
        let set = RouterSet::builder().custom(Own { reads, ..own(1, shrug) }).build().unwrap();
        let desk = ordinary();
        for (field, other) in changed {
            set.route(&desk, &request);
            assert_eq!(set.route(&desk, &other).cached, field != reads);
        }
    }
    let reads = Fields::VOLATILE.and(Fields::DATA);
    let set = RouterSet::builder().custom(Own { reads, ..own(1, shrug) }).build().unwrap();
    (0..3).for_each(|_| assert!(!set.route(&ordinary(), &request).cached));
}

/// A state of a number, in which finding a set is work.
struct Pooled {
    desk: Desk,
    identity: u64,
    found: Cell<usize>,
}

impl StateView for Pooled {
    fn get(&self, key: KeyId) -> Option<Value> {
        self.desk.get(key)
    }
    fn version(&self) -> u64 {
        1
    }
    fn identity(&self) -> u64 {
        self.identity
    }
    fn size(&self) -> StateSize {
        self.desk.size()
    }
    fn set_contains(&self, set: SetRef, member: u32) -> bool {
        self.found.set(self.found.get() + 1);
        self.desk.set_contains(set, member)
    }
    fn with_set(&self, set: SetRef, read: &mut dyn FnMut(&Members<'_>)) {
        self.found.set(self.found.get() + 1);
        self.desk.with_set(set, read);
    }
}

#[test]
fn the_set_of_completed_tasks_is_found_once() {
    let mut desk = ordinary();
    desk.done(&[PARSE]);
    let state = Pooled { desk, identity: 1, found: Cell::new(0) };
    let set = four().build().unwrap();
    assert_eq!(set.route(&state, &of(MAP)).reason, Reason::Peers(2));
    assert_eq!(state.found.take(), 1);
    let mut peers = [ALONE; 3];
    assert_eq!((set.peers(&state, MAP, &mut peers), peers), (2, [VERIFY, TRANSLATE, ALONE]));
    assert_eq!((set.peers(&state, MAP, &mut peers[..1]), state.found.take()), (1, 2));
    // No hint speaks of it, so nobody looks.
    set.route(&state, &of(ALONE));
    assert_eq!(state.found.take(), 0);
}

#[test]
fn s_d7_two_states_share_a_cache() {
    let set = four().build().unwrap();
    let states = [1, 2].map(|identity| Pooled { desk: ordinary(), identity, found: Cell::new(0) });
    let cached = || states.each_ref().map(|state| set.route(state, &of(MAP)).cached);
    assert_eq!((cached(), cached()), ([false; 2], [true; 2]));
}

/// A store that takes the place of another counts like it, and so do snapshots of two stores in one buffer.
#[test]
fn s_d7_states_that_follow_each_other_at_one_place() {
    let store = |errors: i64| {
        let state = StateStore::builder().keys(4).history(1).build();
        state.set(state.key("error_count").unwrap(), Value::Int(errors), AgentId::default()).unwrap();
        state
    };
    let set = RouterSet::builder().state(StateAnalysis::default()).build().unwrap();
    let (mut state, mut snapshot) = (store(1), Snapshot::new());
    for errors in [1, 0, 1, 0] {
        let expected = if errors > 0 { Decision::Retry } else { Decision::Continue };
        state = store(errors);
        assert_eq!(set.route(&state, &of(MAP)).decision, expected);
        assert_eq!(state.snapshot(&mut snapshot), 1);
        assert_eq!(set.route(&snapshot, &of(VERIFY)).decision, expected);
        assert!(set.route(&state, &of(MAP)).cached && set.route(&snapshot, &of(VERIFY)).cached);
    }
    drop(state);
}

/// Counts on, while it is looked at: as if another thread wrote.
struct Restless(Cell<u64>);

impl StateView for Restless {
    fn get(&self, _key: KeyId) -> Option<Value> {
        let version = self.0.get();
        self.0.set(version + 1);
        Some(Value::Int(version as i64))
    }
    fn version(&self) -> u64 {
        self.0.get()
    }
    fn size(&self) -> StateSize {
        StateSize::default()
    }
}

#[test]
fn s_d7_a_write_in_the_middle_is_not_cached_as_the_newer_state() {
    let set = RouterSet::builder().conditional(vec![rule(1, Op::Eq, 0)]).build().unwrap();
    let state = Restless(Cell::new(0));
    assert_eq!(set.route(&state, &of(MAP)).reason, Reason::Rule(RuleId::new(1)));
    let next = set.route(&state, &of(MAP));
    assert_eq!((next.cached, next.reason), (false, Reason::NoRule));
}

#[test]
fn s_d7_statistics_are_exact() {
    let set = four().lanes(4).build().unwrap();
    let mut desk = ordinary();
    let mut routes = Vec::new();
    for n in 0..1_000_u32 {
        match n % 21 {
            0 => _ = desk.set(ERRORS, Value::Int(1)),
            7 => _ = desk.set(ERRORS, None),
            14 => _ = desk.set(PRIORITY, Value::Int(i64::from(n % 100))),
            _ => {}
        }
        routes.push(set.route(&desk, &of(TaskId::new(n % 5))));
    }
    let stats = set.stats();
    let count = |chosen: &dyn Fn(&Route) -> bool| routes.iter().filter(|route| chosen(route)).count() as u64;
    assert_eq!(stats.total_routings, 1_000);
    assert_eq!(stats.cache_hits, count(&|route| route.cached));
    assert!(stats.cache_hits > 100 && stats.cache_misses > 100);
    for decision in Decision::ALL {
        assert_eq!(stats.by_decision(decision), count(&|route| route.decision == decision));
    }
    for strategy in [Strategy::Conditional, Strategy::StateAnalysis, Strategy::Parallel, Strategy::Priority] {
        assert_eq!(stats.by_strategy(strategy), count(&|route| route.strategy == strategy));
    }
    let mut times: Vec<_> = routes.iter().filter(|route| !route.cached).map(|route| u64::from(route.ns)).collect();
    times.sort_unstable();
    assert_eq!((stats.measured, stats.min_ns, stats.max_ns), (times.len() as u64, times[0], times[times.len() - 1]));
    assert!((stats.avg_ns - times.iter().sum::<u64>() as f64 / times.len() as f64).abs() < 1e-6);
    let p99 = times[(times.len() as f64 * 0.99).ceil() as usize - 1];
    assert!(p99 <= stats.p99_ns && stats.p99_ns <= p99 + p99 / 16, "{p99} told as {}", stats.p99_ns);

    let untimed = four().timing(false).build().unwrap();
    assert_eq!(untimed.route(&desk, &of(MAP)).ns, 0);
    assert_eq!((untimed.stats().measured, untimed.stats().avg_ns), (0, 0.0));
}

#[test]
fn s_d7_the_history_is_bounded_and_clears() {
    let set = four().build().unwrap();
    let desk = ordinary();
    let mut out = [RouteRecord::default(); 2_000];
    assert_eq!(set.history(None, 10, &mut out), 0);
    for n in 0..1_500 {
        let correlation = CorrelationId::new(n);
        set.route(&desk, &RouteRequest { correlation, ..of(TaskId::new(n as u32 % 3)) });
    }
    assert_eq!(set.history(None, 5_000, &mut out), 1_000, "no more than asked for when it was built");
    let newest_first = |record: &RouteRecord, age: u64| {
        let n = 1_499 - age;
        (record.sequence, record.correlation.get(), record.task.get()) == (n, n, n as u32 % 3) && record.route.cached
    };
    assert!((0..1_000).all(|age| newest_first(&out[age as usize], age)));
    assert_eq!(set.history(None, 7, &mut out), 7);
    assert_eq!(set.history(Some(MAP), 5, &mut out), 5);
    assert!(out[..5].iter().all(|record| record.task == MAP) && out[0].sequence == 1_498);
    assert_eq!(set.history(Some(ALONE), 5, &mut out), 0);
    assert_eq!(set.history(None, 5, &mut out[..2]), 2);
    set.clear_history();
    assert_eq!(set.history(None, 5, &mut out), 0);
    let route = set.route(&desk, &of(MAP));
    assert_eq!(set.history(None, 5, &mut out), 1);
    assert_eq!((out[0].route, out[0].sequence), (route, 1_500));
    assert_eq!(set.stats().total_routings, 1_501);
    let none = four().history(0).build().unwrap();
    none.route(&desk, &of(MAP));
    assert_eq!(none.history(None, 5, &mut out), 0);
}

#[test]
fn s_d7_threads_share_a_set() {
    let set = four().lanes(2).build().unwrap();
    let (desk, sum) = (ordinary(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (set, desk, sum) = (&set, &desk, &sum);
            scope.spawn(move || {
                for n in 0..5_000 {
                    let route = set.route(desk, &of(TaskId::new((n % 50 + thread * 10) as u32)));
                    sum.fetch_add(u64::from(route.ns), Ordering::Relaxed);
                }
            });
        }
    });
    let stats = set.stats();
    assert_eq!((stats.total_routings, stats.cache_hits + stats.cache_misses), (20_000, 20_000));
    let sum = sum.into_inner() as f64;
    assert!((stats.avg_ns * stats.measured as f64 - sum).abs() < 1.0);
    let mut out = [RouteRecord::default(); 1_000];
    let count = set.history(None, 1_000, &mut out);
    assert!(count > 0 && out[..count].is_sorted_by(|newer, older| newer.sequence > older.sequence));
}

#[test]
fn metrics_follow_the_statistics() {
    let registry = Registry::builder().build();
    let times = registry.histogram("routing_decision_time_ms", &[]).unwrap();
    let set = four().custom(own(1, panics)).histogram(times).build().unwrap();
    let mut metrics = RouteMetrics::register(&registry, &set).unwrap();
    let mut desk = ordinary();
    desk.set(OTHER, Value::Int(1));
    for _ in 0..2 {
        (0..3).for_each(|_| assert_eq!(set.route(&desk, &of(MAP)).decision, Decision::Branch));
        desk.version += 1;
        metrics.publish(&set);
    }
    let read = |name: &str, tags: &[(&str, &str)]| {
        let id = registry.series(name, tags).unwrap();
        let mut snapshot = ringway::metrics::MetricsSnapshot::default();
        registry.snapshot(&mut snapshot);
        snapshot.series.into_iter().find(|series| series.id == id).unwrap().reading
    };
    let tags = [("decision", "branch"), ("strategy", "conditional")];
    assert_eq!(read("routing_decisions_count", &tags), Reading::Counter(6));
    assert_eq!(read("route_cache_hits", &[]), Reading::Counter(4));
    assert_eq!(read("route_cache_misses", &[]), Reading::Counter(2));
    assert_eq!(read("router_faults", &[]), Reading::Counter(2));
    assert_eq!(read("rule_matches", &[("rule", "1")]), Reading::Counter(2));
    let Reading::Histogram(times) = read("routing_decision_time_ms", &[]) else { panic!("a histogram") };
    assert_eq!(times.count, 2);
}

/// Counts what it is asked of itself.
#[derive(Clone)]
struct Asked {
    strategy: Strategy,
    times: Arc<[AtomicU64; 3]>,
}

impl Default for Asked {
    fn default() -> Self {
        Self { strategy: Strategy::Custom(1), times: Arc::default() }
    }
}

impl Router for Asked {
    fn strategy(&self) -> Strategy {
        self.times[0].fetch_add(1, Ordering::Relaxed);
        self.strategy
    }
    fn priority(&self) -> u8 {
        // Another one each time.
        self.times[1].fetch_add(1, Ordering::Relaxed) as u8 + 10
    }
    fn reads(&self) -> Fields {
        self.times[2].fetch_add(1, Ordering::Relaxed);
        Fields::NONE
    }
    fn judge(&self, _: &dyn StateView, _: &RouteRequest) -> Verdict {
        Verdict::abstain(Q16::new(0.5), Reason::Custom(0))
    }
}

#[test]
fn d38_a_custom_router_is_asked_once_what_it_is() {
    let router = Asked::default();
    let set = four().custom(router.clone()).build().unwrap();
    let set = set.with(RouterSpec::Custom(Arc::new(own(2, shrug)))).unwrap().without(Strategy::Priority).unwrap();
    set.route(&ordinary(), &of(MAP));
    set.explain(&ordinary(), &of(MAP), &mut [Verdict::default(); 8]);
    assert_eq!(set.routers().len(), 5);
    assert_eq!([0, 1, 2].map(|place| router.times[place].load(Ordering::Relaxed)), [1, 1, 1]);
    let with = four().build().unwrap().with(RouterSpec::Custom(Arc::new(router.clone()))).unwrap();
    assert!(with.without(Strategy::Custom(1)).is_ok());
    assert_eq!([0, 1, 2].map(|place| router.times[place].load(Ordering::Relaxed)), [2, 2, 2]);
}

#[test]
fn what_cannot_be_built_says_why() {
    let built = |builder: RouterSetBuilder| builder.build().unwrap_err();
    let set = RouterSet::builder;
    assert_eq!(built(set().priority(80, 20).priority(80, 20)), RouteError::DuplicateStrategy);
    assert_eq!(built(set().custom(own(1, shrug)).custom(own(1, shrug))), RouteError::DuplicateStrategy);
    let nine = (0..9).fold(set(), |set, number| set.custom(own(number, shrug)));
    assert_eq!(built(nine), RouteError::TooManyRouters { max: 8 });
    for (high, low) in [(101, 20), (20, 80), (50, 50)] {
        assert_eq!(built(set().priority(high, low)), RouteError::ThresholdOutOfRange);
    }
    for max_complexity_score in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
        let analysis = StateAnalysis { max_complexity_score, ..StateAnalysis::default() };
        assert_eq!(built(set().state(analysis)), RouteError::ThresholdOutOfRange);
    }
    let heavy = Own { priority: 101, ..own(1, shrug) };
    assert_eq!(built(set().custom(heavy)), RouteError::ThresholdOutOfRange);
    for strategy in [Strategy::Conditional, Strategy::StateAnalysis, Strategy::Parallel, Strategy::Priority] {
        let pretends = || Asked { strategy, ..Asked::default() };
        assert_eq!(built(set().custom(pretends())), RouteError::BuiltInStrategy { strategy });
        let with = four().build().unwrap().with(RouterSpec::Custom(Arc::new(pretends())));
        assert_eq!(with.unwrap_err(), RouteError::BuiltInStrategy { strategy });
    }
    assert_eq!(built(set().parallel(hints())), RouteError::EmptyGroup);
    assert_eq!(built(set().parallel(hints().task(MAP).after(&[PARSE]))), RouteError::EmptyGroup);
    assert_eq!(built(set().parallel(hints().group(1).task(MAP).group(1))), RouteError::EmptyTask);
    assert_eq!(built(set().history(usize::MAX)), RouteError::SetTooLarge);
    assert_eq!(built(set().cache(usize::MAX)), RouteError::SetTooLarge);
    let many = (0..=1 << 16).map(|_| rule(0, Op::Eq, 0)).collect::<Vec<_>>();
    assert_eq!(built(set().conditional(&many)), RouteError::SetTooLarge);
    // The first mistake is told.
    assert_eq!(built(set().parallel(hints()).conditional(&many)), RouteError::EmptyGroup);
}

#[test]
fn names_that_nobody_knows_are_refused() {
    let tasks = |tasks| four().known(6, tasks).build().err();
    assert_eq!((tasks(4), tasks(3)), (None, Some(RouteError::UnknownTask)));
    assert_eq!(four().known(5, 4).build().unwrap_err(), RouteError::UnknownKey, "a required one");
    let known = |keys| RouterSet::builder().known(keys, 1);
    let unknown = |builder: RouterSetBuilder| assert_eq!(builder.build().unwrap_err(), RouteError::UnknownKey);
    unknown(known(3).conditional([rule(1, Op::Eq, 0)]));
    unknown(known(0).state(StateAnalysis::default()));
    unknown(known(1).parallel(hints().task(PARSE).group(1)));
    unknown(known(2).priority(80, 20));
    unknown(known(3).priority(80, 20).keys(Keys { priority: KeyId::new(3), ..Keys::default() }));
    let next = RouterSet::builder().known(4, 1).conditional([rule(1, Op::Eq, 0).next(MAP)]);
    assert_eq!(next.build().unwrap_err(), RouteError::UnknownTask);
    let set = RouterSet::builder().known(3, 1).build().unwrap();
    let spec = RouterSpec::Conditional(Arc::new([rule(1, Op::Eq, 0)].try_into().unwrap()));
    assert_eq!(set.with(spec).unwrap_err(), RouteError::UnknownKey);
}

#[test]
fn errors_say_what_is_wrong_and_types_are_shared() {
    let rule = RuleId::new(3);
    assert_eq!(RouteError::PriorityOutOfRange { rule, got: 101 }.to_string(), "rule_3: priority 101 is above 100");
    fn shared<T: Send + Sync>() {}
    shared::<RouterSet>();
    shared::<RouterSpec>();
    assert!(format!("{:?}", four().build().unwrap()).contains("routers: [Conditional, StateAnalysis, Parallel"));
}
