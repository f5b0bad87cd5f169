//! Signals, sent and received, allocate nothing.

#[path = "common/allocations.rs"]
mod allocations;

use allocations::calls;
use ringway::coord::Overflow;
use ringway::coord::signals::{HistoryFilter, Recipients, Signal, SignalHub, SignalPayload, Subscription};
use ringway::ids::{AgentId, CoordId, SignalKind, SignalMask};
use ringway::metrics::Registry;
use std::hint::black_box;

const N: u64 = 10_000;
const C: CoordId = CoordId::new(1);

/// What `N` runs of `f` cost this thread, after one more.
fn cost(f: impl FnMut()) -> u64 {
    cost_of(N, f)
}

fn cost_of(runs: u64, mut f: impl FnMut()) -> u64 {
    f();
    let before = calls();
    (0..runs).for_each(|_| f());
    calls() - before
}

fn agent(index: u32) -> AgentId {
    AgentId { index, generation: 0 }
}

fn hub() -> SignalHub {
    let registry = Registry::builder().build();
    let hub = SignalHub::builder().history(100).subscriber_capacity(64).registry(&registry).unwrap().build().unwrap();
    hub.open(C).unwrap();
    hub
}

#[test]
fn the_counter_counts() {
    assert_eq!(cost(|| drop(black_box(Box::new(1)))), 2 * N);
    assert_eq!(cost(|| ()), 0);
}

#[test]
fn sending_and_receiving_allocate_nothing() {
    let hub = hub();
    let streams = [0, 1, 2].map(|index| hub.subscribe(C, agent(index), SignalMask::ALL, None).unwrap());
    let rejecting = Subscription { overflow: Some(Overflow::Reject), ..Subscription::default() };
    let rejecting = hub.subscribe_with(C, agent(3), &rejecting).unwrap();
    let set = hub.recipients(C, &[agent(0), agent(2)]).unwrap();
    let signal = Signal::new(SignalKind::STAGE_COMPLETED, SignalPayload::default());
    let mut sender = hub.sender(C).unwrap();
    let costs = cost(|| {
        for to in [Recipients::All, Recipients::One(agent(1)), Recipients::Mask(set)] {
            hub.signal(C, &Signal { to, ..signal }).unwrap();
        }
        assert!(hub.signal(C, &Signal { to: Recipients::One(agent(9)), ..signal }).is_err());
        sender.signal(&signal).unwrap();
        drop(sender.clone());
        streams.iter().for_each(|stream| assert!(stream.try_recv().is_ok()));
        streams
            .iter()
            .for_each(|stream| assert!(stream.drain(64, |signal| assert!(black_box(signal).reference.is_none())) > 0));
        assert_eq!(rejecting.drain(64, |signal| assert_eq!(signal.kind, SignalKind::STAGE_COMPLETED)), 2);
    });
    assert_eq!(costs, 0);
}

#[test]
fn batches_allocate_nothing() {
    let hub = hub();
    let stream = hub.subscribe(C, agent(0), SignalKind::AGENT_COMPLETED.mask(), None).unwrap();
    let of_a_kind = |kind| Signal::new(kind, SignalPayload::default());
    let batch = [SignalKind::AGENT_INITIALIZED, SignalKind::AGENT_COMPLETED].map(of_a_kind).repeat(32);
    let costs = cost(|| {
        assert_eq!(hub.signal_batch(C, &batch).unwrap().n, 32);
        assert_eq!(stream.drain(64, |_| ()), 32);
    });
    assert_eq!(costs, 0);
}

#[test]
fn history_and_losses_allocate_nothing() {
    let hub = hub();
    let slow = hub.subscribe(C, agent(0), SignalMask::ALL, None).unwrap();
    let signal = Signal::new(SignalKind::AGENT_DOWN, SignalPayload::default());
    let mut out = [Signal::default(); 100];
    // 70 signals each.
    let costs = cost_of(N / 50, || {
        (0..70).for_each(|_| assert!(hub.signal(C, &signal).is_ok()));
        assert_eq!(slow.drain(64, |_| ()), 64);
        assert!(hub.history(C, &HistoryFilter::default(), 100, &mut out).unwrap() >= 70);
        black_box(hub.metrics(C).unwrap());
    });
    assert_eq!(costs, 0);
}
