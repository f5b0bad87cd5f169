//! One scenario, two checkers: under `--cfg ringway_loom` each scenario is explored by loom within stated bounds; without it,
//! the same code runs many times on real threads.

mod note;

pub use note::Note;

use std::io::Write;
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicU64, Ordering};

#[cfg(ringway_loom)]
pub use loom::{sync::Arc, thread};
#[cfg(not(ringway_loom))]
pub use std::{sync::Arc, thread};

/// Explores `scenario`, with at most `preemptions` involuntary switches in each execution, and as many more as
/// `RINGWAY_MORE_PREEMPTIONS` asks for.
#[cfg(ringway_loom)]
pub fn model(name: &str, preemptions: usize, scenario: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    if builder.preemption_bound.is_none() {
        builder.preemption_bound = Some(preemptions + number("RINGWAY_MORE_PREEMPTIONS").unwrap_or(0));
    }
    let bound = builder.preemption_bound;
    builder.max_branches = 20_000;
    let cut_short = builder.max_duration.is_some() || builder.max_permutations.is_some();
    assert!(
        !cut_short,
        "loom ends early without failing when these are set: unset LOOM_MAX_DURATION and LOOM_MAX_PERMUTATIONS"
    );
    let executions = StdArc::new(AtomicU64::new(0));
    let counted = StdArc::clone(&executions);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        scenario();
    });
    let executions = executions.load(Ordering::Relaxed);
    say(&format!("loom: {name}: {executions} executions, at most {} preemptions", bound.unwrap_or(usize::MAX)));
}

/// Runs `scenario` many times on real threads. `RINGWAY_STRESS=n` multiplies their number.
#[cfg(not(ringway_loom))]
pub fn model(name: &str, _preemptions: usize, scenario: impl Fn() + Send + Sync + 'static) {
    let times = number("RINGWAY_STRESS").unwrap_or(1);
    let runs = StdArc::new(AtomicU64::new(0));
    for _ in 0..300 * times {
        runs.fetch_add(1, Ordering::Relaxed);
        scenario();
    }
    say(&format!("threads: {name}: {} runs", runs.load(Ordering::Relaxed)));
}

/// Of the environment, where it names one.
fn number(name: &str) -> Option<usize> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Past the test runner's capture, so that the figures show in every run.
fn say(line: &str) {
    // A closed standard output is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A message that must be dropped exactly once: loom reports an `Arc` that leaks, and one that is dropped twice crashes.
#[derive(Debug)]
pub struct Token {
    pub number: u32,
    alive: Arc<()>,
}

/// Makes tokens, and knows how many are alive.
#[derive(Debug, Clone)]
pub struct Mint(Arc<()>);

impl Mint {
    #[allow(clippy::new_without_default, reason = "a mint is something")]
    pub fn new() -> Self {
        Self(Arc::new(()))
    }

    pub fn token(&self, number: u32) -> Token {
        Token { number, alive: Arc::clone(&self.0) }
    }

    /// Tokens that were made and not dropped. Exact for the last mint, when nobody else has anything in hand.
    pub fn alive(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }
}

impl Token {
    /// Keeps the field in use.
    pub fn is_alive(&self) -> bool {
        Arc::strong_count(&self.alive) > 0
    }
}

/// Sends each number, giving the core away while there is no room. Gives how many went in.
pub fn send_all(
    mut try_send: impl FnMut(u32) -> Result<(), ringway::TrySendError<u32>>,
    numbers: std::ops::Range<u32>,
) -> u32 {
    let mut sent = 0;
    for number in numbers {
        loop {
            match try_send(number) {
                Ok(()) => break,
                Err(ringway::TrySendError::Full(_)) => thread::yield_now(),
                Err(ringway::TrySendError::Disconnected(_)) => return sent,
            }
        }
        sent += 1;
    }
    sent
}

/// Receives until the channel is closed and drained.
pub fn recv_all<T>(mut try_recv: impl FnMut() -> Result<T, ringway::TryRecvError>) -> Vec<T> {
    let mut received = Vec::new();
    loop {
        match try_recv() {
            Ok(message) => received.push(message),
            Err(ringway::TryRecvError::Empty) => thread::yield_now(),
            Err(ringway::TryRecvError::Disconnected) => return received,
        }
    }
}
