//! Many senders, one receiver.

use loom_tests::{Mint, model, recv_all, send_all, thread};
use ringway::{Builder, TryRecvError, Wait, mpsc};
use std::mem;

fn channel_at<T>(capacity: usize, start: u64) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    Builder::new(capacity).start_at(start).mpsc().expect("a valid channel")
}

fn channel<T>(capacity: usize) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    // Just below the position at which stamps and tail wrap, so that every scenario crosses it.
    channel_at(capacity, (1 << 63) - 1)
}

/// Whose ends sleep instead of trying again: loom cannot bound three threads that keep yielding to each other.
fn sleeping<T>(capacity: usize) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    Builder::new(capacity).wait(Wait::park()).start_at((1 << 63) - 1).mpsc().expect("a valid channel")
}

/// What each of two senders sent, in order.
fn by_sender(received: &[u32]) -> [Vec<u32>; 2] {
    [0, 100].map(|base| received.iter().copied().filter(|n| (base..base + 100).contains(n)).collect())
}

fn one_sender_in_order(capacity: usize, start: u64, messages: u32) {
    let (mut tx, mut rx) = channel_at(capacity, start);
    let sender = thread::spawn(move || send_all(|n| tx.try_send(n), 0..messages));
    let received = recv_all(|| rx.try_recv());
    assert_eq!(sender.join().unwrap(), messages);
    assert_eq!(received, (0..messages).collect::<Vec<_>>());
}

/// Two wraps of a ring of one slot.
#[test]
fn singles_capacity_1() {
    model("mpsc singles, capacity 1, two wraps", 3, || one_sender_in_order(1, (1 << 63) - 1, 3));
    model("mpsc singles, capacity 1, across 2^64", 3, || one_sender_in_order(1, u64::MAX, 3));
}

/// One wrap of a ring of two slots.
#[test]
fn singles_capacity_2() {
    model("mpsc singles, capacity 2, one wrap", 3, || one_sender_in_order(2, (1 << 63) - 1, 4));
}

/// Two senders and a receiver, who sleep instead of trying again: everything once, in order for each sender.
#[test]
fn two_senders() {
    for (name, capacity) in [("mpsc two senders, capacity 1", 1), ("mpsc two senders, capacity 2", 2)] {
        model(name, 2, move || {
            let (mut tx, mut rx) = sleeping(capacity);
            let mut other = tx.clone();
            let one = thread::spawn(move || (0..2).try_for_each(|n| tx.send(n)));
            let two = thread::spawn(move || other.send(100));
            let received: Vec<_> = rx.iter().collect();
            one.join().unwrap().unwrap();
            two.join().unwrap().unwrap();
            assert_eq!(by_sender(&received), [vec![0, 1], vec![100]]);
            let stats = rx.stats();
            assert_eq!((stats.sent, stats.received, stats.dropped, stats.aborted), (3, 3, 0, 0));
        });
    }
}

/// A batch against singles: the batch stays together.
#[test]
fn batch_against_singles() {
    model("mpsc batch against singles", 2, || {
        let (mut tx, mut rx) = channel(4);
        let mut other = tx.clone();
        let one = thread::spawn(move || assert_eq!(tx.try_send_iter(&mut (0..2)), Ok(2)));
        let two = thread::spawn(move || send_all(|n| other.try_send(n), 100..102));
        let mut received = Vec::new();
        while received.len() < 4 {
            match rx.try_batch(4) {
                Ok(mut batch) => {
                    let (first, second) = batch.as_slices();
                    received.extend(first.iter().chain(second).copied());
                    batch.commit_all();
                }
                Err(_) => thread::yield_now(),
            }
        }
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!(by_sender(&received), [vec![0, 1], vec![100, 101]]);
        assert!(received.windows(2).any(|pair| pair == [0, 1]), "{received:?}");
    });
}

/// Long runs over several laps: stamps, lengths and slots are written again only after they were read.
#[test]
fn runs_wrap() {
    model("mpsc runs of two, capacity 2, one wrap", 3, || {
        let (mut tx, mut rx) = channel(2);
        let sender = thread::spawn(move || {
            let mut numbers = 0..4;
            while numbers.start < 4 {
                if tx.try_send_iter(&mut numbers) == Ok(0) {
                    thread::yield_now();
                }
            }
        });
        assert_eq!(recv_all(|| rx.try_recv()), [0, 1, 2, 3]);
        sender.join().unwrap();
    });
}

/// Slots given up at the end of a run, or a whole run, while another sends: they are stepped over, and serve again.
#[test]
fn skip_marks() {
    model("mpsc skip marks", 2, || {
        let (mut tx, mut rx) = sleeping(4);
        let mut other = tx.clone();
        let mint = Mint::new();
        let one = thread::spawn({
            let mint = mint.clone();
            move || {
                let mut slots = tx.try_reserve(2).unwrap();
                slots.push(mint.token(0)).unwrap();
                slots.commit();
                let mut slots = tx.try_reserve(1).unwrap();
                slots.push(mint.token(1)).unwrap();
                drop(slots);
            }
        });
        let token = mint.token(100);
        let two = thread::spawn(move || other.send(token).is_ok());
        let received: Vec<_> = rx.iter().map(|token| token.number).collect();
        one.join().unwrap();
        assert!(two.join().unwrap());
        assert_eq!(by_sender(&received), [vec![0], vec![100]]);
        let stats = rx.stats();
        assert_eq!((stats.sent, stats.received, stats.aborted), (2, 2, 2));
        assert_eq!(mint.alive(), 0);
    });
}

