//! Dependencies: who waits, who is woken, what comes of it.
#![cfg(feature = "coord")]

use ringway::Worker;
use ringway::clock::ManualClock;
use ringway::coord::dependencies::{
    Cleared, Dep, DepError, DepId, DepState, DependencySet, DependencySetBuilder, GateId, On, Poll, Probe, ProbeCx,
    Ready, ResourceId, Target, Unmet,
};
use ringway::coord::{CloseError, Coordination};
use ringway::ids::{AgentId, CoordId, SessionId};
use ringway::value::Score;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const C: CoordId = CoordId::new(1);
/// A watchdog: nothing takes that long.
const LONG: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

fn agent(index: u32) -> AgentId {
    AgentId { index, generation: 0 }
}

fn score(score: f64) -> Score {
    Score::new(score).unwrap()
}

fn resource(id: u32) -> Dep {
    Dep::new(DepId::new(id), On::Resource { id: ResourceId::new(id), min: 1.0 })
}

fn gate(id: u32, threshold: f64) -> Dep {
    Dep::new(DepId::new(id), On::Gate { id: GateId::new(id), threshold: score(threshold) })
}

fn done(id: u32, index: u32, require_success: bool) -> Dep {
    Dep::new(DepId::new(id), On::AgentDone { agent: agent(index), require_success })
}

fn set() -> DependencySet {
    DependencySet::standalone().build()
}

fn manual(builder: DependencySetBuilder) -> (DependencySet, ManualClock) {
    let clock = ManualClock::new();
    (builder.clock(clock.clone()).build(), clock)
}

#[test]
fn s_d9_marked_before_is_ready_at_once() {
    let set = set();
    for n in [10, 64] {
        (0..n).for_each(|id| assert_eq!(set.set_resource(C, ResourceId::new(id), 1.0), Ok(0)));
        let deps: Vec<_> = (0..n).map(resource).collect();
        let ticket = set.wait(C, agent(1), &deps).unwrap();
        assert!(ticket.is_ready());
        assert_eq!((ticket.poll(), set.pending(C), ticket.wait_timeout(Duration::ZERO)), (Poll::Ready, 0, Ok(())));
    }
    // A hundred at once, by a set with room for them.
    let set = DependencySet::standalone().deps_per_ticket(100).build();
    (0..100).for_each(|id| assert!(set.set_gate_score(C, GateId::new(id), score(0.9)).is_ok()));
    let deps: Vec<_> = (0..100).map(|id| gate(id, 0.8)).collect();
    assert!(set.wait(C, agent(1), &deps).unwrap().is_ready());
}

/// Woken by what is set, with a timeout that is far away and nobody who polls.
#[test]
fn s_d9b_a_sleeper_is_woken() {
    let set = set();
    let deps = [resource(1), gate(2, 0.8), done(3, 3, true)];
    let ticket = set.wait(C, agent(1), &deps).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            assert_eq!(set.set_resource(C, ResourceId::new(1), 1.0), Ok(0));
            assert_eq!(set.set_gate_score(C, GateId::new(2), score(0.8)), Ok(0));
            assert_eq!(set.agent_done(C, agent(3), true), Ok(1));
        });
        assert_eq!(ticket.wait_timeout(LONG), Ok(()));
    });
    let status = set.status(C, DepId::new(2)).unwrap();
    assert_eq!((status.state, status.last, status.needed), (DepState::Resolved, Some(0.8), 0.8));
    assert!(status.resolved_at.is_some());
}

#[test]
fn s_d9c_gates() {
    let set = set();
    let ticket = set.resolve(C, &gate(1, 0.8)).unwrap();
    assert_eq!(set.set_gate_score(C, GateId::new(1), score(0.7)), Ok(0));
    assert_eq!(ticket.poll(), Poll::Pending);
    assert_eq!(set.set_gate_score(C, GateId::new(1), score(0.8)), Ok(1));
    assert_eq!(set.set_gate_score(C, GateId::new(1), score(0.1)), Ok(0));
    assert_eq!(ticket.poll(), Poll::Ready, "what was met stays met");
    // The next one asks for what is there now.
    let next = set.resolve(C, &gate(2, 0.8)).unwrap();
    assert!(!next.is_ready());
    for wrong in [f64::NAN, 1.1, -0.1] {
        let refused =
            Score::new(wrong).map_err(DepError::from).and_then(|score| set.set_gate_score(C, GateId::new(1), score));
        assert_eq!(refused, Err(DepError::ScoreOutOfRange));
    }
}

