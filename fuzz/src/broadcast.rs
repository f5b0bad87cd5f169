//! Everybody gets everything, in place: receivers that come and go, and run after others, beside a model of who is where.

mod receiving;
mod sending;

use crate::input::Input;
use crate::value::{self, Value, any_bomb, is_dropped, planned};
use ringway::broadcast::{Receiver, Sender, SubscribeError, Subscriber};
use std::collections::BTreeSet;
use std::mem;

const OPERATIONS: u8 = 10;
/// Receivers at once.
const RECEIVERS: usize = 6;
/// Calls made while slots or batches are open, within each other.
const DEPTH: usize = 3;

#[derive(Debug)]
struct Reading {
    rx: Receiver<Value>,
    place: Place,
    after: BTreeSet<usize>,
    /// What it has gone past, released or not.
    head: usize,
}

/// What others need to know of a receiver.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// No other ever has this one.
    name: usize,
    lane: usize,
    released: usize,
    /// It was told that all is over: it keeps nobody waiting, and gets nothing more.
    ended: bool,
}

#[derive(Debug)]
pub struct Broadcast {
    /// None while its slots are open, too.
    tx: Option<Sender<Value>>,
    has_sender: bool,
    /// Forgotten slots: what was pushed, and how many there were.
    forgotten: Option<(Vec<u32>, usize)>,
    subscriber: Option<Subscriber<Value>>,
    rxs: Vec<Reading>,
    /// Of receivers with open batches.
    lending: Vec<Place>,
    named: usize,
    capacity: usize,
    memory: usize,
    /// What was published, from the beginning.
    sent: Vec<u32>,
    /// The end of the slots that were ever claimed: the values of a lap before are dropped.
    cleared: usize,
    aborted: u64,
    closed: bool,
    depth: usize,
}

/// Runs one input.
pub fn run((tx, rx): (Sender<Value>, Receiver<Value>), capacity: usize, input: &mut Input<'_>) {
    assert_eq!((tx.capacity(), rx.capacity()), (capacity, capacity));
    let place = Place { name: 0, lane: rx.id(), released: 0, ended: false };
    let mut broadcast = Broadcast {
        memory: tx.stats().memory_bytes,
        subscriber: Some(tx.subscriber()),
        tx: Some(tx),
        has_sender: true,
        forgotten: None,
        rxs: vec![Reading { rx, place, after: BTreeSet::new(), head: 0 }],
        lending: Vec::new(),
        named: 1,
        capacity,
        sent: Vec::new(),
        cleared: 0,
        aborted: 0,
        closed: false,
        depth: 0,
    };
    while broadcast.step(input) {}
    broadcast.end(input);
    assert!(value::all_dropped(), "a value was never dropped");
}

impl Broadcast {
    /// One operation; false at the end of the input.
    fn step(&mut self, input: &mut Input<'_>) -> bool {
        let Some(operation) = input.operation(OPERATIONS) else { return false };
        match operation {
            0 | 1 => {
                let timed = operation == 1 && input.may_sleep();
                self.send(input, timed);
            }
            2 => self.send_iter(input),
            3 => self.reserve(input),
            4 => self.drain(input),
            5 | 6 => self.batch(input),
            7 => self.subscribe(input),
            8 => {
                let which = input.below(RECEIVERS);
                if self.rxs.len() > 1 || input.below(4) == 3 {
                    self.leave(which);
                }
            }
            // Endings are seldom: not much happens afterwards.
            _ => match input.below(16) {
                12 => self.drop_subscriber(),
                13 => self.drop_sender(),
                14 => self.close(self.tx.as_ref().map(Sender::close)),
                15 => self.close(self.rxs.first().map(|reading| reading.rx.close())),
                n => self.receive(n, n % 2 == 0 && input.may_sleep()),
            },
        }
        self.check();
        true
    }

    fn nested(&mut self, input: &mut Input<'_>) {
        if self.depth < DEPTH {
            self.depth += 1;
            self.step(input);
            self.depth -= 1;
        }
    }

    fn close(&mut self, first: Option<bool>) {
        if let Some(first) = first {
            assert_eq!(first, !mem::replace(&mut self.closed, true));
        }
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        self.rxs.iter().map(|reading| &reading.place).chain(&self.lending)
    }

    /// Receivers that others have to wait for.
    fn active(&self) -> impl Iterator<Item = &Place> {
        self.places().filter(|place| !place.ended)
    }

    fn slowest(&self) -> Option<usize> {
        self.active().map(|place| place.released).min()
    }

    fn free(&self) -> usize {
        self.capacity - (self.sent.len() - self.slowest().unwrap_or(self.sent.len()))
    }

