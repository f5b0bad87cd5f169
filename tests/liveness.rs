//! Liveness: what a thread that stops, forgets or fails holds up, and what it does not. Faults f03 to f29, v04 to v06, x05 to x12.
//!
//! A thread is stopped where it hurts by an iterator or a closure of its own, which waits until it is let go: a sender between
//! claim and publication, a receiver with messages in its hands.

mod common;

use common::leave_behind;
use ringway::{
    Batch, Builder, Bus, Cycle, Duty, Handler, Publisher, Sink, Source, TryRecvError, TrySendError, Wait, WorkerId,
    broadcast, each, mpsc, spsc,
};
use std::mem::forget;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(30);

/// What `f` gives; fails if it does not return.
fn returns<R: Send + 'static>(f: impl FnOnce() -> R + Send + 'static) -> R {
    let (done, is_done) = std_mpsc::channel();
    let thread = thread::spawn(move || done.send(f()));
    match is_done.recv_timeout(LONG) {
        Ok(result) => result,
        Err(std_mpsc::RecvTimeoutError::Timeout) => panic!("it does not return"),
        Err(_) => std::panic::resume_unwind(thread.join().expect_err("it panicked")),
    }
}

fn until(what: &str, mut ready: impl FnMut() -> bool) {
    let began = Instant::now();
    while !ready() {
        assert!(began.elapsed() < LONG, "in vain: {what}");
        thread::sleep(Duration::from_micros(200));
    }
}

/// A thread that was stopped; gives its handle back when it is let go.
struct Stopped<H> {
    go: std_mpsc::Sender<()>,
    thread: JoinHandle<H>,
}

impl<H> Stopped<H> {
    /// Returns when `run`, in a thread of its own, has called what it was given.
    fn in_the_middle(run: impl FnOnce(&mut dyn FnMut()) -> H + Send + 'static) -> Self
    where
        H: Send + 'static,
    {
        let ((stopped, is_stopped), (go, may_go)) = (std_mpsc::channel(), std_mpsc::channel());
        let thread = thread::spawn(move || {
            run(&mut || {
                let _ = stopped.send(());
                let _ = may_go.recv();
            })
        });
        is_stopped.recv_timeout(LONG).expect("it stops");
        Self { go, thread }
    }

    fn goes_on(self) -> H {
        drop(self.go);
        self.thread.join().expect("it did not panic")
    }
}

/// A sender that has claimed a slot and not published it.
fn stopped_sender<S: Sink<u32> + Send + 'static>(mut tx: S, message: u32) -> Stopped<S> {
    Stopped::in_the_middle(move |stop| {
        let mut messages = std::iter::once_with(|| {
            stop();
            message
        });
        assert_eq!(tx.try_send_iter(&mut messages), Ok(1));
        tx
    })
}

/// A receiver that has a message in its hands.
fn stopped_receiver<R: Source<Item = u32> + Send + 'static>(mut rx: R, expected: u32) -> Stopped<R> {
    Stopped::in_the_middle(move |stop| {
        let taken = rx.drain(1, |message| {
            stop();
            assert_eq!(message, expected);
        });
        assert_eq!(taken, 1);
        rx
    })
}

/// The kinds with many senders.
macro_rules! many_senders {
    ($($tests:tt)+) => {
        one_kind! { mpsc_senders, mpsc: $($tests)+ }
        one_kind! { mpmc_senders, mpmc: $($tests)+ }
    };
}

