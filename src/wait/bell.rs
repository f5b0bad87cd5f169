//! Which event a channel rings: its own, or the one of the worker that has taken over its receiver.
//!
//! # Invariants
//!
//! * **B1** `moved` is null or a leaked `Box` that only `Drop` frees, so a reference read from it lives as long as the bell
//!   does. It changes once.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | B2 `event`: Acquire load of `moved` | B3 | the event behind the pointer is incomplete |
//! | B3 `move_to`: Release exchange of `moved` | B2 | the same |
//! | B4 `notify`: the light barrier (W2) *before* the pointer is read | W1 | the old event alone is rung, the sleeper sleeps on the new one |
//!
//! B4, both outcomes: if the notifier's barrier comes before the sleeper's, the sleeper's second look finds what was published.
//! If the sleeper's comes first, the pointer it had stored before announcing itself is visible after the notifier's, and so
//! is its announcement behind that pointer.

use super::Event;
use super::barrier::Barrier;
use crate::sync::{AtomicPtr, Ordering};
use core::ptr;

/// An event that can be exchanged once, while senders ring it. Other receivers of the channel may sleep on the first one by
/// then, so both are rung.
pub(crate) struct Bell {
    /// On the line that notifiers read anyway.
    barrier: Barrier,
    own: Event,
    /// Others may sleep on `own`: whoever made it can have given it to anybody.
    shared: bool,
    moved: AtomicPtr<Event>,
}

impl Bell {
    /// Rings `event`, which others may sleep on too; or an event of its own.
    pub(crate) fn new(event: Option<Event>) -> Self {
        let (shared, own) = (event.is_some(), event.unwrap_or_default());
        Self { barrier: Barrier::new(), shared, own, moved: AtomicPtr::new(ptr::null_mut()) }
    }

    #[inline]
    pub(crate) fn event(&self) -> &Event {
        self.moved_event().unwrap_or(&self.own)
    }

    /// Wakes up to `n` of this channel's sleepers. Called after publishing.
    #[inline]
    pub(crate) fn notify(&self, n: u32) {
        self.barrier.light(); // W2, B4
        self.ring(n);
    }

    /// The same if `wanted`, which is asked only if somebody sleeps.
    #[inline]
    pub(crate) fn notify_if(&self, n: u32, wanted: impl FnOnce() -> bool) {
        self.barrier.light(); // W2, B4
        if (self.own.has_sleepers() || self.moved_event().is_some_and(Event::has_sleepers)) && wanted() {
            self.ring(n);
        }
    }

    #[inline(always)]
    fn ring(&self, n: u32) {
        // A wake-up for one of several might go to a sleeper that waits for something else.
        self.own.ring(|| if self.shared { u32::MAX } else { n });
        if let Some(event) = self.moved_event() {
            event.ring(|| u32::MAX);
        }
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

    #[inline(always)]
    fn moved_event(&self) -> Option<&Event> {
        // Acquire: B2, pairs with B3.
        let moved = self.moved.load(Ordering::Acquire);
        // SAFETY: B1.
        unsafe { moved.as_ref() }
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
