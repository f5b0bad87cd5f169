//! Decisions, and what they are made of.

use super::words::Said;
use crate::ids::{CorrelationId, RuleId, TaskId};
use crate::value::Value;
use core::fmt;

/// What happens next to a task. Declared, and ordered, by precedence: [`Error`](Self::Error) comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Decision {
    /// It has failed.
    Error,
    /// The work is over.
    End,
    /// It is done again.
    Retry,
    /// It runs beside its peers.
    Parallel,
    /// A condition decides.
    Conditional,
    /// It is divided.
    Branch,
    /// It is left out.
    Skip,
    /// It goes on.
    Continue,
}

impl Decision {
    /// All of them, by precedence.
    pub const ALL: [Self; 8] = [
        Self::Error,
        Self::End,
        Self::Retry,
        Self::Parallel,
        Self::Conditional,
        Self::Branch,
        Self::Skip,
        Self::Continue,
    ];
}

/// Which router decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strategy {
    /// Rules: priority 100.
    Conditional,
    /// The state as a whole: priority 80.
    StateAnalysis,
    /// Peers of the task: priority 60.
    Parallel,
    /// The task's priority: priority 40.
    Priority,
    /// A router of your own, by a number of your own. It has a priority of its own.
    Custom(u8),
}

impl Strategy {
    /// The weight of its verdicts; none of a custom router's, which says so itself.
    pub const fn priority(self) -> Option<u8> {
        match self {
            Self::Conditional => Some(100),
            Self::StateAnalysis => Some(80),
            Self::Parallel => Some(60),
            Self::Priority => Some(40),
            Self::Custom(_) => None,
        }
    }

    /// A number for each, as telemetry tells it.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Custom(number) => number.saturating_add(4),
            built_in => built_in.place() as u8,
        }
    }

    /// A place for each of the four, and one for all custom routers.
    pub(super) const fn place(self) -> usize {
        match self {
            Self::Conditional => 0,
            Self::StateAnalysis => 1,
            Self::Parallel => 2,
            Self::Priority => 3,
            Self::Custom(_) => 4,
        }
    }
}

/// A confidence from 0 to 1, in units of 1/65,536: whole numbers, so that verdicts compare the same everywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Q16(u32);

impl Q16 {
    /// None.
    pub const ZERO: Self = Self(0);
    /// Certainty.
    pub const ONE: Self = Self(1 << 16);

    /// The nearest to a number; what lies outside of 0 to 1, or is no number, becomes the nearer end, or 0.
    pub const fn new(number: f64) -> Self {
        // The cast saturates, and turns what is no number into 0.
        Self::from_bits((number * 65_536.0 + 0.5) as u32)
    }

    /// As a number.
    pub fn get(self) -> f64 {
        f64::from(self.0) / 65_536.0
    }

    /// As a whole number of 1/65,536.
    pub const fn to_bits(self) -> u32 {
        self.0
    }

    /// From that number; more than 65,536 are 65,536.
    pub const fn from_bits(bits: u32) -> Self {
        if bits > Self::ONE.0 { Self::ONE } else { Self(bits) }
    }

    /// The score of a verdict: confidence times priority, in units of 1/65,536.
    pub const fn score(self, priority: u8) -> u32 {
        self.0 * priority as u32
    }
}

impl fmt::Display for Q16 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Why a router decided as it did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// There is no router, or all have panicked.
    #[default]
    NoRouters,
    /// This rule matched, the first in the order of priority.
    Rule(RuleId),
    /// No rule matched.
    NoRule,
    /// The state has errors.
    Errors,
    /// The state lacks a required key.
    Incomplete,
    /// The state is too complex.
    Complex,
    /// The state is in order.
    Ordinary,
    /// So many tasks can run beside this one.
    Peers(u16),
    /// None can, or this one has to wait itself.
    NoPeers,
    /// The task's priority is high.
    HighPriority,
    /// It is low.
    LowPriority,
    /// It is neither.
    MiddlePriority,
    /// The router panicked: seen in [`explain`](super::RouterSet::explain) only.
    Fault,
    /// A custom router's own reason.
    Custom(u16),
}

