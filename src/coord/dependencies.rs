//! Dependencies: an agent waits for other agents, resources and quality gates, all at the same time, and is woken.
//!
//! A [`Ticket`] counts what is unmet. Whoever meets a condition ([`set_resource`](DependencySet::set_resource),
//! [`set_gate_score`](DependencySet::set_gate_score), [`agent_done`](DependencySet::agent_done)) takes it off the tickets that
//! wait for it and wakes those that have none left: nobody polls. What is met already is off the count before
//! [`wait`](DependencySet::wait) returns. Only a [`Probe`](On::Probe), for what happens outside of the process, is asked
//! again and again.
//!
//! ```
//! use ringway::coord::dependencies::{Dep, DepError, DepId, DependencySet, GateId, On, ResourceId, Unmet};
//! use ringway::ids::{AgentId, CoordId};
//! use ringway::value::Score;
//! use std::time::Duration;
//!
//! let set = DependencySet::standalone().build();
//! let (flight, pilot, fuelling) = (CoordId::new(1), AgentId { index: 1, generation: 0 }, AgentId { index: 2, generation: 0 });
//! let gate = On::Gate { id: GateId::new(0), threshold: Score::new(0.8)? };
//! let deps = [
//!     Dep::new(DepId::new(1), On::Resource { id: ResourceId::new(7), min: 1.0 }),
//!     Dep::new(DepId::new(2), gate).timeout(Duration::from_secs(10)),
//!     Dep::new(DepId::new(3), On::AgentDone { agent: fuelling, require_success: true }),
//! ];
//!
//! set.set_resource(flight, ResourceId::new(7), 1.0)?; // before anybody waits
//! let ticket = set.wait(flight, pilot, &deps)?;
//! set.set_gate_score(flight, GateId::new(0), Score::new(0.71)?)?;
//! let mut unmet = [Unmet::default(); 4];
//! assert_eq!(ticket.explain(&mut unmet), 2);
//! assert_eq!(unmet[0].to_string(), "gate_0: last 0.71, needs 0.8");
//! assert_eq!(unmet[1].to_string(), "agent_2_0: not done, needs success");
//!
//! // The one that is waited for cannot wait for the one that waits.
//! let back = Dep::new(DepId::new(4), On::AgentDone { agent: pilot, require_success: false });
//! assert_eq!(set.wait(flight, fuelling, &[back]).unwrap_err(), DepError::Cycle { length: 2 });
//!
//! assert_eq!(set.set_gate_score(flight, GateId::new(0), Score::new(0.8)?)?, 0);
//! assert_eq!(set.agent_done(flight, fuelling, true)?, 1); // one ticket is woken
//! ticket.wait_timeout(Duration::from_secs(5))?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Signals
//!
//! A set that is [built for a hub](DependencySet::builder) hears the completions that agents signal there, and tells the hub what
//! is met.
//!
//! ```
//! use ringway::coord::dependencies::{Dep, DepId, DependencySet, On};
//! use ringway::coord::signals::{Signal, SignalHub, SignalPayload};
//! use ringway::ids::{AgentId, CoordId, SignalKind, SymId};
//! use ringway::value::Score;
//!
//! let hub = SignalHub::builder().build()?;
//! let set = DependencySet::builder(&hub).build();
//! let (flight, [pilot, cleaners]) = (CoordId::new(1), [1, 2].map(|index| AgentId { index, generation: 0 }));
//! hub.open(flight)?;
//! let met = hub.subscribe(flight, pilot, SignalKind::DEPENDENCY_RESOLVED.mask(), Some(pilot.into()))?;
//!
//! let clean = Dep::new(DepId::new(1), On::AgentDone { agent: cleaners, require_success: true });
//! let ticket = set.wait(flight, pilot, &[clean])?;
//! let (summary, quality) = (SymId::new(1), Score::ONE);
//! let done = SignalPayload::Completed { summary, quality, execution_ms: 900, artifacts: 0, error: None };
//! hub.signal(flight, &Signal { sender: cleaners.into(), ..Signal::new(SignalKind::AGENT_COMPLETED, done) })?;
//!
//! assert!(ticket.is_ready()); // by the signal itself: nobody has polled or slept
//! let SignalPayload::DependencyResolved { id, by, .. } = met.try_recv()?.payload else { panic!("another signal") };
//! assert_eq!((id, by), (1, cleaners));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **What is heard.** Every [`AGENT_COMPLETED`](crate::ids::SignalKind::AGENT_COMPLETED) of an agent's, whomever it is for. The
//! sender is the agent; a [`Completed`](crate::coord::signals::SignalPayload::Completed) with an error is a failure, and
//! everything else a success. The set is no subscriber: no count, limit or figure of the hub's knows of it. When the call that
//! sent the signal has returned, the tickets have their outcomes, or get them by the thread that is in the middle of another call
//! to the set: the sender waits for nobody, unless [`completions`](DependencySetBuilder::completions) of them wait already. None
//! is overwritten or dropped.
//!
//! **What was before.** When a coordination is first named here, its completions are taken from the hub's history. If that does
//! not go back to the beginning any more, or if there was no room for an agent that completed, a wait for an agent of whom
//! nothing is known is refused as [`Lagged`](DepError::Lagged). [`DependencySet::open`] names a coordination in time.
//!
//! **What is told.** One [`DEPENDENCY_RESOLVED`](crate::ids::SignalKind::DEPENDENCY_RESOLVED) for each dependency that is met,
//! also for one that is met when it is registered, to everybody who asks for that kind. Its sender is the agent that waits, so
//! that each can subscribe to his own; [`SYSTEM`](crate::coord::signals::SenderId::SYSTEM) for
//! [`resolve`](DependencySet::resolve). In its payload, `kind` is [`Target::kind`], `id` the dependency's number, `by` the agent
//! that completed, with the bits of `SYSTEM` if it was none, and `data` the level as a [`Float`](crate::value::Value::Float). It
//! is sent in the turn that finds the dependency met, in the order in which they are met, and before the ticket is ready: that
//! costs what [`SignalHub::signal`] costs, each time. If the hub refuses, because the coordination is not open there or a
//! subscription that rejects has no room, the dependency is met all the same, and the refusal counted:
//! [`unannounced`](DependencySet::unannounced).
//!
//! # Workers
//!
//! A ticket can be looked at in a worker's duty cycle ([`Ticket::is_ready`], one load). [`Ticket::also_wake`] with
//! [`Cycle::event`](crate::Cycle::event) wakes the worker when there is an outcome.
//!
//! # Time
//!
//! Each dependency has a timeout, after which its ticket fails. Timeouts and probes are carried out by whoever waits in
//! [`Ticket::wait_timeout`] or asks [`Ticket::poll`]; where nobody does, give a worker the set's [`Timekeeper`], whose timers are
//! that worker's.
//!
//! # Progress
//!
//! [`Ticket::is_ready`] is wait-free, and a completion that is signalled waits for nobody while there is room. Every other call
//! takes its turn with the set: a look-up and a few list operations for each dependency, in which no user's code runs. A thread
//! that is stopped in its turn holds the others up; that is the price for answers that are exact: a level that is reached only
//! for a moment is missed by no ticket that was there before.

