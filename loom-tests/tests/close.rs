//! Who learns that a channel is closed sees what the closer did before, however he learns it.

use loom_tests::{Arc, Note, model, thread};
use ringway::{TryRecvError, TrySendError, mpsc, spsc};

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
}
