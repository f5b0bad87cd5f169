//! Long tests on real threads: how much of them, from which seed, and where they stand when they hang.

use super::Random;
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

/// `RINGWAY_STRESS=n` multiplies what a test does.
pub fn scale() -> usize {
    std::env::var("RINGWAY_STRESS").ok().and_then(|times| times.parse().ok()).unwrap_or(1)
}

/// Ends the process when a step takes so long that nobody can be getting ahead any more, and says which step it was. Far away:
/// steps take milliseconds. `RINGWAY_PATIENCE` in seconds, for slow machines and tools.
fn patience() -> Duration {
    let given = std::env::var("RINGWAY_PATIENCE").ok().and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(given.unwrap_or(60))
}

/// Watches one test.
pub struct Watch {
    test: &'static str,
    seed: u64,
    began: Instant,
    steps: Sender<String>,
}

impl Watch {
    pub fn new(test: &'static str) -> (Self, Random) {
        let seed = Random::seed();
        println!("{test}: RINGWAY_SEED={seed}");
        let (steps, told) = channel();
        std::thread::spawn(move || {
            let (mut step, patience) = ("the beginning".to_owned(), patience());
            loop {
                match told.recv_timeout(patience) {
                    Ok(next) => step = next,
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        say(&format!("HUNG: {test}, RINGWAY_SEED={seed}, for {patience:?} in {step}"));
                        std::process::exit(1);
                    }
                }
            }
        });
        (Self { test, seed, began: Instant::now(), steps }, Random::seeded(seed))
    }

    /// What comes next.
    pub fn step(&self, step: impl std::fmt::Debug) {
        // The watchdog lives as long as this.
        let _ = self.steps.send(format!("{step:?}"));
    }

    /// The figures of a test that has passed.
    pub fn done(self, figures: &str) {
        say(&format!(
            "{}: {figures} in {:.1} s, RINGWAY_SEED={}",
            self.test,
            self.began.elapsed().as_secs_f64(),
            self.seed
        ));
    }
}

/// Past the test runner's capture, so that it shows in every run.
fn say(line: &str) {
    // A closed standard output is no reason to fail.
    let _ = writeln!(std::io::stdout(), "{line}");
}
