//! Signals: a hundred of them to ten subscribers on one thread, and one at a time to a subscriber on another.

use super::plain_signals::{DeepCopied, PlainHub, Subscriber};
use super::work::{Block, Sample, Work, contender, expect};
use super::{AGENTS, C, agent};
use crate::measure::turns::{Contender, Role};
use ringway::Wait;
use ringway::coord::signals::{HistoryFilter, Signal, SignalHub, SignalPayload, SignalSender, SignalStream};
use ringway::ids::{SignalKind, SignalMask};
use ringway::metrics::telemetry::{Attached, Event, EventMask, Telemetry};
use std::array;
use std::sync::{Arc, LazyLock};

const SIGNALS: usize = 100;

/// Signals that a coordination remembers: the default.
const HISTORY: usize = 10_000;

/// Signals remembered where every microsecond counts: what the documentation advises.
const SHORT_HISTORY: usize = 100;

/// Signals that may wait for a subscriber: the default, and so many that none is lost while its core is taken away.
const WAITING: usize = 1_024;
const ALL_WAITING: usize = 4_096;

/// The n-th signal.
fn numbered(n: u64) -> Signal {
    let payload = SignalPayload::custom(&n.to_le_bytes()).unwrap_or_default();
    Signal::new(SignalKind::INTER_AGENT_MESSAGE, payload)
}

fn number(signal: &Signal) -> u64 {
    match signal.payload {
        SignalPayload::Custom(body) => body.iter().take(8).rev().fold(0, |n, byte| n << 8 | u64::from(*byte)),
        _ => 0,
    }
}

/// What a hub tells of its signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    /// The default.
    Metrics,
    /// Metrics, and every event, to a handler; nobody drains them, so that each overwrites one.
    Events,
}

fn events() -> &'static Telemetry {
    static EVENTS: LazyLock<(Telemetry, Attached)> = LazyLock::new(|| {
        let telemetry = Telemetry::new();
        let attached = telemetry.attach(EventMask::ALL, |_: &Event| {}).expect("there is memory");
        (telemetry, attached)
    });
    &EVENTS.0
}

/// A hub with the coordination open in it.
fn hub(history: usize, waiting: usize, wait: Wait, told: Told) -> SignalHub {
    let builder = SignalHub::builder().history(history).subscriber_capacity(waiting).wait(wait);
    let hub = match told {
        Told::Nothing => builder.metrics(false),
        Told::Metrics => builder,
        Told::Events => builder.telemetry(events()),
    };
    let hub = hub.build().expect("the sizes are fine");
    hub.open(C).expect("there is memory");
    hub
}

fn subscribe(hub: &SignalHub, index: u32) -> SignalStream {
    hub.subscribe(C, agent(index), SignalMask::ALL, None).expect("there is room")
}

fn sender(hub: &SignalHub) -> SignalSender {
    hub.sender(C).expect("it is open")
}

/// The next hundred, and what ten subscribers have seen of them.
struct Due {
    signals: [Signal; SIGNALS],
    next: u64,
    /// How often a signal was put into a subscriber's queue.
    entered: usize,
    received: usize,
    in_order: bool,
}

impl Due {
    fn new() -> Self {
        let signals = array::from_fn(|n| numbered(n as u64));
        Self { signals, next: 0, entered: 0, received: 0, in_order: true }
    }

    fn renew(&mut self) {
        self.next += SIGNALS as u64;
        self.signals = array::from_fn(|n| numbered(self.next + n as u64));
        (self.entered, self.received, self.in_order) = (0, 0, true);
    }

    /// What one subscriber takes: all of the hundred, in their order.
    #[inline]
    fn reader(&mut self) -> impl FnMut(&Signal) {
        let mut next = self.next;
        move |signal| {
            self.in_order &= number(signal) == next;
            self.received += 1;
            next += 1;
        }
    }

