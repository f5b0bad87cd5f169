//! Everybody gets everything, in place: receivers that come and go, and run after others.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringway::broadcast::{Receiver, RecvTimeoutError, Sender, SubscribeError, TryRecvError};
use ringway::{ReserveError, Slots, TrySendError};
use ringway_fuzz::input::Input;
use ringway_fuzz::value::{self, Value, plan, planned};
use std::collections::BTreeSet;
use std::mem;
use std::time::Duration;

const OPERATIONS: u8 = 10;
const RECEIVERS: usize = 6;

struct Reading {
    rx: Receiver<Value>,
    /// No other ever has this name.
    name: usize,
    after: BTreeSet<usize>,
    /// Where it is, and what it has released.
    head: usize,
    released: usize,
}

struct Broadcast {
    tx: Option<Sender<Value>>,
    /// Forgotten slots: what was pushed, and how many there were.
    forgotten: Option<(Vec<u32>, usize)>,
    rxs: Vec<Reading>,
    named: usize,
    capacity: usize,
    memory: usize,
    /// What was published, from the beginning.
    sent: Vec<u32>,
    /// The end of the slots that were ever claimed: the values of a lap before are dropped.
    cleared: usize,
    aborted: u64,
    closed: bool,
    /// Of each value made so far, whether it panics when it is dropped.
    bombs: Vec<bool>,
}

fuzz_target!(|bytes: &[u8]| {
    value::start();
    let mut input = Input::new(bytes);
    let (builder, capacity) = input.builder();
    let (tx, rx) = builder.broadcast().expect("a valid channel");
    assert_eq!((tx.capacity(), rx.capacity()), (capacity, capacity));
    let mut broadcast = Broadcast {
        memory: tx.stats().memory_bytes,
        tx: Some(tx),
        forgotten: None,
        rxs: vec![Reading { rx, name: 0, after: BTreeSet::new(), head: 0, released: 0 }],
        named: 1,
        capacity,
        sent: Vec::new(),
        cleared: 0,
        aborted: 0,
        closed: false,
        bombs: Vec::new(),
    };
    while let Some(operation) = input.operation(OPERATIONS) {
        broadcast.step(operation, &mut input);
        broadcast.check();
    }
    broadcast.end(&mut input);
    assert!(value::all_dropped(), "a value was never dropped");
});

impl Broadcast {
    fn step(&mut self, operation: u8, input: &mut Input<'_>) {
        match operation {
            0 | 1 => self.send(input, operation == 1),
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
            _ => match input.below(16) {
                13 => self.drop_sender(),
                14 => {
                    let first = self.tx.as_ref().map(Sender::close);
                    assert!(first.is_none_or(|first| first != mem::replace(&mut self.closed, true)));
                }
                15 => {
                    let first = self.rxs.first().map(|reading| reading.rx.close());
                    assert!(first.is_none_or(|first| first != mem::replace(&mut self.closed, true)));
                }
                n => self.receive(n, n % 2 == 0),
            },
        }
    }

    fn make(&mut self, input: &mut Input<'_>) -> Value {
        let bomb = input.below(8) == 7;
        self.bombs.push(bomb);
        Value::new(bomb)
    }

    fn any_bomb(&self, numbers: &[u32]) -> bool {
        numbers.iter().any(|number| self.bombs[*number as usize])
    }

    fn slowest(&self) -> Option<usize> {
        self.rxs.iter().map(|reading| reading.released).min()
    }

    fn free(&self) -> usize {
        self.capacity - (self.sent.len() - self.slowest().unwrap_or(self.sent.len()))
    }

    fn disconnected(&self) -> bool {
        self.closed || self.rxs.is_empty()
    }

    /// What every call of the sender does first; true if it drops a bomb.
    fn settle(&mut self) -> bool {
        let Some((values, n)) = self.forgotten.take() else { return false };
        self.aborted += n as u64;
        self.any_bomb(&values)
    }

    /// The sender claims so many slots: what was in them is dropped. True if that drops a bomb.
    fn clear(&mut self, n: usize) -> bool {
        let end = self.sent.len() + n;
        let from = self.cleared.saturating_sub(self.capacity);
        self.cleared = self.cleared.max(end);
        let to = self.cleared.saturating_sub(self.capacity);
        self.any_bomb(&self.sent[from..to])
    }

