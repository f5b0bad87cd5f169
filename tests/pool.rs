//! Pools: workers that share the work of one channel, what they hand over, how they end.

mod common;

use common::{Drops, Random, Value};
use ringway::{
    Batch, BuildError, Cycle, Handler, PanicPolicy, Pin, PoolHandle, TryRecvError, Wait, Worker, WorkerId, each, mpmc,
};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

/// Waits until `ready`; fails if that takes for ever.
fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < LONG, "in vain: {what}");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// A panic without a message and without a backtrace.
fn silent_panic() -> ! {
    resume_unwind(Box::new("as planned"))
}

fn join(pool: PoolHandle) -> ringway::PoolReport {
    assert!(pool.wait_timeout(LONG), "the pool ends: {pool:?}");
    pool.join()
}

/// Each task counted where it went.
#[derive(Default)]
struct Tasks {
    done: Vec<AtomicUsize>,
    lost: Vec<AtomicUsize>,
}

impl Tasks {
    fn new(tasks: usize) -> Arc<Self> {
        let counters = || (0..tasks).map(|_| AtomicUsize::new(0)).collect();
        Arc::new(Self { done: counters(), lost: counters() })
    }

    /// How many were done and lost; each once, or once lost.
    fn settled(&self) -> (usize, usize) {
        let mut sum = (0, 0);
        for (task, (done, lost)) in self.done.iter().zip(&self.lost).enumerate() {
            let (done, lost) = (done.load(SeqCst), lost.load(SeqCst));
            assert_eq!(done + lost, 1, "task {task}: done {done} times, lost {lost} times");
            sum = (sum.0 + done, sum.1 + lost);
        }
        sum
    }
}

/// Panics now and then, after taking a message or before taking any.
struct Clumsy {
    tasks: Arc<Tasks>,
    random: Random,
    /// One message of so many; 0 for none.
    panics: usize,
    discarded: Arc<AtomicUsize>,
}

impl Handler<usize> for Clumsy {
    fn on_batch(&mut self, batch: &mut Batch<'_, usize>, _cx: &mut Cycle) {
        if self.panics > 0 && self.random.below(self.panics) == 0 {
            let first = batch.as_slices().0[0];
            self.tasks.lost[first].fetch_add(1, SeqCst);
            self.discarded.fetch_add(1, SeqCst);
            silent_panic();
        }
        for task in batch {
            if self.panics > 0 && self.random.below(self.panics) == 0 {
                self.tasks.lost[task].fetch_add(1, SeqCst);
                silent_panic();
            }
            self.tasks.done[task].fetch_add(1, SeqCst);
        }
    }
}

#[test]
fn a_million_tasks_are_done_once_each_while_handlers_panic() {
    const SENDERS: usize = 3;
    let tasks_each = if cfg!(debug_assertions) { 33_333 } else { 333_333 };
    let random = Random::new("a_million_tasks_are_done_once_each_while_handlers_panic");
    for wait in [Wait::adaptive(), Wait::park()] {
        let tasks = Tasks::new(SENDERS * tasks_each);
        let discarded = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = mpmc::channel(256);
        let pool = Worker::pool(4)
            .pin(Pin::spread())
            .wait(wait)
            .batch(64)
            .spawn(rx, |worker| {
                let mut random = random.clone();
                random.skip(1 + worker.index());
                Clumsy { tasks: Arc::clone(&tasks), random, panics: 500, discarded: Arc::clone(&discarded) }
            })
            .unwrap();
        std::thread::scope(|scope| {
            for sender in 0..SENDERS {
                let mut tx = tx.clone();
                scope.spawn(move || {
                    (sender * tasks_each..(sender + 1) * tasks_each).for_each(|task| tx.send(task).unwrap())
                });
            }
        });
        tx.close();
        let report = join(pool);
        let (done, lost) = tasks.settled();
        let (stats, discarded) = (tx.stats(), discarded.load(SeqCst));
        assert!(lost > 0 && discarded > 0 && done > lost);
        assert_eq!((report.faults, report.received), (lost as u64, (done + lost - discarded) as u64));
        assert_eq!(
            (stats.sent, stats.received, stats.dropped),
            (tasks.done.len() as u64, report.received, discarded as u64)
        );
        assert_eq!(stats.in_flight(), 0);
    }
}