    fn check(&self) -> Result<(), String> {
        let all = SIGNALS * AGENTS as usize;
        expect("signals entered, received, in order", (self.entered, self.received, self.in_order), (all, all, true))
    }
}

struct Hundred {
    sender: SignalSender,
    streams: Vec<SignalStream>,
    batch: bool,
    due: Due,
}

impl Work for Hundred {
    fn prepare(&mut self) {
        self.due.renew();
    }

    fn run(&mut self) {
        if self.batch {
            self.due.entered += self.sender.signal_batch(&self.due.signals).map_or(0, |delivered| delivered.n);
        } else {
            for signal in &self.due.signals {
                self.due.entered += self.sender.signal(signal).map_or(0, |delivered| delivered.n);
            }
        }
        for stream in &self.streams {
            let mut read = self.due.reader();
            stream.drain(usize::MAX, |signal| read(&signal));
        }
    }

    fn check(&mut self) -> Result<(), String> {
        self.due.check()
    }
}

struct PlainHundred {
    hub: Arc<PlainHub>,
    streams: Vec<Arc<Subscriber>>,
    batch: bool,
    due: Due,
}

impl Work for PlainHundred {
    fn prepare(&mut self) {
        self.due.renew();
    }

    fn run(&mut self) {
        if self.batch {
            self.due.entered += self.hub.send(&self.due.signals);
        } else {
            for signal in &self.due.signals {
                self.due.entered += self.hub.send(std::slice::from_ref(signal));
            }
        }
        for stream in &self.streams {
            stream.drain(self.due.reader());
        }
    }

    fn check(&mut self) -> Result<(), String> {
        self.due.check()
    }
}

/// Sent, and received by all, on one thread: the work of the protocol without the journey.
pub(super) fn hundred(batch: bool) -> Vec<Contender<Sample>> {
    let ours = |told| {
        let hub = hub(HISTORY, WAITING, Wait::adaptive(), told);
        let streams = (0..AGENTS).map(|index| subscribe(&hub, index)).collect();
        Hundred { sender: sender(&hub), streams, batch, due: Due::new() }
    };
    let plain = Arc::new(PlainHub::new(HISTORY, WAITING));
    let streams = (0..AGENTS).map(|index| plain.subscribe(agent(index), SignalMask::ALL)).collect();
    let plain = PlainHundred { hub: plain, streams, batch, due: Due::new() };
    let block = Block::Whole(SIGNALS as u64);
    vec![
        contender("ringway", Role::Ringway, block, ours(Told::Metrics)),
        contender("Mutex<VecDeque> each", Role::Peer, block, plain),
        contender("with all events", Role::Ringway, block, ours(Told::Events)),
        contender("without metrics", Role::Ringway, block, ours(Told::Nothing)),
    ]
}

/// A coordination that nobody has subscribed to: a signal is stored, and that is all.
struct Stored {
    hub: SignalHub,
    sender: SignalSender,
    next: u64,
}

impl Work for Stored {
    fn run(&mut self) {
        for n in self.next..self.next + SIGNALS as u64 {
            // A refused one is missed by the check.
            _ = self.sender.signal(&numbered(n));
        }
        self.next += SIGNALS as u64;
    }

    fn check(&mut self) -> Result<(), String> {
        let sent = self.hub.metrics(C).map_err(|error| error.to_string())?.sent;
        let mut newest = [Signal::default()];
        let found = self.hub.history(C, &HistoryFilter::default(), 1, &mut newest);
        expect("signals stored, the newest", (sent, found, number(&newest[0])), (self.next, Ok(1), self.next - 1))
    }
}

struct PlainStored(PlainHub, u64);

impl Work for PlainStored {
    fn run(&mut self) {
        for n in self.1..self.1 + SIGNALS as u64 {
            self.0.send(&[numbered(n)]);
        }
        self.1 += SIGNALS as u64;
    }

    fn check(&mut self) -> Result<(), String> {
        let newest = self.0.newest().as_ref().map(number);
        expect("signals stored, the newest", (self.0.sent(), newest), (self.1, Some(self.1 - 1)))
    }
}

