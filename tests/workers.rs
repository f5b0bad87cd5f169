//! Workers: the duty cycle, several duties on one thread, timers, ends.

mod common;

use common::Drops;
use ringway::{
    Batch, BuildError, BuildWarning, Builder, Cycle, Duty, Event, Handler, PanicPolicy, Pin, TimerId, Wait, Worker,
    WorkerId, allowed_cores, broadcast, each, mpmc, mpsc, spsc,
};
use std::sync::mpsc as std_mpsc;
use std::time::{Duration, Instant};

/// Tells the sizes of its batches, and takes everything.
struct Sizes(std_mpsc::Sender<usize>);

impl<M> Handler<M> for Sizes {
    fn on_batch(&mut self, batch: &mut Batch<'_, M>, cx: &mut Cycle) {
        assert!(batch.len() <= cx.batch());
        self.0.send(batch.len()).unwrap();
        batch.commit_all();
    }
}

#[test]
fn batches_are_no_larger_than_asked() {
    for batch in [1, 7, 256] {
        let (sizes, seen) = std_mpsc::channel();
        let (mut tx, rx) = spsc::channel(1024);
        tx.try_send_iter(&mut (0..1000)).unwrap();
        let worker = Worker::builder().batch(batch).spawn(rx, Sizes(sizes)).unwrap();
        drop(tx);
        let report = worker.join();
        let sizes: Vec<_> = seen.iter().collect();
        assert_eq!((report.received, sizes.iter().sum::<usize>()), (1000, 1000));
        assert!(sizes.iter().all(|&size| size <= batch) && sizes[0] == batch);
    }
}

#[test]
fn what_cannot_be_built_says_why() {
    let rx = || mpsc::channel::<u32>(8).1;
    let outside = allowed_cores().iter().max().unwrap() + 1;
    let index = allowed_cores().len();
    let allowed = allowed_cores().to_vec();
    let cases = [
        (Worker::builder().start(), BuildError::NoDuties),
        (Worker::builder().batch(0).spawn(rx(), each(drop)), BuildError::ZeroBatch),
        (Worker::builder().batch(257).spawn(rx(), each(drop)), BuildError::BatchTooLarge { batch: 257 }),
        (
            Worker::builder().pin(Pin::core(outside)).spawn(rx(), each(drop)),
            BuildError::CoreNotAllowed { core: outside, allowed: allowed.clone() },
        ),
        (Worker::builder().pin(Pin::nth(index)).spawn(rx(), each(drop)), BuildError::NoSuchCore { index, allowed }),
    ];
    for (result, expected) in cases {
        let error = result.unwrap_err();
        assert_eq!(error, expected);
        assert!(error.to_string().len() > 20, "{error}");
    }
}

#[test]
fn f19_a_pinned_worker_is_where_it_was_put() {
    for (index, &core) in allowed_cores().iter().enumerate() {
        let (tx, rx) = mpsc::channel::<u32>(8);
        let worker = Worker::builder().pin(Pin::nth(index)).spawn(rx, each(drop)).unwrap();
        assert_eq!(worker.core(), Some(core));
        assert!(worker.warnings().is_empty());
        drop(tx);
        assert_eq!(worker.join().core, Some(core));
    }
    // This thread was left alone.
    assert_eq!(allowed_cores().len(), core_affinity_of_this_thread());
}

fn core_affinity_of_this_thread() -> usize {
    std::thread::available_parallelism().unwrap().get().max(allowed_cores().len())
}

#[test]
fn f20_more_spinners_than_cores_are_told() {
    let cores = allowed_cores().len();
    let mut workers = Vec::new();
    let mut senders = Vec::new();
    for _ in 0..=cores {
        let (tx, rx) = mpsc::channel::<u32>(8);
        workers.push(Worker::builder().wait(Wait::yielding()).spawn(rx, each(drop)).unwrap());
        senders.push(tx);
    }
    let last = workers.last().unwrap().warnings();
    assert!(matches!(last, [BuildWarning::MoreSpinnersThanCores { spinners, .. }] if *spinners > cores), "{last:?}");
    drop(senders);
    workers.into_iter().for_each(|worker| assert_eq!(worker.join().faults, 0));
}