    fn send(&mut self, input: &mut Input<'_>, timed: bool) {
        let Some(mut tx) = self.tx.take() else { return };
        let value = self.make(input);
        let number = value.number();
        let mut bomb = self.settle();
        let fits = !self.disconnected() && self.free() > 0;
        if !bomb && fits {
            bomb = self.clear(1);
        }
        let sent = planned(|| if timed { Self::send_at_once(&mut tx, value) } else { tx.try_send(value) });
        self.tx = Some(tx);
        assert_eq!(sent.is_none(), bomb);
        match sent {
            None => assert!(value::is_dropped(number)),
            Some(Ok(())) => {
                assert!(fits, "sent, though there was no room");
                self.sent.push(number);
            }
            Some(Err(TrySendError::Full(value))) => {
                assert!(!fits && !self.disconnected());
                assert_eq!(value.into_number(), number);
            }
            Some(Err(TrySendError::Disconnected(value))) => {
                assert!(self.disconnected());
                assert_eq!(value.into_number(), number);
            }
        }
    }

    fn send_at_once(tx: &mut Sender<Value>, value: Value) -> Result<(), TrySendError<Value>> {
        tx.send_timeout(value, Duration::ZERO).map_err(|error| match error.is_timeout() {
            true => TrySendError::Full(error.into_inner()),
            false => TrySendError::Disconnected(error.into_inner()),
        })
    }

    fn send_iter(&mut self, input: &mut Input<'_>) {
        let Some(mut tx) = self.tx.take() else { return };
        let n = input.below(24);
        let values: Vec<_> = (0..n).map(|_| self.make(input)).collect();
        let numbers: Vec<_> = values.iter().map(Value::number).collect();
        // Known to be as long as it is, or not.
        let known = input.below(2) == 0;
        let forgotten = self.settle();
        let want = if known { n } else { self.capacity };
        let room = if self.disconnected() { 0 } else { want.min(self.free()) };
        let cleared = !forgotten && room > 0 && self.clear(room);
        let (mut rest, mut given) = (values.into_iter(), 0);
        let result = planned(|| {
            let mut values = rest.by_ref().inspect(|_| given += 1);
            if known {
                tx.try_send_iter(&mut values)
            } else {
                tx.try_send_iter(&mut std::iter::from_fn(|| values.next()))
            }
        });
        self.tx = Some(tx);
        rest.for_each(|value| _ = value.into_number());
        assert_eq!(result.is_none(), forgotten || cleared);
        match result {
            None => assert_eq!(given, 0),
            // Nothing to send is no mistake where nobody reads, as long as the channel is open.
            Some(Err(_)) => assert!(self.disconnected() && given == 0),
            Some(Ok(sent)) => {
                assert!(!self.closed && (want == 0 || !self.rxs.is_empty()));
                assert_eq!((sent, given), (room.min(n), room.min(n)));
                self.aborted += (room - sent) as u64;
                self.sent.extend(&numbers[..sent]);
            }
        }
    }

    fn reserve(&mut self, input: &mut Input<'_>) {
        let Some(mut tx) = self.tx.take() else { return };
        let n = input.below(self.capacity + 2);
        let mut bomb = self.settle();
        let fits = n <= self.capacity && !self.closed && (n == 0 || (!self.rxs.is_empty() && n <= self.free()));
        if !bomb && fits && n > 0 {
            bomb = self.clear(n);
        }
        match planned(|| tx.try_reserve(n)) {
            None => assert!(bomb),
            Some(Err(error)) => {
                assert!(!bomb && !fits);
                match error {
                    ReserveError::TooLarge => assert!(n > self.capacity),
                    ReserveError::Disconnected => assert!(self.disconnected()),
                    ReserveError::TooFew { free } => assert!(!self.disconnected() && free == self.free()),
                }
            }
            Some(Ok(slots)) => {
                assert!(!bomb && fits);
                self.fill(slots, n, input);
            }
        }
        self.tx = Some(tx);
    }

    fn fill(&mut self, mut slots: Slots<'_, Value>, n: usize, input: &mut Input<'_>) {
        let mut pushed = Vec::new();
        for _ in 0..input.below(n + 1) {
            let value = self.make(input);
            pushed.push(value.number());
            assert!(slots.push(value).is_ok());
        }
        assert_eq!((slots.len(), slots.remaining()), (n, n - pushed.len()));
        let end = input.below(4);
        // Readers go on meanwhile.
        for _ in 0..input.below(4) {
            match input.operation(3) {
                Some(0) => self.drain(input),
                Some(1) => self.batch(input),
                _ => self.leave(input.below(RECEIVERS)),
            }
        }
        match end {
            0 => {
                slots.commit();
                self.aborted += (n - pushed.len()) as u64;
                self.sent.extend(pushed);
            }
            1 => {
                assert_eq!(planned(|| drop(slots)).is_none(), self.any_bomb(&pushed));
                assert!(pushed.iter().all(|number| value::is_dropped(*number)));
                self.aborted += n as u64;
            }
            2 => {
                assert!(
                    planned(|| {
                        let _slots = slots;
                        plan();
                    })
                    .is_none()
                );
                assert!(pushed.iter().all(|number| value::is_dropped(*number)));
                self.aborted += n as u64;
            }
            _ => {
                mem::forget(slots);
                self.forgotten = (n > 0).then_some((pushed, n));
            }
        }
    }

