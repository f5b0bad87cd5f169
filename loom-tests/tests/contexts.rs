//! Contexts: a reader against those who replace what it reads, and use again what it has let go of.

use loom_tests::{model, thread};
use ringway::coord::contexts::{
    Allocations, Assignment, ContextError, ContextStore, CoordState, Delta, Protocols, Section, SharedIntelligence,
    SharedUpdate, Targets,
};
use ringway::ids::{AgentId, CoordId, SessionId};
use std::sync::Arc;

const C: CoordId = CoordId::new(1);
const AGENTS: [AgentId; 2] = [AgentId { index: 0, generation: 0 }, AgentId { index: 1, generation: 0 }];

fn rules(text: &str) -> SharedIntelligence {
    SharedIntelligence::default().updated(Section::ValidationRules, Delta::Put(&[("rule", text)]))
}

/// Gives both agents the text as what they share and as what they are assigned.
fn distribute(store: &ContextStore, text: &str) {
    let state = CoordState { coordination: C, session: SessionId::new(1) };
    let assignments = AGENTS.map(|agent| Assignment { agent, objective: text.to_owned(), ..Assignment::default() });
    let (allocations, protocols) = <(Allocations, Protocols)>::default();
    let mut out = [const { Err(ContextError::UnknownAgent) }; 2];
    store
        .distribute(state, &assignments, Arc::new(rules(text)), &allocations, &protocols, &mut out)
        .expect("all is well");
}

/// The version of a context that is whole.
fn whole(store: &ContextStore, agent: AgentId) -> u32 {
    let context = store.get(C, agent).expect("it is there");
    assert_eq!(context.assignment.objective, context.shared.validation_rules["rule"]);
    assert_eq!(context.assignment.objective, context.version.to_string());
    context.version
}

/// The third distribution uses the records of the first again.
#[test]
fn a_swap_against_a_reader() {
    model("contexts: three distributions against two reads", 3, || {
        let store = ContextStore::builder().build().expect("a valid store");
        distribute(&store, "1");
        let writer = {
            let store = store.clone();
            thread::spawn(move || ["2", "3"].iter().for_each(|text| distribute(&store, text)))
        };
        let held = store.get(C, AGENTS[1]).expect("it is there");
        let text = held.version.to_string();
        let first = whole(&store, AGENTS[0]);
        // Read later, and of the other agent: not older, for both were replaced at once.
        assert!(first >= held.version && whole(&store, AGENTS[1]) >= first);
        writer.join().unwrap();
        assert_eq!((&held.assignment.objective, whole(&store, AGENTS[0])), (&text, 3));
    });
}

/// Neither of two updates is lost.
#[test]
fn two_updates() {
    model("contexts: two updates", 3, || {
        let store = ContextStore::builder().build().expect("a valid store");
        distribute(&store, "1");
        let update = |store: &ContextStore, section| {
            let delta = Delta::Put(&[("new", "entry")]);
            let update = SharedUpdate { coordination: C, section, delta, targets: Targets::All, bump: true };
            assert_eq!(store.update_shared(&update, &mut [Ok(0); 2]), Ok(2));
        };
        let other = {
            let store = store.clone();
            thread::spawn(move || update(&store, Section::TypeRegistry))
        };
        update(&store, Section::PatternLibrary);
        other.join().unwrap();
        let context = store.get(C, AGENTS[0]).expect("it is there");
        assert_eq!(
            (context.version, context.shared.type_registry.len(), context.shared.pattern_library.len()),
            (3, 1, 1)
        );
    });
}

/// What is cleared is gone as a whole.
#[test]
fn clearing_against_a_reader() {
    model("contexts: a clear against two reads", 3, || {
        let store = ContextStore::builder().build().expect("a valid store");
        distribute(&store, "1");
        let other = {
            let store = store.clone();
            thread::spawn(move || assert_eq!(store.clear(C), 2))
        };
        let [first, second] = AGENTS.map(|agent| store.get(C, agent));
        assert!(first.is_ok() || second == Err(ContextError::UnknownCoordination));
        other.join().unwrap();
        assert!(first.iter().chain(&second).all(|context| context.assignment.objective == "1"));
    });
}
