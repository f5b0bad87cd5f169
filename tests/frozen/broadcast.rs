//! The sender of a broadcast is frozen, or one of its receivers, or somebody who joins and leaves.

use super::common::Random;
use super::common::rig::{Watch, scale};
use super::freeze::{Freezer, Victim};
use super::{Message, Stop, Told, VICTIM, a_moment, builder};
use ringway::broadcast::{Receiver, Sender, TryRecvError};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc;
use std::thread;

const FREEZES: usize = 40;

fn channel(random: &mut Random) -> (Sender<Message>, Receiver<Message>) {
    let capacity = [2, 8][random.below(2)];
    builder(capacity, random).broadcast().expect("a valid channel")
}

/// Reads what is there, in two ways: numbers without a gap. How many there were.
fn read(rx: &mut Receiver<Message>, next: &mut u64, max: usize) -> usize {
    let mut see = |message: &Message| {
        assert_eq!(message.read().1, *next);
        *next += 1;
    };
    match rx.try_batch(max) {
        Ok(mut batch) if max.is_multiple_of(2) => {
            batch.iter().for_each(see);
            let read = batch.len();
            batch.commit_all();
            read
        }
        Ok(mut batch) => {
            let read = batch.len();
            batch.read_all(&mut see);
            read
        }
        Err(_) => 0,
    }
}

