//! The bus: routing, order, back-pressure, shutdown, accounting.

mod common;

use common::{Drops, Value, panics, within_limits};
use ringway::{
    Batch, BuildError, Bus, Cycle, Handler, Pin, SendTimeoutError, TrySendError, Wait, WorkerId, allowed_cores, each,
};
use std::sync::{Arc, Barrier, Condvar, Mutex};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

/// Publisher, key, sequence.
type Event = (u32, u64, u32);

/// Checks that each publisher's messages of each key come in order, always to the same worker.
struct Checker {
    next: std::collections::HashMap<(u32, u64), u32>,
    owners: Arc<Mutex<std::collections::HashMap<u64, WorkerId>>>,
}

impl Handler<Event> for Checker {
    fn on_batch(&mut self, batch: &mut Batch<'_, Event>, cx: &mut Cycle) {
        for (publisher, key, sequence) in batch {
            let next = self.next.entry((publisher, key)).or_default();
            assert_eq!(*next, sequence);
            *next += 1;
            assert_eq!(*self.owners.lock().unwrap().entry(key).or_insert(cx.worker()), cx.worker());
        }
    }
}

#[test]
fn same_key_same_worker_in_order() {
    for (capacity, lanes, wait) in
        [(4, 0, Wait::park()), (1024, 0, Wait::adaptive()), (64, 0, Wait::spin()), (64, 2, Wait::adaptive())]
    {
        let owners = Arc::new(Mutex::new(std::collections::HashMap::new()));
        let checker = |_| Checker { next: Default::default(), owners: Arc::clone(&owners) };
        let builder = Bus::builder().workers(2).pin(Pin::spread()).capacity(capacity).lanes(lanes).wait(wait);
        let bus = builder.spawn(checker).unwrap();
        let publishers: Vec<_> = (0..3)
            .map(|id| {
                let mut publisher = bus.publisher().unwrap();
                thread::spawn(move || {
                    let mut events = (0..3000).map(|n| (n % 7, (id, n % 7, (n / 7) as u32))).peekable();
                    while events.peek().is_some() {
                        // Batches and singles, mixed.
                        let (_, refused) = publisher.try_send_iter(&mut events.by_ref().take(100));
                        if let Some(refused) = refused {
                            let (key, event) = refused.into_inner();
                            publisher.send(key, event).unwrap();
                        }
                        if let Some((key, event)) = events.next() {
                            publisher.send_timeout(key, event, LONG).unwrap();
                        }
                    }
                })
            })
            .collect();
        publishers.into_iter().for_each(|publisher| publisher.join().unwrap());
        for (key, owner) in &*owners.lock().unwrap() {
            assert_eq!(bus.worker_of(*key), *owner);
        }
        let report = bus.shutdown(LONG);
        assert!(report.is_balanced(), "{report:?}");
        assert_eq!((report.sent, report.faults, report.rescued_wakeups), (9000, 0, 0));
        assert_eq!(report.workers.iter().map(|worker| worker.received).sum::<u64>(), 9000);
    }
}

#[test]
fn what_cannot_be_built_says_why() {
    let build = || Bus::<u32>::builder();
    let outside = allowed_cores().iter().max().unwrap() + 1;
    for (builder, expected) in [
        (build().workers(0), BuildError::ZeroWorkers),
        (build().workers(5000), BuildError::TooManyWorkers { workers: 5000, max: 1024 }),
        (build().capacity(0), BuildError::ZeroCapacity),
        (build().capacity(usize::MAX), BuildError::CapacityTooLarge { capacity: usize::MAX }),
        (build().lanes(65), BuildError::TooManyLanes { lanes: 65, max: 64 }),
        (build().batch(0), BuildError::ZeroBatch),
        (build().batch(1000), BuildError::BatchTooLarge { batch: 1000 }),
        (
            build().pin(Pin::core(outside)),
            BuildError::CoreNotAllowed { core: outside, allowed: allowed_cores().to_vec() },
        ),
    ] {
        assert_eq!(builder.spawn(|_| each(drop)).unwrap_err(), expected);
    }
}

