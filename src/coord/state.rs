//! State: versioned values by key, read without a lock, changed together, looked back at and rolled back.
//!
//! A [`StateStore`] has a fixed number of keys. Reading one costs a copy of two words and waits for nobody. Every write, of one
//! key or of many, is one *version*: versions count up by one, never repeat, and a [`Snapshot`] shows exactly one of them. Each
//! key also has a *revision*, the number of writes of that key, for [`compare_and_set`](StateStore::compare_and_set).
//!
//! Values have sixteen bytes. Text is interned ([`StateStore::text`]), sets and documents are kept in pools beside the keys
//! ([`StateStore::set_of`], [`StateStore::document`]) and named by their values; [`StateStore::oversized`] finds the keys whose
//! documents had better be a summary.
//!
//! ```
//! use ringway::coord::state::{Change, KeyMask, Snapshot, StateError, StateStore};
//! use ringway::ids::AgentId;
//! use ringway::value::Value;
//!
//! let state = StateStore::builder().keys(64).build();
//! let (open, done) = (state.key("open")?, state.key("done")?);
//! let desk = AgentId { index: 1, generation: 0 };
//! let mut changes = state.watch(KeyMask::of(&[done]))?;
//!
//! state.update(&[(open, Some(Value::Int(10))), (done, Some(Value::Int(0)))], desk)?; // version 1
//! state.update(&[(open, Some(Value::Int(9))), (done, Some(Value::Int(1)))], desk)?; // version 2
//! let (seen, revision) = state.get_with_revision(done);
//! assert_eq!((seen, revision), (Some(Value::Int(1)), 2));
//! state.compare_and_set(done, revision, Value::Int(2), desk)?; // version 3
//! assert_eq!(state.compare_and_set(done, revision, Value::Int(7), desk), Err(StateError::RevisionMismatch { current: 3 }));
//!
//! // Rolling back appends a version with the content of an earlier one.
//! assert_eq!(state.rollback(1, desk)?, 4);
//! let mut snapshot = Snapshot::new();
//! assert_eq!(state.snapshot(&mut snapshot), 4);
//! assert_eq!((snapshot.get(open), snapshot.get(done)), (Some(Value::Int(10)), Some(Value::Int(0))));
//!
//! let mut newest = [Change::default(); 2];
//! assert_eq!(state.history(2, &mut newest), 2);
//! assert!(newest.iter().all(|change| change.version == 4 && change.by == desk));
//! let seen: Vec<_> = std::iter::from_fn(|| changes.try_recv().ok()).map(|change| change.version).collect();
//! assert_eq!(seen, [1, 2, 3, 4]);
//! # Ok::<(), StateError>(())
//! ```
//!
//! # Progress
//!
//! | call | class | a thread stopped in it |
//! |---|---|---|
//! | [`get`](StateStore::get), [`get_with_revision`](StateStore::get_with_revision), [`require`](StateStore::require), [`version`](StateStore::version), [`size`](StateStore::size), [`history`](StateStore::history) | lock-free | nobody |
//! | [`snapshot`](StateStore::snapshot) | lock-free for four attempts, then as a write | as a write, then |
//! | every write, [`watch`](StateStore::watch) | waits for the write under way | writes; never a reader of keys |
//!
//! Nothing but [`key`](StateStore::key), [`watch`](StateStore::watch), [`text`](StateStore::text),
//! [`document`](StateStore::document) and the first use of a snapshot allocates.

mod builder;
mod commit;
mod error;
mod figures;
mod history;
mod pools;
mod post;
mod snapshot;
mod watch;

pub use builder::StateBuilder;
pub use error::StateError;
pub use history::Change;
pub use pools::{Document, SetBits};
pub use snapshot::Snapshot;
pub use watch::{KeyMask, Watcher};

use crate::clock::Clock;
use crate::coord::{ScopeClosed, Scoped, Stage};
use crate::ids::{AgentId, CoordId, InternError, Interner, KeyId};
use crate::sync::Counter;
use crate::value::{Members, SetRef, StateSize, StateView, Value};
use commit::Commits;
use core::fmt;
use pools::Pools;
use post::Command;
use watch::Watching;

/// Counts the stores of the process.
static BUILT: Counter = Counter::new();
/// The identities of stores and their snapshots: no address is among them.
const STORES: u64 = 1 << 63;

/// The most keys of one [`update`](StateStore::update).
const LARGEST_BATCH: usize = 256;

