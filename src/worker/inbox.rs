//! A receiver and its handler, as a duty.

use super::run::{Standing, Task};
use super::{Cycle, Duty, Handler, TimerId};
use crate::channel::Source;
use crate::measure::{Residence, clock};
use crate::wait::Event;
use core::time::Duration;
use std::time::Instant;

/// How often a message is asked how long it has waited.
const SAMPLE_EVERY: Duration = Duration::from_micros(100);

pub(crate) struct InboxDuty<S, H> {
    source: S,
    handler: H,
    /// Messages taken when the handler was last called.
    before: u64,
    standing: Standing,
    /// None when percentiles are off.
    residence: Option<Residence>,
    sampled: Option<Instant>,
}

impl<S: Source, H: Handler<S::Item>> InboxDuty<S, H> {
    pub(crate) fn new(source: S, handler: H) -> Self {
        let before = source.taken();
        Self { source, handler, before, standing: Standing::Idle, residence: None, sampled: None }
    }

    fn sample(&mut self, now: Instant) {
        if self.sampled.is_none_or(|last| now.saturating_duration_since(last) >= SAMPLE_EVERY) {
            self.sampled = Some(now);
            self.source.arm_probe();
        }
    }
}

impl<S, H> Duty for InboxDuty<S, H>
where
    S: Source + Send,
    H: Handler<S::Item>,
{
    #[inline]
    fn run(&mut self, cx: &mut Cycle) -> usize {
        self.before = self.source.taken();
        // A clock reading is as dear as a message: only while a sample is on its way.
        let began = self.source.is_marked().then(clock::now);
        match self.source.try_batch(cx.batch()) {
            Ok(mut batch) => {
                self.standing = Standing::Left;
                self.handler.on_batch(&mut batch, cx);
            }
            Err(error) => {
                self.standing = if error.is_disconnected() { Standing::Ended } else { Standing::Idle };
                return 0;
            }
        }
        if let Some(residence) = &mut self.residence {
            if let (Some(began), Some(sent)) = (began, began.and_then(|_| self.source.take_mark())) {
                residence.record(clock::between(sent, began));
            }
            self.sample(cx.now());
        }
        self.source.taken().wrapping_sub(self.before) as usize
    }

    fn on_start(&mut self, cx: &mut Cycle) {
        self.handler.on_start(cx);
    }

    fn on_timer(&mut self, timer: TimerId, cx: &mut Cycle) {
        self.handler.on_timer(timer, cx);
    }

    fn on_cycle_end(&mut self, cx: &mut Cycle) {
        self.handler.on_cycle_end(cx);
    }

    fn on_idle(&mut self, cx: &mut Cycle) {
        self.handler.on_idle(cx);
    }

    fn on_stop(&mut self, cx: &mut Cycle) {
        self.handler.on_stop(cx);
    }
}

impl<S, H> Task for InboxDuty<S, H>
where
    S: Source + Send,
    H: Handler<S::Item>,
{
    fn event(&self) -> Option<Event> {
        Some(self.source.event())
    }

    fn shares_event(&self) -> bool {
        self.source.shares_event()
    }

    fn move_event(&mut self, event: &Event) -> bool {
        self.source.move_event(event)
    }

    fn keep_percentiles(&mut self) {
        self.residence = Some(Residence::new());
    }

    fn residence(&self) -> Option<&Residence> {
        self.residence.as_ref()
    }

    fn recover(&mut self) -> usize {
        let taken = self.source.taken().wrapping_sub(self.before) as usize;
        if taken == 0 {
            // Nothing was taken, so it was the first message that the handler could not bear.
            self.source.discard();
        }
        taken
    }

    fn standing(&self) -> Standing {
        self.standing
    }

    fn close(&mut self) {
        self.source.close();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Worker, each};
    use super::*;
    use crate::{mpmc, mpsc};

    struct Once<F>(F);

    impl<F: FnMut(&mut Cycle) + Send> Duty for Once<F> {
        fn run(&mut self, cx: &mut Cycle) -> usize {
            (self.0)(cx);
            cx.stop();
            1
        }
    }

    /// An empty run, a message that arrives after it, and the run that finds it.
    fn assert_idle_then_busy(duty: &mut impl Task, cx: &mut Cycle, arrive: impl FnOnce()) {
        assert_eq!(duty.run(cx), 0);
        arrive();
        assert_eq!(duty.standing(), Standing::Idle);
        assert_eq!(duty.run(cx), 1);
    }

    /// A message that arrives just after an empty look is none that the handler has left: the worker must not rest.
    #[test]
    fn an_empty_run_is_idle_whatever_arrives_after_it() {
        let (mut tx, rx) = mpsc::channel(8);
        let (mut shared_tx, shared_rx) = mpmc::channel(8);
        let (mut one, mut two) = (InboxDuty::new(rx, each(drop)), InboxDuty::new(shared_rx, each(drop)));
        let worker = Worker::builder().duty(Once(move |cx: &mut Cycle| {
            assert_idle_then_busy(&mut one, cx, || tx.try_send(1).unwrap());
            assert_idle_then_busy(&mut two, cx, || shared_tx.try_send(1).unwrap());
        }));
        assert_eq!(worker.start().unwrap().join().faults, 0);
    }
}