#[test]
fn s_d9d_timeouts_have_one_shape() {
    let (set, clock) = manual(DependencySet::standalone());
    let timeout = |dep| DepError::Timeout { dep: DepId::new(dep), after: SECOND };
    let by_wait = set.wait(C, agent(1), &[resource(1), gate(2, 0.5).timeout(SECOND), done(3, 9, false)]).unwrap();
    let by_resolve = set.resolve(C, &resource(4).timeout(SECOND)).unwrap();
    let empty = set.wait(C, agent(1), &[]).unwrap();
    assert_eq!(empty.wait_timeout(Duration::ZERO), Ok(()));
    clock.advance(SECOND - Duration::from_nanos(1));
    assert_eq!((by_wait.poll(), by_resolve.poll()), (Poll::Pending, Poll::Pending));
    clock.advance(Duration::from_nanos(1));
    assert_eq!((by_wait.poll(), by_resolve.poll()), (Poll::Failed(timeout(2)), Poll::Failed(timeout(4))));
    assert_eq!((by_wait.wait_timeout(LONG), by_resolve.wait_timeout(LONG)), (Err(timeout(2)), Err(timeout(4))));
    assert_eq!(set.status(C, DepId::new(2)).unwrap().state, DepState::Timeout);
    assert_eq!(set.set_gate_score(C, GateId::new(2), Score::ONE), Ok(0), "an outcome is final");
    assert_eq!(by_wait.poll(), Poll::Failed(timeout(2)));
}

/// On the system's clock: a sleeper ends its sleep for what is due.
#[test]
fn s_d9d_sleepers_time_out() {
    let set = set();
    let after = Duration::from_millis(30);
    let start = Instant::now();
    let ticket = set.resolve(C, &resource(1).timeout(after)).unwrap();
    assert_eq!(ticket.wait_timeout(LONG), Err(DepError::Timeout { dep: DepId::new(1), after }));
    assert!(start.elapsed() >= after);
    // The call's own timeout leaves the ticket as it is.
    let other = set.resolve(C, &resource(2)).unwrap();
    assert_eq!(other.wait_timeout(after), Err(DepError::Timeout { dep: DepId::new(2), after }));
    set.set_resource(C, ResourceId::new(2), 1.0).unwrap();
    assert_eq!(other.wait_timeout(after), Ok(()));
}

#[test]
fn s_d9e_cycles_are_refused() {
    let set = set();
    let wait = |waiting, dep, on| set.wait(C, agent(waiting), &[done(dep, on, true)]);
    assert_eq!(wait(1, 1, 1).unwrap_err(), DepError::Cycle { length: 1 });
    let one = wait(1, 1, 2).unwrap();
    assert_eq!(wait(2, 2, 1).unwrap_err(), DepError::Cycle { length: 2 });
    let two = wait(2, 2, 3).unwrap();
    assert_eq!(wait(3, 3, 1).unwrap_err(), DepError::Cycle { length: 3 });
    // A diamond is no circle, and neither is what another coordination waits for.
    let diamond = set.wait(C, agent(1), &[done(4, 3, true)]).unwrap();
    assert!(set.wait(CoordId::new(2), agent(3), &[done(3, 1, true)]).is_ok());
    assert_eq!(set.pending(C), 3, "what was refused left nothing behind");
    // Once the middle has what it waits for, its edge is gone.
    assert_eq!(set.agent_done(C, agent(3), true), Ok(2));
    let back = wait(3, 5, 1).unwrap();
    assert_eq!(wait(1, 6, 3).map(|ticket| ticket.is_ready()), Ok(true));
    // So is the edge of a ticket that was dropped.
    drop((one, two, diamond, back));
    assert!(wait(2, 2, 1).is_ok());
}

