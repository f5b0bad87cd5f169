//! What can be waited for, and how it stands.

use crate::ids::{AgentId, CoordId, InternedId};
use crate::value::Score;
use core::fmt;
use core::time::Duration;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident, $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(transparent)]
        pub struct $name(u32);

        impl $name {
            /// The id with this number.
            pub const fn new(number: u32) -> Self {
                Self(number)
            }

            /// Its number.
            pub const fn get(self) -> u32 {
                self.0
            }
        }

        impl InternedId for $name {
            const LIMIT: usize = u32::MAX as usize;

            fn from_index(index: usize) -> Option<Self> {
                u32::try_from(index).ok().map(Self)
            }

            fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }
    )+};
}

ids! {
    /// A dependency: unique among the pending ones of its coordination. Shown as `dep_…`.
    DepId, "dep";
    /// A resource. Shown as `resource_…`.
    ResourceId, "resource";
    /// A quality gate. Shown as `gate_…`.
    GateId, "gate";
}

/// Something to wait for.
#[derive(Clone, Copy, Debug)]
pub struct Dep {
    /// What it is called in statuses and errors.
    pub id: DepId,
    /// What has to happen.
    pub on: On,
    /// How long it may take, from the registration on; not zero.
    pub timeout: Duration,
    /// How often a probe may fail and be asked again.
    pub max_retries: u8,
}

impl Dep {
    /// A dependency with a timeout of 120 s and 3 retries.
    pub const fn new(id: DepId, on: On) -> Self {
        Self { id, on, timeout: Duration::from_secs(120), max_retries: 3 }
    }

    /// With another timeout.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// What has to happen.
#[derive(Clone, Copy, Debug)]
pub enum On {
    /// An agent has completed.
    AgentDone {
        /// The agent.
        agent: AgentId,
        /// Whether a failure fails the dependency, rather than meeting it as well.
        require_success: bool,
    },
    /// There is enough of a resource.
    Resource {
        /// The resource.
        id: ResourceId,
        /// How much is enough; usually 1.0.
        min: f64,
    },
    /// A quality gate is passed.
    Gate {
        /// The gate.
        id: GateId,
        /// The least score that passes; usually 0.8.
        threshold: Score,
    },
    /// A function says so: for conditions outside of the process.
    Probe {
        /// Asked every so often, outside of any lock, first one interval after the registration.
        f: fn(&ProbeCx) -> Ready,
        /// How often; not zero. One that is late is asked once and then keeps to the old rhythm.
        every: Duration,
    },
}

impl On {
    /// What it waits for.
    pub const fn target(&self) -> Target {
        match *self {
            Self::AgentDone { agent, .. } => Target::Agent(agent),
            Self::Resource { id, .. } => Target::Resource(id),
            Self::Gate { id, .. } => Target::Gate(id),
            Self::Probe { .. } => Target::Probe,
        }
    }

    /// The level that the target has to reach: 1.0 is an agent's success, 0.0 any outcome.
    pub const fn needed(&self) -> f64 {
        match *self {
            Self::AgentDone { require_success, .. } => require_success as u8 as f64,
            Self::Resource { min, .. } => min,
            Self::Gate { threshold, .. } => threshold.get(),
            Self::Probe { .. } => 1.0,
        }
    }
}

/// Probes by the time that they are expected to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// How long it may take.
    pub timeout: Duration,
    /// How often it is asked.
    pub every: Duration,
}

impl Probe {
    /// Under a second: asked every 50 ms, for 10 s.
    pub const FAST: Self = Self { timeout: Duration::from_secs(10), every: Duration::from_millis(50) };
    /// Above ten seconds: asked every 2 s, for 300 s.
    pub const SLOW: Self = Self { timeout: Duration::from_secs(300), every: Duration::from_secs(2) };

