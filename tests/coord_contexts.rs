//! Contexts: who gets which, all or nothing, in which version, and how large.
#![cfg(feature = "coord")]

use ringway::coord::contexts::{
    Allocation, Allocations, Assignment, ChannelId, ContextError, ContextRef, ContextStore, CoordState, Delta, Entries,
    Oversize, Protocols, Score, Section, SharedIntelligence, SharedUpdate, Targets,
};
use ringway::coord::signals::{SignalHub, SignalPayload};
use ringway::coord::{Coordination, Scoped, Stage};
use ringway::ids::{AgentId, CoordId, SessionId, SignalKind};
use ringway::metrics::{Health, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

const C: CoordId = CoordId::new(3);
const STATE: CoordState = CoordState { coordination: C, session: SessionId::new(9) };

type Out = Vec<Result<ContextRef, ContextError>>;

fn agent(index: u32) -> AgentId {
    AgentId { index, generation: 1 }
}

fn assignment(index: u32) -> Assignment {
    Assignment {
        agent: agent(index),
        objective: format!("objective {index}"),
        tasks: vec![format!("task {index}"), "another".into()],
        dependencies: vec![agent(index + 1)],
        ..Assignment::default()
    }
}

fn assignments(n: u32) -> Vec<Assignment> {
    (0..n).map(assignment).collect()
}

fn out(n: usize) -> Out {
    vec![Err(ContextError::UnknownAgent); n]
}

fn store() -> ContextStore {
    ContextStore::builder().build().unwrap()
}

fn shared(text: &str) -> Arc<SharedIntelligence> {
    let put = |shared: SharedIntelligence, section| shared.updated(section, Delta::Put(&[("name", text)]));
    Arc::new(Section::ALL.into_iter().fold(SharedIntelligence::default(), put))
}

/// With all defaults.
fn distribute(store: &ContextStore, assignments: &[Assignment], out: &mut Out) -> Result<usize, ContextError> {
    let (allocations, protocols) = Default::default();
    store.distribute(STATE, assignments, shared("first"), &allocations, &protocols, out).map(|done| done.agents)
}

/// A store with so many agents.
fn filled(n: u32) -> ContextStore {
    let store = store();
    assert_eq!(distribute(&store, &assignments(n), &mut out(n as usize)), Ok(n as usize));
    store
}

fn get(store: &ContextStore, index: u32) -> ContextRef {
    store.get(C, agent(index)).unwrap()
}

fn stored(store: &ContextStore) -> usize {
    store.list(C, &mut [AgentId::default(); 2_000])
}

fn update<'a>(section: Section, text: &'a [(&'a str, &'a str)], targets: Targets<'a>) -> SharedUpdate<'a> {
    SharedUpdate { coordination: C, section, delta: Delta::Put(text), targets, bump: true }
}

#[test]
fn s_d8_ten_agents_get_their_contexts() {
    let (store, mut out) = (store(), out(12));
    let (allocations, protocols) = Default::default();
    let done = store.distribute(STATE, &assignments(10), shared("x"), &allocations, &protocols, &mut out).unwrap();
    assert_eq!((done.agents, done.oversize), (10, 0));
    for index in 0..10 {
        let context = get(&store, index);
        assert!(Arc::ptr_eq(&context, out[index as usize].as_ref().unwrap()));
        let meta = (context.meta.agent, context.meta.coordination, context.meta.session);
        assert_eq!(meta, (agent(index), C, SessionId::new(9)));
        assert_eq!((&*context.assignment, context.version), (&assignment(index), 1));
        assert_eq!(store.size_bytes(C, agent(index)), Ok(context.size_bytes()));
    }
    assert_eq!(out[10], Err(ContextError::Withdrawn), "what was not asked for is not kept");
    let mut listed = [AgentId::default(); 20];
    assert_eq!(store.list(C, &mut listed), 10);
    assert!(listed[..10].iter().copied().eq((0..10).map(agent)));
    assert_eq!(store.list(C, &mut listed[..3]), 3);
    let metrics = store.metrics();
    assert_eq!((metrics.live, metrics.distributed, metrics.cold_allocs), (10, 10, 10));
    assert!(metrics.per_agent_max_ns > 0);
    assert_eq!(store.health().0, Health::Operational);
}

#[test]
fn s_d8b_a_thousand_agents_in_chunks_of_ten() {
    let (store, mut out, assignments) = (store(), out(1_000), assignments(1_000));
    let (allocations, protocols) = Default::default();
    let mut distribution = store.begin(STATE, &assignments, shared("x"), &allocations, &protocols).unwrap();
    for chunk in 1..=100 {
        assert_eq!(distribution.step(), 1_000 - chunk * 10);
        // Other work has its turn here, and sees nothing of it.
        assert_eq!(store.get(C, agent(0)), Err(ContextError::UnknownCoordination));
    }
    assert_eq!(distribution.step(), 0);
    distribution.publish(&mut out).unwrap();
    let first = get(&store, 0);
    assert!((0..1_000).all(|index| Arc::ptr_eq(&get(&store, index).shared, &first.shared)));
    assert_eq!((store.metrics().live, store.metrics().shared_snapshots), (1_000, 1));
    // Dropped half-way, it leaves nothing but records that can be used again.
    let mut dropped = store.begin(STATE, &assignments, shared("y"), &allocations, &protocols).unwrap();
    assert_eq!(dropped.step(), 990);
    drop(dropped);
    assert_eq!((get(&store, 0).version, store.metrics().cold_allocs), (1, 1_010));
    let done = store.begin(STATE, &assignments[..10], shared("y"), &allocations, &protocols).unwrap().publish(&mut out);
    assert_eq!((done.unwrap().agents, store.metrics().cold_allocs), (10, 1_010));
}

#[test]
fn s_d8c_sizes_are_limited() {
    let limit = 100 * 1_024;
    let with_padding = |oversize, padding: usize| {
        let store = ContextStore::builder().on_oversize(oversize).build().unwrap();
        let mut padded = assignments(2);
        padded[1].input_data = vec!["x".repeat(padding)];
        let (allocations, protocols) = Default::default();
        let done = store.distribute(STATE, &padded, shared("x"), &allocations, &protocols, &mut out(2));
        (done.map(|done| (done.oversize, done.bytes)), stored(&store), store.metrics().oversize)
    };
    let base = with_padding(Oversize::Warn, 0).0.unwrap().1;
    for oversize in [Oversize::Warn, Oversize::Refuse] {
        assert_eq!(with_padding(oversize, limit - base), (Ok((0, limit)), 2, 0));
    }
    let beyond = limit + 1_024;
    assert_eq!(with_padding(Oversize::Warn, beyond - base), (Ok((1, beyond)), 2, 1));
    assert_eq!(
        with_padding(Oversize::Refuse, beyond - base),
        (Err(ContextError::TooLarge { bytes: beyond, limit }), 0, 0)
    );
    let by_one = Err(ContextError::TooLarge { bytes: limit + 1, limit });
    assert_eq!(with_padding(Oversize::Refuse, limit + 1 - base).0, by_one);
}

#[test]
fn s_d8c_updates_are_limited_too() {
    let store = ContextStore::builder().size_limit(2_000).on_oversize(Oversize::Refuse).build().unwrap();
    distribute(&store, &assignments(3), &mut out(3)).unwrap();
    let long = "x".repeat(2_000);
    let entries = [("long", &*long)];
    let too_long = update(Section::TypeRegistry, &entries, Targets::All);
    let error = store.update_shared(&too_long, &mut [Ok(0); 3]).unwrap_err();
    assert!(matches!(error, ContextError::TooLarge { bytes: 2_001.., limit: 2_000 }), "{error}");
    assert_eq!((get(&store, 0).version, store.metrics().shared_snapshots), (1, 1));
}

#[test]
fn s_d8d_nothing_is_stored_unless_all_is() {
    let (allocations, protocols) = <(Allocations, Protocols)>::default();
    let refused = |state, assignments: &[Assignment], allocations: &Allocations, protocols: &Protocols| {
        let (store, mut out) = (store(), out(assignments.len()));
        let error = store.distribute(state, assignments, shared("x"), allocations, protocols, &mut out).unwrap_err();
        assert_eq!((stored(&store), store.metrics().live), (0, 0));
        (error, out.into_iter().map(Result::unwrap_err).collect::<Vec<_>>())
    };
    let missing = |field| ContextError::MissingField { field };
    let none = |state| refused(state, &assignments(2), &allocations, &protocols).0;
    assert_eq!(none(CoordState { coordination: CoordId::new(0), ..STATE }), missing("coordination_id"));
    assert_eq!(none(CoordState { session: SessionId::new(0), ..STATE }), missing("session_id"));
    assert_eq!(refused(STATE, &[], &allocations, &protocols).0, ContextError::EmptyAssignments);

    let mut twice = assignments(10);
    twice[7].agent = agent(2);
    let (error, each) = refused(STATE, &twice, &allocations, &protocols);
    assert_eq!(error, ContextError::DuplicateAgent { agent: agent(2) });
    for (index, told) in each.into_iter().enumerate() {
        assert_eq!(told, if index == 7 { error } else { ContextError::Withdrawn });
    }

    let out_of_range = |field| ContextError::OutOfRange { field };
    let for_5 = |allocation| Allocations { agents: vec![(agent(5), allocation)], ..Allocations::default() };
    let bad = for_5(Allocation { max_execution_ms: 999, ..Allocation::default() });
    let (error, each) = refused(STATE, &assignments(10), &bad, &protocols);
    assert_eq!((error, each[5], each[4]), (out_of_range("max_execution_ms"), error, ContextError::Withdrawn));
    let bad = for_5(Allocation { concurrency: 0, ..Allocation::default() });
    assert_eq!(refused(STATE, &assignments(10), &bad, &protocols).0, out_of_range("concurrency"));
    let bad = Protocols { heartbeat_ms: 99, ..protocols };
    assert_eq!(refused(STATE, &assignments(1), &allocations, &bad).0, out_of_range("heartbeat_ms"));
    let bad = Protocols { update_ms: 99, ..protocols };
    assert_eq!(refused(STATE, &assignments(1), &allocations, &bad).0, out_of_range("update_ms"));

    let store = store();
    assert_eq!(distribute(&store, &assignments(2), &mut out(1)), Err(ContextError::OutputTooSmall));
    assert_eq!(store.metrics().live, 0);
}

#[test]
fn s_d8d_the_bounds_themselves_are_well() {
    let least = Allocation { max_execution_ms: 1_000, concurrency: 1, ..Allocation::default() };
    let allocations = Allocations { default: Some(least), agents: vec![] };
    let protocols = Protocols { update_ms: 100, heartbeat_ms: 100, ..Protocols::default() };
    let (store, mut out) = (store(), out(1));
    store.distribute(STATE, &assignments(1), shared("x"), &allocations, &protocols, &mut out).unwrap();
    assert_eq!((get(&store, 0).allocation, get(&store, 0).protocols), (least, protocols));
}

#[test]
fn s_d8d_a_full_store_takes_nothing_more() {
    let store = ContextStore::builder().agents(3).build().unwrap();
    distribute(&store, &assignments(2), &mut out(2)).unwrap();
    let more: Vec<_> = (1..4).map(assignment).collect();
    let mut told = out(3);
    assert_eq!(distribute(&store, &more, &mut told), Err(ContextError::StoreFull));
    assert_eq!((told, get(&store, 1).version, stored(&store)), (vec![Err(ContextError::StoreFull); 3], 1, 2));
    // Those that are there already need no room.
    assert_eq!(distribute(&store, &more[..2], &mut out(2)), Ok(2));
    assert_eq!((get(&store, 1).version, get(&store, 2).version), (2, 1));
    assert_eq!(store.template(C, agent(0)).unwrap().instantiate(agent(8)).unwrap_err(), ContextError::StoreFull);
}

#[test]
fn s_d8e_updates_reach_their_targets_only() {
    let store = filled(10);
    let before: Vec<_> = (0..10).map(|index| get(&store, index)).collect();
    let targets = [agent(1), agent(4), agent(9), agent(50), AgentId { index: 2, generation: 0 }, agent(4)];
    let entries = [("name", "second"), ("new", "entry")];
    let mut told = [Ok(0); 6];
    let update = update(Section::TypeRegistry, &entries, Targets::Agents(&targets));
    assert_eq!(store.update_shared(&update, &mut told), Ok(3));
    let (unknown, stale) = (Err(ContextError::UnknownAgent), Err(ContextError::StaleAgent));
    assert_eq!(told, [Ok(2), Ok(2), Ok(2), unknown, stale, Ok(2)]);
    // The other sections, without another version.
    for section in Section::ALL.into_iter().skip(1) {
        let update = SharedUpdate { section, bump: false, ..update };
        assert_eq!(store.update_shared(&update, &mut told), Ok(3));
    }
    for index in 0..10 {
        let context = get(&store, index);
        if [1, 4, 9].contains(&index) {
            assert_eq!((context.version, &context.assignment), (2, &before[index as usize].assignment));
            assert!(Section::ALL.iter().all(|section| context.shared.section(*section)["name"] == "second"));
            assert!(Section::ALL.iter().all(|section| context.shared.section(*section).len() == 2));
            assert!(Arc::ptr_eq(&context.shared, &get(&store, 4).shared), "one new snapshot for all of them");
            assert_eq!(store.size_bytes(C, agent(index)), Ok(before[index as usize].size_bytes() + 5 * (1 + 16)));
        } else {
            assert!(Arc::ptr_eq(&context, &before[index as usize]));
        }
        assert_eq!(before[index as usize].shared.type_registry["name"], "first", "what is held stays");
    }
    assert_eq!((store.metrics().shared_snapshots, store.metrics().updates), (2, 5));
}

#[test]
fn s_d8e_sections_change_as_they_are_told() {
    let store = filled(2);
    let all = |delta| SharedUpdate {
        coordination: C,
        section: Section::ValidationRules,
        delta,
        targets: Targets::All,
        bump: true,
    };
    let rules = |store| get(store, 1).shared.validation_rules.clone();
    let mut told = [Ok(0); 2];
    store.update_shared(&all(Delta::Put(&[("a", "1"), ("b", "2")])), &mut told).unwrap();
    store.update_shared(&all(Delta::Remove(&["name", "b", "none"])), &mut told).unwrap();
    assert_eq!((rules(&store), told), (Entries::from([("a".into(), "1".into())]), [Ok(3); 2]));
    let replaced = Entries::from([("z".into(), "26".into())]);
    store.update_shared(&all(Delta::Replace(&replaced)), &mut told).unwrap();
    assert_eq!((&rules(&store), &*get(&store, 0).shared.pattern_library["name"]), (&replaced, "first"));
    assert_eq!(store.update_shared(&all(Delta::Remove(&[])), &mut told[..1]), Err(ContextError::OutputTooSmall));
    let elsewhere = SharedUpdate { coordination: CoordId::new(99), ..all(Delta::Remove(&[])) };
    assert_eq!(store.update_shared(&elsewhere, &mut told), Err(ContextError::UnknownCoordination));
    let nobody = SharedUpdate { targets: Targets::Agents(&[]), ..all(Delta::Remove(&[])) };
    assert_eq!(store.update_shared(&nobody, &mut []), Ok(0));
    assert_eq!("validation_rules".parse(), Ok(Section::ValidationRules));
    assert_eq!("rules".parse::<Section>(), Err(ContextError::UnknownSection));
}

/// Tells the others to end, whatever happened.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Four readers, while two fields are kept equal: in what is shared and in what is assigned.
#[test]
fn s_d8f_readers_see_a_whole_context() {
    let store = filled(4);
    let (done, seen) = (AtomicBool::new(false), [const { AtomicU32::new(0) }; 4]);
    std::thread::scope(|scope| {
        let _done = Done(&done);
        for reader in 0..4 {
            let (store, done, seen) = (&store, &done, &seen[reader as usize]);
            scope.spawn(move || {
                let (_done, mut last) = (Done(done), 0);
                while !done.load(Ordering::Relaxed) {
                    let context = get(store, reader);
                    // All of a distribution are there at once.
                    assert!(get(store, 3 - reader).version >= context.version);
                    let rule = &context.shared.validation_rules["name"];
                    assert_eq!(rule, &context.shared.type_registry["name"]);
                    if let Some(round) = rule.strip_prefix("round ") {
                        assert_eq!(context.assignment.objective, *rule);
                        assert_eq!(context.version, round.parse::<u32>().unwrap() + 1);
                    }
                    assert!(context.version >= last);
                    seen.fetch_add(u32::from(context.version > last), Ordering::Relaxed);
                    last = context.version;
                }
            });
        }
        let mut out = out(4);
        // Until every reader has seen many of them, or has failed.
        let enough = |seen: &AtomicU32| seen.load(Ordering::Relaxed) >= 20;
        for round in (1..).take_while(|_| !done.load(Ordering::Relaxed) && !seen.iter().all(enough)) {
            let text = format!("round {round}");
            let mut next = assignments(4);
            next.iter_mut().for_each(|assignment| assignment.objective.clone_from(&text));
            let (allocations, protocols) = Default::default();
            store.distribute(STATE, &next, shared(&text), &allocations, &protocols, &mut out).unwrap();
        }
    });
}

#[test]
fn s_d8g_defaults_are_those_of_the_source() {
    let context = get(&filled(1), 0);
    let Allocation { max_execution_ms, max_retries, quality, memory_mb, timeout_ms, concurrency } = context.allocation;
    assert_eq!((max_execution_ms, max_retries, quality.get()), (300_000, 3, 0.8));
    assert_eq!((memory_mb, timeout_ms, concurrency), (512, 30_000, 10));
    let Protocols { update_ms, heartbeat_ms, channels } = context.protocols;
    assert_eq!((update_ms, heartbeat_ms, channels), (5_000, 10_000, [ChannelId::STATE; 3]));
    // As durations, for whoever enforces them.
    assert_eq!((context.allocation.max_execution().as_secs(), context.protocols.heartbeat().as_secs()), (300, 10));
}

#[test]
fn s_d8g_allocations_are_the_agents_then_the_calls_then_the_stores() {
    let of = |memory_mb| Allocation { memory_mb, quality: Score::ONE, ..Allocation::default() };
    let store = ContextStore::builder().defaults(of(1)).build().unwrap();
    let call = |default, agents| {
        let allocations = Allocations { default, agents };
        store
            .distribute(STATE, &assignments(2), shared("x"), &allocations, &Protocols::default(), &mut out(2))
            .unwrap();
        [0, 1].map(|index| get(&store, index).allocation.memory_mb)
    };
    assert_eq!(call(None, vec![]), [1, 1]);
    assert_eq!(call(Some(of(2)), vec![]), [2, 2]);
    assert_eq!(call(Some(of(2)), vec![(agent(1), of(3)), (agent(9), of(4))]), [2, 3]);
}

#[test]
fn s_d8h_templates_change_the_agent_only() {
    let store = filled(1);
    let template = store.template(C, agent(0)).unwrap();
    for index in 1..=50 {
        let context = template.instantiate(agent(index)).unwrap();
        assert!(Arc::ptr_eq(&context, &get(&store, index)));
        let mut like_base = (*context).clone();
        like_base.meta.agent = agent(0);
        like_base.assignment = Arc::new(Assignment { agent: agent(0), ..(*context.assignment).clone() });
        assert_eq!((&like_base, context.assignment.agent), (template.base(), agent(index)));
    }
    assert_eq!((store.metrics().live, store.metrics().shared_snapshots), (51, 1));
    assert_eq!(template.instantiate(agent(7)).unwrap_err(), ContextError::DuplicateAgent { agent: agent(7) });
    let stale = AgentId { index: 7, generation: 0 };
    assert_eq!(template.instantiate(stale).unwrap_err(), ContextError::StaleAgent);
    assert_eq!(store.template(C, agent(99)).unwrap_err(), ContextError::UnknownAgent);
    store.clear(C);
    assert_eq!(template.instantiate(agent(60)).unwrap_err(), ContextError::UnknownCoordination);
}

#[test]
fn d20_everybody_gets_the_first_allocation_that_names_him() {
    let store = store();
    let with = |max_retries| Allocation { max_retries, ..Allocation::default() };
    let named = [(5, 1), (1, 2), (9, 3), (1, 4), (5, 5), (0, 6)];
    let agents = named.map(|(index, retries)| (agent(index), with(retries))).to_vec();
    let earlier = AgentId { generation: 0, ..agent(2) };
    let agents = [&agents[..], &[(earlier, with(7))]].concat();
    let allocations = Allocations { default: Some(with(8)), agents };
    let mut made = out(10);
    store.distribute(STATE, &assignments(10), shared("a"), &allocations, &Protocols::default(), &mut made).unwrap();
    let retries: Vec<_> = made.iter().map(|made| made.as_ref().unwrap().allocation.max_retries).collect();
    assert_eq!(retries, [6, 2, 8, 8, 8, 1, 8, 8, 8, 3]);
}

#[test]
fn a_place_belongs_to_its_latest_agent() {
    let store = filled(3);
    let later = AgentId { generation: 2, ..agent(1) };
    let next = [Assignment { agent: later, ..assignment(1) }];
    assert_eq!(distribute(&store, &next, &mut out(1)), Ok(1));
    assert_eq!(store.get(C, later).unwrap().version, 1);
    assert_eq!(store.get(C, agent(1)), Err(ContextError::StaleAgent));
    assert_eq!(distribute(&store, &assignments(2), &mut out(2)), Err(ContextError::StaleAgent));
    assert_eq!((get(&store, 0).version, stored(&store)), (1, 3));
}

#[test]
fn unknown_ids_are_errors() {
    let store = filled(1);
    assert_eq!(store.get(CoordId::new(4), agent(0)), Err(ContextError::UnknownCoordination));
    assert_eq!(store.get(C, agent(1)), Err(ContextError::UnknownAgent));
    assert_eq!(store.size_bytes(C, agent(1)), Err(ContextError::UnknownAgent));
    assert_eq!((store.list(CoordId::new(4), &mut [agent(0)]), store.clear(CoordId::new(4))), (0, 0));
}

#[test]
fn mistakes_in_configuration_are_errors() {
    let builder = ContextStore::builder;
    assert_eq!(builder().chunk(0).build().unwrap_err(), ContextError::ZeroBatch);
    assert_eq!(builder().agents(0).build().unwrap_err(), ContextError::OutOfRange { field: "agents" });
    let defaults = Allocation { concurrency: 0, ..Allocation::default() };
    assert_eq!(builder().defaults(defaults).build().unwrap_err(), ContextError::OutOfRange { field: "concurrency" });
    let full = Registry::builder().series(1).build();
    assert_eq!(builder().registry(&full).build().unwrap_err(), ContextError::OutOfRange { field: "registry" });
}

#[test]
fn z4_closing_clears_and_what_is_held_stays() {
    let store = filled(5);
    let mut flight = Coordination::open(C, SessionId::new(9));
    flight.register(store.clone());
    let held = get(&store, 2);
    let shared = Arc::downgrade(&held.shared);
    assert_eq!(flight.close().unwrap().dropped, 5);
    assert_eq!(store.get(C, agent(2)), Err(ContextError::UnknownCoordination));
    assert_eq!((store.metrics().live, held.assignment.agent, store.stage()), (0, agent(2), Stage::Contexts));
    drop(held);
    assert!(shared.upgrade().is_none(), "the store keeps nothing of it");
    // Late, until it is opened again, whenever it began.
    let (assigned, (allocations, protocols)) = (assignments(2), Default::default());
    store.open(C);
    let begun = store.begin(STATE, &assigned, Arc::default(), &allocations, &protocols).unwrap();
    Scoped::close(&store, C);
    assert_eq!(begun.publish(&mut out(2)), Err(ContextError::UnknownCoordination));
    assert_eq!(distribute(&store, &assignments(2), &mut out(2)), Err(ContextError::UnknownCoordination));
    store.open(C);
    assert_eq!(distribute(&store, &assignments(2), &mut out(2)), Ok(2));
    assert_eq!((get(&store, 0).version, store.metrics().cold_allocs), (1, 5), "records are used again");
}

#[test]
fn coordinations_are_apart() {
    let store = store();
    let ids = [5, 1, 9, 3].map(CoordId::new);
    for id in ids {
        let state = CoordState { coordination: id, ..STATE };
        let (allocations, protocols) = Default::default();
        let text = id.to_string();
        store.distribute(state, &assignments(2), shared(&text), &allocations, &protocols, &mut out(2)).unwrap();
    }
    assert_eq!(store.clear(CoordId::new(1)), 2);
    for id in [5, 9, 3].map(CoordId::new) {
        assert_eq!(store.get(id, agent(1)).unwrap().shared.type_registry["name"], id.to_string());
    }
    assert_eq!(store.metrics().live, 6);
}

#[test]
fn d39_targets_are_told_if_they_want_to_be() {
    let hub = SignalHub::builder().history(16).build().unwrap();
    hub.open(C).unwrap();
    let stream = hub.subscribe(C, agent(1), SignalKind::CONTEXT_UPDATED.mask(), None).unwrap();
    let store = ContextStore::builder().notify(Some(&hub)).build().unwrap();
    distribute(&store, &assignments(3), &mut out(3)).unwrap();
    let entries = [("a", "b")];
    let update = update(Section::NamingConventions, &entries, Targets::All);
    assert_eq!(store.update_shared(&update, &mut [Ok(0); 3]), Ok(3));
    let SignalPayload::Custom(body) = stream.try_recv().unwrap().payload else { panic!("of another kind") };
    assert_eq!(body[..5], [2, 0, 0, 0, 3]);
    assert!(stream.try_recv().is_err(), "one for this agent");
}

#[test]
fn d23_an_applications_registry_sees_it() {
    let registry = Registry::builder().build();
    let store = ContextStore::builder().registry(&registry).build().unwrap();
    distribute(&store, &assignments(3), &mut out(3)).unwrap();
    get(&store, 0);
    let mut text = String::new();
    registry.prometheus(&mut text).unwrap();
    for line in ["contexts_live 3", "context_cold_allocs 3", "context_get_ns_count 1", "context_size_bytes_count 1"] {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert!(format!("{store:?}").contains("live: 3"));
}
