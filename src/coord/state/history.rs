//! What was changed: a ring that overwrites, written by whoever holds the right to commit and read by anybody.
//!
//! Entry `n` lies in slot `n % capacity`, written for the `n / capacity + 1`st time. How often a slot was written therefore tells
//! a reader whether it has the entry that it looked for, a later one, or one that is not there yet.

use crate::ids::{AgentId, KeyId};
use crate::slot::TwoCopy;
use crate::sync::{AtomicU64, Ordering};
use crate::value::Value;

/// A change of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Change {
    /// The version that it belongs to.
    pub version: u64,
    /// The key.
    pub key: KeyId,
    /// The value before; none if there was none.
    pub old: Option<Value>,
    /// The value after; none if it was deleted.
    pub new: Option<Value>,
    /// Who changed it.
    pub by: AgentId,
    /// When: [`Clock::coarse_ms`](crate::clock::Clock::coarse_ms) of the store's clock, milliseconds, compared modulo 2^32.
    pub at: u32,
}

/// A change as plain data.
pub(super) type Record = [u64; 7];

impl Change {
    pub(super) fn to_words(self) -> Record {
        let [old, new] = [self.old, self.new].map(Value::words_of);
        let key = u64::from(self.at) << 32 | u64::from(self.key.get());
        [self.version, key, self.by.to_bits(), old[0], old[1], new[0], new[1]]
    }

    pub(super) fn from_words([version, key, by, old_kind, old, new_kind, new]: Record) -> Self {
        Self {
            version,
            key: KeyId::new(key as u16),
            old: Value::from_words([old_kind, old]),
            new: Value::from_words([new_kind, new]),
            by: AgentId::from_bits(by),
            at: (key >> 32) as u32,
        }
    }
}

pub(super) struct History {
    slots: Box<[TwoCopy<Record>]>,
    /// How many entries were ever appended.
    appended: AtomicU64,
    /// Entries below are forgotten.
    floor: AtomicU64,
    /// The oldest version that can be gone back to: that of the last entry which is not kept any more.
    oldest: AtomicU64,
}

impl History {
    pub(super) fn new(capacity: usize) -> Self {
        let word = || AtomicU64::new(0);
        let slots = (0..capacity).map(|_| TwoCopy::default()).collect();
        Self { slots, appended: word(), floor: word(), oldest: word() }
    }

    /// Numbers of the entries that are kept.
    fn kept(&self) -> core::ops::Range<u64> {
        let end = self.appended.load(Ordering::Relaxed);
        self.floor.load(Ordering::Relaxed).max(end.saturating_sub(self.slots.len() as u64))..end
    }

    /// The entry with this number; none if it was overwritten or is not there yet.
    fn entry(&self, number: u64) -> Option<Change> {
        let capacity = self.slots.len() as u64;
        let (record, written) = self.slots[(number % capacity) as usize].read_counted();
        (written == number / capacity + 1).then(|| Change::from_words(record))
    }

    /// By the holder of the right only.
    pub(super) fn append(&self, change: Change) {
        let number = self.appended.load(Ordering::Relaxed);
        let slot = &self.slots[(number % self.slots.len() as u64) as usize];
        if self.kept().len_u64() == self.slots.len() as u64 {
            self.oldest.store(slot.read()[0], Ordering::Relaxed);
        }
        let written = slot.try_write(change.to_words());
        debug_assert!(written, "one thread has the right");
        self.appended.store(number + 1, Ordering::Relaxed);
    }

    /// By the holder of the right only. Tells how many entries there were.
    pub(super) fn forget(&self, version: u64) -> usize {
        let kept = self.kept();
        self.floor.store(kept.end, Ordering::Relaxed);
        self.oldest.store(version, Ordering::Relaxed);
        kept.len_u64() as usize
    }

    pub(super) fn oldest(&self) -> u64 {
        self.oldest.load(Ordering::Relaxed)
    }

    /// The last changes up to `version`, whose appending the caller has seen, newest first.
    pub(super) fn newest_first(&self, version: u64, out: &mut [Change]) -> usize {
        // A later entry is no part of what was asked for, whether it can be read already or not.
        let mut found =
            self.kept().rev().filter_map(|number| self.entry(number)).filter(|entry| entry.version <= version);
        let mut room = out.iter_mut();
        core::iter::from_fn(|| room.next().zip(found.next())).map(|(place, change)| *place = change).count()
    }

    /// All changes after `version`, oldest first. By the holder of the right only.
    pub(super) fn since(&self, version: u64) -> impl Iterator<Item = Change> {
        self.kept().filter_map(|number| self.entry(number)).filter(move |entry| entry.version > version)
    }
}

trait Length {
    fn len_u64(&self) -> u64;
}

impl Length for core::ops::Range<u64> {
    fn len_u64(&self) -> u64 {
        self.end - self.start
    }
}
