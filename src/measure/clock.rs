//! The clock for measurements: cheap to read, for differences only. Deadlines are `std::time::Instant`'s.

use core::time::Duration;
use std::sync::OnceLock;

fn source() -> &'static quanta::Clock {
    static SOURCE: OnceLock<quanta::Clock> = OnceLock::new();
    SOURCE.get_or_init(quanta::Clock::new)
}

/// Calibrates the clock, which takes a moment. Whatever reads the clock on a hot path calls this when it is built.
pub(crate) fn calibrate() {
    source();
}

/// A reading, in ticks of the clock's own.
pub(crate) fn now() -> u64 {
    source().raw()
}

/// The time between two readings; nothing if the second is earlier.
pub(crate) fn between(start: u64, end: u64) -> Duration {
    Duration::from_nanos(between_ns(start, end))
}

/// The same in nanoseconds.
pub(crate) fn between_ns(start: u64, end: u64) -> u64 {
    source().delta_as_nanos(start, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cores may disagree about the time: a difference is nothing then, not centuries.
    #[test]
    fn f12_differences_saturate() {
        let now = now();
        assert_eq!(between(now.saturating_add(1_000_000), now), Duration::ZERO);
        assert_eq!(between(u64::MAX, 0), Duration::ZERO);
        assert!(between(now, now.saturating_add(1 << 40)) > Duration::ZERO);
    }
}