/// Several inboxes, each built with an event of its own, a duty, one thread that sleeps: all of them wake it.
#[test]
fn one_worker_serves_several_inboxes_and_duties() {
    let (results, seen) = std_mpsc::channel();
    let (mut a, rx_a) = Builder::new(8).spsc::<u32>().unwrap();
    let (mut b, rx_b) = Builder::new(8).mpsc::<u32>().unwrap();
    let (mut c, mut polled) = Builder::new(8).spsc::<u32>().unwrap();
    let event = Event::new();
    let (mut d, mut of_duty) = Builder::new(8).event(&event).spsc::<u32>().unwrap();
    struct Poll<F>(F);
    impl<F: FnMut() -> usize + Send> Duty for Poll<F> {
        fn run(&mut self, _cx: &mut Cycle) -> usize {
            (self.0)()
        }
    }
    let tell = |name: &'static str| {
        let results = results.clone();
        move |n: u32| results.send((name, n)).unwrap()
    };
    let (tell_c, tell_d) = (tell("c"), tell("d"));
    let worker = Worker::builder()
        .wait(Wait::park())
        .event(&event)
        .inbox(rx_a, each(tell("a")))
        .inbox(rx_b, each(tell("b")))
        .duty(Poll(move || polled.drain(8, &tell_c)))
        .duty(Poll(move || of_duty.drain(8, &tell_d)))
        .start()
        .unwrap();
    for n in 0..200 {
        a.send(n).unwrap();
        b.send(n).unwrap();
        c.send(n).unwrap();
        // `c` has an event that the worker does not sleep on: it is seen when something else wakes it.
        d.send(n).unwrap();
    }
    let mut counts = std::collections::HashMap::new();
    while counts.values().sum::<u32>() < 800 {
        let (name, n) = seen.recv_timeout(Duration::from_secs(30)).expect("every inbox wakes the worker");
        let count = counts.entry(name).or_insert(0);
        assert_eq!(n, *count, "in order");
        *count += 1;
    }
    worker.close();
    assert_eq!(worker.join().received, 400);
    assert!(a.is_disconnected() && b.is_disconnected());
}

/// A channel with several receivers can be moved to one event: workers that share it keep to its own, whatever else they do.
#[test]
fn workers_that_share_a_channel_share_its_event() {
    let (mut shared_tx, shared_rx) = mpmc::channel::<u32>(8);
    let (mut ticks, first) = broadcast::channel::<u32>(8);
    let second = ticks.subscribe().unwrap();
    let start = |own: mpsc::Receiver<u32>, shared: mpmc::Receiver<u32>| {
        Worker::builder().wait(Wait::park()).inbox(own, each(drop)).inbox(shared, each(drop)).start()
    };
    let (own, other) = (mpsc::channel(8), mpsc::channel(8));
    let workers = [start(own.1, shared_rx.clone()).unwrap(), start(other.1, shared_rx).unwrap()];
    let (own_ticks, other_ticks) = (mpsc::channel::<u32>(8), mpsc::channel::<u32>(8));
    let watch =
        |own: mpsc::Receiver<u32>, ticks| Worker::builder().inbox(own, each(drop)).observe(ticks, |_| ()).start();
    let watchers = [watch(own_ticks.1, first).unwrap(), watch(other_ticks.1, second).unwrap()];
    for n in 0..100 {
        shared_tx.send(n).unwrap();
        ticks.send(n).unwrap();
    }
    drop((shared_tx, ticks, own.0, other.0, own_ticks.0, other_ticks.0));
    assert_eq!(workers.map(|worker| worker.join().received).iter().sum::<u64>(), 100);
    assert!(watchers.map(|worker| worker.join().received).iter().all(|read| *read == 100));
}

