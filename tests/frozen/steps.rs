//! Threads that stand still at a known step, for certain: between claim and publication, and with a batch in hand.

use super::common::rig::Watch;
use super::ends::{Kind, MpmcKind, MpscKind, Rx, SpscKind, Tx};
use ringway::{ReserveError, Sink, Source, TryRecvError};
use std::sync::Barrier;
use std::thread;

/// Often enough for a step that is not bounded to show.
const CALLS: usize = 1_000;

/// A sender stands inside the iterator that it sends from: its slots are claimed, and not published.
fn sender_between_claim_and_publication<K: Kind>() {
    let (mut tx, mut rx) = K::build::<u64>(&ringway::Builder::new(4).start_at((1 << 63) - 6));
    let mut other = tx.another();
    assert!(tx.try_send(0).is_ok());
    let (stands, goes_on) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut numbers = (1..3).inspect(|n| {
                if *n == 2 {
                    stands.wait();
                    goes_on.wait();
                }
            });
            assert_eq!(tx.try_send_iter(&mut numbers), Ok(2));
            tx
        });
        stands.wait();
        // What was sent before is found, and then nothing, however often one asks.
        assert_eq!(rx.try_recv(), Ok(0));
        if let Some(other) = &mut other {
            assert!(other.try_send(10).is_ok());
        }
        for _ in 0..CALLS {
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            assert_eq!(rx.drain(4, drop), 0);
            assert!(rx.try_batch(4).is_err());
        }
        goes_on.wait();
        drop(sender.join().expect("a sender"));
        let mut received = Vec::new();
        while rx.drain(4, |n| received.push(n)) > 0 {}
        assert_eq!(received, if other.is_some() { vec![1, 2, 10] } else { vec![1, 2] });
    });
}

/// A receiver stands with a message of two in hand: their slots are taken, and the ring comes round to them.
fn receiver_with_a_batch<K: Kind>() {
    let (mut tx, mut rx) = K::build::<u64>(&ringway::Builder::new(4).start_at((1 << 63) - 6));
    let mut other = rx.another();
    assert_eq!(tx.try_send_iter(&mut (0..3)), Ok(3));
    let (stands, goes_on) = (Barrier::new(2), Barrier::new(2));
    thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let mut seen = Vec::new();
            rx.drain(2, |n| {
                seen.push(n);
                if n == 1 {
                    stands.wait();
                    goes_on.wait();
                }
            });
            assert_eq!(seen, [0, 1]);
            rx
        });
        stands.wait();
        // One slot is free. Where there are others who receive, they get the rest, and make room: not the room that counts.
        assert!(tx.try_send(3).is_ok());
        if let Some(other) = &mut other {
            assert_eq!([other.try_recv(), other.try_recv()], [Ok(2), Ok(3)]);
        }
        for _ in 0..CALLS {
            assert!(tx.try_send(4).is_err_and(|error| error.is_full()));
            assert_eq!(tx.try_send_iter(&mut (4..6)), Ok(0));
            assert_eq!(tx.try_reserve(1).map(|_| ()), Err(ReserveError::TooFew { free: 0 }));
            if let Some(other) = &mut other {
                assert_eq!(other.try_recv(), Err(TryRecvError::Empty));
            }
        }
        goes_on.wait();
        let mut rx = receiver.join().expect("a receiver");
        assert!(tx.try_send(4).is_ok());
        let mut rest = Vec::new();
        while rx.drain(4, |n| rest.push(n)) > 0 {}
        assert_eq!(rest, if other.is_some() { vec![4] } else { vec![2, 3, 4] });
    });
}

#[test]
fn v04_try_recv_never_waits_for_a_sender() {
    let (watch, _) = Watch::new("a sender between claim and publication");
    watch.step("spsc");
    sender_between_claim_and_publication::<SpscKind>();
    watch.step("mpsc");
    sender_between_claim_and_publication::<MpscKind>();
    watch.step("mpmc");
    sender_between_claim_and_publication::<MpmcKind>();
    watch.done("three kinds");
}

#[test]
fn v06_a_held_slot_does_not_livelock_senders() {
    let (watch, _) = Watch::new("a receiver with a batch in hand");
    watch.step("spsc");
    receiver_with_a_batch::<SpscKind>();
    watch.step("mpsc");
    receiver_with_a_batch::<MpscKind>();
    watch.step("mpmc");
    receiver_with_a_batch::<MpmcKind>();
    watch.done("three kinds");
}
