//! Many senders, receivers that compete. Sleeps have no safety net here: a lost wake-up shows as a deadlock.

use loom_tests::{Mint, Note, Token, model, thread};
use ringway::mpmc::{Receiver, Sender};
use ringway::{Builder, TryRecvError, Wait};

fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    channel_at(capacity, 0)
}

fn channel_at<T>(capacity: usize, start: u64) -> (Sender<T>, Receiver<T>) {
    Builder::new(capacity).start_at(start).wait(Wait::park()).mpmc().expect("a valid channel")
}

/// The numbers that a receiver gets, until the channel is closed and drained.
fn numbers(mut rx: Receiver<Token>) -> Vec<u32> {
    rx.iter().map(|token| token.number).collect()
}

/// What two receivers got together: each number up to `n` once, each receiver's in order.
fn assert_shared(one: Vec<u32>, two: Vec<u32>, n: u32) {
    assert!(one.is_sorted() && two.is_sorted(), "{one:?} {two:?}");
    let mut all = [one, two].concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..n));
}

/// Two receivers share what one sender sends, round the ring twice. Across the wrap of positions: the next one.
#[test]
fn x42_two_receivers_share() {
    model("two receivers share, capacity 1", 1, move || {
        let mint = Mint::new();
        let (mut tx, rx) = channel(1);
        let receiver = thread::spawn({
            let rx = rx.clone();
            move || numbers(rx)
        });
        let sender = thread::spawn({
            let mint = mint.clone();
            move || (0..2).for_each(|n| tx.send(mint.token(n)).unwrap())
        });
        let mine = numbers(rx);
        sender.join().unwrap();
        assert_shared(mine, receiver.join().unwrap(), 2);
        assert_eq!(mint.alive(), 0);
    });
}

/// The same with one thread less and more switches: the sender is a receiver too.
#[test]
fn x03_a_sender_that_receives() {
    for (capacity, start, preemptions) in [(1, (1 << 63) - 2, 2), (2, u64::MAX, 2)] {
        model(&format!("a sender that receives, capacity {capacity}"), preemptions, move || {
            let mint = Mint::new();
            let (mut tx, rx) = channel_at(capacity, start);
            let receiver = thread::spawn({
                let rx = rx.clone();
                move || numbers(rx)
            });
            (0..3).for_each(|n| tx.send(mint.token(n)).unwrap());
            drop(tx);
            let mine = numbers(rx);
            assert_shared(mine, receiver.join().unwrap(), 3);
            assert_eq!(mint.alive(), 0);
        });
    }
}

/// A run of three is claimed in parts: the first part's claimer tells the others where the run ends.
#[test]
fn a_run_is_split() {
    model("a run is split", 2, || {
        let mint = Mint::new();
        let (mut tx, mut rx) = channel(4);
        let mut other = rx.clone();
        let sender = thread::spawn({
            let mint = mint.clone();
            move || {
                assert_eq!(tx.try_send_iter(&mut [0, 1, 2].map(|n| mint.token(n)).into_iter()), Ok(3));
                tx
            }
        });
        let receiver = thread::spawn(move || {
            let mut numbers = Vec::new();
            other.drain(2, |token| numbers.push(token.number));
            numbers
        });
        let mut mine = Vec::new();
        rx.drain(1, |token| mine.push(token.number));
        let theirs = receiver.join().unwrap();
        drop(sender.join().unwrap());
        // Whatever they left is there, and nothing is between.
        let rest: Vec<_> = rx.iter().map(|token| token.number).collect();
        let mut all = [mine, theirs, rest].concat();
        all.sort_unstable();
        assert_eq!(all, [0, 1, 2]);
        assert_eq!(mint.alive(), 0);
    });
}