/// After a lap of marks the ring is as empty as it was: one thread, every way to give slots up, at capacity 1 and 2.
#[test]
fn marks_wrap() {
    for capacity in [1, 2] {
        model("mpsc marks wrap", 3, move || {
            let (mut tx, mut rx) = sleeping(capacity);
            let sender = thread::spawn(move || {
                for number in 0..3 {
                    loop {
                        match tx.try_reserve(capacity) {
                            Ok(slots) => break drop(slots),
                            Err(_) => thread::yield_now(),
                        }
                    }
                    tx.send(number).unwrap();
                }
            });
            assert_eq!(rx.iter().collect::<Vec<_>>(), [0, 1, 2]);
            sender.join().unwrap();
        });
    }
}

/// Forgotten slots are given up by the sender's next call, and forgotten ones at the end by its drop.
#[test]
fn forgotten_slots() {
    model("mpsc forgotten slots", 3, || {
        let (mut tx, mut rx) = channel(2);
        let mint = Mint::new();
        let sender = thread::spawn({
            let mint = mint.clone();
            move || {
                let mut slots = tx.try_reserve(1).unwrap();
                slots.push(mint.token(0)).unwrap();
                mem::forget(slots);
                tx.try_send(mint.token(1)).unwrap();
                while let Err(error) = tx.try_reserve(2).map(mem::forget) {
                    assert!(matches!(error, ringway::ReserveError::TooFew { .. }));
                    thread::yield_now();
                }
            }
        });
        let received: Vec<_> = recv_all(|| rx.try_recv()).into_iter().map(|token| token.number).collect();
        sender.join().unwrap();
        assert_eq!(received, [1]);
        assert_eq!(rx.stats().aborted, 3);
        assert_eq!(mint.alive(), 0);
    });
}

/// The seal is final: what was accepted before it is received, and nothing is accepted after it.
#[test]
fn x13_close_is_exact() {
    model("mpsc close is exact", 2, || {
        let (mut tx, mut rx) = channel(4);
        let mut other = tx.clone();
        let one = thread::spawn(move || (0..2).take_while(|&n| tx.try_send(n).is_ok()).count());
        let two = thread::spawn(move || {
            let sent = usize::from(other.try_send(100).is_ok());
            let closed = other.close();
            assert!(other.try_send(101).is_err_and(|error| error.is_disconnected()));
            (sent, closed)
        });
        let closed = rx.close();
        let received = recv_all(|| rx.try_recv());
        let (sent_two, closed_too) = two.join().unwrap();
        assert_eq!(received.len(), one.join().unwrap() + sent_two);
        assert!(closed != closed_too, "exactly one call closed the channel");
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// Closed is not answered while a claim from before the seal is open.
#[test]
fn v14_closed_only_when_claims_are_settled() {
    model("mpsc closed only when claims are settled", 3, || {
        let (mut tx, mut rx) = channel(2);
        let closer = tx.clone();
        let sender = thread::spawn(move || match tx.try_reserve(1) {
            Ok(mut slots) => {
                slots.push(7).unwrap();
                slots.commit();
                1
            }
            Err(_) => 0,
        });
        closer.close();
        let received = recv_all(|| rx.try_recv());
        assert_eq!(received.len(), sender.join().unwrap());
    });
}

/// The receiver goes while two send: every message is dropped exactly once.
#[test]
fn s01_receiver_dropped() {
    model("mpsc receiver dropped", 2, || {
        let (mut tx, rx) = channel(2);
        let mut other = tx.clone();
        let mint = Mint::new();
        let (first, second) = (mint.token(0), mint.token(100));
        let one = thread::spawn(move || tx.try_send(first).is_ok());
        let two = thread::spawn(move || other.try_send(second).is_ok());
        drop(rx);
        one.join().unwrap();
        two.join().unwrap();
        assert_eq!(mint.alive(), 0);
    });
}

/// The last sender closes the channel, whoever it is, and what all of them did before is visible then.
#[test]
fn f09_last_sender_closes() {
    model("mpsc last sender closes", 2, || {
        let (tx, mut rx) = channel(2);
        let other = tx.clone();
        let one = thread::spawn(move || {
            let mut clone = tx.clone();
            drop(tx);
            clone.try_send(0).unwrap();
        });
        let two = thread::spawn(move || drop(other));
        assert_eq!(recv_all(|| rx.try_recv()), [0]);
        assert!(rx.is_disconnected());
        one.join().unwrap();
        two.join().unwrap();
    });
}

/// A clone knows no more of the receiver than its origin has learned: it must look for itself before it writes a used slot.
#[test]
fn a_clone_knows_no_more_than_its_origin() {
    model("mpsc a clone knows no more than its origin", 3, || {
        let (mut tx, mut rx) = channel(1);
        tx.try_send(0).unwrap();
        let receiver = thread::spawn(move || recv_all(|| rx.try_recv()));
        while tx.clone().try_send(1).is_err() {
            thread::yield_now();
        }
        drop(tx);
        assert_eq!(receiver.join().unwrap(), [0, 1]);
    });
}

/// A sender that sees how far others have claimed, and not yet what was given back for it, finds no room: never less than none.
#[test]
fn x03_an_older_head_is_no_room() {
    model("mpsc an older head is no room", 2, || {
        let (mut tx, mut rx) = channel(1);
        let mut other = tx.clone();
        tx.try_send(0).unwrap();
        let one = thread::spawn(move || tx.try_send(1).is_ok());
        let two = thread::spawn(move || other.try_send(2).is_ok());
        assert_eq!(rx.try_recv(), Ok(0));
        let rest = recv_all(|| rx.try_recv());
        assert_eq!(rest.len(), usize::from(one.join().unwrap()) + usize::from(two.join().unwrap()));
    });
}
