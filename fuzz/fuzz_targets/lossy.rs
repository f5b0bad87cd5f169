//! Senders that overwrite, receivers that learn what they missed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringway::Builder;
use ringway::broadcast::lossy::{Receiver, Sender, TryRecvError};
use ringway::broadcast::{Lagged, RecvTimeoutError};
use ringway_fuzz::input::Input;
use ringway_fuzz::value::{plan, planned};
use std::mem;
use std::time::Duration;

const OPERATIONS: u8 = 12;
const HANDLES: usize = 4;

/// Not a whole number of words.
type Message = [u32; 5];

struct Reading {
    rx: Receiver<Message>,
    position: u64,
    received: u64,
    lost: u64,
    skipped: u64,
}

struct Lossy {
    txs: Vec<Sender<Message>>,
    rxs: Vec<Reading>,
    capacity: u64,
    start: u64,
    memory: usize,
    /// So many were sent; which message that was follows from its number.
    sent: u64,
    closed: bool,
}

fn message(n: u64) -> Message {
    [n as u32, !n as u32, n as u32 ^ 0x5555, 7, n as u32 * 3]
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let (capacity, start) = input.capacity_and_start();
    let (tx, rx) = Builder::new(capacity).start_at(start).lossy::<Message>().expect("a valid channel");
    let mut lossy = Lossy {
        capacity: capacity.next_power_of_two() as u64,
        start,
        memory: tx.stats().memory_bytes,
        txs: vec![tx],
        rxs: vec![Reading { rx, position: 0, received: 0, lost: 0, skipped: 0 }],
        sent: 0,
        closed: false,
    };
    while let Some(operation) = input.operation(OPERATIONS) {
        lossy.step(operation, &mut input);
        lossy.check();
    }
});

impl Lossy {
    fn step(&mut self, operation: u8, input: &mut Input<'_>) {
        let which = input.below(HANDLES);
        let (tx, rx) = (which % self.txs.len().max(1), which % self.rxs.len().max(1));
        match operation {
            0 | 1 => self.send(tx),
            2 => self.send_all(tx, input.below(40)),
            3 | 4 => self.receive(rx, operation == 4),
            5 => self.drain(rx, input.below(20), input.below(24)),
            6 => self.latest(rx),
            7 => self.history(tx, rx, input),
            8 => {
                if let Some(tx) = self.txs.get(tx).filter(|_| self.txs.len() < HANDLES) {
                    let tx = tx.clone();
                    self.txs.push(tx);
                }
            }
            9 => self.join(tx, rx, input.below(2) == 0),
            // The last sender seldom, for it closes.
            10 => match input.below(8) {
                0..4 if !self.rxs.is_empty() => drop(self.rxs.swap_remove(rx)),
                n if self.txs.len() > 1 || (n == 7 && !self.txs.is_empty()) => {
                    drop(self.txs.swap_remove(tx));
                    self.closed |= self.txs.is_empty();
                }
                _ => {}
            },
            _ => {
                let first = match input.below(8) {
                    6 => self.txs.first().map(Sender::close),
                    7 => self.rxs.first().map(|reading| reading.rx.close()),
                    _ => None,
                };
                if let Some(first) = first {
                    assert_eq!(first, !mem::replace(&mut self.closed, true));
                }
            }
        }
    }

    /// The oldest message that is still there.
    fn oldest(&self) -> u64 {
        self.sent.saturating_sub(self.capacity)
    }

    fn send(&mut self, which: usize) {
        let Some(tx) = self.txs.get_mut(which) else { return };
        match tx.send(message(self.sent)) {
            Ok(()) => {
                assert!(!self.closed);
                self.sent += 1;
            }
            Err(error) => assert!(self.closed && error.into_inner() == message(self.sent)),
        }
    }

    fn send_all(&mut self, which: usize, n: usize) {
        let Some(tx) = self.txs.get_mut(which) else { return };
        let messages: Vec<_> = (self.sent..self.sent + n as u64).map(message).collect();
        assert_eq!(tx.send_all(&messages).is_err(), self.closed);
        if !self.closed {
            self.sent += n as u64;
        }
    }

