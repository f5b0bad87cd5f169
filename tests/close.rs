//! Closing, from either side, and going away.

mod common;

use common::Drops;
use ringway::{RecvError, TryRecvError, TrySendError, Wait, mpmc, mpsc};
use std::thread;

every_kind! {
    fn x15_one_call_closes(channel, _at) {
        let (mut tx, rx) = channel!(2);
        tx.try_send(1).unwrap();
        assert!(!tx.is_disconnected() && !rx.is_disconnected());
        assert!(rx.close());
        assert!(!rx.close() && !tx.close());
        assert!(tx.is_disconnected() && rx.is_disconnected());
    }

    fn x17_what_was_sent_is_received_after_closing(channel, _at) {
        for from_sender in [true, false] {
            let (mut tx, mut rx) = channel!(4);
            tx.try_send_iter(&mut (0..3)).unwrap();
            assert!(if from_sender { tx.close() } else { rx.close() });
            assert_eq!(tx.try_send(9), Err(TrySendError::Disconnected(9)));
            assert_eq!(tx.send(9).unwrap_err().into_inner(), 9);
            assert_eq!(rx.iter().collect::<Vec<_>>(), [0, 1, 2]);
            // For ever.
            for _ in 0..3 {
                assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
                assert_eq!(rx.recv(), Err(RecvError));
            }
            assert_eq!(rx.try_batch(1).unwrap_err(), TryRecvError::Disconnected);
        }
    }

    fn v15_closing_takes_no_slot(channel, _at) {
        let (mut tx, mut rx) = channel!(1);
        tx.try_send(7).unwrap();
        drop(tx);
        assert!(rx.is_disconnected());
        assert_eq!(rx.try_recv(), Ok(7));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
        assert_eq!(rx.recv(), Err(RecvError));
    }

    fn f09_the_last_sender_leaves(channel, _at) {
        let (mut tx, mut rx) = channel!(4);
        let sender = thread::spawn(move || (0..1000).for_each(|n| tx.send(n).unwrap()));
        assert_eq!(rx.iter().sum::<u32>(), 499_500);
        assert!(rx.is_disconnected());
        sender.join().unwrap();
    }

    fn f08_a_dropped_receiver_releases_senders_and_drops_the_rest(channel, _at) {
        let drops = Drops::new(4);
        let (mut tx, rx) = channel!(2);
        tx.try_send(drops.value(0)).unwrap();
        tx.try_send(drops.value(1)).unwrap();
        let blocked = thread::spawn({
            let drops = drops.clone();
            move || {
                // The receiver goes while this waits, or before it does; in an spsc the message may still slip in.
                let sent = tx.send(drops.value(2)).is_ok();
                assert!(tx.try_send(drops.value(3)).is_err());
                let stats = tx.stats();
                assert_eq!(stats.sent, 2 + u64::from(sent));
                assert_eq!((stats.received, stats.dropped + stats.in_flight()), (0, stats.sent));
            }
        });
        drop(rx);
        blocked.join().unwrap();
        drops.assert_each_once();
    }

    fn f10_closing_releases_everybody(channel, _at) {
        let (mut tx, mut rx) = channel!(1);
        tx.try_send(0).unwrap();
        thread::scope(|scope| {
            let blocked = scope.spawn(|| tx.send(1));
            rx.close();
            if let Err(error) = blocked.join().unwrap() {
                assert_eq!(error.into_inner(), 1);
            }
        });
        assert_eq!(rx.recv(), Ok(0));
        while rx.recv().is_ok() {}
        let (tx, mut rx) = channel!(1);
        thread::scope(|scope| {
            let blocked = scope.spawn(move || rx.recv().map(|n: u32| n));
            tx.close();
            assert_eq!(blocked.join().unwrap(), Err(RecvError));
        });
    }

    fn v13_a_claim_that_outlives_the_receiver(channel, _at) {
        for pushed in 0..3 {
            let drops = Drops::new(1 + pushed);
            let (mut tx, rx) = channel!(4);
            tx.try_send(drops.value(0)).unwrap();
            let mut slots = tx.try_reserve(2).unwrap();
            (1..=pushed).for_each(|n| slots.push(drops.value(n)).unwrap());
            drop(rx);
            slots.commit();
            drop(tx);
            drops.assert_each_once();
        }
    }

    fn v13_ok_means_received_or_dropped(channel, _at) {
        // Closing races sends, many times over; every message is accounted for, and dropped once.
        for round in 0..200 {
            const N: usize = 20;
            let drops = Drops::new(N);
            let (mut tx, mut rx) = channel!(4);
            let sender = thread::spawn({
                let drops = drops.clone();
                move || {
                    let sent = (0..N).take_while(|&n| tx.send(drops.value(n)).is_ok()).count();
                    (sent..N).skip(1).for_each(|n| drop(drops.value(n)));
                    (sent as u64, tx.stats())
                }
            });
            let mut received = 0;
            while received < round % N {
                received += rx.drain(3, drop);
            }
            rx.close();
            received += rx.iter().count();
            let (sent, stats) = sender.join().unwrap();
            assert_eq!(stats.sent, sent);
            let stats = rx.stats();
            assert_eq!((stats.sent, stats.received), (sent, received as u64));
            assert_eq!(stats.in_flight(), sent - received as u64);
            drop(rx);
            drops.assert_each_once();
        }
    }
}

