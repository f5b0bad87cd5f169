//! What receivers do.

use super::{Broadcast, RECEIVERS, Reading};
use crate::input::Input;
use crate::value::{Value, plan, planned};
use ringway::broadcast::{RecvTimeoutError, TryRecvError};
use std::mem;
use std::time::Duration;

impl Reading {
    /// What was gone past is given back.
    fn release(&mut self) {
        self.place.released = self.head;
    }
}

impl Broadcast {
    /// Takes a receiver out for a call, which gives back first what it has gone past.
    fn reader(&mut self, which: usize) -> Option<Reading> {
        let mut reading = (!self.rxs.is_empty()).then(|| self.rxs.swap_remove(which % self.rxs.len()))?;
        reading.release();
        Some(reading)
    }

    /// How far a receiver may read. (It is not among the others now.)
    fn limit(&self, reading: &Reading) -> usize {
        if reading.place.ended {
            return reading.head;
        }
        let before = self.active().filter(|other| reading.after.contains(&other.name));
        before.map(|other| other.released).min().unwrap_or(self.sent.len()).max(reading.head)
    }

    /// Whether it has to be told that all is over, which is final.
    fn is_over(&self, reading: &Reading) -> bool {
        reading.place.ended || (self.closed && reading.head == self.sent.len())
    }

    pub(super) fn drain(&mut self, input: &mut Input<'_>) {
        let Some(mut reading) = self.reader(input.below(RECEIVERS)) else { return };
        let (max, panics_at) = (input.below(20), input.below(24));
        let most = (self.limit(&reading) - reading.head).min(max);
        reading.place.ended = self.is_over(&reading);
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
        reading.release();
        self.rxs.push(reading);
    }

    pub(super) fn batch(&mut self, input: &mut Input<'_>) {
        let Some(mut reading) = self.reader(input.below(RECEIVERS)) else { return };
        let max = input.below(20);
        let (limit, over) = (self.limit(&reading), self.is_over(&reading));
        reading.place.ended = over;
        match reading.rx.try_batch(max) {
            Err(TryRecvError::Disconnected) => assert!(over, "not over"),
            Err(_) => assert!(!over && (max == 0 || limit == reading.head), "not empty"),
            Ok(mut batch) => {
                let end = reading.head + batch.len();
                assert!(batch.len() <= max && end <= limit && !batch.is_empty());
                self.lending.push(reading.place);
                for _ in 0..input.below(6) {
                    let left = end - reading.head;
                    match input.below(6) {
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
                        _ => self.nested(input),
                    }
                    assert!(batch.iter().map(Value::number).eq(self.sent[reading.head..end].iter().copied()));
                }
                // Those further in have taken theirs off.
                self.lending.pop();
                if input.below(4) == 3 {
                    mem::forget(batch);
                } else {
                    drop(batch);
                    reading.place.released = reading.head;
                }
            }
        }
        self.rxs.push(reading);
    }

    /// A clone of the next message, at once or not at all.
    pub(super) fn receive(&mut self, which: usize, timed: bool) {
        let Some(mut reading) = self.reader(which) else { return };
        let next = self.sent[..self.limit(&reading)].get(reading.head).copied();
        let over = self.is_over(&reading);
        reading.place.ended = over;
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
                reading.release();
            }
            Err(error) => assert!(next.is_none() && over == (error == TryRecvError::Disconnected)),
        }
        self.rxs.push(reading);
    }
}