    fn drop_sender(&mut self) {
        let Some(tx) = self.tx.take() else { return };
        let mut bomb = self.settle();
        self.closed = true;
        bomb |= self.rxs.is_empty() && self.any_bomb(&self.sent[self.cleared.saturating_sub(self.capacity)..]);
        assert_eq!(planned(|| drop(tx)).is_none(), bomb);
    }

    fn reader(&mut self, input: &mut Input<'_>) -> Option<Reading> {
        let which = input.below(RECEIVERS);
        (!self.rxs.is_empty()).then(|| self.rxs.swap_remove(which % self.rxs.len()))
    }

    /// How far a receiver may read. (It is not among the others now.)
    fn limit(&self, reading: &Reading) -> usize {
        let before = self.rxs.iter().filter(|other| reading.after.contains(&other.name));
        before.map(|other| other.released).min().unwrap_or(self.sent.len()).max(reading.head)
    }

    fn drain(&mut self, input: &mut Input<'_>) {
        let Some(mut reading) = self.reader(input) else { return };
        let (max, panics_at) = (input.below(20), input.below(24));
        reading.released = reading.head;
        let most = (self.limit(&reading) - reading.head).min(max);
        let mut seen = Vec::new();
        let read = planned(|| {
            reading.rx.drain(max, |value| {
                seen.push(value.number());
                if seen.len() == panics_at + 1 {
                    plan();
                }
            })
        });
        match read {
            Some(n) => assert!(n == seen.len() && n <= most && (n > 0) == (most > 0), "{n} of {most}"),
            None => assert!(seen.len() == panics_at + 1 && seen.len() <= most),
        }
        assert_eq!(seen, self.sent[reading.head..reading.head + seen.len()]);
        reading.head += seen.len();
        reading.released = reading.head;
        self.rxs.push(reading);
    }

    fn batch(&mut self, input: &mut Input<'_>) {
        let Some(mut reading) = self.reader(input) else { return };
        let max = input.below(20);
        reading.released = reading.head;
        let limit = self.limit(&reading);
        let over = self.closed && reading.head == self.sent.len();
        match reading.rx.try_batch(max) {
            Err(TryRecvError::Disconnected) => assert!(over, "not over"),
            Err(_) => assert!(!over && (max == 0 || limit == reading.head), "not empty"),
            Ok(mut batch) => {
                let end = reading.head + batch.len();
                assert!(batch.len() <= max && end <= limit && !batch.is_empty());
                for _ in 0..input.below(6) {
                    let left = end - reading.head;
                    match input.below(5) {
                        0 => match batch.advance() {
                            Some(value) => {
                                assert_eq!(value.number(), self.sent[reading.head]);
                                reading.head += 1;
                            }
                            None => assert_eq!(left, 0),
                        },
                        1 => {
                            let n = input.below(left + 1);
                            batch.commit(n);
                            reading.head += n;
                        }
                        2 => {
                            let panics_at = input.below(16);
                            let mut seen = 0;
                            let read = planned(|| {
                                batch.read_all(|value| {
                                    assert_eq!(value.number(), self.sent[reading.head + seen]);
                                    seen += 1;
                                    if seen > panics_at {
                                        plan();
                                    }
                                });
                            });
                            assert_eq!(read.is_none(), panics_at < left);
                            reading.head += seen;
                        }
                        3 => {
                            batch.commit_all();
                            reading.head = end;
                        }
                        // Others go on meanwhile; what is lent stays as it is.
                        _ if self.rxs.len() < RECEIVERS => {
                            if let Some(other) = self.reader(input) {
                                self.advance_one(other);
                            }
                        }
                        _ => {}
                    }
                    assert!(batch.iter().map(Value::number).eq(self.sent[reading.head..end].iter().copied()));
                }
                if input.below(4) == 3 {
                    mem::forget(batch);
                } else {
                    drop(batch);
                    reading.released = reading.head;
                }
            }
        }
        self.rxs.push(reading);
    }

