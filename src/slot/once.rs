//! A cell that is written once, read a known number of times, and emptied by the last reader.
//!
//! # The word
//!
//! `state = open << 33 | unclaimed << 2 | phase`. `unclaimed` readings may still begin; `open` have not ended yet, begun or
//! not. Phases: empty, being written, full, spent.
//!
//! # Invariants
//!
//! * **V1** The cell is written between the steps to "being written" and to "full", by the thread that took both. It is read
//!   only by readings, each of which took one from `unclaimed` while the phase was "full".
//! * **V2** Each reading takes one from `open`, once, when it ends. Whoever takes the last one owns the value, and makes the
//!   phase "spent" once it is moved out.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | V3 `set`: Release store of "full" | V4 | a reading sees a cell that is not written yet |
//! | V4 `read`: Acquire on the step that begins a reading | V3 | the same |
//! | V5 `end`: AcqRel on `open` | itself | the value is moved out under a reading on another thread |
//! | V6 `end`: Release store of "spent" | V7 | the next value is written while the last one is moved out |
//! | V7 `set`: Acquire on the step to "being written" | V6, through `reset`, a read-modify-write | the same |

use crate::sync::{AtomicU64, Ordering, Watch};
use core::cell::UnsafeCell;
use core::fmt;
use core::mem::MaybeUninit;
use core::ops::Deref;

const EMPTY: u64 = 0;
const WRITING: u64 = 1;
const FULL: u64 = 2;
const SPENT: u64 = 3;
const PHASE: u64 = 3;
const UNCLAIMED: u64 = 1 << 2;
const OPEN: u64 = 1 << 33;
const MOST: u32 = 1 << 30;

/// A value for a known number of readers, gone after the last.
///
/// Allocates nothing. Every call is free of waiting; a reader that stops keeps the value alive, and nothing else.
///
/// ```
/// use ringway::slot::OnceSlot;
///
/// let slot = OnceSlot::new(2);
/// assert!(slot.read().is_none());
/// slot.set(String::from("result")).unwrap();
/// assert_eq!(slot.set(String::from("twice")), Err(String::from("twice")));
///
/// let first = slot.read().unwrap();
/// let last = slot.read().unwrap();
/// assert!(slot.read().is_none()); // two were announced
/// assert_eq!(&*first, "result");
/// drop(first);
/// assert_eq!(last.take(), Some(String::from("result")));
/// assert!(slot.reset()); // for another round
/// ```
pub struct OnceSlot<T> {
    state: AtomicU64,
    readers: u32,
    value: UnsafeCell<MaybeUninit<T>>,
    watch: Watch,
}

// SAFETY: V1 and V2: threads read the value at the same time (Sync), and any of them may write or take it (Send).
unsafe impl<T: Send + Sync> Sync for OnceSlot<T> {}
// SAFETY: a slot owns its value.
unsafe impl<T: Send> Send for OnceSlot<T> {}

impl<T> OnceSlot<T> {
    /// An empty slot whose value will be read `readers` times.
    ///
    /// # Panics
    ///
    /// If there are no readers, or more than 2^30.
    pub fn new(readers: u32) -> Self {
        assert!((1..=MOST).contains(&readers), "a slot has from 1 to 2^30 readers");
        let value = UnsafeCell::new(MaybeUninit::uninit());
        Self { state: AtomicU64::new(EMPTY), readers, value, watch: Watch::new(1) }
    }

    /// Fills the slot.
    ///
    /// # Errors
    ///
    /// Gives the value back if there is, was, or is about to be one.
    pub fn set(&self, value: T) -> Result<(), T> {
        // Acquire: V7, pairs with V6.
        if self.state.compare_exchange(EMPTY, WRITING, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Err(value);
        }
        self.watch.touch(0);
        // SAFETY: V1: nobody else writes, and nobody reads before the phase is "full".
        unsafe { (*self.value.get()).write(value) };
        let readers = u64::from(self.readers);
        // Release: V3, pairs with V4.
        self.state.store(readers * (OPEN + UNCLAIMED) + FULL, Ordering::Release);
        Ok(())
    }

    /// Begins one of the readings; none if there is no value, or all have begun.
    pub fn read(&self) -> Option<Reading<'_, T>> {
        let mut seen = self.state.load(Ordering::Relaxed);
        while seen & PHASE == FULL && seen % OPEN >= UNCLAIMED {
            // Acquire: V4, pairs with V3.
            match self.state.compare_exchange(seen, seen - UNCLAIMED, Ordering::Acquire, Ordering::Relaxed) {
                Ok(_) => return Some(Reading { slot: self }),
                Err(now) => seen = now,
            }
        }
        None
    }

    /// Whether there is a value. Out of date as soon as it is told.
    pub fn is_set(&self) -> bool {
        self.state.load(Ordering::Relaxed) & PHASE == FULL
    }

    /// Makes a slot whose value is gone an empty one; false for one that is not spent.
    pub fn reset(&self) -> bool {
        self.state.compare_exchange(SPENT, EMPTY, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Ends a reading; gives the value if it was the last.
    fn end(&self) -> Option<T> {
        // AcqRel: V5, pairs with itself.
        if self.state.fetch_sub(OPEN, Ordering::AcqRel) / OPEN > 1 {
            return None;
        }
        self.watch.touch(0);
        // SAFETY: V2: no reading is open, and this call alone took the last one.
        let value = unsafe { (*self.value.get()).assume_init_read() };
        // Release: V6, pairs with V7.
        self.state.store(SPENT, Ordering::Release);
        Some(value)
    }
}

impl<T> Drop for OnceSlot<T> {
    fn drop(&mut self) {
        // Readings borrow the slot: those that are still open were forgotten.
        if self.state.load(Ordering::Relaxed) & PHASE == FULL {
            // SAFETY: V1 and V2: the phase is "full" until the value is moved out.
            unsafe { self.value.get_mut().assume_init_drop() };
        }
    }
}

impl<T> fmt::Debug for OnceSlot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnceSlot")
            .field("is_set", &self.is_set())
            .field("readers", &self.readers)
            .finish_non_exhaustive()
    }
}

/// One of the readings of a [`OnceSlot`]: the value, while it lives. Dropping it ends the reading; the last one drops the value.
pub struct Reading<'a, T> {
    slot: &'a OnceSlot<T>,
}

impl<T> Reading<'_, T> {
    /// Ends the reading; gives the value to the one that ends last.
    pub fn take(self) -> Option<T> {
        let slot = self.slot;
        core::mem::forget(self);
        slot.end()
    }
}

impl<T> Deref for Reading<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.slot.watch.look(0, 1);
        // SAFETY: V1: begun while full; V2: the value stays until this reading has ended too.
        unsafe { (*self.slot.value.get()).assume_init_ref() }
    }
}

impl<T> Drop for Reading<'_, T> {
    fn drop(&mut self) {
        drop(self.slot.end());
    }
}

impl<T: fmt::Debug> fmt::Debug for Reading<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
