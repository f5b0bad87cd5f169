//! Dependencies joined to signals: completions that are heard, and what is told of what is met.
#![cfg(feature = "coord")]

use ringway::clock::ManualClock;
use ringway::coord::Overflow;
use ringway::coord::dependencies::{
    Dep, DepError, DepId, DepState, DependencySet, GateId, On, Poll, Probe, Ready, ResourceId, Ticket,
};
use ringway::coord::signals::{
    Recipients, SenderId, Signal, SignalError, SignalHub, SignalHubBuilder, SignalPayload, SignalStream, Subscription,
};
use ringway::ids::{AgentId, CoordId, SignalKind, SignalMask, SymId};
use ringway::value::{Score, Value};
use ringway::{Cycle, Duty, Event, Worker};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const C: CoordId = CoordId::new(1);
/// A watchdog: nothing takes that long.
const LONG: Duration = Duration::from_secs(60);

fn agent(index: u32) -> AgentId {
    AgentId { index, generation: 0 }
}

fn done(id: u32, index: u32, require_success: bool) -> Dep {
    Dep::new(DepId::new(id), On::AgentDone { agent: agent(index), require_success })
}

fn resource(id: u32) -> Dep {
    Dep::new(DepId::new(id), On::Resource { id: ResourceId::new(id), min: 1.0 })
}

fn gate(id: u32) -> Dep {
    Dep::new(DepId::new(id), On::Gate { id: GateId::new(id), threshold: Score::new(0.8).unwrap() })
}

/// What an agent signals when it is done.
fn completed(index: u32, error: Option<u16>) -> Signal {
    let payload =
        SignalPayload::Completed { summary: SymId::new(1), quality: Score::ONE, execution_ms: 5, artifacts: 0, error };
    Signal { sender: agent(index).into(), ..Signal::new(SignalKind::AGENT_COMPLETED, payload) }
}

fn signal(hub: &SignalHub, c: CoordId, signal: &Signal) {
    hub.signal(c, signal).unwrap();
}

fn opened(builder: SignalHubBuilder) -> SignalHub {
    let hub = builder.build().unwrap();
    hub.open(C).unwrap();
    hub
}

fn joined() -> (SignalHub, DependencySet) {
    let hub = opened(SignalHub::builder().history(100));
    let set = DependencySet::builder(&hub).build();
    (hub, set)
}

/// Nobody waits or polls: when the sender's call has returned, the ticket has its outcome.
#[test]
fn s_d9b_a_signalled_completion_is_heard_by_nobody_but_the_set() {
    let (hub, set) = joined();
    let ticket = set.wait(C, agent(1), &[done(1, 2, true), done(2, 3, false)]).unwrap();
    assert_eq!(hub.signal(C, &completed(2, None)).unwrap().n, 0);
    assert!(!ticket.is_ready());
    assert_eq!(set.status(C, DepId::new(1)).unwrap().state, DepState::Resolved);
    let mut sender = hub.sender(C).unwrap();
    sender.signal(&completed(3, Some(7))).unwrap();
    assert!(ticket.is_ready());
    assert_eq!((set.pending(C), ticket.wait_timeout(Duration::ZERO)), (0, Ok(())));
    // Whomever a completion is told to, by one or by many.
    let next = set.wait(C, agent(1), &[done(3, 4, true), done(4, 5, true), done(5, 6, true)]).unwrap();
    let stream = hub.subscribe(C, agent(9), SignalKind::INTER_AGENT_MESSAGE.mask(), None).unwrap();
    hub.signal(C, &Signal { to: Recipients::One(agent(9)), ..completed(4, None) }).unwrap();
    assert_eq!(hub.signal_batch(C, &[completed(5, None), completed(6, None)]).unwrap().accepted, 2);
    assert!(next.is_ready());
    assert_eq!(stream.entered(), 0);
}

#[test]
fn s_d9b_a_sleeper_is_woken_by_a_signal() {
    let (hub, set) = joined();
    let ticket = set.wait(C, agent(1), &[done(1, 2, true), resource(3)]).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            assert_eq!(set.set_resource(C, ResourceId::new(3), 1.0), Ok(0));
            hub.signal(C, &completed(2, None)).unwrap();
        });
        assert_eq!(ticket.wait_timeout(LONG), Ok(()));
    });
}

