//! What several test files need.
#![allow(dead_code, unreachable_pub, reason = "each file uses its part")]

pub mod rig;

use std::any::Any;
use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// Runs the same test body for every kind of queue: `$channel` is the constructor `fn(usize) -> (Sender, Receiver)`, `$at` the
/// same with a start position.
#[macro_export]
macro_rules! every_kind {
    ($($tests:tt)+) => {
        $crate::one_kind! { spsc_kind, spsc: $($tests)+ }
        $crate::one_kind! { mpsc_kind, mpsc: $($tests)+ }
        $crate::one_kind! { mpmc_kind, mpmc: $($tests)+ }
    };
}

#[macro_export]
macro_rules! one_kind {
    ($module:ident, $kind:ident: $($(#[$attribute:meta])* fn $name:ident($channel:ident, $at:ident) $body:block)+) => {
        mod $module {
            #[allow(unused_imports)]
            use super::*;
            $($(#[$attribute])* #[test] fn $name() {
                #[allow(unused_macros)]
                macro_rules! $channel { ($capacity:expr) => { ringway::$kind::channel($capacity) } }
                #[allow(unused_macros)]
                macro_rules! $at { ($capacity:expr, $start:expr) => {
                    ringway::Builder::new($capacity).start_at($start).$kind().expect("a valid channel")
                } }
                $body
            })+
        }
    };
}

/// Counts how often each of its values is dropped.
#[derive(Clone, Default)]
pub struct Drops(Arc<Vec<AtomicUsize>>);

impl Drops {
    pub fn new(values: usize) -> Self {
        Self(Arc::new((0..values).map(|_| AtomicUsize::new(0)).collect()))
    }

    pub fn value(&self, number: usize) -> Value {
        Value { number, drops: self.clone(), bomb: false }
    }

    /// A value that panics when it is dropped, the first time.
    pub fn bomb(&self, number: usize) -> Value {
        Value { number, drops: self.clone(), bomb: true }
    }

    /// Values 0 to n.
    pub fn values(&self, n: usize) -> impl Iterator<Item = Value> {
        let drops = self.clone();
        (0..n).map(move |number| drops.value(number))
    }

    pub fn of(&self, number: usize) -> usize {
        self.0[number].load(Ordering::Relaxed)
    }

    /// How often each value was dropped.
    pub fn all(&self) -> Vec<usize> {
        (0..self.0.len()).map(|number| self.of(number)).collect()
    }

    pub fn assert_each_once(&self) {
        assert_eq!(self.all(), vec![1; self.0.len()], "drops of each value");
    }
}

pub struct Value {
    pub number: usize,
    drops: Drops,
    bomb: bool,
}

impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Value({})", self.number)
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.drops.0[self.number].fetch_add(1, Ordering::Relaxed);
        if std::mem::take(&mut self.bomb) {
            panic!("dropping {}", self.number);
        }
    }
}

/// Whether `f` panics.
pub fn panics(f: impl FnOnce()) -> bool {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)).is_err()
}

/// Runs `f` on a thread of its own; fails, instead of hanging, when it has not returned after a time that no machine needs.
pub fn within_limits<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    use std::sync::mpsc::{RecvTimeoutError, channel};
    let (done, waiting) = channel();
    let thread = std::thread::spawn(move || {
        let result = f();
        let _ = done.send(());
        result
    });
    // If it panics, `done` goes without a word.
    let hangs = waiting.recv_timeout(std::time::Duration::from_secs(45)) == Err(RecvTimeoutError::Timeout);
    assert!(!hangs, "somebody waits for ever");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

static LEFT_BEHIND: Mutex<Vec<Box<dyn Any + Send>>> = Mutex::new(Vec::new());

/// Forgets a handle: nobody calls it again, nobody drops it. It stays within reach, so that a leak check does not mind.
pub fn leave_behind(handle: impl Any + Send) {
    LEFT_BEHIND.lock().unwrap().push(Box::new(handle));
}

/// Neither `Send` nor `Sync`.
pub type Local = Rc<Cell<u32>>;

/// A small random number generator; print its seed when a test fails.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// From `RINGWAY_SEED`, or a new seed; tells it, so that a failure can be repeated.
    pub fn new(test: &str) -> Self {
        let seed = Self::seed();
        println!("{test}: RINGWAY_SEED={seed}");
        Self::seeded(seed)
    }

    /// `RINGWAY_SEED`, or a new seed.
    pub fn seed() -> u64 {
        match std::env::var("RINGWAY_SEED").ok().and_then(|seed| seed.parse().ok()) {
            Some(seed) => seed,
            None => std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(1, |now| now.as_nanos() as u64),
        }
    }

    pub fn seeded(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A generator of its own for another thread.
    pub fn split(&mut self) -> Self {
        self.below(1);
        // Mixed (SplitMix64): the state itself, which is this generator's, would give the same numbers, shifted.
        let mut seed = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        seed = (seed ^ seed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        seed = (seed ^ seed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        Self::seeded(seed ^ seed >> 31)
    }

    pub fn skip(&mut self, numbers: usize) {
        (0..numbers).for_each(|_| _ = self.below(1));
    }

    pub fn below(&mut self, limit: usize) -> usize {
        // Xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit.max(1)
    }
}
