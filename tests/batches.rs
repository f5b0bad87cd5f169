//! Messages lent in place, slots reserved ahead, and what happens when either is abandoned.

mod common;

use common::{Drops, panics};
use ringway::{ReserveError, TryRecvError};
use std::mem;
use std::time::Duration;

every_kind! {
    fn x25_only_what_was_taken_is_released(channel, _at) {
        let drops = Drops::new(6);
        let (mut tx, mut rx) = channel!(4);
        tx.try_send_iter(&mut (0..4).map(|n| drops.value(n))).unwrap();
        let mut batch = rx.try_batch(3).unwrap();
        assert_eq!((batch.len(), batch.size_hint()), (3, (3, Some(3))));
        assert_eq!(batch.next().unwrap().number, 0);
        batch.commit(1);
        assert_eq!(drops.all(), [1, 1, 0, 0, 0, 0]);
        drop(batch);
        assert_eq!(rx.len(), 2);
        assert_eq!(tx.try_send_iter(&mut (4..6).map(|n| drops.value(n))), Ok(2));
        assert_eq!(rx.try_iter().map(|value| value.number).collect::<Vec<_>>(), [2, 3, 4, 5]);
        drops.assert_each_once();
    }

    fn slices_across_the_end_of_the_ring(channel, _at) {
        let (mut tx, mut rx) = channel!(4);
        tx.try_send_iter(&mut (0..3)).unwrap();
        assert_eq!(rx.drain(3, |_| ()), 3);
        tx.try_send_iter(&mut (3..7)).unwrap();
        let mut batch = rx.try_batch(256).unwrap();
        assert_eq!(batch.as_slices(), (&[3][..], &[4, 5, 6][..]));
        for slice in <[&mut [u32]; 2]>::from(batch.as_mut_slices()) {
            slice.iter_mut().for_each(|n| *n *= 10);
        }
        assert_eq!(batch.next(), Some(30));
        assert_eq!(batch.as_slices(), (&[40, 50, 60][..], &[][..]));
        batch.commit_all();
        assert!(batch.is_empty() && batch.next().is_none());
        assert!(format!("{batch:?}").contains("len: 0"));
        drop(batch);
        assert!(tx.is_empty());
    }

    fn f15_committing_too_much_panics_and_changes_nothing(channel, _at) {
        let (mut tx, mut rx) = channel!(4);
        tx.try_send_iter(&mut (0..2)).unwrap();
        assert!(panics(|| rx.try_batch(4).unwrap().commit(3)));
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), [0, 1]);
    }

    fn s08_a_forgotten_batch_duplicates_nothing(channel, _at) {
        let drops = Drops::new(8);
        let (mut tx, mut rx) = channel!(4);
        tx.try_send_iter(&mut (0..4).map(|n| drops.value(n))).unwrap();
        let mut batch = rx.try_batch(4).unwrap();
        drop(batch.next());
        batch.commit(1);
        mem::forget(batch);
        assert!(tx.is_full()); // until the receiver's next call
        assert_eq!(rx.try_recv().unwrap().number, 2);
        assert_eq!(tx.len(), 1);
        let batch = rx.try_batch(4).unwrap();
        mem::forget(batch);
        tx.try_send_iter(&mut (4..7).map(|n| drops.value(n))).unwrap();
        // A batch may be shorter than what is queued.
        let mut taken = 0;
        while taken < 4 {
            let mut batch = rx.try_batch(4).unwrap();
            taken += batch.len();
            batch.commit_all();
            mem::forget(batch);
        }
        // Nothing to take: the slots go back all the same.
        assert!(matches!(rx.try_recv(), Err(TryRecvError::Empty)));
        assert!(tx.is_empty());
        tx.try_send(drops.value(7)).unwrap();
        let batch = rx.try_batch(1).unwrap();
        mem::forget(batch);
        drop(rx);
        drops.assert_each_once();
    }

    fn reserving_says_what_is_wrong(channel, _at) {
        let (mut tx, rx) = channel!(4);
        tx.try_send(1).unwrap();
        assert_eq!(tx.try_reserve(4).unwrap_err(), ReserveError::TooFew { free: 3 });
        assert_eq!(tx.try_reserve(5).unwrap_err(), ReserveError::TooLarge);
        let mut none = tx.try_reserve(0).unwrap();
        assert!(none.is_empty() && none.push(1) == Err(1));
        none.commit();
        drop(rx);
        assert_eq!(tx.try_reserve(1).unwrap_err(), ReserveError::Disconnected);
        assert_eq!(tx.try_reserve(0).unwrap_err(), ReserveError::Disconnected);
    }

    fn s11_slots_publish_what_was_pushed(channel, _at) {
        let drops = Drops::new(3);
        let (mut tx, mut rx) = channel!(4);
        let mut slots = tx.try_reserve(3).unwrap();
        assert_eq!((slots.len(), slots.remaining()), (3, 3));
        slots.push(drops.value(0)).unwrap();
        slots.push(drops.value(1)).unwrap();
        assert_eq!(slots.remaining(), 1);
        assert!(format!("{slots:?}").contains("remaining: 1"));
        assert!(rx.try_recv().is_err());
        slots.commit();
        let mut all = tx.try_reserve(1).unwrap();
        all.push(drops.value(2)).unwrap();
        assert!(all.push(Drops::new(1).value(0)).is_err());
        all.commit();
        assert_eq!(rx.try_iter().map(|value| value.number).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!((rx.stats().sent, rx.stats().aborted), (3, 1));
        drops.assert_each_once();
        // Given up, or left by a panic, instead: what was pushed is dropped once, and never seen.
        let drops = Drops::new(4);
        for n in 0..2 {
            let given_up = panics(|| {
                let mut slots = tx.try_reserve(3).unwrap();
                slots.push(drops.value(2 * n)).unwrap();
                slots.push(drops.value(2 * n + 1)).unwrap();
                assert_eq!(n, 0, "as planned");
            });
            assert_eq!((given_up, rx.try_recv().is_err(), tx.len()), (n == 1, true, 0));
        }
        drops.assert_each_once();
    }

    fn f01_abandoned_slots_publish_nothing(channel, _at) {
        for pushed in 0..=3 {
            let drops = Drops::new(pushed + 1);
            let (mut tx, mut rx) = channel!(4);
            for round in 0..5 {
                let fill = |slots: &mut ringway::Slots<'_, common::Value>| {
                    (0..pushed).for_each(|n| slots.push(drops.value(n)).unwrap());
                };
                match round % 3 {
                    0 => fill(&mut tx.try_reserve(3).unwrap()),
                    1 => {
                        let mut slots = tx.try_reserve(3).unwrap();
                        fill(&mut slots);
                        mem::forget(slots);
                    }
                    _ => assert!(panics(|| {
                        let mut slots = tx.try_reserve(3).unwrap();
                        fill(&mut slots);
                        panic!("between reserve and commit");
                    })),
                }
                // Forgotten slots are settled by the next call, whichever it is.
                let _ = tx.try_reserve(0);
                assert!(rx.try_recv().is_err());
            }
            tx.try_send(drops.value(pushed)).unwrap();
            assert_eq!(rx.try_recv().unwrap().number, pushed);
            assert_eq!(rx.stats().aborted, 15);
            assert_eq!(drops.all()[..pushed], vec![5; pushed]);
        }
    }

    fn forgotten_slots_are_settled_by_the_senders_drop(channel, _at) {
        let drops = Drops::new(2);
        let (mut tx, mut rx) = channel!(2);
        tx.try_send(drops.value(0)).unwrap();
        let mut slots = tx.try_reserve(1).unwrap();
        slots.push(drops.value(1)).unwrap();
        mem::forget(slots);
        drop(tx);
        assert_eq!(rx.recv().unwrap().number, 0);
        assert!(rx.recv().is_err());
        drops.assert_each_once();
    }

    fn s07_a_panicking_drop_skips_nobody(channel, _at) {
        const N: usize = 5;
        for bomb in 0..N {
            let values = |drops: &Drops| {
                let drops = drops.clone();
                (0..N).map(move |n| if n == bomb { drops.bomb(n) } else { drops.value(n) })
            };
            // In a batch; the messages lie across the end of the ring.
            let drops = Drops::new(N);
            let (mut tx, mut rx) = channel!(8);
            tx.try_send_iter(&mut Drops::new(6).values(6)).unwrap();
            assert_eq!(rx.drain(6, drop), 6);
            tx.try_send_iter(&mut values(&drops)).unwrap();
            assert!(panics(|| rx.try_batch(N).unwrap().commit_all()));
            drops.assert_each_once();
            assert!(rx.is_empty());

            // With the receiver.
            let drops = Drops::new(N);
            tx.try_send_iter(&mut values(&drops)).unwrap();
            assert!(panics(|| drop(rx)));
            drops.assert_each_once();
            assert_eq!(tx.stats().dropped, N as u64);
            assert!(tx.is_disconnected() && tx.is_empty());

            // In slots that are given up.
            let drops = Drops::new(N);
            let (mut tx, mut rx) = channel!(8);
            assert!(panics(|| {
                let mut slots = tx.try_reserve(N).unwrap();
                values(&drops).for_each(|value| slots.push(value).unwrap());
            }));
            drops.assert_each_once();
            tx.try_send_iter(&mut Drops::new(8).values(8)).unwrap();
            assert!(rx.drain(8, drop) > 0);
        }
    }

    fn f06_a_panic_in_a_drain_loses_one_message(channel, _at) {
        for bad in 0..4 {
            let drops = Drops::new(4);
            let (mut tx, mut rx) = channel!(4);
            tx.try_send_iter(&mut (0..4).map(|n| drops.value(n))).unwrap();
            let mut seen = Vec::new();
            assert!(panics(|| {
                rx.drain(4, |value| { assert!(value.number != bad, "as planned"); seen.push(value.number); });
            }));
            assert_eq!(drops.of(bad), 1);
            rx.drain(4, |value| seen.push(value.number));
            assert_eq!(seen, (0..4).filter(|&n| n != bad).collect::<Vec<_>>());
            drops.assert_each_once();
        }
    }
}

