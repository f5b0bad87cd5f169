//! Run stamps: for each position, whether something that begins there is settled, and how far it reaches.
//!
//! A run of positions is settled with one store of a stamp that names its first position; nothing is cleared, for a stamp
//! names one position for ever. A run of one value is told by the stamp alone; what else there is to say of a run (its
//! length, or that it holds no values) stands in a note beside the stamp.
//!
//! # Words
//!
//! `stamp = position << 1 | noted`.
//!
//! # Invariants
//!
//! * **N1** Stamp and note of a position are written by who owns the position, the note first.
//! * **N2** A stamp that names position `p` was stored for `p`: stale and initial stamps name positions that lie behind.
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

const NOTED: u64 = 1;
const SKIP: u64 = 1 << 63;
const LEFT: u64 = 1 << 62;

/// What a stamp says of the run that begins at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Note(u64);

impl Note {
    pub(super) const ONE: Self = Self(1);

    /// A run like any other.
    #[inline(always)]
    pub(super) fn run(len: usize) -> Self {
        Self(len as u64)
    }

    /// A run that holds no values: a skip mark.
    pub(super) fn skip(len: usize) -> Self {
        Self(SKIP | len as u64)
    }

    /// A run whose owner has left without being done with it.
    pub(super) fn left(len: usize) -> Self {
        Self(LEFT | len as u64)
    }

    #[inline(always)]
    pub(super) fn is_skip(self) -> bool {
        self.0 & SKIP != 0
    }

    #[inline(always)]
    pub(super) fn is_left(self) -> bool {
        self.0 & LEFT != 0
    }

    #[inline(always)]
    pub(super) fn len(self) -> u64 {
        self.0 & !(SKIP | LEFT)
    }
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
            AtomicU64::new(before.wrapping_add(slot.wrapping_sub(before) & (capacity as u64 - 1)) << 1)
        })?;
        Ok(Self { stamps, notes: allocate(capacity, || AtomicU64::new(0))? })
    }

    #[inline(always)]
    fn index(&self, position: u64) -> usize {
        position as usize & (self.stamps.len() - 1)
    }

    /// Settles the run that begins at `position`. The caller owns that position.
    #[inline(always)]
    pub(super) fn settle(&self, position: u64, note: Note) {
        let index = self.index(position);
        let noted = if note == Note::ONE {
            0
        } else {
            // Release: N6, pairs with N7.
            self.notes[index].store(note.0, Ordering::Release);
            NOTED
        };
        // Release: N4, pairs with N5.
        self.stamps[index].store(position << 1 | noted, Ordering::Release);
    }

    /// What is settled at `position`, if anything is.
    #[inline(always)]
    pub(super) fn at(&self, position: u64) -> Option<Note> {
        let index = self.index(position);
        // Acquire: N5, pairs with N4.
        match self.stamps[index].load(Ordering::Acquire) ^ (position << 1) {
            0 => Some(Note::ONE),
            // Acquire: N7, pairs with N6.
            NOTED => Some(Note(self.notes[index].load(Ordering::Acquire))),
            _ => None,
        }
    }

    /// Makes a noted position unsettled again; its note, for the one caller that did it.
    pub(super) fn take(&self, position: u64) -> Option<Note> {
        let index = self.index(position);
        let (stamp, before) = (position << 1 | NOTED, position.wrapping_sub(self.stamps.len() as u64) << 1);
        // Acquire: N5, pairs with N4. Relaxed otherwise: nothing is told but that it is taken.
        let taken = self.stamps[index].compare_exchange(stamp, before, Ordering::Acquire, Ordering::Relaxed);
        // Relaxed: N1, the caller owns the position now.
        taken.ok().map(|_| Note(self.notes[index].load(Ordering::Relaxed)))
    }
}
