//! The peers' ends.

use super::CAPACITY;
use super::ends::{Consuming, Producing};
use crossbeam_queue::ArrayQueue;
use rtrb::chunks::ChunkError;
use rtrb::{Consumer, Producer, PushError, RingBuffer};
use std::ops::Range;
use std::sync::Arc;

/// An end of an `rtrb` ring.
#[derive(Debug)]
pub(super) struct Rtrb<End>(End);

pub(super) fn rtrb<M>() -> (Rtrb<Producer<M>>, Rtrb<Consumer<M>>) {
    let (producer, consumer) = RingBuffer::new(CAPACITY);
    (Rtrb(producer), Rtrb(consumer))
}

pub(super) fn queue<M>() -> (Queue<M>, Queue<M>) {
    let queue = Queue(Arc::new(ArrayQueue::new(CAPACITY)));
    (queue.clone(), queue)
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

/// Either end of crossbeam's `ArrayQueue`. It has no calls for many messages.
#[derive(Debug)]
pub(super) struct Queue<M>(Arc<ArrayQueue<M>>);

impl<M> Clone for Queue<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: Send> Producing<M> for Queue<M> {
    #[inline]
    fn one(&mut self, message: M) -> Result<(), M> {
        self.0.push(message)
    }

    #[inline]
    fn many(&mut self, burst: Range<u64>, make: impl Fn(u64) -> M) -> u64 {
        let wanted = burst.end - burst.start;
        burst.map(make).position(|message| self.0.push(message).is_err()).map_or(wanted, |sent| sent as u64)
    }
}

impl<M: Send> Consuming<M> for Queue<M> {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&M)) -> bool {
        self.0.pop().map(|message| see(&message)).is_some()
    }

    #[inline]
    fn many(&mut self, max: usize, mut see: impl FnMut(&M)) -> usize {
        (0..max).take_while(|_| self.0.pop().map(|message| see(&message)).is_some()).count()
    }
}
