//! The list of what is free: a stack of indexes, linked through an array.
//!
//! # The word
//!
//! `head = changes << 32 | index`: the topmost free index, and a count of changes, so that a head that was looked at cannot come
//! back unnoticed (but after 2^32 changes within one call).
//!
//! # Invariants
//!
//! * **L1** The link of an index is written only by who gives the index back, before it is in the list. While the head is
//!   unchanged, so are all links below it.
//! * **L2** Links are indexes of the array, or its end. A link that was read too late leads nowhere worse than to another one, and
//!   the exchange of the head then fails.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | L3 `give`: Release on the head | L4 | who takes an index uses its place before the last one was done with it |
//! | L4 `take`: Acquire on the head | L3 | the same |
//!
//! Whoever takes reads a head that is L3's or made from it by further exchanges, which carry on what L3 released.

use crate::sync::{AtomicU64, Ordering};
use core::fmt;
use core::slice;
use crossbeam_utils::CachePadded;

/// Below the last free index.
const END: u32 = u32::MAX;

/// Indexes that are free, last given first taken. Lock-free, allocates nothing; shared by reference.
///
/// For fixed arrays of records of atomics whose places are used again; [`Slab`](super::Slab) has one inside.
///
/// ```
/// use ringway::slab::FreeList;
///
/// let free = FreeList::full(2);
/// let (a, b) = (free.take().unwrap(), free.take().unwrap());
/// assert_eq!(free.take(), None);
/// free.give(a);
/// assert_eq!(free.take(), Some(a));
/// # free.give_all(&[a, b]);
/// ```
pub struct FreeList {
    head: CachePadded<AtomicU64>,
    links: Box<[AtomicU64]>,
}

fn index(head: u64) -> u32 {
    head as u32
}

/// The head after one more change.
fn next(head: u64, index: u32) -> u64 {
    (head >> 32).wrapping_add(1) << 32 | u64::from(index)
}

impl FreeList {
    /// A list of all indexes below `capacity`; the lowest is taken first.
    ///
    /// # Panics
    ///
    /// If the capacity is 0 or does not fit into 32 bits.
    pub fn full(capacity: usize) -> Self {
        assert!(capacity > 0, "there has to be a place");
        assert!(capacity < END as usize, "{capacity} places are too many");
        let link = |below: usize| AtomicU64::new(if below < capacity { below as u64 } else { u64::from(END) });
        Self { head: CachePadded::new(AtomicU64::new(0)), links: (1..=capacity).map(link).collect() }
    }

    /// Takes an index; none when all are taken.
    #[inline]
    pub fn take(&self) -> Option<u32> {
        let mut index = END;
        (self.take_some(slice::from_mut(&mut index)) == 1).then_some(index)
    }

    /// Takes as many indexes as there are, at most as many as `out` has room for, in one step. Tells how many.
    #[inline]
    pub fn take_some(&self, out: &mut [u32]) -> usize {
        // Acquire, here and where it is looked at again: L4, pairs with L3.
        let mut head = self.head.load(Ordering::Acquire);
        loop {
            let (taken, below) = self.walk(head, out);
            if taken == 0 {
                return 0;
            }
            let changed = next(head, below);
            match self.head.compare_exchange(head, changed, Ordering::Relaxed, Ordering::Acquire) {
                Ok(_) => return taken,
                Err(now) => head = now,
            }
        }
    }

    /// Copies the topmost indexes; tells how many, and what is below them.
    fn walk(&self, head: u64, out: &mut [u32]) -> (usize, u32) {
        let mut at = index(head);
        for (taken, out) in out.iter_mut().enumerate() {
            if at == END {
                return (taken, END);
            }
            *out = at;
            at = self.links[at as usize].load(Ordering::Relaxed) as u32;
        }
        (out.len(), at)
    }

    /// Gives an index back. One that was not taken, or is given back twice, will be taken twice.
    ///
    /// # Panics
    ///
    /// If there is no such index.
    #[inline]
    pub fn give(&self, index: u32) {
        self.give_all(slice::from_ref(&index));
    }

    /// Gives several back in one step, the first to be taken first. As [`give`](Self::give).
    pub fn give_all(&self, indexes: &[u32]) {
        let (Some(&first), Some(&last)) = (indexes.first(), indexes.last()) else { return };
        for pair in indexes.windows(2) {
            self.links[pair[0] as usize].store(u64::from(pair[1]), Ordering::Relaxed);
        }
        let last = &self.links[last as usize];
        let mut head = self.head.load(Ordering::Relaxed);
        loop {
            last.store(u64::from(index(head)), Ordering::Relaxed);
            // Release: L3, pairs with L4.
            match self.head.compare_exchange(head, next(head, first), Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// How many indexes there are, free or taken.
    pub fn capacity(&self) -> usize {
        self.links.len()
    }
}

impl fmt::Debug for FreeList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FreeList").field("capacity", &self.capacity()).finish_non_exhaustive()
    }
}
