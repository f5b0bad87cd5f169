//! Queues whose ends are cloned. Receivers that are not serve one consumer.

use super::single::{Pop, Push};
use crate::measure::ends::{Consuming, Producing};
use crate::measure::payload::Payload;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::TrySendError;
use tokio::sync::mpsc;

pub(super) fn array_queue<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M> + Clone) {
    let tx = Arc::new(crossbeam_queue::ArrayQueue::new(capacity));
    let rx = Arc::clone(&tx);
    (Push(move |message| tx.push(message)), Pop(move || rx.pop()))
}

pub(super) fn concurrent_queue<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M> + Clone) {
    let tx = Arc::new(concurrent_queue::ConcurrentQueue::bounded(capacity));
    let rx = Arc::clone(&tx);
    (Push(move |message| tx.push(message).map_err(|e| e.into_inner())), Pop(move || rx.pop().ok()))
}

pub(super) fn crossbeam_channel<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M> + Clone) {
    let (tx, rx) = crossbeam_channel::bounded(capacity);
    (Push(move |message| tx.try_send(message).map_err(|e| e.into_inner())), Pop(move || rx.try_recv().ok()))
}

pub(super) fn crossfire<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M> + Clone) {
    let (tx, rx) = crossfire::mpmc::bounded_blocking(capacity);
    (Push(move |message| tx.try_send(message).map_err(|e| e.into_inner())), Pop(move || rx.try_recv().ok()))
}

pub(super) fn crossfire_to_one<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M>) {
    let (tx, rx) = crossfire::mpsc::bounded_blocking(capacity);
    (Push(move |message| tx.try_send(message).map_err(|e| e.into_inner())), Pop(move || rx.try_recv().ok()))
}

pub(super) fn omango<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M> + Clone) {
    let (tx, rx) = omango::queue::mpmc::bounded(capacity as u32);
    (Push(move |message| tx.try_send(message).map_err(|e| e.into_inner())), Pop(move || rx.try_recv().ok()))
}

pub(super) fn nexus_to_one<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M>) {
    let (tx, rx) = nexus_queue::mpsc::ring_buffer(capacity);
    (Push(move |message| tx.push(message).map_err(|full| full.0)), Pop(move || rx.pop()))
}

pub(super) fn std_to_one<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M>) {
    let (tx, rx) = std::sync::mpsc::sync_channel(capacity);
    let refused = |error| match error {
        TrySendError::Full(message) | TrySendError::Disconnected(message) => message,
    };
    (Push(move |message| tx.try_send(message).map_err(refused)), Pop(move || rx.try_recv().ok()))
}

/// Slots are written and read in place.
pub(super) fn thingbuf<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M> + Clone) {
    let tx = Arc::new(thingbuf::ThingBuf::<M>::new(capacity));
    let rx = Arc::clone(&tx);
    let push = move |message| tx.push_ref().map(|mut slot| *slot = message).map_err(|_| message);
    (Push(push), Thingbuf(rx))
}

#[derive(Clone)]
struct Thingbuf<M>(Arc<thingbuf::ThingBuf<M>>);

impl<M: Payload> Consuming<M> for Thingbuf<M> {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&M)) -> bool {
        self.0.pop_ref().map(|slot| see(&slot)).is_some()
    }
}

pub(super) fn flume<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M> + Clone) {
    let (tx, rx) = flume::bounded(capacity);
    (Push(move |message| tx.try_send(message).map_err(|e| e.into_inner())), Flume(rx))
}

#[derive(Clone)]
struct Flume<M>(flume::Receiver<M>);

impl<M: Payload> Consuming<M> for Flume<M> {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&M)) -> bool {
        self.0.try_recv().map(|message| see(&message)).is_ok()
    }

    /// Its call for many takes all there are.
    #[inline]
    fn many(&mut self, _max: usize, mut see: impl FnMut(&M)) -> usize {
        self.0.drain().map(|message| see(&message)).count()
    }
}

pub(super) fn kanal<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M> + Clone) {
    let (tx, rx) = kanal::bounded(capacity);
    let push = move |message| if tx.try_send(message) == Ok(true) { Ok(()) } else { Err(message) };
    (Push(push), Kanal(rx, Vec::with_capacity(capacity)))
}

#[derive(Clone)]
struct Kanal<M>(kanal::Receiver<M>, Vec<M>);

impl<M: Payload> Consuming<M> for Kanal<M> {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&M)) -> bool {
        self.0.try_recv().ok().flatten().map(|message| see(&message)).is_some()
    }

    /// Its call for many takes all there are.
    #[inline]
    fn many(&mut self, _max: usize, mut see: impl FnMut(&M)) -> usize {
        let taken = self.0.drain_into(&mut self.1).unwrap_or(0);
        self.1.drain(..).for_each(|message| see(&message));
        taken
    }
}

pub(super) fn tokio_to_one<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M>) {
    let (tx, mut rx) = mpsc::channel(capacity);
    (Tokio(tx), Pop(move || rx.try_recv().ok()))
}

#[derive(Clone)]
struct Tokio<M>(mpsc::Sender<M>);

impl<M: Payload> Producing<M> for Tokio<M> {
    #[inline]
    fn one(&mut self, message: M) -> Result<(), M> {
        self.0.try_send(message).map_err(mpsc::error::TrySendError::into_inner)
    }

    #[inline]
    fn many(&mut self, burst: Range<u64>, make: impl Fn(u64) -> M) -> u64 {
        let room = self.0.capacity().min((burst.end - burst.start) as usize);
        let Ok(permits) = self.0.try_reserve_many(room) else { return 0 };
        permits.zip(burst).map(|(permit, number)| permit.send(make(number))).count() as u64
    }
}
