//! Agents: threads that wake up at fixed moments and do one thing each time.

use crate::{alloc, process};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A thousand agents shall fit.
const STACK: usize = 128 * 1024;

/// Time for all agents to be there before the first is due.
const RUN_UP_NS: u64 = 20_000_000;

/// Who does how much, when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) agents: u32,
    pub(crate) messages: u64,
    pub(crate) duration: f64,
}

impl Schedule {
    /// The messages of one agent: equal shares, the first ones take what is over.
    fn share(&self, agent: u32) -> u64 {
        let (agents, agent) = (u64::from(self.agents), u64::from(agent));
        self.messages / agents + u64::from(agent < self.messages % agents)
    }

    /// When an agent's message is due, from the start: evenly spaced, agents one after the other.
    fn due(&self, agent: u32, sequence: u64) -> u64 {
        let duration = self.duration * 1e9;
        let phase = f64::from(agent) / f64::from(self.agents);
        (duration * (sequence as f64 + phase) / self.share(agent) as f64) as u64
    }
}

/// One moment of one agent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tick {
    pub(crate) agent: u32,
    pub(crate) sequence: u32,
    pub(crate) due: u64,
    pub(crate) now: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    AtOnce,
    AfterWaiting,
    Refused,
}

/// The moment from which allocations count; known once the run has begun.
pub(crate) fn warm_up_unknown() -> Arc<AtomicU64> {
    Arc::new(AtomicU64::new(u64::MAX))
}

/// Runs the agents to the end, or to the interruption: each has a state from `start`, calls `tick` at each moment until that
/// answers false, and `end` once. Calls `look` about ten times a second meanwhile. Gives the time from the first moment on.
pub(crate) fn run<S: Send>(
    schedule: &Schedule,
    start: impl FnMut(u32) -> S,
    tick: impl Fn(&mut S, Tick) -> bool + Sync,
    end: impl Fn(S) + Sync,
    look: impl FnMut(),
) -> Result<Duration, String> {
    run_warm(schedule, &AtomicU64::new(u64::MAX), start, tick, end, look)
}

/// The same; allocations of agents are counted after the first tenth, whose end is told in `warm`.
pub(crate) fn run_warm<S: Send>(
    schedule: &Schedule,
    warm: &AtomicU64,
    mut start: impl FnMut(u32) -> S,
    tick: impl Fn(&mut S, Tick) -> bool + Sync,
    end: impl Fn(S) + Sync,
    mut look: impl FnMut(),
) -> Result<Duration, String> {
    // Threads are made before the clock starts, and sleep until the start is known. No start: something went wrong.
    let gate = Gate::default();
    let (running, ended) = (AtomicU64::new(u64::from(schedule.agents)), AtomicU64::new(0));
    let agent = |agent: u32, mut state: S| {
        let Some(began) = gate.wait() else { return };
        let warm = warm.load(Ordering::Relaxed);
        for sequence in 0..schedule.share(agent) {
            let due = began.saturating_add(schedule.due(agent, sequence));
            if !process::sleep_until(due) {
                break;
            }
            let now = process::now_ns();
            alloc::count_this_thread(now >= warm);
            if !tick(&mut state, Tick { agent, sequence: sequence as u32, due, now }) {
                break;
            }
        }
        alloc::count_this_thread(false);
        ended.fetch_max(process::now_ns(), Ordering::Relaxed);
        end(state);
        running.fetch_sub(1, Ordering::Release);
    };
    thread::scope(|scope| {
        for index in 0..schedule.agents {
            let (agent, state) = (&agent, start(index));
            let builder = thread::Builder::new().name(format!("agent-{index}")).stack_size(STACK);
            if let Err(error) = builder.spawn_scoped(scope, move || agent(index, state)) {
                gate.open(None);
                return Err(format!("the system starts no more than {index} agents: {error}"));
            }
        }
        let start = process::now_ns() + RUN_UP_NS;
        warm.store(start.saturating_add((schedule.duration * 1e8) as u64), Ordering::Relaxed);
        gate.open(Some(start));
        process::watch(Duration::from_millis(100), || running.load(Ordering::Acquire) == 0, |_| look());
        Ok(Duration::from_nanos(ended.load(Ordering::Relaxed).saturating_sub(start).max(1)))
    })
}

/// Where agents wait for the start.
#[derive(Default)]
struct Gate {
    start: Mutex<Option<Option<u64>>>,
    opened: Condvar,
}

impl Gate {
    fn open(&self, start: Option<u64>) {
        *self.start.lock().unwrap_or_else(PoisonError::into_inner) = Some(start);
        self.opened.notify_all();
    }

    fn wait(&self) -> Option<u64> {
        let closed = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        let open = self.opened.wait_while(closed, |start| start.is_none()).unwrap_or_else(PoisonError::into_inner);
        open.flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_moments_are_spread() {
        let schedule = Schedule { agents: 7, messages: 100, duration: 2.0 };
        assert_eq!((0..7).map(|agent| schedule.share(agent)).sum::<u64>(), 100);
        assert_eq!(schedule.due(0, 0), 0);
        assert!(schedule.due(6, schedule.share(6) - 1) < 2_000_000_000);
        assert!(schedule.due(1, 0) > 0);
    }

    #[test]
    fn every_moment_comes_once() {
        let schedule = Schedule { agents: 3, messages: 10, duration: 0.05 };
        let ticks = AtomicU64::new(0);
        let early = AtomicU64::new(0);
        run(
            &schedule,
            |_| 0,
            |next: &mut u32, tick| {
                assert_eq!(tick.sequence, *next);
                *next += 1;
                ticks.fetch_add(1, Ordering::Relaxed);
                early.fetch_add(u64::from(tick.now < tick.due), Ordering::Relaxed);
                true
            },
            |_| (),
            || (),
        )
        .unwrap();
        assert_eq!((ticks.into_inner(), early.into_inner()), (10, 0));
    }
}