    /// A dependency on a probe of this kind, with 3 retries.
    pub const fn dep(self, id: DepId, f: fn(&ProbeCx) -> Ready) -> Dep {
        Dep::new(id, On::Probe { f, every: self.every }).timeout(self.timeout)
    }
}

/// What a probe is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbeCx {
    /// The coordination.
    pub coordination: CoordId,
    /// The dependency.
    pub dep: DepId,
    /// How often it was asked before.
    pub asked: u32,
    /// The set's clock, in nanoseconds.
    pub now_ns: u64,
}

/// What a probe answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// It has happened.
    Yes,
    /// Ask again.
    NotYet,
    /// Something went wrong: ask again as often as retries are left.
    Failed,
}

/// What is waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Target {
    /// An agent's completion.
    Agent(AgentId),
    /// A resource's level.
    Resource(ResourceId),
    /// A gate's score.
    Gate(GateId),
    /// What a probe asks for.
    #[default]
    Probe,
}

impl Target {
    /// Of which kind it is, as [`DependencyResolved`](crate::coord::signals::SignalPayload::DependencyResolved) says it: 0 for an
    /// agent, 1 for a resource, 2 for a gate, 3 for a probe.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Agent(_) => 0,
            Self::Resource(_) => 1,
            Self::Gate(_) => 2,
            Self::Probe => 3,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent(agent) => agent.fmt(f),
            Self::Resource(id) => id.fmt(f),
            Self::Gate(id) => id.fmt(f),
            Self::Probe => f.write_str("probe"),
        }
    }
}

/// Where a dependency is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DepState {
    /// It waits.
    #[default]
    Pending,
    /// Its probe is being asked.
    InProgress,
    /// It is met.
    Resolved,
    /// It cannot be met any more.
    Failed,
    /// It took too long.
    Timeout,
    /// Its ticket was cancelled before.
    Cancelled,
}

/// How a dependency stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DepStatus {
    /// Where it is.
    pub state: DepState,
    /// When it was resolved, in nanoseconds of the set's clock.
    pub resolved_at: Option<u64>,
    /// The target's last level, or the one that settled it; none if there was none.
    pub last: Option<f64>,
    /// The level that it needs.
    pub needed: f64,
}

/// What keeps a ticket from being ready. Its `Display` says so in words, and levels to the ninth digit behind the point.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Unmet {
    /// The dependency.
    pub dep: DepId,
    /// What it waits for.
    pub target: Target,
    /// The target's last level, as long as it was waited for; none if there was none.
    pub last: Option<f64>,
    /// The level that it needs.
    pub needed: f64,
    /// Whether it waits still, has failed, or took too long.
    pub state: DepState,
}

/// A level as it was meant: 0.68 where arithmetic has come to 0.6799999999999999.
fn rounded(level: f64) -> f64 {
    const DIGITS: f64 = 1e9;
    // Above, there are no such digits.
    if level < 1e6 { (level * DIGITS).round() / DIGITS } else { level }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dep, target, last, needed, state } = self;
        let (failed, needed) = (*state == DepState::Failed, rounded(*needed));
        match (target, last.map(rounded)) {
            (Target::Agent(agent), _) => {
                let (how, needs) = (if failed { "failed" } else { "not done" }, needed > 0.0);
                write!(f, "{agent}: {how}{}", if needs { ", needs success" } else { "" })?;
            }
            (Target::Probe, _) => write!(f, "probe of {dep}: {}", if failed { "failed" } else { "not ready" })?,
            (_, Some(last)) => write!(f, "{target}: last {last}, needs {needed}")?,
            (_, None) => write!(f, "{target}: never set, needs {needed}")?,
        }
        if *state == DepState::Timeout { f.write_str(", too late") } else { Ok(()) }
    }
}

/// What a clearing let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// Tickets that had no outcome yet.
    pub tickets: u32,
    /// Agents, resources and gates.
    pub targets: u32,
    /// Dependencies whose status was known.
    pub deps: u32,
}