/// Versioned values by key. Share it by reference or in an `Arc`; it is `Sync`.
///
/// See the [module](self) for an example and for what waits for what.
pub struct StateStore {
    /// No other store of the process has it.
    number: u64,
    names: Interner<KeyId>,
    commits: Commits,
    pools: Pools,
    clock: Box<dyn Clock>,
    watchers: usize,
    watch_capacity: usize,
}

impl StateStore {
    /// A builder with room for 1 024 keys, 1 000 changes, 256 sets and 256 documents.
    pub fn builder() -> StateBuilder {
        StateBuilder::new()
    }

    /// The key of a name; a new one if the name is new. For set-up: takes a lock and allocates.
    ///
    /// # Errors
    ///
    /// [`KeysFull`](StateError::KeysFull), and [`InvalidName`](StateError::InvalidName) for names that are empty or longer than
    /// 64 bytes.
    pub fn key(&self, name: &str) -> Result<KeyId, StateError> {
        self.names.intern(name).map_err(|error| match error {
            InternError::Full => StateError::KeysFull,
            _ => StateError::InvalidName,
        })
    }

    /// The name of a key; empty for one that this store has not given out.
    pub fn name(&self, key: KeyId) -> &str {
        self.names.name(key)
    }

    /// The value of a key; none if it has none, or is no key of this store. Lock-free: two loads around a copy of two words.
    #[inline]
    pub fn get(&self, key: KeyId) -> Option<Value> {
        self.get_with_revision(key).0
    }

    /// The value, and how often the key has been written so far. A key that was never written has revision 0; one that was
    /// deleted has none of the earlier revisions again.
    #[inline]
    pub fn get_with_revision(&self, key: KeyId) -> (Option<Value>, u64) {
        if self.commits.figures.exported.is_some() {
            return self.read_timed(key);
        }
        self.commits.read(key)
    }

    /// Apart, so that a read which nobody measures pays one look.
    #[inline(never)]
    fn read_timed(&self, key: KeyId) -> (Option<Value>, u64) {
        let _timer = self.commits.figures.get();
        self.commits.read(key)
    }

    /// The value of a key that must have one.
    ///
    /// # Errors
    ///
    /// [`UnknownKey`](StateError::UnknownKey), [`MissingRequired`](StateError::MissingRequired).
    pub fn require(&self, key: KeyId) -> Result<Value, StateError> {
        self.known(key)?;
        self.get(key).ok_or(StateError::MissingRequired { key })
    }

    /// Sets a value. Gives the version that this is.
    ///
    /// Waits for a write that is under way, which usually takes this one along.
    ///
    /// # Errors
    ///
    /// [`UnknownKey`](StateError::UnknownKey), [`NotFinite`](StateError::NotFinite); nothing is changed then.
    pub fn set(&self, key: KeyId, value: Value, by: AgentId) -> Result<u64, StateError> {
        self.write(key, Some(value), None, by)
    }

    /// Sets a value if the key still has that revision. Gives the version that this is. Otherwise as [`set`](Self::set).
    ///
    /// # Errors
    ///
    /// [`RevisionMismatch`](StateError::RevisionMismatch) with the present revision, and those of [`set`](Self::set).
    pub fn compare_and_set(&self, key: KeyId, revision: u64, value: Value, by: AgentId) -> Result<u64, StateError> {
        self.write(key, Some(value), Some(revision), by)
    }

    /// Takes a key's value away, if it has one. Gives the version that this is, either way. Otherwise as [`set`](Self::set).
    ///
    /// # Errors
    ///
    /// [`UnknownKey`](StateError::UnknownKey).
    pub fn delete(&self, key: KeyId, by: AgentId) -> Result<u64, StateError> {
        self.write(key, None, None, by)
    }

    fn write(&self, key: KeyId, new: Option<Value>, revision: Option<u64>, by: AgentId) -> Result<u64, StateError> {
        self.acceptable(key, new)?;
        let _timer = self.commits.figures.commit();
        self.commits.submit(&Command { key, new, revision, by, at: self.clock.coarse_ms() })
    }

