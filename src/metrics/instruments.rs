//! What is recorded with. Cloned and shared freely: a clone is the same series.

use super::error::MetricError;
use super::feed::Feed;
use super::histogram::{Buckets, Summary};
use super::registry::SeriesId;
use crate::ids::CorrelationId;
use crate::measure::clock;
use crate::sync::Counter as Cell;
use core::cell::Cell as Local;
use core::fmt;
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// A cell for each of some groups of threads: those of one group share a line, others do not disturb it.
pub(super) struct Shards<C>(Box<[CachePadded<C>]>);

/// Which group a thread belongs to: they are dealt out in turn.
pub(super) fn turn() -> usize {
    static NEXT: Cell = Cell::new();
    thread_local!(static MINE: Local<usize> = const { Local::new(usize::MAX) });
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            NEXT.add(1);
            mine.set(NEXT.get() as usize);
        }
        mine.get()
    })
}

impl<C> Shards<C> {
    pub(super) fn new(shards: usize, cell: impl Fn() -> C) -> Self {
        Self((0..shards.next_power_of_two()).map(|_| CachePadded::new(cell())).collect())
    }

    #[inline]
    fn mine(&self) -> &C {
        &self.0[turn() & (self.0.len() - 1)]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &C> + Clone {
        self.0.iter().map(|cell| &**cell)
    }
}

/// The cells of a series, and where single samples of it go.
pub(super) struct Source<C> {
    pub(super) cells: C,
    pub(super) id: SeriesId,
    pub(super) feed: Arc<Feed>,
}

impl<C> Source<C> {
    #[inline]
    fn sample(&self, value: u64, correlation: CorrelationId) {
        self.feed.push(self.id, value, correlation);
    }
}

/// Of samples that belong to nothing.
const ALONE: CorrelationId = CorrelationId::new(0);

/// Counts up. Wait-free.
#[derive(Clone)]
pub struct Counter(pub(super) Arc<Source<Shards<Cell>>>);

impl Counter {
    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.add_for(n, ALONE);
    }

    /// Adds `n`, for something that exporters of single samples are told of.
    #[inline]
    pub fn add_for(&self, n: u64, correlation: CorrelationId) {
        self.add_untold(n);
        self.0.sample(n, correlation);
    }

    /// Adds `n`, and no exporter gets a sample of it.
    #[inline]
    pub(super) fn add_untold(&self, n: u64) {
        self.0.cells.mine().add(n);
    }

    /// The sum so far. Exact when nobody adds.
    pub fn get(&self) -> u64 {
        self.0.cells.iter().map(Cell::get).fold(0, u64::wrapping_add)
    }
}

/// A level that goes up and down. Wait-free.
#[derive(Clone)]
pub struct Gauge(pub(super) Arc<Source<Cell>>);

impl Gauge {
    /// Sets the level.
    #[inline]
    pub fn set(&self, level: i64) {
        self.0.cells.set(level as u64);
        self.0.sample(level as u64, ALONE);
    }

    /// Changes the level by `by`.
    #[inline]
    pub fn add(&self, by: i64) {
        self.0.cells.add(by as u64);
        self.0.sample(self.0.cells.get(), ALONE);
    }

    /// The level.
    pub fn get(&self) -> i64 {
        self.0.cells.get() as i64
    }
}

/// A percentage. Wait-free.
#[derive(Clone)]
pub struct Rate(pub(super) Arc<Source<Cell>>);

impl Rate {
    /// Sets it.
    ///
    /// # Errors
    ///
    /// [`RateOutOfRange`](MetricError::RateOutOfRange) below 0, above 100, and for what is no number.
    pub fn set(&self, percent: f64) -> Result<(), MetricError> {
        if !(0.0..=100.0).contains(&percent) {
            return Err(MetricError::RateOutOfRange);
        }
        self.0.cells.set(percent.to_bits());
        self.0.sample(percent.to_bits(), ALONE);
        Ok(())
    }

    /// The percentage; 0 at first.
    pub fn get(&self) -> f64 {
        f64::from_bits(self.0.cells.get())
    }
}

/// The distribution of a duration in nanoseconds, from 1 ns to an hour, to 1 %. Wait-free but for a new extreme, which is
/// repeated when another thread was faster.
#[derive(Clone)]
pub struct Histogram(pub(super) Arc<Source<Shards<Buckets>>>);

impl Histogram {
    /// Records a duration.
    #[inline]
    pub fn record(&self, ns: u64) {
        self.record_for(ns, ALONE);
    }

    /// Records a duration, of something that exporters of single samples are told of.
    #[inline]
    pub fn record_for(&self, ns: u64, correlation: CorrelationId) {
        self.0.cells.mine().record(ns);
        self.0.sample(ns, correlation);
    }

    /// Records the time until the timer is dropped.
    pub fn time(&self) -> Timer<'_> {
        Timer { histogram: self, start: clock::now() }
    }

    /// The figures so far. For the control plane: goes through some thousand buckets.
    pub fn summary(&self) -> Summary {
        Summary::of(self.0.cells.iter())
    }
}

/// Measures until it is dropped.
#[must_use = "it measures until it is dropped"]
pub struct Timer<'a> {
    histogram: &'a Histogram,
    start: u64,
}

impl Drop for Timer<'_> {
    fn drop(&mut self) {
        self.histogram.record(clock::between_ns(self.start, clock::now()));
    }
}

macro_rules! debug {
    ($($name:ident => $figure:ident;)+) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.$figure()).finish()
            }
        }
    )+};
}

debug! {
    Counter => get;
    Gauge => get;
    Rate => get;
    Histogram => summary;
}

impl fmt::Debug for Timer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").finish_non_exhaustive()
    }
}
