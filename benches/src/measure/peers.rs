//! The peers: who takes part in which workload, each by its best calls for it.

mod broadcast;
mod disruptor;
mod gil;
mod shared;
mod single;
mod spsc;
mod waiting;

use super::ends::{Consuming, Producing};
use super::latency::Latencies;
use super::partners::Polled;
use super::payload::Payload;
use super::stream::{self, Sample};
use super::turns::{Contender, Role::Peer};
use super::workload::{Kind, Workload};
use super::{CAPACITY, agents, open_loop, ping_pong};

/// The table of the peers: one line, and its ends in one of the modules here.
pub(super) fn contenders<M: Payload>(w: &Workload) -> Vec<Contender<Sample>> {
    let Workload { producers, consumers, capacity, .. } = *w;
    match w.kind {
        Kind::Spsc => vec![
            stream::pair::<M, _, _>("rtrb", Peer, w, spsc::rtrb),
            stream::pair::<M, _, _>("gil", Peer, w, gil::one_to_one),
            stream::pair::<M, _, _>("nexus-queue", Peer, w, spsc::nexus),
            stream::pair::<M, _, _>("ringbuf", Peer, w, spsc::ringbuf),
            stream::pair::<M, _, _>("disruptor", Peer, w, disruptor::one_to_one),
            stream::pair::<M, _, _>("omango", Peer, w, spsc::omango),
            stream::pair::<M, _, _>("crossfire", Peer, w, spsc::crossfire),
            stream::pair::<M, _, _>("crossbeam ArrayQueue", Peer, w, shared::array_queue),
            stream::pair::<M, _, _>("crossbeam-channel", Peer, w, shared::crossbeam_channel),
            stream::pair::<M, _, _>("concurrent-queue", Peer, w, shared::concurrent_queue),
            stream::pair::<M, _, _>("thingbuf", Peer, w, shared::thingbuf),
            stream::pair::<M, _, _>("kanal", Peer, w, shared::kanal),
            stream::pair::<M, _, _>("flume", Peer, w, shared::flume),
            stream::pair::<M, _, _>("std sync_channel", Peer, w, shared::std_to_one),
            stream::pair::<M, _, _>("tokio mpsc", Peer, w, shared::tokio_to_one),
        ],
        Kind::Mpsc => vec![
            stream::to_one::<M, _, _>("gil", Peer, w, gil::many_to_one),
            stream::contender::<M, _, _>("gil sharded", Peer, w, move || gil::shards_to_one(capacity, producers)),
            stream::to_one::<M, _, _>("nexus-queue", Peer, w, shared::nexus_to_one),
            stream::to_one::<M, _, _>("disruptor", Peer, w, disruptor::many_to_one),
            stream::to_one::<M, _, _>("omango", Peer, w, shared::omango),
            stream::to_one::<M, _, _>("crossfire", Peer, w, shared::crossfire_to_one),
            stream::to_one::<M, _, _>("crossbeam ArrayQueue", Peer, w, shared::array_queue),
            stream::to_one::<M, _, _>("crossbeam-channel", Peer, w, shared::crossbeam_channel),
            stream::to_one::<M, _, _>("concurrent-queue", Peer, w, shared::concurrent_queue),
            stream::to_one::<M, _, _>("thingbuf", Peer, w, shared::thingbuf),
            stream::to_one::<M, _, _>("kanal", Peer, w, shared::kanal),
            stream::to_one::<M, _, _>("kanal, blocking", Peer, w, waiting::kanal),
            stream::to_one::<M, _, _>("crossfire, blocking", Peer, w, waiting::crossfire),
            stream::to_one::<M, _, _>("flume", Peer, w, shared::flume),
            stream::to_one::<M, _, _>("std sync_channel", Peer, w, shared::std_to_one),
            stream::to_one::<M, _, _>("tokio mpsc", Peer, w, shared::tokio_to_one),
        ],
        Kind::Mpmc => vec![
            stream::shared::<M, _, _>("gil", Peer, w, gil::many_to_many),
            stream::contender::<M, _, _>("gil sharded", Peer, w, move || {
                gil::shards_to_many(capacity, producers, consumers)
            }),
            stream::shared::<M, _, _>("omango", Peer, w, shared::omango),
            stream::shared::<M, _, _>("crossfire", Peer, w, shared::crossfire),
            stream::shared::<M, _, _>("crossbeam ArrayQueue", Peer, w, shared::array_queue),
            stream::shared::<M, _, _>("crossbeam-channel", Peer, w, shared::crossbeam_channel),
            stream::shared::<M, _, _>("concurrent-queue", Peer, w, shared::concurrent_queue),
            stream::shared::<M, _, _>("thingbuf", Peer, w, shared::thingbuf),
            stream::shared::<M, _, _>("kanal", Peer, w, shared::kanal),
            stream::shared::<M, _, _>("kanal, blocking", Peer, w, waiting::kanal),
            stream::shared::<M, _, _>("crossfire, blocking", Peer, w, waiting::crossfire),
            stream::shared::<M, _, _>("flume", Peer, w, shared::flume),
        ],
        Kind::Broadcast => vec![
            stream::to_all::<M, _, _>("disruptor", Peer, w, disruptor::to_all),
            stream::to_all::<M, _, _>("multiqueue2", Peer, w, broadcast::multiqueue2),
            stream::to_all::<M, _, _>("bus", Peer, w, broadcast::bus),
            stream::to_all::<M, _, _>("tokio broadcast", Peer, w, broadcast::tokio),
        ],
    }
}

