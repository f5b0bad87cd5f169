//! Decisions that were made before, for one group of threads.
//!
//! A decision is found again only under the same version of the same state, by the same version of the set, for the same task,
//! with the same fields that some router looks at. All of that is compared, not hashed, so nothing has to expire.
//!
//! # Invariants
//!
//! * **K1** The version of the state is read before the routers look at it. What they see is of that version or of a later one; so a
//!   decision under the newest version is never that of an older state, as long as states show their version last.
//! * **K2** Key and decision are one record, which is read whole.

use super::words::Words;
use crate::slot::TwoCopy;
use crate::value::StateView;

/// What has to be the same: version and identity of the state, task and version of the set, and the request's fields.
pub(super) type Key = [u64; KEY];

const KEY: usize = 7;
const ENTRY: usize = KEY + 2;

/// Entries by task and state, so that a task's next decision takes the place of its last one.
pub(super) struct Cache {
    entries: Box<[TwoCopy<[u64; ENTRY]>]>,
}

/// A key of its parts. The version of a set is never 0, nor is therefore the key.
#[inline]
pub(super) fn key(state: &dyn StateView, set: u32, task: u32, fields: [u64; 4]) -> Key {
    let [times, kind, content, correlation] = fields;
    // K1. Two states may count alike: they have two identities.
    [state.version(), state.identity(), u64::from(set) << 32 | u64::from(task), times, kind, content, correlation]
}

impl Cache {
    /// Room for at least so many; none for 0.
    pub(super) fn new(entries: usize) -> Self {
        let count = if entries == 0 { 0 } else { entries.next_power_of_two() };
        Self { entries: (0..count).map(|_| TwoCopy::new([0; ENTRY])).collect() }
    }

    pub(super) fn capacity(&self) -> usize {
        self.entries.len()
    }

    #[inline]
    fn entry(&self, key: &Key) -> Option<&TwoCopy<[u64; ENTRY]>> {
        let [_, state, task, times, kind, content, correlation] = key;
        let other = state ^ times ^ kind.rotate_left(16) ^ content.rotate_left(32) ^ correlation.rotate_left(48);
        // Tasks of one state and of one request's fields lie side by side; those of others, elsewhere.
        let place = (other.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32).wrapping_add(*task) as usize;
        self.entries.get(place & self.entries.len().wrapping_sub(1))
    }

    /// The words of a route. Reads only.
    #[inline]
    pub(super) fn find(&self, key: &Key) -> Option<Words> {
        // K2.
        let entry = self.entry(key)?.read();
        // Word by word: cheaper than a call of `memcmp`.
        let differ = entry.iter().zip(key).fold(0, |differ, (of, wanted)| differ | (of ^ wanted));
        (differ == 0).then(|| [entry[KEY], entry[KEY + 1]])
    }

    /// Keeps a route, as it is to be found, unless another thread is writing there.
    #[inline]
    pub(super) fn keep(&self, key: &Key, words: Words) {
        let Some(place) = self.entry(key) else { return };
        let mut entry = [0; ENTRY];
        entry[..KEY].copy_from_slice(key);
        entry[KEY..].copy_from_slice(&words);
        let _refused = place.try_write(entry);
    }
}
