//! Who learns that a channel is closed sees what the closer did before, however he learns it.

use loom_tests::{Arc, Note, model, thread};
use ringway::{TryRecvError, TrySendError, broadcast, mpmc, mpsc, spsc};

/// The closer notes something and leaves; the other asks until he is told, and reads the note.
fn leaves_a_note<C: Send + 'static>(closer: C, mut is_closed: impl FnMut() -> bool) {
    let note = Arc::new(Note::new());
    let leaving = thread::spawn({
        let note = Arc::clone(&note);
        move || {
            note.write(7);
            drop(closer);
        }
    });
    while !is_closed() {
        thread::yield_now();
    }
    assert_eq!(note.read(), 7);
    leaving.join().unwrap();
}

#[test]
fn s09_asking_whether_it_is_closed() {
    model("spsc: is_disconnected synchronises", 3, || {
        let (tx, rx) = spsc::channel::<u32>(1);
        leaves_a_note(tx, move || rx.is_disconnected());
    });
    model("mpsc: is_disconnected synchronises", 3, || {
        let (tx, rx) = mpsc::channel::<u32>(1);
        leaves_a_note(tx, move || rx.is_disconnected());
    });
    model("mpmc: is_disconnected synchronises", 3, || {
        let (tx, rx) = mpmc::channel::<u32>(1);
        leaves_a_note(tx, move || rx.is_disconnected());
    });
}

#[test]
fn receiving_nothing_any_more() {
    model("spsc: Disconnected synchronises the receiver", 3, || {
        let (tx, mut rx) = spsc::channel::<u32>(1);
        leaves_a_note(tx, move || rx.try_recv() == Err(TryRecvError::Disconnected));
    });
    model("mpsc: Disconnected synchronises the receiver", 3, || {
        let (tx, mut rx) = mpsc::channel::<u32>(1);
        leaves_a_note(tx, move || rx.try_recv() == Err(TryRecvError::Disconnected));
    });
    model("mpmc: Disconnected synchronises the receiver", 3, || {
        let (tx, mut rx) = mpmc::channel::<u32>(1);
        leaves_a_note(tx, move || rx.try_recv() == Err(TryRecvError::Disconnected));
    });
}

#[test]
fn being_refused() {
    model("spsc: Disconnected synchronises the sender", 3, || {
        let (mut tx, rx) = spsc::channel::<u32>(1);
        tx.try_send(0).unwrap();
        leaves_a_note(rx, move || matches!(tx.try_send(1), Err(TrySendError::Disconnected(1))));
    });
    model("mpsc: Disconnected synchronises the sender", 3, || {
        let (mut tx, rx) = mpsc::channel::<u32>(1);
        tx.try_send(0).unwrap();
        leaves_a_note(rx, move || matches!(tx.try_send(1), Err(TrySendError::Disconnected(1))));
    });
}

/// Refused in the middle of a claim: there was room, and the seal came before the claim.
#[test]
fn being_refused_on_the_way() {
    model("mpsc: a claim that meets the seal synchronises", 3, || {
        let (mut tx, rx) = mpsc::channel::<u32>(1);
        let note = Arc::new(Note::new());
        let closing = thread::spawn({
            let note = Arc::clone(&note);
            move || {
                note.write(7);
                rx.close();
                rx
            }
        });
        if tx.try_send(1).is_err() {
            assert_eq!(note.read(), 7);
        }
        drop(closing.join().unwrap());
    });
}

/// The last of several senders closes on behalf of all.
#[test]
fn the_last_sender_passes_the_notes_on() {
    model("mpsc: the last sender passes the notes on", 3, || {
        let (tx, rx) = mpsc::channel::<u32>(1);
        let other = tx.clone();
        let last = thread::spawn(move || drop(other));
        leaves_a_note(tx, move || rx.is_disconnected());
        last.join().unwrap();
    });
    model("lossy: the last sender passes the notes on", 3, || {
        let (tx, rx) = broadcast::lossy::channel::<u32>(1);
        let other = tx.clone();
        let last = thread::spawn(move || drop(other));
        leaves_a_note(tx, move || rx.is_disconnected());
        last.join().unwrap();
    });
}

/// Of two who close, the one that was not the first sees what the first did.
#[test]
fn closing_too() {
    fn one_is_first(theirs: impl FnOnce() -> bool + Send + 'static, mine: impl FnOnce() -> bool) {
        let note = Arc::new(Note::new());
        let closing = thread::spawn({
            let note = Arc::clone(&note);
            move || {
                note.write(7);
                theirs()
            }
        });
        let first = mine();
        if !first {
            assert_eq!(note.read(), 7);
        }
        assert_eq!(closing.join().unwrap(), !first);
    }
    model("spsc: a second close synchronises", 3, || {
        let (tx, rx) = spsc::channel::<u32>(1);
        one_is_first(move || tx.close(), || rx.close());
    });
    model("mpsc: a second close synchronises", 3, || {
        let (tx, rx) = mpsc::channel::<u32>(1);
        one_is_first(move || tx.close(), || rx.close());
    });
    model("lossy: a second close synchronises", 3, || {
        let (tx, rx) = broadcast::lossy::channel::<u32>(1);
        one_is_first(move || tx.close(), || rx.close());
    });
}

/// Both sides close at the same time: one of them is told that it did.
#[test]
fn x15_one_of_two_closes() {
    fn race(name: &str, ends: impl Fn() -> [Box<dyn FnOnce() -> bool + Send>; 2] + Send + Sync + 'static) {
        model(name, 3, move || {
            let [one, two] = ends();
            let one = thread::spawn(one);
            let two = two();
            assert!(one.join().unwrap() != two);
        });
    }
    race("spsc: one of two closes", || {
        let (tx, rx) = spsc::channel::<u32>(1);
        [Box::new(move || tx.close()), Box::new(move || rx.close())]
    });
    race("mpsc: one of two closes", || {
        let (tx, rx) = mpsc::channel::<u32>(1);
        [Box::new(move || tx.close()), Box::new(move || rx.close())]
    });
    race("mpmc: one of two closes", || {
        let (tx, rx) = mpmc::channel::<u32>(1);
        [Box::new(move || tx.close()), Box::new(move || rx.close())]
    });
    race("broadcast: one of two closes", || {
        let (tx, rx) = broadcast::channel::<u32>(1);
        [Box::new(move || tx.close()), Box::new(move || rx.close())]
    });
}
