//! Counts allocations on threads that ask for it, to show that there are none where there should be none.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

static COUNTED: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static COUNTING: Cell<bool> = const { Cell::new(false) };
}

/// The system's allocator, watched.
pub(crate) struct Watched;

fn count() {
    // A thread that is ending has no flag any more, and is no longer of interest.
    if COUNTING.try_with(Cell::get).unwrap_or(false) {
        COUNTED.fetch_add(1, Ordering::Relaxed);
    }
}

// SAFETY: every call is passed on unchanged to the system's allocator, whose contract is the same.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

/// From now on, or no longer, this thread's allocations are counted.
pub(crate) fn count_this_thread(on: bool) {
    COUNTING.set(on);
}

/// How many allocations counting threads have made.
pub(crate) fn counted() -> u64 {
    COUNTED.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_of_counting_threads_are_seen() {
        let before = counted();
        drop(std::hint::black_box(Box::new(1)));
        assert_eq!(counted(), before);
        count_this_thread(true);
        drop(std::hint::black_box(Box::new(1)));
        count_this_thread(false);
        assert_eq!(counted(), before + 1);
    }
}
