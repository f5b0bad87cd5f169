//! Channels where each message goes to one receiver, beside a model that knows every position: who owns it, and what
//! is in it.

mod receiving;
mod sending;

use crate::ends::{End, Rx, Tx};
use crate::input::Input;
use crate::value;
use std::collections::VecDeque;
use std::mem;
use std::ops::Range;

const OPERATIONS: u8 = 13;
/// Handles of a side at once.
const HANDLES: usize = 4;
/// Calls made while slots or batches are open, within each other.
const DEPTH: usize = 3;

/// What the kinds differ in.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Positions that are given up stay in the ring as marks.
    pub marks: bool,
    /// Receivers compete: what one has claimed stays its own.
    pub competing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    /// In slots that are not settled.
    Open,
    Value(u32),
    Skip,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    Nobody,
    Receiver,
    /// The number tells runs that were left apart.
    Left(u32),
    Done,
}

#[derive(Debug)]
struct Sending<S> {
    tx: S,
    /// Forgotten slots: where they lie, and what was pushed.
    forgotten: Option<(Range<usize>, Vec<u32>)>,
}

/// What a receiver has claimed: `head..ready`; taken and not given back: `released..head`.
#[derive(Debug, Default)]
struct Cursor {
    released: usize,
    head: usize,
    ready: usize,
    ended: bool,
}

#[derive(Debug)]
struct Receiving<R> {
    rx: R,
    cursor: Cursor,
}

#[derive(Debug)]
struct Slot {
    what: What,
    who: Who,
}

#[derive(Debug)]
pub struct Queue<S, R> {
    kind: Kind,
    capacity: usize,
    memory: usize,
    txs: Vec<Sending<S>>,
    rxs: Vec<Receiving<R>>,
    /// Handles, counting those that are in use by a call further out.
    senders: usize,
    receivers: usize,
    /// From the first position that is not free.
    log: VecDeque<Slot>,
    /// The position at which the log begins.
    base: usize,
    /// The next position that no receiver has claimed.
    head: usize,
    runs_left: u32,
    closed: bool,
    received: u64,
    dropped: u64,
    aborted: u64,
    /// A ring of somebody else's that is used in the same way.
    mirror: Option<(rtrb::Producer<u32>, rtrb::Consumer<u32>)>,
    depth: usize,
}

/// Runs one input. With a `mirror`, the ring of `rtrb` is compared as well: for one sender and one receiver.
pub fn run<S: Tx, R: Rx>(kind: Kind, (tx, rx): (S, R), capacity: usize, mirror: bool, input: &mut Input<'_>) {
    assert_eq!((tx.capacity(), rx.capacity()), (capacity, capacity));
    let mut queue = Queue {
        kind,
        capacity,
        memory: tx.stats().memory_bytes,
        txs: vec![Sending { tx, forgotten: None }],
        rxs: vec![Receiving { rx, cursor: Cursor::default() }],
        senders: 1,
        receivers: 1,
        log: VecDeque::new(),
        base: 0,
        head: 0,
        runs_left: 0,
        closed: false,
        received: 0,
        dropped: 0,
        aborted: 0,
        mirror: mirror.then(|| rtrb::RingBuffer::new(capacity)),
        depth: 0,
    };
    while queue.step(input) {}
    queue.end(input);
    assert!(value::all_dropped(), "a value was never dropped");
}

impl<S: Tx, R: Rx> Queue<S, R> {
    fn tail(&self) -> usize {
        self.base + self.log.len()
    }

    fn free(&self) -> usize {
        self.capacity - self.log.len()
    }

    fn slot(&mut self, position: usize) -> &mut Slot {
        &mut self.log[position - self.base]
    }