    fn disconnected(&self) -> bool {
        self.closed || self.places().next().is_none()
    }

    /// Whether nobody holds the channel any more.
    fn is_gone(&self) -> bool {
        !self.has_sender && self.subscriber.is_none() && self.places().next().is_none()
    }

    /// Whether the channel goes, with a bomb in it.
    fn goes_with_a_bomb(&self) -> bool {
        self.is_gone() && any_bomb(&self.sent[self.cleared.saturating_sub(self.capacity)..])
    }

    fn subscribe(&mut self, input: &mut Input<'_>) {
        let follows = input.below(1 << RECEIVERS);
        if self.places().count() == RECEIVERS {
            return;
        }
        let followed = self.rxs.iter().enumerate().filter(|(n, _)| follows & 1 << n != 0).map(|(_, reading)| reading);
        let followed: Vec<_> = followed.collect();
        let rxs: Vec<_> = followed.iter().map(|reading| &reading.rx).collect();
        let subscribed = match (&self.tx, &self.subscriber) {
            (Some(tx), _) if rxs.is_empty() => tx.subscribe(),
            (_, Some(subscriber)) if rxs.is_empty() => subscriber.subscribe(),
            (_, Some(subscriber)) => subscriber.subscribe_after(&rxs),
            (Some(tx), None) => tx.subscribe_after(&rxs),
            (None, None) => return,
        };
        match subscribed {
            Err(error) => assert!(self.closed && error == SubscribeError::Disconnected),
            Ok(rx) => {
                assert!(!self.closed && rx.is_empty());
                assert!(self.places().all(|place| place.lane != rx.id()));
                let after = followed.iter().map(|reading| reading.place.name).collect();
                let head = self.sent.len();
                let place = Place { name: self.named, lane: rx.id(), released: head, ended: false };
                self.named += 1;
                self.rxs.push(Reading { rx, place, after, head });
            }
        }
    }

    fn leave(&mut self, which: usize) {
        if !self.rxs.is_empty() {
            let reading = self.rxs.swap_remove(which % self.rxs.len());
            assert_eq!(planned(|| drop(reading)).is_none(), self.goes_with_a_bomb());
        }
    }

    fn drop_subscriber(&mut self) {
        let subscriber = self.subscriber.take();
        let bomb = subscriber.is_some() && self.goes_with_a_bomb();
        assert_eq!(planned(|| drop(subscriber)).is_none(), bomb);
    }

    /// All handles go, in an order that the input says.
    fn end(&mut self, input: &mut Input<'_>) {
        while self.has_sender || !self.rxs.is_empty() {
            match input.below(4) {
                0 => self.drop_sender(),
                1 => self.drop_subscriber(),
                _ => {}
            }
            self.leave(input.below(RECEIVERS));
            self.check();
        }
        self.drop_subscriber();
    }

    /// Whether every account of the channel is the model's.
    fn check(&self) {
        for Reading { rx, head, .. } in &self.rxs {
            let behind = self.sent.len() - head;
            assert_eq!((rx.len(), rx.is_empty(), rx.is_disconnected()), (behind, behind == 0, self.closed));
        }
        // What no receiver can reach any more is dropped when its slot is claimed, and no sooner.
        let dropped = self.cleared.saturating_sub(self.capacity);
        if !self.is_gone() {
            let recent = dropped.saturating_sub(2 * self.capacity);
            for (position, number) in self.sent.iter().enumerate().skip(recent) {
                assert_eq!(is_dropped(*number), position < dropped, "the value at {position}");
            }
        }
        let stats = match (&self.tx, self.rxs.first()) {
            (Some(tx), _) => {
                assert_eq!((tx.receivers(), tx.is_disconnected()), (self.active().count(), self.closed));
                tx.stats()
            }
            (None, Some(reading)) => reading.rx.stats(),
            (None, None) => return,
        };
        let (sent, received) = (self.sent.len() as u64, self.slowest().unwrap_or(self.sent.len()) as u64);
        assert_eq!((stats.sent, stats.received, stats.dropped, stats.aborted), (sent, received, 0, self.aborted));
        assert_eq!((stats.in_flight(), stats.rescued_wakeups, stats.memory_bytes), (sent - received, 0, self.memory));
        assert!(stats.high_water <= self.capacity as u64);
        match stats.slowest {
            None => assert!(self.active().next().is_none()),
            Some(slowest) => {
                assert_eq!(slowest.behind, sent - received);
                let named = self.active().find(|place| place.lane == slowest.receiver);
                assert_eq!(named.map(|place| place.released), self.slowest());
            }
        }
    }
}