/// The slots of the ring are free, however long a handler takes.
#[test]
fn a_handler_that_is_stuck_holds_up_nobody() {
    const TASKS: usize = 1000;
    let (mut tx, rx) = mpmc::channel(8);
    let (done, stuck) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(())));
    let held = stuck.lock().unwrap();
    let pool = Worker::pool(4)
        .spawn(rx, |_| {
            let (done, stuck) = (Arc::clone(&done), Arc::clone(&stuck));
            each(move |task: usize| {
                if task == 0 {
                    drop(stuck.lock());
                }
                done.fetch_add(1, SeqCst);
            })
        })
        .unwrap();
    for task in 0..TASKS {
        tx.send_timeout(task, LONG).expect("senders go on");
    }
    // One that is stuck has two messages at the most: a fourth of what the ring holds.
    until("the others go on", || done.load(SeqCst) >= TASKS - 2);
    assert!(done.load(SeqCst) < TASKS && tx.is_empty());
    drop(held);
    tx.close();
    assert_eq!(join(pool).received, TASKS as u64);
    assert_eq!(tx.stats().rescued_wakeups, 0);
}

/// Four workers, each stuck in its first batch: none has taken what another could do.
#[test]
fn each_takes_a_fair_share() {
    struct FirstBatch {
        sizes: Arc<Mutex<Vec<usize>>>,
        all_have_one: Arc<Barrier>,
        first: bool,
    }
    impl Handler<usize> for FirstBatch {
        fn on_batch(&mut self, batch: &mut Batch<'_, usize>, _cx: &mut Cycle) {
            if std::mem::take(&mut self.first) {
                self.sizes.lock().unwrap().push(batch.len());
                self.all_have_one.wait();
            }
            batch.commit_all();
        }
    }
    let (mut tx, rx) = mpmc::channel(512);
    tx.try_send_iter(&mut (0..400)).unwrap();
    let (sizes, all_have_one) = (Arc::default(), Arc::new(Barrier::new(4)));
    let pool = Worker::pool(4)
        .spawn(rx, |_| FirstBatch { sizes: Arc::clone(&sizes), all_have_one: Arc::clone(&all_have_one), first: true })
        .unwrap();
    tx.close();
    assert_eq!(join(pool).received, 400);
    let sizes = sizes.lock().unwrap();
    assert!(sizes.len() == 4 && sizes.iter().all(|size| (1..=100).contains(size)), "{sizes:?}");
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ends {
    Panics,
    StopsItself,
    IsStopped,
}

/// Worker 0 waits in its first message until it is let go, then ends. Worker 1 begins when worker 0 has a batch.
struct First {
    worker: WorkerId,
    ends: Ends,
    began: Arc<AtomicBool>,
    gate: Arc<Mutex<()>>,
    left: Arc<AtomicUsize>,
    done: Arc<AtomicUsize>,
}

impl Handler<Value> for First {
    fn on_batch(&mut self, batch: &mut Batch<'_, Value>, cx: &mut Cycle) {
        if self.worker.index() == 0 {
            self.left.store(batch.len() - 1, SeqCst);
            self.began.store(true, SeqCst);
            drop(self.gate.lock());
            batch.commit(1);
            self.done.fetch_add(1, SeqCst);
            match self.ends {
                Ends::Panics => silent_panic(),
                Ends::StopsItself => cx.stop(),
                Ends::IsStopped => {}
            }
        } else {
            until("worker 0 begins", || self.began.load(SeqCst));
            self.done.fetch_add(batch.len(), SeqCst);
            batch.commit_all();
        }
    }
}

/// What a worker leaves goes to its colleague: one that sleeps, and, if the channel is closed, one that would have ended.
#[test]
fn v10_a_worker_that_ends_hands_over_its_rest() {
    for ends in [Ends::Panics, Ends::StopsItself, Ends::IsStopped] {
        for close_first in [false, true] {
            let drops = Drops::new(64);
            let (mut tx, rx) = mpmc::channel(64);
            tx.try_send_iter(&mut drops.values(64)).unwrap();
            let (began, left, done) = (Arc::default(), Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let gate = Arc::new(Mutex::new(()));
            let held = gate.lock().unwrap();
            let pool = Worker::pool(2)
                .wait(Wait::park())
                .on_panic(PanicPolicy::Stop)
                .spawn(rx, |worker| First {
                    worker,
                    ends,
                    began: Arc::clone(&began),
                    gate: Arc::clone(&gate),
                    left: Arc::clone(&left),
                    done: Arc::clone(&done),
                })
                .unwrap();
            until("worker 0 begins", || began.load(SeqCst));
            if close_first {
                tx.close();
            }
            let left = left.load(SeqCst);
            assert!(left > 0, "worker 0 carries some");
            until("worker 1 has done its own", || done.load(SeqCst) == 63 - left);
            let parks = pool.workers()[1].report().parks;
            until("worker 1 has nothing to do", || pool.workers()[1].report().parks > parks);
            assert!(!pool.workers()[1].is_finished(), "something may come back");
            if ends == Ends::IsStopped {
                pool.workers()[0].stop();
            }
            drop(held);
            until("worker 1 takes over", || done.load(SeqCst) == 64);
            if !close_first {
                assert!(!tx.is_disconnected() && tx.try_send(drops.value(0)).is_ok(), "the channel stays open");
                until("worker 1 goes on", || done.load(SeqCst) == 65);
                tx.close();
            }
            let extra = u64::from(!close_first);
            let report = join(pool);
            let stats = tx.stats();
            assert_eq!((report.received, stats.received, stats.dropped), (64 + extra, 64 + extra, 0), "{ends:?}");
            assert_eq!((report.workers[0].received, report.faults), (1, u64::from(ends == Ends::Panics)));
            assert_eq!(stats.rescued_wakeups, 0, "{ends:?}, closed first: {close_first}");
            assert_eq!(drops.all().iter().sum::<usize>(), 64 + extra as usize);
        }
    }
}

/// The last one drops what nobody can do any more, once, even if a drop panics.
#[test]
fn all_stopped() {
    for bomb in [None, Some(40)] {
        let drops = Drops::new(64);
        let (mut tx, rx) = mpmc::channel(64);
        tx.try_send_iter(&mut (0..64).map(|n| if bomb == Some(n) { drops.bomb(n) } else { drops.value(n) })).unwrap();
        struct OneEach(Arc<Barrier>);
        impl Handler<Value> for OneEach {
            fn on_batch(&mut self, batch: &mut Batch<'_, Value>, cx: &mut Cycle) {
                self.0.wait();
                batch.next();
                cx.stop();
            }
        }
        let barrier = Arc::new(Barrier::new(4));
        let pool = Worker::pool(4).spawn(rx, |_| OneEach(Arc::clone(&barrier))).unwrap();
        let report = join(pool);
        assert!(tx.is_disconnected());
        drops.assert_each_once();
        let stats = tx.stats();
        assert_eq!((report.received, report.faults), (4, u64::from(bomb.is_some())));
        assert_eq!((stats.received, stats.dropped, stats.in_flight()), (4, 60, 0));
    }
}

/// Other receivers stay, and get what the pool had not taken.
#[test]
fn other_handles_work_beside_a_pool() {
    let drops = Drops::new(64);
    let (mut tx, rx) = mpmc::channel(64);
    let mut other = rx.clone();
    let done = Arc::new(AtomicUsize::new(0));
    let pool = Worker::pool(2)
        .spawn(rx, |_| {
            let done = Arc::clone(&done);
            each(move |value: Value| {
                done.fetch_add(1, SeqCst);
                drop(value);
            })
        })
        .unwrap();
    let mut mine = 0;
    for value in drops.values(64) {
        tx.send(value).unwrap();
        mine += other.drain(1, drop);
    }
    until("everything is taken", || {
        mine += other.drain(1, drop);
        done.load(SeqCst) + mine == 64
    });
    pool.stop();
    let report = join(pool);
    assert_eq!(report.received as usize, 64 - mine);
    // The pool has ended, the channel has not.
    let more = Drops::new(1);
    tx.send(more.value(0)).unwrap();
    assert_eq!(other.try_recv().unwrap().number, 0);
    tx.close();
    assert_eq!(other.try_recv().unwrap_err(), TryRecvError::Disconnected);
    drops.assert_each_once();
    more.assert_each_once();
}

/// Small pools that end while two of three workers fail: the third does all that they have not lost.
#[test]
fn nothing_is_lost_however_workers_end() {
    let mut random = Random::new("nothing_is_lost_however_workers_end");
    for round in 0..if cfg!(debug_assertions) { 400 } else { 4000 } {
        let tasks = Tasks::new(1 + random.below(60));
        let discarded = Arc::new(AtomicUsize::new(0));
        let (mut tx, rx) = mpmc::channel(16);
        let wait = if round % 2 == 0 { Wait::park() } else { Wait::adaptive() };
        let pool = Worker::pool(3)
            .wait(wait)
            .on_panic(PanicPolicy::Stop)
            .spawn(rx, |worker| {
                random.skip(7);
                let panics = if worker.index() == 0 { 0 } else { 6 };
                let (tasks, random, discarded) = (Arc::clone(&tasks), random.clone(), Arc::clone(&discarded));
                Clumsy { tasks, random, panics, discarded }
            })
            .unwrap();
        (0..tasks.done.len()).for_each(|task| tx.send(task).unwrap());
        if round % 3 == 0 {
            pool.close();
        } else {
            tx.close();
        }
        let report = join(pool);
        let (done, lost) = tasks.settled();
        let (stats, discarded) = (tx.stats(), discarded.load(SeqCst) as u64);
        assert_eq!(report.faults, lost as u64, "round {round}");
        assert_eq!((report.received, stats.dropped), ((done + lost) as u64 - discarded, discarded), "round {round}");
        assert_eq!((stats.received, stats.in_flight()), (report.received, 0), "round {round}");
        assert_eq!(stats.rescued_wakeups, 0, "round {round}");
    }
}

#[test]
fn what_a_handler_leaves_comes_again() {
    struct Reluctant(usize);
    impl Handler<usize> for Reluctant {
        fn on_batch(&mut self, batch: &mut Batch<'_, usize>, _cx: &mut Cycle) {
            self.0 += 1;
            if self.0.is_multiple_of(3) {
                batch.next();
            }
        }
    }
    let (mut tx, rx) = mpmc::channel(16);
    tx.try_send_iter(&mut (0..16)).unwrap();
    let pool = Worker::pool(2).spawn(rx, |_| Reluctant(0)).unwrap();
    tx.close();
    assert_eq!(join(pool).received, 16);
    assert_eq!((tx.stats().received, tx.stats().dropped), (16, 0));
}

/// Dropping the handle stops nobody; closing it closes the channel.
#[test]
fn letting_go_and_closing() {
    let (mut tx, rx) = mpmc::channel(16);
    let (results, seen) = std::sync::mpsc::channel();
    drop(
        Worker::pool(2)
            .spawn(rx, |_| {
                let results = results.clone();
                each(move |n: u32| results.send(n).unwrap())
            })
            .unwrap(),
    );
    drop(results);
    tx.send(5).unwrap();
    drop(tx);
    assert_eq!(seen.iter().collect::<Vec<_>>(), [5]);

    let (tx, rx) = mpmc::channel::<u32>(16);
    let pool = Worker::pool(3).name("three").spawn(rx, |_| each(drop)).unwrap();
    assert!(!pool.wait_timeout(Duration::from_millis(1)) && !pool.is_finished());
    assert_eq!(pool.workers().iter().map(|worker| worker.id().index()).collect::<Vec<_>>(), [0, 1, 2]);
    pool.close();
    until("closed", || tx.is_disconnected());
    assert_eq!(join(pool).workers.len(), 3);
}

#[test]
fn what_cannot_be_built_says_why() {
    let rx = || mpmc::channel::<u32>(8).1;
    let cases = [
        (Worker::pool(0).spawn(rx(), |_| each(drop)), BuildError::ZeroWorkers),
        (Worker::pool(1025).spawn(rx(), |_| each(drop)), BuildError::TooManyWorkers { workers: 1025, max: 1024 }),
        (Worker::pool(2).batch(0).spawn(rx(), |_| each(drop)), BuildError::ZeroBatch),
        (Worker::pool(2).batch(257).spawn(rx(), |_| each(drop)), BuildError::BatchTooLarge { batch: 257 }),
    ];
    for (result, expected) in cases {
        assert_eq!(result.unwrap_err(), expected);
    }
    // The channel stays with its other receivers.
    let (mut tx, rx) = mpmc::channel(8);
    let mut other = rx.clone();
    let result = Worker::pool(2).timers(usize::MAX).spawn(rx, |_| each(drop::<u32>));
    assert!(matches!(result, Err(BuildError::OutOfMemory { .. })));
    assert_eq!((tx.try_send(1), other.try_recv()), (Ok(()), Ok(1)));
}
