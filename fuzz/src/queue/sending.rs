//! What senders do.

use super::{HANDLES, Queue, Sending, Slot, What, Who};
use crate::ends::{Rx, Tx};
use crate::input::Input;
use crate::value::{self, Value, plan, planned};
use ringway::{MAX_BATCH, ReserveError, SendTimeoutError, TrySendError};
use std::collections::VecDeque;
use std::mem;
use std::ops::Range;
use std::time::Duration;

impl<S: Tx, R: Rx> Queue<S, R> {
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

    pub(super) fn send(&mut self, input: &mut Input<'_>, timed: bool) {
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

    pub(super) fn send_iter(&mut self, input: &mut Input<'_>) {
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

    pub(super) fn reserve(&mut self, input: &mut Input<'_>) {
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

    pub(super) fn clone_sender(&mut self, input: &mut Input<'_>) {
        let Some(sending) = self.sender(input) else { return };
        if let Some(tx) = sending.tx.another().filter(|_| self.senders < HANDLES) {
            self.senders += 1;
            self.txs.push(Sending { tx, forgotten: None });
        }
        self.txs.push(sending);
    }

    pub(super) fn drop_sender(&mut self, which: usize) {
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
