//! `disruptor`, with events polled for, as the others are.

use crate::measure::ends::{Consuming, Producing};
use crate::measure::payload::Payload;
use disruptor::{BusySpin, EventPoller, MissingFreeSlots, MultiProducerBarrier, Producer, SingleProducerBarrier};
use std::ops::Range;

#[derive(Clone)]
pub(super) struct Publisher<P>(P);

pub(super) struct Poller<P>(P);

pub(super) fn one_to_one<M: Payload>(capacity: usize) -> (impl Producing<M>, impl Consuming<M>) {
    let (poller, builder) = disruptor::build_single_producer(capacity, M::default, BusySpin).new_event_poller();
    (Publisher(builder.build()), Poller(poller))
}

pub(super) fn many_to_one<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M>) {
    let (poller, builder) = disruptor::build_multi_producer(capacity, M::default, BusySpin).new_event_poller();
    (Publisher(builder.build()), Poller(poller))
}

pub(super) fn to_all<M: Payload>(capacity: usize, consumers: usize) -> (impl Producing<M>, Vec<impl Consuming<M>>) {
    let (first, builder) = disruptor::build_single_producer(capacity, M::default, BusySpin).new_event_poller();
    let (second, mut builder) = builder.new_event_poller();
    let mut pollers = vec![Poller(first), Poller(second)];
    for _ in 2..consumers {
        let (next, more) = builder.new_event_poller();
        pollers.push(Poller(next));
        builder = more;
    }
    (Publisher(builder.build()), pollers)
}

impl<M: Payload, P: Producer<M> + Send> Producing<M> for Publisher<P> {
    #[inline]
    fn one(&mut self, message: M) -> Result<(), M> {
        self.0.try_publish(|slot| *slot = message).map(|_| ()).map_err(|_| message)
    }

    #[inline]
    fn many(&mut self, burst: Range<u64>, make: impl Fn(u64) -> M) -> u64 {
        let wanted = burst.end - burst.start;
        let mut publish = |n: u64| {
            let numbers = burst.clone();
            let published = self.0.try_batch_publish(n as usize, |slots| {
                slots.zip(numbers).for_each(|(slot, number)| *slot = make(number));
            });
            published.map(|_| n)
        };
        publish(wanted).unwrap_or_else(|MissingFreeSlots(missing)| match wanted.saturating_sub(missing) {
            0 => 0,
            room => publish(room).unwrap_or(0),
        })
    }
}

/// What its barriers have in common is not public.
macro_rules! polling {
    ($($barrier:ty),*) => { $(
        impl<M: Payload> Consuming<M> for Poller<EventPoller<M, $barrier>> {
            #[inline]
            fn one(&mut self, see: impl FnOnce(&M)) -> bool {
                self.0.take(1).is_ok_and(|mut events| (&mut events).next().map(see).is_some())
            }

            #[inline]
            fn many(&mut self, max: usize, see: impl FnMut(&M)) -> usize {
                self.0.take(max as u64).map_or(0, |mut events| (&mut events).map(see).count())
            }
        }
    )* };
}

polling!(SingleProducerBarrier, MultiProducerBarrier);
