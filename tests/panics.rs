//! Handlers that panic: what is lost, what is not.

mod common;

use common::{Drops, Random, Value};
use ringway::{Batch, Bus, Cycle, Duty, Handler, PanicPolicy, Pin, TimerId, Worker, WorkerId, each, mpsc};
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Seen = Arc<Mutex<Vec<usize>>>;

/// Notes what it handles; panics over some messages, before or after taking them.
struct Picky {
    seen: Seen,
    bad: fn(usize) -> bool,
    in_place: bool,
}

impl Handler<Value> for Picky {
    fn on_batch(&mut self, batch: &mut Batch<'_, Value>, _cx: &mut Cycle) {
        if self.in_place {
            let first = batch.as_slices().0[0].number;
            assert!(!(self.bad)(first), "as planned");
            self.seen.lock().unwrap().push(first);
            batch.commit(1);
            return;
        }
        for value in batch {
            assert!(!(self.bad)(value.number), "as planned");
            self.seen.lock().unwrap().push(value.number);
        }
    }
}

/// f06: one message is lost for each panic: the one being handled.
#[test]
fn f06_a_panic_loses_the_message_being_handled() {
    for in_place in [false, true] {
        let (drops, seen) = (Drops::new(100), Seen::default());
        let (mut tx, rx) = mpsc::channel(128);
        tx.try_send_iter(&mut drops.values(100)).unwrap();
        let handler = Picky { seen: Arc::clone(&seen), bad: |n| n % 10 == 3, in_place };
        let worker = Worker::builder().spawn(rx, handler).unwrap();
        tx.close();
        let report = worker.join();
        assert_eq!(*seen.lock().unwrap(), (0..100).filter(|n| n % 10 != 3).collect::<Vec<_>>());
        assert_eq!(report.faults, 10);
        drops.assert_each_once();
        let stats = tx.stats();
        // Taken by value and lost, or never taken and dropped.
        let dropped = if in_place { 10 } else { 0 };
        assert_eq!((report.received, stats.received, stats.dropped), (100 - dropped, 100 - dropped, dropped));
    }
}

#[test]
fn stop_closes_the_inbox_and_counts_the_rest() {
    let (drops, seen) = (Drops::new(10), Seen::default());
    let (mut tx, rx) = mpsc::channel(16);
    tx.try_send_iter(&mut drops.values(10)).unwrap();
    let handler = Picky { seen: Arc::clone(&seen), bad: |n| n == 4, in_place: false };
    let report = Worker::builder().on_panic(PanicPolicy::Stop).spawn(rx, handler).unwrap().join();
    assert_eq!((report.received, report.faults), (5, 1));
    assert!(tx.is_disconnected());
    let stats = tx.stats();
    assert_eq!((stats.sent, stats.received, stats.dropped), (10, 5, 5));
    drops.assert_each_once();
}

/// v03: a sender that waits for room is not left waiting.
#[test]
fn v03_a_panicking_handler_never_wedges_senders() {
    for policy in [PanicPolicy::Continue, PanicPolicy::Stop] {
        let (mut tx, rx) = mpsc::channel::<u32>(2);
        let worker = Worker::builder().on_panic(policy).spawn(rx, each(|_| panic!("as planned"))).unwrap();
        let sender = std::thread::spawn(move || (0..100).take_while(|&n| tx.send(n).is_ok()).count());
        let sent = sender.join().unwrap();
        let report = worker.join();
        match policy {
            PanicPolicy::Continue => assert_eq!((sent, report.faults), (100, 100)),
            PanicPolicy::Stop => assert_eq!(report.faults, 1),
        }
    }
}

/// A worker goes on after a panic as who it was: its thread, name, number and core, and its place in the inbox.
#[test]
fn x19_a_worker_keeps_its_identity_after_a_panic() {
    type Seen = (u32, (WorkerId, Option<usize>, std::thread::ThreadId, Option<String>));
    struct Tells(std::sync::mpsc::Sender<Seen>);
    impl Handler<u32> for Tells {
        fn on_batch(&mut self, batch: &mut Batch<'_, u32>, cx: &mut Cycle) {
            for n in batch {
                let thread = std::thread::current();
                let identity = (cx.worker(), cx.core(), thread.id(), thread.name().map(str::to_owned));
                self.0.send((n, identity)).unwrap();
                assert!(n % 3 != 1, "as planned");
            }
        }
    }
    let (told, seen) = std::sync::mpsc::channel();
    let (mut tx, rx) = mpsc::channel(16);
    tx.try_send_iter(&mut (0..12)).unwrap();
    let worker = Worker::builder().id(WorkerId::new(5)).name("who").pin(Pin::nth(0)).spawn(rx, Tells(told)).unwrap();
    let core = worker.core();
    drop(tx);
    assert_eq!(worker.join().faults, 4);
    let seen: Vec<_> = seen.iter().collect();
    assert!(seen.iter().map(|(n, _)| *n).eq(0..12), "{seen:?}");
    assert!(seen.iter().all(|(_, identity)| *identity == seen[0].1), "{seen:?}");
    let (worker, on, _, name) = &seen[0].1;
    assert_eq!((*worker, *on, name.as_deref()), (WorkerId::new(5), core, Some("who")));
}

