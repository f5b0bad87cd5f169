//! Dependencies: ten that are met already, and the one that somebody sleeps for.

use super::work::{Block, Sample, Work, contender, expect};
use super::{C, agent};
use crate::measure::turns::{Contender, Role};
use crate::process::now_ns;
use ringway::coord::dependencies::{Dep, DepId, DependencySet, GateId, On, ResourceId, Target};
use ringway::coord::signals::SignalHub;
use ringway::ids::CoordId;
use ringway::value::Score;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const TEN: u32 = 10;

/// How often the original looks whether a resource is there.
const INTERVAL: Duration = Duration::from_millis(100);

/// Nobody waits so long, unless something is wrong.
const FAR: Duration = Duration::from_secs(10);

/// A set that hears a hub's completions, and tells the hub what is met, as it is used.
fn set() -> DependencySet {
    let hub = SignalHub::builder().history(100).build().expect("the sizes are fine");
    hub.open(C).expect("there is memory");
    DependencySet::builder(&hub).build()
}

/// Five resources and five gates.
fn ten() -> Vec<Dep> {
    let on = |n: u32| match n % 2 {
        0 => On::Resource { id: ResourceId::new(n), min: 1.0 },
        _ => On::Gate { id: GateId::new(n), threshold: Score::ONE },
    };
    (0..TEN).map(|n| Dep::new(DepId::new(n), on(n))).collect()
}

/// A ticket for all ten, which is ready at once, and goes.
struct Satisfied {
    set: DependencySet,
    deps: Vec<Dep>,
    ready: bool,
}

impl Satisfied {
    fn new() -> Self {
        let (set, deps) = (set(), ten());
        for dep in &deps {
            let set = match dep.on.target() {
                Target::Resource(id) => set.set_resource(C, id, 1.0),
                Target::Gate(id) => set.set_gate_score(C, id, Score::ONE),
                _ => Ok(0),
            };
            set.expect("there is room");
        }
        Self { set, deps, ready: false }
    }
}

impl Work for Satisfied {
    fn run(&mut self) {
        self.ready = self.set.wait(C, agent(0), &self.deps).is_ok_and(|ticket| ticket.is_ready());
    }

    fn check(&mut self) -> Result<(), String> {
        expect("ready, and pending", (std::mem::take(&mut self.ready), self.set.pending(C)), (true, 0))
    }
}

/// The reference: levels, waiters and statuses in maps behind a lock, and a condition for each waiter. It has no timeouts, and looks
/// for no cycles.
#[derive(Debug, Default)]
struct PlainSet {
    inner: Mutex<PlainInner>,
}

#[derive(Debug, Default)]
struct PlainInner {
    targets: HashMap<(CoordId, Target), PlainTarget>,
    statuses: HashMap<(CoordId, DepId), PlainStatus>,
    pending: usize,
}

#[derive(Debug)]
#[expect(dead_code, reason = "nobody asks the reference for the rest")]
struct PlainStatus {
    resolved: Option<Instant>,
    last: Option<f64>,
    needed: f64,
}

#[derive(Debug, Default)]
struct PlainTarget {
    level: Option<f64>,
    waiting: Vec<(DepId, f64, Arc<PlainTicket>)>,
}

#[derive(Debug, Default)]
struct PlainTicket {
    unmet: Mutex<usize>,
    met: Condvar,
}

/// Nobody panics while holding one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PlainSet {
    /// None if one of them is pending already.
    fn wait(&self, deps: &[Dep]) -> Option<Arc<PlainTicket>> {
        let (ticket, now) = (Arc::new(PlainTicket::default()), Instant::now());
        let PlainInner { targets, statuses, pending } = &mut *lock(&self.inner);
        let is_pending = |dep: &Dep| statuses.get(&(C, dep.id)).is_some_and(|status| status.resolved.is_none());
        if deps.iter().any(is_pending) {
            return None;
        }
        for dep in deps {
            let (target, needed) = (targets.entry((C, dep.on.target())).or_default(), dep.on.needed());
            let met = target.level.is_some_and(|level| level >= needed);
            if !met {
                target.waiting.push((dep.id, needed, Arc::clone(&ticket)));
                *lock(&ticket.unmet) += 1;
                *pending += 1;
            }
            statuses.insert((C, dep.id), PlainStatus { resolved: met.then_some(now), last: target.level, needed });
        }
        Some(ticket)
    }

    fn set(&self, target: Target, level: f64) {
        let PlainInner { targets, statuses, pending } = &mut *lock(&self.inner);
        let target = targets.entry((C, target)).or_default();
        target.level = Some(level);
        target.waiting.retain(|(id, needed, ticket)| {
            if level < *needed {
                return true;
            }
            let met = PlainStatus { resolved: Some(Instant::now()), last: Some(level), needed: *needed };
            statuses.insert((C, *id), met);
            *pending -= 1;
            let mut unmet = lock(&ticket.unmet);
            *unmet -= 1;
            if *unmet == 0 {
                ticket.met.notify_one();
            }
            false
        });
    }
}

impl PlainTicket {
    fn is_ready(&self) -> bool {
        *lock(&self.unmet) == 0
    }

    fn wait_timeout(&self, timeout: Duration) -> bool {
        let waited = self.met.wait_timeout_while(lock(&self.unmet), timeout, |unmet| *unmet > 0);
        *waited.unwrap_or_else(PoisonError::into_inner).0 == 0
    }
}