mod builder;
mod dep;
mod due;
mod error;
mod figures;
mod heap;
mod questions;
mod registry;
mod signalled;
mod ticket;
mod timekeeper;
mod waiters;

pub use builder::DependencySetBuilder;
pub use dep::{Cleared, Dep, DepId, DepState, DepStatus, GateId, On, Probe, ProbeCx, Ready, ResourceId, Target, Unmet};
pub use error::DepError;
pub use ticket::{Poll, Ticket};
pub use timekeeper::Timekeeper;

use crate::Event;
use crate::clock::Clock;
use crate::coord::signals::SignalHub;
use crate::coord::turn::{Turn, Turns};
use crate::coord::{ScopeClosed, Scoped, Stage};
use crate::ids::{AgentId, CoordId};
use crate::value::Score;
use core::fmt;
use figures::Figures;
use registry::Registry;
use signalled::Completions;
use std::sync::{Arc, OnceLock};
use ticket::Slot;

struct Shared {
    registry: Turns<Registry>,
    slots: Arc<[Slot]>,
    clock: Box<dyn Clock>,
    /// The timekeeper's worker.
    bell: OnceLock<Event>,
    probes: usize,
    figures: Figures,
    /// What was signalled while somebody had his turn.
    completions: Option<Arc<Completions>>,
}