/// A handler that waits until it is let go.
#[derive(Clone, Default)]
struct Turnstile(Arc<(Mutex<bool>, Condvar)>);

impl Turnstile {
    fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn pass(&self) {
        let open = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(open, |open| !*open).unwrap());
    }
}

#[test]
fn back_pressure_is_a_value() {
    let turnstile = Turnstile::default();
    let handler = turnstile.clone();
    let bus = Bus::builder()
        .capacity(2)
        .batch(1)
        .spawn(move |_| {
            let h = handler.clone();
            each(move |_: u32| h.pass())
        })
        .unwrap();
    let mut publisher = bus.publisher().unwrap();
    let mut sent = 0;
    // The handler holds one, the inbox two.
    let refused = loop {
        match publisher.try_send(9, sent) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(refused, TrySendError::Full((9, sent)));
    assert_eq!(publisher.send_timeout(9, 77, Duration::ZERO), Err(SendTimeoutError::Timeout((9, 77))));
    let mut pairs = (0..5).map(|n| (9, n));
    let (went, refused) = publisher.try_send_iter(&mut pairs);
    assert_eq!(refused, Some(TrySendError::Full((9, went as u32))));
    assert_eq!(pairs.len(), 4 - went);
    turnstile.open();
    publisher.send(9, sent).unwrap();
    let report = bus.shutdown(LONG);
    assert!(report.is_balanced());
    assert_eq!(report.received, u64::from(sent) + 1 + went as u64);
    assert_eq!(publisher.try_send(9, 1), Err(TrySendError::Disconnected((9, 1))));
    assert_eq!(publisher.send(9, 2).unwrap_err().into_inner(), (9, 2));
    assert_eq!(publisher.send_timeout(9, 3, LONG), Err(SendTimeoutError::Disconnected((9, 3))));
    assert_eq!(publisher.try_send_iter(&mut [(9, 4)].into_iter()), (0, Some(TrySendError::Disconnected((9, 4)))));
}

#[test]
fn an_iterator_that_panics_has_sent_what_it_gave() {
    let drops = Drops::new(10);
    let bus = Bus::builder().workers(3).spawn(|_| each(|value: Value| drop(value))).unwrap();
    let mut publisher = bus.publisher().unwrap();
    assert!(panics(|| {
        publisher.try_send_iter(&mut (0..10).map(|n| {
            assert!(n != 6, "as planned");
            (n as u64, drops.value(n))
        }));
    }));
    publisher.try_send_iter(&mut (6..10).filter(|_| true).map(|n| (n as u64, drops.value(n))));
    let report = bus.shutdown(LONG);
    assert!(report.is_balanced());
    assert_eq!(report.received, 10);
    drops.assert_each_once();
}

/// v07: what was sent before is handled, whether or not the workers had begun.
#[test]
fn v07_shutdown_before_the_workers_start() {
    for round in 0..200 {
        let bus = Bus::builder().workers(2).capacity(128).spawn(|_| each(|_: usize| ())).unwrap();
        let mut publisher = bus.publisher().unwrap();
        for n in 0..100 {
            publisher.try_send(n as u64, n).unwrap();
        }
        let report = bus.shutdown(LONG);
        assert_eq!((report.received, report.dropped, report.unsettled), (100, 0, 0), "round {round}");
        assert!(report.is_balanced());
    }
}

/// v08, x16: a shutdown returns whatever its handlers do, and says what is open.
#[test]
fn v08_shutdown_returns_although_a_handler_does_not() {
    within_limits(shut_down_while_a_handler_is_stuck);
}

fn shut_down_while_a_handler_is_stuck() {
    let (turnstile, drops) = (Turnstile::default(), Drops::new(21));
    let handler = turnstile.clone();
    let bus = Bus::builder()
        .capacity(16)
        .batch(4)
        .spawn(move |_| {
            let h = handler.clone();
            each(move |value: Value| {
                h.pass();
                drop(value)
            })
        })
        .unwrap();
    let mut publisher = bus.publisher().unwrap();
    (0..16).for_each(|n| publisher.send(0, drops.value(n)).unwrap());
    let blocked = thread::spawn({
        let drops = drops.clone();
        // Some go in while the handler takes its batch; the one that waits comes back.
        move || (16..21).map(|n| publisher.send(0, drops.value(n)).is_ok()).collect::<Vec<_>>()
    });
    let report = bus.shutdown(Duration::from_millis(50));
    assert!(!report.is_balanced() && report.unsettled > 0, "{report:?}");
    assert_eq!(report.sent, report.received + report.dropped + report.unsettled);
    let sent = blocked.join().unwrap().into_iter().filter(|sent| *sent).count();
    assert_eq!(report.sent, 16 + sent as u64);
    turnstile.open();
    // The worker that was left behind finishes its batch and drops the rest.
    while drops.all().iter().sum::<usize>() < 21 {
        thread::yield_now();
    }
    drops.assert_each_once();
}

#[test]
fn x16_shutdown_at_once_counts_what_is_dropped() {
    /// Is not done with a message before its worker is stopped.
    struct Stubborn;
    impl Handler<Value> for Stubborn {
        fn on_batch(&mut self, batch: &mut Batch<'_, Value>, cx: &mut Cycle) {
            while !cx.is_stopping() {
                thread::yield_now();
            }
            batch.for_each(drop);
        }
    }
    let balanced = || {
        let drops = Drops::new(1000);
        let bus = Bus::builder().workers(2).batch(1).spawn(|_| Stubborn).unwrap();
        let mut publisher = bus.publisher().unwrap();
        publisher.try_send_iter(&mut drops.values(1000).map(|value| (value.number as u64, value)));
        let report = bus.shutdown(Duration::ZERO);
        assert_eq!(report.sent, 1000);
        assert_eq!(report.received + report.dropped + report.unsettled, 1000, "{report:?}");
        assert!(report.received <= 2, "each worker handles one at most: {report:?}");
        if report.is_balanced() {
            drops.assert_each_once();
        }
        report.is_balanced()
    };
    // Workers that get no processor for 100 ms are left behind.
    assert!((0..10).any(|_| balanced()), "nobody notices that he is stopped");
}

#[test]
fn dropping_the_bus_shuts_it_down() {
    let drops = Drops::new(100);
    let bus = Bus::builder().spawn(|_| each(|value: Value| drop(value))).unwrap();
    let mut publisher = bus.publisher().unwrap();
    publisher.try_send_iter(&mut drops.values(100).map(|value| (0, value)));
    assert!(format!("{bus:?} {publisher:?}").contains("workers: 1"));
    drop(bus);
    assert!(matches!(publisher.clone().try_send(0, Drops::new(1).value(0)), Err(TrySendError::Disconnected(_))));
    drops.assert_each_once();
}

#[test]
fn reports_say_where_and_how_long() {
    let bus = Bus::builder().workers(2).pin(Pin::spread()).name("told").spawn(|_| each(|_: u32| ())).unwrap();
    let without = Bus::builder().percentiles(false).spawn(|_| each(|_: u32| ())).unwrap();
    for bus in [&bus, &without] {
        let mut publisher = bus.publisher().unwrap();
        // What one message has armed, the next is asked: so each burst is handled before the next is sent.
        for burst in 1..=100 {
            (0..20).for_each(|n| publisher.send(n, 0).unwrap());
            while bus.report().received < burst * 20 {
                thread::sleep(Duration::from_micros(150));
            }
        }
    }
    let live = bus.report();
    assert!(live.sent == 2000 && live.received <= 2000 && live.workers[0].residence.is_none());
    let report = bus.shutdown(LONG);
    assert!(report.is_balanced() && report.received == 2000);
    for (index, worker) in report.workers.iter().enumerate() {
        assert_eq!((worker.id.index(), worker.core), (index, Some(allowed_cores()[index % allowed_cores().len()])));
        assert!(worker.cycles > 0 && (0.0..=1.0).contains(&worker.utilization));
        let residence = worker.residence.expect("percentiles are on");
        assert!(residence.samples > 0 && residence.p50 <= residence.p99 && residence.p99 <= residence.max);
    }
    assert_eq!(without.shutdown(LONG).workers[0].residence, None);
}

#[test]
fn publishers_come_and_go() {
    let bus = Bus::builder().workers(2).capacity(32).spawn(|_| each(|_: u32| ())).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            let mut publisher = bus.publisher().unwrap();
            assert_eq!(publisher.workers(), 2);
            scope.spawn(move || {
                for n in 0..1000 {
                    publisher.send(n.into(), n).unwrap();
                    if n % 50 == 0 {
                        publisher = publisher.clone();
                    }
                }
            });
        }
    });
    let report = bus.shutdown(LONG);
    assert_eq!(report.received, 4000);
    assert!(report.is_balanced());
}

