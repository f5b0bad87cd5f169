//! The published snapshot, and the memory of those before.
//!
//! A reader takes the snapshot, and clones the context it looks for. A writer, one at a time, makes the next snapshot and publishes it
//! whole; so a distribution is seen by all or by none. Whatever no reader has any more is used again: a count of one, seen by
//! `Arc::get_mut`, says so.

use super::ContextError;
use super::content::{AgentContext, ContextRef, SharedIntelligence};
use crate::ids::{AgentId, CoordId};
use std::sync::Arc;

/// The contexts of a coordination, in the order of the agents' places: one for each place.
#[derive(Default)]
pub(super) struct Table {
    pub(super) entries: Vec<(AgentId, ContextRef)>,
}

impl Table {
    pub(super) fn place(&self, agent: AgentId) -> Result<usize, ContextError> {
        let found = self.entries.binary_search_by_key(&agent.index, |(of, _)| of.index);
        let place = found.map_err(|_| ContextError::UnknownAgent)?;
        if self.entries[place].0 == agent { Ok(place) } else { Err(ContextError::StaleAgent) }
    }
}

/// The coordinations, in the order of their ids.
#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) scopes: Vec<(CoordId, Arc<Table>)>,
}

impl Snapshot {
    pub(super) fn place(&self, coordination: CoordId) -> Result<usize, usize> {
        self.scopes.binary_search_by_key(&coordination, |(id, _)| *id)
    }

    pub(super) fn table(&self, coordination: CoordId) -> Result<&Arc<Table>, ContextError> {
        let place = self.place(coordination).map_err(|_| ContextError::UnknownCoordination)?;
        Ok(&self.scopes[place].1)
    }

    pub(super) fn find(&self, coordination: CoordId, agent: AgentId) -> Result<&ContextRef, ContextError> {
        let table = self.table(coordination)?;
        Ok(&table.entries[table.place(agent)?].1)
    }

    pub(super) fn contexts(&self) -> usize {
        self.scopes.iter().map(|(_, table)| table.entries.len()).sum()
    }
}

/// What is there to be used again.
pub(super) struct Pool {
    contexts: Vec<ContextRef>,
    tables: Vec<Arc<Table>>,
    snapshots: Vec<Arc<Snapshot>>,
    /// Snapshots of the past. A reader may still be at one.
    retired: Vec<Arc<Snapshot>>,
    /// Stands in for what was shared in contexts that are used again.
    nothing: Arc<SharedIntelligence>,
    /// Contexts to keep at most.
    most: usize,
    pub(super) cold: u64,
}

impl Pool {
    pub(super) fn new(most: usize) -> Self {
        Self {
            contexts: Vec::new(),
            tables: Vec::new(),
            snapshots: Vec::new(),
            retired: Vec::new(),
            nothing: Arc::default(),
            most,
            cold: 0,
        }
    }

    /// A context that is the caller's alone.
    pub(super) fn context(&mut self) -> ContextRef {
        self.contexts.pop().unwrap_or_else(|| {
            self.cold += 1;
            Arc::new(AgentContext::new(Arc::clone(&self.nothing)))
        })
    }

    /// Takes a context back, if nobody else has it.
    pub(super) fn recycle(&mut self, mut context: ContextRef) {
        if let Some(unused) = Arc::get_mut(&mut context)
            && self.contexts.len() < self.most
        {
            // Otherwise the pool would keep it alive.
            unused.shared = Arc::clone(&self.nothing);
            self.contexts.push(context);
        }
    }

    /// An empty table that is the caller's alone, and a snapshot.
    pub(super) fn table(&mut self) -> Arc<Table> {
        self.tables.pop().unwrap_or_default()
    }

    pub(super) fn snapshot(&mut self) -> Arc<Snapshot> {
        self.snapshots.pop().unwrap_or_default()
    }

    /// Takes back what is not published any more, and of what was retired earlier all that no reader has.
    pub(super) fn retire(&mut self, snapshot: Arc<Snapshot>) {
        self.retired.push(snapshot);
        let mut index = 0;
        while index < self.retired.len() {
            if Arc::get_mut(&mut self.retired[index]).is_some() {
                let snapshot = self.retired.swap_remove(index);
                self.take_apart(snapshot);
            } else {
                index += 1;
            }
        }
    }

    fn take_apart(&mut self, mut snapshot: Arc<Snapshot>) {
        let Some(unused) = Arc::get_mut(&mut snapshot) else { return };
        for (_, mut table) in unused.scopes.drain(..) {
            // Others are part of another snapshot.
            if let Some(unused) = Arc::get_mut(&mut table) {
                unused.entries.drain(..).for_each(|(_, context)| self.recycle(context));
                self.tables.push(table);
            }
        }
        self.snapshots.push(snapshot);
    }
}
