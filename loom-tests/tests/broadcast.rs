//! One sender, receivers that all get everything.

use loom_tests::{Arc, Mint, Note, Token, model, thread};
use ringway::broadcast::{Receiver, RecvError, Sender, TryRecvError};
use ringway::{Builder, Event, TrySendError, Wait};

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
fn f24_join_against_send() {
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
fn x07_the_slowest_leaves() {
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
fn v09_the_last_leaves() {
    model("the last leaves", 3, || {
        let (mut tx, rx) = channel(1);
        tx.try_send(0).unwrap();
        let sender = thread::spawn(move || tx.send(1).is_err());
        drop(rx);
        assert!(sender.join().unwrap());
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

/// One only looks and leaves: that alone keeps the sender from overwriting what it looked at.
#[test]
fn leave_after_a_look() {
    model("leave after a look", 3, || {
        let (mut tx, mut rx) = channel(1);
        let mut looker = tx.subscribe().unwrap();
        tx.try_send(0).unwrap();
        assert_eq!(rx.drain(1, |n| assert_eq!(*n, 0)), 1);
        let leaving = thread::spawn(move || assert_eq!(looker.try_batch(1).unwrap().as_slices().0, [0]));
        let _ = tx.try_send(1);
        leaving.join().unwrap();
    });
}

/// One looks and leaves, another thread takes the lane, the sender sees the bit of the one with the cursor of the other.
#[test]
fn a_lane_changes_hands() {
    model("a lane changes hands", 3, || {
        let (mut tx, mut rx) = channel(1);
        let mut looker = tx.subscribe().unwrap();
        let subscriber = tx.subscriber();
        tx.try_send(0).unwrap();
        assert_eq!(rx.drain(1, |_| ()), 1);
        let leaving = thread::spawn(move || assert_eq!(looker.try_batch(1).unwrap().as_slices().0, [0]));
        let joining = thread::spawn(move || drop(subscriber.subscribe().unwrap()));
        let _ = tx.try_send(1);
        leaving.join().unwrap();
        joining.join().unwrap();
    });
}

/// Whoever takes the lane of one that leaves is not left unguarded by that one's leaving.
#[test]
fn a_newcomer_keeps_its_lane() {
    model("a newcomer keeps its lane", 3, || {
        let (mut tx, mut rx) = channel(1);
        let leaver = tx.subscribe().unwrap();
        let subscriber = tx.subscriber();
        let leaving = thread::spawn(move || drop(leaver));
        let joining = thread::spawn(move || {
            let mut rx = subscriber.subscribe().unwrap();
            let mut seen = Vec::new();
            while let Ok(1..) = rx.try_batch(1).map(|batch| batch.len()) {
                rx.drain(1, |n| seen.push(*n));
            }
            seen
        });
        let mut sent = 0;
        for n in 0..2 {
            if tx.try_send(n).is_ok() {
                sent += 1;
                assert_eq!(rx.drain(1, |seen| assert_eq!(*seen, n)), 1);
            }
        }
        leaving.join().unwrap();
        let seen = joining.join().unwrap();
        assert!(seen.iter().zip(&seen[1.min(seen.len())..]).all(|(n, next)| n + 1 == *next), "{seen:?}");
        assert!(seen.last().is_none_or(|last| *last < sent));
    });
}

/// All have left, and another comes while the sender sends: what is sent into the void is dropped once, like the rest.
#[test]
fn nobody_for_a_while() {
    model("nobody for a while", 3, || {
        let mint = Mint::new();
        let (mut tx, mut rx) = channel::<Token>(1);
        let subscriber = tx.subscriber();
        tx.try_send(mint.token(0)).unwrap();
        let other = thread::spawn(move || {
            assert!(rx.try_batch(1).unwrap().as_slices().0[0].is_alive());
            drop(rx);
            let mut rx = subscriber.subscribe().unwrap();
            let mut seen = Vec::new();
            rx.drain(1, |token| seen.push(token.number));
            seen
        });
        let sent: Vec<_> = (1..3).filter(|n| tx.try_send(mint.token(*n)).is_ok()).collect();
        let seen = other.join().unwrap();
        assert!(seen.iter().all(|n| sent.contains(n)), "{seen:?} of {sent:?}");
        drop(tx);
        assert_eq!(mint.alive(), 0);
    });
}

/// Two sleep; what one message, one release, one that goes, or the end does is of use to both.
#[test]
fn both_are_woken() {
    // Gives back what is not to go yet.
    type Wake = fn(Sender<u32>, Receiver<u32>) -> (Option<Sender<u32>>, Option<Receiver<u32>>);
    let wakes: [(&str, bool, Wake); 4] = [
        ("a message", false, |mut tx, rx| {
            tx.try_send(7).unwrap();
            (Some(tx), Some(rx))
        }),
        ("a release", true, |tx, mut rx| {
            assert_eq!(rx.drain(1, |_| ()), 1);
            (Some(tx), Some(rx))
        }),
        ("one that goes", true, |tx, _| (Some(tx), None)),
        ("the end", false, |_, rx| (None, Some(rx))),
    ];
    for (name, follow, wake) in wakes {
        model(&format!("both are woken by {name}"), 2, move || {
            let (mut tx, rx) = channel(1);
            let before = [&rx];
            let readers = [0, 1].map(|_| tx.subscribe_after(&before[..usize::from(follow)]).unwrap());
            if follow {
                tx.try_send(7).unwrap();
            }
            // Neither goes before both are awake: that would wake the other.
            let readers = readers.map(|mut rx| thread::spawn(move || (rx.recv(), rx)));
            let _others = wake(tx, rx);
            let readers = readers.map(|reader| reader.join().unwrap());
            let expected = if name == "the end" { Err(RecvError::Disconnected) } else { Ok(7) };
            readers.iter().for_each(|(received, _)| assert_eq!(*received, expected));
        });
    }
}

/// A receiver closes: a sender that waits for room gets its message back.
#[test]
fn close_wakes_the_sender() {
    model("close wakes the sender", 3, || {
        let (mut tx, rx) = channel(1);
        tx.try_send(0).unwrap();
        let sender = thread::spawn(move || tx.send(1).is_err());
        assert!(rx.close());
        assert!(sender.join().unwrap());
    });
}

/// Who learns that the channel is closed sees what the closer did before, however he learns it.
#[test]
fn the_closer_leaves_a_note() {
    type Learn = fn(&mut Sender<u32>, &mut Receiver<u32>) -> bool;
    let ways: [(&str, Learn); 4] = [
        ("asking", |tx, _| tx.is_disconnected()),
        ("sending", |tx, _| matches!(tx.try_send(1), Err(TrySendError::Disconnected(_)))),
        ("receiving", |_, rx| rx.try_recv() == Err(TryRecvError::Disconnected)),
        ("closing too", |tx, _| !tx.close()),
    ];
    for (name, learn) in ways {
        model(&format!("the closer leaves a note, learnt by {name}"), 3, move || {
            let note = Arc::new(Note::new());
            let (mut tx, mut rx) = channel(1);
            let other = tx.subscribe().unwrap();
            let leaving = thread::spawn({
                let note = Arc::clone(&note);
                move || {
                    note.write(7);
                    other.close()
                }
            });
            let mut learnt = learn(&mut tx, &mut rx);
            while !learnt && name != "closing too" {
                thread::yield_now();
                learnt = learn(&mut tx, &mut rx);
            }
            if learnt {
                assert_eq!(note.read(), 7);
            }
            assert_eq!(leaving.join().unwrap(), learnt, "one of the two closed it");
        });
    }
}

/// A receiver's event is exchanged while another sleeps on the old one: the message wakes both.
#[test]
fn the_event_moves_while_another_sleeps() {
    model("the event moves while another sleeps", 2, || {
        let (mut tx, mut rx) = channel(1);
        let mut other = tx.subscribe().unwrap();
        let sleeper = thread::spawn(move || other.recv());
        let mover = thread::spawn(move || {
            let event = Event::new();
            assert!(rx.set_event(&event));
            assert!(event.wait_until(None, || !rx.is_empty()));
            rx.try_recv()
        });
        tx.try_send(7).unwrap();
        assert_eq!((sleeper.join().unwrap(), mover.join().unwrap()), (Ok(7), Ok(7)));
    });
}

/// The last receiver goes: the sender that is refused sees what it did.
#[test]
fn the_last_leaves_a_note() {
    model("the last leaves a note", 3, || {
        let note = Arc::new(Note::new());
        let (mut tx, rx) = channel::<u32>(1);
        tx.try_send(0).unwrap();
        let leaving = thread::spawn({
            let note = Arc::clone(&note);
            move || {
                note.write(7);
                drop(rx);
            }
        });
        if matches!(tx.try_send(1), Err(TrySendError::Disconnected(_))) {
            assert_eq!(note.read(), 7);
        }
        leaving.join().unwrap();
    });
}

/// What was sent stays sent, while somebody joins.
#[test]
fn what_was_sent_stays_sent() {
    model("what was sent stays sent", 3, || {
        let (mut tx, mut rx) = channel(1);
        let subscriber = tx.subscriber();
        let joining = thread::spawn(move || subscriber.subscribe().unwrap());
        let mut sent = 0;
        for n in 0..2 {
            sent += u64::from(tx.try_send(n).is_ok());
            rx.drain(1, |_| ());
        }
        assert_eq!(tx.stats().sent, sent);
        drop(joining.join().unwrap());
    });
}

/// Somebody takes the lane of one that was far behind: the sender, to whom everybody has given everything back, finds room.
#[test]
fn a_newcomer_is_not_taken_for_the_one_before() {
    model("a newcomer is not taken for the one before", 3, || {
        let (mut tx, mut rx) = channel(1);
        let slow = tx.subscribe().unwrap();
        let subscriber = tx.subscriber();
        tx.try_send(0).unwrap();
        assert_eq!(rx.drain(1, |_| ()), 1);
        drop(slow);
        let joining = thread::spawn(move || subscriber.subscribe().unwrap());
        assert!(tx.try_send(1).is_ok());
        drop(joining.join().unwrap());
    });
}
