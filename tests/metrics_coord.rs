//! What the parts of coordination tell, and what they measure in a registry of the application's.
#![cfg(all(feature = "coord", not(feature = "no-telemetry")))]

use ringway::clock::ManualClock;
use ringway::coord::contexts::{
    Allocations, Assignment, ContextError, ContextStore, CoordState, Delta, Protocols, Section, SharedIntelligence,
    SharedUpdate, Targets,
};
use ringway::coord::dependencies::{Dep, DepId, DependencySet, On, Ready, ResourceId};
use ringway::coord::routing::{
    Decision, Fields, Op, Reason, RouteRequest, Router, RouterSet, RouterSpec, Rule, Strategy, Verdict,
};
use ringway::coord::signals::{Signal, SignalHub, SignalPayload};
use ringway::coord::state::StateStore;
use ringway::ids::{AgentId, CoordId, RuleId, SessionId, SignalKind, SignalMask};
use ringway::metrics::telemetry::{Attached, Event, EventMask, Record, Telemetry};
use ringway::metrics::{Health, MetricsSnapshot, Reading, Registry};
use ringway::value::{StateView, Value};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const C: CoordId = CoordId::new(1);
const BY: AgentId = AgentId { index: 0, generation: 0 };

/// Telemetry, and what was told since the last look.
struct Ear {
    telemetry: Telemetry,
    heard: Arc<Mutex<Vec<Record>>>,
    _attached: Attached,
}

impl Ear {
    fn new() -> Self {
        let (telemetry, heard) = (Telemetry::new(), Arc::<Mutex<Vec<Record>>>::default());
        let kept = Arc::clone(&heard);
        let attached = telemetry.attach(EventMask::ALL, move |event: &Event| kept.lock().unwrap().push(event.record));
        Self { telemetry, heard, _attached: attached.unwrap() }
    }