many_senders! {
    fn f03_a_forgotten_claim_stalls_and_never_hangs(channel, _at) {
        let (mut tx, mut rx) = channel!(4);
        let mut other = tx.clone();
        let mut slots = tx.try_reserve(2).unwrap();
        slots.push(0).unwrap();
        forget(slots);
        let (mut other, mut rx) = returns(move || {
            assert_eq!(other.try_send_iter(&mut (1..9)), Ok(2));
            assert_eq!(other.try_send(9), Err(TrySendError::Full(9)));
            assert_eq!((rx.try_recv(), rx.drain(4, drop)), (Err(TryRecvError::Empty), 0));
            assert!(rx.recv_timeout(Duration::from_millis(1)).unwrap_err().is_timeout());
            assert!(other.send_timeout(9, Duration::from_millis(1)).unwrap_err().is_timeout());
            (other, rx)
        });
        // It shows: slots are taken, and nothing can be received.
        assert_eq!((rx.len(), rx.stats().in_flight(), rx.stats().received), (4, 4, 0));
        // The sender's next call gives the slots up; they are free once the receiver has passed them.
        assert_eq!((tx.try_send(9), rx.len()), (Err(TrySendError::Full(9)), 4));
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(rx.stats().aborted, 2);

        // If there is no next call, because the sender was forgotten as well, what came later stays hidden, and that is all.
        let _ = rx.drain(4, drop);
        forget(tx.try_reserve(1).unwrap());
        leave_behind(tx);
        returns(move || {
            assert_eq!(other.try_send(1), Ok(()));
            drop(other);
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            assert!(rx.close());
            // Not the end, for what is claimed might still be published.
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            drop(rx);
        });
    }

    fn f29_a_thread_that_was_stopped_goes_on(channel, _at) {
        // A sender, while the receiver waits and another one sends.
        let (tx, mut rx) = channel!(4);
        let mut other = tx.clone();
        let stopped = stopped_sender(tx, 0);
        let receiver = thread::spawn(move || rx.iter().collect::<Vec<_>>());
        other.try_send_iter(&mut (1..3)).unwrap();
        thread::sleep(Duration::from_millis(5));
        let stats = other.stats();
        assert_eq!((stats.received, stats.in_flight()), (0, 3));
        drop((stopped.goes_on(), other));
        assert_eq!(returns(|| receiver.join().unwrap()), [0, 1, 2]);

        // A receiver, while a sender waits for room.
        let (mut tx, rx) = channel!(2);
        tx.try_send_iter(&mut (0..2)).unwrap();
        let stopped = stopped_receiver(rx, 0);
        let sender = thread::spawn(move || (2..6).for_each(|n| tx.send(n).unwrap()));
        thread::sleep(Duration::from_millis(5));
        let mut rx = stopped.goes_on();
        assert_eq!(returns(move || rx.iter().collect::<Vec<_>>()), [1, 2, 3, 4, 5]);
        sender.join().unwrap();
    }

    fn v04_try_calls_return_beside_a_stopped_sender(channel, _at) {
        let (tx, mut rx) = channel!(4);
        let mut other = tx.clone();
        let stopped = stopped_sender(tx, 0);
        let mut rx = returns(move || {
            for n in 1..4 {
                assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
                assert!(rx.try_batch(4).is_err() && rx.drain(4, drop) == 0 && rx.try_iter().next().is_none());
                assert_eq!(other.try_send(n), Ok(()));
            }
            assert_eq!(other.try_send(9), Err(TrySendError::Full(9)));
            assert!(other.try_reserve(1).is_err() && other.try_send_iter(&mut (0..2)) == Ok(0));
            assert!(other.is_full() && other.stats().in_flight() == 4);
            rx
        });
        drop(stopped.goes_on());
        assert_eq!(rx.iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    }

    fn v06_a_held_slot_does_not_keep_senders_turning(channel, _at) {
        let (mut tx, rx) = channel!(4);
        let mut others = [tx.clone(), tx.clone(), tx.clone()];
        forget(tx.try_reserve(1).unwrap());
        let mut rx = returns(move || {
            for n in 0..100 {
                for (other, tx) in others.iter_mut().enumerate() {
                    assert_eq!(tx.try_send(other).is_ok(), n == 0);
                }
            }
            rx
        });
        assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((tx.try_send(9), rx.try_recv()), (Ok(()), Ok(9)));
    }

    fn x09_full_means_full(channel, _at) {
        for senders in [1, 3, 7] {
            let (tx, mut rx) = channel!(64);
            let mut all: Vec<_> = (0..senders).map(|_| tx.clone()).collect();
            // Whoever sends what, one number says how much fits, and every slot serves everybody.
            for lap in 0..3 {
                for n in 0..64 {
                    assert_eq!(all[n % senders].try_send(n), Ok(()), "lap {lap}");
                }
                assert!(all.iter_mut().all(|tx| tx.try_send(99) == Err(TrySendError::Full(99)) && tx.len() == 64));
                assert!(rx.try_iter().eq(0..64));
            }
        }
    }
}

every_kind! {
    fn f11_a_ring_that_stays_full_is_only_full(channel, _at) {
        let (mut tx, mut rx) = channel!(8);
        let memory = tx.stats().memory_bytes;
        assert_eq!(tx.try_send_iter(&mut (0..8)), Ok(8));
        for n in 0..100_000 {
            assert_eq!(tx.try_send(n), Err(TrySendError::Full(n)));
            assert!(tx.try_reserve(1).is_err() && tx.try_send_iter(&mut (0..2)) == Ok(0));
        }
        assert!(tx.send_timeout(9, Duration::from_millis(20)).unwrap_err().is_timeout());
        let stats = tx.stats();
        assert_eq!((stats.sent, stats.received, stats.aborted, stats.memory_bytes), (8, 0, 0, memory));
        // One slot for one message, at once; and one drain makes up for all of it.
        assert_eq!((rx.try_recv(), tx.try_send(8)), (Ok(0), Ok(())));
        let mut drained = Vec::new();
        while rx.drain(8, |n| drained.push(n)) > 0 {}
        assert_eq!(drained, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!((tx.try_send(9), rx.try_recv()), (Ok(()), Ok(9)));
    }
}

/// f25, v18: a handler that sends to its own worker is told that the inbox is full, and goes on.
#[test]
fn f25_a_handler_sends_into_its_own_full_inbox() {
    struct Itself {
        publisher: Arc<Mutex<Option<Publisher<u32>>>>,
        refused: Arc<AtomicUsize>,
    }
    impl Handler<u32> for Itself {
        fn on_batch(&mut self, batch: &mut Batch<'_, u32>, _cx: &mut Cycle) {
            let mut publisher = self.publisher.lock().unwrap();
            let Some(publisher) = publisher.as_mut() else { return };
            for n in batch.filter(|&n| n == 0) {
                while publisher.try_send(0, n + 1).is_ok() {}
                assert!(publisher.try_send(0, 1).unwrap_err().is_full());
                self.refused.fetch_add(1, SeqCst);
            }
        }
    }
    let (publisher, refused) = (Arc::new(Mutex::new(None)), Arc::new(AtomicUsize::new(0)));
    let itself = |_: WorkerId| Itself { publisher: Arc::clone(&publisher), refused: Arc::clone(&refused) };
    let bus = Bus::builder().workers(1).capacity(4).spawn(itself).unwrap();
    *publisher.lock().unwrap() = Some(bus.publisher().unwrap());
    bus.publisher().unwrap().send(0, 0).unwrap();
    until("the handler has been refused", || refused.load(SeqCst) == 1);
    let report = bus.shutdown(LONG);
    // The slot of the message being handled is free only when its batch is done.
    assert_eq!((report.sent, report.received, report.faults), (4, 4, 0));
}

/// A sender that sleeps over a full ring costs as little as a receiver that sleeps over an empty one.
#[cfg(target_os = "linux")]
#[test]
fn x05_a_sender_waits_as_it_was_told() {
    /// What this thread has had of a processor, in nanoseconds, and how often it was given one.
    fn used() -> Option<[u64; 2]> {
        let figures = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
        let figures: Vec<_> = figures.split_whitespace().map(|figure| figure.parse().expect("a number")).collect();
        Some([figures[0], figures[2]])
    }
    for wait in [Wait::park(), Wait::adaptive()] {
        let (mut tx, _rx) = Builder::new(1).wait(wait).send_wait(wait).mpsc::<u32>().unwrap();
        tx.try_send(0).unwrap();
        let before = used();
        assert!(tx.send_timeout(1, Duration::from_millis(600)).unwrap_err().is_timeout());
        // Not every kernel tells.
        let (Some(before), Some(after)) = (before, used()) else { return };
        let (time, turns) = (after[0] - before[0], after[1] - before[1]);
        // Who spins has much of either: time where the processor is free, turns where others want it too.
        assert!(time < 5_000_000 && turns < 100, "{wait:?} used {time} ns of 600 ms, in {turns} turns");
    }
}

/// That nobody reads is not that everything is free: nothing is sent, or overwritten, until somebody comes.
#[test]
fn v09_without_receivers_nothing_is_sent() {
    let (mut tx, rx) = broadcast::channel(2);
    tx.try_send_iter(&mut (0..2)).unwrap();
    assert!(tx.is_full());
    drop(rx);
    for n in 2..9 {
        assert_eq!(tx.try_send(n), Err(TrySendError::Disconnected(n)));
        assert!(tx.try_send_iter(&mut (0..2)).is_err() && tx.try_reserve(1).is_err());
    }
    let mut rx = tx.subscribe().unwrap();
    assert_eq!(tx.try_send_iter(&mut (9..20)), Ok(2));
    assert_eq!([rx.try_recv(), rx.try_recv()], [Ok(9), Ok(10)]);
}

#[test]
fn x07_a_dropped_receiver_gates_nobody() {
    let (mut tx, mut rx) = broadcast::channel(2);
    let [gone, forgotten] = [tx.subscribe().unwrap(), tx.subscribe().unwrap()];
    tx.try_send_iter(&mut (0..2)).unwrap();
    assert_eq!(rx.drain(2, |_| ()), 2);
    drop(gone);
    // A forgotten one cannot be helped; it is named.
    let id = forgotten.id();
    leave_behind(forgotten);
    assert!(tx.try_send(2).unwrap_err().is_full());
    assert_eq!(tx.stats().slowest.map(|slowest| (slowest.receiver, slowest.behind)), Some((id, 2)));

    let (mut tx, mut rx) = broadcast::channel(2);
    let gone = tx.subscribe().unwrap();
    tx.try_send_iter(&mut (0..2)).unwrap();
    assert_eq!(rx.drain(2, |_| ()), 2);
    drop(gone);
    assert_eq!(tx.try_send_iter(&mut (2..4)), Ok(2));
}

/// A worker gives slots back a batch at a time, however long its queue is: senders need not wait for the end of it.
#[test]
fn x10_slots_come_back_while_the_queue_is_worked_off() {
    let (mut tx, rx) = spsc::channel(1024);
    assert_eq!(tx.try_send_iter(&mut (0..1024)), Ok(1024));
    let (batches, go) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(())));
    struct Slow(Arc<AtomicUsize>, Arc<Mutex<()>>);
    impl Handler<i32> for Slow {
        fn on_batch(&mut self, batch: &mut Batch<'_, i32>, _cx: &mut Cycle) {
            if self.0.fetch_add(1, SeqCst) == 1 {
                drop(self.1.lock());
            }
            batch.commit_all();
        }
    }
    let held = go.lock().unwrap();
    let worker = ringway::Worker::builder().spawn(rx, Slow(Arc::clone(&batches), Arc::clone(&go))).unwrap();
    until("the second batch", || batches.load(SeqCst) == 2);
    assert_eq!(tx.try_send_iter(&mut (0..1024)), Ok(ringway::MAX_BATCH));
    drop((held, tx));
    assert_eq!(returns(move || worker.join()).received, 1024 + ringway::MAX_BATCH as u64);
}

