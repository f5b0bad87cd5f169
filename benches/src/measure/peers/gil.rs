//! `gil`: one ring, or shards of which each producer has its own. Its shards are as large together as one ring.

use super::single::{Pop, Push};
use crate::measure::ends::{Consuming, Producing};
use crate::measure::payload::Payload;
use gil::{mpmc, mpsc, spsc};
use std::num::NonZeroUsize;
use std::ops::Range;

fn size(capacity: usize) -> NonZeroUsize {
    NonZeroUsize::new(capacity).expect("a ring has room")
}

#[derive(Clone)]
pub(super) struct Gil<End>(End);

pub(super) fn one_to_one<M>(capacity: usize) -> (Gil<spsc::Sender<M>>, Gil<spsc::Receiver<M>>) {
    let (tx, rx) = spsc::channel(size(capacity));
    (Gil(tx), Gil(rx))
}

pub(super) fn many_to_one<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M>) {
    let (mut tx, mut rx) = mpsc::channel(size(capacity));
    (Push(move |message| tx.try_send(message)), Pop(move || rx.try_recv()))
}

pub(super) fn many_to_many<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M> + Clone) {
    let (mut tx, mut rx) = mpmc::channel(size(capacity));
    (Push(move |message| tx.try_send(message)), Pop(move || rx.try_recv()))
}

pub(super) fn shards_to_one<M: Payload>(
    capacity: usize,
    producers: usize,
) -> (Vec<impl Producing<M>>, Vec<impl Consuming<M>>) {
    let (tx, rx) = mpsc::sharded::channel(size(producers), size(capacity / producers));
    let others: Vec<_> = (1..producers).filter_map(|_| tx.clone()).collect();
    (others.into_iter().chain([tx]).map(Gil).collect(), vec![Gil(rx)])
}

pub(super) fn shards_to_many<M: Payload>(
    capacity: usize,
    producers: usize,
    consumers: usize,
) -> (Vec<impl Producing<M>>, Vec<impl Consuming<M>>) {
    let (tx, rx) = mpmc::sharded::channel(size(producers), size(capacity / producers));
    let senders: Vec<_> = (1..producers).filter_map(|_| tx.try_clone()).collect();
    let receivers: Vec<_> = (1..consumers).filter_map(|_| rx.try_clone()).collect();
    (senders.into_iter().chain([tx]).map(Gil).collect(), receivers.into_iter().chain([rx]).map(Gil).collect())
}

/// Three types with the same calls, and no trait in common.
macro_rules! batching {
    ($($kind:path),*) => { $(const _: () = {
        use $kind::{Receiver, Sender};

        impl<M: Send> Producing<M> for Gil<Sender<M>> {
            #[inline]
            fn one(&mut self, message: M) -> Result<(), M> {
                self.0.try_send(message)
            }

            #[inline]
            fn many(&mut self, burst: Range<u64>, make: impl Fn(u64) -> M) -> u64 {
                let buffer = self.0.write_buffer();
                let room = buffer.len().min((burst.end - burst.start) as usize);
                buffer[..room].iter_mut().zip(burst).for_each(|(slot, number)| _ = slot.write(make(number)));
                // SAFETY: the first `room` slots of the buffer it gave were just written; it has no safe call for many.
                unsafe { self.0.commit(room) };
                room as u64
            }
        }

        impl<M: Send> Consuming<M> for Gil<Receiver<M>> {
            #[inline]
            fn one(&mut self, see: impl FnOnce(&M)) -> bool {
                self.0.try_recv().map(|message| see(&message)).is_some()
            }

            #[inline]
            fn many(&mut self, max: usize, see: impl FnMut(&M)) -> usize {
                let mut guard = self.0.read_guard();
                let there = guard.len().min(max);
                guard.as_slice()[..there].iter().for_each(see);
                guard.advance(there);
                there
            }
        }
    };)* };
}

batching!(spsc, mpsc::sharded, mpmc::sharded);
