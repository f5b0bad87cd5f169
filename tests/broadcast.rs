//! Lossless broadcast: everybody gets everything, in place; the slowest gates.

mod common;

use common::{Drops, Random, panics};
use ringway::broadcast::{
    Batch, Iter, Receiver, RecvError, RecvTimeoutError, Sender, SubscribeError, Subscriber, TryRecvError, channel,
};
use ringway::{BuildError, Builder, ReserveError, SendError, TrySendError, Wait, Worker};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);

#[test]
fn everybody_gets_everything_in_place() {
    let (mut tx, mut a) = channel::<String>(4);
    let mut b = tx.subscribe().unwrap();
    assert_eq!((a.id(), b.id(), tx.receivers(), tx.capacity()), (0, 1, 2, 4));
    tx.try_send("one".to_owned()).unwrap();
    tx.try_send("two".to_owned()).unwrap();
    let (batch_a, batch_b) = (a.try_batch(8).unwrap(), b.try_batch(8).unwrap());
    // The very same strings.
    assert!(std::ptr::eq(&batch_a.as_slices().0[1], &batch_b.as_slices().0[1]));
    assert_eq!(batch_a.iter().collect::<Vec<_>>(), ["one", "two"]);
    drop((batch_a, batch_b));
    assert_eq!((a.len(), b.len()), (2, 2)); // nothing was gone past
    assert_eq!(a.drain(1, |message| assert_eq!(message, "one")), 1);
    assert_eq!((a.try_recv(), b.try_recv()), (Ok("two".to_owned()), Ok("one".to_owned())));
    assert_eq!((a.try_recv(), a.is_empty(), b.len()), (Err(TryRecvError::Empty), true, 1));
    drop(tx);
    assert_eq!(a.recv(), Err(RecvError::Disconnected));
    assert_eq!(b.iter().collect::<Vec<_>>(), ["two"]);
    assert_eq!(b.recv_timeout(LONG), Err(RecvTimeoutError::Disconnected));
}

#[test]
fn f07_the_slowest_gates_and_is_named() {
    let (mut tx, mut fast) = channel(4);
    let mut slow = tx.subscribe().unwrap();
    for n in 0..4 {
        tx.try_send(n).unwrap();
        assert_eq!(fast.try_recv(), Ok(n));
    }
    assert!(tx.is_full() && tx.try_send(4).unwrap_err().is_full());
    let slowest = tx.stats().slowest.unwrap();
    assert_eq!((slowest.receiver, slowest.behind), (slow.id(), 4));
    assert!(tx.send_timeout(4, Duration::from_millis(1)).unwrap_err().is_timeout());
    // It resumes: one slot for one message.
    assert_eq!(slow.try_recv(), Ok(0));
    tx.try_send(4).unwrap();
    assert!(tx.try_send(5).unwrap_err().is_full());
    // It goes: nobody is kept back, and the other has lost nothing.
    drop(slow);
    tx.try_send_iter(&mut (5..8)).unwrap();
    assert_eq!(fast.iter_ready(), [4, 5, 6, 7]);
    let stats = tx.stats();
    assert_eq!((stats.sent, stats.received, stats.in_flight(), stats.dropped), (8, 8, 0, 0));
}

/// What is there, without waiting.
trait IterReady<T> {
    fn iter_ready(&mut self) -> Vec<T>;
}

impl<T: Clone> IterReady<T> for Receiver<T> {
    fn iter_ready(&mut self) -> Vec<T> {
        std::iter::from_fn(|| self.try_recv().ok()).collect()
    }
}

