//! The duty cycle itself.

use super::{Cycle, Duty, PanicPolicy};
use crate::measure::Residence;
use crate::sync::{Deadline, caught};
use crate::wait::{Await, Event, Wait, until};
use core::time::Duration;
use std::time::Instant;

/// The most timers that fire in one cycle; the others fire in the next.
const TIMERS_A_CYCLE: usize = 256;

/// How long a worker waits before it offers a handler again what it left in its inbox.
const OFFER_AGAIN: Duration = Duration::from_millis(1);

/// A duty with what only inboxes have to say.
pub(crate) trait Task: Duty {
    /// What wakes it, if it brings an event of its own.
    fn event(&self) -> Option<Event> {
        None
    }

    /// Whether other workers sleep on its event too, so that it is the one to keep.
    fn shares_event(&self) -> bool {
        false
    }

    /// Lets it wake `event` instead; false if it cannot.
    fn move_event(&mut self, _event: &Event) -> bool {
        true
    }

    fn keep_percentiles(&mut self) {}

    fn residence(&self) -> Option<&Residence> {
        None
    }

    /// After its `run` has panicked: sees to it that the same message does not come again. Gives the number taken.
    fn recover(&mut self) -> usize {
        0
    }

    /// What its last `run` found, if that did nothing.
    fn standing(&self) -> Standing {
        Standing::Idle
    }

    /// Lets no more messages in.
    fn close(&mut self) {}

    /// Whether it is a duty without an inbox, and so never ends by itself.
    fn is_endless(&self) -> bool {
        false
    }
}

/// Why a run did nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// There was nothing to do.
    Idle,
    /// There was, and it was left.
    Left,
    /// There will never be anything again.
    Ended,
}

/// A user's duty as a task.
pub(super) struct Plain<D>(pub(super) D);

impl<D: Duty> Duty for Plain<D> {
    fn run(&mut self, cx: &mut Cycle) -> usize {
        self.0.run(cx)
    }

    fn on_start(&mut self, cx: &mut Cycle) {
        self.0.on_start(cx);
    }

    fn on_timer(&mut self, timer: super::TimerId, cx: &mut Cycle) {
        self.0.on_timer(timer, cx);
    }

    fn on_cycle_end(&mut self, cx: &mut Cycle) {
        self.0.on_cycle_end(cx);
    }

    fn on_idle(&mut self, cx: &mut Cycle) {
        self.0.on_idle(cx);
    }

    fn on_stop(&mut self, cx: &mut Cycle) {
        self.0.on_stop(cx);
    }
}

impl<D: Duty> Task for Plain<D> {
    fn is_endless(&self) -> bool {
        true
    }
}

/// A task and what the worker knows of it.
pub(super) struct Seat {
    pub(super) task: Box<dyn Task>,
    pub(super) ended: bool,
    /// Its handler left messages and took none: it is not run before this.
    pub(super) rests_until: Option<Instant>,
}

pub(super) struct Runner {
    pub(super) seats: Vec<Seat>,
    pub(super) cycle: Cycle,
    pub(super) wait: Wait,
    pub(super) policy: PanicPolicy,
    /// Figures that only this thread adds to; the board shows copies.
    pub(super) tally: Tally,
}

#[derive(Default)]
pub(super) struct Tally {
    received: u64,
    cycles: u64,
    parks: u64,
    faults: u64,
    busy: Duration,
    /// The last cycle did something: the time until the next one begins was spent on it.
    busy_since: Option<Instant>,
    /// When the first of those who rest is run again.
    offer_at: Option<Instant>,
    closing: bool,
}

impl Runner {
    /// Runs until the inboxes are closed and drained, or somebody stops the worker.
    pub(super) fn run(mut self) {
        let began = Instant::now();
        self.each(|task, cx| task.on_start(cx));
        let event = self.cycle.event.clone();
        while !self.is_over() {
            // None: a timer is due, or a handler is offered its messages again. The next cycle sees to it.
            until(self.wait, &event, &mut self);
        }
        self.each(|task, cx| task.on_stop(cx));
        self.leave(began);
    }

    /// Shows the last figures, and lets the inboxes go before anybody learns that the worker has ended.
    fn leave(mut self, began: Instant) {
        let mut residence: Option<Residence> = None;
        for theirs in self.seats.iter().filter_map(|seat| seat.task.residence()) {
            residence.get_or_insert_with(Residence::new).merge(theirs);
        }
        // Dropping a handler or its messages runs user code.
        for seat in std::mem::take(&mut self.seats) {
            if caught(move || drop(seat)).is_none() {
                self.fault();
            }
        }
        self.account(Instant::now());
        let board = &self.cycle.board;
        board.lived_ns.set(nanos(began.elapsed()).max(1));
        if let Some(residence) = residence {
            // Set here only.
            let _ = board.residence.set(residence.percentiles());
        }
    }

