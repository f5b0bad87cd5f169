//! Lossy broadcast: messages of two words, so that a torn one shows.

use loom_tests::{Arc, Note, model, thread};
use ringway::broadcast::lossy::{Lagged, Receiver, RecvError, Sender, TryRecvError};
use ringway::{Builder, Wait};

type Pair = [u64; 2];

/// Just below the position at which tail and sequences wrap, so that every scenario crosses it.
const START: u64 = (1 << 63) - 1;

fn channel(capacity: usize) -> (Sender<Pair>, Receiver<Pair>) {
    // Whose receivers sleep instead of trying again: loom cannot bound three threads that keep yielding to each other.
    Builder::new(capacity).wait(Wait::park()).start_at(START).lossy().expect("a valid channel")
}

fn pair(n: u64) -> Pair {
    [n, !n]
}

fn untorn([n, not_n]: Pair) -> u64 {
    assert_eq!(n, !not_n, "torn");
    n
}

/// Takes what comes, sleeping in between, until the channel is closed and drained.
fn recv_all(rx: &mut Receiver<Pair>) -> Vec<u64> {
    rx.iter().filter_map(Result::ok).map(untorn).collect()
}

/// Receives as often as that is possible without waiting for anybody.
fn recv_some(rx: &mut Receiver<Pair>, times: usize) -> Vec<u64> {
    (0..times).filter_map(|_| rx.try_recv().ok()).map(untorn).collect()
}

fn assert_increasing(numbers: &[u64]) {
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
}

/// A ring of one slot, written three times while it is read.
#[test]
fn s27_write_against_read() {
    model("lossy write against read, capacity 1, two wraps", 3, || {
        let (mut tx, mut rx) = channel(1);
        let sender = thread::spawn(move || {
            (0..3).for_each(|n| tx.send(pair(n)).unwrap());
            tx
        });
        let mut received = recv_some(&mut rx, 2);
        let tx = sender.join().unwrap();
        assert_eq!(tx.stats().dropped, 0);
        drop(tx);
        received.extend(recv_all(&mut rx));
        assert_increasing(&received);
        // The last one is never lost.
        assert_eq!(received.last(), Some(&2));
        assert_eq!((rx.received(), rx.received() + rx.lost()), (received.len() as u64, 3));
    });
}

/// Two slots; a run that laps itself.
#[test]
fn runs_against_drains() {
    model("lossy runs against drains, capacity 2, one wrap", 3, || {
        let (mut tx, mut rx) = channel(2);
        let sender = thread::spawn(move || tx.send_all(&[pair(0), pair(1), pair(2), pair(3)]).unwrap());
        let mut received = Vec::new();
        for _ in 0..2 {
            if let Err(Lagged(lost)) = rx.drain(2, |message| received.push(untorn(message))) {
                assert!(lost > 0);
            }
        }
        sender.join().unwrap();
        received.extend(recv_all(&mut rx));
        assert_increasing(&received);
        assert!(received.ends_with(&[2, 3]) || received.ends_with(&[3]), "{received:?}");
        assert_eq!(rx.received() + rx.lost(), 4);
    });
}

/// Two senders contend for one slot, over two wraps: what a third thread sees meanwhile is whole, and what is left afterwards
/// is one of the last messages, or was given up.
#[test]
fn two_senders() {
    model("lossy two senders, capacity 1, two wraps", 2, || {
        let (mut tx, mut rx) = channel(1);
        let mut other = tx.clone();
        let one = thread::spawn(move || (0..2).for_each(|n| tx.send(pair(n)).unwrap()));
        let two = thread::spawn(move || other.send(pair(100)).unwrap());
        let mut received = recv_some(&mut rx, 2);
        one.join().unwrap();
        two.join().unwrap();
        received.extend(recv_all(&mut rx));
        assert_increasing(&received.iter().copied().filter(|&n| n < 100).collect::<Vec<_>>());
        let stats = rx.stats();
        assert_eq!(stats.sent, 3);
        assert_eq!(rx.received() + rx.lost(), 3);
        assert!(rx.lost() >= stats.dropped);
        assert_eq!(received.len() as u64, rx.received());
    });
}

/// The same with a receiver that sleeps: a position that its sender gave up wakes it, and is stepped over.
#[test]
fn two_senders_and_a_sleeper() {
    model("lossy two senders and a sleeper, capacity 1", 2, || {
        let (mut tx, mut rx) = channel(1);
        let mut other = tx.clone();
        let one = thread::spawn(move || {
            tx.send(pair(0)).unwrap();
            tx
        });
        let two = thread::spawn(move || {
            other.send(pair(100)).unwrap();
            other
        });
        // Both positions, before anybody closes.
        while rx.received() + rx.lost() < 2 {
            match rx.recv() {
                Ok(message) => assert!([0, 100].contains(&untorn(message))),
                Err(error) => assert!(error.lagged().is_some()),
            }
        }
        let (tx, other) = (one.join().unwrap(), two.join().unwrap());
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        drop((tx, other));
    });
}