/// A random graph: a wait is refused exactly when the waited for can reach the waiting already.
#[test]
fn s_d9e_cycles_against_a_search() {
    const AGENTS: usize = 12;
    let seed = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64;
    println!("seed {seed}");
    let mut random = seed;
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (random >> 33) as usize % below
    };
    for _ in 0..50 {
        let set = set();
        let (mut reach, mut tickets) = ([[false; AGENTS]; AGENTS], Vec::new());
        (0..AGENTS).for_each(|n| reach[n][n] = true);
        for dep in 0..40 {
            let (from, to) = (next(AGENTS), next(AGENTS));
            let answer = set.wait(C, agent(from as u32), &[done(dep, to as u32, true)]);
            assert_eq!(answer.is_err(), reach[to][from], "{from} waits for {to}: {answer:?}");
            let Ok(ticket) = answer else { continue };
            tickets.push(ticket);
            let after = reach[to];
            for row in reach.iter_mut().filter(|row| row[from]) {
                row.iter_mut().zip(after).for_each(|(cell, also)| *cell |= also);
            }
        }
    }
}

/// Everything is pending together; the last one decides.
#[test]
fn s_d10_the_time_is_the_longest() {
    let (set, clock) = manual(DependencySet::standalone());
    let ticket = set.wait(C, agent(1), &[resource(1), resource(2), resource(3)]).unwrap();
    let mut met = Vec::new();
    for id in [2, 1, 3] {
        clock.advance(Duration::from_millis(10));
        assert_eq!(ticket.poll(), Poll::Pending);
        met.push(set.set_resource(C, ResourceId::new(id), 1.0).unwrap());
    }
    assert_eq!((met, ticket.poll()), (vec![0, 0, 1], Poll::Ready));
    let at: Vec<_> = [1, 2, 3].map(|id| set.status(C, DepId::new(id)).unwrap().resolved_at.unwrap() / 1_000_000).into();
    assert_eq!(at, [20, 10, 30]);
}

#[test]
fn s_d10_a_failed_agent_fails_who_requires_success() {
    let set = set();
    let strict = set.wait(C, agent(1), &[done(1, 5, true), resource(9)]).unwrap();
    let lenient = set.wait(C, agent(2), &[done(2, 5, false)]).unwrap();
    assert_eq!(set.agent_done(C, agent(5), false), Ok(2));
    assert_eq!(strict.wait_timeout(LONG), Err(DepError::Failed { dep: DepId::new(1) }));
    assert_eq!(lenient.poll(), Poll::Ready);
    assert_eq!(set.status(C, DepId::new(1)).unwrap().state, DepState::Failed);
    // Known before: at once, and in the same shape. The next generation is somebody else.
    let late = set.resolve(C, &done(3, 5, true)).unwrap();
    assert_eq!(late.poll(), Poll::Failed(DepError::Failed { dep: DepId::new(3) }));
    let restarted = On::AgentDone { agent: AgentId { index: 5, generation: 1 }, require_success: true };
    assert_eq!(set.resolve(C, &Dep::new(DepId::new(4), restarted)).unwrap().poll(), Poll::Pending);
}

/// Ten probes at a time; what waits for something in memory is not limited.
#[test]
fn s_d10_only_probes_are_limited() {
    static NOW: AtomicU64 = AtomicU64::new(0);
    static MOST: AtomicU64 = AtomicU64::new(0);
    static ASKED: AtomicU64 = AtomicU64::new(0);
    fn slow(_: &ProbeCx) -> Ready {
        MOST.fetch_max(NOW.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(2));
        NOW.fetch_sub(1, Ordering::Relaxed);
        ASKED.fetch_add(1, Ordering::Relaxed);
        Ready::Yes
    }
    let (set, clock) = manual(DependencySet::standalone().probes(3));
    let probes: Vec<_> = (0..50).map(|id| set.resolve(C, &Probe::FAST.dep(DepId::new(id), slow)).unwrap()).collect();
    let others: Vec<_> = (50..100).map(|id| set.resolve(C, &resource(id)).unwrap()).collect();
    clock.advance(Probe::FAST.every);
    thread::scope(|scope| (0..8).for_each(|_| drop(scope.spawn(|| set.advance()))));
    (50..100).for_each(|id| assert_eq!(set.set_resource(C, ResourceId::new(id), 1.0), Ok(1)));
    assert!(others.iter().all(|ticket| ticket.is_ready()));
    assert!(probes.iter().all(|ticket| ticket.is_ready()));
    assert_eq!((ASKED.load(Ordering::Relaxed), NOW.load(Ordering::Relaxed)), (50, 0));
    assert!(MOST.load(Ordering::Relaxed) <= 3);
}

