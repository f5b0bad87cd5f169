//! Rings whose users panic, or end without a word: claims, guards, and the messages inside.

mod common;

use common::{Drops, Value, leave_behind, panics};
use ringway::{Builder, RecvTimeoutError, TryRecvError, broadcast, mpmc};
use std::mem;
use std::thread;
use std::time::Duration;

every_kind! {
    /// A thread that ends takes its sender along: what it had claimed is settled.
    fn f04_a_claim_ends_with_its_thread(channel, _at) {
        let drops = Drops::new(1);
        let (mut tx, mut rx) = channel!(4);
        let value = drops.value(0);
        let ends = move || {
            let mut slots = tx.try_reserve(3).unwrap();
            slots.push(value).unwrap();
            mem::forget(slots);
        };
        thread::spawn(ends).join().unwrap();
        assert_eq!(rx.try_recv().unwrap_err(), TryRecvError::Disconnected);
        drops.assert_each_once();
    }

    /// One that leaves its sender behind keeps the claim open. No call hangs over it, and no time-out takes it over.
    fn f04_a_claim_left_behind_holds_up_no_call(channel, _at) {
        let (mut tx, mut rx) = channel!(4);
        tx.try_send(7).unwrap();
        let ends = move || {
            mem::forget(tx.try_reserve(3).unwrap());
            leave_behind(tx);
        };
        thread::spawn(ends).join().unwrap();
        assert_eq!(rx.recv(), Ok(7));
        for _ in 0..3 {
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            assert_eq!(rx.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
            assert_eq!(rx.drain(4, drop), 0);
        }
        assert!(rx.close());
    }

    /// Dropped while a panic unwinds, with a batch and slots open: every message is dropped once.
    fn f16_dropped_while_unwinding(_channel, at) {
        for start in [0, (1 << 32) - 3, (1 << 63) - 3, u64::MAX - 2] {
            let drops = Drops::new(7);
            assert!(panics(|| {
                let (mut tx, mut rx) = at!(8, start);
                tx.try_send_iter(&mut drops.values(5)).unwrap();
                let mut slots = tx.try_reserve(3).unwrap();
                slots.push(drops.value(5)).unwrap();
                slots.push(drops.value(6)).unwrap();
                let mut batch = rx.try_batch(3).unwrap();
                drop(batch.next());
                panic!("as planned");
            }));
            drops.assert_each_once();
        }
    }

    /// The same, where one message's drop is what panics.
    fn f16_a_drop_that_panics_skips_nobody(_channel, at) {
        for bomb in 0..5 {
            for start in [0, u64::MAX - 2] {
                let drops = Drops::new(5);
                let (mut tx, rx) = at!(8, start);
                let values = (0..5).map(|n| if n == bomb { drops.bomb(n) } else { drops.value(n) });
                tx.try_send_iter(&mut values.into_iter()).unwrap();
                assert!(panics(|| drop((rx, tx))));
                drops.assert_each_once();
            }
        }
    }

    /// Messages of a page each: wherever they are abandoned, they are dropped once, and at their address.
    fn f17_aligned_messages_are_dropped_once(_channel, at) {
        #[repr(align(4096))]
        struct Page(Value);
        impl Drop for Page {
            fn drop(&mut self) {
                assert_eq!((&raw const *self).addr() % 4096, 0, "value {}", self.0.number);
            }
        }
        let drops = Drops::new(9);
        let page = |n| Page(drops.value(n));
        let (mut tx, mut rx) = at!(4, (1 << 32) - 2);
        tx.try_send_iter(&mut (0..4).map(page)).unwrap();
        assert!(tx.try_send(page(4)).is_err());
        rx.try_batch(2).unwrap().commit(1);
        drop(rx.try_recv());
        let mut slots = tx.try_reserve(2).unwrap();
        assert!(slots.push(page(5)).is_ok());
        mem::forget(slots);
        drop(tx.try_send(page(6))); // goes in, or stands behind a mark and comes back
        let mut batch = rx.try_batch(1).unwrap();
        drop(batch.next());
        mem::forget(batch);
        let pages: Vec<_> = (7..9).map(page).collect();
        assert!(tx.try_send_iter(&mut pages.into_iter()).is_ok());
        drop((rx, tx));
        drops.assert_each_once();
    }
}

/// Senders that share a ring with one that goes, wherever it goes and however: what they send flows on.
macro_rules! others_flow_on {
    ($($module:ident, $kind:ident;)+) => {$(
        one_kind! { $module, $kind:
            fn v02_a_sender_that_goes_leaves_no_hole(channel, _at) {
                for (place, way) in (0..5).flat_map(|place| (0..4).map(move |way| (place, way))) {
                    let drops = Drops::new(5);
                    let (mut tx, mut rx) = channel!(8);
                    let mut other = tx.clone();
                    (0..place).for_each(|n| other.try_send(drops.value(n)).unwrap());
                    let scrap = Drops::new(3);
                    let goes = || {
                        if way == 0 {
                            let _ = tx.try_send_iter(&mut (0..3).map(|_| -> Value { panic!("as planned") }));
                        }
                        let mut slots = tx.try_reserve(3).unwrap();
                        (0..way).for_each(|n| slots.push(scrap.value(n)).unwrap());
                        if way == 3 {
                            mem::forget(slots);
                            return drop(tx);
                        }
                        panic!("as planned");
                    };
                    assert_eq!(panics(goes), way != 3);
                    (place..5).for_each(|n| other.try_send(drops.value(n)).unwrap());
                    assert!(rx.try_iter().map(|value| value.number).eq(0..5), "{way} at {place}");
                    drops.assert_each_once();
                    assert_eq!(scrap.all().iter().sum::<usize>(), way);
                    assert_eq!(rx.stats().aborted, 3);
                }
            }

            fn f04_others_go_on_beside_a_claim_left_behind(channel, _at) {
                let (mut tx, mut rx) = channel!(4);
                let mut other = tx.clone();
                mem::forget(tx.try_reserve(1).unwrap());
                leave_behind(tx);
                (0..3).for_each(|n| other.try_send(n).unwrap());
                assert!(other.try_send(3).unwrap_err().is_full());
                assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
                assert!(other.close());
                // The claim might still be settled: nobody says that it will not.
                assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            }
        }
    )+};
}
others_flow_on! { mpsc_shared, mpsc; mpmc_shared, mpmc; }

/// What a panic leaves of a receiver's claim is its own at the next call, or another's when its handle goes.
#[test]
fn f06_the_rest_of_a_claim_survives_a_panic() {
    for (bad, goes) in (0..5).flat_map(|bad| [(bad, false), (bad, true)]) {
        let drops = Drops::new(5);
        let (mut tx, mut rx) = mpmc::channel(8);
        let mut other = rx.clone();
        tx.try_send_iter(&mut drops.values(5)).unwrap();
        let mut seen = Vec::new();
        assert!(panics(|| {
            rx.drain(8, |value| {
                assert!(value.number != bad, "as planned");
                seen.push(value.number);
            });
        }));
        assert_eq!((drops.of(bad), seen.len()), (1, bad));
        assert!(other.try_recv().is_err(), "the rest is the other's");
        if goes {
            drop(rx);
            while other.drain(8, |value| seen.push(value.number)) > 0 {}
        } else {
            while rx.drain(8, |value| seen.push(value.number)) > 0 {}
        }
        assert!(seen.into_iter().eq((0..5).filter(|n| *n != bad)));
        drops.assert_each_once();
    }
}

/// A broadcast drops what was read when it goes, all of it even if a drop panics, and whether or not all of it was read.
#[test]
fn s07_a_broadcast_drops_each_value_once() {
    for (bomb, start) in (0..6).flat_map(|bomb| [(bomb, 0), (bomb, (1 << 63) - 3), (bomb, u64::MAX - 2)]) {
        let drops = Drops::new(6);
        let (mut tx, mut rx) = Builder::new(8).start_at(start).broadcast().unwrap();
        let mut values = (0..6).map(|n| if n == bomb { drops.bomb(n) } else { drops.value(n) });
        tx.try_send_iter(&mut values).unwrap();
        rx.drain(bomb, |_| ());
        mem::forget(rx.try_batch(2));
        drop(rx);
        assert!(panics(|| drop(tx)));
        drops.assert_each_once();
    }
}

/// The user's code that a broadcast runs in the middle of a call: the message it panicked over counts as read.
#[test]
fn x21_a_clone_that_panics_strands_no_slot() {
    #[derive(Debug, PartialEq)]
    struct Fragile(u32);
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert!(self.0 != 1, "as planned");
            Self(self.0)
        }
    }
    let (mut tx, mut rx) = broadcast::channel(2);
    tx.try_send_iter(&mut (0..2).map(Fragile)).unwrap();
    assert_eq!(rx.try_recv(), Ok(Fragile(0)));
    assert!(panics(|| drop(rx.try_recv())));
    assert_eq!(tx.try_send_iter(&mut (2..4).map(Fragile)), Ok(2));
    assert!(panics(|| rx.recv_with(|message| assert_eq!(message.0, 1, "as planned")).unwrap()));
    assert_eq!(rx.recv_timeout(Duration::ZERO), Ok(Fragile(3)));
    assert!(tx.is_empty());
}
