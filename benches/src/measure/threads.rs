//! The threads of a turn: where they run, how they start together, and how they wait for each other.

use core_affinity::CoreId;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

/// Failed tries before a thread gives its core away, where there are more threads than cores.
const SPINS: u32 = 16;

/// A thread that got nowhere for this long gives up: a turn that hangs is a failure, and is to be told as one.
const LONGEST: Duration = Duration::from_secs(10);

/// Tries between two looks at the clock, which costs more than a try.
const TRIES_PER_LOOK: u32 = 1 << 16;

/// Where the threads of a turn gather before it begins.
#[derive(Debug)]
pub(super) struct StartLine {
    threads: usize,
    arrived: AtomicUsize,
}

impl StartLine {
    pub(super) fn new(threads: usize) -> Self {
        Self { threads, arrived: AtomicUsize::new(0) }
    }

    /// Pins the calling thread to its core, and returns when all have arrived. They spin here: a thread that is woken
    /// up starts tens of microseconds later than the one that woke it.
    pub(super) fn take_place(&self, index: usize) -> Patience {
        let cores = ringway::allowed_cores();
        if let Some(&id) = cores.get(index % cores.len().max(1)) {
            // Where the system refuses, the thread runs where it is put: a worse figure, not a wrong one.
            core_affinity::set_for_current(CoreId { id });
        }
        let patience = Patience::new(self.threads);
        self.arrived.fetch_add(1, Ordering::Relaxed);
        let mut waiting = patience;
        while self.arrived.load(Ordering::Relaxed) < self.threads && waiting.go_on() {}
        patience
    }
}

/// How a thread waits that has nothing to do: it spins, and where others need its core, it yields in between.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    yields: bool,
    tries: u32,
    since: Option<Instant>,
}

impl Patience {
    pub(super) fn new(threads: usize) -> Self {
        Self { yields: threads > ringway::allowed_cores().len(), tries: 0, since: None }
    }

    /// Passes a moment; false once it has been in vain for too long.
    #[inline]
    pub(super) fn go_on(&mut self) -> bool {
        self.tries = self.tries.wrapping_add(1);
        match self.tries {
            tries if tries.is_multiple_of(TRIES_PER_LOOK) => {
                self.since.get_or_insert_with(Instant::now).elapsed() < LONGEST
            }
            tries if self.yields && tries.is_multiple_of(SPINS) => {
                std::thread::yield_now();
                true
            }
            _ => {
                std::hint::spin_loop();
                true
            }
        }
    }
}

/// What a thread of a turn came to.
pub(super) fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> Result<T, String> {
    thread.join().map_err(|_| "a thread panicked".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_starts_alone() {
        let (line, started) = (StartLine::new(3), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3)
                .map(|index| {
                    let (line, started) = (&line, &started);
                    scope.spawn(move || {
                        line.take_place(index);
                        started.fetch_add(line.arrived.load(Ordering::Relaxed), Ordering::Relaxed)
                    })
                })
                .collect();
            assert!(threads.into_iter().all(|thread| joined(thread).is_ok()));
        });
        assert_eq!(started.into_inner(), 9);
    }
}
