//! What does not fit into a value: sets, documents, texts.

use super::{StateError, StateStore};
use crate::ids::{InternError, Interner, SymId};
use crate::slab::{Shared, Slab};
use crate::value::{BlobRef, Members, SetRef, Value};
use core::ops::Deref;

/// Members of sets are below this.
const MEMBERS: usize = 1_024;
/// Documents above this size are told by [`StateStore::oversized`].
const OVERSIZED: usize = 100 * 1024;
/// The longest text.
const LONGEST_TEXT: usize = 64;

/// A set of numbers below 1 024.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetBits([u64; MEMBERS / 64]);

impl SetBits {
    /// Whether it holds the member.
    pub fn contains(&self, member: u32) -> bool {
        self.0.get(member as usize / 64).is_some_and(|word| word >> (member % 64) & 1 != 0)
    }
}

/// A document in a store's pool. The value that names it names nothing once all clones of this handle are gone.
#[derive(Clone, Debug)]
pub struct Document(Shared<Box<[u8]>>);

impl Document {
    /// The value that names it.
    pub fn value(&self) -> Value {
        Value::Blob(self.0.reference())
    }
}

impl Deref for Document {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

pub(super) struct Pools {
    pub(super) sets: Slab<SetBits>,
    documents: Slab<Box<[u8]>>,
    texts: Interner<SymId>,
}

impl Pools {
    pub(super) fn new(sets: usize, documents: usize) -> Self {
        Self { sets: Slab::new(sets), documents: Slab::new(documents), texts: Interner::new(sets) }
    }

    pub(super) fn set(&self, set: SetRef) -> Option<Shared<SetBits>> {
        find_set(&self.sets, set)
    }
}

pub(super) fn find_set(sets: &Slab<SetBits>, set: SetRef) -> Option<Shared<SetBits>> {
    sets.get(BlobRef { index: set.index, generation: set.generation })
}

/// Lets `read` ask what was found, which stays where it is in the meantime. What was not found has no members.
pub(super) fn with(set: Option<Shared<SetBits>>, read: &mut dyn FnMut(&Members<'_>)) {
    read(&|member| set.as_ref().is_some_and(|set| set.contains(member)));
}

impl StateStore {
    /// Puts a set into the pool: its handle, which keeps it there, and the value that names it. Allocates nothing.
    ///
    /// Keep the handle for as long as keys have the value. Letting go of it is no change of the state: no version counts it, no
    /// watcher is told, and decisions that were made before are still found in the
    /// [cache](crate::coord::routing::RouterSetBuilder::cache) of a set of routers. Set another value first.
    ///
    /// Finding a set counts one up and down that all threads share:
    /// [`set_contains`](crate::value::StateView::set_contains) does that for each question,
    /// [`with_set`](crate::value::StateView::with_set) once for many.
    ///
    /// # Errors
    ///
    /// [`ValueTooLarge`](StateError::ValueTooLarge) for members from 1 024 on, [`PoolFull`](StateError::PoolFull).
    ///
    /// ```
    /// use ringway::coord::state::StateStore;
    /// use ringway::value::StateView;
    /// # use ringway::{coord::state::StateError, ids::AgentId, value::Value};
    /// let state = StateStore::builder().build();
    /// let gates = state.key("open_gates")?;
    /// let (kept, value) = state.set_of(&[3, 7])?;
    /// state.set(gates, value, AgentId::default())?;
    /// let Some(Value::Set(set)) = state.get(gates) else { unreachable!() };
    /// assert!(state.set_contains(set, 7) && !state.set_contains(set, 4));
    /// drop(kept);
    /// assert!(!state.set_contains(set, 7)); // nobody keeps it any more
    /// # Ok::<(), StateError>(())
    /// ```
    pub fn set_of(&self, members: &[u32]) -> Result<(Shared<SetBits>, Value), StateError> {
        let mut set = SetBits::default();
        for &member in members {
            let word = set.0.get_mut(member as usize / 64).ok_or(StateError::ValueTooLarge { max: MEMBERS })?;
            *word |= 1 << (member % 64);
        }
        let full = StateError::PoolFull { max: self.pools.sets.capacity() };
        let shared = self.pools.sets.insert(set).map_err(|_| full)?.share();
        let BlobRef { index, generation } = shared.reference();
        Ok((shared, Value::Set(SetRef { index, generation })))
    }

    /// Puts a document into the pool. Allocates a copy of it.
    ///
    /// # Errors
    ///
    /// [`PoolFull`](StateError::PoolFull).
    pub fn document(&self, bytes: &[u8]) -> Result<Document, StateError> {
        let full = StateError::PoolFull { max: self.pools.documents.capacity() };
        self.pools.documents.insert(Box::from(bytes)).map(|handle| Document(handle.share())).map_err(|_| full)
    }

    /// The document that a value names; none if nobody keeps it any more.
    pub fn find_document(&self, blob: BlobRef) -> Option<Document> {
        self.pools.documents.get(blob).map(Document)
    }

    /// The value of a short text, interned for the life of the store. For set-up: takes a lock and allocates.
    ///
    /// # Errors
    ///
    /// [`ValueTooLarge`](StateError::ValueTooLarge) above 64 bytes: that is a [`document`](Self::document);
    /// [`InvalidName`](StateError::InvalidName) for no text at all, [`PoolFull`](StateError::PoolFull).
    pub fn text(&self, text: &str) -> Result<Value, StateError> {
        self.pools.texts.intern(text).map(Value::Sym).map_err(|error| match error {
            InternError::TooLong { max } => StateError::ValueTooLarge { max },
            InternError::Full => StateError::PoolFull { max: self.pools.texts.capacity() },
            _ => StateError::InvalidName,
        })
    }

    /// The text that a value names; empty for one that this store has not given out. Wait-free.
    pub fn find_text(&self, text: SymId) -> &str {
        debug_assert!(self.pools.texts.name(text).len() <= LONGEST_TEXT);
        self.pools.texts.name(text)
    }

    /// Calls `found` with each key whose document is larger than 100 KiB, and with its size: such a state wants a summary there.
    /// For the control plane: looks at every key.
    pub fn oversized(&self, mut found: impl FnMut(&str, usize)) {
        for key in self.commits.keys() {
            let Some(Value::Blob(blob)) = self.get(key) else { continue };
            if let Some(document) = self.find_document(blob).filter(|document| document.len() > OVERSIZED) {
                found(self.name(key), document.len());
            }
        }
    }
}