/// Signalled before anybody waits, before the coordination was named, before there was a set.
#[test]
fn s_d9_completions_of_before_are_ready_at_once() {
    let hub = opened(SignalHub::builder().history(100));
    (0..10).for_each(|index| signal(&hub, C, &completed(index, None)));
    let set = DependencySet::builder(&hub).build();
    (10..20).for_each(|index| signal(&hub, C, &completed(index, None)));
    let deps: Vec<_> = (0..20).map(|index| done(index, index, true)).collect();
    assert!(set.wait(C, agent(99), &deps).unwrap().is_ready());
    (20..30).for_each(|index| signal(&hub, C, &completed(index, None)));
    let deps: Vec<_> = (20..30).map(|index| done(index, index, true)).collect();
    assert!(set.resolve(C, &deps[0]).unwrap().is_ready());
    assert!(set.wait(C, agent(99), &deps).unwrap().is_ready());
    // Each coordination has its own.
    hub.open(CoordId::new(2)).unwrap();
    assert!(!set.resolve(CoordId::new(2), &deps[0]).unwrap().is_ready());
}

/// The last word of an agent counts, as by `agent_done`.
#[test]
fn s_d10_require_success_by_signals() {
    let (hub, set) = joined();
    let strict = set.wait(C, agent(1), &[done(1, 5, true), resource(9)]).unwrap();
    let lenient = set.wait(C, agent(2), &[done(2, 5, false)]).unwrap();
    // The system is no agent, and no other kind is a completion.
    hub.signal(C, &Signal { sender: SenderId::SYSTEM, ..completed(5, None) }).unwrap();
    hub.signal(C, &Signal { kind: SignalKind::STAGE_COMPLETED, ..completed(5, None) }).unwrap();
    assert_eq!((strict.poll(), lenient.poll()), (Poll::Pending, Poll::Pending));
    hub.signal(C, &completed(5, Some(3))).unwrap();
    assert_eq!(strict.wait_timeout(LONG), Err(DepError::Failed { dep: DepId::new(1) }));
    assert_eq!(lenient.poll(), Poll::Ready);
    assert_eq!(set.status(C, DepId::new(1)).unwrap().state, DepState::Failed);
    let late = set.resolve(C, &done(3, 5, true)).unwrap();
    assert_eq!(late.poll(), Poll::Failed(DepError::Failed { dep: DepId::new(3) }));
    // A payload without a word of errors tells of none.
    let restarted = AgentId { index: 5, generation: 1 };
    let dep = Dep::new(DepId::new(4), On::AgentDone { agent: restarted, require_success: true });
    let next = set.resolve(C, &dep).unwrap();
    let signal = Signal::new(SignalKind::AGENT_COMPLETED, SignalPayload::default());
    hub.signal(C, &Signal { sender: restarted.into(), ..signal }).unwrap();
    assert_eq!(next.poll(), Poll::Ready);
}

#[test]
fn s_d9e_a_signalled_completion_opens_a_circle() {
    let (hub, set) = joined();
    let one = set.wait(C, agent(1), &[done(1, 2, true)]).unwrap();
    assert_eq!(set.wait(C, agent(2), &[done(2, 1, true)]).unwrap_err(), DepError::Cycle { length: 2 });
    hub.signal(C, &completed(2, None)).unwrap();
    assert!(one.is_ready());
    assert!(set.wait(C, agent(2), &[done(2, 1, true)]).is_ok());
}

/// A set that listens is in no account and no figure.
#[test]
fn s_d1_a_set_that_listens_changes_no_count() {
    let run = |listens: bool| {
        let hub = opened(SignalHub::builder().max_subscribers(1));
        let set = listens.then(|| DependencySet::builder(&hub).build());
        let stream = hub.subscribe(C, agent(0), SignalKind::STAGE_COMPLETED.mask(), None).unwrap();
        let over = hub.subscribe(C, agent(1), SignalMask::ALL, None).unwrap_err();
        let delivered = hub.signal(C, &completed(5, None)).unwrap();
        let batch = hub.signal_batch(C, &[completed(6, None); 4]).unwrap();
        let unknown = hub.signal(C, &Signal { to: Recipients::One(agent(7)), ..completed(7, None) });
        let metrics = hub.metrics(C).unwrap();
        let figures = (metrics.sent, metrics.received, metrics.filtered, metrics.lagged, metrics.subscribers);
        let by_kind = metrics.by_kind[usize::from(SignalKind::AGENT_COMPLETED.get())];
        drop(set);
        (over, delivered, batch, unknown, figures, by_kind, stream.entered(), stream.try_recv())
    };
    assert_eq!(run(true), run(false));
    assert_eq!(run(true).3, Err(SignalError::UnknownRecipient { agent: agent(7) }));
}

