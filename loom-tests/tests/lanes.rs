//! Many senders, one receiver, with rings of their own for the first of them.

use loom_tests::{Mint, model, recv_all, send_all, thread};
use ringway::{Builder, TryRecvError, Wait, mpsc};

/// Each ring has `capacity` slots.
fn channel<T>(capacity: usize, lanes: usize) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    // Just below the position at which the shared ring's tail wraps, so that every scenario crosses it.
    let builder = Builder::new(capacity * lanes).lanes(lanes).wait(Wait::park()).start_at((1 << 63) - 1);
    builder.mpsc().expect("a valid channel")
}

/// Two senders sleep before full lanes, and room is made in one of them: the one who can go on is woken, whoever slept first.
#[test]
fn two_lanes() {
    model("lanes: two senders that sleep", 2, || {
        let (mut tx, mut rx) = channel(1, 2);
        let mut other = tx.clone();
        tx.try_send(0).unwrap();
        other.try_send(100).unwrap();
        let one = thread::spawn(move || tx.send(1));
        let two = thread::spawn(move || other.send(101));
        assert_eq!(rx.try_recv(), Ok(0));
        one.join().unwrap().unwrap();
        let received: Vec<u32> = rx.iter().collect();
        two.join().unwrap().unwrap();
        let of = |base| received.iter().copied().filter(|n| n / 100 == base).collect::<Vec<_>>();
        assert_eq!((of(0), of(1)), (vec![1], vec![100, 101]));
        let stats = rx.stats();
        assert_eq!((stats.sent, stats.received, stats.dropped, stats.aborted), (4, 4, 0, 0));
    });
}

/// Who comes after the last lane is taken shares a ring with the others of that kind.
#[test]
fn one_lane_and_the_shared_ring() {
    model("lanes: one lane and the shared ring", 2, || {
        let (mut tx, mut rx) = channel(2, 1);
        let mut other = tx.clone();
        let one = thread::spawn(move || send_all(|n| tx.try_send(n), 0..2));
        let two = thread::spawn(move || assert_eq!(other.try_send_iter(&mut (100..102)), Ok(2)));
        let mut received = Vec::new();
        while received.len() < 4 {
            match rx.try_batch(4) {
                Ok(batch) => received.extend(batch),
                Err(_) => thread::yield_now(),
            }
        }
        one.join().unwrap();
        two.join().unwrap();
        received.sort_unstable();
        assert_eq!(received, [0, 1, 100, 101]);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// A lane goes from a sender that is dropped to the next one, who goes on where the last one was.
#[test]
fn a_lane_is_handed_over() {
    model("lanes: a lane is handed over", 3, || {
        let (mut tx, mut rx) = channel(2, 1);
        let mint = Mint::new();
        let (first, second) = (mint.token(0), mint.token(1));
        let spare = tx.clone();
        let leaver = thread::spawn(move || tx.try_send(first).is_ok());
        assert!(spare.clone().try_send(second).is_ok());
        assert!(leaver.join().unwrap());
        drop(spare);
        let mut received: Vec<_> = recv_all(|| rx.try_recv()).into_iter().map(|token| token.number).collect();
        received.sort_unstable();
        assert_eq!(received, [0, 1]);
        assert_eq!(mint.alive(), 0);
    });
}

/// A lane that is full stays so for the next sender, until the receiver has made room.
#[test]
fn a_newcomer_knows_of_no_room() {
    model("lanes: a newcomer knows of no room", 2, || {
        let (mut tx, mut rx) = channel(1, 1);
        let spare = tx.clone();
        tx.try_send(0).unwrap();
        drop(tx);
        let receiver = thread::spawn(move || recv_all(|| rx.try_recv()));
        let mut next = spare.clone();
        drop(spare);
        assert_eq!(send_all(|n| next.try_send(n), 1..2), 1);
        drop(next);
        assert_eq!(receiver.join().unwrap(), [0, 1]);
    });
}

/// The seal closes all rings: who has learned of it sends no more, and what was sent before is received.
#[test]
fn x13_lanes_are_closed() {
    model("lanes: closing closes all", 2, || {
        let (mut tx, mut rx) = channel(2, 2);
        let mut other = tx.clone();
        tx.try_send(0).unwrap();
        let two = thread::spawn(move || {
            let sent = other.try_send(100).is_ok();
            let closed = other.is_disconnected();
            assert!(!(closed && other.try_send(101).is_ok()), "closed is final");
            other.close();
            assert!(other.try_send(102).is_err_and(|error| error.is_disconnected()));
            sent
        });
        tx.close();
        assert!(tx.try_send(1).is_err_and(|error| error.is_disconnected()));
        let received = recv_all(|| rx.try_recv());
        assert!(received.contains(&0));
        let sent = 1 + u64::from(two.join().unwrap());
        assert!(received.len() as u64 <= sent && rx.is_disconnected());
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// What a sender did before it closed the channel, or went, is found before the end.
#[test]
fn the_end_comes_after_what_was_sent() {
    model("lanes: the end comes after what was sent", 3, || {
        let (mut tx, mut rx) = channel(2, 2);
        let mut other = tx.clone();
        let one = thread::spawn(move || {
            other.try_send(100).unwrap();
            drop(other);
        });
        let two = thread::spawn(move || {
            tx.try_send(0).unwrap();
            drop(tx);
        });
        let mut received = recv_all(|| rx.try_recv());
        received.sort_unstable();
        assert_eq!(received, [0, 100]);
        one.join().unwrap();
        two.join().unwrap();
    });
}

/// Slots given up in a lane are claimed again, those of the shared ring are stepped over: the accounts tell them apart.
#[test]
fn slots_given_up() {
    model("lanes: slots given up", 1, || {
        let (mut tx, mut rx) = channel(2, 1);
        let mut other = tx.clone();
        let mint = Mint::new();
        let tokens = [mint.token(0), mint.token(1), mint.token(100)];
        let [first, second, third] = tokens;
        let one = thread::spawn(move || {
            let mut slots = tx.try_reserve(2).unwrap();
            slots.push(first).unwrap();
            slots.commit();
            assert!(tx.try_send(second).is_ok());
        });
        let two = thread::spawn(move || {
            drop(other.try_reserve(1).unwrap());
            assert!(other.try_send(third).is_ok());
        });
        let mut received: Vec<_> = rx.iter().map(|token| token.number).collect();
        received.sort_unstable();
        assert_eq!(received, [0, 1, 100]);
        one.join().unwrap();
        two.join().unwrap();
        let stats = rx.stats();
        assert_eq!((stats.sent, stats.received, stats.aborted), (3, 3, 2));
        assert_eq!((stats.in_flight(), mint.alive()), (0, 0));
    });
}

/// The receiver goes while two send: every message is dropped exactly once.
#[test]
fn s01_receiver_dropped() {
    model("lanes: receiver dropped", 2, || {
        let (mut tx, rx) = channel(2, 2);
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