    fn heard(&self) -> Vec<Record> {
        while self.telemetry.drain(256) > 0 {}
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

fn of_kind(kind: SignalKind) -> Signal {
    Signal::new(kind, SignalPayload::default())
}

#[test]
fn d30_signals_tell_what_was_sent_received_lost_and_archived() {
    let (ear, [late, lost]) = (Ear::new(), [8, 9].map(|kind| SignalKind::new(kind).unwrap()));
    let hub = SignalHub::builder().history(8).subscriber_capacity(2).telemetry(&ear.telemetry).build().unwrap();
    hub.open(C).unwrap();
    let stream = hub.subscribe(C, BY, SignalMask::ALL, None).unwrap();
    hub.signal(C, &of_kind(late)).unwrap();
    assert_eq!(stream.try_recv().unwrap().kind, late);
    let heard = ear.heard();
    assert_eq!(heard[0], Record::SignalSent { kind: late, n: 1 });
    assert!(matches!(heard[1..], [Record::SignalReceived { kind, .. }] if kind == late), "{heard:?}");

    // One record for each run of a kind.
    hub.signal_batch(C, &[late, late, lost, late].map(of_kind)).unwrap();
    assert_eq!(stream.drain(1, |_| ()), 1);
    hub.archive_to(C, &mut |_| ()).unwrap();
    let heard = ear.heard();
    let sent = [(late, 2), (lost, 1), (late, 1)].map(|(kind, n)| Record::SignalSent { kind, n });
    assert_eq!(heard[..3], sent);
    assert_eq!(heard[3], Record::SignalLagged { missed: 2 });
    assert!(matches!(heard[4..], [Record::SignalReceived { .. }, Record::HistoryArchived { n: 5 }]), "{heard:?}");
}

/// Without metrics signals carry no time, unless telemetry asks for it.
#[test]
fn d30_signals_without_metrics_tell_their_time_as_far_as_it_is_known() {
    let telemetry = Telemetry::new();
    let hub = SignalHub::builder().metrics(false).telemetry(&telemetry).build().unwrap();
    hub.open(C).unwrap();
    let stream = hub.subscribe(C, BY, SignalMask::ALL, None).unwrap();
    hub.signal(C, &of_kind(SignalKind::AGENT_DOWN)).unwrap();
    let heard = Arc::<Mutex<Vec<Record>>>::default();
    let kept = Arc::clone(&heard);
    let attached = telemetry.attach(EventMask::ALL, move |event: &Event| kept.lock().unwrap().push(event.record));
    hub.signal(C, &of_kind(SignalKind::AGENT_DOWN)).unwrap();
    assert_eq!(stream.drain(2, |_| ()), 2);
    telemetry.drain(256);
    let heard = heard.lock().unwrap();
    let [_, Record::SignalReceived { ns: 0, .. }, Record::SignalReceived { ns, .. }] = heard[..] else {
        panic!("{heard:?}")
    };
    assert!(ns > 0);
    drop(attached);
}

#[test]
fn s_d12c_late_signals_are_diagnosed() {
    let registry = Registry::builder().build();
    let hub = SignalHub::builder().registry(&registry).unwrap().build().unwrap();
    hub.open(C).unwrap();
    hub.signal(C, &Signal::new(SignalKind::AGENT_DOWN, SignalPayload::Custom([0; 56]))).unwrap();
    let small = SignalPayload::Initialized { capabilities: 0, ready: true, init_ms: 0 };
    hub.signal_batch(C, &[Signal::new(SignalKind::AGENT_INITIALIZED, small); 10]).unwrap();
    registry.histogram("signal_propagation_time_ms", &[]).unwrap().record(60_000_000);
    hub.health(C).unwrap();
    let (_, violations) = registry.health();
    let line = violations[0].to_string();
    // The large payload is the eleventh last.
    assert!(line.contains("signal_payload_bytes 16, signal_history_len 11"), "{line}");
}

#[test]
fn d30_contexts_tell_what_was_distributed_updated_oversize_and_cleared() {
    let ear = Ear::new();
    let store = ContextStore::builder().size_limit(1).telemetry(&ear.telemetry).build().unwrap();
    let state = CoordState { coordination: C, session: SessionId::new(1) };
    let agents = [0, 1, 2].map(|index| AgentId { index, generation: 0 });
    let assignments = agents.map(|agent| Assignment { agent, ..Assignment::default() });
    let (shared, allocations, protocols) =
        (Arc::new(SharedIntelligence::default()), Allocations::default(), Protocols::default());
    let mut out = vec![Err(ContextError::UnknownAgent); 3];
    store.distribute(state, &assignments, shared, &allocations, &protocols, &mut out).unwrap();
    let heard = ear.heard();
    assert!(heard[..3].iter().all(|told| matches!(told, Record::ContextOversize { bytes } if *bytes > 1)), "{heard:?}");
    assert!(matches!(heard[3..], [Record::ContextDistributed { n: 3, .. }]), "{heard:?}");

    let update = SharedUpdate {
        coordination: C,
        section: Section::ValidationRules,
        delta: Delta::Put(&[("a", "b")]),
        targets: Targets::Agents(&agents[..2]),
        bump: true,
    };
    let mut versions = [Ok(0); 2];
    store.update_shared(&update, &mut versions).unwrap();
    let heard = ear.heard();
    assert_eq!(heard[0], Record::ContextUpdated { section: Section::ValidationRules as u8, targets: 2 });
    assert_eq!((heard.len(), store.metrics().oversize), (3, 5));

    assert_eq!((store.clear(C), store.clear(C)), (3, 0));
    assert_eq!(ear.heard(), [Record::ContextCleared { n: 3 }]);
}

struct Faulty;

impl Router for Faulty {
    fn strategy(&self) -> Strategy {
        Strategy::Custom(3)
    }

    fn priority(&self) -> u8 {
        90
    }

    fn reads(&self) -> Fields {
        Fields::NONE
    }

    fn judge(&self, _: &dyn StateView, _: &RouteRequest) -> Verdict {
        panic!("a router that panics")
    }
}

#[test]
fn d30_routing_tells_decisions_faults_and_changes() {
    let (ear, state) = (Ear::new(), StateStore::builder().keys(4).telemetry(&Telemetry::new()).build());
    let key = state.key("errors").unwrap();
    state.set(key, Value::Int(1), BY).unwrap();
    let rule = Rule::new(RuleId::new(1), key, Op::Gt, 0, Decision::Error).priority(100);
    let set = RouterSet::builder().conditional([rule]).telemetry(&ear.telemetry).build().unwrap();
    assert_eq!(ear.heard(), [Record::RulesChanged { version: 1 }]);
    let routes = [(); 2].map(|()| set.route(&state, &RouteRequest::default()));
    let told = |cached, ns| Record::Routed { decision: Decision::Error as u8, strategy: 0, ns, cached };
    assert_eq!(ear.heard(), [told(false, routes[0].ns), told(true, routes[1].ns)]);

    let own = set.without(Strategy::Conditional).unwrap().with(RouterSpec::Custom(Arc::new(Faulty))).unwrap();
    let versions = [2, 3].map(|version| Record::RulesChanged { version });
    assert_eq!(ear.heard(), versions);
    assert_eq!(own.route(&state, &RouteRequest::default()).reason, Reason::NoRouters);
    let heard = ear.heard();
    assert_eq!(heard[0], Record::RouterFault { strategy: 7 });
    assert!(matches!(heard[1..], [Record::Routed { cached: false, .. }]), "{heard:?}");
}

#[test]
fn d30_the_state_tells_versions_and_rollbacks() {
    let ear = Ear::new();
    let state = StateStore::builder().keys(4).telemetry(&ear.telemetry).build();
    let [a, b] = ["a", "b"].map(|name| state.key(name).unwrap());
    state.set(a, Value::Int(1), BY).unwrap();
    state.update(&[(a, Some(Value::Int(2))), (b, Some(Value::Null))], BY).unwrap();
    state.rollback(1, BY).unwrap();
    state.clear(BY);
    let committed = |version, changes| Record::StateCommitted { version, changes };
    let expected = [
        committed(1, 1),
        committed(2, 2),
        committed(3, 2),
        Record::StateRolledBack { to: 1, version: 3 },
        committed(4, 1),
    ];
    assert_eq!(ear.heard(), expected);
}

#[test]
fn d31_the_state_measures_in_the_applications_registry() {
    let registry = Registry::builder().build();
    let state = StateStore::builder().keys(4).registry(&registry).unwrap().build();
    let [a, b] = ["a", "b"].map(|name| state.key(name).unwrap());
    state.set(a, Value::Int(1), BY).unwrap();
    state.update(&[(a, None), (b, Some(Value::Null))], BY).unwrap();
    assert_eq!(state.get(a), None);
    let mut snapshot = MetricsSnapshot::default();
    registry.snapshot(&mut snapshot);
    let count = |name| match snapshot.find(name).unwrap().reading {
        Reading::Histogram(summary) => (summary.count, summary.max),
        ref other => panic!("{other:?}"),
    };
    assert_eq!((count("state_get_ns").0, count("state_commit_ns").0, count("state_commit_batch")), (1, 2, (2, 1)));
    assert_eq!(snapshot.find("state_keys").unwrap().reading, Reading::Gauge(1));
    assert_eq!(snapshot.find("state_bytes").unwrap().reading, Reading::Gauge(16));
}

#[test]
fn d30_dependencies_tell_what_becomes_of_them() {
    let (ear, clock) = (Ear::new(), ManualClock::new());
    let set = DependencySet::standalone().clock(clock.clone()).telemetry(&ear.telemetry).build();
    let resource = |id| On::Resource { id: ResourceId::new(id), min: 1.0 };
    let agent = On::AgentDone { agent: AgentId { index: 5, generation: 0 }, require_success: true };
    let probe = On::Probe { f: |_| Ready::Yes, every: Duration::from_millis(10) };
    let deps = [(1, resource(1)), (2, agent), (3, probe)].map(|(id, on)| Dep::new(DepId::new(id), on));
    let short = Dep::new(DepId::new(4), resource(2)).timeout(Duration::from_millis(20));
    let tickets = [set.wait(C, BY, &deps).unwrap(), set.resolve(C, &short).unwrap()];
    let registered = [(1, 1), (2, 0), (3, 3), (4, 1)].map(|(dep, kind)| Record::DepRegistered { dep, kind });
    let heard = ear.heard();
    assert!(registered.iter().all(|told| heard.contains(told)) && heard.len() == 4, "{heard:?}");

    clock.advance(Duration::from_millis(7));
    set.set_resource(C, ResourceId::new(1), 1.0).unwrap();
    assert_eq!(ear.heard(), [Record::DepResolved { kind: 1, ns: 7_000_000 }]);

    clock.advance(Duration::from_millis(3));
    set.advance();
    let heard = ear.heard();
    assert!(
        matches!(heard[..], [Record::ProbeRun { .. }, Record::DepResolved { kind: 3, ns: 10_000_000 }]),
        "{heard:?}"
    );

    clock.advance(Duration::from_millis(10));
    set.advance();
    assert_eq!(ear.heard(), [Record::DepTimeout { dep: 4 }]);
    set.agent_done(C, AgentId { index: 5, generation: 0 }, false).unwrap();
    assert_eq!(ear.heard(), [Record::DepFailed { dep: 2 }]);
    drop(tickets);
    assert_eq!(ear.heard(), []);
}

#[test]
fn d27_dependencies_measure_in_the_applications_registry() {
    let (registry, clock) = (Registry::builder().build(), ManualClock::new());
    let set = DependencySet::standalone().clock(clock.clone()).registry(&registry).unwrap().build();
    let on = |id| On::Resource { id: ResourceId::new(id), min: 1.0 };
    let first = set.resolve(C, &Dep::new(DepId::new(1), on(1))).unwrap();
    let second = set.resolve(C, &Dep::new(DepId::new(2), on(2)).timeout(Duration::from_secs(3))).unwrap();
    let third = set.resolve(C, &Dep::new(DepId::new(3), on(3))).unwrap();
    let pending = registry.gauge("dependencies_pending", &[]).unwrap();
    assert_eq!(pending.get(), 3);
    clock.advance(Duration::from_secs(2));
    // Met while somebody sleeps on it.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| first.wait_timeout(Duration::from_secs(120)));
        set.set_resource(C, ResourceId::new(1), 1.0).unwrap();
        waiting.join().unwrap().unwrap();
    });
    clock.advance(Duration::from_secs(1));
    set.advance();
    assert!(second.wait_timeout(Duration::ZERO).is_err());
    let resolution = registry.histogram("dependency_resolution_time_ms", &[]).unwrap().summary();
    assert_eq!((resolution.count, resolution.min, resolution.max), (1, 2_000_000_000, 2_000_000_000));
    assert_eq!(registry.counter("dependency_timeouts", &[]).unwrap().get(), 1);
    assert_eq!((pending.get(), registry.counter("probes_run", &[]).unwrap().get()), (1, 0));
    assert!(registry.histogram("dependency_wake_ns", &[]).unwrap().summary().count <= 1);
    // Two seconds are too long, and what is still pending is told.
    let (health, violations) = registry.health();
    let line = violations[0].to_string();
    assert_eq!((health, violations.len()), (Health::Degraded, 1));
    assert!(line.contains("mean 2000.000 above 1000") && line.contains("dependencies_pending 1"), "{line}");
    drop(third);
    assert_eq!(pending.get(), 0);
}
