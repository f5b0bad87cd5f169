//! Slabs: memory for what does not fit into a message, allocated once, given out and taken back without locks.
//!
//! A [`Slab`] has a fixed number of places. [`insert`](Slab::insert) puts a value into one and gives a [`Handle`], which owns it
//! like a `Box`; [`Handle::share`] turns it into a [`Shared`], which is counted like an `Arc`. Either travels as a message of
//! one word and a pointer. A [`BlobRef`] names a shared value in plain data: it keeps nothing alive, and names nothing once the
//! value is gone.
//!
//! A slab that is full says so and gives the value back; it never allocates. A thread that inserts often does it through a
//! [`Magazine`] of its own, which goes to the common list once in 32 values. [`FreeList`] is that list by itself, for fixed
//! arrays of records that are used again.
//!
//! ```
//! use ringway::{mpsc, slab::{Handle, Slab}};
//!
//! let slab = Slab::<[u8; 4096]>::new(8);
//! let (mut tx, mut rx) = mpsc::channel::<Handle<[u8; 4096]>>(8);
//! let mut page = slab.insert([0; 4096])?;
//! page[0] = 7;
//! tx.try_send(page).unwrap();
//! let first = rx.try_recv().unwrap()[0]; // taken, read, dropped
//! assert_eq!((first, slab.len()), (7, 0));
//! # Ok::<(), ringway::slab::Exhausted<[u8; 4096]>>(())
//! ```
//!
//! # The word of a place
//!
//! `state = generation << 32 | count`. A count of 0 is a free place, `u32::MAX` a handle's, anything between that of the
//! shared handles.
//!
//! # Invariants
//!
//! * **B1** Each index is in one hand: in the free list, in a magazine, or in that of the handles of its place. Only the hand
//!   that has it changes the place, other than by counting shared handles.
//! * **B2** A place holds a value exactly while its count is not 0, and then also one reference to the memory of the slab; so the
//!   memory outlives every handle.
//! * **B3** A count goes from 0 to something only by the hand of B1. It goes up from something only while it is a count of
//!   shared handles. Who takes it to 0 is the last handle, and has the value for itself.
//! * **B4** The generation changes, before the index is given back, whenever a value leaves.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | B5 `share`: Release store of the count | B6 | who looks the value up finds it half written |
//! | B6 `get`: Acquire on the count | B5 | the same |
//! | B7 `Shared::drop`: AcqRel on the count | itself | the last handle drops the value while another still reads it |
//!
//! A place that passes from hand to hand does so through the free list (L1 to L3 in `slab/free.rs`).

mod free;
mod handle;
mod magazine;

pub use free::FreeList;
pub use handle::{Handle, Shared, Shares};
pub use magazine::Magazine;

use crate::sync::{Arc, AtomicU64, Ordering, Watch};
use crate::value::BlobRef;
use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use std::error::Error;

/// The count of a place that one handle owns.
const OWNED: u32 = u32::MAX;
/// The most shared handles of one value. Far below `OWNED`, so that threads which count up at once do not get there.
const MOST_SHARED: u32 = 1 << 31;

fn state(generation: u32, count: u32) -> u64 {
    u64::from(generation) << 32 | u64::from(count)
}

fn count(state: u64) -> u32 {
    state as u32
}

fn generation(state: u64) -> u32 {
    (state >> 32) as u32
}

struct Place<T> {
    state: AtomicU64,
    value: UnsafeCell<MaybeUninit<T>>,
}

/// The memory, shared by slabs, magazines and occupied places.
struct Inner<T> {
    places: Box<[Place<T>]>,
    free: FreeList,
    watch: Watch,
}

// SAFETY: B1 and B3: a place is written by one hand at a time, which may be any thread's (Send). Reading beside others asks for
// `Sync` where it is offered: in `Shared` and `Slab::get`.
unsafe impl<T: Send> Sync for Inner<T> {}
// SAFETY: values may be dropped wherever the memory is.
unsafe impl<T: Send> Send for Inner<T> {}

impl<T> Inner<T> {
    /// Puts the value into a free place whose index is the caller's: from then on it is its one handle's.
    fn occupy(inner: &Arc<Self>, index: u32, value: T) -> Handle<T> {
        let place = &inner.places[index as usize];
        inner.watch.touch(index as usize);
        // SAFETY: B1: the index is the caller's, and the place is free.
        unsafe { (*place.value.get()).write(value) };
        let generation = generation(place.state.load(Ordering::Relaxed));
        // Relaxed: whoever gets the handle gets it by other means. A look-up is refused by this count.
        place.state.store(state(generation, OWNED), Ordering::Relaxed);
        Handle::new(Arc::clone(inner), index)
    }
}

/// A fixed number of places for values. Clone it, or share it by reference: it is the same memory.
///
/// It is freed with the last slab, magazine and handle.
pub struct Slab<T> {
    inner: Arc<Inner<T>>,
}

impl<T> Slab<T> {
    /// A slab of `capacity` places. Allocates all it will ever need.
    ///
    /// # Panics
    ///
    /// If the capacity is 0, does not fit into 32 bits, or is more than memory can hold.
    pub fn new(capacity: usize) -> Self {
        let free = FreeList::full(capacity);
        let place = |_| Place { state: AtomicU64::new(0), value: UnsafeCell::new(MaybeUninit::uninit()) };
        let places = (0..capacity).map(place).collect();
        Self { inner: Arc::new(Inner { places, free, watch: Watch::new(capacity) }) }
    }

    /// Puts a value in. Lock-free, allocates nothing.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] gives the value back when no place is free: all hold values, or wait in magazines.
    pub fn insert(&self, value: T) -> Result<Handle<T>, Exhausted<T>> {
        match self.inner.free.take() {
            Some(index) => Ok(Inner::occupy(&self.inner, index, value)),
            None => Err(Exhausted(value)),
        }
    }

    /// The shared value that `reference` names; none if it is gone, or is still one handle's. Lock-free: repeats a step only
    /// when other handles of the same value came or went.
    pub fn get(&self, reference: BlobRef) -> Option<Shared<T>>
    where
        T: Send + Sync,
    {
        let place = self.inner.places.get(reference.index as usize)?;
        let mut seen = place.state.load(Ordering::Relaxed);
        // B3: never up from 0, nor from a handle's.
        while generation(seen) == reference.generation && (1..MOST_SHARED).contains(&count(seen)) {
            // Acquire: B6, pairs with B5.
            match place.state.compare_exchange(seen, seen + 1, Ordering::Acquire, Ordering::Relaxed) {
                // The counts of a place stand for one reference to the memory, which this one now has a part in.
                Ok(_) => return Some(Shared::new(Arc::as_ptr(&self.inner), reference.index)),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// A magazine for the calling thread: 64 places at most that are its own.
    pub fn magazine(&self) -> Magazine<T> {
        Magazine::new(Arc::clone(&self.inner))
    }

    /// How many places there are.
    pub fn capacity(&self) -> usize {
        self.inner.places.len()
    }

    /// How many hold a value: counted place by place. Exact when nobody is inside a call.
    pub fn len(&self) -> usize {
        self.inner.places.iter().filter(|place| count(place.state.load(Ordering::Relaxed)) != 0).count()
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<T> Clone for Slab<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T> fmt::Debug for Slab<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slab").field("len", &self.len()).field("capacity", &self.capacity()).finish()
    }
}

/// No place is free. Gives the value back.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Exhausted<T>(pub T);

impl<T> fmt::Debug for Exhausted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exhausted(..)")
    }
}

impl<T> fmt::Display for Exhausted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no place of the slab is free")
    }
}

impl<T> Error for Exhausted<T> {}