/// A hole in an mpsc ring: what it holds up, and what it does not.
#[test]
fn f05_open_slots_hide_what_comes_later() {
    let (mut tx, mut rx) = ringway::mpsc::channel(4);
    let mut other = tx.clone();
    let mut slots = tx.try_reserve(1).unwrap();
    for n in 1..4 {
        other.try_send(n).unwrap();
    }
    // The others go on until it is full, and the receiver is told the truth: there is nothing to take.
    assert!(other.try_send(4).unwrap_err().is_full());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    // Timed calls give up in time.
    let timeout = Duration::from_millis(1);
    assert!(other.send_timeout(4, timeout).unwrap_err().is_timeout());
    assert!(rx.recv_timeout(timeout).unwrap_err().is_timeout());
    assert!(rx.try_batch(4).is_err() && rx.drain(4, drop) == 0);
    assert!(matches!(other.try_reserve(1), Err(ReserveError::TooFew { free: 0 })));
    assert_eq!(other.try_send_iter(&mut (4..6)), Ok(0));
    other.close();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    slots.push(0).unwrap();
    slots.commit();
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

/// The other way round: a receiver that sits on a batch fills the channel, and holds up no call.
#[test]
fn f07_an_open_batch_only_keeps_its_slots() {
    let (mut tx, mut rx) = ringway::mpsc::channel(4);
    tx.try_send_iter(&mut (0..2)).unwrap();
    let mut batch = rx.try_batch(2).unwrap();
    assert_eq!(batch.next(), Some(0));
    assert_eq!(tx.try_send_iter(&mut (2..9)), Ok(2));
    assert!(tx.try_send(9).unwrap_err().is_full());
    assert!(tx.send_timeout(9, Duration::from_millis(1)).unwrap_err().is_timeout());
    assert!(tx.close());
    drop(batch);
    assert_eq!(rx.iter().collect::<Vec<_>>(), [1, 2, 3]);
}

/// Skip marks between values end a batch, and cost nothing else.
#[test]
fn marks_end_a_batch() {
    let (mut tx, mut rx) = ringway::mpsc::channel(8);
    tx.try_send(0).unwrap();
    drop(tx.try_reserve(2).unwrap());
    let mut slots = tx.try_reserve(3).unwrap();
    slots.push(1).unwrap();
    slots.push(2).unwrap();
    slots.commit();
    tx.try_send(3).unwrap();
    let mut batches = Vec::new();
    while let Ok(batch) = rx.try_batch(8) {
        batches.push(batch.collect::<Vec<_>>());
    }
    assert_eq!(batches, [vec![0], vec![1, 2], vec![3]]);
    assert_eq!((tx.len(), rx.stats().aborted), (0, 3));
}

/// What was stepped over is given back and counted at once, however long the batch behind it is held.
#[test]
fn a_mark_before_a_held_batch_is_settled() {
    let (mut tx, mut rx) = ringway::mpsc::channel(4);
    tx.try_send(0).unwrap();
    assert_eq!(rx.try_recv(), Ok(0));
    drop(tx.try_reserve(2).unwrap());
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!((tx.len(), tx.stats().received), (0, 1));
    drop(tx.try_reserve(2).unwrap());
    tx.try_send(1).unwrap();
    let batch = rx.try_batch(4).unwrap();
    assert_eq!((tx.len(), tx.stats().received, tx.stats().in_flight()), (1, 1, 1));
    drop(batch);
    assert_eq!(rx.try_recv(), Ok(1));
}
