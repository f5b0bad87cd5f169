//! Open loop: messages are due at fixed moments, whatever became of those before, and latency counts from the moment a
//! message was due. A stall is paid by every message that it delays.

use super::ends::{Consuming, Producing};
use super::latency::{Latencies, Recording};
use super::threads::{Patience, StartLine, joined};
use super::turns::{Contender, Role};
use crate::process::now_ns;
use std::time::Duration;

/// Moments between the start and the first message that is due.
const HEAD_START_NS: u64 = 10_000;

/// `rate` messages a second over one ring.
pub(super) fn contender<P: Producing<u64>, C: Consuming<u64>>(
    name: &'static str,
    role: Role,
    rate: u64,
    ring: impl Fn() -> (P, C) + 'static,
) -> Contender<Latencies> {
    let turn = move |duration: Duration| {
        let messages = (duration.as_nanos() as u64 * rate / 1_000_000_000).max(1);
        turn(ring(), 1_000_000_000 / rate, messages)
    };
    Contender { name, role, turn: Box::new(turn) }
}

fn turn<P: Producing<u64>, C: Consuming<u64>>(
    (producer, consumer): (P, C),
    interval: u64,
    messages: u64,
) -> Result<Latencies, String> {
    let line = &StartLine::new(2);
    let (sent, received) = std::thread::scope(|scope| {
        let sending = scope.spawn(move || send(producer, line.take_place(0), interval, messages));
        let receiving = scope.spawn(move || receive(consumer, line.take_place(1), messages));
        (joined(sending), joined(receiving))
    });
    let (Sent { count, sum }, seen) = (sent?, received?);
    let expected = Sent { count: messages, sum };
    match (count == messages, seen.sent == expected, seen.in_order) {
        (true, true, true) => Ok(seen.recording.latencies(count)),
        (.., false) => Err("messages were received out of order".to_owned()),
        _ => Err(format!("{messages} messages were due, {count} were sent, {} were received", seen.sent.count)),
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Sent {
    count: u64,
    sum: u64,
}

impl Sent {
    fn add(&mut self, word: u64) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(word);
    }
}

/// A message is the moment at which it was due.
fn send(mut end: impl Producing<u64>, patience: Patience, interval: u64, messages: u64) -> Sent {
    let (mut sent, start) = (Sent::default(), now_ns() + HEAD_START_NS);
    for due in (0..messages).map(|number| start + number * interval) {
        let mut waiting = patience;
        while now_ns() < due || end.one(due).is_err() {
            if !waiting.go_on() {
                return sent;
            }
        }
        sent.add(due);
    }
    sent
}

struct Seen {
    sent: Sent,
    in_order: bool,
    recording: Recording,
}

fn receive(mut end: impl Consuming<u64>, patience: Patience, messages: u64) -> Seen {
    let mut seen = Seen { sent: Sent::default(), in_order: true, recording: Recording::new() };
    let (mut last, mut waiting) = (0, patience);
    while seen.sent.count < messages {
        let taken = end.one(|&due| {
            seen.recording.note(now_ns().saturating_sub(due));
            seen.sent.add(due);
            seen.in_order &= due > last;
            last = due;
        });
        match taken {
            true => waiting = patience,
            false if !waiting.go_on() => break,
            false => {}
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_due_arrives() {
        assert!(turn(ringway::spsc::channel(8), 1_000, 100).is_ok());
    }
}