fn resolved(stream: &SignalStream) -> Option<(u8, u32, u64, Value)> {
    match stream.try_recv().ok()?.payload {
        SignalPayload::DependencyResolved { kind, id, by, data } => Some((kind, id, by.to_bits(), data)),
        other => panic!("{other:?}"),
    }
}

/// Everybody who asks for it is told, in the order in which it happened, and before the ticket is ready.
#[test]
fn d25_what_is_met_is_told() {
    let hub = opened(SignalHub::builder().history(100));
    let clock = ManualClock::new();
    let set = DependencySet::builder(&hub).clock(clock.clone()).build();
    let kind = SignalKind::DEPENDENCY_RESOLVED.mask();
    let everyone = hub.subscribe(C, agent(90), kind, None).unwrap();
    let own = hub.subscribe(C, agent(90), kind, Some(agent(1).into())).unwrap();
    let system = SenderId::SYSTEM.to_bits();

    set.set_resource(C, ResourceId::new(1), 2.0).unwrap();
    let probe = Probe::FAST.dep(DepId::new(4), |_| Ready::Yes);
    let ticket = set.wait(C, agent(1), &[resource(1), gate(2), done(3, 8, true), probe]).unwrap();
    assert_eq!(resolved(&everyone), Some((1, 1, system, Value::Float(2.0))));
    set.set_gate_score(C, GateId::new(2), Score::new(0.7).unwrap()).unwrap();
    assert_eq!(resolved(&everyone), None);
    set.set_gate_score(C, GateId::new(2), Score::new(0.9).unwrap()).unwrap();
    hub.signal(C, &completed(8, None)).unwrap();
    assert_eq!(resolved(&everyone), Some((2, 2, system, Value::Float(0.9))));
    assert_eq!(resolved(&everyone), Some((0, 3, agent(8).to_bits(), Value::Float(1.0))));
    clock.advance(Probe::FAST.every);
    assert_eq!(ticket.poll(), Poll::Ready);
    assert_eq!(resolved(&everyone), Some((3, 4, system, Value::Float(1.0))));
    // By whose it is, filtered before it reaches him; `resolve` is nobody's.
    assert!(set.resolve(C, &Dep { id: DepId::new(5), ..gate(2) }).unwrap().is_ready());
    assert_eq!(resolved(&everyone).map(|(_, id, ..)| id), Some(5));
    assert_eq!(own.drain(10, |signal| assert_eq!(signal.sender, agent(1).into())), 4);
    // What is not met is not told: neither failures, nor timeouts, nor what is cancelled.
    let strict = set.wait(C, agent(1), &[done(6, 9, true), resource(7), resource(8)]).unwrap();
    hub.signal(C, &completed(9, Some(1))).unwrap();
    clock.advance(LONG * 10);
    assert_eq!(strict.poll(), Poll::Failed(DepError::Failed { dep: DepId::new(6) }));
    drop(strict);
    assert_eq!((resolved(&everyone), set.unannounced()), (None, 0));
}

/// The hub's refusal changes nothing for who waits, and is counted.
#[test]
fn d25_what_the_hub_refuses_is_met_all_the_same() {
    let (hub, set) = joined();
    let elsewhere = CoordId::new(2);
    let ticket = set.resolve(elsewhere, &resource(1)).unwrap();
    assert_eq!(set.set_resource(elsewhere, ResourceId::new(1), 1.0), Ok(1));
    assert_eq!((ticket.poll(), set.unannounced()), (Poll::Ready, 1));
    let rejecting = Subscription { overflow: Some(Overflow::Reject), ..Subscription::default() };
    let stream = hub.subscribe_with(C, agent(9), &rejecting).unwrap();
    while hub.signal(C, &Signal::new(SignalKind::STAGE_COMPLETED, SignalPayload::default())).is_ok() {}
    let ticket = set.resolve(C, &resource(1)).unwrap();
    assert_eq!(set.set_resource(C, ResourceId::new(1), 1.0), Ok(1));
    assert_eq!((ticket.poll(), set.unannounced()), (Poll::Ready, 2));
    assert!(stream.drain(usize::MAX, |signal| assert_eq!(signal.kind, SignalKind::STAGE_COMPLETED)) > 0);
}

