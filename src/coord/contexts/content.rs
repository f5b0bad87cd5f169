//! What a context says.

use super::ContextError;
use crate::ids::{AgentId, CoordId, SessionId};
use crate::value::Score;
use core::time::Duration;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

/// Named texts: the content of a section.
pub type Entries = BTreeMap<String, String>;

/// What all agents of a coordination know: one snapshot for all, by reference.
///
/// Keep it lean: the 10 to 20 types that matter, not a thousand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct SharedIntelligence {
    /// Types, by name.
    pub type_registry: Entries,
    /// Patterns, by name.
    pub pattern_library: Entries,
    /// Rules, by name.
    pub validation_rules: Entries,
    /// How things are called.
    pub naming_conventions: Entries,
    /// What depends on what.
    pub dependency_graph: Entries,
}

/// A part of [`SharedIntelligence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub enum Section {
    /// [`SharedIntelligence::type_registry`].
    TypeRegistry,
    /// [`SharedIntelligence::pattern_library`].
    PatternLibrary,
    /// [`SharedIntelligence::validation_rules`].
    ValidationRules,
    /// [`SharedIntelligence::naming_conventions`].
    NamingConventions,
    /// [`SharedIntelligence::dependency_graph`].
    DependencyGraph,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::TypeRegistry,
        Self::PatternLibrary,
        Self::ValidationRules,
        Self::NamingConventions,
        Self::DependencyGraph,
    ];

    /// Its name: that of the field.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TypeRegistry => "type_registry",
            Self::PatternLibrary => "pattern_library",
            Self::ValidationRules => "validation_rules",
            Self::NamingConventions => "naming_conventions",
            Self::DependencyGraph => "dependency_graph",
        }
    }
}

impl FromStr for Section {
    type Err = ContextError;

    /// The section of this [`name`](Self::name).
    fn from_str(name: &str) -> Result<Self, ContextError> {
        Self::ALL.into_iter().find(|section| section.name() == name).ok_or(ContextError::UnknownSection)
    }
}

/// What is to become of a section.
#[derive(Clone, Copy, Debug)]
pub enum Delta<'a> {
    /// These entries are added, or replaced.
    Put(&'a [(&'a str, &'a str)]),
    /// These are removed, as far as they are there.
    Remove(&'a [&'a str]),
    /// These are all there is.
    Replace(&'a Entries),
}

impl SharedIntelligence {
    /// A section's entries.
    pub fn section(&self, section: Section) -> &Entries {
        match section {
            Section::TypeRegistry => &self.type_registry,
            Section::PatternLibrary => &self.pattern_library,
            Section::ValidationRules => &self.validation_rules,
            Section::NamingConventions => &self.naming_conventions,
            Section::DependencyGraph => &self.dependency_graph,
        }
    }

    fn section_mut(&mut self, section: Section) -> &mut Entries {
        match section {
            Section::TypeRegistry => &mut self.type_registry,
            Section::PatternLibrary => &mut self.pattern_library,
            Section::ValidationRules => &mut self.validation_rules,
            Section::NamingConventions => &mut self.naming_conventions,
            Section::DependencyGraph => &mut self.dependency_graph,
        }
    }

    /// The same with one section changed.
    pub fn updated(&self, section: Section, delta: Delta<'_>) -> Self {
        let mut updated = self.clone();
        let entries = updated.section_mut(section);
        match delta {
            Delta::Put(new) => entries.extend(new.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))),
            Delta::Remove(names) => names.iter().for_each(|name| drop(entries.remove(*name))),
            Delta::Replace(all) => entries.clone_from(all),
        }
        updated
    }

    /// How large it is, written down: for each text its bytes and a length of four, for each section a count of four.
    pub fn size_bytes(&self) -> usize {
        let texts = |entries: &Entries| {
            entries.iter().map(|(name, text)| sized(name) + sized(text)).sum::<usize>() + size_of::<u32>()
        };
        Section::ALL.into_iter().map(|section| texts(self.section(section))).sum()
    }
}

/// A text with its length.
fn sized(text: &str) -> usize {
    size_of::<u32>() + text.len()
}

fn all_sized(texts: &[String]) -> usize {
    size_of::<u32>() + texts.iter().map(|text| sized(text)).sum::<usize>()
}

/// What one agent has to do.
#[derive(Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct Assignment {
    /// The agent.
    pub agent: AgentId,
    /// What for.
    pub objective: String,
    /// What.
    pub tasks: Vec<String>,
    /// With what.
    pub input_data: Vec<String>,
    /// After whom.
    pub dependencies: Vec<AgentId>,
    /// What has to come out.
    pub output_requirements: Vec<String>,
    /// When it is good.
    pub success_criteria: Vec<String>,
}

impl Assignment {
    /// How large it is, written down: for each text its bytes and a length of four, for each list a count of four, for each
    /// agent eight.
    pub fn size_bytes(&self) -> usize {
        let Self { agent, objective, tasks, input_data, dependencies, output_requirements, success_criteria } = self;
        let lists = [tasks, input_data, output_requirements, success_criteria];
        let agents = size_of_val(agent) + size_of::<u32>() + size_of_val(&**dependencies);
        agents + sized(objective) + lists.into_iter().map(|list| all_sized(list)).sum::<usize>()
    }
}

impl Clone for Assignment {
    fn clone(&self) -> Self {
        let mut clone = Self::default();
        clone.clone_from(self);
        clone
    }

    /// Into the memory that is there, as far as it goes.
    fn clone_from(&mut self, source: &Self) {
        let Self { agent, objective, tasks, input_data, dependencies, output_requirements, success_criteria } = self;
        *agent = source.agent;
        objective.clone_from(&source.objective);
        tasks.clone_from(&source.tasks);
        input_data.clone_from(&source.input_data);
        dependencies.clone_from(&source.dependencies);
        output_requirements.clone_from(&source.output_requirements);
        success_criteria.clone_from(&source.success_criteria);
    }
}