fn read_all(rx: &mut Receiver<Message>, next: &mut u64) {
    while read(rx, next, 3) > 0 {}
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

/// Runs a thread that may be frozen beside `others`.
fn beside<R: Send>(run: impl FnOnce(&Told) -> R + Send, others: impl FnOnce(Victim, &Told)) -> R {
    let told = Told::default();
    thread::scope(|scope| {
        let stop = Stop(&told);
        let (introduce, victim) = mpsc::channel();
        let its = &told;
        let thread = scope.spawn(move || {
            introduce.send(Victim::this()).expect("somebody listens");
            run(its)
        });
        others(victim.recv().expect("a thread"), &told);
        drop(stop);
        thread.join().expect("who was frozen")
    })
}

/// Receivers read on to the end of what was sent; others join and leave.
#[test]
fn v05_receivers_read_on_behind_a_frozen_sender() {
    let mut freezer = Freezer::new();
    let (watch, mut random) = Watch::new("frozen broadcast sender");
    for round in 0..2 * scale() {
        let (mut tx, mut rx) = channel(&mut random);
        let (subscriber, mut its_random) = (tx.subscriber(), random.split());
        let mut follower = tx.subscribe_after(&[&rx]).expect("a free lane");
        let (mut next, mut next_behind) = (0, 0);
        let mut tx = beside(
            |told| {
                let mut sent = 0;
                while !told.stop.load(SeqCst) {
                    let n = 1 + its_random.below(4) as u64;
                    let mut messages = (sent..sent + n).map(|number| Message::new(VICTIM, number));
                    let placed = match its_random.below(2) {
                        0 => u64::from(tx.try_send(Message::new(VICTIM, sent)).is_ok()),
                        _ => tx.try_send_iter(&mut messages).expect("open") as u64,
                    };
                    sent += placed;
                    told.done.store(sent, SeqCst);
                    if placed == 0 {
                        thread::yield_now();
                    }
                }
                tx
            },
            |victim, told| {
                for freeze in 0..FREEZES {
                    a_moment(&mut random);
                    watch.step((round, freeze));
                    let _frozen = freezer.freeze(&[victim]);
                    let sent = told.done.load(SeqCst);
                    read_all(&mut rx, &mut next);
                    assert!(next >= sent, "{sent} sends have returned, {next} are to be found");
                    read_all(&mut follower, &mut next_behind);
                    assert_eq!(next_behind, next);
                    let mut late = subscriber.subscribe().expect("a free lane");
                    assert_eq!(late.try_recv(), Err(TryRecvError::Empty));
                    drop(subscriber.subscribe_after(&[&late, &rx]).expect("a free lane"));
                }
            },
        );
        read_all(&mut rx, &mut next);
        read_all(&mut follower, &mut next_behind);
        assert!(tx.try_send(Message::new(VICTIM, next)).is_ok());
        assert_eq!(read(&mut rx, &mut next, 3), 1);
    }
    watch.done(&format!("{} freezes", 2 * scale() * FREEZES));
}

/// The sender fills the channel and is told who is slow; other receivers read on, and those that run after it wait.
#[test]
fn f07_a_frozen_reader_only_gates() {
    let mut freezer = Freezer::new();
    let (watch, mut random) = Watch::new("frozen broadcast receiver");
    for round in 0..2 * scale() {
        let (mut tx, mut rx) = channel(&mut random);
        let mut slow = tx.subscribe().expect("a free lane");
        let mut follower = tx.subscribe_after(&[&slow]).expect("a free lane");
        let (id, capacity) = (slow.id(), tx.capacity());
        let (mut next, mut next_behind, mut sent) = (0, 0, 0);
        let (mut slow, mut its_next) = beside(
            |told| {
                let mut its_next = 0;
                while !told.stop.load(SeqCst) {
                    let max = 2 + its_next as usize % 2;
                    if read(&mut slow, &mut its_next, max) == 0 {
                        thread::yield_now();
                    }
                    told.done.store(its_next, SeqCst);
                }
                (slow, its_next)
            },
            |victim, told| {
                for freeze in 0..FREEZES {
                    for _ in 0..random.below(2 * capacity) {
                        sent += u64::from(tx.try_send(Message::new(VICTIM, sent)).is_ok());
                        read(&mut rx, &mut next, 3);
                        read(&mut follower, &mut next_behind, 3);
                    }
                    a_moment(&mut random);
                    watch.step((round, freeze));
                    let _frozen = freezer.freeze(&[victim]);
                    let released = told.done.load(SeqCst);
                    for _ in 0..2 * capacity {
                        sent += u64::from(tx.try_send(Message::new(VICTIM, sent)).is_ok());
                        read(&mut rx, &mut next, 3);
                        read(&mut follower, &mut next_behind, 3);
                    }
                    read_all(&mut rx, &mut next);
                    assert_eq!(next, sent, "the other reader has everything");
                    // It may have released more than it has told, but not what it is still reading.
                    let behind = sent - next_behind;
                    assert!(next_behind >= released && behind == capacity as u64, "{behind} behind, of {capacity}");
                    let slowest = tx.stats().slowest.expect("there are receivers");
                    assert_eq!(slowest.behind, capacity as u64);
                    assert!(slowest.receiver == id || slowest.receiver == follower.id());
                    for _ in 0..5 {
                        assert!(tx.try_send(Message::new(VICTIM, sent)).is_err_and(|error| error.is_full()));
                        assert_eq!(follower.try_recv(), Err(TryRecvError::Empty));
                    }
                }
            },
        );
        read_all(&mut slow, &mut its_next);
        read_all(&mut follower, &mut next_behind);
        assert_eq!((its_next, next_behind), (sent, sent));
    }
    watch.done(&format!("{} freezes", 2 * scale() * FREEZES));
}

/// Whoever is frozen while he joins or leaves gates at most; others join and leave meanwhile, and nobody's call waits.
#[test]
fn f29_frozen_while_joining_and_leaving() {
    let mut freezer = Freezer::new();
    let (watch, mut random) = Watch::new("frozen while joining and leaving");
    let mut full = 0;
    for round in 0..2 * scale() {
        let (mut tx, mut rx) = channel(&mut random);
        let capacity = tx.capacity() as u64;
        let (subscriber, others) = (tx.subscriber(), tx.subscriber());
        let (mut next, mut sent) = (0, 0);
        let mut send = |tx: &mut Sender<Message>| {
            let placed = tx.try_send(Message::new(VICTIM, sent)).is_ok();
            sent += u64::from(placed);
            (placed, sent)
        };
        beside(
            |told| {
                while !told.stop.load(SeqCst) {
                    let mut rx = subscriber.subscribe().expect("a free lane");
                    let mut behind = subscriber.subscribe_after(&[&rx]).expect("a free lane");
                    // Some read nothing.
                    let (mut first, mut last) = (None, None);
                    rx.drain(2, |message| {
                        let number = message.read().1;
                        assert!(last.is_none_or(|last| number == last + 1), "a gap");
                        (first, last) = (first.or(Some(number)), Some(number));
                    });
                    // It joined at the same place or later, and sees what was read before it.
                    behind.drain(1, |message| {
                        let number = Some(message.read().1);
                        assert!(first <= number && number <= last, "{number:?}, not in {first:?} to {last:?}");
                    });
                    drop(rx);
                    told.done.fetch_add(1, SeqCst);
                }
            },
            |victim, _| {
                for freeze in 0..FREEZES {
                    for _ in 0..random.below(8) {
                        send(&mut tx);
                        read(&mut rx, &mut next, 3);
                    }
                    a_moment(&mut random);
                    watch.step((round, freeze));
                    let _frozen = freezer.freeze(&[victim]);
                    let (mut last, mut placed) = (true, 0);
                    for _ in 0..2 * capacity {
                        last = send(&mut tx).0;
                        placed += u64::from(last);
                        read(&mut rx, &mut next, 3);
                    }
                    full += usize::from(!last);
                    let mut late = others.subscribe().expect("a free lane");
                    let after = others.subscribe_after(&[&late, &rx]).expect("a free lane");
                    if last {
                        let (placed, sent) = send(&mut tx);
                        assert!(placed);
                        let mut seen = None;
                        assert_eq!(late.drain(4, |message| seen = Some(message.read().1 + 1)), 1);
                        assert_eq!(seen, Some(sent));
                    }
                    drop((late, after));
                    read_all(&mut rx, &mut next);
                    assert!(last || placed <= capacity);
                }
            },
        );
        let (placed, sent) = send(&mut tx);
        read_all(&mut rx, &mut next);
        assert!(placed && next == sent, "gated by somebody who has gone");
    }
    watch.done(&format!("{} freezes, {full} of them gated", 2 * scale() * FREEZES));
}