/// Nobody finds the ring empty while the rest of a run waits: the middle of a run is known to who finds the head there.
#[test]
fn v05_the_middle_of_a_run_is_not_empty() {
    model("the middle of a run is not empty", 3, || {
        let (mut tx, mut rx) = channel(4);
        let mut other = rx.clone();
        assert_eq!(tx.try_send_iter(&mut (0..3)), Ok(3));
        let receiver = thread::spawn(move || other.drain(1, drop));
        assert!(rx.try_recv().is_ok());
        assert_eq!(receiver.join().unwrap(), 1);
        assert_eq!(rx.try_recv(), Ok(2));
        drop(tx);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// Senders reuse a slot only when its receiver is done with it, however the two were claimed and released.
#[test]
fn slots_come_back_out_of_order() {
    model("slots come back out of order", 2, || {
        let mint = Mint::new();
        let (mut tx, mut rx) = channel(2);
        let mut other = rx.clone();
        tx.try_send(mint.token(0)).unwrap();
        tx.try_send(mint.token(1)).unwrap();
        let receiver = thread::spawn(move || other.recv().map(|token| token.number));
        let sender = thread::spawn({
            let mint = mint.clone();
            move || (2..4).for_each(|n| tx.send(mint.token(n)).unwrap())
        });
        let mut numbers = vec![rx.recv().unwrap().number, rx.recv().unwrap().number];
        numbers.push(receiver.join().unwrap().unwrap());
        sender.join().unwrap();
        numbers.extend(rx.iter().map(|token| token.number));
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1, 2, 3]);
        assert_eq!(mint.alive(), 0);
    });
}

/// What happens before a send is visible after its receive, and what happens before a receive to who uses the slot again.
#[test]
fn s26_messages_carry_what_came_before() {
    model("messages carry what came before", 2, || {
        let notes = [loom_tests::Arc::new(Note::new()), loom_tests::Arc::new(Note::new())];
        let (mut tx, rx) = channel(1);
        let receive = |mut rx: Receiver<usize>, notes: [loom_tests::Arc<Note>; 2]| {
            move || rx.iter().for_each(|n: usize| assert_eq!(notes[n].read(), 7))
        };
        let other = thread::spawn(receive(rx.clone(), notes.clone()));
        for (n, note) in notes.iter().enumerate() {
            note.write(7);
            tx.send(n).unwrap();
        }
        drop(tx);
        receive(rx, notes)();
        other.join().unwrap();
    });
}

/// A receiver that goes leaves what it has claimed to another, who may be asleep; nobody learns of the end before.
#[test]
fn x08_what_is_left_is_taken_over() {
    model("what is left is taken over", 3, || {
        let mint = Mint::new();
        let (mut tx, rx) = channel(2);
        assert_eq!(tx.try_send_iter(&mut [0, 1].map(|n| mint.token(n)).into_iter()), Ok(2));
        drop(tx);
        let leaver = thread::spawn({
            let mut rx = rx.clone();
            move || rx.try_batch(2).ok().and_then(|mut batch| batch.next()).map(|token| token.number)
        });
        let mut mine = numbers(rx);
        mine.extend(leaver.join().unwrap());
        mine.sort_unstable();
        assert_eq!(mine, [0, 1]);
        assert_eq!(mint.alive(), 0);
    });
}

/// Both receivers go with open claims: what they leave is dropped by the last, once.
#[test]
fn the_last_drops_what_is_left() {
    model("the last drops what is left", 3, || {
        let mint = Mint::new();
        let (mut tx, rx) = channel(2);
        tx.try_send(mint.token(0)).unwrap();
        tx.try_send(mint.token(1)).unwrap();
        let leave = |mut rx: Receiver<Token>| move || drop(rx.try_batch(1));
        let one = thread::spawn(leave(rx.clone()));
        leave(rx)();
        one.join().unwrap();
        assert_eq!(mint.alive(), 0);
        let stats = tx.stats();
        assert_eq!((stats.sent, stats.dropped, stats.received), (2, 2, 0));
    });
}

/// A closed channel has ended only when no claim is open; who waits for that is woken by the release.
#[test]
fn the_end_waits_for_open_claims() {
    model("the end waits for open claims", 3, || {
        let (mut tx, mut rx) = channel::<u32>(1);
        let mut other = rx.clone();
        tx.try_send(7).unwrap();
        let receiver = thread::spawn(move || other.recv());
        let mine = rx.try_recv().ok();
        drop(tx);
        let theirs = receiver.join().unwrap().ok();
        assert_eq!(mine.or(theirs), Some(7));
        assert!(mine.is_none() || theirs.is_none());
    });
}

/// Skip marks are stepped over by one receiver, whatever the other does, and make room.
#[test]
fn skip_marks_are_stepped_over_once() {
    model("skip marks are stepped over once", 2, || {
        let (mut tx, mut rx) = channel(2);
        let mut other = rx.clone();
        let receiver = thread::spawn(move || other.recv().ok());
        drop(tx.try_reserve(1).unwrap());
        tx.send(0).unwrap();
        tx.send(1).unwrap();
        drop(tx);
        let mut numbers: Vec<_> = rx.iter().collect();
        numbers.extend(receiver.join().unwrap());
        numbers.sort_unstable();
        assert_eq!(numbers, [0, 1]);
        let stats = rx.stats();
        assert_eq!((stats.sent, stats.received, stats.aborted), (2, 2, 1));
    });
}

/// Publications out of order: the one that closes the gap wakes both sleepers.
#[test]
fn two_sleeping_receivers() {
    model("two sleeping receivers", 2, || {
        let (mut tx, mut rx) = channel::<u32>(2);
        let (mut other_tx, mut other_rx) = (tx.clone(), rx.clone());
        let sender = thread::spawn(move || {
            other_tx.try_send(1).unwrap();
            other_tx
        });
        let receiver = thread::spawn(move || other_rx.recv());
        tx.try_send(2).unwrap();
        let sum = rx.recv().unwrap() + receiver.join().unwrap().unwrap();
        assert_eq!(sum, 3);
        drop((sender.join().unwrap(), tx));
    });
}

/// Releases out of order: the one that closes the gap wakes both senders.
#[test]
fn two_sleeping_senders() {
    model("two sleeping senders", 2, || {
        let (mut tx, mut rx) = channel::<u32>(2);
        let mut other_tx = tx.clone();
        let mut other_rx = rx.clone();
        assert_eq!(tx.try_send_iter(&mut (0..2)), Ok(2));
        let one = thread::spawn(move || tx.send(2));
        let two = thread::spawn(move || other_tx.send(3));
        // Claimed first, released last.
        let batch = rx.try_batch(1).unwrap();
        assert_eq!(other_rx.try_recv(), Ok(1));
        batch.for_each(drop);
        one.join().unwrap().unwrap();
        two.join().unwrap().unwrap();
        assert_eq!(rx.drain(2, drop) + other_rx.drain(2, drop), 2);
    });
}

/// Closing against a send: it went in and is received, or it came back.
#[test]
fn close_against_send() {
    model("close against send", 3, || {
        let mint = Mint::new();
        let (mut tx, mut rx) = channel(1);
        let mut other = rx.clone();
        let token = mint.token(0);
        let sender = thread::spawn(move || tx.try_send(token).is_ok());
        let receiver = thread::spawn(move || other.recv().is_ok());
        // The sender may have been the last, and closed it.
        rx.close();
        let mine = rx.recv().is_ok();
        assert_eq!(sender.join().unwrap(), mine ^ receiver.join().unwrap());
        assert_eq!(mint.alive(), 0);
    });
}

/// After the end was answered nothing goes in: what was accepted is received.
#[test]
fn the_seal_is_exact() {
    model("the seal is exact", 2, || {
        let (tx, mut rx) = channel(2);
        let mut other = tx.clone();
        let sender = thread::spawn(move || u32::from(other.try_send(7).is_ok()));
        let closer = thread::spawn(move || tx.close());
        let received = rx.iter().inspect(|n| assert_eq!(*n, 7)).count() as u32;
        assert_eq!(received, sender.join().unwrap());
        assert!(closer.join().unwrap());
    });
}

/// What was published behind a gap is for the others who sleep: closing the gap wakes them all.
#[test]
fn closing_a_gap_wakes_all() {
    model("closing a gap wakes all", 2, || {
        let (mut tx, rx) = channel::<u32>(2);
        let mut other_tx = tx.clone();
        let receive = |mut rx: Receiver<u32>| move || (rx.recv(), rx);
        let one = thread::spawn(receive(rx.clone()));
        let two = thread::spawn(receive(rx));
        let mut slots = tx.try_reserve(1).unwrap();
        other_tx.try_send(1).unwrap();
        slots.push(0).unwrap();
        slots.commit();
        let (one, two) = (one.join().unwrap(), two.join().unwrap());
        assert_eq!(one.0.unwrap() + two.0.unwrap(), 1);
        drop((tx, other_tx));
    });
}

/// A sender that waits for the slot of a skip mark is woken by who steps over it, though that one has nothing to take.
#[test]
fn a_mark_makes_room() {
    model("a mark makes room", 3, || {
        let (mut tx, mut rx) = channel::<u32>(1);
        let mut other_tx = tx.clone();
        let slots = tx.try_reserve(1).unwrap();
        let sender = thread::spawn(move || (other_tx.send(7).is_ok(), other_tx));
        drop(slots);
        assert_eq!(rx.recv(), Ok(7));
        assert!(sender.join().unwrap().0);
    });
}

/// A sender that waits for room is released by a close.
#[test]
fn f10_a_close_releases_a_sender() {
    model("a close releases a sender", 3, || {
        let (mut tx, rx) = channel::<u32>(1);
        tx.try_send(0).unwrap();
        let sender = thread::spawn(move || tx.send(1).is_err());
        assert!(rx.close());
        assert!(sender.join().unwrap());
    });
}