/// A channel wakes one event: workers that share it cannot have one each, and the builder says so.
#[test]
fn an_inbox_wakes_one_event_for_ever() {
    let (_tx, rx) = mpmc::channel::<u32>(8);
    let start = |rx: mpmc::Receiver<u32>, event: &Event| Worker::builder().event(event).inbox(rx, each(drop)).start();
    let (event, other) = (Event::new(), Event::new());
    let workers = [start(rx.clone(), &event).unwrap(), start(rx.clone(), &event).unwrap()];
    assert_eq!(start(rx, &other).unwrap_err(), BuildError::EventTaken);
    for worker in workers {
        worker.stop();
        worker.join();
    }
}

#[test]
fn x43_a_busy_inbox_does_not_starve_another() {
    let (order, seen) = std_mpsc::channel();
    let (mut busy, rx_busy) = spsc::channel(1024);
    let (mut quiet, rx_quiet) = spsc::channel(8);
    busy.try_send_iter(&mut (0..1000)).unwrap();
    quiet.try_send(1).unwrap();
    let other = order.clone();
    let worker = Worker::builder()
        .batch(16)
        .inbox(rx_busy, each(move |_: u32| order.send("busy").unwrap()))
        .inbox(rx_quiet, each(move |_: u32| other.send("quiet").unwrap()))
        .start()
        .unwrap();
    let place = seen.iter().position(|name| name == "quiet").unwrap();
    assert!(place <= 16, "after {place} of the others");
    drop((busy, quiet));
    worker.join();
}