/// What an agent may use. Enforced by those to whom the application hands it: the deadline of a flow, the bound of its retries,
/// the number of its permits.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct Allocation {
    /// How long it may take, in milliseconds, 1,000 at least; 300,000 by default.
    pub max_execution_ms: u32,
    /// How often it may try again; 3 by default.
    pub max_retries: u8,
    /// How good its results have to be; 0.8 by default.
    pub quality: Score,
    /// How much memory, in megabytes; 512 by default.
    pub memory_mb: u32,
    /// How long one operation may take, in milliseconds; 30,000 by default.
    pub timeout_ms: u32,
    /// How many operations at a time, 1 at least; 10 by default.
    pub concurrency: u16,
}

/// 0.8.
const QUALITY: Score = match Score::new(0.8) {
    Ok(score) => score,
    Err(_) => Score::ONE,
};

impl Allocation {
    pub(super) const DEFAULT: Self = Self {
        max_execution_ms: 300_000,
        max_retries: 3,
        quality: QUALITY,
        memory_mb: 512,
        timeout_ms: 30_000,
        concurrency: 10,
    };

    /// How long it may take: what a deadline is made of.
    pub const fn max_execution(&self) -> Duration {
        Duration::from_millis(self.max_execution_ms as u64)
    }

    /// How long one operation may take.
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms as u64)
    }

    pub(super) fn check(&self) -> Result<(), ContextError> {
        check(self.max_execution_ms >= 1_000, "max_execution_ms")?;
        check(self.concurrency >= 1, "concurrency")
    }
}

impl Default for Allocation {
    fn default() -> Self {
        Self::DEFAULT
    }
}

fn check(well: bool, field: &'static str) -> Result<(), ContextError> {
    if well { Ok(()) } else { Err(ContextError::OutOfRange { field }) }
}

/// Who gets which allocation. Empty, everybody gets the store's default.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct Allocations {
    /// For everybody who is not named; the store's default if there is none.
    pub default: Option<Allocation>,
    /// For these, in any order. Of two for one agent, the first counts.
    pub agents: Vec<(AgentId, Allocation)>,
}

/// A channel that agents keep in touch through: a number of the application's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ChannelId(pub u16);

impl ChannelId {
    /// That of the state. The default.
    pub const STATE: Self = Self(0);
}

/// How an agent keeps in touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default, deny_unknown_fields))]
pub struct Protocols {
    /// How often it tells how far it is, in milliseconds, 100 at least; 5,000 by default.
    pub update_ms: u32,
    /// How often it shows that it is alive, in milliseconds, 100 at least; 10,000 by default.
    pub heartbeat_ms: u32,
    /// Where; three times [`ChannelId::STATE`] by default.
    pub channels: [ChannelId; 3],
}

impl Protocols {
    /// How often it shows that it is alive: for how long a lease is renewed.
    pub const fn heartbeat(&self) -> Duration {
        Duration::from_millis(self.heartbeat_ms as u64)
    }

    pub(super) fn check(&self) -> Result<(), ContextError> {
        check(self.update_ms >= 100, "update_ms")?;
        check(self.heartbeat_ms >= 100, "heartbeat_ms")
    }
}

impl Default for Protocols {
    fn default() -> Self {
        Self { update_ms: 5_000, heartbeat_ms: 10_000, channels: [ChannelId::STATE; 3] }
    }
}

/// The coordination that contexts are made for. Both are mandatory: 0 is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoordState {
    /// The coordination.
    pub coordination: CoordId,
    /// Its session.
    pub session: SessionId,
}

impl CoordState {
    pub(super) fn check(self) -> Result<(), ContextError> {
        let missing = |field| Err(ContextError::MissingField { field });
        match (self.coordination.get(), self.session.get()) {
            (0, _) => missing("coordination_id"),
            (_, 0) => missing("session_id"),
            _ => Ok(()),
        }
    }
}

/// Whose context it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meta {
    /// The agent.
    pub agent: AgentId,
    /// In which coordination.
    pub coordination: CoordId,
    /// In which session.
    pub session: SessionId,
}

/// What one agent needs to know. Never changes; a store replaces it by the next version.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AgentContext {
    /// Whose it is.
    pub meta: Meta,
    /// What all know: one for all agents of a distribution.
    pub shared: Arc<SharedIntelligence>,
    /// What it has to do.
    pub assignment: Arc<Assignment>,
    /// What it may use.
    pub allocation: Allocation,
    /// How it keeps in touch.
    pub protocols: Protocols,
    /// Counts what replaced what, from 1.
    pub version: u32,
    pub(super) bytes: usize,
}

/// A context, by reference. It stays as it is, also when the store has the next version.
pub type ContextRef = Arc<AgentContext>;

/// What a context has beside what is shared and assigned, written down.
pub(super) const RECORD_BYTES: usize =
    size_of::<Meta>() + size_of::<Allocation>() + size_of::<Protocols>() + size_of::<u32>();

impl AgentContext {
    pub(super) fn new(shared: Arc<SharedIntelligence>) -> Self {
        Self {
            meta: Meta::default(),
            shared,
            assignment: Arc::default(),
            allocation: Allocation::DEFAULT,
            protocols: Protocols::default(),
            version: 0,
            bytes: 0,
        }
    }

    /// How large it is, written down, with what is shared: see [`SharedIntelligence::size_bytes`] and [`Assignment::size_bytes`].
    pub fn size_bytes(&self) -> usize {
        self.bytes
    }
}
