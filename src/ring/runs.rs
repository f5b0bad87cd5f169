//! Run stamps: for each position, whether something that begins there is settled, what it is, and how far it reaches.
//!
//! A run of positions is settled with one store of a stamp that names its first position; nothing is cleared, for a stamp
//! names one position for ever. A run of one is told by the stamp alone; the length of a longer one stands in a *note*, in the
//! place of its second position's stamp, where no other run can begin.
//!
//! # Words
//!
//! `stamp = position << 4 | kind << 1 | long`, `note = length << 4 | NOTE`: positions are told apart by 60 bits.
//!
//! # Invariants
//!
//! * **N1** Stamp and note of a run are written by who owns its positions, the note first.
//! * **N2** A stamp that names position `p` was stored for `p`: stale and initial stamps name positions that lie behind.
//! * **N3** A note is that of the stamp read before it unless the run was passed in between; then it is no note any more, or that
//!   of a later run from the same slot, which has been passed over its whole length too or lies a lap ahead. Where that can
//!   happen, whoever read it acts on it by a compare-and-swap that fails then, or looks again (N7) whether it has.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | N4 `settle`: Release store of the stamp | N5 | slots or note are seen before they are written |
//! | N5 `word_at`, `take`: Acquire load, or exchange, of the stamp | N4 | the same |
//! | N6 `settle`: Release store of the note | N7 | whoever read a later note still finds its position unpassed |
//! | N7 `len`: Acquire load of the note, before that look | N6 | the same |

use super::storage::allocate;
use crate::error::BuildError;
use crate::sync::{AtomicU64, Ordering};

/// How far positions are shifted in a stamp: below them stands what is settled.
const BELOW: u32 = 4;
/// The run is longer than one position.
const LONG: u64 = 1;
/// No stamp, but the length of the run that begins one position before.
const NOTE: u64 = 14;

/// What is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub(super) enum Kind {
    /// Values.
    Values = 0,
    /// Positions that hold no values: a skip mark.
    Skip = 2,
    /// Positions whose slots the lap before is done with.
    Free = 4,
    /// Values that were claimed and whose owner has left them.
    Left = 6,
}

pub(super) struct Runs {
    words: Box<[AtomicU64]>,
}

impl Runs {
    pub(super) const BYTES_PER_SLOT: usize = size_of::<AtomicU64>();

    /// For `capacity` slots, a power of two, that are free from `start` on.
    pub(super) fn new(capacity: usize, start: u64) -> Result<Self, BuildError> {
        let mut slots = 0..capacity as u64;
        let words = allocate(capacity, || {
            let slot = slots.next().unwrap_or(0);
            AtomicU64::new(stamp(start.wrapping_add(slot.wrapping_sub(start) & (capacity as u64 - 1)), Kind::Free))
        })?;
        Ok(Self { words })
    }

    #[inline(always)]
    pub(super) fn capacity(&self) -> u64 {
        self.words.len() as u64
    }

    #[inline(always)]
    fn word(&self, position: u64) -> &AtomicU64 {
        &self.words[position as usize & (self.words.len() - 1)]
    }

    /// Settles the run of `len` positions that begins at `position`, which the caller owns.
    #[inline(always)]
    pub(super) fn settle(&self, position: u64, kind: Kind, len: u64) {
        let mut word = stamp(position, kind);
        if len > 1 {
            word |= LONG;
            // Release: N6, pairs with N7.
            self.word(position.wrapping_add(1)).store(len << BELOW | NOTE, Ordering::Release);
        }
        // Release: N4, pairs with N5.
        self.word(position).store(word, Ordering::Release);
    }

    /// The stamp at `position`, as its difference from one that says `kind`.
    #[inline(always)]
    fn difference(&self, position: u64, kind: Kind) -> u64 {
        // Acquire: N5, pairs with N4.
        self.word(position).load(Ordering::Acquire) ^ stamp(position, kind)
    }

    /// The length of the long run that begins at `position`; none if that has been passed.
    #[inline(always)]
    fn len(&self, position: u64) -> Option<u64> {
        // Acquire: N7, pairs with N6.
        let note = self.word(position.wrapping_add(1)).load(Ordering::Acquire);
        (note & ((1 << BELOW) - 1) == NOTE).then_some(note >> BELOW)
    }

    /// How many positions are settled as `kind` by a run that begins at `position`, if one does.
    #[inline(always)]
    pub(super) fn run(&self, position: u64, kind: Kind) -> Option<u64> {
        match self.difference(position, kind) {
            0 => Some(1),
            LONG => self.len(position),
            _ => None,
        }
    }

    /// Makes a run that was left unsettled again, and gives its length, for the one caller that did it.
    pub(super) fn take(&self, position: u64) -> Option<u64> {
        let difference = self.difference(position, Kind::Left);
        if difference > LONG {
            return None;
        }
        // Acquire: N5, pairs with N4. Relaxed otherwise: nothing is told but that it is taken.
        let left = stamp(position, Kind::Left) | difference;
        self.word(position).compare_exchange(left, NOTE, Ordering::Acquire, Ordering::Relaxed).ok()?;
        // N1: the caller owns the run now, and its note is there.
        if difference == LONG { self.len(position) } else { Some(1) }
    }
}

#[inline(always)]
fn stamp(position: u64, kind: Kind) -> u64 {
    position << BELOW | kind as u64
}

#[cfg(all(test, not(ringway_loom)))]
mod tests {
    use super::*;

    const KINDS: [Kind; 4] = [Kind::Values, Kind::Skip, Kind::Free, Kind::Left];

    fn at(runs: &Runs, position: u64) -> Option<(Kind, u64)> {
        KINDS.into_iter().find_map(|kind| runs.run(position, kind).map(|len| (kind, len)))
    }

    /// A stamp names one position: no lap before or after it is taken for it, however many bits they share.
    #[test]
    fn s14_a_stamp_names_one_position() {
        for start in [0, 5, (1 << 32) - 2, (1 << 59) + 3, u64::MAX - 7] {
            let runs = Runs::new(4, start).unwrap();
            assert!((0..4).all(|n| at(&runs, start.wrapping_add(n)) == Some((Kind::Free, 1))), "all is free at first");
            for (kind, len) in KINDS.into_iter().flat_map(|kind| [(kind, 1), (kind, 3)]) {
                runs.settle(start, kind, len);
                assert_eq!(at(&runs, start), Some((kind, len)));
                assert!(len == 1 || at(&runs, start.wrapping_add(1)).is_none(), "a note is no stamp");
                // 60 bits tell positions apart.
                for laps in (2..60).map(|bit| 1_u64 << bit) {
                    assert_eq!(at(&runs, start.wrapping_add(laps)), None, "{laps} later");
                    assert_eq!(at(&runs, start.wrapping_sub(laps)), None, "{laps} before");
                }
            }
        }
    }
}
