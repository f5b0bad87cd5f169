//! Contexts that are written down and read again.
#![cfg(feature = "serde")]

use ringway::coord::contexts::{
    Allocation, Allocations, Assignment, ChannelId, ContextError, ContextStore, CoordState, Delta, Protocols, Section,
    SharedIntelligence,
};
use ringway::ids::{AgentId, CoordId, SessionId};
use ringway::value::Score;
use std::fmt::Debug;
use std::sync::Arc;

fn agent(index: u32, generation: u32) -> AgentId {
    AgentId { index, generation }
}

/// What comes back of what is written.
fn again<T: serde::Serialize + serde::de::DeserializeOwned>(content: &T) -> T {
    let text = toml::to_string(content).unwrap();
    toml::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn refused<T: serde::de::DeserializeOwned + Debug>(text: &str) -> String {
    toml::from_str::<T>(text).unwrap_err().message().to_owned()
}

#[test]
fn d19_what_is_written_is_read() {
    let put = |shared: SharedIntelligence, section: Section| {
        shared.updated(section, Delta::Put(&[(section.name(), "a \"text\""), ("b", "")]))
    };
    let shared = Section::ALL.into_iter().fold(SharedIntelligence::default(), put);
    assert_eq!(again(&shared), shared);
    let texts = |n: usize| (0..n).map(|n| format!("text {n}")).collect::<Vec<_>>();
    let assignment = Assignment {
        agent: agent(7, 2),
        objective: "on time".into(),
        tasks: texts(3),
        input_data: texts(0),
        dependencies: vec![agent(1, 0), agent(2, 9)],
        output_requirements: texts(1),
        success_criteria: texts(2),
    };
    assert_eq!(again(&assignment), assignment);
    let allocation = Allocation { quality: Score::new(0.65).unwrap(), memory_mb: 3, ..Allocation::default() };
    assert_eq!(again(&allocation), allocation);
    let allocations = Allocations { default: Some(allocation), agents: vec![(agent(1, 1), Allocation::default())] };
    assert_eq!(again(&allocations), allocations);
    let protocols = Protocols { channels: [1, 2, 3].map(ChannelId), ..Protocols::default() };
    assert_eq!(again(&protocols), protocols);
}

#[test]
fn d20_what_is_left_out_is_the_default() {
    assert_eq!(toml::from_str::<Allocation>("").unwrap(), Allocation::default());
    assert_eq!(toml::from_str::<Protocols>("").unwrap(), Protocols::default());
    let text = r#"
        objective = "on time"
        agent = { index = 4 }
    "#;
    let expected = Assignment { agent: agent(4, 0), objective: "on time".into(), ..Assignment::default() };
    assert_eq!(toml::from_str::<Assignment>(text).unwrap(), expected);
    let shared: SharedIntelligence = toml::from_str("[validation_rules]\ndelay = \"under 15 min\"").unwrap();
    assert_eq!(shared.validation_rules["delay"], "under 15 min");
}

#[test]
fn mistakes_are_refused() {
    assert!(refused::<SharedIntelligence>("types = {}").starts_with("unknown field `types`"));
    assert!(refused::<Assignment>("task = []").starts_with("unknown field `task`"));
    assert!(refused::<Assignment>("agent = { index = 1, place = 2 }").starts_with("unknown field `place`"));
    assert_eq!(refused::<Allocation>("quality = 1.5"), "a score lies between 0.0 and 1.0");
    assert_eq!(refused::<Allocation>("quality = nan"), "a score is a finite number");
    // Ranges are the store's.
    let short: Allocation = toml::from_str("max_execution_ms = 1").unwrap();
    let allocations = Allocations { default: Some(short), agents: Vec::new() };
    let store = ContextStore::builder().build().unwrap();
    let state = CoordState { coordination: CoordId::new(1), session: SessionId::new(1) };
    let out = &mut [Err(ContextError::UnknownAgent)];
    let stored =
        store.distribute(state, &[Assignment::default()], Arc::default(), &allocations, &Protocols::default(), out);
    assert_eq!(stored, Err(ContextError::OutOfRange { field: "max_execution_ms" }));
}
