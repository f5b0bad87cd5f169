//! The slots of a ring: a fixed array that is allocated, and touched, once.
//!
//! # Invariants
//!
//! * **S1** Every position maps into the array: its length is a power of two, and the index is the remainder.
//! * **S2** The array knows nothing of values. Who owns a slot, and whether it holds one, is R1 to R3 of the ring; the array
//!   itself drops none.
//! * **S3** The array begins where a pair of cache lines does, so that a message of a line lies in one: across two, it costs two
//!   journeys. It is this storage's alone, from `allocate` to `drop`, and never moves.

use super::prefetch::{self, For};
use crate::error::BuildError;
use crate::sync::Watch;
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use std::alloc::{Layout, alloc, dealloc};

/// No ring has more slots; a larger number is a mistake in somebody's configuration.
const MAX_CAPACITY: usize = 1 << if usize::BITS > 32 { 32 } else { usize::BITS - 2 };
const PAGE: usize = 4096;
/// Two cache lines: processors fetch them in pairs.
const LINES: usize = 128;

/// Slots that follow each other, across the end of the array.
pub(crate) type Pieces<T> = (*const [T], *const [T]);

type Slot<T> = UnsafeCell<MaybeUninit<T>>;

/// A power of two of slots that may or may not hold values: only the positions of the ring tell (R1 to R3).
pub(crate) struct Storage<T> {
    slots: NonNull<[Slot<T>]>,
    watch: Watch,
}

// SAFETY: S3: the array goes where the storage goes. Values are moved in by one thread and out by another, never shared by
// reference: R3 gives each slot one owner at a time. That asks for `T: Send` and no more.
unsafe impl<T: Send> Send for Storage<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Storage<T> {}

impl<T> Storage<T> {
    /// Allocates and touches the memory, so that it lies near the thread that calls this and never grows later.
    pub(crate) fn new(capacity: usize) -> Result<Self, BuildError> {
        debug_assert!(capacity.is_power_of_two());
        let bytes = capacity.saturating_mul(size_of::<T>());
        probe(bytes)?;
        let out_of_memory = BuildError::OutOfMemory { bytes };
        let layout = Self::layout(capacity).ok_or(out_of_memory.clone())?;
        let slots = if layout.size() == 0 {
            NonNull::dangling()
        } else {
            // SAFETY: S3: the layout's size is not 0.
            NonNull::new(unsafe { alloc(layout) }.cast()).ok_or(out_of_memory)?
        };
        let storage = Self { slots: NonNull::slice_from_raw_parts(slots, capacity), watch: Watch::new(capacity) };
        storage.touch_pages();
        Ok(storage)
    }

    pub(crate) fn capacity(&self) -> usize {
        self.slots.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.capacity() * size_of::<T>()
    }

    fn layout(capacity: usize) -> Option<Layout> {
        Layout::array::<Slot<T>>(capacity).ok()?.align_to(LINES).ok()
    }

    #[inline(always)]
    fn index(&self, position: u64) -> usize {
        // The length is a power of two: exact for every position, across the wrap too.
        position as usize & (self.slots.len() - 1)
    }

    /// The slot of `position`.
    #[inline(always)]
    fn slot(&self, position: u64) -> *mut T {
        let index = self.index(position);
        self.watch.touch(index);
        // The pointer is derived from the whole array, so that slices may be made of it.
        self.base().wrapping_add(index)
    }

    #[inline(always)]
    fn base(&self) -> *mut T {
        self.slots.as_ptr().cast()
    }

    /// The same for several readers at a time.
    #[inline(always)]
    fn shared_slot(&self, position: u64) -> *const T {
        let index = self.index(position);
        self.watch.look(index, 1);
        self.base().wrapping_add(index)
    }

    /// # Safety
    ///
    /// The caller owns the slot by R1, and it holds no value.
    #[inline(always)]
    pub(crate) unsafe fn write(&self, position: u64, value: T) {
        // SAFETY: S1, R1.
        unsafe { self.slot(position).write(value) };
    }

    /// Moves the value out.
    ///
    /// # Safety
    ///
    /// The caller owns the slot by R2 (or R1, for a value it wrote itself), and does not read it again.
    #[inline(always)]
    pub(crate) unsafe fn read(&self, position: u64) -> T {
        // SAFETY: S1, R2 (or R1): the slot is the caller's and holds a value.
        unsafe { self.slot(position).read() }
    }

    /// The value in place.
    ///
    /// # Safety
    ///
    /// The slot holds a value, and nobody writes it or moves it out while the reference lives.
    #[inline(always)]
    pub(crate) unsafe fn get(&self, position: u64) -> &T {
        // SAFETY: S1, and the caller's promise.
        unsafe { &*self.shared_slot(position) }
    }

