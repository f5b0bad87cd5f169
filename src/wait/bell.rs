//! Which event a channel rings: its own, or the one of the worker that has taken over its receiver.

use super::Event;
use crate::sync::{AtomicPtr, Ordering};
use core::ptr;

/// An event that can be exchanged once, while senders ring it.
///
/// * **B1** `moved` is null or a leaked `Box` that only `Drop` frees, so a reference read from it lives as long as
///   the bell does.
///
/// A sender that still rings the old event has published before it read the pointer. The sleeper announces itself on
/// the new event after it has stored the pointer. The barriers W1 and W2 of the event lie in between, so that one of
/// the two sees the other, as in the event's own handshake.
pub(crate) struct Bell {
    own: Event,
    moved: AtomicPtr<Event>,
}

impl Bell {
    pub(crate) fn new(own: Event) -> Self {
        Self { own, moved: AtomicPtr::new(ptr::null_mut()) }
    }

    #[inline]
    pub(crate) fn event(&self) -> &Event {
        // Acquire: B2, pairs with B3: the event behind the pointer is complete.
        let moved = self.moved.load(Ordering::Acquire);
        if moved.is_null() {
            return &self.own;
        }
        // SAFETY: B1, not null.
        unsafe { &*moved }
    }

    /// Rings `event` from now on; false if the bell has been moved before and now rings another.
    pub(crate) fn move_to(&self, event: &Event) -> bool {
        if self.event().same_as(event) {
            return true;
        }
        let new = Box::into_raw(Box::new(event.clone()));
        // Release: B3, pairs with B2.
        let moved = self.moved.compare_exchange(ptr::null_mut(), new, Ordering::Release, Ordering::Relaxed);
        if moved.is_err() {
            // SAFETY: B1: `new` was not published; it is ours alone.
            drop(unsafe { Box::from_raw(new) });
        }
        moved.is_ok()
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        let moved = self.moved.load(Ordering::Relaxed);
        if !moved.is_null() {
            // SAFETY: B1, and `&mut self`: nobody else can read the pointer any more.
            drop(unsafe { Box::from_raw(moved) });
        }
    }
}
