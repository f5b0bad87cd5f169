//! The state: values of a thousand keys are read, written and copied.

use super::agent;
use super::work::{Block, Sample, Work, beside, contender, expect};
use crate::measure::turns::{Contender, Role};
use ringway::coord::state::{Snapshot, StateStore};
use ringway::ids::{AgentId, KeyId};
use ringway::value::Value;
use std::collections::{HashMap, VecDeque};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Instant;

const KEYS: u16 = 1_000;

/// Changes that are remembered: the default.
const HISTORY: usize = 1_000;

/// Reads of a block, and writes.
const READS: u64 = KEYS as u64;
const WRITES: u64 = 100;

fn keys() -> impl Iterator<Item = KeyId> {
    (0..KEYS).map(KeyId::new)
}

fn whole(value: Option<Value>) -> i64 {
    if let Some(Value::Int(number)) = value { number } else { i64::MIN / 2_000 }
}

/// What can be done to a state, by either side.
trait State: Send + 'static {
    type Copied: Send;

    fn get(&self, key: KeyId) -> Option<Value>;
    /// The version that it makes.
    fn set(&self, key: KeyId, value: Value) -> u64;
    /// The version that it is of.
    fn copy(&self, into: &mut Self::Copied) -> u64;
    fn sum(copied: &Self::Copied) -> i64;
}

impl State for StateStore {
    type Copied = Snapshot;

    #[inline]
    fn get(&self, key: KeyId) -> Option<Value> {
        StateStore::get(self, key)
    }

    #[inline]
    fn set(&self, key: KeyId, value: Value) -> u64 {
        StateStore::set(self, key, value, agent(0)).unwrap_or(0)
    }

    fn copy(&self, into: &mut Snapshot) -> u64 {
        self.snapshot(into)
    }

    fn sum(copied: &Snapshot) -> i64 {
        copied.iter().map(|(_, value)| whole(Some(value))).sum()
    }
}

/// One that others use, too.
impl<S: State + Sync> State for Arc<S> {
    type Copied = S::Copied;

    #[inline]
    fn get(&self, key: KeyId) -> Option<Value> {
        S::get(self, key)
    }

    #[inline]
    fn set(&self, key: KeyId, value: Value) -> u64 {
        S::set(self, key, value)
    }

    fn copy(&self, into: &mut Self::Copied) -> u64 {
        S::copy(self, into)
    }

    fn sum(copied: &Self::Copied) -> i64 {
        S::sum(copied)
    }
}

/// The reference: a map behind a lock, with revisions, versions and a bounded history.
#[derive(Debug, Default)]
struct Plain {
    inner: RwLock<PlainInner>,
}

#[derive(Debug, Default)]
struct PlainInner {
    values: HashMap<KeyId, (Value, u64)>,
    version: u64,
    history: VecDeque<Change>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "nobody asks the reference for its history")]
struct Change {
    version: u64,
    key: KeyId,
    old: Option<Value>,
    new: Value,
    by: AgentId,
    at: Instant,
}

impl Plain {
    fn read(&self) -> RwLockReadGuard<'_, PlainInner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State for Plain {
    type Copied = HashMap<KeyId, (Value, u64)>;

    #[inline]
    fn get(&self, key: KeyId) -> Option<Value> {
        self.read().values.get(&key).map(|(value, _)| *value)
    }

    fn set(&self, key: KeyId, new: Value) -> u64 {
        let at = Instant::now();
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        inner.version += 1;
        let version = inner.version;
        let entry = inner.values.entry(key).or_insert((Value::Null, 0));
        let old = (entry.1 > 0).then_some(entry.0);
        *entry = (new, entry.1 + 1);
        if inner.history.len() == HISTORY {
            inner.history.pop_front();
        }
        inner.history.push_back(Change { version, key, old, new, by: agent(0), at });
        version
    }

    fn copy(&self, into: &mut Self::Copied) -> u64 {
        let inner = self.read();
        into.clone_from(&inner.values);
        inner.version
    }

    fn sum(copied: &Self::Copied) -> i64 {
        copied.values().map(|(value, _)| whole(Some(*value))).sum()
    }
}

/// Every key has its own number, at first.
fn filled<S: State>(state: S) -> S {
    keys().for_each(|key| _ = state.set(key, Value::Int(key.get().into())));
    state
}

fn ours() -> StateStore {
    let state = StateStore::builder().build();
    keys().for_each(|key| _ = state.key(&format!("key_{}", key.get())).expect("there is room"));
    filled(state)
}

