//! STUB
use std::time::{Duration, Instant};
/// id
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerId(u64);
/// e
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimerError {
    /// f
    Full {
        /// c
        capacity: usize,
    },
    /// p
    PeriodTooShort,
}
pub(crate) struct Timers {
    v: Vec<(Instant, u32, u64, Option<Duration>)>,
    next: u64,
    now: Instant,
}
impl Timers {
    pub(crate) fn with_capacity(_n: usize, origin: Instant) -> Self {
        Self { v: Vec::with_capacity(_n), next: 0, now: origin }
    }
    pub(crate) fn after(&mut self, owner: u32, now: Instant, d: Duration) -> Result<TimerId, TimerError> {
        self.next += 1;
        self.v.push((now + d, owner, self.next, None));
        Ok(TimerId(self.next))
    }
    pub(crate) fn every(&mut self, owner: u32, now: Instant, d: Duration) -> Result<TimerId, TimerError> {
        self.next += 1;
        self.v.push((now + d, owner, self.next, Some(d)));
        Ok(TimerId(self.next))
    }
    pub(crate) fn cancel(&mut self, id: TimerId) -> bool {
        let n = self.v.len();
        self.v.retain(|t| t.2 != id.0);
        self.v.len() < n
    }
    pub(crate) fn advance(&mut self, now: Instant) {
        self.now = now;
    }
    pub(crate) fn pop_due(&mut self) -> Option<(u32, TimerId)> {
        let i = self.v.iter().position(|t| t.0 <= self.now)?;
        let t = self.v[i];
        if let Some(p) = t.3 {
            self.v[i].0 = self.now + p
        } else {
            self.v.swap_remove(i);
        }
        Some((t.1, TimerId(t.2)))
    }
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.v.iter().map(|t| t.0).min()
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.v.is_empty()
    }
}
