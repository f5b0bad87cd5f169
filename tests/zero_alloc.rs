//! No allocation on any hot path, on both sides, inside the workers' threads too.

#[path = "common/allocations.rs"]
mod allocations;

use allocations::calls;
use ringway::{Batch, Builder, Bus, Cycle, Handler, TimerId, Wait, Worker, broadcast, mpmc, mpsc, spsc};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What `f` costs this thread.
fn cost(f: impl FnOnce()) -> u64 {
    let before = calls();
    f();
    calls() - before
}

const N: u64 = 10_000;

#[test]
fn the_counter_counts() {
    assert_eq!(cost(|| drop(std::hint::black_box(Box::new(1)))), 2);
    assert_eq!(cost(|| ()), 0);
}

/// Every call of a channel, one thread.
macro_rules! one_thread {
    ($name:ident, $kind:ident) => {
        #[test]
        fn $name() {
            let (mut tx, mut rx) = $kind::channel::<[u64; 4]>(64);
            let message = [7; 4];
            assert_eq!(
                cost(|| for _ in 0..N {
                    tx.try_send(message).unwrap();
                    tx.send(message).unwrap();
                    tx.send_timeout(message, Duration::from_secs(1)).unwrap();
                    assert_eq!(tx.try_send_iter(&mut [message; 20].into_iter()), Ok(20));
                    let mut slots = tx.try_reserve(4).unwrap();
                    slots.push(message).unwrap();
                    slots.commit();
                    drop(tx.try_reserve(2).unwrap());
                    assert_eq!((rx.try_recv(), rx.recv()), (Ok(message), Ok(message)));
                    assert_eq!(rx.recv_timeout(Duration::from_secs(1)), Ok(message));
                    rx.try_batch(5).unwrap().commit_all();
                    rx.try_batch(5).unwrap().next();
                    while rx.drain(256, drop) > 0 {}
                    assert!(tx.is_empty() && !rx.is_disconnected());
                    assert_eq!(tx.stats().in_flight(), 0);
                }),
                0
            );
            assert_eq!(cost(|| while tx.try_send(message).is_ok() {}), 0);
            assert_eq!(cost(|| assert!(tx.send_timeout(message, Duration::from_millis(1)).is_err())), 0);
            assert_eq!(cost(|| assert!(tx.close() && tx.try_send(message).is_err())), 0);
            assert_eq!(cost(|| assert_eq!(rx.iter().count(), 64)), 0);
        }
    };
}
one_thread!(spsc_allocates_nothing, spsc);
one_thread!(mpsc_allocates_nothing, mpsc);
one_thread!(mpmc_allocates_nothing, mpmc);

/// Receivers that compete, and one that goes with an open batch.
#[test]
fn mpmc_handles_allocate_nothing() {
    let (mut tx, mut rx) = mpmc::channel::<u64>(64);
    assert_eq!(
        cost(|| for n in 0..N {
            let (mut another_tx, mut another_rx) = (tx.clone(), rx.clone());
            another_tx.try_send(n).unwrap();
            tx.try_send_iter(&mut [n; 3].into_iter()).unwrap();
            another_rx.try_batch(3).unwrap().next();
            drop(another_rx);
            while rx.drain(2, drop) > 0 {}
        }),
        0
    );
    assert_eq!((tx.stats().in_flight(), tx.stats().received), (0, 4 * N));
}

#[test]
fn broadcast_allocates_nothing() {
    let (mut tx, mut rx) = broadcast::channel::<[u64; 4]>(64);
    let mut other = tx.subscribe_after(&[&rx]).unwrap();
    let subscriber = tx.subscriber();
    let message = [7; 4];
    assert_eq!(
        cost(|| for _ in 0..N {
            tx.try_send(message).unwrap();
            tx.send(message).unwrap();
            assert_eq!(tx.try_send_iter(&mut [message; 20].into_iter()), Ok(20));
            let mut slots = tx.try_reserve(4).unwrap();
            slots.push(message).unwrap();
            slots.commit();
            // Joining and leaving too.
            assert!(subscriber.subscribe().is_ok_and(|rx| rx.is_empty()));
            assert_eq!((rx.try_recv(), rx.recv()), (Ok(message), Ok(message)));
            rx.try_batch(5).unwrap().commit_all();
            while rx.drain(256, |_| ()) > 0 {}
            while other.drain(256, |_| ()) > 0 {}
            assert_eq!(tx.stats().in_flight(), 0);
        }),
        0
    );
}

#[test]
fn lossy_allocates_nothing() {
    let (mut tx, mut rx) = broadcast::lossy::<[u64; 4]>(64);
    let message = [7; 4];
    assert_eq!(
        cost(|| for n in 0..N {
            tx.send(message).unwrap();
            tx.send_all(&[message; 20]).unwrap();
            let mut another = rx.clone();
            assert!(another.latest().is_some() && another.try_recv().is_err());
            if n % 10 == 0 {
                while !rx.try_recv().is_err_and(|error| error.is_empty()) {}
            }
            assert!(tx.history().count() <= 64);
            drop((tx.subscribe(), tx.clone()));
        }),
        0
    );
    assert!(rx.lost() > 0);
}