fn first_sum() -> i64 {
    (0..i64::from(KEYS)).sum()
}

struct Getting<S> {
    state: S,
    sum: i64,
}

impl<S: State> Work for Getting<S> {
    fn run(&mut self) {
        self.sum = keys().map(|key| whole(self.state.get(black_box(key)))).sum();
    }

    fn check(&mut self) -> Result<(), String> {
        expect("the sum of what was read", self.sum, first_sum())
    }
}

pub(super) fn getting() -> Vec<Contender<Sample>> {
    both(Block::Each(READS), Getting { state: ours(), sum: 0 }, Getting { state: filled(Plain::default()), sum: 0 })
}

/// While somebody writes, every key the value that it has.
pub(super) fn getting_beside_a_writer() -> Vec<Contender<Sample>> {
    fn one<S: State + Sync>(name: &'static str, role: Role, state: S) -> Contender<Sample> {
        let (state, written) = (Arc::new(state), AtomicU64::new(0));
        let getting = Getting { state: Arc::clone(&state), sum: 0 };
        beside(name, role, Block::Each(READS), getting, move || {
            let key = Setting::<S>::key(written.fetch_add(1, Ordering::Relaxed));
            state.set(key, Value::Int(key.get().into()));
        })
    }
    vec![one("ringway", Role::Ringway, ours()), one("RwLock<HashMap>", Role::Peer, filled(Plain::default()))]
}

struct Setting<S> {
    state: S,
    writes: u64,
    version: u64,
    failed: bool,
}

impl<S: State> Setting<S> {
    fn new(state: S) -> Self {
        Self { state, writes: 0, version: KEYS.into(), failed: false }
    }

    fn key(write: u64) -> KeyId {
        KeyId::new((write % u64::from(KEYS)) as u16)
    }
}

impl<S: State> Work for Setting<S> {
    fn run(&mut self) {
        for write in self.writes..self.writes + WRITES {
            let version = self.state.set(Self::key(write), Value::Int(write as i64));
            self.failed |= version != self.version + 1;
            self.version = version;
        }
        self.writes += WRITES;
    }

    fn check(&mut self) -> Result<(), String> {
        expect("a version that is not the next", self.failed, false)?;
        let last = self.writes - WRITES..self.writes;
        let kept = last.filter(|write| self.state.get(Self::key(*write)) == Some(Value::Int(*write as i64)));
        expect("values that were kept", kept.count() as u64, WRITES)
    }
}

pub(super) fn setting() -> Vec<Contender<Sample>> {
    both(Block::Each(WRITES), Setting::new(ours()), Setting::new(filled(Plain::default())))
}

/// One key is written, then all are copied.
struct Copying<S: State> {
    state: S,
    copied: S::Copied,
    written: u64,
    version: (u64, u64),
}

impl<S: State> Copying<S> {
    fn new(state: S, copied: S::Copied) -> Self {
        Self { state, copied, written: 0, version: (0, 0) }
    }
}

impl<S: State> Work for Copying<S> {
    fn prepare(&mut self) {
        self.written += 1;
        self.version.0 = self.state.set(KeyId::new(0), Value::Int(self.written as i64));
    }

    fn run(&mut self) {
        self.version.1 = self.state.copy(&mut self.copied);
    }

    fn check(&mut self) -> Result<(), String> {
        expect("the version that was copied", self.version.1, self.version.0)?;
        expect("the sum of what was copied", S::sum(&self.copied), first_sum() + self.written as i64)
    }
}

pub(super) fn copying() -> Vec<Contender<Sample>> {
    let plain = Copying::new(filled(Plain::default()), HashMap::new());
    both(Block::Whole(1), Copying::new(ours(), Snapshot::new()), plain)
}

fn both(block: Block, ours: impl Work, plain: impl Work) -> Vec<Contender<Sample>> {
    vec![contender("ringway", Role::Ringway, block, ours), contender("RwLock<HashMap>", Role::Peer, block, plain)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_is_written_is_read_and_copied() {
        for contender in [getting(), getting_beside_a_writer(), setting(), copying()].into_iter().flatten() {
            assert!((contender.turn)(Duration::ZERO).unwrap().operations > 0, "{}", contender.name);
        }
    }

    #[test]
    fn a_lost_value_is_noticed() {
        let state = filled(Plain::default());
        state.inner.write().unwrap().values.remove(&KeyId::new(7));
        let mut getting = Getting { state, sum: 0 };
        getting.run();
        assert!(getting.check().is_err());
    }
}