/// Registered while it is set, on four threads.
fn races(each: u32) {
    let set = DependencySet::standalone().tickets(8).targets(8).deps(16).build();
    let rounds = AtomicU64::new(0);
    thread::scope(|scope| {
        for pair in 0..2 {
            let (set, rounds) = (&set, &rounds);
            let (c, id) = (CoordId::new(pair), ResourceId::new(pair as u32));
            let dep = Dep::new(DepId::new(0), On::Resource { id, min: 1.0 });
            scope.spawn(move || {
                for _ in 0..each {
                    let ticket = set.resolve(c, &dep).unwrap();
                    assert_eq!(ticket.wait_timeout(LONG), Ok(()));
                    drop(ticket);
                    set.set_resource(c, id, 0.0).unwrap();
                    rounds.fetch_add(1, Ordering::Relaxed);
                }
            });
            scope.spawn(move || {
                while rounds.load(Ordering::Relaxed) < 2 * u64::from(each) {
                    set.set_resource(c, id, 1.0).unwrap();
                    thread::yield_now();
                }
            });
        }
    });
    assert_eq!((set.pending(CoordId::new(0)), set.pending(CoordId::new(1))), (0, 0));
}

#[test]
fn s_d11_nobody_sleeps_for_ever() {
    races(5_000);
}

#[test]
#[ignore = "a million races"]
fn s_d11_nobody_sleeps_for_ever_in_full() {
    races(500_000);
}

/// A level that is reached for a moment only is missed by nobody who waited before.
#[test]
fn s_d11_a_moment_is_enough() {
    let set = set();
    for id in 0..500 {
        let ticket = set.resolve(C, &resource(id)).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                set.set_resource(C, ResourceId::new(id), 1.0).unwrap();
                set.set_resource(C, ResourceId::new(id), 0.0).unwrap();
            });
            scope.spawn(|| {
                (0..20).for_each(|_| set.resolve(C, &Dep { id: DepId::new(9_999), ..resource(id) }).unwrap().cancel())
            });
        });
        assert!(ticket.is_ready());
        drop(ticket);
        set.clear(C);
    }
}

#[test]
fn s_d11b_probes_keep_their_rhythm() {
    static FAST: AtomicU64 = AtomicU64::new(0);
    static SLOW: AtomicU64 = AtomicU64::new(0);
    fn fast(cx: &ProbeCx) -> Ready {
        assert_eq!(u64::from(cx.asked), FAST.fetch_add(1, Ordering::Relaxed));
        Ready::NotYet
    }
    fn slow(_: &ProbeCx) -> Ready {
        SLOW.fetch_add(1, Ordering::Relaxed);
        Ready::NotYet
    }
    let (set, clock) = manual(DependencySet::standalone());
    let fast_ticket = set.resolve(C, &Probe::FAST.dep(DepId::new(1), fast)).unwrap();
    let slow_ticket = set.resolve(C, &Probe::SLOW.dep(DepId::new(2), slow)).unwrap();
    let calls = || (FAST.load(Ordering::Relaxed), SLOW.load(Ordering::Relaxed));
    for ms in 1..=10_000 {
        clock.advance(Duration::from_millis(1));
        set.advance();
        assert_eq!(calls(), (ms / 50, ms / 2_000));
    }
    assert_eq!(calls(), (200, 5));
    let timeout = DepError::Timeout { dep: DepId::new(1), after: Probe::FAST.timeout };
    assert_eq!((fast_ticket.poll(), slow_ticket.poll()), (Poll::Failed(timeout), Poll::Pending));
    // Late by two intervals and a half: asked once, and then in the old rhythm.
    clock.advance(Duration::from_secs(5));
    set.advance();
    clock.advance(Duration::from_millis(999));
    set.advance();
    assert_eq!(calls().1, 6);
    clock.advance(Duration::from_millis(1));
    set.advance();
    assert_eq!(calls().1, 7);
}

#[test]
fn probes_fail_and_panic() {
    fn fails(_: &ProbeCx) -> Ready {
        Ready::Failed
    }
    fn panics(_: &ProbeCx) -> Ready {
        panic!("a probe that panics")
    }
    let (set, clock) = manual(DependencySet::standalone());
    let failing = set.resolve(C, &Dep { max_retries: 2, ..Probe::FAST.dep(DepId::new(1), fails) }).unwrap();
    let faulty = set.resolve(C, &Probe::FAST.dep(DepId::new(2), panics)).unwrap();
    let mut polls = Vec::new();
    for _ in 0..3 {
        clock.advance(Probe::FAST.every);
        set.advance();
        polls.push((failing.poll(), faulty.poll()));
    }
    let fault = Poll::Failed(DepError::ProbeFault { dep: DepId::new(2) });
    let failed = Poll::Failed(DepError::Failed { dep: DepId::new(1) });
    assert_eq!(polls, [(Poll::Pending, fault), (Poll::Pending, fault), (failed, fault)]);
}