struct DeepStored(DeepCopied, u64);

impl Work for DeepStored {
    fn run(&mut self) {
        self.0.store(&numbered(self.1));
        self.1 += 1;
    }

    fn check(&mut self) -> Result<(), String> {
        let (kept, newest) = self.0.newest();
        expect("signals kept, the newest", (kept, newest.as_ref().map(number)), (HISTORY, Some(self.1 - 1)))
    }
}

pub(super) fn stored() -> Vec<Contender<Sample>> {
    let hub = hub(HISTORY, WAITING, Wait::adaptive(), Told::Metrics);
    let ours = Stored { sender: sender(&hub), hub, next: 0 };
    let block = Block::Each(SIGNALS as u64);
    let deep = DeepCopied::new(vec![numbered(0); HISTORY]);
    vec![
        contender("ringway", Role::Ringway, block, ours),
        contender("Mutex<VecDeque>", Role::Peer, block, PlainStored(PlainHub::new(HISTORY, WAITING), 0)),
        contender("Mutex, deep copy", Role::Peer, Block::Each(1), DeepStored(deep, 0)),
    ]
}

/// A sender and a subscriber that stops after so many signals, each of which is a reading of the clock.
pub(super) fn ends(
    messages: usize,
    wait: Wait,
    told: Told,
) -> (impl FnMut(u64) -> bool + Send, impl FnMut() -> Option<u64> + Send) {
    let hub = hub(SHORT_HISTORY, ALL_WAITING, wait, told);
    let (mut sender, stream, mut left) = (sender(&hub), subscribe(&hub, 0), messages);
    // Once around, so that no signal that counts is the first in its page.
    (0..ALL_WAITING).for_each(|_| _ = sender.signal(&numbered(0)));
    stream.drain(ALL_WAITING, |_| {});
    let send = move |stamp| sender.signal(&numbered(stamp)).is_ok_and(|delivered| delivered.n == 1);
    let receive = move || {
        left = left.checked_sub(1)?;
        stream.recv().ok().map(|signal| number(&signal))
    };
    (send, receive)
}

/// The same with queues behind locks.
pub(super) fn plain_ends(
    messages: usize,
    spin: bool,
) -> (impl FnMut(u64) -> bool + Send, impl FnMut() -> Option<u64> + Send) {
    let hub = PlainHub::new(SHORT_HISTORY, ALL_WAITING);
    let (subscriber, mut left) = (hub.subscribe(agent(0), SignalMask::ALL), messages);
    (0..ALL_WAITING).for_each(|_| _ = hub.send(&[numbered(0)]));
    subscriber.drain(|_| {});
    let send = move |stamp| hub.send(&[numbered(stamp)]) == 1;
    let receive = move || {
        left = left.checked_sub(1)?;
        let signal = if spin { subscriber.recv_spinning() } else { subscriber.recv() };
        Some(number(&signal))
    };
    (send, receive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn all_of_them_come_through() {
        for contender in [hundred(false), hundred(true), stored()].into_iter().flatten() {
            let sample = (contender.turn)(Duration::ZERO).unwrap();
            assert!(sample.operations > 0, "{}", contender.name);
        }
    }

    #[test]
    fn a_lost_signal_is_noticed() {
        let mut due = Due::new();
        due.entered = 1_000;
        (0..10).for_each(|_| (0..100).map(numbered).for_each(|signal| due.reader()(&signal)));
        assert!(due.check().is_err(), "each reader expects the first");
        due = Due::new();
        due.entered = 1_000;
        for last in [100, 100, 100, 100, 100, 100, 100, 100, 100, 99] {
            let mut read = due.reader();
            (0..last).map(numbered).for_each(|signal| read(&signal));
        }
        assert!(due.check().is_err_and(|told| told.contains("999")));
        due.reader()(&numbered(0));
        assert_eq!(due.check(), Ok(()));
    }
}