#[test]
fn an_endless_iterator_sends_until_the_inbox_is_full() {
    let bus = Bus::<u64>::builder().workers(1).capacity(8).spawn(|_| Blocked).unwrap();
    let mut publisher = bus.publisher().unwrap();
    let mut pairs = (0..).map(|n| (n, n));
    let (sent, refused) = publisher.try_send_iter(&mut pairs);
    assert_eq!((sent, refused.unwrap().into_inner()), (8, (8, 8)));
    drop(publisher);
    assert!(bus.shutdown(Duration::ZERO).is_balanced());
}

/// Leaves everything.
struct Blocked;

impl<M> Handler<M> for Blocked {
    fn on_batch(&mut self, _batch: &mut Batch<'_, M>, _cx: &mut Cycle) {}
}

/// A handler that has taken its messages and now sits in a later callback: they count as received all the same.
#[test]
fn messages_taken_count_while_a_callback_blocks() {
    struct Sits(std::sync::mpsc::Receiver<()>);
    impl Handler<u64> for Sits {
        fn on_batch(&mut self, batch: &mut Batch<'_, u64>, _cx: &mut Cycle) {
            batch.commit_all();
        }
        fn on_cycle_end(&mut self, _cx: &mut Cycle) {
            let _ = self.0.recv();
        }
    }
    let (release, sits) = std::sync::mpsc::channel();
    let mut sits = Some(sits);
    let bus = Bus::<u64>::builder().spawn(move |_| Sits(sits.take().unwrap())).unwrap();
    let mut publisher = bus.publisher().unwrap();
    publisher.send(1, 1).unwrap();
    let report = bus.shutdown(Duration::from_millis(50));
    assert_eq!((report.sent, report.received + report.unsettled), (1, 1), "{report:?}");
    drop(release);
}

/// Lanes are for publishers: the bus's own senders take none, and who finds none left shares a ring.
#[test]
fn publishers_have_lanes() {
    let (began, turnstile) = (Arc::new(Barrier::new(2)), Turnstile::default());
    let handler = |_| {
        let (began, turnstile, mut first) = (Arc::clone(&began), turnstile.clone(), true);
        each(move |_: u32| {
            if std::mem::take(&mut first) {
                began.wait();
                turnstile.pass();
            }
        })
    };
    let bus = Bus::builder().lanes(2).capacity(8).spawn(handler).unwrap();
    let mut publishers: Vec<_> = (0..3).map(|_| bus.publisher().unwrap()).collect();
    publishers[0].try_send(0, 0).unwrap();
    began.wait();
    let mut fill = |index: usize| publishers[index].try_send_iter(&mut (0..).map(|n| (0, n))).0;
    assert_eq!([fill(0), fill(1), fill(2)], [3, 4, 4], "the first message keeps its slot until its batch is done");
    turnstile.open();
    let report = bus.shutdown(LONG);
    assert!(report.is_balanced(), "{report:?}");
    assert_eq!(report.workers[0].received, 12);
}
