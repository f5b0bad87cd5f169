//! One version of the state, copied.

use super::STORES;
use super::pools::{Pools, SetBits, find_set, with};
use crate::ids::KeyId;
use crate::slab::Slab;
use crate::value::{Members, SetRef, StateSize, StateView, Value};
use core::fmt;

/// The state as it was at one version: see [`StateStore::snapshot`](super::StateStore::snapshot). Filled again and again, it
/// allocates at the first time only.
#[derive(Clone, Default)]
pub struct Snapshot {
    pub(super) values: Vec<[u64; 2]>,
    pub(super) version: u64,
    pub(super) present: usize,
    /// The number of its store; 0 before there is one.
    store: u64,
    sets: Option<Slab<SetBits>>,
}

impl Snapshot {
    /// An empty one, of version 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes it one of this store, and its sets that store's.
    pub(super) fn attach(&mut self, store: u64, pools: &Pools) {
        self.store = store;
        self.sets = Some(pools.sets.clone());
    }

    /// The value of a key; none if there is none.
    pub fn get(&self, key: KeyId) -> Option<Value> {
        self.values.get(usize::from(key.get())).and_then(|&words| Value::from_words(words))
    }

    /// The version.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// How large the state was.
    pub fn size(&self) -> StateSize {
        size(self.present)
    }

    /// The keys that had values, with these.
    pub fn iter(&self) -> impl Iterator<Item = (KeyId, Value)> + '_ {
        let value = |(key, &words): (usize, &[u64; 2])| Some((KeyId::new(key as u16), Value::from_words(words)?));
        self.values.iter().enumerate().filter_map(value)
    }
}

/// Values are flat, and sixteen bytes each.
pub(super) fn size(keys: usize) -> StateSize {
    StateSize { keys, depth: usize::from(keys > 0), bytes: keys * size_of::<[u64; 2]>() }
}

impl StateView for Snapshot {
    fn get(&self, key: KeyId) -> Option<Value> {
        self.get(key)
    }

    fn version(&self) -> u64 {
        self.version
    }

    /// Not that of its store, which may be in the middle of the next version.
    fn identity(&self) -> u64 {
        STORES | self.store << 1 | 1
    }

    fn size(&self) -> StateSize {
        self.size()
    }

    fn set_contains(&self, set: SetRef, member: u32) -> bool {
        let sets = self.sets.as_ref();
        sets.and_then(|sets| find_set(sets, set)).is_some_and(|set| set.contains(member))
    }

    fn with_set(&self, set: SetRef, read: &mut dyn FnMut(&Members<'_>)) {
        with(self.sets.as_ref().and_then(|sets| find_set(sets, set)), read);
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("version", &self.version).field("keys", &self.present).finish_non_exhaustive()
    }
}