    /// Sets and deletes (`None`) several keys in one version, all or none. Gives that version; the present one if nothing was to
    /// be done.
    ///
    /// No snapshot shows a part of it. Single [`get`](Self::get)s beside it may see one key before and another after it.
    ///
    /// # Errors
    ///
    /// [`BatchTooLarge`](StateError::BatchTooLarge) above 256 keys, [`DuplicateKey`](StateError::DuplicateKey), and those of
    /// [`set`](Self::set); nothing is changed then.
    pub fn update(&self, changes: &[(KeyId, Option<Value>)], by: AgentId) -> Result<u64, StateError> {
        if changes.len() > LARGEST_BATCH {
            return Err(StateError::BatchTooLarge { max: LARGEST_BATCH });
        }
        changes.iter().try_for_each(|&(key, new)| self.acceptable(key, new))?;
        let _timer = self.commits.figures.commit();
        self.commits.update(changes, by, self.clock.coarse_ms())
    }

    /// Copies the whole state as it was at one version, and gives that version. Allocates at the first use of `out` only.
    ///
    /// Tries four times beside the writers, and then takes their turn.
    pub fn snapshot(&self, out: &mut Snapshot) -> u64 {
        out.attach(self.number, &self.pools);
        self.commits.snapshot(out)
    }

    /// The last version that is complete; 0 at first. Who reads keys afterwards finds it, or later ones.
    pub fn version(&self) -> u64 {
        self.commits.version()
    }

    /// Writes the last `limit` changes into `out`, the newest first, and gives their number: no more than `out` has room for, and
    /// than are kept. One version has a change for each key that it wrote; all versions that were complete at the call are shown.
    pub fn history(&self, limit: usize, out: &mut [Change]) -> usize {
        let room = limit.min(out.len());
        self.commits.history(&mut out[..room])
    }

    /// Gives every key the value that it had at version `to`, as a new version, which is returned.
    ///
    /// # Errors
    ///
    /// [`VersionInFuture`](StateError::VersionInFuture); [`HistoryTrimmed`](StateError::HistoryTrimmed) with the oldest version
    /// that can be had, when the changes since then are not all kept.
    pub fn rollback(&self, to: u64, by: AgentId) -> Result<u64, StateError> {
        self.commits.rollback(to, by, self.clock.coarse_ms())
    }

    /// Deletes every key's value, as one version, which is returned.
    pub fn clear(&self, by: AgentId) -> u64 {
        self.commits.clear(by, self.clock.coarse_ms())
    }

    /// Every change of these keys from now on, in the order of the versions. A watcher that is too slow learns how many it
    /// missed. For set-up: allocates. The place is free again when the watcher is dropped.
    ///
    /// # Errors
    ///
    /// [`WatchersFull`](StateError::WatchersFull), [`UnknownKey`](StateError::UnknownKey).
    pub fn watch(&self, keys: KeyMask) -> Result<Watcher, StateError> {
        keys.iter().try_for_each(|key| self.known(key))?;
        let (watching, watcher) = Watching::new(keys, self.watch_capacity);
        self.commits.add_watcher(watching, self.watchers).map(|()| watcher)
    }

    /// How large the state is. Exact when nobody writes.
    pub fn size(&self) -> StateSize {
        snapshot::size(self.commits.present())
    }

    fn known(&self, key: KeyId) -> Result<(), StateError> {
        if self.names.contains(key) { Ok(()) } else { Err(StateError::UnknownKey) }
    }

    fn acceptable(&self, key: KeyId, new: Option<Value>) -> Result<(), StateError> {
        self.known(key)?;
        if new.is_none_or(Value::is_finite) { Ok(()) } else { Err(StateError::NotFinite) }
    }
}

impl StateView for StateStore {
    fn get(&self, key: KeyId) -> Option<Value> {
        self.get(key)
    }

    fn version(&self) -> u64 {
        self.version()
    }

    fn identity(&self) -> u64 {
        STORES | self.number << 1
    }

    fn size(&self) -> StateSize {
        self.size()
    }

    fn set_contains(&self, set: SetRef, member: u32) -> bool {
        self.pools.set(set).is_some_and(|set| set.contains(member))
    }

    fn with_set(&self, set: SetRef, read: &mut dyn FnMut(&Members<'_>)) {
        pools::with(self.pools.set(set), read);
    }
}

/// A store belongs to the coordination that it is registered with: its history and its watchers go with that one. The values
/// stay, and so does the version.
impl Scoped for StateStore {
    fn close(&self, _coordination: CoordId) -> ScopeClosed {
        ScopeClosed { dropped: self.commits.forget() }
    }

    fn refs(&self, _coordination: CoordId) -> usize {
        self.commits.watchers()
    }

    fn stage(&self) -> Stage {
        Stage::State
    }
}

impl fmt::Debug for StateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateStore")
            .field("version", &self.version())
            .field("size", &self.size())
            .finish_non_exhaustive()
    }
}