    /// One message for a receiver that follows nobody.
    fn advance_one(&mut self, mut other: Reading) {
        if other.after.is_empty() {
            let most = (self.sent.len() - other.head).min(1);
            assert_eq!(other.rx.drain(1, |value| assert_eq!(value.number(), self.sent[other.head])), most);
            other.head += most;
            other.released = other.head;
        }
        self.rxs.push(other);
    }

    /// A clone of the next message, at once or not at all.
    fn receive(&mut self, which: usize, timed: bool) {
        if self.rxs.is_empty() {
            return;
        }
        let mut reading = self.rxs.swap_remove(which % self.rxs.len());
        reading.released = reading.head;
        let next = self.sent[..self.limit(&reading)].get(reading.head).copied();
        let received = if timed {
            reading.rx.recv_timeout(Duration::ZERO).map_err(|error| match error {
                RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
                _ => TryRecvError::Empty,
            })
        } else {
            reading.rx.try_recv()
        };
        match received {
            Ok(value) => {
                assert_eq!(Some(value.into_number()), next);
                reading.head += 1;
                reading.released = reading.head;
            }
            Err(error) => {
                let over = self.closed && reading.head == self.sent.len();
                assert!(next.is_none() && over == (error == TryRecvError::Disconnected));
            }
        }
        self.rxs.push(reading);
    }

    fn subscribe(&mut self, input: &mut Input<'_>) {
        let Some(tx) = &self.tx else { return };
        let follows = input.below(1 << RECEIVERS);
        if self.rxs.len() == RECEIVERS {
            return;
        }
        let followed = self.rxs.iter().enumerate().filter(|(n, _)| follows & 1 << n != 0).map(|(_, reading)| reading);
        let followed: Vec<_> = followed.collect();
        let rxs: Vec<_> = followed.iter().map(|reading| &reading.rx).collect();
        let subscribed = if rxs.is_empty() { tx.subscribe() } else { tx.subscribe_after(&rxs) };
        match subscribed {
            Err(error) => assert!(self.closed && error == SubscribeError::Disconnected),
            Ok(rx) => {
                assert!(!self.closed && rx.is_empty());
                assert!(self.rxs.iter().all(|reading| reading.rx.id() != rx.id()));
                let after = followed.iter().map(|reading| reading.name).collect();
                let (name, head) = (self.named, self.sent.len());
                self.named += 1;
                self.rxs.push(Reading { rx, name, after, head, released: head });
            }
        }
    }

    fn leave(&mut self, which: usize) {
        if self.rxs.is_empty() {
            return;
        }
        let reading = self.rxs.swap_remove(which % self.rxs.len());
        let last = self.rxs.is_empty() && self.tx.is_none() && self.forgotten.is_none() && self.closed;
        let bombs = self.any_bomb(&self.sent[self.cleared.saturating_sub(self.capacity)..]);
        let dropped = planned(|| drop(reading));
        // While slots are open the sender is there, though it is not in its place.
        assert!(dropped.is_some() || (last && bombs));
    }

    fn end(&mut self, input: &mut Input<'_>) {
        if input.below(2) == 0 {
            self.drop_sender();
        }
        while !self.rxs.is_empty() {
            self.leave(input.below(RECEIVERS));
            self.check();
        }
        self.drop_sender();
    }

    fn check(&self) {
        for reading in &self.rxs {
            let behind = self.sent.len() - reading.head;
            assert_eq!((reading.rx.len(), reading.rx.is_empty()), (behind, behind == 0));
            assert_eq!(reading.rx.is_disconnected(), self.closed);
        }
        // What no receiver can reach any more is dropped when its slot is claimed, and no sooner.
        let dropped = self.cleared.saturating_sub(self.capacity);
        if self.tx.is_some() || !self.rxs.is_empty() {
            let recent = dropped.saturating_sub(2 * self.capacity);
            for (position, number) in self.sent.iter().enumerate().skip(recent) {
                assert_eq!(value::is_dropped(*number), position < dropped, "the value at {position}");
            }
        }
        let stats = match (&self.tx, self.rxs.first()) {
            (Some(tx), _) => {
                assert_eq!((tx.receivers(), tx.is_disconnected()), (self.rxs.len(), self.closed));
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
            None => assert!(self.rxs.is_empty()),
            Some(slowest) => {
                assert_eq!(slowest.behind, sent - received);
                let named = self.rxs.iter().find(|reading| reading.rx.id() == slowest.receiver);
                assert_eq!(named.map(|reading| reading.released), self.slowest());
            }
        }
    }
}
