//! Dependencies allocate nothing once a set is built, but for clearing.
#![cfg(feature = "coord")]

#[path = "common/allocations.rs"]
mod allocations;

use allocations::calls;
use ringway::clock::ManualClock;
use ringway::coord::dependencies::{Dep, DepId, DependencySet, GateId, On, Poll, Probe, Ready, ResourceId, Unmet};
use ringway::coord::signals::{Signal, SignalHub, SignalPayload};
use ringway::ids::{AgentId, CoordId, SignalKind, SignalMask};
use ringway::value::Score;
use std::hint::black_box;
use std::time::Duration;

const N: u64 = 10_000;
const C: CoordId = CoordId::new(1);

/// What `N` runs of `f` cost this thread.
fn cost(mut f: impl FnMut()) -> u64 {
    let before = calls();
    (0..N).for_each(|_| f());
    calls() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(cost(|| drop(black_box(Box::new(1)))), 2 * N);
}

#[test]
fn dependencies_allocate_nothing() {
    let clock = ManualClock::new();
    let set = DependencySet::standalone().tickets(4).targets(64).deps(16).clock(clock.clone()).build();
    let mut unmet = [Unmet::default(); 8];
    let mut round = 0;
    let costs = cost(|| {
        round += 1;
        let (waiting, other) = (AgentId { index: 0, generation: 0 }, AgentId { index: 1, generation: 0 });
        let on_agent = |agent| On::AgentDone { agent, require_success: false };
        // Statuses and targets come and go: as many are known as there is room for.
        let deps = [
            Dep::new(DepId::new(round), On::Resource { id: ResourceId::new(round % 50), min: 1.0 }),
            Dep::new(DepId::new(round + 1), On::Gate { id: GateId::new(1), threshold: Score::ONE }),
            Dep::new(DepId::new(round + 2), on_agent(AgentId { index: 2 + round % 2, generation: 0 })),
            Probe::FAST.dep(DepId::new(round + 3), |_| Ready::Yes),
        ];
        set.set_resource(C, ResourceId::new(round % 50), 0.0).unwrap();
        set.set_gate_score(C, GateId::new(1), Score::ZERO).unwrap();
        let ticket = set.wait(C, waiting, &deps).unwrap();
        let edge = set.wait(C, other, &[Dep::new(DepId::new(u32::MAX), on_agent(waiting))]).unwrap();
        assert!(set.wait(C, waiting, &[Dep::new(DepId::new(0), on_agent(other))]).is_err());
        black_box((ticket.explain(&mut unmet), set.status(C, DepId::new(round)).unwrap(), set.pending(C)));
        set.set_resource(C, ResourceId::new(round % 50), 1.0).unwrap();
        set.set_gate_score(C, GateId::new(1), Score::ONE).unwrap();
        set.agent_done(C, AgentId { index: 2 + round % 2, generation: 0 }, true).unwrap();
        clock.advance(Probe::FAST.every);
        assert_eq!((ticket.poll(), edge.poll()), (Poll::Ready, Poll::Pending));
        assert_eq!(ticket.wait_timeout(Duration::ZERO), Ok(()));
        edge.cancel();
    });
    assert_eq!(costs, 0);
}

/// Completions that are signalled, with somebody who hears what is met, and a worker's event beside the ticket's own.
#[test]
fn completions_and_what_is_told_of_them_allocate_nothing() {
    let hub = SignalHub::builder().history(64).subscriber_capacity(64).build().unwrap();
    hub.open(C).unwrap();
    let set = DependencySet::builder(&hub).tickets(4).targets(64).deps(16).build();
    let stream =
        hub.subscribe(C, AgentId { index: 9, generation: 0 }, SignalKind::DEPENDENCY_RESOLVED.mask(), None).unwrap();
    let everything = hub.subscribe(C, AgentId { index: 8, generation: 0 }, SignalMask::ALL, None).unwrap();
    let (mut sender, event) = (hub.sender(C).unwrap(), ringway::Event::new());
    let mut round = 0;
    let mut once = || {
        round += 1;
        let agents = [round % 20, 20 + round % 20].map(|index| AgentId { index, generation: 0 });
        // Every other round they have completed before.
        let deps =
            agents.map(|agent| Dep::new(DepId::new(agent.index), On::AgentDone { agent, require_success: true }));
        let ticket = set.wait(C, AgentId { index: 50, generation: 0 }, &deps).unwrap();
        ticket.also_wake(&event);
        let [one, two] = agents.map(|agent| Signal {
            sender: agent.into(),
            ..Signal::new(SignalKind::AGENT_COMPLETED, SignalPayload::default())
        });
        hub.signal(C, &one).unwrap();
        sender.signal_batch(&[two]).unwrap();
        assert!(ticket.is_ready());
        drop(ticket);
        black_box((stream.drain(64, drop), everything.drain(64, drop), set.unannounced()));
    };
    // A thread's first look at a table of subscriptions allocates.
    once();
    assert_eq!(cost(once), 0);
    assert_eq!((stream.lagged(), set.unannounced()), (0, 0));

    // Coordinations that are named after something was signalled there.
    let completed = Signal { sender: AgentId { index: 3, generation: 0 }.into(), ..Signal::default() };
    for c in (2..10).map(CoordId::new) {
        hub.open(c).unwrap();
        hub.signal(c, &Signal { kind: SignalKind::AGENT_COMPLETED, ..completed }).unwrap();
        let before = calls();
        set.open(c).unwrap();
        assert_eq!(calls() - before, 0);
    }
}