/// The hooks, and in which order they come.
#[test]
fn hooks_come_in_order() {
    struct Hooks(std_mpsc::Sender<&'static str>);
    impl Handler<u32> for Hooks {
        fn on_start(&mut self, cx: &mut Cycle) {
            assert_eq!((cx.worker(), cx.is_stopping()), (WorkerId::new(7), false));
            self.0.send("start").unwrap();
        }
        fn on_batch(&mut self, batch: &mut Batch<'_, u32>, _cx: &mut Cycle) {
            batch.commit_all();
            self.0.send("batch").unwrap();
        }
        fn on_cycle_end(&mut self, _cx: &mut Cycle) {
            self.0.send("end").unwrap();
        }
        fn on_idle(&mut self, _cx: &mut Cycle) {
            self.0.send("idle").unwrap();
        }
        fn on_stop(&mut self, _cx: &mut Cycle) {
            self.0.send("stop").unwrap();
        }
    }
    let (hooks, seen) = std_mpsc::channel();
    let (mut tx, rx) = spsc::channel(8);
    tx.try_send(1).unwrap();
    let worker = Worker::builder().id(WorkerId::new(7)).name("hooks").spawn(rx, Hooks(hooks)).unwrap();
    drop(tx);
    worker.join();
    let mut seen: Vec<_> = seen.iter().collect();
    seen.dedup();
    assert_eq!(seen, ["start", "batch", "end", "idle", "stop"]);
}

/// A handler that leaves messages gets them again, after a rest.
#[test]
fn what_is_left_comes_again_without_spinning() {
    struct Reluctant {
        calls: u32,
        since: Option<Instant>,
        results: std_mpsc::Sender<u32>,
    }
    impl Handler<u32> for Reluctant {
        fn on_batch(&mut self, batch: &mut Batch<'_, u32>, _cx: &mut Cycle) {
            self.calls += 1;
            let since = *self.since.get_or_insert_with(Instant::now);
            if since.elapsed() >= Duration::from_millis(50) {
                assert_eq!(batch.by_ref().collect::<Vec<_>>(), [1, 2]);
                self.results.send(self.calls).unwrap();
            }
        }
    }
    for wait in [Wait::park(), Wait::adaptive()] {
        let (results, seen) = std_mpsc::channel();
        let (mut tx, rx) = spsc::channel(8);
        tx.try_send_iter(&mut [1, 2].into_iter()).unwrap();
        let worker = Worker::builder().wait(wait).spawn(rx, Reluctant { calls: 0, since: None, results }).unwrap();
        let calls = seen.recv_timeout(Duration::from_secs(30)).unwrap();
        // A millisecond's rest each time, after a short spin; a busy loop would come to hundreds of thousands.
        assert!(calls < 10_000, "{calls} calls in 50 ms");
        drop(tx);
        worker.join();
    }
}

#[test]
fn stop_close_and_letting_go() {
    // Stopped: what is left is dropped, and counted so.
    let drops = Drops::new(64);
    let (mut tx, rx) = mpsc::channel(64);
    tx.try_send_iter(&mut drops.values(64)).unwrap();
    struct StopAtOnce;
    impl<M> Handler<M> for StopAtOnce {
        fn on_batch(&mut self, batch: &mut Batch<'_, M>, cx: &mut Cycle) {
            batch.commit(1);
            cx.stop();
            assert!(cx.is_stopping());
        }
    }
    let report = Worker::builder().spawn(rx, StopAtOnce).unwrap().join();
    assert_eq!(report.received, 1);
    drops.assert_each_once();
    let stats = tx.stats();
    assert_eq!((stats.received, stats.dropped, stats.in_flight()), (1, 63, 0));

    // Let go: it runs on until its senders are gone.
    let (mut tx, rx) = mpsc::channel(8);
    let (results, seen) = std_mpsc::channel();
    drop(Worker::builder().spawn(rx, each(move |n: u32| results.send(n).unwrap())).unwrap());
    tx.send(5).unwrap();
    drop(tx);
    assert_eq!(seen.iter().collect::<Vec<_>>(), [5]);

    // Asked from outside.
    let (tx, rx) = mpsc::channel::<u32>(8);
    let worker = Worker::builder().on_panic(PanicPolicy::Continue).spawn(rx, each(drop)).unwrap();
    assert!(!worker.wait_timeout(Duration::from_millis(1)) && !worker.is_finished());
    worker.stop();
    assert!(worker.wait_timeout(Duration::from_secs(30)) && worker.is_finished());
    assert!(tx.is_disconnected());
    let report = worker.join();
    assert!((0.0..=1.0).contains(&report.utilization));
}

/// Timers go to whom they belong, wake a worker that sleeps, and are never early.
#[test]
fn timers() {
    struct Timed {
        name: &'static str,
        every: Option<TimerId>,
        firings: u32,
        set: Instant,
        results: std_mpsc::Sender<(&'static str, Duration)>,
    }
    impl Timed {
        fn fired(&mut self, timer: TimerId, cx: &mut Cycle) {
            self.results.send((self.name, self.set.elapsed())).unwrap();
            if let Some(every) = self.every.filter(|every| *every == timer) {
                self.firings += 1;
                if self.firings == 2 {
                    assert!(cx.cancel(every) && !cx.cancel(every));
                    self.every = None;
                }
            } else {
                assert!(!cx.cancel(timer), "a timer that has fired is gone");
            }
        }
    }
    impl Handler<u32> for Timed {
        fn on_start(&mut self, cx: &mut Cycle) {
            self.set = Instant::now();
            cx.after(Duration::from_millis(5)).unwrap();
            let cancelled = cx.after(Duration::from_millis(1)).unwrap();
            assert!(cx.cancel(cancelled));
        }
        fn on_batch(&mut self, batch: &mut Batch<'_, u32>, _cx: &mut Cycle) {
            batch.commit_all();
        }
        fn on_timer(&mut self, timer: TimerId, cx: &mut Cycle) {
            self.fired(timer, cx);
        }
    }
    impl Duty for Timed {
        fn run(&mut self, _cx: &mut Cycle) -> usize {
            0
        }
        fn on_start(&mut self, cx: &mut Cycle) {
            self.set = Instant::now();
            self.every = Some(cx.every(Duration::from_millis(10)).unwrap());
            assert!(cx.after(Duration::from_millis(1)).is_err(), "there is room for two at a time");
        }
        fn on_timer(&mut self, timer: TimerId, cx: &mut Cycle) {
            self.fired(timer, cx);
        }
    }
    let (results, seen) = std_mpsc::channel();
    let timed = |name| Timed { name, every: None, firings: 0, set: Instant::now(), results: results.clone() };
    let (_tx, rx) = mpsc::channel::<u32>(8);
    let worker =
        Worker::builder().wait(Wait::park()).timers(2).inbox(rx, timed("handler")).duty(timed("duty")).start().unwrap();
    let mut fired = Vec::new();
    while fired.iter().filter(|(name, _)| *name == "duty").count() < 2 || fired.iter().all(|(name, _)| *name == "duty")
    {
        fired.push(seen.recv_timeout(Duration::from_secs(30)).expect("timers wake a sleeping worker"));
    }
    worker.stop();
    assert_eq!(worker.join().faults, 0);
    for (name, after) in fired {
        let earliest = if name == "handler" { 5 } else { 10 };
        assert!(after >= Duration::from_millis(earliest), "{name} after {after:?}");
    }
}

/// What has nothing to do sleeps; ten sleeps a second is the safety net's share.
#[test]
fn x06_an_idle_worker_sleeps() {
    let (tx, rx) = mpsc::channel::<u32>(8);
    let began = Instant::now();
    let worker = Worker::builder().wait(Wait::adaptive()).spawn(rx, each(drop)).unwrap();
    std::thread::sleep(Duration::from_millis(350));
    while worker.report().parks == 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "it never sleeps");
        std::thread::yield_now();
    }
    let report = worker.report();
    // However long that took.
    let tenths = began.elapsed().as_millis() as u64 / 100;
    assert!(report.parks <= 4 + 2 * tenths, "{} sleeps in {tenths} tenths of a second", report.parks);
    assert!(report.cycles < 2_000 * (1 + tenths), "{} turns in {tenths} tenths of a second", report.cycles);
    drop(tx);
    worker.join();
}

