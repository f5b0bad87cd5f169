//! The first ceiling: one cache line that goes to and fro between two cores. No message is faster.

use super::ping_pong::Partner;
use super::threads::{Patience, StartLine, joined};
use crate::process::now_ns;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Round trips of a probe: well under a millisecond.
const TRIPS: u64 = 2_000;

/// A word with a line of its own, and the one after it, which processors fetch along with it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Line(pub(super) AtomicU64);

/// One of two who write into the line in turns.
#[derive(Debug)]
pub(super) struct Side {
    line: Arc<Line>,
    patience: Patience,
    /// What it wrote itself.
    last: u64,
}

pub(super) fn sides() -> (Side, Side) {
    let line = Arc::new(Line::default());
    let side = || Side { line: Arc::clone(&line), patience: Patience::new(2), last: 0 };
    (side(), side())
}

impl Partner for Side {
    #[inline]
    fn send(&mut self, number: u64) -> bool {
        self.last = number;
        self.line.0.store(number, Ordering::Release);
        true
    }

    #[inline]
    fn recv(&mut self) -> Option<u64> {
        let mut waiting = self.patience;
        loop {
            match self.line.0.load(Ordering::Acquire) {
                number if number != self.last => return Some(number),
                _ if waiting.go_on() => {}
                _ => return None,
            }
        }
    }
}

/// Nanoseconds there and back, on average.
pub(super) fn probe() -> Result<f64, String> {
    let start = StartLine::new(2);
    let (mut here, mut there) = sides();
    std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            start.take_place(0);
            let began = now_ns();
            let arrived = (0..TRIPS).all(|trip| here.send(2 * trip + 1) && here.recv() == Some(2 * trip + 2));
            arrived.then(|| (now_ns() - began) as f64 / TRIPS as f64)
        });
        let answering = scope.spawn(|| {
            start.take_place(1);
            (0..TRIPS).all(|_| there.recv().is_some_and(|number| there.send(number + 1)))
        });
        let ns = joined(asking)?;
        joined(answering)?;
        ns.ok_or_else(|| "a cache line got lost between two cores".to_owned())
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_takes_some_time() {
        assert!(super::probe().unwrap() > 1.0);
    }
}
