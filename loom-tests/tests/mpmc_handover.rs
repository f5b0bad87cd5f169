//! Receivers that compete, when one leaves what it has claimed to another, and when somebody looks too late.

use loom_tests::{Mint, model, thread};
use ringway::mpmc::{Receiver, Sender};
use ringway::{Builder, Wait};

fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    Builder::new(capacity).wait(Wait::park()).mpmc().expect("a valid channel")
}

/// A channel of two messages, which a receiver that has gone had claimed in one batch.
fn left_behind() -> (Sender<u32>, Receiver<u32>) {
    let (mut tx, rx) = channel(2);
    assert_eq!(tx.try_send_iter(&mut (0..2)), Ok(2));
    let mut leaver = rx.clone();
    assert_eq!(leaver.try_batch(2).map(|batch| batch.len()), Ok(2));
    (tx, rx)
}

/// What a receiver gets in two batches.
fn take_two(rx: &mut Receiver<u32>) -> Vec<u32> {
    let mut numbers = Vec::new();
    rx.drain(2, |n| numbers.push(n));
    rx.drain(2, |n| numbers.push(n));
    numbers
}

/// A run that was left is taken over by one, also when he is done with it before another who has seen it tries.
#[test]
fn a_run_is_taken_over_once() {
    model("a run is taken over once", 3, || {
        let (tx, mut rx) = left_behind();
        let mut other = rx.clone();
        let receiver = thread::spawn(move || (take_two(&mut other), other));
        let mut numbers = take_two(&mut rx);
        let (theirs, _other) = receiver.join().unwrap();
        numbers.extend(theirs);
        assert_eq!(numbers, [0, 1]);
        assert_eq!((tx.stats().received, tx.len()), (2, 0));
    });
}

/// A run that was taken over is passed by senders only when its new owner has settled it: his last store must not hide what
/// is settled there in the next lap.
#[test]
fn what_was_taken_over_is_settled_before_it_is_passed() {
    model("what was taken over is settled before it is passed", 3, || {
        let (mut tx, mut rx) = left_behind();
        let mut other = rx.clone();
        let sender = thread::spawn(move || {
            let sent = tx.try_send(2).is_ok();
            if sent {
                // What was left has been taken over.
                assert_eq!(other.try_recv(), Ok(2));
            }
            (sent, tx, other)
        });
        assert_eq!(rx.drain(2, drop), 2);
        let (sent, tx, _other) = sender.join().unwrap();
        assert_eq!((tx.stats().received, tx.len()), (2 + u64::from(sent), 0));
    });
}

/// Who looks for what was left may look at a position of the lap before: what is left there meanwhile is taken over once.
#[test]
fn what_is_left_in_the_next_lap_is_taken_over_once() {
    model("what is left in the next lap is taken over once", 2, || {
        let (mut tx, mut rx) = channel(4);
        let mut leaver = rx.clone();
        assert_eq!(tx.try_send_iter(&mut (0..4)), Ok(4));
        assert_eq!(leaver.try_batch(1).map(|batch| batch.len()), Ok(1));
        // At 1 begins a run of two.
        assert_eq!((rx.drain(2, drop), rx.drain(1, drop)), (2, 1));
        drop(leaver);
        // Takes 0, unless the other is faster; then the ring comes round, and at 5 begins what is left.
        let mut other = rx.clone();
        let receiver = thread::spawn(move || {
            let mut numbers: Vec<_> = other.try_recv().into_iter().collect();
            let sent = tx.try_send_iter(&mut (4..8)).unwrap();
            if sent == 4 {
                other.drain(1, |n| numbers.push(n));
                let mut leaver = other.clone();
                let _ = leaver.try_batch(2).map(|batch| batch.len());
            }
            (numbers, sent as u32, tx, other)
        });
        // Looks for 0.
        let mut numbers = take_two(&mut rx);
        let (theirs, sent, tx, _other) = receiver.join().unwrap();
        numbers.extend(theirs);
        numbers.extend(take_two(&mut rx));
        numbers.sort_unstable();
        assert!(numbers.iter().copied().eq([0].into_iter().chain(4..4 + sent)), "{numbers:?}");
        assert_eq!(tx.len(), 0);
    });
}