/// What it panics with panics again when it is dropped: its place among the probes comes back all the same.
#[test]
fn a_probe_may_panic_twice() {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            if !thread::panicking() {
                std::panic::panic_any(()); // nothing that could leak: what is panicked with here is forgotten
            }
        }
    }
    fn panics(_: &ProbeCx) -> Ready {
        std::panic::panic_any(Again)
    }
    let (set, clock) = manual(DependencySet::standalone().probes(1));
    let faulty = set.resolve(C, &Probe::FAST.dep(DepId::new(1), panics)).unwrap();
    clock.advance(Probe::FAST.every);
    assert_eq!(faulty.poll(), Poll::Failed(DepError::ProbeFault { dep: DepId::new(1) }));
    let next = set.resolve(C, &Probe::FAST.dep(DepId::new(2), |_| Ready::Yes)).unwrap();
    clock.advance(Probe::FAST.every);
    assert_eq!(next.poll(), Poll::Ready);
}

#[test]
fn s_d11c_a_failed_ticket_says_why() {
    let (set, clock) = manual(DependencySet::standalone());
    let probe = Probe::FAST.dep(DepId::new(4), |_| panic!("a probe that panics"));
    let explain = |deps: &[Dep], end: &dyn Fn()| {
        let ticket = set.wait(C, agent(1), deps).unwrap();
        end();
        assert!(matches!(ticket.poll(), Poll::Failed(_)));
        let mut unmet = [Unmet::default(); 4];
        let n = ticket.explain(&mut unmet);
        unmet[..n].iter().map(Unmet::to_string).collect::<Vec<_>>()
    };
    set.set_gate_score(C, GateId::new(1), score(0.68)).unwrap();
    let failed = explain(&[gate(1, 0.8), done(2, 2, true)], &|| assert_eq!(set.agent_done(C, agent(2), false), Ok(1)));
    assert_eq!(failed, ["gate_1: last 0.68, needs 0.8", "agent_2_0: failed, needs success"]);
    let late = explain(&[gate(1, 0.8).timeout(SECOND), resource(3)], &|| clock.advance(SECOND));
    assert_eq!(late, ["gate_1: last 0.68, needs 0.8, too late", "resource_3: never set, needs 1"]);
    let fault = explain(&[probe], &|| clock.advance(SECOND));
    assert_eq!(fault, ["probe of dep_4: failed"]);
    let third = explain(&[gate(1, 0.8), done(3, 3, true)], &|| assert_eq!(set.clear(C).tickets, 1));
    assert_eq!(third, [""; 0]); // nothing of it is waited for any more
}

/// Levels as they are computed, not as they are written.
#[test]
fn s_d11c_levels_are_told_in_few_digits() {
    let set = set();
    let ticket = set.resolve(C, &gate(1, 0.8)).unwrap();
    let told = |level: f64| {
        set.set_gate_score(C, GateId::new(1), score(level)).unwrap();
        let mut unmet = [Unmet::default()];
        ticket.explain(&mut unmet);
        (unmet[0].last, unmet[0].to_string())
    };
    let computed = 1.0 - 0.32 * 1.000_000_000_000_000_4; // 0.6799999999999999
    assert_eq!(told(computed), (Some(computed), "gate_1: last 0.68, needs 0.8".to_owned()));
    assert_eq!(told(0.799_999_9).1, "gate_1: last 0.7999999, needs 0.8");
    assert_eq!(told(0.5).1, "gate_1: last 0.5, needs 0.8");
}

