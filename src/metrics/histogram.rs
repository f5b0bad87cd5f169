//! Histograms that are read while they are written to.
//!
//! Buckets are linear within each power of two: 64 to each, so that the middle of a bucket is at most 0.8 % from any value in it.
//! Own code, because `hdrhistogram` cannot be read while another thread records; the tests compare the two.

use crate::sync::Counter;

/// Linear buckets of each power of two, as a power of two.
const BITS: u32 = 6;
const LINEAR: u64 = 1 << BITS;
/// Anything longer is counted as this long: one hour.
const LONGEST: u64 = 3_600_000_000_000;
const BUCKETS: usize = bucket(LONGEST) + 1;

/// Values below 128 have a bucket each.
const fn bucket(value: u64) -> usize {
    let shift = (u64::BITS - value.leading_zeros()).saturating_sub(BITS + 1);
    ((shift as u64) * LINEAR + (value >> shift)) as usize
}

/// The middle of a bucket.
fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket / LINEAR).saturating_sub(1);
    let low = (bucket - shift * LINEAR) << shift;
    low + (1 << shift) / 2
}

/// What one group of threads recorded.
pub(super) struct Buckets {
    buckets: Box<[Counter]>,
    sum: Counter,
    max: Counter,
    /// Of the complements: the least value has the greatest.
    min: Counter,
}

impl Buckets {
    pub(super) fn new() -> Self {
        let buckets = (0..BUCKETS).map(|_| Counter::new()).collect();
        Self { buckets, sum: Counter::new(), max: Counter::new(), min: Counter::new() }
    }

    pub(super) fn record(&self, ns: u64) {
        self.buckets[bucket(ns.min(LONGEST))].add(1);
        self.sum.add(ns);
        // Most values move neither, and looking is cheaper than an exchange.
        if ns > self.max.get() {
            self.max.raise(ns);
        }
        if !ns > self.min.get() {
            self.min.raise(!ns);
        }
    }
}

/// The figures of a histogram, in nanoseconds; zeros while it is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// How many values were recorded.
    pub count: u64,
    /// Their sum.
    pub sum: u64,
    /// The least, exactly.
    pub min: u64,
    /// The greatest, exactly.
    pub max: u64,
    /// Half of the values were at most this; to 1 %, as all percentiles.
    pub p50: u64,
    /// 90 % were.
    pub p90: u64,
    /// 95 % were.
    pub p95: u64,
    /// 99 % were.
    pub p99: u64,
    /// 99.9 % were.
    pub p999: u64,
}

impl Summary {
    /// The average.
    pub fn mean(&self) -> f64 {
        if self.count == 0 { 0.0 } else { self.sum as f64 / self.count as f64 }
    }

    /// Adds the shards up. Allocates nothing.
    pub(super) fn of<'a>(shards: impl Iterator<Item = &'a Buckets> + Clone) -> Self {
        let total = |bucket: usize| shards.clone().map(|shard| shard.buckets[bucket].get()).sum::<u64>();
        let count = (0..BUCKETS).map(total).sum();
        if count == 0 {
            return Self::default();
        }
        let (min, max) = shards
            .clone()
            .fold((u64::MAX, 0), |(min, max), shard| (min.min(!shard.min.get()), max.max(shard.max.get())));
        let sum = shards.clone().map(|shard| shard.sum.get()).fold(0, u64::wrapping_add);
        let mut summary = Self { count, sum, min, max, ..Self::default() };
        let (mut seen, mut bucket) = (0, 0);
        let quantiles = [0.5, 0.9, 0.95, 0.99, 0.999].map(|quantile| {
            let rank = (count as f64 * quantile).ceil() as u64;
            while seen < rank && bucket < BUCKETS {
                seen += total(bucket);
                bucket += 1;
            }
            // A recorder that runs on may have moved them.
            middle(bucket.saturating_sub(1)).clamp(min.min(max), max)
        });
        [summary.p50, summary.p90, summary.p95, summary.p99, summary.p999] = quantiles;
        summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_their_values() {
        for value in (0..5_000).chain((12..42).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1])) {
            let middle = middle(bucket(value));
            assert!(middle.abs_diff(value) * 128 <= value, "{value} is told as {middle}");
        }
        assert!((0..10_000).map(bucket).is_sorted() && bucket(LONGEST) < BUCKETS);
    }
}