/// Somebody who only looks moves the word for all, but not as far as others have seen: nobody sleeps because of it.
#[test]
fn a_look_from_outside_hides_no_end() {
    model("a look from outside hides no end", 3, || {
        let (mut tx, mut rx) = channel::<u32>(2);
        let (mut one, mut two) = (rx.clone(), rx.clone());
        assert_eq!(tx.try_send_iter(&mut (0..2)), Ok(2));
        drop(tx);
        // Taken, and given back when the receiver goes.
        for receiver in [&mut one, &mut two] {
            let mut batch = receiver.try_batch(1).unwrap();
            assert!(batch.next().is_some());
            std::mem::forget(batch);
        }
        let looker = rx.clone();
        let looker = thread::spawn(move || {
            drop(one);
            (looker.len(), looker)
        });
        let last = thread::spawn(move || drop(two));
        assert!(rx.recv().is_err());
        last.join().unwrap();
        drop(looker.join().unwrap());
    });
}

/// The same for a sender: all that was free during the whole call is there to be reserved.
#[test]
fn a_look_from_outside_hides_no_room() {
    model("a look from outside hides no room", 3, || {
        let (mut tx, mut rx) = channel::<u32>(2);
        let other = rx.clone();
        assert_eq!(tx.try_send_iter(&mut (0..2)), Ok(2));
        assert_eq!(rx.try_recv(), Ok(0));
        let looker = thread::spawn(move || (other.len(), other));
        assert_eq!(rx.try_recv(), Ok(1));
        tx.try_reserve(2).unwrap().commit();
        drop(looker.join().unwrap());
    });
}

/// Who was not fast enough to move the word goes by what the faster one has seen: he may use those slots.
#[test]
fn a_look_that_came_too_late_is_a_look_all_the_same() {
    model("a look that came too late is a look all the same", 3, || {
        let mint = Mint::new();
        let (mut tx, mut rx) = channel(2);
        let mut other = rx.clone();
        assert_eq!(tx.try_send_iter(&mut [0, 1].map(|n| mint.token(n)).into_iter()), Ok(2));
        assert_eq!(rx.recv().unwrap().number, 0);
        let receiver = thread::spawn(move || {
            assert_eq!(other.recv().unwrap().number, 1);
            (other.len(), other)
        });
        if let Ok(mut slots) = tx.try_reserve(2) {
            slots.push(mint.token(2)).unwrap();
            slots.push(mint.token(3)).unwrap();
            slots.commit();
        }
        drop(receiver.join().unwrap());
        drop((tx, rx));
        assert_eq!(mint.alive(), 0);
    });
}

/// Who looks where the head was, and finds that the ring has come round there, looks again. Both ways round: loom seeks races from
/// the last access to a word, and whoever receives and sends here would hide the look before.
#[test]
fn who_looks_too_late_looks_again() {
    // One message at least is there all the time.
    let looks = |mut rx: Receiver<u32>| assert!(rx.try_recv().is_ok());
    let busy = |mut tx: Sender<u32>, mut rx: Receiver<u32>| {
        assert!(rx.try_recv().is_ok());
        (tx.try_send(2).is_ok(), rx, tx)
    };
    let full = || {
        let (mut tx, rx) = channel::<u32>(2);
        assert_eq!(tx.try_send_iter(&mut (0..2)), Ok(2));
        let other = rx.clone();
        (tx, rx, other)
    };
    model("who looks too late looks again", 2, move || {
        let (tx, rx, other) = full();
        let busy = thread::spawn(move || busy(tx, other));
        looks(rx);
        drop(busy.join().unwrap());
    });
    model("who looks too late looks again, the other way round", 3, move || {
        let (tx, rx, other) = full();
        let looks = thread::spawn(move || looks(rx));
        let others = busy(tx, other);
        looks.join().unwrap();
        drop(others);
    });
}

/// Somebody else has seen that a slot is free: who finds it so by his word alone may use it.
#[test]
fn what_others_saw_free_may_be_used() {
    model("what others saw free may be used", 3, || {
        let mint = Mint::new();
        let (mut tx, mut rx) = channel(1);
        tx.try_send(mint.token(0)).unwrap();
        let token = mint.token(1);
        let sender = thread::spawn(move || {
            // Refused or not, it is dropped once.
            let _ = tx.try_send(token);
            tx
        });
        assert_eq!(rx.try_recv().unwrap().number, 0);
        assert!(rx.len() <= 1);
        drop((sender.join().unwrap(), rx));
        assert_eq!(mint.alive(), 0);
    });
}

