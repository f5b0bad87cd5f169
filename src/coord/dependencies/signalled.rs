//! What a set hears from its hub, and tells it.
//!
//! The hub tells a completion within the sender's call, which waits for nobody. So the completion is left in an inbox that refuses
//! what it has no room for, and the turn is rung for (`coord/turn.rs`): the sender does the work if nobody has the turn, and
//! otherwise whoever has it. Only a sender that finds the inbox full waits for its turn. Nothing is lost between the two.

use super::dep::{Dep, On, Target};
use super::registry::Registry;
use super::{DepError, Shared};
use crate::Builder;
use crate::broadcast::lossy::Receiver;
use crate::coord::signals::{Inbox, Listener, SenderId, Signal, SignalPayload};
use crate::ids::{AgentId, CoordId, SignalKind};
use crate::value::Value;
use std::sync::Arc;

/// A completion as it waits: coordination, agent, success, when.
type Completion = [u64; 4];

/// Completions on their way to a set.
pub(super) type Completions = Inbox<Completion>;

/// The set's end of them.
pub(super) struct Waiting {
    inbox: Arc<Completions>,
    receiver: Receiver<Completion>,
}

/// Room for so many completions.
pub(super) fn completions(capacity: usize) -> (Arc<Completions>, Waiting) {
    let (inbox, receiver) = Inbox::new(&Builder::new(capacity), true).expect("the capacity was checked");
    let inbox = Arc::new(inbox);
    (Arc::clone(&inbox), Waiting { inbox, receiver })
}

/// Who has completed, and how; nobody, if it was the system.
fn outcome(signal: &Signal) -> Option<(AgentId, bool)> {
    let failed = matches!(signal.payload, SignalPayload::Completed { error: Some(_), .. });
    signal.sender.as_agent().map(|agent| (agent, !failed))
}

impl Listener for Shared {
    fn hear(&self, coordination: CoordId, signal: &Signal) {
        let (Some((agent, success)), Some(inbox)) = (outcome(signal), &self.completions) else { return };
        let now = self.now();
        // In vain only when the set is going.
        if inbox.reserve() && inbox.ring.send([coordination.get(), agent.to_bits(), u64::from(success), now]).is_ok() {
            return self.registry.ring();
        }
        let mut turn = self.turn();
        turn.catch_up();
        turn.completed(coordination, agent, success, now);
    }
}

impl Registry {
    /// Takes in the completions that wait.
    pub(super) fn catch_up(&mut self) {
        while let Some(waiting) = &mut self.waiting
            && let Ok([coordination, agent, success, now]) = waiting.receiver.try_recv()
        {
            waiting.inbox.pass(waiting.receiver.position());
            self.completed(CoordId::new(coordination), AgentId::from_bits(agent), success != 0, now);
        }
    }

    /// An agent has signalled. What nobody has named so far is found in the history when somebody does.
    fn completed(&mut self, c: CoordId, agent: AgentId, success: bool, now: u64) {
        let known = self.coords.contains_key(&c);
        if known && self.set(c, Target::Agent(agent), f64::from(u8::from(success)), now).is_err() {
            // No room for the agent, for whom nobody waits therefore.
            self.coord(c).missed += 1;
        }
    }

    /// Takes in what was signalled before the coordination was named here.
    pub(super) fn look_back(&mut self, c: CoordId, now: u64) {
        let Some(hub) = self.hub.clone() else { return };
        let missed = hub.replay(c, SignalKind::AGENT_COMPLETED, |signal| {
            if let Some((agent, success)) = outcome(&signal) {
                self.completed(c, agent, success, now);
            }
        });
        self.coord(c).missed += missed;
    }

    /// Whether an agent that is to be waited for may have completed unheard.
    pub(super) fn check_heard(&self, c: CoordId, deps: &[Dep]) -> Result<(), DepError> {
        let missed = self.coords.get(&c).map_or(0, |coord| coord.missed);
        let unheard = |dep: &Dep| matches!(dep.on, On::AgentDone { .. }) && self.level_of(c, dep.on.target()).is_none();
        if missed > 0 && deps.iter().any(unheard) { Err(DepError::Lagged { missed }) } else { Ok(()) }
    }

    /// Tells the hub that a dependency is met, before its ticket's holder can know.
    pub(super) fn announce(&mut self, dep: u32, level: f64) {
        let Some(hub) = &self.hub else { return };
        let entry = &self.deps[dep as usize];
        let target = entry.on.target();
        let by = match target {
            Target::Agent(agent) => agent,
            _ => AgentId::from_bits(SenderId::SYSTEM.to_bits()),
        };
        let payload = SignalPayload::DependencyResolved {
            kind: target.kind(),
            id: entry.id.get(),
            by,
            data: Value::Float(level),
        };
        let sender = self.tickets[entry.ticket as usize].owner;
        let signal = Signal { sender, ..Signal::new(SignalKind::DEPENDENCY_RESOLVED, payload) };
        self.unannounced += u64::from(hub.signal(entry.coordination, &signal).is_err());
    }
}
