//! What one thread at a time may change, without a lock that anybody sleeps on.
//!
//! A flag says whose turn it is. Who finds it set looks again a few times and then sleeps on an event, like everybody in this
//! crate, that is rung after each turn; so what he waits for may also be something else that the holder does for him.
//!
//! What the turn is about lies in a mutex, which is how safe code hands it over, and which is always free: it is locked after the
//! flag was set and unlocked before it is cleared. So the flag carries nothing, and Relaxed is enough.

use crate::Event;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering, guard, spin_loop};
use core::ops::{Deref, DerefMut};
use std::sync::PoisonError;

/// Looks before sleeping: a turn takes less than a sleep.
const LOOKS: usize = if cfg!(ringway_loom) { 1 } else { 100 };

pub(super) struct Turns<T> {
    taken: AtomicBool,
    shared: Mutex<T>,
    over: Event,
}

impl<T> Turns<T> {
    pub(super) fn new(shared: T) -> Self {
        Self { taken: AtomicBool::new(false), shared: Mutex::new(shared), over: Event::new() }
    }

    pub(super) fn try_take(&self) -> Option<Turn<'_, T>> {
        self.taken.compare_exchange(false, true, Ordering::Relaxed, Ordering::Relaxed).ok()?;
        // Nothing of a user's runs in a turn: a panic there is one of ours, and is told by who was hit.
        let held = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Turn { turns: self, held: Some(held) })
    }

    /// Waits for its turn.
    pub(super) fn take(&self) -> Turn<'_, T> {
        self.wait_for(|| self.try_take())
    }

    /// Waits until `look` finds something, which has to come true by the end of somebody's turn.
    pub(super) fn wait_for<R>(&self, mut look: impl FnMut() -> Option<R>) -> R {
        for _ in 0..LOOKS {
            if let Some(found) = look() {
                return found;
            }
            spin_loop();
        }
        let mut found = None;
        self.over.wait_until(None, || {
            found = look();
            found.is_some()
        });
        found.expect("it waits for ever")
    }
}

pub(super) struct Turn<'a, T> {
    turns: &'a Turns<T>,
    held: Option<MutexGuard<'a, T>>,
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.held.as_ref().expect("it is held until it is dropped")
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.held.as_mut().expect("it is held until it is dropped")
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.held = None;
        self.turns.taken.store(false, Ordering::Relaxed);
        if guard("who waits for a turn is told") {
            self.turns.over.notify_all();
        }
    }
}
