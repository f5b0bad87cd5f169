//! What was decided so far, counted by groups of threads.

use super::cache::Cache;
use super::types::{Decision, Route, Strategy};
use crate::sync::Counter;
use core::cell::Cell;

/// Decisions by kind, each by router: the four, and all custom ones together.
type ByKind<C> = [[C; 5]; 8];

/// What the threads of one group share: they disturb no other group.
pub(super) struct Lane {
    computed: ByKind<Counter>,
    cached: ByKind<Counter>,
    faults: Counter,
    times: Times,
    pub(super) cache: Cache,
}

/// Which group a thread belongs to: they are dealt out in turn.
pub(super) fn turn() -> usize {
    static NEXT: Counter = Counter::new();
    thread_local!(static MINE: Cell<usize> = const { Cell::new(usize::MAX) });
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.next() as usize);
        }
        mine.get()
    })
}

fn by_kind() -> ByKind<Counter> {
    [const { [const { Counter::new() }; 5] }; 8]
}

fn cell<C>(cells: &ByKind<C>, decision: Decision, strategy: Strategy) -> &C {
    &cells[decision as usize][strategy.place()]
}

impl Lane {
    pub(super) fn new(cache: usize) -> Self {
        Self {
            computed: by_kind(),
            cached: by_kind(),
            faults: Counter::new(),
            times: Times::new(),
            cache: Cache::new(cache),
        }
    }

    #[inline]
    pub(super) fn count(&self, route: &Route) {
        let kinds = if route.cached { &self.cached } else { &self.computed };
        cell(kinds, route.decision, route.strategy).add(1);
        if route.ns > 0 {
            self.times.record(route.ns);
        }
    }

    #[cold]
    pub(super) fn fault(&self) {
        self.faults.add(1);
    }
}

/// Linear buckets of each power of two, as a power of two: a percentile is at most 6 % off.
const BITS: u32 = 4;
const BUCKETS: usize = bucket(u32::MAX) + 1;

const fn bucket(ns: u32) -> usize {
    let shift = (u32::BITS - ns.leading_zeros()).saturating_sub(BITS + 1);
    ((shift << BITS) + (ns >> shift)) as usize
}

/// The greatest value of a bucket.
fn greatest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    let shift = (bucket >> BITS).saturating_sub(1);
    ((bucket - (shift << BITS) + 1) << shift) - 1
}

/// How long decisions took.
struct Times {
    buckets: Box<[Counter]>,
    sum: Counter,
    max: Counter,
    /// Of the complements: the least time has the greatest.
    min: Counter,
}

impl Times {
    fn new() -> Self {
        let buckets = (0..BUCKETS).map(|_| Counter::new()).collect();
        Self { buckets, sum: Counter::new(), max: Counter::new(), min: Counter::new() }
    }

    fn record(&self, ns: u32) {
        self.buckets[bucket(ns)].add(1);
        let ns = u64::from(ns);
        self.sum.add(ns);
        // Most move neither, and looking is cheaper than an exchange.
        if ns > self.max.get() {
            self.max.raise(ns);
        }
        if !ns > self.min.get() {
            self.min.raise(!ns);
        }
    }
}

/// What a set has decided so far. Exact when nobody is inside a call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RouteStats {
    /// Decisions, those of the cache included.
    pub total_routings: u64,
    /// Of these, what came from the cache.
    pub cache_hits: u64,
    /// What was looked for there in vain.
    pub cache_misses: u64,
    /// Routers that panicked, counted at each panic.
    pub faults: u64,
    /// Decisions whose time was measured: those that were not cached, unless the set measures none.
    pub measured: u64,
    /// Their average, in nanoseconds; 0 where there are none, as all that follow.
    pub avg_ns: f64,
    /// The shortest.
    pub min_ns: u64,
    /// The longest.
    pub max_ns: u64,
    /// 99 % took at most so long, to 6 %.
    pub p99_ns: u64,
    decisions: ByKind<u64>,
}

impl RouteStats {
    /// How often this was decided.
    pub fn by_decision(&self, decision: Decision) -> u64 {
        self.decisions[decision as usize].iter().sum()
    }

    /// How often this router decided. Custom routers are counted together.
    pub fn by_strategy(&self, strategy: Strategy) -> u64 {
        self.decisions.iter().map(|of_a_kind| of_a_kind[strategy.place()]).sum()
    }

    /// How often this router decided so.
    pub fn by(&self, decision: Decision, strategy: Strategy) -> u64 {
        *cell(&self.decisions, decision, strategy)
    }

    /// Adds the lanes up. Allocates nothing.
    pub(super) fn of<'a>(lanes: impl Iterator<Item = &'a Lane> + Clone, caching: bool) -> Self {
        let mut stats = Self::default();
        for lane in lanes.clone() {
            let mut computed = 0;
            for (sum, (fresh, cached)) in stats
                .decisions
                .iter_mut()
                .flatten()
                .zip(lane.computed.as_flattened().iter().zip(lane.cached.as_flattened()))
            {
                let (fresh, cached) = (fresh.get(), cached.get());
                *sum += fresh + cached;
                computed += fresh;
                stats.cache_hits += cached;
            }
            stats.cache_misses += if caching { computed } else { 0 };
            stats.faults += lane.faults.get();
        }
        stats.total_routings = stats.decisions.as_flattened().iter().sum();
        stats.time(lanes);
        stats
    }

    fn time<'a>(&mut self, lanes: impl Iterator<Item = &'a Lane> + Clone) {
        let times = lanes.map(|lane| &lane.times);
        let total = |bucket: usize| times.clone().map(|times| times.buckets[bucket].get()).sum::<u64>();
        self.measured = (0..BUCKETS).map(total).sum();
        if self.measured == 0 {
            return;
        }
        self.max_ns = times.clone().map(|times| times.max.get()).max().unwrap_or(0);
        self.min_ns = times.clone().map(|times| !times.min.get()).min().unwrap_or(0);
        self.avg_ns = times.clone().map(|times| times.sum.get()).sum::<u64>() as f64 / self.measured as f64;
        let rank = (self.measured as f64 * 0.99).ceil() as u64;
        let mut seen = 0;
        let last = (0..BUCKETS).find(|bucket| {
            seen += total(*bucket);
            seen >= rank
        });
        self.p99_ns = last.map_or(self.max_ns, greatest).clamp(self.min_ns.min(self.max_ns), self.max_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_their_values() {
        for ns in (1..5_000_u32).chain((12..32).flat_map(|bits| [(1 << bits) - 1, 1 << bits, (1 << bits) + 1])) {
            let greatest = greatest(bucket(ns));
            assert!(u64::from(ns) <= greatest && (greatest - u64::from(ns)) * 16 <= u64::from(ns), "{ns}: {greatest}");
        }
        assert!((0..10_000).map(bucket).is_sorted());
    }
}
