//! Lossless broadcast: everybody gets everything, in place; the slowest gates.

mod common;

use common::{Drops, Random, panics};
use ringway::broadcast::{Receiver, RecvError, RecvTimeoutError, SubscribeError, TryRecvError, channel};
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
fn the_slowest_gates_and_is_named() {
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