/// Closed while slots are open: nobody is told that all is over before they are settled.
macro_rules! claims_settle_before_the_end {
    ($($module:ident, $kind:ident;)+) => {$(
        one_kind! { $module, $kind:
            fn v14_closed_only_after_claims_settle(channel, _at) {
                for pushed in 0..=2 {
                    let (mut tx, mut rx) = channel!(4);
                    let closer = tx.clone();
                    let mut slots = tx.try_reserve(2).unwrap();
                    assert!(closer.close());
                    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
                    (0..pushed).for_each(|n| slots.push(n).unwrap());
                    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
                    slots.commit();
                    assert!(rx.try_iter().eq(0..pushed));
                    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
                }
            }
        }
    )+};
}
claims_settle_before_the_end! { mpsc_claims, mpsc; mpmc_claims, mpmc; }

/// Any sender but the last may go. Then every receiver is told, for ever.
#[test]
fn f09_every_receiver_is_told_for_ever() {
    let (mut tx, mut rx) = mpmc::channel(4);
    let mut other = rx.clone();
    drop(tx.clone());
    tx.try_send(1).unwrap();
    assert!(!rx.is_disconnected());
    drop(tx);
    assert_eq!(rx.try_recv(), Ok(1));
    for rx in [&mut rx, &mut other] {
        for _ in 0..3 {
            assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
            assert_eq!(rx.recv(), Err(RecvError));
        }
    }
}

/// In an mpsc the seal is exact: what was accepted is received.
#[test]
fn x13_the_seal_is_exact() {
    for _ in 0..200 {
        let (tx, mut rx) = mpsc::channel(64);
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let mut tx = tx.clone();
                thread::spawn(move || (0..10).take_while(|&n| tx.try_send(n).is_ok()).count())
            })
            .collect();
        assert!(tx.close());
        let received = rx.iter().count();
        let sent: usize = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
        assert_eq!(received, sent);
    }
}

/// Sleepers of every kind are released by a close.
#[test]
fn closing_releases_sleepers() {
    for wait in [Wait::spin(), Wait::yielding(), Wait::backoff(), Wait::park(), Wait::adaptive()] {
        let (mut tx, mut rx) = ringway::Builder::new(1).wait(wait).mpsc::<u32>().unwrap();
        let receiver = thread::spawn(move || {
            assert_eq!(rx.recv(), Ok(0));
            assert!(rx.recv().is_err());
            rx
        });
        tx.send(0).unwrap();
        tx.close();
        let rx = receiver.join().unwrap();
        assert_eq!(rx.stats().rescued_wakeups, 0);
    }
}
