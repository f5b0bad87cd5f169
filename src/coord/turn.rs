//! What one thread at a time may change, without a lock that anybody sleeps on.
//!
//! A word says whose turn it is. Who finds it taken looks again a few times and then sleeps on an event, like everybody in this
//! crate, that is rung after each turn; so what he waits for may also be something else that the holder does for him.
//!
//! What the turn is about lies in a mutex, which is how safe code hands it over, and which is always free: it is locked after the
//! word was set and unlocked before it is cleared. So the word carries nothing, and Relaxed is enough but for a ring.
//!
//! # Ringing
//!
//! Who cannot wait leaves his work where the turn finds it and rings: if nobody has the turn, it is his; otherwise whoever has it
//! does not get away before the work is done.
//!
//! * **R1** `RUNG` stands only beside `TAKEN`.
//! * **R2** The word is not cleared while it says `RUNG`: whoever takes that off has the turn, and does what was left. So a turn
//!   that nobody has leaves nothing behind that was rung for.
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | T1 `ring`: Release, after the work was left | T2 | whoever has the turn is rung for, and finds nothing |
//! | T2 `is_over`: Acquire on the step that takes `RUNG` off | T1 | the same |

use crate::Event;
use crate::sync::{AtomicU64, Mutex, MutexGuard, Ordering, guard, spin_loop};
use core::ops::{Deref, DerefMut};
use std::sync::PoisonError;

/// Looks before sleeping: a turn takes less than a sleep.
const LOOKS: usize = if cfg!(ringway_loom) { 1 } else { 100 };

const FREE: u64 = 0;
const TAKEN: u64 = 1;
const RUNG: u64 = 2;

pub(super) struct Turns<T> {
    word: AtomicU64,
    shared: Mutex<T>,
    over: Event,
    /// What is done before the end of a turn that was rung for.
    answer: Option<fn(&mut T)>,
}

impl<T> Turns<T> {
    /// Turns that nobody rings for.
    pub(super) fn new(shared: T) -> Self {
        Self { word: AtomicU64::new(FREE), shared: Mutex::new(shared), over: Event::new(), answer: None }
    }

    /// Turns that end with an answer to those who have rung.
    pub(super) fn answering(shared: T, answer: fn(&mut T)) -> Self {
        Self { answer: Some(answer), ..Self::new(shared) }
    }

    pub(super) fn try_take(&self) -> Option<Turn<'_, T>> {
        self.word.compare_exchange(FREE, TAKEN, Ordering::Relaxed, Ordering::Relaxed).ok()?;
        Some(self.taken())
    }

    fn taken(&self) -> Turn<'_, T> {
        Turn { turns: self, held: Some(self.lock()) }
    }

    fn lock(&self) -> MutexGuard<'_, T> {
        // Nothing of a user's runs in a turn: a panic there is one of ours, and is told by who was hit.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for its turn.
    pub(super) fn take(&self) -> Turn<'_, T> {
        self.wait_for(|| self.try_take())
    }

    /// Has the answer given, by this thread or by the one whose turn it is. Waits for nobody.
    pub(super) fn ring(&self) {
        // Release: T1, pairs with T2.
        if self.word.fetch_or(TAKEN | RUNG, Ordering::Release) & TAKEN == 0 {
            drop(self.taken());
        }
    }

    /// Ends a turn, unless it was rung for.
    fn is_over(&self) -> bool {
        if self.answer.is_none() {
            self.word.store(FREE, Ordering::Relaxed);
            return true;
        }
        if self.word.compare_exchange(TAKEN, FREE, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            return true;
        }
        // Acquire: T2, pairs with T1.
        self.word.fetch_and(!RUNG, Ordering::Acquire);
        false
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
        while !self.turns.is_over() {
            if let Some(answer) = self.turns.answer {
                answer(&mut self.turns.lock());
            }
        }
        if guard("who waits for a turn is told") {
            self.turns.over.notify_all();
        }
    }
}
