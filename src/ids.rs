//! Ids: small numbers that stand for the coordinations, agents, keys and kinds of the layers above.
//!
//! Names are interned when a program is set up ([`Interner`]) and are numbers from then on: no string is touched on a hot path.
//! Every id is plain data of at most 64 bits and turns into a word and back, so that records of ids fit into lossy rings
//! ([`broadcast::lossy`](mod@crate::broadcast::lossy)) and [`TwoCopy`](crate::slot::TwoCopy) slots.
//!
//! ```
//! use ringway::ids::{AgentId, CoordId, Interner, KeyId};
//!
//! let keys = Interner::<KeyId>::new(16);
//! let delay = keys.intern("delay_minutes")?;
//! assert_eq!(keys.intern("delay_minutes")?, delay);
//! assert_eq!(keys.name(delay), "delay_minutes");
//!
//! let agent = AgentId { index: 7, generation: 2 };
//! assert_eq!(AgentId::from_bits(agent.to_bits()), agent);
//! assert_eq!((agent.to_string(), CoordId::new(42).to_string()), ("agent_7_2".into(), "coord_42".into()));
//! # Ok::<(), ringway::ids::InternError>(())
//! ```

mod interner;
mod kinds;

pub use interner::{InternError, InternedId, Interner};
pub use kinds::{SignalKind, SignalMask};

use core::fmt;

/// Ids that are numbers: the type, its width, and how it is shown.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident: $word:ty, $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name($word);

        impl $name {
            /// The id with this number.
            pub const fn new(number: $word) -> Self {
                Self(number)
            }

            /// Its number.
            pub const fn get(self) -> $word {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }
    )+};
}

/// Those of them that stand for names.
macro_rules! interned {
    ($($name:ident: $word:ty;)+) => {$(
        impl InternedId for $name {
            const LIMIT: usize = <$word>::MAX as usize;

            fn from_index(index: usize) -> Option<Self> {
                <$word>::try_from(index).ok().map(Self)
            }

            fn index(self) -> usize {
                self.0 as usize
            }
        }
    )+};
}

ids! {
    /// A coordination: the scope of signals, contexts and dependencies. Shown as `coord_…`.
    CoordId: u64, "coord";
    /// A session, carried beside the coordination in contexts. Shown as `session_…`.
    SessionId: u64, "session";
    /// A piece of work, opaque; often a time in nanoseconds. Shown as `work_…`.
    WorkItem: u64, "work";
    /// What ties an answer to its question. Shown as `correlation_…`.
    CorrelationId: u64, "correlation";
    /// What ties the steps of one activity together. Shown as `trace_…`.
    TraceId: u64, "trace";
    /// A topic, interned.
    TopicId: u16, "topic";
    /// A key of the state, interned.
    KeyId: u16, "key";
    /// A rule, interned.
    RuleId: u16, "rule";
    /// A type of work, interned.
    WorkTypeId: u16, "work_type";
    /// A step of a flow, interned.
    StepId: u32, "step";
    /// A task, interned.
    TaskId: u32, "task";
    /// A symbol: any other name, interned.
    SymId: u32, "sym";
}

interned! {
    TopicId: u16;
    KeyId: u16;
    RuleId: u16;
    WorkTypeId: u16;
    StepId: u32;
    TaskId: u32;
    SymId: u32;
}

/// An agent: a place, and which of its successive occupants. Shown as `agent_index_generation`.
///
/// A place is used again with the next generation, so that an id kept for too long names nobody instead of somebody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
pub struct AgentId {
    /// The place.
    pub index: u32,
    /// Which of its occupants.
    #[cfg_attr(feature = "serde", serde(default))]
    pub generation: u32,
}

impl AgentId {
    /// As one word: the generation above the index.
    pub const fn to_bits(self) -> u64 {
        (self.generation as u64) << 32 | self.index as u64
    }

    /// From that word.
    pub const fn from_bits(bits: u64) -> Self {
        Self { index: bits as u32, generation: (bits >> 32) as u32 }
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "agent_{}_{}", self.index, self.generation)
    }
}
