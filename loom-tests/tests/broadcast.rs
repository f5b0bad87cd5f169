//! One sender, receivers that all get everything.

use loom_tests::{Arc, Mint, Note, Token, model, thread};
use ringway::broadcast::{Receiver, Sender, TryRecvError};
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

/// Two receivers each get everything, round the ring; the values are dropped once.
#[test]
fn everybody_gets_everything() {
    for (capacity, messages, preemptions) in [(1, 3, 1), (2, 4, 1)] {
        model(&format!("everybody gets everything, capacity {capacity}"), preemptions, move || {
            let (mut tx, rx) = channel(capacity);
            let other = tx.subscribe().unwrap();
            let reader = thread::spawn(move || numbers(other));
            let sender = thread::spawn(move || (0..messages).for_each(|n| tx.send(n).unwrap()));
            assert!(numbers(rx).into_iter().eq(0..messages));
            assert!(reader.join().unwrap().into_iter().eq(0..messages));
            sender.join().unwrap();
        });
    }
}

/// A value is dropped when its slot is used again, never while somebody looks at it.
#[test]
fn values_are_dropped_once() {
    model("values are dropped once", 3, || {
        let mint = Mint::new();
        let (mut tx, mut rx) = channel::<Token>(1);
        let reader = thread::spawn(move || {
            let mut sum = 0;
            while sum < 3 {
                if rx.drain(1, |token| sum += u32::from(token.is_alive())) == 0 {
                    thread::yield_now();
                }
            }
        });
        for n in 0..3 {
            let token = mint.token(n);
            tx.send(token).unwrap();
        }
        reader.join().unwrap();
        drop(tx);
        assert_eq!(mint.alive(), 0);
    });
}

/// Somebody joins while the sender goes on: from where it joined it gets everything, and nothing is overwritten under it.
#[test]
fn join_against_send() {
    for capacity in [1, 2] {
        model(&format!("join against send, capacity {capacity}"), 3, move || {
            let (mut tx, mut rx) = channel(capacity);
            let subscriber = tx.subscriber();
            let newcomer = thread::spawn(move || match subscriber.subscribe() {
                Ok(rx) => numbers(rx),
                Err(_) => Vec::new(),
            });
            for n in 0..3 {
                tx.send(n).unwrap();
                assert_eq!(rx.drain(1, |seen| assert_eq!(*seen, n)), 1);
            }
            drop(tx);
            let seen = newcomer.join().unwrap();
            assert!(seen.iter().copied().eq(3 - seen.len() as u32..3), "{seen:?}");
        });
    }
}

/// One leaves and another takes its lane while the sender scans: what either was reading is not overwritten meanwhile.
#[test]
fn leave_and_join_on_one_lane() {
    model("leave and join on one lane", 2, || {
        let (mut tx, mut rx) = channel(1);
        let leaver = tx.subscribe().unwrap();
        let subscriber = tx.subscriber();
        let others = thread::spawn(move || {
            let mut leaver = leaver;
            leaver.drain(1, |n| assert_eq!(*n, 0));
            drop(leaver);
            let mut next = subscriber.subscribe().unwrap();
            let mut seen = None;
            next.drain(1, |n| seen = Some(*n));
            seen
        });
        tx.send(0).unwrap();
        rx.drain(1, |n| assert_eq!(*n, 0));
        let sent = tx.try_send(1).is_ok();
        let seen = others.join().unwrap();
        assert!(seen.is_none_or(|n| n == 0 || sent));
    });
}

/// A sender that waits for the slowest is released when that one goes.
#[test]
fn the_slowest_leaves() {
    model("the slowest leaves", 3, || {
        let (mut tx, slow) = channel(1);
        let mut fast = tx.subscribe().unwrap();
        tx.try_send(0).unwrap();
        let sender = thread::spawn(move || tx.send(1).map(|()| tx));
        assert_eq!(fast.recv(), Ok(0));
        drop(slow);
        assert_eq!(fast.recv(), Ok(1));
        drop(sender.join().unwrap().unwrap());
        assert_eq!(fast.try_recv(), Err(TryRecvError::Disconnected));
    });
}

/// The last receiver goes while the sender waits for room: the message comes back.
#[test]
fn the_last_leaves() {
    model("the last leaves", 3, || {
        let (mut tx, rx) = channel(1);
        tx.try_send(0).unwrap();
        let sender = thread::spawn(move || tx.send(1).is_err());
        drop(rx);
        assert!(sender.join().unwrap());
    });
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

/// Closing releases receivers that sleep; what was sent before is read.
#[test]
fn close_wakes_receivers() {
    model("close wakes receivers", 2, || {
        let (mut tx, rx) = channel(1);
        let other = tx.subscribe().unwrap();
        let reader = thread::spawn(move || numbers(other));
        tx.try_send(7).unwrap();
        drop(tx);
        assert_eq!(numbers(rx), [7]);
        assert_eq!(reader.join().unwrap(), [7]);
    });
}