impl Shared {
    fn turn(&self) -> Turn<'_, Registry> {
        self.registry.take()
    }

    fn now(&self) -> u64 {
        self.clock.fine_ns()
    }
}

/// What agents wait for, and who waits. Shared by reference; a clone is the same set.
///
/// A coordination comes into being with the first call that names it, and is over when it is [closed](Scoped::close): from then on
/// calls get [`UnknownCoordination`](DepError::UnknownCoordination). See the [module](self) for an example.
#[derive(Clone)]
pub struct DependencySet {
    shared: Arc<Shared>,
}

impl DependencySet {
    /// A builder with room for 4 096 tickets and as many targets, of a set that is joined to a hub's signals.
    pub fn builder(hub: &SignalHub) -> DependencySetBuilder {
        DependencySetBuilder::new(Some(hub.clone()))
    }

    /// The same for a set on its own: for who tells it by [`agent_done`](Self::agent_done) what agents do, and needs no hub with
    /// its histories.
    pub fn standalone() -> DependencySetBuilder {
        DependencySetBuilder::new(None)
    }

    /// Lets an agent wait for all of these. An empty list is ready at once, and so is one that is met already.
    ///
    /// All conditions are pending at the same time: it takes as long as the slowest. Dropping the ticket cancels what is still
    /// pending. Allocates nothing.
    ///
    /// # Errors
    ///
    /// Nothing is registered if one of the dependencies is refused: [`ZeroTimeout`](DepError::ZeroTimeout),
    /// [`ZeroInterval`](DepError::ZeroInterval), [`ScoreOutOfRange`](DepError::ScoreOutOfRange),
    /// [`DuplicateDep`](DepError::DuplicateDep) (here, or pending elsewhere in the coordination), [`Cycle`](DepError::Cycle),
    /// [`CapacityExceeded`](DepError::CapacityExceeded), [`UnknownCoordination`](DepError::UnknownCoordination).
    pub fn wait(&self, coordination: CoordId, agent: AgentId, deps: &[Dep]) -> Result<Ticket<'_>, DepError> {
        self.register(coordination, Some(agent), deps)
    }

    /// A ticket for one dependency, of nobody in particular: it takes part in no cycle. Otherwise as [`wait`](Self::wait).
    ///
    /// # Errors
    ///
    /// As [`wait`](Self::wait).
    pub fn resolve(&self, coordination: CoordId, dep: &Dep) -> Result<Ticket<'_>, DepError> {
        self.register(coordination, None, core::slice::from_ref(dep))
    }

    fn register(&self, c: CoordId, agent: Option<AgentId>, deps: &[Dep]) -> Result<Ticket<'_>, DepError> {
        let now = self.shared.now();
        let mut turn = self.shared.turn();
        let before = turn.next_due();
        let index = turn.register(c, agent, deps, now)?;
        let earlier = turn.next_due() < before;
        drop(turn);
        if let Some(bell) = self.shared.bell.get().filter(|_| earlier) {
            bell.notify_all();
        }
        Ok(Ticket::new(self, index))
    }

    /// Says how much of a resource there is: finite, not negative; 1.0 and 0.0 for yes and no. Gives the number of tickets
    /// that got their outcome by it. Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`ScoreOutOfRange`](DepError::ScoreOutOfRange), [`UnknownCoordination`](DepError::UnknownCoordination),
    /// [`CapacityExceeded`](DepError::CapacityExceeded) for a target that is new.
    pub fn set_resource(&self, coordination: CoordId, id: ResourceId, level: f64) -> Result<u32, DepError> {
        if !(level.is_finite() && level >= 0.0) {
            return Err(DepError::ScoreOutOfRange);
        }
        self.set(coordination, Target::Resource(id), level)
    }

    /// Says how a quality gate stands. A ticket that it has let through stays through when it falls. Otherwise as
    /// [`set_resource`](Self::set_resource).
    ///
    /// # Errors
    ///
    /// As [`set_resource`](Self::set_resource); a score is always in range.
    pub fn set_gate_score(&self, coordination: CoordId, id: GateId, score: Score) -> Result<u32, DepError> {
        self.set(coordination, Target::Gate(id), score.get())
    }

    /// Says that an agent has completed, and how. A failure fails the tickets that require success; an agent that is started again
    /// has another [`AgentId`]. Otherwise as [`set_resource`](Self::set_resource).
    ///
    /// # Errors
    ///
    /// As [`set_resource`](Self::set_resource).
    pub fn agent_done(&self, coordination: CoordId, agent: AgentId, success: bool) -> Result<u32, DepError> {
        self.set(coordination, Target::Agent(agent), f64::from(u8::from(success)))
    }

    fn set(&self, c: CoordId, target: Target, level: f64) -> Result<u32, DepError> {
        let now = self.shared.now();
        self.shared.turn().set(c, target, level, now)
    }

    /// Opens a coordination now, rather than with the first call that names it; also one that was closed before.
    ///
    /// # Errors
    ///
    /// [`CapacityExceeded`](DepError::CapacityExceeded).
    pub fn open(&self, coordination: CoordId) -> Result<(), DepError> {
        let now = self.shared.now();
        self.shared.turn().reopen(coordination, now)
    }

    /// How many dependencies were met without the hub taking the signal for it: because their coordination is not open there, or a
    /// subscription that rejects has no room.
    pub fn unannounced(&self) -> u64 {
        self.shared.turn().unannounced
    }

    /// How a dependency stands. It is known while its ticket is, and afterwards until its place is needed, or cleared.
    ///
    /// # Errors
    ///
    /// [`UnknownDependency`](DepError::UnknownDependency), [`UnknownCoordination`](DepError::UnknownCoordination).
    pub fn status(&self, coordination: CoordId, dep: DepId) -> Result<DepStatus, DepError> {
        self.shared.turn().status(coordination, dep)
    }

    /// How many dependencies of a coordination are pending.
    pub fn pending(&self, coordination: CoordId) -> u32 {
        self.shared.turn().pending(coordination)
    }

    /// Forgets the level of an agent, a resource or a gate, and makes room for another one; tells whether it did. Nothing is
    /// forgotten that is waited for, nor an agent that holds a ticket. Otherwise each target is known until its coordination is
    /// [cleared](Self::clear) or closed: for who goes through more of them than there is [room](DependencySetBuilder::targets) for.
    /// Who waits for one that was forgotten waits for its next level.
    pub fn forget(&self, coordination: CoordId, target: Target) -> bool {
        self.shared.turn().forget(coordination, target)
    }

    /// Forgets everything of a coordination: levels, statuses; open tickets get [`Cleared`](DepError::Cleared). It can be used
    /// again afterwards. For the end of a workflow: goes through all tickets and targets.
    pub fn clear(&self, coordination: CoordId) -> Cleared {
        self.shared.turn().clear(coordination)
    }

    /// Carries out the timeouts and probes that are due, and tells how many. Whoever waits does it anyway.
    pub fn advance(&self) -> usize {
        timekeeper::advance(&self.shared)
    }

    /// Lets a worker keep the time: see [`Timekeeper`]. One for each set.
    pub fn timekeeper(&self) -> Timekeeper {
        Timekeeper::new(&self.shared)
    }
}

impl Scoped for DependencySet {
    fn close(&self, coordination: CoordId) -> ScopeClosed {
        let cleared = self.shared.turn().close(coordination);
        ScopeClosed { dropped: (cleared.tickets + cleared.targets) as usize }
    }

    /// Tickets that are held.
    fn refs(&self, coordination: CoordId) -> usize {
        self.shared.turn().held(coordination) as usize
    }

    fn stage(&self) -> Stage {
        Stage::Dependencies
    }
}

impl fmt::Debug for DependencySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DependencySet").field("tickets", &self.shared.slots.len()).finish_non_exhaustive()
    }
}
