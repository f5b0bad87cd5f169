//! What is sent: told apart by a number where it has room for one, and dropped once.

use super::common::{Drops, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering};

/// Makes messages, and knows what became of them.
#[derive(Clone)]
pub struct Mint {
    pub drops: Drops,
}

impl Mint {
    pub fn new(messages: usize) -> Self {
        Self { drops: Drops::new(messages) }
    }
}

pub trait Payload: Send + Sync + Sized + 'static {
    fn make(number: usize, mint: &Mint) -> Self;

    /// None if it has no size. Fails if it is not whole.
    fn number(&self) -> Option<usize>;

    /// Checks that of all numbers those that were made, and no others, were dropped, each once.
    fn settle(mint: &Mint, made: impl Fn(usize) -> bool) {
        for (number, drops) in mint.drops.all().into_iter().enumerate() {
            assert_eq!(drops, usize::from(made(number)), "drops of {number}");
        }
    }
}

impl Payload for Value {
    fn make(number: usize, mint: &Mint) -> Self {
        mint.drops.value(number)
    }

    fn number(&self) -> Option<usize> {
        Some(self.number)
    }
}

/// Lies at multiples of 128 bytes, whatever else there is in a slot.
#[repr(align(128))]
pub struct Aligned(Value);

impl Payload for Aligned {
    fn make(number: usize, mint: &Mint) -> Self {
        Self(mint.drops.value(number))
    }

    fn number(&self) -> Option<usize> {
        assert_eq!(std::ptr::from_ref(self).addr() % 128, 0);
        self.0.number()
    }
}

/// 2 KiB, each word of which says which message it belongs to.
pub struct Large {
    value: Value,
    words: [usize; 255],
}

impl Payload for Large {
    fn make(number: usize, mint: &Mint) -> Self {
        Self { value: mint.drops.value(number), words: [number; 255] }
    }

    fn number(&self) -> Option<usize> {
        assert!(self.words.iter().all(|word| *word == self.value.number), "torn");
        self.value.number()
    }
}

/// Owns memory of its own: what is dropped twice or not at all shows there.
pub struct Boxed(Arc<Value>, Box<usize>);

impl Payload for Boxed {
    fn make(number: usize, mint: &Mint) -> Self {
        Self(Arc::new(mint.drops.value(number)), Box::new(number))
    }

    fn number(&self) -> Option<usize> {
        assert_eq!(self.0.number, *self.1);
        self.0.number()
    }
}

/// No size, and dropped all the same. Counted for all rounds together: one test at a time may use it.
pub struct Nothing(());

static NOTHINGS: AtomicIsize = AtomicIsize::new(0);

impl Payload for Nothing {
    fn make(_: usize, _: &Mint) -> Self {
        NOTHINGS.fetch_add(1, Ordering::Relaxed);
        Self(())
    }

    fn number(&self) -> Option<usize> {
        None
    }

    fn settle(_: &Mint, _: impl Fn(usize) -> bool) {
        assert_eq!(NOTHINGS.load(Ordering::Relaxed), 0, "messages made and not dropped");
    }
}

impl Drop for Nothing {
    fn drop(&mut self) {
        NOTHINGS.fetch_sub(1, Ordering::Relaxed);
    }
}
