//! Values that are counted when they are dropped, and panics that are planned.

use crate::input::Input;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread;

/// What is known of a value that was made.
struct Fate {
    drops: u8,
    bomb: bool,
}

thread_local! {
    /// By number.
    static FATES: RefCell<Vec<Fate>> = const { RefCell::new(Vec::new()) };
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
    FATES.with_borrow_mut(Vec::clear);
    CLONES.set(0);
}

impl Value {
    /// The next one; the input says whether it is a bomb.
    pub fn make(input: &mut Input<'_>) -> Self {
        let bomb = input.below(8) == 7;
        let number = FATES.with_borrow_mut(|fates| {
            fates.push(Fate { drops: 0, bomb });
            fates.len() as u32 - 1
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
        FATES.with_borrow_mut(|fates| {
            fates[number].drops += 1;
            assert_eq!(fates[number].drops, 1, "drops of value {number}");
        });
        if self.bomb && !thread::panicking() {
            plan();
        }
    }
}

/// Whether the value of this number was dropped.
pub fn is_dropped(number: u32) -> bool {
    FATES.with_borrow(|fates| fates[number as usize].drops == 1)
}

pub fn are_dropped(numbers: &[u32]) -> bool {
    numbers.iter().all(|number| is_dropped(*number))
}

/// Whether one of them panics when it is dropped.
pub fn any_bomb(numbers: &[u32]) -> bool {
    FATES.with_borrow(|fates| numbers.iter().any(|number| fates[*number as usize].bomb))
}

/// Whether every value that was made was dropped. (More than once, none can have been.)
pub fn all_dropped() -> bool {
    CLONES.get() == 0 && FATES.with_borrow(|fates| fates.iter().all(|fate| fate.drops == 1))
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
