//! Values that are counted when they are dropped, and panics that are planned.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

thread_local! {
    /// How often each value made so far was dropped.
    static DROPS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static CLONES: Cell<usize> = const { Cell::new(0) };
}

/// A number that is dropped once. Some panic when they are dropped, unless something else is panicking already.
#[derive(Debug)]
pub struct Value {
    number: u32,
    /// The number again, so that what never was a value is noticed.
    check: u32,
    bomb: bool,
    /// Clones are counted apart, and have the number of what they were cloned from.
    clone: bool,
}

struct Planned;

/// Forgets all values. To be called before the first.
pub fn start() {
    DROPS.with_borrow_mut(Vec::clear);
    CLONES.set(0);
}

impl Value {
    pub fn new(bomb: bool) -> Self {
        let number = DROPS.with_borrow_mut(|drops| {
            drops.push(0);
            drops.len() as u32 - 1
        });
        Self { number, check: !number, bomb, clone: false }
    }

    pub fn number(&self) -> u32 {
        assert_eq!(self.check, !self.number, "never was a value");
        self.number
    }

    /// Drops it in peace.
    pub fn into_number(mut self) -> u32 {
        self.bomb = false;
        self.number()
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        CLONES.set(CLONES.get() + 1);
        Self { number: self.number(), check: self.check, bomb: false, clone: true }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        let number = self.number() as usize;
        if self.clone {
            CLONES.set(CLONES.get() - 1);
            return;
        }
        DROPS.with_borrow_mut(|drops| {
            drops[number] += 1;
            assert_eq!(drops[number], 1, "drops of value {number}");
        });
        if self.bomb && !thread::panicking() {
            plan();
        }
    }
}

/// Whether the value of this number was dropped.
pub fn is_dropped(number: u32) -> bool {
    DROPS.with_borrow(|drops| drops[number as usize] == 1)
}

/// Whether every value that was made was dropped. (More than once, none can have been.)
pub fn all_dropped() -> bool {
    CLONES.get() == 0 && DROPS.with_borrow(|drops| drops.iter().all(|n| *n == 1))
}

/// A panic that [`planned`] catches. No hook sees it, so it does not end the process.
pub fn plan() -> ! {
    resume_unwind(Box::new(Planned))
}

/// Calls `f`; none if it ended with a planned panic.
pub fn planned<R>(f: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => Some(result),
        Err(panic) if panic.is::<Planned>() => None,
        Err(panic) => resume_unwind(panic),
    }
}
