//! What senders do.

use super::{HANDLES, Queue, Sending, Slot, What, Who};
use crate::ends::{Rx, Tx};
use crate::input::Input;
use crate::offer::Offer;
use crate::value::{Value, any_bomb, are_dropped, is_dropped, plan, planned};
use ringway::{ReserveError, SendTimeoutError, TrySendError};
use std::mem;
use std::ops::Range;
use std::time::Duration;

impl<S: Tx, R: Rx> Queue<S, R> {
    /// What every call of a sender does first; true if it drops a bomb.
    fn settle(&mut self, sending: &mut Sending<S>) -> bool {
        let Some((run, values)) = sending.forgotten.take() else { return false };
        self.give_up(run);
        any_bomb(&values)
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
        let value = Value::make(input);
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
            None => assert!(is_dropped(number)),
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
        let mut offer = Offer::make(input);
        let bomb = self.settle(&mut sending);
        let result = planned(|| sending.tx.try_send_iter(&mut offer));
        let room = if bomb || self.closed { 0 } else { offer.wants().min(self.free()) };
        let (expected, panics) = offer.fills(room);
        match result {
            None => assert!(bomb || panics),
            Some(Err(_)) => assert!(!bomb && self.closed),
            Some(Ok(sent)) => assert_eq!((sent, bomb, self.closed, panics), (expected, false, false, false)),
        }
        self.publish(&offer.numbers[..expected], room - expected);
        assert_eq!(offer.end(), expected, "taken from the iterator");
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
                    let value = Value::make(input);
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
                        assert_eq!(dropped.is_none(), any_bomb(&pushed));
                        assert!(are_dropped(&pushed));
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
                        assert!(are_dropped(&pushed));
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
            bomb |= self.log.iter().any(|slot| matches!(slot.what, What::Value(n) if any_bomb(&[n])));
        }
        assert_eq!(planned(|| drop(sending)).is_none(), bomb);
    }
}