fn polled<P: Producing<u64> + 'static, C: Consuming<u64> + 'static>(
    name: &'static str,
    ring: fn(usize) -> (P, C),
) -> Contender<Latencies> {
    ping_pong::contender(name, Peer, move || Polled::pair(|| ring(CAPACITY)))
}

/// Those that play ping-pong over two rings, looked at again and again.
pub(super) fn ping_pong() -> Vec<Contender<Latencies>> {
    vec![
        polled("rtrb, polled", spsc::rtrb),
        polled("gil, polled", gil::one_to_one),
        polled("nexus-queue, polled", spsc::nexus),
        polled("ringbuf, polled", spsc::ringbuf),
        polled("disruptor, polled", disruptor::one_to_one),
        polled("omango, polled", spsc::omango),
        polled("crossfire, polled", spsc::crossfire),
        polled("crossbeam ArrayQueue, polled", shared::array_queue),
        polled("crossbeam-channel, polled", shared::crossbeam_channel),
        polled("concurrent-queue, polled", shared::concurrent_queue),
        polled("thingbuf, polled", shared::thingbuf),
        polled("kanal, polled", shared::kanal),
        polled("flume, polled", shared::flume),
        polled("std sync_channel, polled", shared::std_to_one),
        polled("tokio mpsc, polled", shared::tokio_to_one),
    ]
}

/// Those that are given messages at a fixed rate.
pub(super) fn open_loop(rate: u64) -> Vec<Contender<Latencies>> {
    vec![
        open_loop::contender("rtrb", Peer, rate, || spsc::rtrb(CAPACITY)),
        open_loop::contender("gil", Peer, rate, || gil::one_to_one(CAPACITY)),
        open_loop::contender("nexus-queue", Peer, rate, || spsc::nexus(CAPACITY)),
        open_loop::contender("ringbuf", Peer, rate, || spsc::ringbuf(CAPACITY)),
        open_loop::contender("disruptor", Peer, rate, || disruptor::one_to_one(CAPACITY)),
        open_loop::contender("omango", Peer, rate, || spsc::omango(CAPACITY)),
        open_loop::contender("crossfire", Peer, rate, || spsc::crossfire(CAPACITY)),
        open_loop::contender("crossbeam ArrayQueue", Peer, rate, || shared::array_queue(CAPACITY)),
        open_loop::contender("crossbeam-channel", Peer, rate, || shared::crossbeam_channel(CAPACITY)),
        open_loop::contender("concurrent-queue", Peer, rate, || shared::concurrent_queue(CAPACITY)),
        open_loop::contender("thingbuf", Peer, rate, || shared::thingbuf(CAPACITY)),
        open_loop::contender("kanal", Peer, rate, || shared::kanal(CAPACITY)),
        open_loop::contender("flume", Peer, rate, || shared::flume(CAPACITY)),
        open_loop::contender("std sync_channel", Peer, rate, || shared::std_to_one(CAPACITY)),
        open_loop::contender("tokio mpsc", Peer, rate, || shared::tokio_to_one(CAPACITY)),
    ]
}

/// Those that agents send to.
pub(super) fn agents() -> Vec<Contender<Latencies>> {
    vec![
        agents::napping("crossbeam ArrayQueue", shared::array_queue),
        agents::napping("concurrent-queue", shared::concurrent_queue),
        agents::blocking("crossbeam-channel", waiting::crossbeam_worker),
        agents::blocking("kanal", waiting::kanal_worker),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::workload;
    use std::time::Duration;

    /// A short turn of each, in every style; the turn verifies every message.
    fn everybody_delivers(kind: Kind) {
        for w in workload::all().into_iter().filter(|w| w.kind == kind && w.is_usual()) {
            for peer in if w.bytes == 8 { contenders::<u64>(&w) } else { contenders::<[u64; 8]>(&w) } {
                let sample = (peer.turn)(Duration::from_micros(300));
                assert!(sample.as_ref().is_ok_and(|sample| sample.messages > 0), "{w}, {}: {sample:?}", peer.name);
            }
        }
    }

    #[test]
    fn spsc_peers_deliver() {
        everybody_delivers(Kind::Spsc);
    }

    #[test]
    fn mpsc_peers_deliver() {
        everybody_delivers(Kind::Mpsc);
    }

    #[test]
    fn mpmc_peers_deliver() {
        everybody_delivers(Kind::Mpmc);
    }

    #[test]
    fn broadcast_peers_deliver() {
        everybody_delivers(Kind::Broadcast);
    }
}
