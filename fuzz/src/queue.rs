//! Channels where each message goes to one receiver, beside a model that knows every position: who owns it, and what
//! is in it.

use crate::ends::{End, Rx, Tx};
use crate::input::Input;
use crate::value::{self, Value, plan, planned};
use ringway::{MAX_BATCH, RecvTimeoutError, ReserveError, SendTimeoutError, TryRecvError, TrySendError};
use std::collections::VecDeque;
use std::mem;
use std::ops::Range;
use std::time::Duration;

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

enum Expected {
    /// As many as this; the flag says that no fewer will do.
    Ready(usize, bool),
    Empty,
    Closed,
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
    /// Of each value made so far.
    bombs: Vec<bool>,
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
        bombs: Vec::new(),
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

    fn make(&mut self, input: &mut Input<'_>) -> Value {
        let bomb = input.below(8) == 7;
        self.bombs.push(bomb);
        Value::new(bomb)
    }

    fn any_bomb(&self, numbers: &[u32]) -> bool {
        numbers.iter().any(|number| self.bombs[*number as usize])
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
            11 => self.send(input, true),
            _ => self.receive(input, true),
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

    // Sending.

    /// What every call of a sender does first; true if it drops a bomb.
    fn settle(&mut self, sending: &mut Sending<S>) -> bool {
        let Some((run, values)) = sending.forgotten.take() else { return false };
        self.give_up(run);
        self.any_bomb(&values)
    }

    fn give_up(&mut self, run: Range<usize>) {
        self.aborted += run.len() as u64;
        if self.kind.marks {
            run.for_each(|position| self.slot(position).what = What::Skip);
        }
    }

    /// Appends what was sent, and marks of what was claimed beyond.
    fn publish(&mut self, numbers: &[u32], given_up: usize) {
        for number in numbers {
            self.log.push_back(Slot { what: What::Value(*number), who: Who::Nobody });
            self.mirror_push(*number);
        }
        self.aborted += given_up as u64;
        if self.kind.marks {
            self.log.extend((0..given_up).map(|_| Slot { what: What::Skip, who: Who::Nobody }));
        }
    }

    fn mirror_push(&mut self, number: u32) {
        if let Some((tx, _)) = &mut self.mirror {
            assert_eq!(tx.push(number), Ok(()), "rtrb has no room");
        }
    }

    fn send(&mut self, input: &mut Input<'_>, timed: bool) {
        let Some(mut sending) = self.sender(input) else { return };
        let value = self.make(input);
        let number = value.number();
        let bomb = self.settle(&mut sending);
        let sent = planned(|| {
            if timed {
                sending.tx.send_timeout(value, Duration::ZERO).map_err(|error| match error {
                    SendTimeoutError::Timeout(value) => TrySendError::Full(value),
                    SendTimeoutError::Disconnected(value) => TrySendError::Disconnected(value),
                })
            } else {
                sending.tx.try_send(value)
            }
        });
        assert_eq!(sent.is_none(), bomb);
        match sent {
            None => assert!(value::is_dropped(number)),
            Some(Ok(())) => {
                assert!(!self.closed && self.free() > 0, "sent, though there was no room");
                self.publish(&[number], 0);
            }
            Some(Err(TrySendError::Full(value))) => {
                assert_eq!((self.closed, self.free(), value.into_number()), (false, 0, number));
            }
            Some(Err(TrySendError::Disconnected(value))) => {
                assert_eq!((self.closed, value.into_number()), (true, number));
            }
        }
        self.txs.push(sending);
    }

    fn send_iter(&mut self, input: &mut Input<'_>) {
        let Some(mut sending) = self.sender(input) else { return };
        let n = input.below(24);
        let values: VecDeque<_> = (0..n).map(|_| self.make(input)).collect();
        let numbers: Vec<_> = values.iter().map(Value::number).collect();
        let lie = input.below(24);
        let hint = match input.below(8) {
            0..=2 => (n, Some(n)),
            3 => (0, None),
            4 => (lie, Some(lie)),
            5 => (lie, None),
            6 => (usize::MAX, Some(lie)),
            _ => (0, Some(lie)),
        };
        let panics_at = Some(input.below(32)).filter(|at| *at < n);
        let mut values = Values { values, hint, given: 0, panics_at };
        let bomb = self.settle(&mut sending);
        let result = planned(|| sending.tx.try_send_iter(&mut values));
        // As the documentation has it: exact lengths are believed, others up to a batch.
        let want = match hint {
            (lower, Some(upper)) if lower == upper => upper,
            (lower, upper) => upper.unwrap_or(usize::MAX).min(lower.max(MAX_BATCH)),
        };
        let room = want.min(self.free());
        let expected = room.min(n).min(panics_at.unwrap_or(n));
        if bomb {
            assert!(result.is_none() && values.given == 0);
        } else if self.closed {
            assert!(matches!(result, Some(Err(_))) && values.given == 0);
        } else {
            assert_eq!(values.given, expected, "taken from the iterator");
            match result {
                None => assert!(panics_at.is_some_and(|at| at < room)),
                Some(sent) => assert_eq!(sent, Ok(expected)),
            }
            self.publish(&numbers[..expected], room - expected);
        }
        values.values.into_iter().for_each(|value| _ = value.into_number());
        self.txs.push(sending);
    }

    fn reserve(&mut self, input: &mut Input<'_>) {
        let Some(mut sending) = self.sender(input) else { return };
        let n = input.below(self.capacity + 2);
        let bomb = self.settle(&mut sending);
        let (free, closed, capacity) = (self.free(), self.closed, self.capacity);
        match planned(|| sending.tx.try_reserve(n)) {
            None => assert!(bomb),
            Some(Err(error)) => {
                assert!(!bomb);
                match error {
                    ReserveError::TooLarge => assert!(n > capacity),
                    ReserveError::Disconnected => assert!(closed && n <= capacity),
                    ReserveError::TooFew { free: told } => {
                        assert!(!closed && n <= capacity && n > free && told == free)
                    }
                }
            }
            Some(Ok(mut slots)) => {
                assert!(!bomb && !closed && n <= free);
                let run = self.tail()..self.tail() + n;
                if self.kind.marks {
                    self.log.extend((0..n).map(|_| Slot { what: What::Open, who: Who::Nobody }));
                }
                let mut pushed = Vec::new();
                for _ in 0..input.below(n + 2) {
                    let value = self.make(input);
                    let number = value.number();
                    match slots.push(value) {
                        Ok(()) => pushed.push(number),
                        Err(value) => assert_eq!((pushed.len(), value.into_number()), (n, number)),
                    }
                }
                assert_eq!((slots.len(), slots.remaining()), (n, n - pushed.len()));
                let (end, nested) = (input.below(4), input.below(4));
                for _ in 0..nested {
                    self.nested(input);
                }
                match end {
                    0 => {
                        slots.commit();
                        if self.kind.marks {
                            for (position, number) in run.clone().zip(&pushed) {
                                self.slot(position).what = What::Value(*number);
                            }
                            self.give_up(run.start + pushed.len()..run.end);
                        } else {
                            self.publish(&pushed, n - pushed.len());
                        }
                    }
                    1 => {
                        let dropped = planned(|| drop(slots));
                        assert_eq!(dropped.is_none(), self.any_bomb(&pushed));
                        assert!(pushed.iter().all(|number| value::is_dropped(*number)));
                        self.give_up(run);
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
                        self.give_up(run);
                    }
                    _ => {
                        mem::forget(slots);
                        sending.forgotten = (n > 0).then_some((run, pushed));
                    }
                }
            }
        }
        self.txs.push(sending);
    }

    fn clone_sender(&mut self, input: &mut Input<'_>) {
        let Some(sending) = self.sender(input) else { return };
        if let Some(tx) = sending.tx.another().filter(|_| self.senders < HANDLES) {
            self.senders += 1;
            self.txs.push(Sending { tx, forgotten: None });
        }
        self.txs.push(sending);
    }

    fn drop_sender(&mut self, which: usize) {
        if self.txs.is_empty() {
            return;
        }
        let mut sending = self.txs.swap_remove(which % self.txs.len());
        let mut bomb = self.settle(&mut sending);
        self.senders -= 1;
        self.closed |= self.senders == 0;
        if self.senders + self.receivers == 0 {
            // The channel goes, and what is still in it.
            bomb |= self.log.iter().any(|slot| matches!(slot.what, What::Value(n) if self.bombs[n as usize]));
        }
        assert_eq!(planned(|| drop(sending)).is_none(), bomb);
    }

    // Receiving.

    /// Gives back what was taken.
    fn release(&mut self, cursor: &mut Cursor) {
        for position in mem::replace(&mut cursor.released, cursor.head)..cursor.head {
            self.slot(position).who = Who::Done;
            self.received += 1;
        }
        self.pop_done();
    }

    fn pop_done(&mut self) {
        while self.log.front().is_some_and(|slot| slot.who == Who::Done) {
            self.log.pop_front();
            self.base += 1;
        }
    }

    /// The first run that was left.
    fn left(&self) -> Option<Range<usize>> {
        let start = self.log.iter().position(|slot| matches!(slot.who, Who::Left(_)))?;
        let len = self.log.iter().skip(start).take_while(|slot| slot.who == self.log[start].who).count();
        Some(self.base + start..self.base + start + len)
    }

    /// What a receiver has to find.
    fn poll(&mut self, cursor: &mut Cursor, max: usize) -> Expected {
        if cursor.ended {
            return Expected::Closed;
        }
        self.release(cursor);
        if cursor.ready > cursor.head {
            return Expected::Ready(max.min(cursor.ready - cursor.head), true);
        }
        if let Some(left) = self.left() {
            let mine = left.len().min(max);
            *cursor = Cursor { released: left.start, head: left.start, ready: left.start + mine, ended: false };
            (cursor.head..cursor.ready).for_each(|position| self.slot(position).who = Who::Receiver);
            return Expected::Ready(mine, true);
        }
        while self.head < self.tail() && self.slot(self.head).what == What::Skip {
            let head = self.head;
            self.slot(head).who = Who::Done;
            self.head += 1;
        }
        let values = self.log.iter().skip(self.head - self.base);
        let values = values.take_while(|slot| matches!(slot.what, What::Value(_))).take(max).count();
        self.pop_done();
        if values > 0 {
            (cursor.released, cursor.head, cursor.ready) = (self.head, self.head, self.head);
            return Expected::Ready(values, false);
        }
        if self.closed && self.log.is_empty() {
            cursor.ended = true;
            return Expected::Closed;
        }
        Expected::Empty
    }

    /// It got so many, which is as expected.
    fn claim(&mut self, cursor: &mut Cursor, expected: &Expected, len: usize) {
        let Expected::Ready(most, exact) = *expected else { panic!("{len} messages out of nowhere") };
        assert!(len == most || (!exact && len > 0 && len < most), "{len} messages instead of {most}");
        if cursor.ready == cursor.head {
            cursor.ready = cursor.head + len;
            (cursor.head..cursor.ready).for_each(|position| self.slot(position).who = Who::Receiver);
            self.head = cursor.ready;
        }
    }

    /// Where nobody competes, what was lent and not taken is nobody's afterwards.
    fn unclaim(&mut self, cursor: &mut Cursor) {
        if !self.kind.competing && cursor.ready > cursor.head {
            (cursor.head..cursor.ready).for_each(|position| self.slot(position).who = Who::Nobody);
            self.head = cursor.head;
            cursor.ready = cursor.head;
        }
    }

    fn number_at(&mut self, position: usize) -> u32 {
        match self.slot(position) {
            Slot { what: What::Value(number), who: Who::Receiver } => *number,
            slot => panic!("{slot:?} was received"),
        }
    }

    /// The receiver takes its next message; its number.
    fn take(&mut self, cursor: &mut Cursor) -> u32 {
        assert!(cursor.head < cursor.ready, "more than was lent");
        let number = self.number_at(cursor.head);
        cursor.head += 1;
        if let Some((_, rx)) = &mut self.mirror {
            assert_eq!(rx.pop(), Ok(number), "rtrb has something else");
        }
        number
    }

    fn receive(&mut self, input: &mut Input<'_>, timed: bool) {
        let Some(mut receiving) = self.receiver(input) else { return };
        let cursor = &mut receiving.cursor;
        let expected = self.poll(cursor, 1);
        let received = if timed {
            receiving.rx.recv_timeout(Duration::ZERO).map_err(|error| match error {
                RecvTimeoutError::Timeout => TryRecvError::Empty,
                RecvTimeoutError::Disconnected => TryRecvError::Disconnected,
            })
        } else {
            receiving.rx.try_recv()
        };
        match received {
            Ok(value) => {
                self.claim(cursor, &expected, 1);
                assert_eq!(value.into_number(), self.take(cursor));
                self.release(cursor);
            }
            Err(TryRecvError::Empty) => assert!(matches!(expected, Expected::Empty), "not empty"),
            Err(TryRecvError::Disconnected) => assert!(matches!(expected, Expected::Closed), "not over"),
        }
        self.rxs.push(receiving);
    }

    fn drain(&mut self, input: &mut Input<'_>) {
        let Some(mut receiving) = self.receiver(input) else { return };
        let (max, panics_at) = (input.below(20), input.below(24));
        let cursor = &mut receiving.cursor;
        let mut seen = Vec::new();
        if max == 0 {
            assert_eq!(receiving.rx.drain(0, |_| unreachable!()), 0);
            self.rxs.push(receiving);
            return;
        }
        let expected = self.poll(cursor, max);
        // How much would stay claimed after a panic is not told, unless it is known before.
        let may_panic = !self.kind.competing || matches!(expected, Expected::Ready(_, true));
        let drained = planned(|| {
            receiving.rx.drain(max, |value| {
                seen.push(value.into_number());
                if may_panic && seen.len() == panics_at + 1 {
                    plan();
                }
            })
        });
        match drained {
            Some(0) => assert!(matches!(expected, Expected::Empty | Expected::Closed), "nothing was drained"),
            Some(n) => {
                assert_eq!(n, seen.len());
                self.claim(cursor, &expected, n);
            }
            None => {
                assert_eq!(seen.len(), panics_at + 1);
                let claimed = match expected {
                    Expected::Ready(most, true) => most,
                    _ => seen.len(),
                };
                self.claim(cursor, &expected, claimed);
            }
        }
        for number in seen {
            assert_eq!(number, self.take(cursor));
        }
        self.unclaim(cursor);
        self.release(cursor);
        self.rxs.push(receiving);
    }

    fn batch(&mut self, input: &mut Input<'_>) {
        let Some(mut receiving) = self.receiver(input) else { return };
        let Receiving { rx, cursor } = &mut receiving;
        let max = input.below(20);
        if max == 0 {
            let over = self.closed && self.log.is_empty();
            let error = if over { TryRecvError::Disconnected } else { TryRecvError::Empty };
            assert_eq!(rx.try_batch(0).unwrap_err(), error);
            self.rxs.push(receiving);
            return;
        }
        let expected = self.poll(cursor, max);
        match rx.try_batch(max) {
            Err(TryRecvError::Empty) => assert!(matches!(expected, Expected::Empty), "not empty"),
            Err(TryRecvError::Disconnected) => assert!(matches!(expected, Expected::Closed), "not over"),
            Ok(mut batch) => {
                self.claim(cursor, &expected, batch.len());
                // What lies beyond the batch, in a claim that is longer, is not to be had.
                let end = cursor.head + batch.len();
                for _ in 0..input.below(6) {
                    let left = end - cursor.head;
                    match input.below(9) {
                        0 => match batch.next() {
                            Some(value) => assert_eq!(value.into_number(), self.take(cursor)),
                            None => assert_eq!(left, 0),
                        },
                        what @ 1..=2 => {
                            let n = if what == 1 { input.below(left + 1) } else { left };
                            let committed = planned(|| if what == 1 { batch.commit(n) } else { batch.commit_all() });
                            let numbers: Vec<_> = (0..n).map(|_| self.take(cursor)).collect();
                            assert_eq!(committed.is_none(), self.any_bomb(&numbers));
                            assert!(numbers.iter().all(|number| value::is_dropped(*number)));
                        }
                        what @ 3..=4 => {
                            let panics_at = if what == 3 { usize::MAX } else { input.below(16) };
                            let mut seen = Vec::new();
                            let taken = planned(|| {
                                batch.take_all(|value| {
                                    seen.push(value.into_number());
                                    if seen.len() - 1 == panics_at {
                                        plan();
                                    }
                                });
                            });
                            assert_eq!(taken.is_none(), panics_at < left);
                            assert_eq!(seen.len(), left.min(panics_at.saturating_add(1)));
                            for number in seen {
                                assert_eq!(number, self.take(cursor));
                            }
                        }
                        5 => {
                            for value in batch.by_ref().take(input.below(5)) {
                                assert_eq!(value.into_number(), self.take(cursor));
                            }
                        }
                        6 => {
                            let (first, second) = batch.as_mut_slices();
                            assert_eq!(first.len() + second.len(), left);
                        }
                        _ => self.nested(input),
                    }
                    assert_eq!(batch.len(), end - cursor.head);
                    let (first, second) = batch.as_slices();
                    for (position, value) in (cursor.head..end).zip(first.iter().chain(second)) {
                        assert_eq!(value.number(), self.number_at(position));
                    }
                }
                if input.below(4) == 3 {
                    mem::forget(batch);
                } else {
                    drop(batch);
                    self.release(cursor);
                }
                self.unclaim(cursor);
            }
        }
        self.rxs.push(receiving);
    }

    fn clone_receiver(&mut self, input: &mut Input<'_>) {
        let Some(receiving) = self.receiver(input) else { return };
        if let Some(rx) = receiving.rx.another().filter(|_| self.receivers < HANDLES) {
            self.receivers += 1;
            self.rxs.push(Receiving { rx, cursor: Cursor::default() });
        }
        self.rxs.push(receiving);
    }

    fn drop_receiver(&mut self, which: usize) {
        if self.rxs.is_empty() {
            return;
        }
        let Receiving { rx, mut cursor } = self.rxs.swap_remove(which % self.rxs.len());
        self.release(&mut cursor);
        if cursor.ready > cursor.head {
            self.runs_left += 1;
            let left = Who::Left(self.runs_left);
            (cursor.head..cursor.ready).for_each(|position| self.slot(position).who = left);
        }
        self.receivers -= 1;
        let mut numbers = Vec::new();
        if self.receivers == 0 {
            self.closed = true;
            self.mirror = None;
            cursor = Cursor::default();
            while let Expected::Ready(n, exact) = self.poll(&mut cursor, usize::MAX) {
                if !exact {
                    self.claim(&mut cursor, &Expected::Ready(n, false), n);
                }
                numbers.extend((0..n).map(|_| self.take(&mut cursor)));
                // As released, but nobody has received them.
                self.release(&mut cursor);
                self.received -= n as u64;
                self.dropped += n as u64;
            }
        }
        assert_eq!(planned(|| drop(rx)).is_none(), self.any_bomb(&numbers));
        assert!(numbers.iter().all(|number| value::is_dropped(*number)));
    }

    // Both.

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

/// An iterator that may lie about its length, and panic.
struct Values {
    values: VecDeque<Value>,
    hint: (usize, Option<usize>),
    given: usize,
    panics_at: Option<usize>,
}

impl Iterator for Values {
    type Item = Value;

    fn next(&mut self) -> Option<Value> {
        if self.panics_at == Some(self.given) {
            plan();
        }
        let value = self.values.pop_front()?;
        self.given += 1;
        Some(value)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.hint
    }
}