    /// One turn: every duty, the timers that are due, and the end of the cycle. Gives the work done.
    fn turn(&mut self) -> usize {
        let now = Instant::now();
        self.account(now);
        self.cycle.now = now;
        if self.cycle.board.is_asked_to_close() && !self.tally.closing {
            self.close();
        }
        let mut work = 0;
        for index in 0..self.seats.len() {
            work += self.run_one(index);
        }
        work += self.fire_timers();
        self.tally.cycles += 1;
        if work > 0 {
            self.tally.busy_since = Some(now);
            self.each(|task, cx| task.on_cycle_end(cx));
        } else {
            self.each(|task, cx| task.on_idle(cx));
        }
        work
    }

    fn run_one(&mut self, index: usize) -> usize {
        let Some(seat) = self.seats.get_mut(index).filter(|seat| !seat.ended) else { return 0 };
        let now = self.cycle.now;
        if let Some(until) = seat.rests_until.filter(|until| now < *until) {
            self.tally.offer_at = Some(self.tally.offer_at.map_or(until, |first| first.min(until)));
            return 0;
        }
        seat.rests_until = None;
        self.cycle.duty = index as u32;
        let task = &mut seat.task;
        // After a panic the task is recovered, and the ring is valid at every point.
        let (taken, panicked) = match caught(|| task.run(&mut self.cycle)) {
            Some(taken) => (taken, false),
            // The message that is discarded may panic once more when it is dropped; it is gone all the same.
            None => (caught(|| task.recover()).unwrap_or(0), true),
        };
        if !task.is_endless() {
            self.tally.received += taken as u64;
            // At once: whoever accounts for messages must not wait for callbacks that are still to come.
            self.cycle.board.received.set(self.tally.received);
            // As the run itself found it: what arrives later is no reason to rest.
            match task.standing() {
                Standing::Left if taken == 0 && !panicked => {
                    let until = now + OFFER_AGAIN;
                    seat.rests_until = Some(until);
                    self.tally.offer_at = Some(self.tally.offer_at.map_or(until, |first| first.min(until)));
                }
                standing => seat.ended = standing == Standing::Ended,
            }
        }
        if panicked {
            self.fault();
        }
        // A panic is work too: the next message is not kept waiting.
        taken.max(usize::from(panicked))
    }

    fn fire_timers(&mut self) -> usize {
        if self.cycle.timers.is_empty() {
            return 0;
        }
        self.cycle.timers.advance(self.cycle.now);
        let mut fired = 0;
        while fired < TIMERS_A_CYCLE {
            let Some((owner, timer)) = self.cycle.timers.pop_due() else { break };
            fired += 1;
            self.with(owner as usize, |task, cx| task.on_timer(timer, cx));
        }
        fired
    }

    /// Calls `f` for every duty; a panic ends that call only.
    fn each(&mut self, f: impl Fn(&mut dyn Task, &mut Cycle)) {
        for index in 0..self.seats.len() {
            self.with(index, &f);
        }
    }

    fn with(&mut self, index: usize, f: impl FnOnce(&mut dyn Task, &mut Cycle)) {
        let Some(seat) = self.seats.get_mut(index) else { return };
        self.cycle.duty = index as u32;
        let task = &mut *seat.task;
        if caught(|| f(task, &mut self.cycle)).is_none() {
            self.fault();
        }
    }

    fn fault(&mut self) {
        self.tally.faults += 1;
        if self.policy == PanicPolicy::Stop {
            self.cycle.stop();
        }
    }

    fn close(&mut self) {
        self.tally.closing = true;
        for seat in &mut self.seats {
            seat.task.close();
        }
    }

    fn is_over(&self) -> bool {
        if self.cycle.is_stopping() {
            return true;
        }
        let endless = self.seats.iter().any(|seat| seat.task.is_endless()) && !self.tally.closing;
        !endless && self.seats.iter().all(|seat| seat.ended || seat.task.is_endless())
    }

    /// Adds up what the last cycle cost, and shows the figures.
    fn account(&mut self, now: Instant) {
        let tally = &mut self.tally;
        if let Some(since) = tally.busy_since.take() {
            tally.busy += now.saturating_duration_since(since);
        }
        let board = &self.cycle.board;
        board.received.set(tally.received);
        board.cycles.set(tally.cycles);
        board.parks.set(tally.parks);
        board.faults.set(tally.faults);
        board.busy_ns.set(nanos(tally.busy));
    }
}

impl Await for Runner {
    type Output = ();

    fn attempt(&mut self) -> Option<()> {
        self.tally.offer_at = None;
        (self.turn() > 0 || self.is_over()).then_some(())
    }

    fn deadline(&self) -> Deadline {
        match (self.cycle.timers.next_deadline(), self.tally.offer_at) {
            (Some(timer), Some(offer)) => Deadline::at(timer.min(offer)),
            (Some(at), None) | (None, Some(at)) => Deadline::at(at),
            (None, None) => Deadline::NEVER,
        }
    }

    fn parking(&mut self) {
        self.tally.parks += 1;
        self.account(Instant::now());
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