#[test]
fn what_nobody_waits_for_can_be_forgotten() {
    let set = DependencySet::standalone().targets(2).build();
    let (first, second) = (Target::Resource(ResourceId::new(1)), Target::Agent(agent(2)));
    let ticket = set.wait(C, agent(2), &[resource(1)]).unwrap();
    let full = Err(DepError::CapacityExceeded { what: "targets", max: 2 });
    assert_eq!(set.set_resource(C, ResourceId::new(3), 1.0), full);
    // One is waited for, the other one waits.
    assert_eq!([first, second].map(|target| set.forget(C, target)), [false, false]);
    assert_eq!(set.set_resource(C, ResourceId::new(1), 1.0), Ok(1));
    assert!(set.forget(C, first) && !set.forget(C, first) && !set.forget(C, Target::Probe));
    assert!(!set.forget(C, second) && ticket.is_ready()); // that one still holds its ticket
    drop(ticket);
    assert!(set.forget(C, second) && !set.forget(CoordId::new(2), first));
    // There is room again, and nothing is known of what was there.
    let again = set.wait(C, agent(1), &[resource(1)]).unwrap();
    assert!(!again.is_ready());
    assert_eq!(set.status(C, DepId::new(1)).unwrap().last, None);
}

#[test]
fn s_d11c_a_stuck_ticket_says_why() {
    let set = set();
    let probe = Probe::SLOW.dep(DepId::new(5), |_| Ready::NotYet);
    let deps = [gate(1, 0.8), resource(2), done(3, 7, true), resource(4), probe, done(6, 8, false)];
    let ticket = set.wait(C, agent(1), &deps).unwrap();
    set.set_gate_score(C, GateId::new(1), score(0.71)).unwrap();
    set.set_resource(C, ResourceId::new(4), 2.0).unwrap();
    let mut unmet = [Unmet::default(); 8];
    assert_eq!(ticket.explain(&mut unmet), 5);
    let (target, state) = (Target::Gate(GateId::new(1)), DepState::Pending);
    let expected = Unmet { dep: DepId::new(1), target, last: Some(0.71), needed: 0.8, state };
    assert_eq!(unmet[0], expected);
    let words: Vec<_> = unmet[..5].iter().map(Unmet::to_string).collect();
    assert_eq!(
        words,
        [
            "gate_1: last 0.71, needs 0.8",
            "resource_2: never set, needs 1",
            "agent_7_0: not done, needs success",
            "probe of dep_5: not ready",
            "agent_8_0: not done"
        ]
    );
    assert_eq!(ticket.explain(&mut unmet[..2]), 2);
    let status = set.status(C, DepId::new(4)).unwrap();
    assert_eq!((status.state, status.last, status.needed), (DepState::Resolved, Some(2.0), 1.0));
    assert_eq!(set.pending(C), 5);
}

#[test]
fn bad_input_registers_nothing() {
    let set = DependencySet::standalone().tickets(2).targets(3).deps(4).deps_per_ticket(3).build();
    let zero = On::Probe { f: |_| Ready::Yes, every: Duration::ZERO };
    let min = |min| Dep::new(DepId::new(1), On::Resource { id: ResourceId::new(1), min });
    let full = |what, max| DepError::CapacityExceeded { what, max };
    let cases: [(&[Dep], DepError); 9] = [
        (&[resource(1).timeout(Duration::ZERO)], DepError::ZeroTimeout),
        (&[Dep::new(DepId::new(1), zero)], DepError::ZeroInterval),
        (&[min(f64::NAN)], DepError::ScoreOutOfRange),
        (&[min(f64::INFINITY)], DepError::ScoreOutOfRange),
        (&[min(-1.0)], DepError::ScoreOutOfRange),
        (&[resource(1), gate(1, 0.5)], DepError::DuplicateDep { id: DepId::new(1) }),
        (&[resource(1), resource(2), resource(3), resource(4)], full("dependencies of a ticket", 3)),
        (&[resource(1), resource(2), resource(3)], full("targets", 3)),
        (&[resource(1), done(2, 1, true)], DepError::Cycle { length: 1 }),
    ];
    for (deps, expected) in cases {
        assert_eq!(set.wait(C, agent(1), deps).unwrap_err(), expected);
        assert_eq!(set.pending(C), 0);
        assert!(!expected.to_string().is_empty());
    }
    for level in [f64::NAN, f64::INFINITY, -0.5] {
        assert_eq!(set.set_resource(C, ResourceId::new(1), level), Err(DepError::ScoreOutOfRange));
    }
    let one = set.resolve(C, &resource(1)).unwrap();
    assert_eq!(set.resolve(C, &resource(1)).unwrap_err(), DepError::DuplicateDep { id: DepId::new(1) });
    let two = set.wait(C, agent(1), &[resource(2)]).unwrap();
    assert_eq!(set.resolve(C, &resource(3)).unwrap_err(), full("tickets", 2));
    assert_eq!(set.set_resource(C, ResourceId::new(9), 1.0), Err(full("targets", 3)));
    assert_eq!(set.status(C, DepId::new(9)), Err(DepError::UnknownDependency));
    assert_eq!(set.status(CoordId::new(9), DepId::new(1)), Err(DepError::UnknownCoordination));
    // A cancelled one is known, and can be registered again.
    one.cancel();
    assert_eq!(set.status(C, DepId::new(1)).unwrap().state, DepState::Cancelled);
    let again = set.resolve(C, &resource(1)).unwrap();
    drop((again, two));
    // Places come round, and statuses go with them.
    for id in 0..4 {
        drop(set.resolve(C, &Dep { id: DepId::new(100 + id), ..resource(1) }).unwrap());
    }
    assert_eq!(set.status(C, DepId::new(1)), Err(DepError::UnknownDependency));
}

