//! One sender, one receiver.

use loom_tests::{Mint, model, recv_all, send_all, thread};
use ringway::{Builder, TryRecvError, spsc};
use std::mem;

fn channel<T>(capacity: usize) -> (spsc::Sender<T>, spsc::Receiver<T>) {
    // Just below the wrap, so that every scenario crosses it.
    Builder::new(capacity).start_at(u64::MAX - 1).spsc().expect("a valid channel")
}

fn every_message_once_and_in_order(capacity: usize, messages: u32) {
    let (mut tx, mut rx) = channel(capacity);
    let sender = thread::spawn(move || send_all(|n| tx.try_send(n), 0..messages));
    let received = recv_all(|| rx.try_recv());
    assert_eq!(sender.join().unwrap(), messages);
    assert_eq!(received, (0..messages).collect::<Vec<_>>());
    let stats = rx.stats();
    assert_eq!((stats.sent, stats.received, stats.dropped), (messages.into(), messages.into(), 0));
}

/// Two wraps of a ring of one slot.
#[test]
fn s12_singles_capacity_1() {
    model("spsc singles, capacity 1, two wraps", 3, || every_message_once_and_in_order(1, 3));
}

/// One wrap of a ring of two slots.
#[test]
fn s12_singles_capacity_2() {
    model("spsc singles, capacity 2, one wrap", 3, || every_message_once_and_in_order(2, 4));
}

/// A batch goes in as far as there is room, and is seen whole or not at all; a batch that is half taken keeps the rest.
#[test]
fn batches() {
    model("spsc batches", 3, || {
        let (mut tx, mut rx) = channel(2);
        let sender = thread::spawn(move || {
            let mut numbers = 0..4;
            while numbers.start < 4 {
                if tx.try_send_iter(&mut numbers) == Ok(0) {
                    thread::yield_now();
                }
            }
        });
        let mut received = Vec::new();
        while received.len() < 4 {
            match rx.try_batch(2) {
                // One at a time, so that what is left comes again.
                Ok(mut batch) => received.extend(batch.next()),
                Err(_) => thread::yield_now(),
            }
        }
        sender.join().unwrap();
        assert_eq!(received, [0, 1, 2, 3]);
    });
}

/// Messages are read in place while the sender goes on, and their slots go back when the batch is dropped.
#[test]
fn s24_slices() {
    model("spsc slices", 3, || {
        let (mut tx, mut rx) = channel(2);
        let sender = thread::spawn(move || send_all(|n| tx.try_send(n), 0..4));
        let mut received = Vec::new();
        while received.len() < 4 {
            match rx.try_batch(2) {
                Ok(mut batch) => {
                    let (first, second) = batch.as_slices();
                    received.extend(first.iter().chain(second).copied());
                    batch.commit_all();
                }
                Err(_) => thread::yield_now(),
            }
        }
        assert_eq!(received, [0, 1, 2, 3]);
        assert_eq!(sender.join().unwrap(), 4);
    });
}

/// Reserved slots: what was committed arrives, what was dropped or forgotten does not, and all slots serve again.
#[test]
fn slots() {
    model("spsc slots", 3, || {
        let (mut tx, mut rx) = channel(2);
        let mint = Mint::new();
        let sender = thread::spawn({
            let mint = mint.clone();
            move || {
                let mut slots = tx.try_reserve(2).unwrap();
                slots.push(mint.token(0)).unwrap();
                drop(slots);
                let mut slots = tx.try_reserve(1).unwrap();
                slots.push(mint.token(1)).unwrap();
                mem::forget(slots);
                let mut slots = tx.try_reserve(2).unwrap();
                slots.push(mint.token(2)).unwrap();
                slots.commit();
                tx.stats().aborted
            }
        });
        let received: Vec<_> = recv_all(|| rx.try_recv()).into_iter().map(|token| token.number).collect();
        assert_eq!(received, [2]);
        assert_eq!(sender.join().unwrap(), 4);
        drop(rx);
        assert_eq!(mint.alive(), 0);
    });
}

/// A forgotten batch leaks nothing and duplicates nothing: its slots go back with the next call.
#[test]
fn forgotten_batch() {
    model("spsc forgotten batch", 3, || {
        let (mut tx, mut rx) = channel(1);
        let sender = thread::spawn(move || send_all(|n| tx.try_send(n), 0..2));
        let mut received = Vec::new();
        while received.is_empty() {
            match rx.try_batch(1) {
                Ok(mut batch) => {
                    received.extend(batch.next());
                    mem::forget(batch);
                }
                Err(_) => thread::yield_now(),
            }
        }
        received.extend(recv_all(|| rx.try_recv()));
        assert_eq!(received, [0, 1]);
        assert_eq!(sender.join().unwrap(), 2);
    });
}

/// Closing from the receiver's side while the other sends: what went in is received, or dropped with the channel; the rest comes
/// back; Disconnected is final.
#[test]
fn v13_close_races_send() {
    model("spsc close races send", 3, || {
        let (mut tx, mut rx) = channel(2);
        let mint = Mint::new();
        let sender = thread::spawn({
            let mint = mint.clone();
            move || {
                let sent = (0..2).take_while(|&n| tx.try_send(mint.token(n)).is_ok()).count();
                assert!(sent == 2 || tx.is_disconnected());
                (sent, tx.close())
            }
        });
        let closed = rx.close();
        let received = recv_all(|| rx.try_recv());
        let (sent, closed_too) = sender.join().unwrap();
        assert!(closed != closed_too, "exactly one call closed the channel");
        assert!(received.len() <= sent);
        assert!(matches!(rx.try_recv(), Err(TryRecvError::Disconnected)));
        assert_eq!(mint.alive(), received.len() + rx.stats().in_flight() as usize);
        drop((received, rx));
        assert_eq!(mint.alive(), 0);
    });
}

/// One slot: closed, sent to, received from and dropped, all at once. It has one owner at any time.
#[test]
fn s20_one_slot_closed_sent_received_dropped() {
    model("spsc one slot closed, sent, received, dropped", 3, || {
        let (mut tx, mut rx) = channel(1);
        let mint = Mint::new();
        let token = mint.token(0);
        let sender = thread::spawn(move || {
            let sent = tx.try_send(token).is_ok();
            (sent, tx.close())
        });
        let closed = rx.close();
        let received = rx.try_recv().is_ok();
        drop(rx);
        let (sent, closed_too) = sender.join().unwrap();
        assert!(closed != closed_too, "exactly one call closed the channel");
        assert!(sent || !received);
        assert_eq!(mint.alive(), 0);
    });
}

/// The receiver goes while the other sends: every message is dropped exactly once.
#[test]
fn s21_receiver_dropped() {
    model("spsc receiver dropped", 3, || {
        let (mut tx, mut rx) = channel(2);
        let mint = Mint::new();
        let sender = thread::spawn({
            let mint = mint.clone();
            move || {
                for number in 0..3 {
                    // Refused tokens are dropped here.
                    let _ = tx.try_send(mint.token(number));
                }
            }
        });
        let _ = rx.try_recv();
        drop(rx);
        sender.join().unwrap();
        assert_eq!(mint.alive(), 0);
    });
}