struct PlainSatisfied {
    set: PlainSet,
    deps: Vec<Dep>,
    ready: bool,
}

impl Work for PlainSatisfied {
    fn run(&mut self) {
        self.ready = self.set.wait(&self.deps).is_some_and(|ticket| ticket.is_ready());
    }

    fn check(&mut self) -> Result<(), String> {
        let pending = lock(&self.set.inner).pending;
        expect("ready, and pending", (std::mem::take(&mut self.ready), pending), (true, 0))
    }
}

pub(super) fn satisfied() -> Vec<Contender<Sample>> {
    let plain = PlainSatisfied { set: PlainSet::default(), deps: ten(), ready: false };
    plain.deps.iter().for_each(|dep| plain.set.set(dep.on.target(), 1.0));
    let block = Block::Whole(u64::from(TEN));
    vec![
        contender("ringway", Role::Ringway, block, Satisfied::new()),
        contender("Mutex<HashMap>, Condvars", Role::Peer, block, plain),
    ]
}

const RESOURCE: ResourceId = ResourceId::new(0);

/// The n-th dependency: on the level n of the one resource.
fn level(n: usize) -> Dep {
    Dep::new(DepId::new(0), On::Resource { id: RESOURCE, min: n as f64 })
}

/// The clock's reading at each level, for those who are woken by it.
fn stamps(levels: usize) -> Arc<[AtomicU64]> {
    (0..=levels).map(|_| AtomicU64::new(0)).collect()
}

/// Somebody who raises a resource's level, and somebody who waits for each level with a ticket of its own.
pub(super) fn ends(levels: usize) -> (impl FnMut(u64) -> bool + Send, impl FnMut() -> Option<u64> + Send) {
    let (set, stamps) = (set(), stamps(levels));
    let raise = raise(Arc::clone(&stamps), {
        let set = set.clone();
        move |level| set.set_resource(C, RESOURCE, level).is_ok()
    });
    (raise, await_each(stamps, move |dep| set.wait(C, agent(0), &[dep]).is_ok_and(|t| t.wait_timeout(FAR).is_ok())))
}

/// The same with locks and conditions.
pub(super) fn plain_ends(levels: usize) -> (impl FnMut(u64) -> bool + Send, impl FnMut() -> Option<u64> + Send) {
    let (set, stamps) = (Arc::new(PlainSet::default()), stamps(levels));
    let raise = raise(Arc::clone(&stamps), {
        let set = Arc::clone(&set);
        move |level| {
            set.set(Target::Resource(RESOURCE), level);
            true
        }
    });
    (raise, await_each(stamps, move |dep| set.wait(&[dep]).is_some_and(|ticket| ticket.wait_timeout(FAR))))
}

fn raise(stamps: Arc<[AtomicU64]>, set: impl Fn(f64) -> bool + Send) -> impl FnMut(u64) -> bool + Send {
    let mut level = 0;
    move |stamp| {
        level += 1;
        // Release: whoever was woken reads it; paired with the Acquire there, whatever the set does in between.
        stamps[level].store(stamp, Ordering::Release);
        set(level as f64)
    }
}

fn await_each(stamps: Arc<[AtomicU64]>, wait: impl Fn(Dep) -> bool + Send) -> impl FnMut() -> Option<u64> + Send {
    let mut reached = 0;
    move || {
        reached += 1;
        let stamp = stamps.get(reached).filter(|_| wait(level(reached)))?.load(Ordering::Acquire);
        (stamp > 0).then_some(stamp)
    }
}

/// The original's way: to sleep for a while, and look. One met dependency a turn, at another moment of the interval each.
pub(super) fn polling() -> Contender<Sample> {
    let turns = Cell::new(0);
    let turn = move |_| {
        turns.set(turns.get() + 1);
        let offset = INTERVAL.mul_f64(f64::from(turns.get() * 37 % 100) / 100.0);
        let met = AtomicU64::new(0);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(offset);
                // Release, paired with the Acquire below: as a resource that is set.
                met.store(now_ns(), Ordering::Release);
            });
            loop {
                std::thread::sleep(INTERVAL);
                let stamp = met.load(Ordering::Acquire);
                if stamp > 0 {
                    let ns = now_ns().saturating_sub(stamp) as f64;
                    return Ok(Sample { p50: ns, p99: ns, mean: ns, operations: 1 });
                }
            }
        })
    };
    Contender { name: "a poll every 100 ms", role: Role::Peer, turn: Box::new(turn) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_are_ready_and_one_that_is_not_is_noticed() {
        satisfied().iter().for_each(|one| _ = (one.turn)(Duration::ZERO).unwrap());
        let mut ours = Satisfied::new();
        ours.set.set_resource(C, ResourceId::new(4), 0.5).unwrap();
        ours.run();
        assert!(ours.check().is_err());
        let set = PlainSet::default();
        let ticket = set.wait(&ten()).unwrap();
        assert!(set.wait(&ten()[3..4]).is_none());
        ten().iter().take(9).for_each(|dep| set.set(dep.on.target(), 1.0));
        assert!(!ticket.is_ready() && !ticket.wait_timeout(Duration::from_millis(1)));
        set.set(Target::Gate(GateId::new(9)), 1.0);
        assert!(ticket.wait_timeout(FAR));
    }

    #[test]
    fn a_poll_finds_it_within_its_interval() {
        let polling = polling();
        assert!((polling.turn)(Duration::ZERO).unwrap().p50 > 0.0);
    }
}