/// What one router says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// How sure it is. Its score is this times the router's priority.
    pub confidence: Q16,
    /// The task that comes next, if it names one.
    pub next: Option<TaskId>,
    /// Why.
    pub reason: Reason,
    /// Whether it found nothing to say: then it decides only if all others found nothing either.
    pub abstain: bool,
}

impl Verdict {
    /// A verdict that names no task, with no abstention.
    pub const fn new(decision: Decision, confidence: Q16, reason: Reason) -> Self {
        Self { decision, confidence, next: None, reason, abstain: false }
    }

    /// To go on, for want of anything better to say.
    pub const fn abstain(confidence: Q16, reason: Reason) -> Self {
        Self { decision: Decision::Continue, confidence, next: None, reason, abstain: true }
    }
}

impl Default for Verdict {
    /// What is decided where nobody decides: to go on, with confidence 0.5.
    fn default() -> Self {
        Self::abstain(Q16::new(0.5), Reason::NoRouters)
    }
}

/// What is asked about a task.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RouteRequest {
    /// The task.
    pub task: TaskId,
    /// How long it ran, in milliseconds.
    pub execution_ms: u32,
    /// How often it was tried again.
    pub retry_count: u16,
    /// Anything else that a custom router looks at.
    pub data: Value,
    /// Ties the decision to what it is for; kept in the history.
    pub correlation: CorrelationId,
}

/// A decision about a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What happens next.
    pub decision: Decision,
    /// The confidence of the router that decided.
    pub confidence: Q16,
    /// That router; [`Strategy::Conditional`] where there was none.
    pub strategy: Strategy,
    /// Its reason.
    pub reason: Reason,
    /// The task that comes next, if the router named one.
    pub next: Option<TaskId>,
    /// How long the decision took, in nanoseconds: at least 1. 0 if it was not measured: when it comes from the cache, and
    /// without [`timing`](super::RouterSetBuilder::timing).
    pub ns: u32,
    /// Whether it comes from the cache.
    pub cached: bool,
}

/// A decision that was made, as the history keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteRecord {
    /// Its number: they count up from 0 over the life of a history.
    pub sequence: u64,
    /// The task.
    pub task: TaskId,
    /// The request's.
    pub correlation: CorrelationId,
    /// The decision.
    pub route: Route,
}

impl Default for RouteRecord {
    /// For the buffers that [`history`](super::RouterSet::history) fills.
    fn default() -> Self {
        let route = Route::from_words(Said::new(&Verdict::default(), Strategy::Conditional, 0).words);
        Self { sequence: 0, task: TaskId::default(), correlation: CorrelationId::default(), route }
    }
}

/// How the routers' verdicts become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consolidate {
    /// The best score wins: confidence times priority. Ties go to the router of higher priority, then to the one that was
    /// added first.
    Weighted {
        /// Whether those who found nothing to say stand back. Otherwise two of the four routers can never win.
        abstain: bool,
    },
    /// The first [`Decision`] by precedence wins, of those who found something to say; then the best score.
    Precedence,
}

impl Default for Consolidate {
    fn default() -> Self {
        Self::Weighted { abstain: true }
    }
}

/// Fields of a [`RouteRequest`] that a router looks at besides the task: decisions in the cache are told apart by them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct Fields(u8);

impl Fields {
    /// None.
    pub const NONE: Self = Self(0);
    /// `execution_ms`.
    pub const EXECUTION_MS: Self = Self(1);
    /// `retry_count`.
    pub const RETRY_COUNT: Self = Self(2);
    /// `data`.
    pub const DATA: Self = Self(4);
    /// `correlation`.
    pub const CORRELATION: Self = Self(8);
    /// All of them.
    pub const ALL: Self = Self(15);
    /// It looks at something else, too (the time, itself): nothing that it takes part in is cached.
    pub const VOLATILE: Self = Self(16);

    /// These and those.
    pub const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether all of `others` are among them.
    pub const fn contain(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }
}
