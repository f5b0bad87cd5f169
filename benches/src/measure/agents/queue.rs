//! The same through one queue of another make, from which both workers take, waiting as it lets them.

use super::{CAPACITY, Message, Seen, WORKERS, send_all, verify};
use crate::measure::BATCH;
use crate::measure::ends::{Consuming, Producing};
use crate::measure::latency::Latencies;
use crate::measure::threads::joined;
use crate::measure::turns::{Contender, Role};
use core_affinity::CoreId;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Tries before a worker naps: what served these queues best of what was tried.
const SPINS: u32 = 64;
const NAP: Duration = Duration::from_micros(50);

/// A receiving end that knows how to wait, for a while at most: `tries` in a row there was nothing.
pub(in crate::measure) trait Waiting: Consuming<Message> {
    /// Gives how many messages came.
    fn wait(&mut self, tries: u32, see: impl FnMut(&Message)) -> usize;
}

/// For queues with no calls that wait.
#[derive(Clone)]
struct Napping<C>(C);

impl<C: Consuming<Message>> Consuming<Message> for Napping<C> {
    fn one(&mut self, see: impl FnOnce(&Message)) -> bool {
        self.0.one(see)
    }

    fn many(&mut self, max: usize, see: impl FnMut(&Message)) -> usize {
        self.0.many(max, see)
    }
}

impl<C: Consuming<Message>> Waiting for Napping<C> {
    fn wait(&mut self, tries: u32, _see: impl FnMut(&Message)) -> usize {
        match tries {
            0..=SPINS => std::hint::spin_loop(),
            _ => std::thread::sleep(NAP),
        }
        0
    }
}

/// Workers spin, and nap where nothing comes.
pub(in crate::measure) fn napping<P, C>(name: &'static str, queue: fn(usize) -> (P, C)) -> Contender<Latencies>
where
    P: Producing<Message> + Clone + 'static,
    C: Consuming<Message> + Clone + 'static,
{
    let turn = move |duration| {
        let (producer, consumer) = queue(CAPACITY);
        turn(producer, Napping(consumer), duration)
    };
    Contender { name, role: Role::Peer, turn: Box::new(turn) }
}

/// Workers wait by the queue's own calls.
pub(in crate::measure) fn blocking<P, C>(name: &'static str, queue: fn(usize) -> (P, C)) -> Contender<Latencies>
where
    P: Producing<Message> + Clone + 'static,
    C: Waiting + Clone + 'static,
{
    let turn = move |duration| {
        let (producer, consumer) = queue(CAPACITY);
        turn(producer, consumer, duration)
    };
    Contender { name, role: Role::Peer, turn: Box::new(turn) }
}

fn turn<P: Producing<Message> + Clone, C: Waiting + Clone>(
    producer: P,
    consumer: C,
    duration: Duration,
) -> Result<Latencies, String> {
    let over = &AtomicBool::new(false);
    std::thread::scope(|scope| {
        let workers: Vec<_> = std::iter::repeat_n(consumer, WORKERS)
            .enumerate()
            .map(|(index, end)| scope.spawn(move || work(end, index, over)))
            .collect();
        let sent = send_all(duration, producer, |producer, mut message| {
            while let Err(refused) = producer.one(message) {
                message = refused;
                std::thread::yield_now();
            }
            true
        });
        over.store(true, Ordering::Release);
        let seen = workers.into_iter().map(joined).collect::<Result<Vec<_>, _>>()?;
        verify(sent?, &seen)
    })
}

fn work(mut end: impl Waiting, index: usize, over: &AtomicBool) -> Seen {
    let cores = ringway::allowed_cores();
    if let Some(&id) = cores.get(index % cores.len().max(1)) {
        core_affinity::set_for_current(CoreId { id });
    }
    let (mut seen, mut tries) = (Seen::new(), 0);
    loop {
        // Looked at before the queue: what was sent before the end is found after it.
        let ending = over.load(Ordering::Acquire);
        let taken = end.many(BATCH, |message| seen.note(message));
        tries = if taken > 0 { 0 } else { tries + 1 };
        match tries {
            0 => {}
            _ if ending => return seen,
            _ if end.wait(tries, |message| seen.note(message)) > 0 => tries = 0,
            _ => {}
        }
    }
}