#[test]
fn every_hook_may_panic() {
    struct Hooks;
    impl Handler<u32> for Hooks {
        fn on_start(&mut self, cx: &mut Cycle) {
            cx.after(Duration::ZERO).unwrap();
            panic!("as planned");
        }
        fn on_batch(&mut self, batch: &mut Batch<'_, u32>, _cx: &mut Cycle) {
            batch.commit_all();
        }
        fn on_timer(&mut self, _timer: TimerId, _cx: &mut Cycle) {
            panic!("as planned");
        }
        fn on_cycle_end(&mut self, _cx: &mut Cycle) {
            panic!("as planned");
        }
        fn on_stop(&mut self, _cx: &mut Cycle) {
            panic!("as planned");
        }
    }
    impl Drop for Hooks {
        fn drop(&mut self) {
            panic!("as planned");
        }
    }
    let (mut tx, rx) = mpsc::channel(8);
    tx.try_send(1).unwrap();
    let worker = Worker::builder().spawn(rx, Hooks).unwrap();
    while worker.report().faults < 3 {
        std::thread::yield_now();
    }
    drop(tx);
    let report = worker.join();
    // Start, timer, end of one or two cycles, stop, drop.
    assert!((5..=6).contains(&report.faults), "{}", report.faults);
    assert_eq!(report.received, 1);
}

#[test]
fn a_message_whose_drop_panics_is_gone() {
    let drops = Drops::new(3);
    let (mut tx, rx) = mpsc::channel(8);
    tx.try_send_iter(&mut [drops.value(0), drops.bomb(1), drops.value(2)].into_iter()).unwrap();
    struct InPlace;
    impl Handler<Value> for InPlace {
        fn on_batch(&mut self, batch: &mut Batch<'_, Value>, _cx: &mut Cycle) {
            batch.commit_all();
        }
    }
    let worker = Worker::builder().spawn(rx, InPlace).unwrap();
    tx.close();
    assert_eq!(worker.join().faults, 1);
    drops.assert_each_once();
}

/// One duty's panics are nothing to its neighbours.
#[test]
fn neighbours_are_not_disturbed() {
    struct Broken;
    impl Duty for Broken {
        fn run(&mut self, _cx: &mut Cycle) -> usize {
            panic!("as planned");
        }
    }
    let seen = Seen::default();
    let (mut tx, rx) = mpsc::channel(8);
    tx.try_send_iter(&mut (0..5)).unwrap();
    let handler = each({
        let seen = Arc::clone(&seen);
        move |n: usize| seen.lock().unwrap().push(n)
    });
    let worker = Worker::builder().duty(Broken).inbox(rx, handler).start().unwrap();
    while seen.lock().unwrap().len() < 5 {
        std::thread::yield_now();
    }
    worker.close();
    let report = worker.join();
    assert!(report.faults > 0);
    assert_eq!(report.received, 5);
}

/// Handlers that panic at random, publishers that come and go: every message is dropped once, and the report balances.
#[test]
fn random_panics_lose_nothing_else() {
    const MESSAGES: usize = 20_000;
    let mut random = Random::new("random_panics_lose_nothing_else");
    let drops = Drops::new(MESSAGES);
    struct Careless(Random);
    impl Handler<Value> for Careless {
        fn on_batch(&mut self, batch: &mut Batch<'_, Value>, _cx: &mut Cycle) {
            if self.0.below(200) == 0 {
                panic!("as planned");
            }
            for _value in batch.by_ref().take(1 + self.0.below(20)) {
                assert!(self.0.below(500) != 0, "as planned");
            }
            batch.commit(self.0.below(batch.len() + 1));
        }
    }
    // Thousands of messages about planned panics help nobody.
    std::panic::set_hook(Box::new(|_| ()));
    let bus = Bus::builder().workers(2).capacity(64).spawn(|_| Careless(random.clone())).unwrap();
    let publisher = bus.publisher().unwrap();
    let publishers: Vec<_> = (0..4)
        .map(|part| {
            let (mut publisher, drops, mut random) = (publisher.clone(), drops.clone(), Random::new("publisher"));
            std::thread::spawn(move || {
                for n in (0..MESSAGES).filter(|n| n % 4 == part) {
                    publisher.send(n as u64, drops.value(n)).unwrap();
                    if random.below(1000) == 0 {
                        publisher = publisher.clone();
                    }
                }
            })
        })
        .collect();
    publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
    let report = bus.shutdown(Duration::from_secs(60));
    let _ = std::panic::take_hook();
    random.below(2);
    assert!(report.is_balanced(), "{report:?}");
    assert_eq!((report.sent, report.unsettled), (MESSAGES as u64, 0));
    assert!(report.faults > 0);
    drops.assert_each_once();
}
