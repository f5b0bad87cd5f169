//! Who is subscribed to a coordination: a snapshot that senders walk and nobody changes.

use super::inbox::Inbox;
use super::listen::Listeners;
use super::signal::{Recipients, SenderId, Signal};
use super::{Delivered, SignalError};
use crate::Disconnected;
use crate::ids::{AgentId, SignalMask};
use crate::value::SetRef;
use std::sync::Arc;

/// A subscription.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) number: u64,
    pub(super) kinds: SignalMask,
    pub(super) from: Option<SenderId>,
    pub(super) agent: AgentId,
    pub(super) inbox: Arc<Inbox>,
}

/// Agents, as words in order, each once.
pub(super) type Agents = Arc<[u64]>;

fn in_order(agents: impl Iterator<Item = AgentId>) -> Vec<u64> {
    let mut words: Vec<_> = agents.map(AgentId::to_bits).collect();
    words.sort_unstable();
    words.dedup();
    words
}

#[derive(Clone, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
    /// The subscribed agents.
    agents: Vec<u64>,
    sets: Vec<Agents>,
    /// What the sets' references carry: those of another coordination name nothing here.
    generation: u32,
    /// Whether any inbox refuses.
    refusing: bool,
    pub(super) listeners: Listeners,
}

/// Whom a signal is for, looked up.
pub(super) enum Address<'a> {
    All,
    One(AgentId),
    Set(&'a [u64]),
}

impl Address<'_> {
    fn names(&self, agent: AgentId) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => *one == agent,
            Self::Set(agents) => agents.binary_search(&agent.to_bits()).is_ok(),
        }
    }
}

impl Table {
    pub(super) fn new(generation: u32, listeners: Listeners) -> Self {
        Self { generation, listeners, ..Self::default() }
    }

    /// The same with these subscriptions instead.
    pub(super) fn with(&self, entries: Vec<Entry>) -> Self {
        let agents = in_order(entries.iter().map(|entry| entry.agent));
        let refusing = entries.iter().any(|entry| entry.inbox.refuses);
        Self { entries, agents, refusing, ..self.clone() }
    }

    /// A set that is there already, or else the same with it.
    pub(super) fn with_set(&self, agents: &[AgentId], max: usize) -> Result<(SetRef, Option<Self>), SignalError> {
        let set = |index| SetRef { index: index as u32, generation: self.generation };
        let agents = in_order(agents.iter().copied());
        if let Some(index) = self.sets.iter().position(|set| **set == *agents) {
            return Ok((set(index), None));
        }
        if self.sets.len() >= max {
            return Err(SignalError::SetLimit { max });
        }
        let mut table = self.clone();
        table.sets.push(agents.into());
        Ok((set(self.sets.len()), Some(table)))
    }

    fn knows(&self, agent: u64) -> Result<(), SignalError> {
        let unknown = |_| SignalError::UnknownRecipient { agent: AgentId::from_bits(agent) };
        self.agents.binary_search(&agent).map(drop).map_err(unknown)
    }

    /// Whom a signal is for; none if its set is none of this table's.
    #[inline]
    pub(super) fn address(&self, to: Recipients) -> Option<Address<'_>> {
        Some(match to {
            Recipients::All => Address::All,
            Recipients::One(agent) => Address::One(agent),
            Recipients::Mask(set) => {
                let agents = self.sets.get(set.index as usize).filter(|_| set.generation == self.generation)?;
                Address::Set(agents)
            }
        })
    }

    /// The same, if all of them are subscribed.
    pub(super) fn known(&self, to: Recipients) -> Result<Address<'_>, SignalError> {
        let address = self.address(to).ok_or(SignalError::UnknownSet)?;
        match address {
            Address::All => {}
            Address::One(agent) => self.knows(agent.to_bits())?,
            Address::Set(agents) => agents.iter().try_for_each(|agent| self.knows(*agent))?,
        }
        Ok(address)
    }

    /// Makes room for a signal in every inbox that refuses, or in none.
    pub(super) fn reserve(&self, signal: &Signal, address: &Address<'_>) -> Result<(), SignalError> {
        if !self.refusing {
            return Ok(());
        }
        for (index, entry) in self.entries.iter().enumerate() {
            if entry.wants(signal, address) && !entry.inbox.reserve() {
                let before = self.entries[..index].iter().filter(|entry| entry.wants(signal, address));
                before.for_each(|entry| entry.inbox.release());
                return Err(SignalError::Full { agent: entry.agent });
            }
        }
        Ok(())
    }

    /// Lets `send` put what each subscription wants of some signals into its inbox, and say how many those were.
    pub(super) fn deliver(
        &self,
        signals: usize,
        send: impl Fn(&Entry) -> (usize, Result<(), Disconnected>),
    ) -> Delivered {
        let mut delivered = Delivered::default();
        for entry in &self.entries {
            let (wanted, sent) = send(entry);
            delivered.filtered += signals - wanted;
            // A subscription that is closed meanwhile gets nothing any more.
            if wanted > 0 && sent.is_ok() {
                delivered.n += wanted;
                delivered.lagging += usize::from(entry.inbox.lags());
            }
        }
        delivered
    }
}

impl Entry {
    /// The filter: before the ring, not behind it.
    #[inline]
    pub(super) fn wants(&self, signal: &Signal, address: &Address<'_>) -> bool {
        self.kinds.contains(signal.kind)
            && self.from.is_none_or(|from| from == signal.sender)
            && address.names(self.agent)
    }
}
