//! What receivers do.

use super::{Cursor, HANDLES, Queue, Receiving, Slot, What, Who};
use crate::ends::{Rx, Tx};
use crate::input::Input;
use crate::value::{any_bomb, are_dropped, plan, planned};
use ringway::{RecvTimeoutError, TryRecvError};
use std::mem;
use std::ops::Range;
use std::time::Duration;

enum Expected {
    /// As many as this; the flag says that no fewer will do.
    Ready(usize, bool),
    Empty,
    Closed,
}

impl<S: Tx, R: Rx> Queue<S, R> {
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

    pub(super) fn receive(&mut self, input: &mut Input<'_>, timed: bool) {
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

    pub(super) fn drain(&mut self, input: &mut Input<'_>) {
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

    pub(super) fn batch(&mut self, input: &mut Input<'_>) {
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
                            assert_eq!(committed.is_none(), any_bomb(&numbers));
                            assert!(are_dropped(&numbers));
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

    pub(super) fn clone_receiver(&mut self, input: &mut Input<'_>) {
        let Some(receiving) = self.receiver(input) else { return };
        if let Some(rx) = receiving.rx.another().filter(|_| self.receivers < HANDLES) {
            self.receivers += 1;
            self.rxs.push(Receiving { rx, cursor: Cursor::default() });
        }
        self.rxs.push(receiving);
    }

    pub(super) fn drop_receiver(&mut self, which: usize) {
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
        assert_eq!(planned(|| drop(rx)).is_none(), any_bomb(&numbers));
        assert!(are_dropped(&numbers));
    }
}