    /// The slots `start..start + len` as at most two pieces, for as long as the caller owns them.
    pub(crate) fn pieces(&self, start: u64, len: usize) -> (*mut [T], *mut [T]) {
        self.watch.touch_run(self.index(start), len);
        self.unwatched_pieces(start, len)
    }

    /// The same for several readers at a time.
    pub(crate) fn shared_pieces(&self, start: u64, len: usize) -> Pieces<T> {
        self.watch.look(self.index(start), len);
        let (first, second) = self.unwatched_pieces(start, len);
        (first, second)
    }

    /// The same for the one who moves the values out.
    pub(crate) fn pieces_to_take(&self, start: u64, len: usize) -> Pieces<T> {
        let (first, second) = self.pieces(start, len);
        (first, second)
    }

    /// Asks for the lines of `start..start + len`, where messages are so small that this is done for all of them at once.
    #[inline(always)]
    pub(crate) fn ask_for(&self, start: u64, len: usize, what: For) {
        if len > 1 && prefetch::by_burst::<T>() {
            let (first, second) = self.unwatched_pieces(start, len);
            prefetch::burst(first, what);
            prefetch::burst(second, what);
        }
    }

    fn unwatched_pieces(&self, start: u64, len: usize) -> (*mut [T], *mut [T]) {
        debug_assert!(len <= self.capacity());
        let index = self.index(start);
        let first = len.min(self.capacity() - index);
        let piece = |at: usize, len| ptr::slice_from_raw_parts_mut(self.base().wrapping_add(at), len);
        (piece(index, first), piece(0, len - first))
    }

    /// Drops the values of `start..start + len`, all of them even if one panics.
    ///
    /// # Safety
    ///
    /// As for [`read`](Storage::read), for each of them.
    pub(crate) unsafe fn drop_run(&self, start: u64, len: usize) {
        if !core::mem::needs_drop::<T>() {
            return;
        }
        /// Goes on with the rest when a value's drop panics; a second panic aborts, as everywhere in Rust.
        struct Second<T>(*mut [T]);
        impl<T> Drop for Second<T> {
            fn drop(&mut self) {
                // SAFETY: S1, R2: the slice is exclusively ours, by the contract of `drop_run`.
                unsafe { ptr::drop_in_place(self.0) }
            }
        }
        let (first, second) = self.pieces(start, len);
        let _second = Second(second);
        // SAFETY: S1, R2: as above; dropping a slice goes on past one panicking element.
        unsafe { ptr::drop_in_place(first) };
    }

    /// Writes one byte to each page, so that the system provides it now.
    fn touch_pages(&self) {
        let base = self.base().cast::<u8>();
        // The last byte too: the array need not begin where a page does.
        for offset in (0..self.bytes()).step_by(PAGE).chain(self.bytes().checked_sub(1)) {
            // SAFETY: S2: in bounds of the array, which nobody shares yet and which holds no values.
            unsafe { base.add(offset).write_volatile(0) };
        }
    }
}

impl<T> Drop for Storage<T> {
    fn drop(&mut self) {
        if let Some(layout) = Self::layout(self.capacity()).filter(|layout| layout.size() > 0) {
            // SAFETY: S3: allocated in `new` with this layout, and nobody uses it any more.
            unsafe { dealloc(self.slots.as_ptr().cast(), layout) };
        }
    }
}

/// The number of slots for a wanted capacity: the next power of two.
pub(crate) fn slots_for<T>(capacity: usize) -> Result<usize, BuildError> {
    if capacity == 0 {
        return Err(BuildError::ZeroCapacity);
    }
    let too_large = BuildError::CapacityTooLarge { capacity };
    let slots = capacity.checked_next_power_of_two().ok_or_else(|| too_large.clone())?;
    let bytes = slots.checked_mul(size_of::<T>().max(1));
    if slots > MAX_CAPACITY || bytes.is_none_or(|bytes| bytes > isize::MAX as usize) {
        return Err(too_large);
    }
    Ok(slots)
}

/// Fails where the system could never provide `bytes`. Systems that promise memory generously would otherwise stop the process
/// when it is touched.
pub(super) fn probe(bytes: usize) -> Result<(), BuildError> {
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| BuildError::OutOfMemory { bytes })
}

/// An array built in place on the heap; an error where the memory is not to be had.
pub(super) fn allocate<S>(len: usize, make: impl FnMut() -> S) -> Result<Box<[S]>, BuildError> {
    let mut slots = Vec::new();
    slots.try_reserve_exact(len).map_err(|_| BuildError::OutOfMemory { bytes: len.saturating_mul(size_of::<S>()) })?;
    slots.resize_with(len, make);
    Ok(slots.into_boxed_slice())
}