#[test]
fn joining_and_leaving() {
    let (mut tx, mut first) = channel(2);
    tx.try_send(0).unwrap();
    let mut second = tx.subscriber().subscribe().unwrap();
    tx.try_send(1).unwrap();
    // A newcomer gets what is sent from then on.
    assert_eq!((first.iter_ready(), second.iter_ready()), (vec![0, 1], vec![1]));
    drop((first, second));
    // Nobody left: nothing is sent into the void, until somebody comes.
    assert_eq!(tx.try_send(2), Err(TrySendError::Disconnected(2)));
    assert_eq!(tx.send(2), Err(SendError(2)));
    assert_eq!(tx.try_reserve(1).unwrap_err(), ReserveError::Disconnected);
    assert_eq!((tx.receivers(), tx.stats().slowest), (0, None));
    let mut third = tx.subscribe().unwrap();
    assert_eq!(third.id(), 0);
    tx.try_send_iter(&mut (3..9)).unwrap();
    assert_eq!(third.iter_ready(), [3, 4]);
    // Closed is for ever.
    assert!(third.close());
    assert_eq!(tx.subscribe().unwrap_err(), SubscribeError::Disconnected);
    assert_eq!(tx.try_send(5), Err(TrySendError::Disconnected(5)));
}

#[test]
fn sixty_four_receivers() {
    let (mut tx, first) = channel(2);
    let mut all: Vec<_> = (1..64).map(|_| tx.subscribe().unwrap()).collect();
    all.push(first);
    let error = tx.subscribe().unwrap_err();
    assert_eq!(error, SubscribeError::TooMany { max: 64 });
    assert!(error.to_string().contains("64"));
    for n in 0..100 {
        tx.try_send(n).unwrap();
        assert!(all.iter_mut().all(|rx| rx.try_recv() == Ok(n)));
    }
    let gone = all.swap_remove(10).id();
    assert_eq!(tx.subscribe().unwrap().id(), gone);
}