/// Both sides sleep and wake all the time: two threads, a ring of one.
#[test]
fn sleeping_and_waking_allocates_nothing() {
    for wait in [Wait::park(), Wait::adaptive(), Wait::backoff()] {
        let (mut tx, mut rx) = Builder::new(1).wait(wait).mpsc::<u64>().unwrap();
        let sender = std::thread::spawn(move || {
            tx.send(0).unwrap();
            cost(|| (1..N / 4).for_each(|n| tx.send(n).unwrap()))
        });
        rx.recv().unwrap();
        assert_eq!(cost(|| (1..N / 4).for_each(|n| assert_eq!(rx.recv(), Ok(n)))), 0);
        assert_eq!(sender.join().unwrap(), 0);
    }
}

/// Notes the allocator's calls of the worker's thread, from one cycle to the next.
struct Watching {
    since: Option<u64>,
    handled: u64,
    timer: Option<TimerId>,
    total: Arc<AtomicU64>,
}

impl Watching {
    fn look(&mut self) {
        let now = calls();
        self.total.fetch_add(now - self.since.replace(now).unwrap_or(now), Ordering::Relaxed);
    }
}

impl Handler<u64> for Watching {
    fn on_start(&mut self, cx: &mut Cycle) {
        self.timer = Some(cx.every(Duration::from_millis(1)).unwrap());
        self.look();
    }
    fn on_batch(&mut self, batch: &mut Batch<'_, u64>, cx: &mut Cycle) {
        self.handled += batch.len() as u64;
        batch.commit_all();
        let timer = cx.after(Duration::from_millis(self.handled % 3)).unwrap();
        if self.handled.is_multiple_of(2) {
            cx.cancel(timer);
        }
        self.look();
    }
    fn on_timer(&mut self, timer: TimerId, cx: &mut Cycle) {
        if self.timer == Some(timer) && self.handled.is_multiple_of(5) {
            cx.cancel(timer);
            self.timer = Some(cx.every(Duration::from_millis(1)).unwrap());
        }
        self.look();
    }
    fn on_cycle_end(&mut self, _cx: &mut Cycle) {
        self.look();
    }
    fn on_idle(&mut self, _cx: &mut Cycle) {
        self.look();
    }
}

/// Workers of a pool, with timers, percentiles and sleeps, from the first cycle to the last.
#[test]
fn a_pool_allocates_nothing() {
    for wait in [Wait::park(), Wait::adaptive()] {
        let total = Arc::new(AtomicU64::new(0));
        let (mut tx, rx) = mpmc::channel(64);
        let watching = |_| Watching { since: None, handled: 0, timer: None, total: Arc::clone(&total) };
        let pool = Worker::pool(2).wait(wait).batch(16).spawn(rx, watching).unwrap();
        let mine = cost(|| {
            for n in 0..N {
                tx.send(n).unwrap();
                if n % 100 == 0 {
                    // Lets the workers fall asleep.
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        });
        tx.close();
        let report = pool.join();
        assert_eq!(report.received, N);
        assert!(report.workers.iter().any(|worker| worker.parks > 0));
        assert!(report.workers.iter().any(|worker| worker.residence.unwrap().samples > 0));
        assert_eq!((mine, total.load(Ordering::Relaxed)), (0, 0), "sender, workers");
    }
}

/// f28: publishers and workers, with timers, percentiles and sleeps, from the first cycle to the last.
#[test]
fn f28_the_bus_allocates_nothing() {
    for wait in [Wait::park(), Wait::adaptive()] {
        let total = Arc::new(AtomicU64::new(0));
        let watching = |_| Watching { since: None, handled: 0, timer: None, total: Arc::clone(&total) };
        let bus = Bus::builder().workers(2).capacity(256).wait(wait).spawn(watching).unwrap();
        let mut publisher = bus.publisher().unwrap();
        let mine = cost(|| {
            for n in 0..N {
                match n % 4 {
                    0 => publisher.send(n, n).unwrap(),
                    1 => publisher.send_timeout(n, n, Duration::from_secs(9)).unwrap(),
                    2 => {
                        let (mut sent, mut pairs) = (0, (0..10).map(|k| (n + k, k)));
                        while sent < 10 {
                            let (went, refused) = publisher.try_send_iter(&mut pairs);
                            sent += went;
                            if let Some(refused) = refused {
                                let (key, message) = refused.into_inner();
                                publisher.send(key, message).unwrap();
                                sent += 1;
                            }
                        }
                    }
                    _ => drop(publisher.try_send(n, n)),
                }
                if n % 100 == 0 {
                    // Lets the workers fall asleep.
                    std::thread::sleep(Duration::from_micros(200));
                }
            }
        });
        let report = bus.shutdown(Duration::from_secs(60));
        assert!(report.is_balanced() && report.received > N);
        assert!(report.workers.iter().all(|worker| worker.parks > 0 && worker.residence.unwrap().samples > 0));
        assert_eq!((mine, total.load(Ordering::Relaxed)), (0, 0), "publisher, workers");
    }
}
