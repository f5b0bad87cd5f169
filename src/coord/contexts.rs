//! Contexts: what each agent of a coordination needs to know, in one immutable snapshot for all and a small record for each.
//!
//! A [`ContextStore`] is one registry for all threads. A distribution makes the agents' contexts and publishes them at once: a reader sees
//! a whole context or the whole next one. All of them refer to one [`SharedIntelligence`], which is never copied. An update of it
//! replaces the contexts of its targets, and nobody else's.
//!
//! ```
//! use ringway::coord::contexts::{
//!     Allocations, Assignment, ContextError, ContextStore, CoordState, Delta, Protocols, Section, SharedIntelligence,
//!     SharedUpdate, Targets,
//! };
//! use ringway::ids::{AgentId, CoordId, SessionId};
//! use std::sync::Arc;
//!
//! let store = ContextStore::builder().agents(100).build()?;
//! let state = CoordState { coordination: CoordId::new(1), session: SessionId::new(1) };
//! let agents = [0, 1, 2].map(|index| AgentId { index, generation: 0 });
//! let assignments = agents.map(|agent| Assignment { agent, objective: "on time".into(), ..Assignment::default() });
//! let shared = SharedIntelligence::default().updated(Section::ValidationRules, Delta::Put(&[("delay", "under 15 min")]));
//!
//! let mut out = vec![Err(ContextError::UnknownAgent); 3];
//! let (allocations, protocols) = (Allocations::default(), Protocols::default());
//! store.distribute(state, &assignments, Arc::new(shared), &allocations, &protocols, &mut out)?;
//! let [first, second] = [0, 1].map(|index| store.get(state.coordination, agents[index]).unwrap());
//! assert!(Arc::ptr_eq(&first.shared, &second.shared));
//! assert_eq!((first.allocation.max_execution_ms, first.version), (300_000, 1));
//!
//! let update = SharedUpdate {
//!     coordination: state.coordination,
//!     section: Section::ValidationRules,
//!     delta: Delta::Put(&[("delay", "under 30 min")]),
//!     targets: Targets::Agents(&agents[..1]),
//!     bump: true,
//! };
//! assert_eq!(store.update_shared(&update, &mut [Err(ContextError::UnknownAgent)])?, 1);
//! let updated = store.get(state.coordination, agents[0])?;
//! assert_eq!((updated.version, &*updated.shared.validation_rules["delay"]), (2, "under 30 min"));
//! assert_eq!(first.shared.validation_rules["delay"], "under 15 min"); // what is held stays as it was
//!
//! let fourth = AgentId { index: 3, generation: 0 };
//! let like_second = store.template(state.coordination, agents[1])?.instantiate(fourth)?;
//! assert_eq!((like_second.assignment.agent, &*like_second.assignment.objective), (fourth, "on time"));
//! assert_eq!(store.clear(state.coordination), 4);
//! # Ok::<(), ContextError>(())
//! ```
//!
//! # From files
//!
//! With the feature `serde`, [`SharedIntelligence`], [`Assignment`], [`Allocation`], [`Allocations`] and [`Protocols`] are written and
//! read in any of its formats. Left out is what their defaults say; names that are none are refused, and ranges are checked when
//! contexts are distributed.
//!
//! ```
//! # #[cfg(feature = "serde")] {
//! use ringway::coord::contexts::{Allocation, Assignment};
//!
//! let template = r#"
//!     objective = "on time"
//!     tasks = ["clean", "fuel"]
//!     dependencies = [{ index = 3 }]
//! "#;
//! let assignment: Assignment = toml::from_str(template).unwrap();
//! assert_eq!((assignment.tasks.len(), assignment.dependencies[0].to_string()), (2, "agent_3_0".to_owned()));
//! let allocation: Allocation = toml::from_str("quality = 0.9").unwrap();
//! assert_eq!((allocation.quality.get(), allocation.max_retries), (0.9, 3));
//! assert!(toml::from_str::<Allocation>("quality = 1.9").is_err());
//! # }
//! ```

mod content;
mod distribution;
mod error;
mod figures;
mod store;
mod table;
mod update;

pub use crate::value::Score;
pub use content::{
    AgentContext, Allocation, Allocations, Assignment, ChannelId, ContextRef, CoordState, Delta, Entries, Meta,
    Protocols, Section, SharedIntelligence,
};
pub use distribution::Distribution;
pub use error::ContextError;
pub use store::{ContextStore, ContextStoreBuilder, Oversize, Template};

use crate::ids::{AgentId, CoordId};

/// Whose contexts an update changes.
#[derive(Clone, Copy, Debug)]
pub enum Targets<'a> {
    /// Those of all agents of the coordination.
    All,
    /// Those of these.
    Agents(&'a [AgentId]),
}

/// A change of what is shared: see [`ContextStore::update_shared`].
#[derive(Clone, Copy, Debug)]
pub struct SharedUpdate<'a> {
    /// In this coordination.
    pub coordination: CoordId,
    /// In this section.
    pub section: Section,
    /// What changes.
    pub delta: Delta<'a>,
    /// For whom.
    pub targets: Targets<'a>,
    /// Whether it makes the next version.
    pub bump: bool,
}

/// What a distribution stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Distributed {
    /// Agents that have their contexts.
    pub agents: usize,
    /// Contexts that are larger than they should be: a warning.
    pub oversize: usize,
    /// The largest, in bytes.
    pub bytes: usize,
    /// How long it took, from the beginning to the publication, in nanoseconds.
    pub ns: u64,
}

/// The figures of a store. Exact when nobody is inside a call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ContextMetrics {
    /// Contexts that are stored.
    pub live: usize,
    /// Different snapshots of what is shared that they refer to.
    pub shared_snapshots: usize,
    /// Contexts that were distributed.
    pub distributed: u64,
    /// Updates of what is shared.
    pub updates: u64,
    /// Contexts that were stored and larger than they should be.
    pub oversize: u64,
    /// Records that had to be allocated because none was there to be used again.
    pub cold_allocs: u64,
    /// Distribution of a context, on average, in nanoseconds.
    pub per_agent_avg_ns: u64,
    /// The longest.
    pub per_agent_max_ns: u64,
}