/// Whatever one part of a worker does, those behind it have their turn in every cycle.
#[test]
fn x11_a_failing_part_starves_nobody() {
    struct Part(usize, Arc<[AtomicUsize; 4]>);
    impl Duty for Part {
        fn run(&mut self, _cx: &mut Cycle) -> usize {
            self.1[self.0].fetch_add(1, SeqCst);
            match self.0 {
                0 => std::panic::resume_unwind(Box::new("as planned")),
                // Busy all the time.
                1 => 1,
                _ => 0,
            }
        }
    }
    let turns = Arc::new([const { AtomicUsize::new(0) }; 4]);
    let part = |number| Part(number, Arc::clone(&turns));
    let (mut tx, rx) = mpsc::channel(4);
    let (handled, seen) = std_mpsc::channel();
    let handler = each(move |n: u32| handled.send(n).unwrap());
    let worker = ringway::Worker::builder()
        .duty(part(0))
        .duty(part(1))
        .duty(part(2))
        .inbox(rx, handler)
        .duty(part(3))
        .start()
        .unwrap();
    for n in 0..100 {
        tx.send(n).unwrap();
        assert_eq!(seen.recv_timeout(LONG), Ok(n));
    }
    worker.close();
    let report = returns(move || worker.join());
    let turns = [0, 1, 2, 3].map(|part| turns[part].load(SeqCst));
    assert!(turns[0] >= 100 && turns.iter().all(|&n| n == turns[0]), "{turns:?}");
    assert_eq!((report.received, report.faults), (100, turns[0] as u64));
}

/// A lossy sender knows nothing of its receivers: hundreds that do not read change nothing for it, or for one that does.
#[test]
fn x12_hundreds_of_subscribers() {
    let (mut tx, mut rx) = broadcast::lossy::<u64>(64);
    let mut idle: Vec<_> = (0..500).map(|_| tx.subscribe()).collect();
    for n in 0..10_000 {
        tx.send(n).unwrap();
        assert_eq!(rx.try_recv(), Ok(n));
    }
    assert_eq!((rx.lost(), tx.stats().dropped), (0, 0));
    for rx in &mut idle {
        assert!(rx.drain(256, drop).is_err_and(|lagged| lagged.0 == 10_000 - 64));
    }
}
