//! Rings with one end on each side.

use super::single::{Pop, Push};
use crate::measure::ends::{Consuming, Producing};
use crate::measure::payload::Payload;
use ringbuf::traits::{Consumer as _, Producer as _, Split};
use rtrb::chunks::ChunkError;
use rtrb::{Consumer, Producer, PushError, RingBuffer};
use std::ops::Range;

pub(super) fn nexus<M: Payload>(capacity: usize) -> (impl Producing<M>, impl Consuming<M>) {
    let (tx, rx) = nexus_queue::spsc::ring_buffer(capacity);
    (Push(move |message| tx.push(message).map_err(|full| full.0)), Pop(move || rx.pop()))
}

pub(super) fn crossfire<M: Payload>(capacity: usize) -> (impl Producing<M>, impl Consuming<M>) {
    let (tx, rx) = crossfire::spsc::bounded_blocking(capacity);
    (Push(move |message| tx.try_send(message).map_err(|e| e.into_inner())), Pop(move || rx.try_recv().ok()))
}

pub(super) fn omango<M: Payload>(capacity: usize) -> (impl Producing<M>, impl Consuming<M>) {
    let (tx, rx) = omango::queue::spsc::bounded(capacity as u32);
    (Push(move |message| tx.try_send(message).map_err(|e| e.into_inner())), Pop(move || rx.try_recv().ok()))
}

/// An end of an `rtrb` ring.
#[derive(Debug)]
pub(super) struct Rtrb<End>(End);

pub(super) fn rtrb<M: Payload>(capacity: usize) -> (Rtrb<Producer<M>>, Rtrb<Consumer<M>>) {
    let (producer, consumer) = RingBuffer::new(capacity);
    (Rtrb(producer), Rtrb(consumer))
}

impl<M: Send> Producing<M> for Rtrb<Producer<M>> {
    #[inline]
    fn one(&mut self, message: M) -> Result<(), M> {
        self.0.push(message).map_err(|PushError::Full(message)| message)
    }

    #[inline]
    fn many(&mut self, burst: Range<u64>, make: impl Fn(u64) -> M) -> u64 {
        let wanted = (burst.end - burst.start) as usize;
        let room = match self.0.write_chunk_uninit(wanted) {
            Ok(chunk) => return chunk.fill_from_iter(burst.map(make)) as u64,
            Err(ChunkError::TooFewSlots(room)) => room,
        };
        self.0.write_chunk_uninit(room).map_or(0, |chunk| chunk.fill_from_iter(burst.map(make)) as u64)
    }
}

impl<M: Send> Consuming<M> for Rtrb<Consumer<M>> {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&M)) -> bool {
        self.0.pop().map(|message| see(&message)).is_ok()
    }

    #[inline]
    fn many(&mut self, max: usize, mut see: impl FnMut(&M)) -> usize {
        let there = match self.0.read_chunk(max) {
            Ok(_) => max,
            Err(ChunkError::TooFewSlots(there)) => there,
        };
        let Ok(chunk) = self.0.read_chunk(there) else { return 0 };
        let (first, second) = chunk.as_slices();
        first.iter().chain(second).for_each(&mut see);
        chunk.commit_all();
        there
    }
}

/// An end of a `ringbuf` ring.
pub(super) struct Ringbuf<End>(End);

pub(super) fn ringbuf<M: Payload>(capacity: usize) -> (Ringbuf<ringbuf::HeapProd<M>>, Ringbuf<ringbuf::HeapCons<M>>) {
    let (producer, consumer) = ringbuf::HeapRb::new(capacity).split();
    (Ringbuf(producer), Ringbuf(consumer))
}

impl<M: Send> Producing<M> for Ringbuf<ringbuf::HeapProd<M>> {
    #[inline]
    fn one(&mut self, message: M) -> Result<(), M> {
        self.0.try_push(message)
    }

    #[inline]
    fn many(&mut self, burst: Range<u64>, make: impl Fn(u64) -> M) -> u64 {
        self.0.push_iter(burst.map(make)) as u64
    }
}

impl<M: Send> Consuming<M> for Ringbuf<ringbuf::HeapCons<M>> {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&M)) -> bool {
        self.0.try_pop().map(|message| see(&message)).is_some()
    }

    #[inline]
    fn many(&mut self, max: usize, mut see: impl FnMut(&M)) -> usize {
        self.0.pop_iter().take(max).map(|message| see(&message)).count()
    }
}
