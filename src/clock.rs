//! Time that is handed in, so that a test can turn it, and a stamp for measuring.
//!
//! Whatever has deadlines takes a [`Clock`]: [`Monotonic`] in service, [`ManualClock`] in tests. Whatever measures takes a
//! [`Stamp`], which costs less to read and decides nothing.
//!
//! ```
//! use ringway::clock::{Clock, ManualClock};
//! use std::time::Duration;
//!
//! let clock = ManualClock::new();
//! let start = clock.fine_ns();
//! clock.advance(Duration::from_millis(250));
//! assert_eq!((clock.fine_ns() - start, clock.coarse_ms()), (250_000_000, 250));
//! ```

use crate::measure::clock as measuring;
use crate::sync::{Arc, AtomicU64, Ordering};
use core::fmt;
use core::time::Duration;
use std::time::Instant;

/// A clock that only goes forward, from a beginning of its own.
pub trait Clock: Send + Sync {
    /// Milliseconds; wraps after 49.7 days and is compared modulo.
    fn coarse_ms(&self) -> u32 {
        (self.fine_ns() / 1_000_000) as u32
    }

    /// Nanoseconds.
    fn fine_ns(&self) -> u64;
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn coarse_ms(&self) -> u32 {
        (**self).coarse_ms()
    }

    fn fine_ns(&self) -> u64 {
        (**self).fine_ns()
    }
}

/// The system's monotonic clock, counted from when it was made.
#[derive(Clone, Copy, Debug)]
pub struct Monotonic {
    start: Instant,
}

impl Monotonic {
    /// A clock that begins now.
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for Monotonic {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for Monotonic {
    fn fine_ns(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A clock that stands still until it is advanced. Clones are the same clock.
#[derive(Clone)]
pub struct ManualClock {
    ns: Arc<AtomicU64>,
}

impl ManualClock {
    /// A clock at 0.
    pub fn new() -> Self {
        Self { ns: Arc::new(AtomicU64::new(0)) }
    }

    /// Moves it forward, at most to its end, 584 years from 0.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let mut now = self.ns.load(Ordering::Relaxed);
        while let Err(seen) =
            self.ns.compare_exchange(now, now.saturating_add(by), Ordering::Relaxed, Ordering::Relaxed)
        {
            now = seen;
        }
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn fine_ns(&self) -> u64 {
        self.ns.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManualClock").field("ns", &self.fine_ns()).finish()
    }
}

/// A moment, for measuring: the processor's time stamp. Differences only, and never negative.
///
/// The first stamp of a process takes a moment longer ([`Stamp::calibrate`]).
///
/// ```
/// use ringway::clock::Stamp;
/// let sent = Stamp::now();
/// let word = sent.to_bits(); // travels in a record
/// assert!(Stamp::from_bits(word).elapsed_ns() < u64::MAX);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Stamp(u64);

impl Stamp {
    /// Now. Allocates nothing.
    #[inline]
    pub fn now() -> Self {
        Self(measuring::now())
    }

    /// Gets the clock ready. Call it when building what will measure.
    pub fn calibrate() {
        measuring::calibrate();
    }

    /// Nanoseconds from this moment to a later one; 0 if that is earlier.
    #[inline]
    pub fn ns_until(self, later: Self) -> u64 {
        measuring::between_ns(self.0, later.0)
    }

    /// Nanoseconds from this moment to now.
    #[inline]
    pub fn elapsed_ns(self) -> u64 {
        self.ns_until(Self::now())
    }

    /// As a word: ticks of the process's own.
    pub const fn to_bits(self) -> u64 {
        self.0
    }

    /// From that word.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}