    fn receive(&mut self, which: usize, timed: bool) {
        let (oldest, sent, closed) = (self.oldest(), self.sent, self.closed);
        let Some(reading) = self.rxs.get_mut(which) else { return };
        let received = if timed {
            reading.rx.recv_timeout(Duration::ZERO).map_err(|error| match error {
                RecvTimeoutError::Lagged(lost) => TryRecvError::Lagged(lost),
                RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
                _ => TryRecvError::Empty,
            })
        } else {
            reading.rx.try_recv()
        };
        let expected = if reading.position < oldest {
            Err(TryRecvError::Lagged(reading.lose(oldest)))
        } else if reading.position < sent {
            Ok(reading.pass())
        } else {
            Err(if closed { TryRecvError::Disconnected } else { TryRecvError::Empty })
        };
        assert_eq!(received, expected);
    }

    fn drain(&mut self, which: usize, max: usize, panics_at: usize) {
        let (oldest, sent) = (self.oldest(), self.sent);
        let Some(reading) = self.rxs.get_mut(which) else { return };
        let mut seen = Vec::new();
        let drained = planned(|| {
            reading.rx.drain(max, |message| {
                seen.push(message);
                if seen.len() == panics_at + 1 {
                    plan();
                }
            })
        });
        if max > 0 && reading.position < oldest {
            assert_eq!(drained, Some(Err(Lagged(reading.lose(oldest)))));
            assert!(seen.is_empty());
            return;
        }
        let there = ((sent - reading.position) as usize).min(max);
        if panics_at < there {
            assert_eq!((drained, seen.len()), (None, panics_at + 1));
        } else {
            assert_eq!((drained, seen.len()), (Some(Ok(there)), there));
        }
        seen.into_iter().for_each(|message| assert_eq!(message, reading.pass()));
    }

    fn latest(&mut self, which: usize) {
        let sent = self.sent;
        let Some(reading) = self.rxs.get_mut(which) else { return };
        let latest = reading.rx.latest();
        let waiting = sent - reading.position;
        if waiting > 0 {
            reading.skipped += waiting - 1;
            reading.position = sent - 1;
        }
        assert_eq!(latest, (waiting > 0).then(|| reading.pass()));
    }

    fn history(&mut self, tx: usize, rx: usize, input: &mut Input<'_>) {
        let mut there: std::collections::VecDeque<_> = (self.oldest()..self.sent).collect();
        let start = self.start;
        let shown = |n: &u64| (start.wrapping_add(*n) & (u64::MAX >> 1), message(*n));
        let mut history = match (self.txs.get(tx), self.rxs.get(rx)) {
            (Some(tx), _) if input.below(2) == 0 => tx.history(),
            (_, Some(reading)) => reading.rx.history(),
            _ => return,
        };
        for _ in 0..input.below(20) {
            let (found, expected) = match input.below(2) {
                0 => (history.next(), there.pop_front()),
                _ => (history.next_back(), there.pop_back()),
            };
            assert_eq!(found, expected.as_ref().map(shown));
        }
        assert_eq!((history.missed(), history.size_hint().1), (0, Some(there.len())));
        assert!(history.eq(there.iter().map(shown)));
    }

    fn join(&mut self, tx: usize, rx: usize, clone: bool) {
        if self.rxs.len() == HANDLES {
            return;
        }
        let (rx, position) = match (self.rxs.get(rx), self.txs.get(tx)) {
            (Some(reading), _) if clone => (reading.rx.clone(), reading.position),
            (_, Some(tx)) => (tx.subscribe(), self.sent),
            _ => return,
        };
        self.rxs.push(Reading { rx, position, received: 0, lost: 0, skipped: 0 });
    }

    fn check(&self) {
        for Reading { rx, position, received, lost, skipped } in &self.rxs {
            assert_eq!((rx.received(), rx.lost(), rx.skipped()), (*received, *lost, *skipped));
            assert_eq!(rx.position(), self.start.wrapping_add(*position) & (u64::MAX >> 1));
            assert_eq!((rx.is_disconnected(), rx.capacity() as u64), (self.closed, self.capacity));
        }
        let stats = match (self.txs.first(), self.rxs.first()) {
            (Some(tx), _) => tx.stats(),
            (_, Some(reading)) => reading.rx.stats(),
            _ => return,
        };
        assert_eq!((stats.sent, stats.dropped), (self.sent, 0));
        assert_eq!((stats.rescued_wakeups, stats.memory_bytes), (0, self.memory));
    }
}

impl Reading {
    /// Takes the next message: this one.
    fn pass(&mut self) -> Message {
        self.position += 1;
        self.received += 1;
        message(self.position - 1)
    }

    /// Goes on behind a gap; how many are lost.
    fn lose(&mut self, oldest: u64) -> u64 {
        let lost = oldest - self.position;
        self.position = oldest;
        self.lost += lost;
        lost
    }
}