/// Two that wait for an agent after the other, two that signal them, at about the same time.
fn races(each: u32) {
    let hub = SignalHub::builder().history(16).metrics(false).build().unwrap();
    let set = DependencySet::builder(&hub).targets(2 * each as usize).completions(2).build();
    let started = [0, 0].map(AtomicU64::new);
    thread::scope(|scope| {
        for c in [0, 1].map(CoordId::new) {
            hub.open(c).unwrap();
            set.open(c).unwrap();
            let (hub, set) = (&hub, &set);
            let started = &started[c.get() as usize];
            scope.spawn(move || {
                for round in 0..each {
                    started.store(u64::from(round) + 1, Ordering::Relaxed);
                    let ticket = set.resolve(c, &done(0, round, true)).unwrap();
                    assert_eq!(ticket.wait_timeout(LONG), Ok(()));
                }
            });
            scope.spawn(move || {
                for round in 0..each {
                    while started.load(Ordering::Relaxed) <= u64::from(round) {
                        thread::yield_now();
                    }
                    hub.signal(c, &completed(round, None)).unwrap();
                }
            });
        }
    });
}

#[test]
fn s_d11_nobody_who_waits_for_a_signal_sleeps_for_ever() {
    races(2_000);
}

#[test]
#[ignore = "a million races"]
fn s_d11_nobody_who_waits_for_a_signal_sleeps_for_ever_in_full() {
    (0..100).for_each(|_| races(5_000));
}

/// Room for two completions, and four threads that signal beside a fifth that keeps having its turn: who finds no room waits.
#[test]
fn s_d11_no_completion_is_lost_for_want_of_room() {
    const EACH: u32 = 1_000;
    let hub = opened(SignalHub::builder().history(16).metrics(false));
    let set = DependencySet::builder(&hub).targets(4 * EACH as usize + 100).completions(2).build();
    set.open(C).unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let busy = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let deps: Vec<_> = (0..64).map(resource).collect();
                drop(set.wait(C, agent(u32::MAX), &deps).unwrap());
            }
        });
        let signallers = [0, 1, 2, 3].map(|thread| {
            let hub = &hub;
            scope.spawn(move || {
                (0..EACH).for_each(|n| signal(hub, C, &completed(4 * n + thread, None)));
            })
        });
        signallers.into_iter().for_each(|signaller| signaller.join().unwrap());
        over.store(true, Ordering::Relaxed);
        busy.join().unwrap();
    });
    for index in 0..4 * EACH {
        assert!(set.resolve(C, &done(index, index, true)).unwrap().is_ready(), "{index}");
    }
}

/// A history that does not go back far enough is an error, not a wait for ever.
#[test]
fn s_d11_what_may_have_been_missed_is_an_error() {
    let hub = opened(SignalHub::builder().history(8));
    let set = DependencySet::builder(&hub).build();
    hub.signal(C, &completed(1, None)).unwrap();
    let message = Signal::new(SignalKind::INTER_AGENT_MESSAGE, SignalPayload::default());
    (0..18).for_each(|_| signal(&hub, C, &message));
    hub.signal(C, &completed(2, None)).unwrap();
    let missed = DepError::Lagged { missed: 12 };
    assert_eq!(set.wait(C, agent(9), &[resource(1), done(2, 1, true)]).unwrap_err(), missed);
    assert_eq!(set.pending(C), 0);
    assert!(missed.to_string().contains("12"));
    // What is known can be waited for, and what has nothing to do with agents.
    assert!(set.resolve(C, &done(2, 2, true)).unwrap().is_ready());
    assert!(!set.resolve(C, &resource(1)).unwrap().is_ready());
    set.agent_done(C, agent(1), true).unwrap();
    assert!(set.resolve(C, &done(1, 1, true)).unwrap().is_ready());
    // Cleared, it begins anew.
    assert_eq!(set.wait(C, agent(9), &[done(3, 3, true)]).unwrap_err(), missed);
    set.clear(C);
    let ticket = set.wait(C, agent(9), &[done(3, 3, true)]).unwrap();
    hub.signal(C, &completed(3, None)).unwrap();
    assert!(ticket.is_ready());
    // Opened in time, it misses nothing however much is signalled.
    let other = CoordId::new(2);
    hub.open(other).unwrap();
    set.open(other).unwrap();
    hub.signal(other, &completed(1, None)).unwrap();
    (0..20).for_each(|_| signal(&hub, other, &message));
    assert!(set.resolve(other, &done(1, 1, true)).unwrap().is_ready());
}

/// Who completes when there is room for no agent more is not forgotten in silence.
#[test]
fn s_d11_completions_without_room_are_an_error() {
    let hub = opened(SignalHub::builder().history(100));
    let set = DependencySet::builder(&hub).targets(2).build();
    set.open(C).unwrap();
    (0..3).for_each(|index| signal(&hub, C, &completed(index, None)));
    assert!(set.resolve(C, &done(1, 1, true)).unwrap().is_ready());
    assert_eq!(set.resolve(C, &done(2, 2, true)).unwrap_err(), DepError::Lagged { missed: 1 });
    set.clear(C);
    assert_eq!(set.resolve(C, &done(2, 2, true)).unwrap().poll(), Poll::Pending);
}