/// Panics when it is dropped, which is what a panic's payload may do.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropping what a handler panicked with");
    }
}

#[test]
fn a_panic_within_a_panic_ends_nothing() {
    let (mut tx, rx) = mpsc::channel::<u32>(8);
    let (results, seen) = std_mpsc::channel();
    let worker = Worker::builder()
        .spawn(
            rx,
            each(move |n| match n {
                1 => std::panic::panic_any(Bomb),
                _ => results.send(n).unwrap(),
            }),
        )
        .unwrap();
    (0..3).for_each(|n| tx.send(n).unwrap());
    drop(tx);
    assert!(worker.wait_timeout(Duration::from_secs(30)), "the worker has ended");
    let report = worker.join();
    assert_eq!((report.received, report.faults), (3, 1));
    assert_eq!(seen.iter().collect::<Vec<_>>(), [0, 2]);
}

#[test]
fn absurd_settings_are_errors() {
    let rx = || mpsc::channel::<u32>(8).1;
    let name = "or\0ders".to_owned();
    assert_eq!(Worker::builder().name(&name).spawn(rx(), each(drop)).unwrap_err(), BuildError::InvalidName { name });
    let error = Worker::builder().timers(usize::MAX).spawn(rx(), each(drop)).unwrap_err();
    assert!(matches!(error, BuildError::OutOfMemory { .. }), "{error}");
}

/// However the worker waits: a handler that leaves everything is asked about once a millisecond, not in a busy loop.
#[test]
fn a_reluctant_handler_is_asked_once_a_millisecond() {
    struct Never(std_mpsc::Sender<Instant>);
    impl Handler<u32> for Never {
        fn on_batch(&mut self, _batch: &mut Batch<'_, u32>, _cx: &mut Cycle) {
            let _ = self.0.send(Instant::now());
        }
    }
    for wait in [Wait::spin(), Wait::adaptive(), Wait::backoff(), Wait::park()] {
        let (asked, seen) = std_mpsc::channel();
        let (mut tx, rx) = spsc::channel(8);
        tx.try_send(1).unwrap();
        let worker = Worker::builder().wait(wait).spawn(rx, Never(asked)).unwrap();
        let asked: Vec<_> = (0..20).map(|_| seen.recv_timeout(Duration::from_secs(30)).unwrap()).collect();
        worker.stop();
        worker.join();
        // Twenty questions are nineteen rests.
        assert!(asked[19] - asked[0] >= Duration::from_millis(18), "{wait:?}: {:?}", asked[19] - asked[0]);
    }
}
