//! A handler that does whatever a handler may do.

use crate::ledger::{Ledger, Message};
use crate::plan::{Manners, Random};
use crate::pool::mark;
use ringway::{Batch, Cycle, Handler, TimerId};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::sleep;
use std::time::Duration;

/// What order somebody expects of the messages he sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Of each sender and key, every one.
    Gapless,
    /// Of each sender and key, ever later ones; but for those that others have passed on.
    Rising,
}

/// Looks at the order of messages.
pub(crate) struct Witness {
    ledger: Arc<Ledger>,
    order: Order,
    /// By sender and key: what comes next.
    next: Vec<Vec<u64>>,
}

impl Witness {
    pub(crate) fn new(ledger: &Arc<Ledger>, order: Order) -> Self {
        Self { ledger: Arc::clone(ledger), order, next: Vec::new() }
    }

    pub(crate) fn note(&mut self, message: &Message) {
        if self.next.len() <= message.sender() {
            self.next.resize_with(message.sender() + 1, Vec::new);
        }
        let keys = &mut self.next[message.sender()];
        if keys.len() <= message.key {
            keys.resize(message.key + 1, 0);
        }
        let next = &mut keys[message.key];
        let holds = match self.order {
            Order::Gapless => message.sequence == *next,
            Order::Rising if message.was_passed_on() => return,
            Order::Rising => message.sequence >= *next,
        };
        self.ledger.expect(holds, || {
            let (sender, key, sequence) = (message.sender(), message.key, message.sequence);
            format!("order of sender {sender}, key {key}: {sequence} where {next} was expected ({:?})", self.order)
        });
        *next = message.sequence + 1;
    }
}

pub(crate) struct Unruly {
    ledger: Arc<Ledger>,
    witness: Witness,
    manners: Manners,
    random: Random,
    /// Its worker may end before the channel: what it leaves may be seen by others.
    may_pass_on: bool,
    taken: u64,
}

impl Unruly {
    pub(crate) fn new(ledger: &Arc<Ledger>, order: Order, manners: Manners, random: Random, may_pass_on: bool) -> Self {
        let witness = Witness::new(ledger, order);
        Self { ledger: Arc::clone(ledger), witness, manners, random, may_pass_on, taken: 0 }
    }

    fn take(&mut self, message: &Message) {
        message.see();
        self.witness.note(message);
        self.taken += 1;
    }

    /// Is done with `n` messages in place.
    fn commit(&mut self, batch: &mut Batch<'_, Message>, n: usize) {
        let (first, second) = batch.as_slices();
        first.iter().chain(second).take(n).for_each(|message| self.take(message));
        if n == batch.len() && self.random.one_in(2) {
            batch.commit_all();
        } else {
            batch.commit(n);
        }
    }

    /// Whatever is left from the `kept`th on may go to somebody else.
    fn mark(&self, batch: &Batch<'_, Message>, kept: usize) {
        if self.may_pass_on {
            mark(batch, kept);
        }
    }

    fn stall(&mut self) {
        if self.random.one_in(self.manners.stalls) {
            sleep(Duration::from_micros(self.random.pick(&[50, 200, 1000, 5000])));
        }
    }

    /// Takes `n`, in one of many ways.
    fn work(&mut self, batch: &mut Batch<'_, Message>, n: usize) {
        match self.random.below(5) {
            0 => {
                for _ in 0..n {
                    if let Some(message) = batch.next() {
                        self.take(&message);
                    }
                }
            }
            1 if n == batch.len() => batch.take_all(|message| self.take(&message)),
            2 => batch.by_ref().take(n).for_each(|message| self.take(&message)),
            3 => {
                let taken = self.random.below(n + 1);
                batch.by_ref().take(taken).for_each(|message| self.take(&message));
                self.commit(batch, n - taken);
            }
            _ => self.commit(batch, n),
        }
    }
}

impl Handler<Message> for Unruly {
    fn on_start(&mut self, cx: &mut Cycle) {
        if cx.every(Duration::from_millis(3)).is_err() {
            self.ledger.violation("no timer is free at the start".to_owned());
        }
    }

    fn on_batch(&mut self, batch: &mut Batch<'_, Message>, cx: &mut Cycle) {
        self.stall();
        let waiting = batch.len();
        if waiting == 0 || waiting > cx.batch() {
            self.ledger.violation(format!("a batch of {waiting}, at most {} were asked for", cx.batch()));
        }
        if self.random.one_in(self.manners.leaves) {
            return self.mark(batch, 0);
        }
        if self.random.one_in(self.manners.panics) {
            let taken = self.random.below(waiting + 1);
            self.mark(batch, taken);
            if taken == 0 {
                // It will be gone; so the order goes on after it.
                self.witness.note(&batch.as_slices().0[0]);
                self.ledger.discarded.fetch_add(1, Relaxed);
            } else {
                self.work(batch, taken);
            }
            self.ledger.panic();
        }
        let taken = if self.random.one_in(3) { self.random.between(1, waiting) } else { waiting };
        self.mark(batch, taken);
        if self.random.one_in(self.manners.stops) {
            cx.stop();
        }
        self.work(batch, taken);
    }

    fn on_timer(&mut self, _timer: TimerId, _cx: &mut Cycle) {
        if self.random.one_in(self.manners.panics) {
            self.ledger.panic();
        }
    }

    fn on_stop(&mut self, cx: &mut Cycle) {
        self.ledger.stayed.fetch_add(u64::from(!cx.is_stopping()), Relaxed);
    }

    fn on_cycle_end(&mut self, _cx: &mut Cycle) {
        if self.random.one_in(self.manners.panics * 4) {
            self.ledger.panic();
        }
    }
}

impl Drop for Unruly {
    fn drop(&mut self) {
        self.ledger.handled.fetch_add(self.taken, Relaxed);
        self.ledger.handlers_gone.fetch_add(1, std::sync::atomic::Ordering::Release);
    }
}
