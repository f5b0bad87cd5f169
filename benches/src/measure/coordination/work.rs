//! One thing done again and again on one thread, timed in blocks and checked after each.

use crate::measure::threads::{StartLine, joined};
use crate::measure::turns::{Contender, Role};
use crate::process::now_ns;
use crate::stats::histogram;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Blocks before the first that counts, and the fewest that do.
const WARM_UP: usize = 3;
const FEWEST: u64 = 8;

/// What a turn came to: ns for what its row speaks of, and how many operations were verified.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) mean: f64,
    pub(super) operations: u64,
}

/// A block of so many operations, told as a whole, or for each of them: what is shorter than a reading of the clock is timed many
/// at once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Block {
    Whole(u64),
    Each(u64),
}

impl Block {
    const fn operations(self) -> u64 {
        match self {
            Self::Whole(operations) | Self::Each(operations) => operations,
        }
    }

    const fn divisor(self) -> f64 {
        match self {
            Self::Whole(_) => 1.0,
            Self::Each(operations) => operations as f64,
        }
    }
}

/// Somebody's block of operations. It keeps what it has set up from turn to turn.
pub(super) trait Work: Send + 'static {
    /// What comes before, and is not timed.
    fn prepare(&mut self) {}

    fn run(&mut self);

    /// Whether all that `run` did came out right. Not timed.
    fn check(&mut self) -> Result<(), String>;
}

pub(super) fn contender(name: &'static str, role: Role, block: Block, work: impl Work) -> Contender<Sample> {
    let work = Mutex::new(work);
    let turn = move |duration| {
        let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
        let (line, work) = (StartLine::new(1), &mut *work);
        std::thread::scope(|scope| joined(scope.spawn(|| turn(work, block, duration, &line))))?
    };
    Contender { name, role, turn: Box::new(turn) }
}

/// The same while another thread does something else with the same things, again and again, on another core.
pub(super) fn beside(
    name: &'static str,
    role: Role,
    block: Block,
    work: impl Work,
    other: impl Fn() + Sync + 'static,
) -> Contender<Sample> {
    let work = Mutex::new(work);
    let turn = move |duration| {
        let mut work = work.lock().unwrap_or_else(PoisonError::into_inner);
        let (line, over, work) = (StartLine::new(2), AtomicBool::new(false), &mut *work);
        std::thread::scope(|scope| {
            let others = scope.spawn(|| {
                line.take_place(1);
                while !over.load(Ordering::Relaxed) {
                    other();
                }
            });
            let timed = joined(scope.spawn(|| turn(work, block, duration, &line)));
            over.store(true, Ordering::Relaxed);
            joined(others).and(timed)?
        })
    };
    Contender { name, role, turn: Box::new(turn) }
}

fn turn(work: &mut impl Work, block: Block, duration: Duration, line: &StartLine) -> Result<Sample, String> {
    line.take_place(0);
    for _ in 0..WARM_UP {
        once(work)?;
    }
    let (mut times, mut total) = (histogram(), 0);
    let until = now_ns() + duration.as_nanos() as u64;
    while times.len() < FEWEST || now_ns() < until {
        let ns = once(work)?;
        times.saturating_record(ns.max(1));
        total += ns;
    }
    let told = |ns: f64| ns / block.divisor();
    let at = |quantile| told(times.value_at_quantile(quantile) as f64);
    let operations = times.len() * block.operations();
    Ok(Sample { p50: at(0.5), p99: at(0.99), mean: told(total as f64 / times.len() as f64), operations })
}

fn once(work: &mut impl Work) -> Result<u64, String> {
    work.prepare();
    let began = now_ns();
    work.run();
    let ns = now_ns().saturating_sub(began);
    work.check().map(|()| ns)
}

/// Says what was found where something else was due.
pub(super) fn expect<T: PartialEq + std::fmt::Debug>(what: &str, found: T, due: T) -> Result<(), String> {
    if found == due { Ok(()) } else { Err(format!("{what}: {found:?} instead of {due:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    struct Counting {
        prepared: u64,
        done: u64,
        wrong_at: u64,
    }

    impl Work for Counting {
        fn prepare(&mut self) {
            self.prepared += 1;
        }

        fn run(&mut self) {
            self.done += 1;
        }

        fn check(&mut self) -> Result<(), String> {
            expect("blocks", self.done, if self.done == self.wrong_at { 0 } else { self.prepared })
        }
    }

    #[test]
    fn every_block_is_prepared_counted_and_checked() {
        let work = |wrong_at| Counting { prepared: 0, done: 0, wrong_at };
        let fine = contender("", Role::Ringway, Block::Each(10), work(0));
        let sample = (fine.turn)(Duration::from_millis(1)).unwrap();
        assert!(sample.operations >= 10 * FEWEST && sample.operations.is_multiple_of(10), "{sample:?}");
        assert!(sample.p50 <= sample.p99 && 0.0 < sample.mean, "{sample:?}");
        let others = Arc::new(AtomicU64::new(0));
        let other = {
            let others = Arc::clone(&others);
            move || _ = others.fetch_add(1, Ordering::Relaxed)
        };
        let accompanied = beside("", Role::Ringway, Block::Each(10), work(0), other);
        assert!((accompanied.turn)(Duration::from_millis(1)).unwrap().operations >= 10 * FEWEST);
        assert!(others.load(Ordering::Relaxed) > 0);
        for wrong_at in [1, WARM_UP as u64 + 2] {
            let wrong = contender("", Role::Ringway, Block::Whole(1), work(wrong_at));
            let told = (wrong.turn)(Duration::ZERO).unwrap_err();
            assert_eq!(told, format!("blocks: {wrong_at} instead of 0"));
        }
    }
}