    /// One operation; false at the end of the input.
    fn step(&mut self, input: &mut Input<'_>) -> bool {
        let Some(operation) = input.operation(OPERATIONS) else { return false };
        match operation {
            0 => self.send(input, false),
            1 => self.send_iter(input),
            2 => self.reserve(input),
            3 => self.receive(input, false),
            4 => self.drain(input),
            5 => self.batch(input),
            6 => self.clone_sender(input),
            7 => self.clone_receiver(input),
            // The last one seldom, for not much happens afterwards.
            8 => {
                let (which, also_last) = (input.below(HANDLES), input.below(8) == 7);
                if self.senders > 1 || also_last {
                    self.drop_sender(which);
                }
            }
            9 => {
                let (which, also_last) = (input.below(HANDLES), input.below(8) == 7);
                if self.receivers > 1 || also_last {
                    self.drop_receiver(which);
                }
            }
            10 => self.close(input),
            11 => {
                let timed = input.may_sleep();
                self.send(input, timed);
            }
            _ => {
                let timed = input.may_sleep();
                self.receive(input, timed);
            }
        }
        self.check();
        true
    }

    /// Takes a sender out for a call, so that others may be made meanwhile.
    fn sender(&mut self, input: &mut Input<'_>) -> Option<Sending<S>> {
        let which = if self.kind.marks { input.below(HANDLES) } else { 0 };
        (!self.txs.is_empty()).then(|| self.txs.swap_remove(which % self.txs.len()))
    }

    fn receiver(&mut self, input: &mut Input<'_>) -> Option<Receiving<R>> {
        let which = if self.kind.competing { input.below(HANDLES) } else { 0 };
        (!self.rxs.is_empty()).then(|| self.rxs.swap_remove(which % self.rxs.len()))
    }

    fn nested(&mut self, input: &mut Input<'_>) {
        if self.depth < DEPTH {
            self.depth += 1;
            self.step(input);
            self.depth -= 1;
        }
    }

    fn close(&mut self, input: &mut Input<'_>) {
        // Seldom: not much happens afterwards.
        let first = match (input.below(8), self.txs.first(), self.rxs.first()) {
            (6, Some(sending), _) => sending.tx.close(),
            (7, _, Some(receiving)) => receiving.rx.close(),
            _ => return,
        };
        assert_eq!(first, !mem::replace(&mut self.closed, true));
    }

    /// All handles go, in an order that the input says.
    fn end(&mut self, input: &mut Input<'_>) {
        while !(self.txs.is_empty() && self.rxs.is_empty()) {
            if input.below(2) == 0 {
                self.drop_sender(0)
            } else {
                self.drop_receiver(0)
            }
            self.check();
            if input.below(2) == 0 {
                self.drop_receiver(0)
            } else {
                self.drop_sender(0)
            }
            self.check();
        }
    }

    /// Whether every account of the channel is the model's.
    fn check(&self) {
        fn account<E: End>(end: &E) -> (ringway::ChannelStats, usize, bool, bool) {
            (end.stats(), end.len(), end.is_empty(), end.is_disconnected())
        }
        let (stats, len, empty, closed) = match (self.txs.first(), self.rxs.first()) {
            (Some(sending), _) => account(&sending.tx),
            (_, Some(receiving)) => account(&receiving.rx),
            _ => return,
        };
        assert_eq!((len, empty, closed), (self.log.len(), self.log.is_empty(), self.closed), "len, empty, closed");
        let sent = self.tail() as u64 - if self.kind.marks { self.aborted } else { 0 };
        let expected = (sent, self.received, self.dropped, self.aborted);
        assert_eq!((stats.sent, stats.received, stats.dropped, stats.aborted), expected, "accounts");
        assert_eq!(stats.sent, stats.received + stats.dropped + stats.in_flight(), "conservation");
        assert_eq!((stats.rescued_wakeups, stats.memory_bytes, stats.slowest), (0, self.memory, None));
        assert!(stats.high_water <= self.capacity as u64, "high water: {}", stats.high_water);
        if let Some((tx, rx)) = &self.mirror {
            let there = self.log.iter().filter(|slot| slot.who == Who::Nobody).count();
            let lent: usize = self.rxs.iter().map(|receiving| receiving.cursor.ready - receiving.cursor.head).sum();
            if self.rxs.len() == self.receivers {
                assert_eq!((tx.slots(), rx.slots()), (self.capacity - there - lent, there + lent), "slots of rtrb");
            }
        }
    }
}