/// Three senders and one slot: of two that give their messages up, the one of the later position leaves its mark.
#[test]
fn three_senders() {
    model("lossy three senders, capacity 1", 2, || {
        let (mut tx, mut rx) = channel(1);
        let others = [1, 2].map(|n| {
            let mut tx = tx.clone();
            thread::spawn(move || tx.send(pair(n)).unwrap())
        });
        tx.send(pair(0)).unwrap();
        for other in others {
            other.join().unwrap();
        }
        drop(tx);
        let received = recv_all(&mut rx);
        // Nobody read meanwhile: the newest is there, unless it was given up.
        assert!(received.len() <= 1);
        assert_eq!(rx.received() + rx.lost(), 3);
        assert!(rx.lost() >= rx.stats().dropped);
    });
}

/// A receiver that sleeps, or is about to, is woken by a send.
#[test]
fn send_wakes_receivers() {
    model("lossy send wakes receiver", 3, || {
        let (mut tx, mut rx) = channel(1);
        let receiver = thread::spawn(move || rx.recv().map(untorn));
        tx.send(pair(7)).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(7));
    });
    model("lossy send wakes two receivers", 2, || {
        let (mut tx, mut rx) = channel(2);
        let mut clone = rx.clone();
        let receiver = thread::spawn(move || rx.recv().map(untorn));
        let other = thread::spawn(move || clone.recv().map(untorn));
        tx.send(pair(7)).unwrap();
        assert_eq!((receiver.join().unwrap(), other.join().unwrap()), (Ok(7), Ok(7)));
    });
}

/// Closing releases a receiver that sleeps, whoever closes.
#[test]
fn close_wakes_receiver() {
    model("lossy close wakes receiver", 3, || {
        let (tx, mut rx) = channel(1);
        let closer = rx.clone();
        let receiver = thread::spawn(move || rx.recv());
        assert!(closer.close());
        assert_eq!(receiver.join().unwrap(), Err(RecvError::Disconnected));
        drop(tx);
    });
}

/// A close meets sends: what was accepted is received or counted as lost, and nothing else is.
#[test]
fn close_against_sends() {
    model("lossy close against sends", 3, || {
        let (mut tx, mut rx) = channel(2);
        let _open = tx.clone();
        let sender = thread::spawn(move || (0..3).take_while(|&n| tx.send(pair(n)).is_ok()).count() as u64);
        assert!(rx.close());
        let received = recv_all(&mut rx);
        let accepted = sender.join().unwrap();
        assert_increasing(&received);
        assert_eq!((rx.received() + rx.lost(), rx.stats().sent), (accepted, accepted));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// Two closes and a receiver: one of them did it, and the receiver gets to the end of what was sent.
#[test]
fn close_against_close() {
    model("lossy close against close", 3, || {
        let (mut tx, mut rx) = channel(1);
        tx.send(pair(0)).unwrap();
        let closer = rx.clone();
        let other = thread::spawn(move || u32::from(closer.close()));
        let here = u32::from(tx.close());
        assert!(tx.send(pair(1)).is_err());
        assert_eq!(recv_all(&mut rx), [0]);
        assert_eq!(here + other.join().unwrap(), 1);
    });
}

/// Who learns that the channel is closed sees what the closer did before, however he learns it.
#[test]
fn close_synchronises() {
    fn leaves_a_note(mut is_closed: impl FnMut(&mut Receiver<Pair>, &mut Sender<Pair>) -> bool) {
        let (mut tx, mut rx) = channel(1);
        let note = Arc::new(Note::new());
        let closer = tx.clone();
        let leaving = thread::spawn({
            let note = Arc::clone(&note);
            move || {
                note.write(7);
                closer.close();
            }
        });
        while !is_closed(&mut rx, &mut tx) {
            thread::yield_now();
        }
        assert_eq!(note.read(), 7);
        leaving.join().unwrap();
    }
    model("lossy: is_disconnected synchronises", 3, || leaves_a_note(|rx, _| rx.is_disconnected()));
    model("lossy: Disconnected synchronises", 3, || {
        leaves_a_note(|rx, _| rx.try_recv() == Err(TryRecvError::Disconnected));
    });
    model("lossy: a refused send synchronises", 3, || leaves_a_note(|_, tx| tx.send(pair(0)).is_err()));
}

/// Looking at the newest while the ring is written: whole messages, and accounts that balance.
#[test]
fn write_against_latest() {
    model("lossy write against latest", 2, || {
        let (mut tx, mut rx) = channel(2);
        tx.send(pair(0)).unwrap();
        let sender = thread::spawn(move || (1..3).for_each(|n| tx.send(pair(n)).unwrap()));
        let latest = rx.latest().map(untorn);
        sender.join().unwrap();
        let rest = recv_all(&mut rx);
        assert_increasing(&latest.into_iter().chain(rest).collect::<Vec<_>>());
        assert_eq!(rx.received() + rx.lost() + rx.skipped(), 3);
    });
}

/// Looking back while the ring is written.
#[test]
fn write_against_history() {
    model("lossy write against history", 2, || {
        let (mut tx, rx) = channel(2);
        tx.send(pair(0)).unwrap();
        let sender = thread::spawn(move || (1..4).for_each(|n| tx.send(pair(n)).unwrap()));
        let mut history = rx.history();
        let mut found = 0;
        for (position, message) in &mut history {
            // The position is the message's own.
            assert_eq!(position.wrapping_sub(START) << 1, untorn(message) << 1);
            found += 1;
        }
        assert!((1..=2).contains(&(found + history.missed())));
        sender.join().unwrap();
    });
}