/// Closed here, completions go by; opened again, it knows nothing of before, and tickets of before do not count.
#[test]
fn s_d14_a_coordination_is_closed_and_opened_again() {
    let (hub, set) = joined();
    let stale = set.wait(C, agent(1), &[done(1, 2, true)]).unwrap();
    assert_eq!((ringway::coord::Scoped::close(&set, C).dropped, stale.poll()), (3, Poll::Failed(DepError::Cleared)));
    hub.signal(C, &completed(2, None)).unwrap();
    assert_eq!(set.resolve(C, &done(1, 2, true)).unwrap_err(), DepError::UnknownCoordination);
    assert_eq!(set.agent_done(C, agent(2), true), Err(DepError::UnknownCoordination));
    hub.close(C);
    hub.open(C).unwrap();
    set.open(C).unwrap();
    let ticket = set.wait(C, agent(1), &[done(1, 2, true)]).unwrap();
    drop(stale);
    assert_eq!((ringway::coord::Scoped::refs(&set, C), ticket.poll()), (1, Poll::Pending));
    hub.signal(C, &completed(2, None)).unwrap();
    assert_eq!(ticket.poll(), Poll::Ready);
}

/// In either order: who waits may be first, and so may the set.
#[test]
fn s_d9b_a_coordination_is_opened_late_in_the_hub() {
    let hub = SignalHub::builder().history(100).build().unwrap();
    let set = DependencySet::builder(&hub).build();
    let ticket = set.wait(C, agent(1), &[done(1, 2, true)]).unwrap();
    assert_eq!(hub.signal(C, &completed(2, None)), Err(SignalError::UnknownCoordination));
    hub.open(C).unwrap();
    assert_eq!(ticket.poll(), Poll::Pending);
    signal(&hub, C, &completed(2, None));
    assert_eq!(ticket.poll(), Poll::Ready);
}

/// Sets come and go beside their hub, and several hear the same.
#[test]
fn sets_share_a_hub() {
    let (hub, one) = joined();
    let two = DependencySet::builder(&hub).build();
    let tickets = [&one, &two].map(|set| set.resolve(C, &done(1, 2, true)).unwrap());
    hub.signal(C, &completed(2, None)).unwrap();
    assert!(tickets.iter().all(Ticket::is_ready));
    drop(tickets);
    drop(two);
    hub.signal(C, &completed(3, None)).unwrap();
    assert!(one.resolve(C, &done(1, 3, true)).unwrap().is_ready());
    drop(one);
    assert_eq!(hub.signal(C, &completed(4, None)).unwrap().n, 0);
}

/// Looks at its ticket in each cycle, and sleeps between.
struct Waiter {
    ticket: Ticket<'static>,
    seen: &'static AtomicBool,
    over: &'static Event,
}

impl Duty for Waiter {
    fn on_start(&mut self, cx: &mut Cycle) {
        self.ticket.also_wake(cx.event());
    }

    fn run(&mut self, _cx: &mut Cycle) -> usize {
        if self.seen.load(Ordering::Relaxed) || !self.ticket.is_ready() {
            return 0;
        }
        self.seen.store(true, Ordering::Relaxed);
        self.over.notify_all();
        1
    }
}

/// A ticket in a worker's duty cycle: the signal wakes the worker.
#[test]
fn s_d9b_a_worker_is_woken() {
    static SET: OnceLock<(SignalHub, DependencySet)> = OnceLock::new();
    static SEEN: AtomicBool = AtomicBool::new(false);
    static OVER: OnceLock<Event> = OnceLock::new();
    let (hub, set) = SET.get_or_init(joined);
    let over = OVER.get_or_init(Event::new);
    let ticket = set.wait(C, agent(1), &[done(1, 2, true)]).unwrap();
    let own = Event::new();
    let worker = Worker::builder().event(&own).duty(Waiter { ticket, seen: &SEEN, over }).start().unwrap();
    thread::sleep(Duration::from_millis(20));
    hub.signal(C, &completed(2, None)).unwrap();
    assert!(over.wait_until(Some(LONG), || SEEN.load(Ordering::Relaxed)));
    worker.stop();
    // Asked too late, it rings at once.
    let start = Instant::now();
    let ticket = set.wait(C, agent(1), &[done(2, 2, true)]).unwrap();
    ticket.also_wake(&own);
    assert!(ticket.is_ready() && start.elapsed() < LONG);
    assert_eq!(own.rescued_wakeups(), 0);
}