/// A run is left, taken over, worked on, and left again: who had seen it left before takes it after that work.
#[test]
fn a_run_is_left_twice() {
    model("a run is left twice", 3, || {
        let (tx, mut rx) = left_behind();
        let mut other = rx.clone();
        let work = |rx: &mut Receiver<u32>| rx.try_batch(2).map_or(0, |mut batch| batch.as_mut_slices().0.len());
        let leaver = thread::spawn(move || work(&mut other));
        let seen = work(&mut rx);
        // Whoever took it had all of it.
        assert!([seen, leaver.join().unwrap()].iter().all(|seen| [0, 2].contains(seen)));
        assert_eq!((rx.drain(2, drop), tx.len()), (2, 0));
    });
}

/// Who was not fast enough at one run goes on in the middle of the next, which somebody else has split: he finds the rest of it.
#[test]
fn who_was_too_slow_finds_the_middle_of_a_run() {
    model("who was too slow finds the middle of a run", 3, || {
        let (mut tx, mut rx) = channel::<u32>(4);
        let mut other = rx.clone();
        tx.try_send(0).unwrap();
        assert_eq!(tx.try_send_iter(&mut (1..4)), Ok(3));
        let receiver = thread::spawn(move || {
            assert!(other.try_recv().is_ok() && other.try_recv().is_ok());
            other
        });
        // Two messages at least are there all the time.
        assert!(rx.try_recv().is_ok());
        drop(receiver.join().unwrap());
    });
}

/// A ring of four whose first half was taken in one batch: that is one free run, and so is the rest later.
fn half_free() -> (Sender<u32>, Receiver<u32>) {
    let (mut tx, mut rx) = channel(4);
    assert_eq!(tx.try_send_iter(&mut (0..4)), Ok(4));
    assert_eq!(rx.drain(2, drop), 2);
    (tx, rx)
}

/// Nobody finds the ring full while the rest of a free run is there: the middle of it is known to who finds the tail there.
#[test]
fn v05_the_middle_of_a_free_run_is_room() {
    model("the middle of a free run is room", 3, || {
        let (mut tx, mut rx) = half_free();
        let mut other = tx.clone();
        let sender = thread::spawn(move || (other.try_send(4).is_ok(), other));
        assert!(tx.try_send(5).is_ok());
        assert!(sender.join().unwrap().0);
        assert_eq!(rx.drain(4, drop), 4);
    });
}

/// A look that ended in a refusal is no claim: who sends one message then tells the others of the rest of the run.
#[test]
fn v05_a_refused_look_hides_no_room() {
    model("a refused look hides no room", 2, || {
        let (mut tx, mut rx) = half_free();
        let mut other = tx.clone();
        assert!(tx.try_reserve(3).is_err());
        let sender = thread::spawn(move || (other.try_send(4).is_ok(), other));
        assert!(tx.try_send(5).is_ok());
        assert!(sender.join().unwrap().0);
        assert_eq!(rx.drain(4, drop), 4);
    });
}

/// A sender that looks where the tail was, and finds that the ring has come round there, looks again, and writes no slot that is
/// somebody else's.
#[test]
fn a_sender_that_looks_too_late_looks_again() {
    model("a sender that looks too late looks again", 3, || {
        let mint = Mint::new();
        let (mut tx, mut rx) = channel(2);
        assert_eq!(tx.try_send_iter(&mut [0, 1].map(|n| mint.token(n)).into_iter()), Ok(2));
        assert_eq!(rx.drain(2, drop), 2);
        let (mut late, token) = (tx.clone(), mint.token(2));
        // Refused or not, it is dropped once.
        let sender = thread::spawn(move || (late.try_send(token).is_ok(), late));
        let (mut sent, mut received) = (0, 0);
        for n in [3, 5] {
            sent += tx.try_send_iter(&mut [n, n + 1].map(|n| mint.token(n)).into_iter()).unwrap();
            received += rx.drain(2, drop);
        }
        let (late, _late) = sender.join().unwrap();
        received += rx.drain(2, drop);
        assert_eq!(received, sent + usize::from(late));
        drop((tx, rx));
        assert_eq!(mint.alive(), 0);
    });
}