#[test]
fn one_after_the_other() {
    let (mut tx, mut journal) = channel(8);
    let mut replica = tx.subscribe().unwrap();
    // A diamond: `logic` after both.
    let mut logic = tx.subscribe_after(&[&journal, &replica]).unwrap();
    let mut last = tx.subscribe_after(&[&logic]).unwrap();
    tx.try_send_iter(&mut (0..5)).unwrap();
    assert_eq!(logic.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(journal.drain(8, |_| ()), 5);
    assert_eq!(logic.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(replica.drain(3, |_| ()), 3);
    let mut batch = logic.try_batch(8).unwrap();
    assert_eq!(batch.as_slices().0, [0, 1, 2]);
    assert_eq!(batch.advance(), Some(&0));
    drop(batch);
    assert_eq!((last.iter_ready(), logic.iter_ready(), last.iter_ready()), (vec![0], vec![1, 2], vec![1, 2]));
    assert_eq!((logic.len(), logic.is_empty()), (2, false)); // what it has still to read, though it may not yet
    // Those who go are not waited for; the end comes when everything was read, not before.
    drop(replica);
    drop(tx);
    assert_eq!(last.try_recv(), Err(TryRecvError::Empty));
    drop(journal);
    assert_eq!(logic.iter_ready(), [3, 4]);
    assert_eq!(logic.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(last.iter().collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn a_followed_lane_is_not_given_to_a_stranger() {
    let (mut tx, first) = channel(4);
    let mut follower = tx.subscribe_after(&[&first]).unwrap();
    drop(first);
    let stranger = tx.subscribe().unwrap();
    assert_eq!(stranger.id(), 2);
    tx.try_send(7).unwrap();
    assert_eq!(follower.try_recv(), Ok(7));
    drop(follower);
    assert_eq!(tx.subscribe().unwrap().id(), 0);
    let (_other, foreign) = channel::<i32>(4);
    assert_eq!(tx.subscribe_after(&[&foreign]).unwrap_err(), SubscribeError::Foreign);
}

/// A value lives until its slot is used again, or the channel goes; each is dropped once.
#[test]
fn values_live_until_they_are_overwritten() {
    for start in [0, (1 << 32) - 3, (1 << 63) - 3, u64::MAX - 2] {
        let drops = Drops::new(10);
        let (mut tx, mut rx) = Builder::new(4).start_at(start).broadcast().unwrap();
        for n in 0..10 {
            tx.try_send(drops.value(n)).unwrap();
            assert_eq!(rx.drain(9, |value| assert_eq!(value.number, n)), 1);
            assert_eq!(drops.all().iter().sum::<usize>(), (n + 1).saturating_sub(4), "from {start}");
        }
        // Slots that are given up again have lost their old value, and no other.
        let mut slots = tx.try_reserve(2).unwrap();
        slots.push(drops.value(9)).unwrap();
        drop(slots);
        assert_eq!(drops.all(), [1, 1, 1, 1, 1, 1, 1, 1, 0, 1]);
        drop((tx, rx));
        assert_eq!(drops.all(), [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
    }
}

/// x22: the drop of an old value panics. The message that was to take its place is dropped, and the channel goes on.
#[test]
fn x22_an_old_value_that_panics() {
    let drops = Drops::new(6);
    let (mut tx, mut rx) = channel(2);
    tx.try_send(drops.bomb(0)).unwrap();
    tx.try_send(drops.value(1)).unwrap();
    assert_eq!(rx.drain(2, |_| ()), 2);
    assert!(panics(|| tx.try_send(drops.value(2)).unwrap()));
    assert_eq!(drops.all(), [1, 0, 1, 0, 0, 0]);
    assert_eq!(rx.drain(2, |_| ()), 0);
    (3..6).for_each(|n| {
        tx.try_send(drops.value(n)).unwrap();
        assert_eq!(rx.drain(2, |value| assert_eq!(value.number, n)), 1);
    });
    drop((tx, rx));
    drops.assert_each_once();
}

#[test]
fn a_panic_while_reading_counts_the_message_as_read() {
    let (mut tx, mut rx) = channel(8);
    tx.try_send_iter(&mut (0..4)).unwrap();
    assert!(panics(|| {
        rx.drain(4, |n| assert!(*n < 1));
    }));
    assert_eq!(rx.iter_ready(), [2, 3]);
    std::mem::forget(rx.try_batch(1));
    tx.try_send(4).unwrap();
    let mut batch = rx.try_batch(1).unwrap();
    assert_eq!(batch.advance(), Some(&4));
    assert_eq!(batch.advance(), None);
    std::mem::forget(batch); // is released by the next call
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(tx.len(), 0);
    tx.try_send(5).unwrap();
    assert!(panics(|| rx.try_batch(1).unwrap().commit(2)));
    assert_eq!(rx.recv(), Ok(5));
}

#[test]
fn bad_capacities() {
    assert_eq!(Builder::new(0).broadcast::<u32>().unwrap_err(), BuildError::ZeroCapacity);
    assert!(Builder::new(usize::MAX).broadcast::<u32>().is_err());
    assert!(panics(|| drop(channel::<u32>(0))));
}

/// Readers of all tempers come and go while the sender runs: each gets a gapless piece of the sequence.
#[test]
fn f24_readers_come_and_go() {
    let mut random = Random::new("readers come and go");
    for (start, wait) in [(0, Wait::park()), ((1 << 63) - 8, Wait::adaptive()), (u64::MAX - 7, Wait::spin())] {
        let messages: u64 = if cfg!(debug_assertions) { 5_000 } else { 100_000 };
        let (mut tx, first) = Builder::new(64).start_at(start).wait(wait).broadcast::<[u64; 4]>().unwrap();
        let subscriber = tx.subscriber();
        let read = AtomicU64::new(0);
        thread::scope(|scope| {
            for reader in 0..3 {
                let (subscriber, read, mut random) =
                    (subscriber.clone(), &read, Random::seeded(random.below(1 << 30) as u64));
                let mut subscribed = tx.subscribe();
                scope.spawn(move || {
                    while let Ok(mut rx) = subscribed {
                        // Waits for one, then takes what comes.
                        let mut last = rx.recv().ok().map(|message| message[0]);
                        read.fetch_add(u64::from(last.is_some()), Ordering::Relaxed);
                        for _ in 0..random.below(200) {
                            let max = 1 + random.below(70);
                            rx.drain(max, |message| {
                                assert!(message.iter().all(|word| word == &message[0]), "reader {reader}: torn");
                                assert!(last.is_none_or(|last| last + 1 == message[0]), "reader {reader}: a gap");
                                last = Some(message[0]);
                                read.fetch_add(1, Ordering::Relaxed);
                            });
                        }
                        subscribed = subscriber.subscribe();
                    }
                });
            }
            let mut first = first;
            scope.spawn(move || {
                let mut next = 0;
                while let Ok(message) = first.recv() {
                    assert_eq!(message, [next; 4]);
                    next += 1;
                }
                assert_eq!(next, messages);
            });
            for n in 0..messages {
                tx.send([n; 4]).unwrap();
            }
            drop(tx);
        });
        assert!(read.into_inner() > 0);
    }
}

/// A pipeline of three on real threads: each stage sees what the one before it did.
#[test]
fn a_pipeline_in_order() {
    let messages = 20_000_u64;
    let (mut tx, mut stage) = Builder::new(16).wait(Wait::park()).broadcast::<(u64, AtomicU64)>().unwrap();
    let mut stages = Vec::new();
    for _ in 0..3 {
        let next = tx.subscribe_after(&[&stage]).unwrap();
        stages.push(std::mem::replace(&mut stage, next));
    }
    stages.push(stage);
    thread::scope(|scope| {
        for (number, mut rx) in stages.into_iter().enumerate() {
            scope.spawn(move || {
                let mut next = 0;
                while next < messages {
                    // Waiting in another way than `recv`, which clones: an `Event` of the channel's own would do as well.
                    let read = rx.drain(8, |(n, done)| {
                        assert_eq!((*n, done.load(Ordering::Relaxed)), (next, number as u64));
                        done.store(number as u64 + 1, Ordering::Relaxed);
                        next += 1;
                    });
                    if read == 0 {
                        thread::yield_now();
                    }
                }
            });
        }
        for n in 0..messages {
            tx.send((n, AtomicU64::new(0))).unwrap();
        }
    });
}

/// Workers read one broadcast, a slow and a fast one; a panic ends the reading of one message; closing one closes nothing.
#[test]
fn workers_observe() {
    let (mut tx, fast) = channel::<u64>(64);
    let (seen, told) = std::sync::mpsc::channel();
    let slow = tx.subscribe().unwrap();
    let fast = Worker::builder()
        .observe(fast, move |n| {
            assert_ne!(*n, 50);
            seen.send(*n).unwrap();
        })
        .start()
        .unwrap();
    let slow = Worker::builder().batch(1).observe(slow, |_| thread::sleep(Duration::from_micros(10))).start().unwrap();
    for n in 0..200 {
        tx.send(n).unwrap();
    }
    slow.close();
    let slow = slow.join();
    assert!(slow.received <= 200 && slow.faults == 0, "{slow:?}");
    for n in 200..400 {
        tx.send(n).unwrap();
    }
    drop(tx);
    let fast = fast.join();
    assert_eq!((fast.received, fast.faults), (400, 1));
    assert!(told.iter().eq((0..400).filter(|n| *n != 50)));
}

/// `Probe::<T>::IS_SEND` and the like: an inherent constant where the bound holds, the trait's otherwise.
struct Probe<T>(std::marker::PhantomData<T>);

macro_rules! probe {
    ($($constant:ident, $fallback:ident: $bound:ident;)+) => {$(
        trait $fallback { const $constant: bool = false; }
        impl<T> $fallback for Probe<T> {}
        impl<T: $bound> Probe<T> { const $constant: bool = true; }
    )+};
}
probe! {
    IS_SEND, NotSend: Send;
    IS_SYNC, NotSync: Sync;
    IS_CLONE, NotClone: Clone;
}

/// Messages are looked at by several threads and dropped by any: they have to be `Send` and `Sync`, or nothing crosses threads.
#[test]
fn s16_what_may_cross_threads() {
    macro_rules! bounds {
        ($($type:ty: $send:literal $sync:literal $clone:literal;)+) => {$(
            assert_eq!(
                (Probe::<$type>::IS_SEND, Probe::<$type>::IS_SYNC, Probe::<$type>::IS_CLONE),
                ($send, $sync, $clone),
                stringify!($type)
            );
        )+};
    }
    type SendOnly = std::cell::Cell<u32>;
    type SyncOnly = std::sync::MutexGuard<'static, u32>;
    bounds! {
        Sender<u32>: true false false;
        Receiver<u32>: true false false;
        Subscriber<u32>: true true true;
        Batch<'static, u32>: false false false;
        Iter<'static, u32>: true false false;
        Sender<SendOnly>: false false false;
        Receiver<SendOnly>: false false false;
        Subscriber<SendOnly>: false false true;
        Sender<SyncOnly>: false false false;
        Receiver<SyncOnly>: false false false;
        Subscriber<SyncOnly>: false false true;
        Sender<common::Local>: false false false;
        Receiver<common::Local>: false false false;
    }
}

/// Messages that borrow, without size, of a whole page: each is dropped once, whoever goes last.
#[test]
fn odd_messages() {
    static DROPPED: AtomicU64 = AtomicU64::new(0);
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPPED.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (mut tx, mut rx) = Builder::new(4).start_at(u64::MAX - 2).broadcast().unwrap();
    let subscriber = tx.subscriber();
    for _ in 0..7 {
        tx.try_send(Nothing).unwrap();
        assert_eq!(rx.drain(4, |_| ()), 1);
    }
    assert_eq!(DROPPED.load(Ordering::Relaxed), 3);
    drop((tx, rx));
    assert_eq!(DROPPED.load(Ordering::Relaxed), 3); // a subscriber keeps them, as it keeps the ring
    drop(subscriber);
    assert_eq!(DROPPED.load(Ordering::Relaxed), 7);

    let text = "borrowed".to_owned();
    let (mut tx, mut rx) = channel::<&str>(1);
    tx.try_send(&text).unwrap();
    assert!(std::ptr::eq(rx.try_recv().unwrap(), &*text));

    let (mut tx, mut rx) = channel::<[u8; 5000]>(2);
    for n in 0..5 {
        tx.try_send([n; 5000]).unwrap();
        assert_eq!(rx.drain(1, |page| assert_eq!(*page, [n; 5000])), 1);
    }
}

/// Old values' drops panic in the middle of a claim of several: each is dropped once, and what was not sent stays with its owner.
#[test]
fn x22_old_values_that_panic_in_the_middle_of_a_batch() {
    for start in [0, (1 << 63) - 6, u64::MAX - 6] {
        for (bomb, by_reserving) in [(0, false), (1, true), (2, false), (3, true)] {
            let drops = Drops::new(12);
            let (mut tx, mut rx) = Builder::new(4).start_at(start).broadcast().unwrap();
            let mut first = (0..4).map(|n| if n == bomb { drops.bomb(n) } else { drops.value(n) });
            assert_eq!(tx.try_send_iter(&mut first), Ok(4));
            assert_eq!(rx.drain(4, |_| ()), 4);
            let mut next: Vec<_> = (4..8).map(|n| drops.value(n)).collect();
            assert!(panics(|| if by_reserving {
                drop(tx.try_reserve(4));
            } else {
                tx.try_send_iter(&mut next.drain(..)).map(drop).unwrap();
            }));
            // The old ones are gone, all of them; the new ones were not sent.
            assert_eq!((&drops.all()[..4], rx.len(), tx.len()), (&[1; 4][..], 0, 0));
            // One goes in where there is nothing to drop any more, then three and one.
            tx.try_send(drops.value(8)).unwrap();
            let mut rest = (9..12).map(|n| drops.value(n));
            assert_eq!(tx.try_send_iter(&mut rest), Ok(3));
            assert_eq!(rx.drain(4, |_| ()), 4);
            assert_eq!(&drops.all()[8..], [0; 4]);
            drop(next);
            drop((tx, rx));
            drops.all().iter().enumerate().for_each(|(n, times)| assert_eq!(*times, 1, "value {n}, bomb {bomb}"));
        }
    }
}

/// What one random history of a channel is compared with.
struct Expected {
    capacity: usize,
    sent: usize,
    /// No claim has gone further.
    cleared: usize,
    readers: Vec<Reader>,
    /// For each lane: its receiver, and those who follow it.
    holds: [usize; 64],
    aborted: u64,
    closed: bool,
}

struct Reader {
    rx: Receiver<common::Value>,
    next: usize,
    released: usize,
    /// The lanes of those that it follows.
    after: Vec<usize>,
}

impl Expected {
    fn least(&self) -> Option<usize> {
        self.readers.iter().map(|reader| reader.released).min()
    }

    /// What a claim of `want` gets.
    fn room(&self) -> Option<usize> {
        self.least().filter(|_| !self.closed).map(|least| self.capacity - (self.sent - least))
    }

    fn limit(&self, reader: usize) -> usize {
        let before = |other: &&Reader| self.readers[reader].after.contains(&other.rx.id());
        self.readers.iter().filter(before).map(|other| other.released).min().unwrap_or(self.sent)
    }
}

/// One thread, everything in any order: what is read, what fits, what is dropped and what is counted is what a model says.
#[test]
fn f24_any_history_agrees_with_a_model() {
    let mut random = Random::new("any history agrees with a model");
    let histories = if cfg!(debug_assertions) { 40 } else { 400 };
    for history in 0..histories {
        let capacity = 1 << random.below(4);
        let start = [0, (1 << 32) - 5, (1 << 62) - 5, (1 << 63) - 5, u64::MAX - 4][history % 5];
        let drops = Drops::new(2_000);
        let mut made = 0..;
        let mut numbers: Vec<usize> = Vec::new(); // of what was sent
        let (mut tx, rx) = Builder::new(capacity).start_at(start).broadcast::<common::Value>().unwrap();
        let subscriber = tx.subscriber();
        let mut expected = Expected {
            capacity,
            sent: 0,
            cleared: 0,
            readers: vec![Reader { rx, next: 0, released: 0, after: Vec::new() }],
            holds: std::array::from_fn(|lane| usize::from(lane == 0)),
            aborted: 0,
            closed: false,
        };
        let mut dropped = vec![0; 2_000];
        let mut forgotten: Option<(usize, Vec<usize>)> = None; // slots, and what is in them
        for step in 0..200 {
            let at = format!("history {history}, step {step}, capacity {capacity}");
            let mut settle = |expected: &mut Expected, dropped: &mut Vec<usize>| {
                if let Some((slots, values)) = forgotten.take() {
                    expected.aborted += slots as u64;
                    values.into_iter().for_each(|number| dropped[number] += 1);
                }
            };
            match random.below(16) {
                0..=3 => {
                    settle(&mut expected, &mut dropped);
                    let number = made.next().unwrap();
                    let result = tx.try_send(drops.value(number));
                    match expected.room() {
                        None => assert!(matches!(result, Err(TrySendError::Disconnected(_))), "{at}"),
                        Some(0) => assert!(matches!(result, Err(TrySendError::Full(_))), "{at}"),
                        Some(_) => {
                            result.unwrap();
                            numbers.push(number);
                            expected.sent += 1;
                            expected.cleared = expected.cleared.max(expected.sent);
                            continue;
                        }
                    }
                    dropped[number] += 1;
                }
                4..=5 => {
                    settle(&mut expected, &mut dropped);
                    let want = 1 + random.below(capacity + 2);
                    let batch: Vec<_> = made.by_ref().take(want).collect();
                    let mut values = batch.iter().map(|number| drops.value(*number)).collect::<Vec<_>>().into_iter();
                    let result = tx.try_send_iter(&mut values);
                    let fits = expected.room().map(|room| room.min(want));
                    assert_eq!(result.ok(), fits, "{at}");
                    let fits = fits.unwrap_or(0);
                    numbers.extend(&batch[..fits]);
                    batch[fits..].iter().for_each(|number| dropped[*number] += 1);
                    expected.sent += fits;
                    expected.cleared = expected.cleared.max(expected.sent);
                }
                6..=7 => {
                    settle(&mut expected, &mut dropped);
                    let want = 1 + random.below(capacity);
                    let room = expected.room();
                    let mut slots = match (tx.try_reserve(want), room) {
                        (Ok(slots), Some(room)) if room >= want => slots,
                        (Err(error), room) => {
                            let why = room.map_or(ReserveError::Disconnected, |free| ReserveError::TooFew { free });
                            assert_eq!(error, why, "{at}");
                            continue;
                        }
                        (Ok(_), room) => panic!("{at}: {want} reserved, room {room:?}"),
                    };
                    expected.cleared = expected.cleared.max(expected.sent + want);
                    let filled: Vec<_> = made.by_ref().take(random.below(want + 1)).collect();
                    filled.iter().for_each(|number| slots.push(drops.value(*number)).unwrap());
                    match random.below(3) {
                        0 => {
                            slots.commit();
                            expected.sent += filled.len();
                            expected.aborted += (want - filled.len()) as u64;
                            numbers.extend(filled);
                        }
                        1 => {
                            drop(slots);
                            expected.aborted += want as u64;
                            filled.into_iter().for_each(|number| dropped[number] += 1);
                        }
                        _ => {
                            std::mem::forget(slots);
                            forgotten = Some((want, filled));
                        }
                    }
                }
                8..=9 if expected.readers.len() < 6 => {
                    let after: Vec<_> = (0..expected.readers.len()).filter(|_| random.below(3) == 0).collect();
                    let befores: Vec<_> = after.iter().map(|reader| &expected.readers[*reader].rx).collect();
                    let rx = if step % 2 == 0 {
                        tx.subscribe_after(&befores).unwrap()
                    } else {
                        subscriber.subscribe_after(&befores).unwrap()
                    };
                    let after: Vec<_> = befores.iter().map(|rx| rx.id()).collect();
                    after.iter().for_each(|lane| expected.holds[*lane] += 1);
                    assert_eq!(expected.holds.iter().position(|holds| *holds == 0), Some(rx.id()), "{at}");
                    expected.holds[rx.id()] = 1;
                    assert_eq!((rx.len(), rx.is_empty()), (0, true), "{at}");
                    expected.readers.push(Reader { rx, next: expected.sent, released: expected.sent, after });
                }
                10 if !expected.readers.is_empty() => {
                    let gone = expected.readers.swap_remove(random.below(expected.readers.len()));
                    expected.holds[gone.rx.id()] -= 1;
                    gone.after.iter().for_each(|lane| expected.holds[*lane] -= 1);
                }
                _ if !expected.readers.is_empty() => {
                    let reader = random.below(expected.readers.len());
                    // A forgotten batch is released first.
                    expected.readers[reader].released = expected.readers[reader].next;
                    let limit = expected.limit(reader);
                    let Reader { rx, next, released, .. } = &mut expected.readers[reader];
                    let max = 1 + random.below(2 * capacity);
                    let available = limit.saturating_sub(*next);
                    let Ok(mut batch) = rx.try_batch(max) else {
                        assert_eq!(available, 0, "{at}");
                        continue;
                    };
                    assert!((1..=available.min(max)).contains(&batch.len()), "{at}: {batch:?} of {available}");
                    assert!(batch.iter().map(|value| value.number).eq(numbers[*next..][..batch.len()].iter().copied()));
                    for _ in 0..random.below(batch.len() + 1) {
                        assert_eq!(batch.advance().unwrap().number, numbers[*next], "{at}");
                        *next += 1;
                    }
                    let rest = random.below(batch.len() + 1);
                    batch.commit(rest);
                    *next += rest;
                    if random.below(4) == 0 {
                        std::mem::forget(batch);
                    } else {
                        drop(batch);
                        *released = *next;
                    }
                    assert_eq!(rx.len(), expected.sent - *next, "{at}");
                }
                _ => (),
            }
            numbers[..expected.cleared.saturating_sub(capacity).min(numbers.len())]
                .iter()
                .for_each(|number| dropped[*number] = 1);
            assert!(drops.all() == dropped, "{at}: drops");
            let stats = tx.stats();
            let least = expected.least();
            assert_eq!((stats.sent, stats.aborted), (expected.sent as u64, expected.aborted), "{at}");
            assert_eq!((stats.received, stats.in_flight()), {
                let received = least.unwrap_or(expected.sent);
                (received as u64, (expected.sent - received) as u64)
            });
            assert_eq!((tx.receivers(), tx.len() as u64), (expected.readers.len(), stats.in_flight()), "{at}");
            assert_eq!(stats.slowest.map(|slowest| slowest.behind), least.map(|least| (expected.sent - least) as u64));
        }
        // The end: everybody reads what is left, those before first.
        drop(tx);
        let mut idle = 0;
        while !expected.readers.is_empty() {
            let reader = idle % expected.readers.len();
            let Reader { rx, next, .. } = &mut expected.readers[reader];
            rx.drain(3, |value| {
                assert_eq!(value.number, numbers[*next]);
                *next += 1;
            });
            if matches!(rx.try_batch(1), Err(TryRecvError::Disconnected)) {
                assert_eq!(*next, expected.sent);
                expected.readers.swap_remove(reader);
            }
            idle += 1;
        }
        drop(subscriber);
        let made = made.next().unwrap();
        assert!(drops.all()[..made].iter().all(|times| *times == 1), "history {history}: each value is dropped once");
    }
}

/// Closed while a send is under way: who has been told that all is over gets nothing more; the others do; it is dropped once.
#[test]
fn the_end_is_final() {
    let drops = Drops::new(1);
    let (mut tx, mut told) = channel(4);
    let mut other = tx.subscribe().unwrap();
    let mut slots = tx.try_reserve(2).unwrap();
    slots.push(drops.value(0)).unwrap();
    assert!(told.close());
    assert_eq!(told.try_batch(4).unwrap_err(), TryRecvError::Disconnected);
    slots.commit();
    assert_eq!((told.drain(4, |_| ()), other.drain(4, |_| ())), (0, 1));
    assert_eq!(told.recv_with(|_| ()), Err(RecvError::Disconnected));
    assert_eq!(other.try_batch(4).unwrap_err(), TryRecvError::Disconnected);
    drop((tx, told, other));
    drops.assert_each_once();
}

/// Closed while a send is under way: the one before has been told that all is over. So is, or gets the message, whoever follows it.
#[test]
fn a_follower_ends_too() {
    let (mut tx, mut first) = channel(4);
    let mut follower = tx.subscribe_after(&[&first]).unwrap();
    let mut slots = tx.try_reserve(1).unwrap();
    slots.push(7).unwrap();
    assert!(first.close());
    assert_eq!(first.try_recv(), Err(TryRecvError::Disconnected));
    slots.commit();
    assert_eq!(first.try_recv(), Err(TryRecvError::Disconnected)); // final
    assert_ne!(follower.recv_timeout(Duration::from_millis(300)), Err(RecvTimeoutError::Timeout));
}

/// A worker that is closed reads what is there and goes, also while the sender keeps sending.
#[test]
fn a_closed_worker_goes_while_the_sender_sends() {
    let (mut tx, rx) = channel::<u64>(64);
    let mut other = tx.subscribe().unwrap();
    let stop = std::sync::Arc::new(AtomicU64::new(0));
    let sender = thread::spawn({
        let stop = std::sync::Arc::clone(&stop);
        move || {
            while stop.load(Ordering::Relaxed) == 0 {
                tx.send(1).unwrap();
                other.drain(64, |_| ());
            }
        }
    });
    let worker = Worker::builder().batch(8).observe(rx, |_| thread::sleep(Duration::from_millis(1))).start().unwrap();
    thread::sleep(Duration::from_millis(50));
    worker.close();
    // 64 messages of 1 ms are there, at most.
    let ended = worker.wait_timeout(Duration::from_secs(5));
    stop.store(1, Ordering::Relaxed);
    sender.join().unwrap();
    assert!(ended, "after {} messages", worker.join().received);
}
