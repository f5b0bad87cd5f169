//! Run stamps: for each position, whether something that begins there is settled, and how far it reaches.
//!
//! A run of positions is settled with one store of a stamp that names its first position; nothing is cleared, for a stamp
//! names one position for ever. A run of one value is told by the stamp alone; what else there is to say of a run (its
//! length, or that it holds no values) stands in a note beside the stamp.
//!
//! # Words
//!
//! `stamp = position << 2 | kind`: positions are told apart by 62 bits.
//!
//! # Invariants
//!
//! * **N1** Stamp and note of a position are written by who owns the position, the note first.
//! * **N2** A stamp that names position `p` was stored for `p`: stale and initial stamps name positions that lie behind. A run
//!   that was left says so in the stamp itself, not in its note: whoever takes it over settles the same position again.
//! * **N3** A note is that of the stamp read before it unless its position was passed and claimed again in between. Where that
//!   can happen, whoever read it acts on it by a compare-and-swap that fails then, or looks again (N7) whether it has.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | N4 `settle`: Release store of the stamp | N5 | slots or note are seen before they are written |
//! | N5 `at`, `take`: Acquire load of the stamp | N4 | the same |
//! | N6 `settle`: Release store of the note | N7 | whoever read a later note still finds its position unpassed |
//! | N7 `at`: Acquire load of the note, before that look | N6 | the same |

use super::storage::allocate;
use crate::error::BuildError;
use crate::sync::{AtomicU64, Ordering};

/// How far positions are shifted in a stamp: below them stands what is settled.
const KIND: u32 = 2;
/// One value.
const ONE: u64 = 0;
/// As many values as the note says.
const VALUES: u64 = 1;
/// As many positions without values as the note says.
const SKIP: u64 = 2;
/// As many values as the note says, whose owner has left them.
const LEFT: u64 = 3;

/// What is settled of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settled {
    /// So many positions, like any others.
    Values(u64),
    /// So many that hold no values: a skip mark.
    Skip(u64),
    /// Its owner has left it; how long it is, whoever [takes](Runs::take) it learns.
    Left,
}

pub(super) struct Runs {
    stamps: Box<[AtomicU64]>,
    notes: Box<[AtomicU64]>,
}

impl Runs {
    pub(super) const BYTES_PER_SLOT: usize = 2 * size_of::<AtomicU64>();

    /// For `capacity` slots, a power of two, of which nothing is settled at `start`.
    pub(super) fn new(capacity: usize, start: u64) -> Result<Self, BuildError> {
        // N2: the stamps of a lap that never was, each in its own slot.
        let before = start.wrapping_sub(capacity as u64);
        let mut slots = 0..capacity as u64;
        let stamps = allocate(capacity, || {
            let slot = slots.next().unwrap_or(0);
            AtomicU64::new(before.wrapping_add(slot.wrapping_sub(before) & (capacity as u64 - 1)) << KIND)
        })?;
        Ok(Self { stamps, notes: allocate(capacity, || AtomicU64::new(0))? })
    }

    #[inline(always)]
    fn index(&self, position: u64) -> usize {
        position as usize & (self.stamps.len() - 1)
    }

    /// Settles the run of `len` values that begins at `position`. The caller owns them, as for the next two.
    #[inline(always)]
    pub(super) fn settle(&self, position: u64, len: usize) {
        if len == 1 {
            self.stamp(position, ONE);
        } else {
            self.note(position, VALUES, len);
        }
    }

    pub(super) fn skip(&self, position: u64, len: usize) {
        self.note(position, SKIP, len);
    }

    pub(super) fn leave(&self, position: u64, len: usize) {
        self.note(position, LEFT, len);
    }

    #[inline(always)]
    fn note(&self, position: u64, kind: u64, len: usize) {
        // Release: N6, pairs with N7.
        self.notes[self.index(position)].store(len as u64, Ordering::Release);
        self.stamp(position, kind);
    }

    #[inline(always)]
    fn stamp(&self, position: u64, kind: u64) {
        // Release: N4, pairs with N5.
        self.stamps[self.index(position)].store(position << KIND | kind, Ordering::Release);
    }

    /// What is settled at `position`, if anything is.
    #[inline(always)]
    pub(super) fn at(&self, position: u64) -> Option<Settled> {
        let index = self.index(position);
        // Acquire: N7, pairs with N6.
        let note = || self.notes[index].load(Ordering::Acquire);
        // Acquire: N5, pairs with N4.
        match self.stamps[index].load(Ordering::Acquire) ^ (position << KIND) {
            ONE => Some(Settled::Values(1)),
            VALUES => Some(Settled::Values(note())),
            SKIP => Some(Settled::Skip(note())),
            LEFT => Some(Settled::Left),
            _ => None,
        }
    }

    /// How many values, or positions to step over, are settled at `position` for good.
    #[inline(always)]
    pub(super) fn len_at(&self, position: u64) -> Option<u64> {
        match self.at(position)? {
            Settled::Values(len) | Settled::Skip(len) => Some(len),
            Settled::Left => None,
        }
    }

    /// Makes a run that was left unsettled again, and gives its length, for the one caller that did it.
    pub(super) fn take(&self, position: u64) -> Option<u64> {
        let index = self.index(position);
        let (left, before) = (position << KIND | LEFT, position.wrapping_sub(self.stamps.len() as u64) << KIND);
        // Acquire: N5, pairs with N4. Relaxed otherwise: nothing is told but that it is taken.
        let taken = self.stamps[index].compare_exchange(left, before, Ordering::Acquire, Ordering::Relaxed);
        // Relaxed: N1, the caller owns the position now.
        taken.ok().map(|_| self.notes[index].load(Ordering::Relaxed))
    }
}

#[cfg(all(test, not(ringway_loom)))]
mod tests {
    use super::*;

    /// A stamp names one position: no lap before or after it is taken for it, however many bits they share.
    #[test]
    fn s14_a_stamp_names_one_position() {
        for start in [0, 5, (1 << 32) - 2, (1 << 61) + 3, u64::MAX - 7] {
            let runs = Runs::new(4, start).unwrap();
            assert!((0..4).all(|n| runs.at(start.wrapping_add(n)).is_none()), "nothing is settled at first");
            let ways: [fn(&Runs, u64, usize); 3] = [Runs::settle, Runs::skip, Runs::leave];
            for (settle, len) in ways.into_iter().flat_map(|way| [(way, 1), (way, 3)]) {
                settle(&runs, start, len);
                assert!(runs.at(start).is_some());
                // 62 bits tell positions apart.
                for laps in (2..62).map(|bit| 1_u64 << bit) {
                    assert_eq!(runs.at(start.wrapping_add(laps)), None, "{laps} later");
                    assert_eq!(runs.at(start.wrapping_sub(laps)), None, "{laps} before");
                }
            }
        }
    }
}