#[test]
fn s_d14_clearing_and_closing() {
    let set = DependencySet::standalone().coordinations(2).build();
    let mut flight = Coordination::open(C, SessionId::new(1));
    flight.register(set.clone());
    set.set_resource(C, ResourceId::new(1), 1.0).unwrap();
    let pending = set.wait(C, agent(1), &[resource(1), gate(2, 0.5)]).unwrap();
    let other = set.resolve(CoordId::new(2), &gate(2, 0.5)).unwrap();
    assert_eq!(
        set.resolve(CoordId::new(3), &gate(2, 0.5)).unwrap_err(),
        DepError::CapacityExceeded { what: "coordinations", max: 2 }
    );
    assert_eq!(set.clear(C), Cleared { tickets: 1, targets: 3, deps: 2 });
    assert_eq!(set.clear(C), Cleared::default());
    assert_eq!((pending.poll(), other.poll()), (Poll::Failed(DepError::Cleared), Poll::Pending));
    assert_eq!((set.pending(C), set.pending(CoordId::new(2))), (0, 1));
    // Cleared, not closed: it starts from nothing.
    let again = set.wait(C, agent(1), &[resource(1)]).unwrap();
    assert!(!again.is_ready());
    assert_eq!(flight.close(), Err(CloseError::Busy { refs: 2 }));
    drop((pending, again));
    assert!(flight.close().is_ok());
    assert_eq!(set.set_resource(C, ResourceId::new(1), 1.0), Err(DepError::UnknownCoordination));
    assert_eq!(set.wait(C, agent(1), &[]).unwrap_err(), DepError::UnknownCoordination);
    assert_eq!(set.status(C, DepId::new(1)), Err(DepError::UnknownCoordination));
    // Its places are free again.
    assert_eq!(set.set_gate_score(CoordId::new(2), GateId::new(2), Score::ONE), Ok(1));
    assert!(set.resolve(CoordId::new(3), &gate(2, 0.5)).is_ok());
}

/// A guard that is dropped closes under the hands of who waits.
#[test]
fn s_d14_sleepers_are_let_go() {
    let set = set();
    let mut flight = Coordination::open(C, SessionId::new(1));
    flight.register(set.clone());
    let ticket = set.resolve(C, &resource(1)).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(5));
            drop(flight);
        });
        assert_eq!(ticket.wait_timeout(LONG), Err(DepError::Cleared));
    });
}

/// Timeouts and probes on a worker's timers, with nobody who waits or polls.
#[test]
fn a_worker_keeps_the_time() {
    let set = set();
    let worker = Worker::builder().duty(set.timekeeper()).start().unwrap();
    let probe =
        On::Probe { f: |cx| if cx.asked < 2 { Ready::NotYet } else { Ready::Yes }, every: Duration::from_millis(2) };
    // The first is due later than the second: its registration has to wake the worker.
    let deps =
        [resource(1).timeout(LONG), Dep::new(DepId::new(2), probe), gate(3, 1.0).timeout(Duration::from_millis(15))];
    let tickets: Vec<_> = deps.iter().map(|dep| set.resolve(C, dep).unwrap()).collect();
    let start = Instant::now();
    while set.pending(C) > 1 {
        assert!(start.elapsed() < LONG);
        thread::sleep(Duration::from_millis(1));
    }
    assert!(tickets[1].is_ready());
    assert_eq!(set.status(C, DepId::new(3)).unwrap().state, DepState::Timeout);
    assert_eq!(set.status(C, DepId::new(1)).unwrap().state, DepState::Pending);
    worker.stop();
}
