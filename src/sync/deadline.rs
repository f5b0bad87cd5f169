//! When a timed call gives up.

use core::time::Duration;

#[cfg(not(ringway_loom))]
use std::time::Instant;

/// A moment on the monotonic clock; too far away to be told is never.
#[cfg(not(ringway_loom))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

#[cfg(not(ringway_loom))]
impl Deadline {
    pub(crate) const NEVER: Self = Self(None);

    pub(crate) fn after(timeout: Duration) -> Self {
        Self(Instant::now().checked_add(timeout))
    }

    pub(crate) fn at(instant: Instant) -> Self {
        Self(Some(instant))
    }

    /// What is left; `None` is for ever.
    pub(crate) fn remaining(self) -> Option<Duration> {
        self.0.map(|at| at.saturating_duration_since(Instant::now()))
    }
}

/// Loom has no clock: either the moment has come or it never will.
#[cfg(ringway_loom)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    passed: bool,
}

#[cfg(ringway_loom)]
impl Deadline {
    pub(crate) const NEVER: Self = Self { passed: false };

    pub(crate) fn after(timeout: Duration) -> Self {
        Self { passed: timeout.is_zero() }
    }

    pub(crate) fn at(_instant: std::time::Instant) -> Self {
        Self::NEVER
    }

    pub(crate) fn remaining(self) -> Option<Duration> {
        self.passed.then_some(Duration::ZERO)
    }
}

impl Deadline {
    pub(crate) fn has_passed(self) -> bool {
        self.remaining() == Some(Duration::ZERO)
    }
}
