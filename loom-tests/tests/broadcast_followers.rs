//! Receivers of a broadcast that run after others.

use loom_tests::{Arc, Note, model, thread};
use ringway::broadcast::{Receiver, Sender};
use ringway::{Builder, Wait};

fn channel_at<T: Send + Sync>(capacity: usize, start: u64) -> (Sender<T>, Receiver<T>) {
    Builder::new(capacity).start_at(start).wait(Wait::park()).broadcast().expect("a valid channel")
}

fn channel<T: Send + Sync>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    channel_at(capacity, (1 << 63) - 1)
}

fn numbers(mut rx: Receiver<u32>) -> Vec<u32> {
    rx.iter().collect()
}

/// A follower gets a message when the one before it has released it, sees what that one did, and is woken by it.
#[test]
fn a_follower_sees_what_was_done() {
    model("a follower sees what was done", 1, || {
        let notes = Arc::new([Note::new(), Note::new()]);
        let (mut tx, mut first) = channel(1);
        let mut follower = tx.subscribe_after(&[&first]).unwrap();
        let done = Arc::clone(&notes);
        let stage = thread::spawn(move || {
            while let Ok(n) = first.recv_with(|n: &usize| {
                done[*n].write(7);
                *n
            }) {
                assert!(n < 2);
            }
        });
        let last = thread::spawn(move || {
            let mut seen = 0;
            while let Ok(()) = follower.recv_with(|n| assert_eq!(notes[*n].read(), 7)) {
                seen += 1;
            }
            seen
        });
        tx.send(0).unwrap();
        tx.send(1).unwrap();
        drop(tx);
        stage.join().unwrap();
        assert_eq!(last.join().unwrap(), 2);
    });
}

/// The one before it goes: the follower waits no longer.
#[test]
fn a_follower_alone() {
    model("a follower alone", 3, || {
        let (mut tx, first) = channel(1);
        let mut follower = tx.subscribe_after(&[&first]).unwrap();
        tx.try_send(7).unwrap();
        let last = thread::spawn(move || follower.recv());
        drop(first);
        assert_eq!(last.join().unwrap(), Ok(7));
    });
}

/// The same where the one who has left is still followed: the last of its followers gives the lane away. (Four threads: a fence
/// that follows a step cannot be parted from it here, so whoever did two of these things would hide what is missing.)
#[test]
fn a_followed_lane_changes_hands() {
    model("a followed lane changes hands", 3, || {
        let (mut tx, mut rx) = channel(1);
        let mut looker = tx.subscribe().unwrap();
        let follower = tx.subscribe_after(&[&looker]).unwrap();
        let subscriber = tx.subscriber();
        tx.try_send(0).unwrap();
        assert_eq!(rx.drain(1, |_| ()), 1);
        let others = [
            thread::spawn(move || drop(follower)),
            thread::spawn(move || assert_eq!(looker.try_batch(1).unwrap().as_slices().0, [0])),
            thread::spawn(move || drop(subscriber.subscribe())),
        ];
        let _ = tx.try_send(1);
        others.into_iter().for_each(|other| other.join().unwrap());
    });
}

/// The one before it goes without having released anything: the follower sees what it did all the same.
#[test]
fn a_follower_sees_what_one_that_left_did() {
    model("a follower sees what one that left did", 3, || {
        let note = Arc::new(Note::new());
        let (mut tx, mut first) = channel(1);
        let mut follower = tx.subscribe_after(&[&first]).unwrap();
        tx.try_send(7).unwrap();
        let stage = thread::spawn({
            let note = Arc::clone(&note);
            move || note.write(first.try_batch(1).unwrap().as_slices().0[0])
        });
        while follower.drain(1, |n| assert_eq!(*n, note.read())) == 0 {
            thread::yield_now();
        }
        stage.join().unwrap();
    });
}

/// The one before it releases, and sleeps no more: the follower sees what it did, whether it was woken or looked by itself.
#[test]
fn a_follower_looks_by_itself() {
    model("a follower looks by itself", 3, || {
        let note = Arc::new(Note::new());
        let (mut tx, mut first) = channel(2);
        let mut follower = tx.subscribe_after(&[&first]).unwrap();
        tx.try_send(7).unwrap();
        let stage = thread::spawn({
            let note = Arc::clone(&note);
            move || {
                first.drain(1, |n| note.write(*n));
                first
            }
        });
        while follower.drain(1, |n| assert_eq!(*n, note.read())) == 0 {
            thread::yield_now();
        }
        stage.join().unwrap();
    });
}

/// One follower has left: the other is still woken by a release.
#[test]
fn one_follower_of_two_stays() {
    model("one follower of two stays", 3, || {
        let (mut tx, mut first) = channel(1);
        let other = tx.subscribe_after(&[&first]).unwrap();
        let mut follower = tx.subscribe_after(&[&first]).unwrap();
        drop(other);
        tx.try_send(7).unwrap();
        let last = thread::spawn(move || follower.recv());
        assert_eq!(first.drain(1, |_| ()), 1);
        assert_eq!(last.join().unwrap(), Ok(7));
    });
}

/// Another sleeps too, for whom there is nothing: the follower is woken all the same when the one before it releases, or goes.
#[test]
fn the_follower_is_woken_beside_others() {
    for goes in [false, true] {
        model(
            &format!("the follower is woken beside others, {}", ["release", "leave"][usize::from(goes)]),
            2,
            move || {
                let (mut tx, mut first) = channel(1);
                let mut other = tx.subscribe().unwrap();
                let mut follower = tx.subscribe_after(&[&first]).unwrap();
                tx.try_send(7).unwrap();
                assert_eq!(other.drain(1, |_| ()), 1);
                let other = thread::spawn(move || numbers(other));
                let follower = thread::spawn(move || (follower.recv(), follower));
                assert_eq!(first.drain(usize::from(!goes), |_| ()), usize::from(!goes));
                let first = Some(first).filter(|_| !goes);
                assert_eq!(follower.join().unwrap().0, Ok(7));
                drop((tx, first));
                assert_eq!(other.join().unwrap(), []);
            },
        );
    }
}

/// A send races the closing: a follower ends although the one before it has been told that all is over, and stays.
#[test]
fn a_follower_ends_too() {
    model("a follower ends too", 3, || {
        let (mut tx, mut first) = channel(2);
        let follower = tx.subscribe_after(&[&first]).unwrap();
        let last = thread::spawn(move || numbers(follower).len());
        let sender = thread::spawn(move || {
            let sent = tx.try_send(7).is_ok();
            (tx, sent)
        });
        first.close();
        let seen = first.iter().count();
        assert!(last.join().unwrap() <= 1);
        assert!(seen <= usize::from(sender.join().unwrap().1));
    });
}

/// The one before it goes, and somebody comes: the follower does not wait for who has come.
#[test]
fn a_follower_follows_no_stranger() {
    model("a follower follows no stranger", 3, || {
        let (mut tx, first) = channel(1);
        let mut follower = tx.subscribe_after(&[&first]).unwrap();
        let leaving = thread::spawn(move || drop(first));
        let _stranger = tx.subscribe().unwrap();
        tx.try_send(7).unwrap();
        assert_eq!(follower.recv(), Ok(7));
        leaving.join().unwrap();
    });
}
