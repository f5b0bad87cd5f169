//! Iterators that are borrowed, and used as if they were not.
//!
//! # Invariants
//!
//! * **B1** What [`Local`] moves out of an iterator's place it moves back before the borrow of that place ends, on every way out.
//!   It cannot be forgotten: it never leaves [`locally`].

use core::mem::ManuallyDrop;
use core::ptr;

/// Bytes of an iterator that are worth the way there and back.
const MOST_BYTES: usize = 256;

/// Calls `f` with the iterator, which lives here meanwhile if it is small, and goes back where it was borrowed afterwards, also when
/// unwinding.
///
/// Behind a reference its state would be stored after every message, between the stores of the messages themselves. Processors
/// write out consecutive stores to one line together; torn apart like that, lines of 64 bytes went at 0.7 of the speed.
#[inline(always)]
pub(super) fn locally<I, R>(home: &mut I, f: impl FnOnce(&mut I) -> R) -> R {
    if size_of::<I>() <= MOST_BYTES { f(&mut Local::of(home).iter) } else { f(home) }
}

struct Local<'a, I> {
    iter: ManuallyDrop<I>,
    home: &'a mut I,
}

impl<'a, I> Local<'a, I> {
    fn of(home: &'a mut I) -> Self {
        // SAFETY: B1: nobody can look at `home` while it is borrowed here, and it is made whole again before that ends.
        Self { iter: ManuallyDrop::new(unsafe { ptr::read(home) }), home }
    }
}

impl<I> Drop for Local<'_, I> {
    fn drop(&mut self) {
        // SAFETY: B1: what is overwritten was moved out by `of`, and what is moved back is not used or dropped here any more.
        unsafe { ptr::copy_nonoverlapping(&*self.iter, self.home, 1) };
    }
}
