//! One side of a queue is frozen, and the other goes on.

use super::common::Random;
use super::common::rig::{Watch, scale};
use super::ends::{Kind, MpmcKind, MpscKind, Rx, SpscKind, Tx};
use super::freeze::{Freezer, Victim};
use super::{Message, OWN, Stop, Told, VICTIM, a_moment, builder};
use ringway::{ReserveError, Sink, Source, TryRecvError};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A small ring is soon full, or empty; in a large one there is something to do for a while.
const CAPACITIES: [usize; 3] = [4, 32, 512];

/// So that a thread is found in the middle of a step, and not only where it gives its core away.
fn linger(random: &mut Random) {
    (0..random.below(2_000) * random.below(2)).for_each(|_| std::hint::spin_loop());
}

/// Sends numbers from 0 on, in every way that does not wait; what is refused comes again.
fn sends(tx: &mut impl Tx<Message>, told: &Told, random: &mut Random) {
    let mut next = 0;
    while !told.stop.load(SeqCst) {
        let n = 1 + random.below(4);
        let sent = match random.below(3) {
            0 => usize::from(tx.try_send(Message::new(VICTIM, next)).is_ok()),
            1 => {
                let mut messages = (next..next + n as u64).map(|number| {
                    linger(random);
                    Message::new(VICTIM, number)
                });
                tx.try_send_iter(&mut messages).unwrap_or(0)
            }
            _ => match tx.try_reserve(n) {
                Ok(mut slots) => {
                    for number in next..next + n as u64 {
                        linger(random);
                        slots.push(Message::new(VICTIM, number)).expect("it was reserved");
                    }
                    slots.commit();
                    n
                }
                Err(_) => 0,
            },
        };
        next += sent as u64;
        told.done.store(next, SeqCst);
        linger(random);
        if sent == 0 && random.below(8) == 0 {
            thread::yield_now();
        }
    }
}

/// Takes a message, or some; numbers of each sender without a gap.
#[derive(Default)]
struct Receiving {
    victim: u64,
    own: u64,
}

impl Receiving {
    fn see(&mut self, message: &Message) -> u64 {
        let (sender, number) = message.read();
        let next = if sender == VICTIM { &mut self.victim } else { &mut self.own };
        assert_eq!(number, *next, "of {sender:#x}");
        *next += 1;
        sender
    }

    /// How many it took.
    fn take(&mut self, rx: &mut impl Rx<Message>, random: &mut Random) -> usize {
        let max = 1 + random.below(4);
        match random.below(3) {
            0 => rx.try_recv().map(|message| self.see(&message)).into_iter().count(),
            1 => rx.drain(max, |message| _ = self.see(&message)),
            _ => rx.try_batch(max).map_or(0, |batch| batch.map(|message| self.see(&message)).count()),
        }
    }

    /// Everything that is there, and then some calls that find nothing.
    fn take_all(&mut self, rx: &mut impl Rx<Message>, random: &mut Random) {
        let mut nothing = 0;
        while nothing < 5 {
            nothing = if self.take(rx, random) == 0 { nothing + 1 } else { 0 };
        }
    }
}

/// Freezes a sender again and again. How often it stood between its claim and its publication, so that others noticed.
fn frozen_sender<K: Kind>(watch: &Watch, freezer: &mut Freezer, random: &mut Random, freezes: usize) -> usize {
    let capacity = CAPACITIES[random.below(3)];
    let (mut victims_tx, mut rx) = K::build::<Message>(&builder(capacity, random));
    let mut tx = victims_tx.another();
    let (told, mut open) = (Told::default(), 0);
    thread::scope(|scope| {
        let stop = Stop(&told);
        let (introduce, victim) = mpsc::channel();
        let (its, mut its_random) = (&told, random.split());
        let sender = scope.spawn(move || {
            introduce.send(Victim::this()).expect("somebody listens");
            sends(&mut victims_tx, its, &mut its_random);
            // F2: it stays until it is let go.
            victims_tx
        });
        let victim = victim.recv().expect("a thread");
        let (mut got, mut sent) = (Receiving::default(), 0);
        let mut send = |tx: &mut K::Tx<Message>| {
            let result = tx.try_send(Message::new(OWN, sent));
            sent += u64::from(result.is_ok());
            (result.is_ok(), sent)
        };
        for freeze in 0..freezes {
            // It is to be found sending: with room, as long as this takes.
            for _ in 0..random.below(3 * capacity) {
                got.take(&mut rx, random);
                tx.as_mut().filter(|_| random.below(4) == 0).map(&mut send);
            }
            if random.below(2) == 0 {
                got.take_all(&mut rx, random);
                a_moment(random);
            }
            watch.step((std::any::type_name::<K>(), "sender", capacity, freeze));
            let frozen = freezer.freeze(&[victim]);
            let completed = told.done.load(SeqCst);
            while got.take(&mut rx, random) > 0 {}
            assert!(got.victim >= completed, "v05: empty, but {completed} sends have returned, not {}", got.victim);
            got.take_all(&mut rx, random);
            let Some(tx) = &mut tx else { continue };
            // Others send until it is full, and then are told so.
            let mut own = 0;
            for _ in 0..capacity + 3 {
                let (placed, sent) = send(tx);
                assert!(placed || rx.len() == capacity, "full, though there is room");
                own = sent;
            }
            assert_eq!(rx.len(), capacity);
            assert_eq!(tx.try_reserve(1).map(|_| ()), Err(ReserveError::TooFew { free: 0 }));
            let before = got.own;
            got.take_all(&mut rx, random);
            // Either its claim is open, and hides everything that was claimed after it, or there is none.
            let is_open = rx.len() > 0;
            if is_open {
                assert!(got.own == before && rx.len() == capacity && !send(tx).0);
                open += 1;
            } else {
                assert_eq!(got.own, own);
                for _ in 0..3 * capacity {
                    assert!(send(tx).0);
                    assert!(got.take(&mut rx, random) > 0);
                }
            }
            drop(frozen);
            if is_open {
                // What hid it was the frozen one's, and comes first.
                loop {
                    match rx.try_recv() {
                        Ok(message) => break assert_eq!(got.see(&message), VICTIM, "v05: hidden behind nothing"),
                        Err(_) => thread::yield_now(),
                    }
                }
            }
        }
        drop(stop);
        drop(sender.join().expect("a sender"));
        got.take_all(&mut rx, random);
        let (own, _) = (tx.map(|mut tx| send(&mut tx).1).unwrap_or(0), ());
        got.take_all(&mut rx, random);
        assert_eq!((got.victim, got.own), (told.done.load(SeqCst), own));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    });
    open
}

/// Takes until it is told to stop; adds the numbers it took.
fn receives(rx: &mut impl Rx<Message>, told: &Told, random: &mut Random, numbers: &mut Vec<u64>) {
    while !told.stop.load(SeqCst) {
        let max = 1 + random.below(4);
        let mut see = |message: &Message| numbers.push(message.read().1);
        match random.below(3) {
            0 => rx.try_recv().iter().for_each(see),
            1 => _ = rx.drain(max, |message| see(&message)),
            _ => {
                if let Ok(mut batch) = rx.try_batch(max) {
                    // It stays claimed while it is looked at.
                    let (one, two) = batch.as_slices();
                    one.iter().chain(two).for_each(see);
                    linger(random);
                    batch.commit_all();
                }
            }
        }
        told.done.store(numbers.len() as u64, SeqCst);
        linger(random);
        if random.below(8) == 0 {
            thread::yield_now();
        }
    }
}

/// Freezes a receiver again and again. How often it kept something from the others.
fn frozen_receiver<K: Kind>(watch: &Watch, freezer: &mut Freezer, random: &mut Random, freezes: usize) -> usize {
    let capacity = CAPACITIES[random.below(3)];
    let (mut tx, mut victims_rx) = K::build::<Message>(&builder(capacity, random));
    let mut rx = victims_rx.another();
    let (told, mut kept) = (Told::default(), 0);
    thread::scope(|scope| {
        let stop = Stop(&told);
        let (introduce, victim) = mpsc::channel();
        let (its, mut its_random) = (&told, random.split());
        let receiver = scope.spawn(move || {
            // F3: more than there ever are, and before anybody can freeze it.
            let mut numbers = Vec::with_capacity(1 << 20);
            introduce.send(Victim::this()).expect("somebody listens");
            receives(&mut victims_rx, its, &mut its_random, &mut numbers);
            (numbers, victims_rx)
        });
        let victim = victim.recv().expect("a thread");
        let (mut sent, mut mine) = (0, Vec::new());
        for freeze in 0..freezes {
            // It is to be found receiving: with something to take, as long as this takes.
            for _ in 0..random.below(3 * capacity) {
                sent += u64::from(tx.try_send(Message::new(VICTIM, sent)).is_ok());
            }
            if random.below(2) == 0 {
                a_moment(random);
            }
            watch.step((std::any::type_name::<K>(), "receiver", capacity, freeze));
            let frozen = freezer.freeze(&[victim]);
            let taken = told.done.load(SeqCst);
            for _ in 0..4 * capacity {
                let placed = tx.try_send(Message::new(VICTIM, sent)).is_ok();
                sent += u64::from(placed);
                match &mut rx {
                    Some(rx) => _ = rx.drain(4, |message| mine.push(message.read().1)),
                    None => assert!(placed || tx.stats().in_flight() == capacity as u64, "full, though there is room"),
                }
            }
            match &mut rx {
                // Others have everything but what it has claimed.
                Some(rx) => {
                    while rx.drain(4, |message| mine.push(message.read().1)) > 0 {}
                    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
                    let missing = sent - taken - mine.len() as u64;
                    assert!(missing <= 4, "f07: {missing} messages are kept from the others");
                    kept += usize::from(missing > 0);
                }
                None => {
                    // v06: whoever sends is told so, however often.
                    for _ in 0..5 {
                        assert!(tx.try_send(Message::new(VICTIM, sent)).is_err());
                        assert_eq!(tx.try_send_iter(&mut std::iter::once(Message::new(VICTIM, sent))), Ok(0));
                        assert_eq!(tx.try_reserve(1).map(|_| ()), Err(ReserveError::TooFew { free: 0 }));
                    }
                    kept += 1;
                }
            }
            drop(frozen);
        }
        // A close waits for nobody either.
        let frozen = freezer.freeze(&[victim]);
        assert!(tx.close() && tx.try_send(Message::new(VICTIM, sent)).is_err());
        drop((frozen, stop));
        let (mut numbers, mut victims_rx) = receiver.join().expect("a receiver");
        victims_rx.drain(usize::MAX, |message| numbers.push(message.read().1));
        for numbers in [&numbers, &mine] {
            assert!(numbers.is_sorted_by(|a, b| a < b), "out of order");
        }
        numbers.extend(mine);
        if let Some(mut rx) = rx {
            rx.drain(usize::MAX, |message| numbers.push(message.read().1));
        }
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..sent), "lost, or received twice");
    });
    kept
}

fn repeat<K: Kind>(test: &'static str, what: &str, frozen: impl Fn(&Watch, &mut Freezer, &mut Random, usize) -> usize) {
    const FREEZES: usize = 30;
    let mut freezer = Freezer::new();
    let (watch, mut random) = Watch::new(test);
    let rounds = 5 * scale();
    let counted: usize = (0..rounds).map(|_| frozen(&watch, &mut freezer, &mut random, FREEZES)).sum();
    watch.done(&format!("{} freezes, {counted} of them {what}", rounds * FREEZES));
}

/// Its own messages whose sends have returned are found; nobody waits for the one it was about to send.
#[test]
fn v05_what_was_sent_is_found_behind_a_frozen_sender() {
    repeat::<SpscKind>("frozen spsc sender", "seen", frozen_sender::<SpscKind>);
}

/// Other senders go on until it is full; only what was claimed after the frozen one's claim is hidden.
#[test]
fn f05_a_frozen_sender_lets_others_send() {
    repeat::<MpscKind>("frozen mpsc sender", "between claim and publication", frozen_sender::<MpscKind>);
    repeat::<MpmcKind>("frozen mpmc sender", "between claim and publication", frozen_sender::<MpmcKind>);
}

/// Senders fill the channel and are told that it is full; other receivers get everything but what it has claimed.
#[test]
fn f07_a_frozen_receiver_only_keeps_what_it_has() {
    repeat::<SpscKind>("frozen spsc receiver", "filled the channel", frozen_receiver::<SpscKind>);
    repeat::<MpscKind>("frozen mpsc receiver", "filled the channel", frozen_receiver::<MpscKind>);
    repeat::<MpmcKind>("frozen mpmc receiver", "with a claim", frozen_receiver::<MpmcKind>);
}

/// Threads that sleep and wake each other, any number of which stand still at a time, asleep or not; nobody is forgotten.
fn any_role<K: Kind>(test: &'static str) {
    const FREEZES: usize = 60;
    /// Of messages that a sender sends.
    const LIMIT: u64 = 1 << 18;
    let mut freezer = Freezer::new();
    let (watch, mut random) = Watch::new(test);
    for round in 0..2 * scale() {
        let told = Told::default();
        let waiting = builder(1 + random.below(4), &mut random).wait(ringway::Wait::park());
        let (tx, rx) = K::build::<Message>(&waiting);
        let more_tx: Vec<_> = (0..2).filter_map(|_| tx.another()).collect();
        let more_rx: Vec<_> = (0..2).filter_map(|_| rx.another()).collect();
        let (mut own_tx, mut own_rx) = (tx.another(), rx.another());
        thread::scope(|scope| {
            let stop = Stop(&told);
            let (introduce, introduced) = mpsc::channel();
            let mut senders = Vec::new();
            for (index, mut tx) in more_tx.into_iter().chain([tx]).enumerate() {
                let (introduce, told, mut random) = (introduce.clone(), &told, random.split());
                senders.push(scope.spawn(move || {
                    introduce.send(Victim::this()).expect("somebody listens");
                    let (sender, mut next) = ((index as u64 + 2) << 48, 0);
                    while !told.stop.load(SeqCst) {
                        if next == LIMIT {
                            thread::yield_now();
                            continue;
                        }
                        let timeout = Duration::from_micros(random.below(300) as u64);
                        let message = Message::new(sender, next);
                        let sent = match random.below(3) {
                            0 => tx.send(message).is_ok(),
                            1 => tx.send_timeout(message, timeout).is_ok(),
                            // It is to be found with its claim open, too.
                            _ => {
                                let mut slowly = std::iter::once(message).inspect(|_| linger(&mut random));
                                tx.try_send_iter(&mut slowly) == Ok(1)
                            }
                        };
                        next += u64::from(sent);
                    }
                    next
                }));
            }
            let mut receivers = Vec::new();
            for mut rx in more_rx.into_iter().chain([rx]) {
                let (introduce, mut random) = (introduce.clone(), random.split());
                receivers.push(scope.spawn(move || {
                    let mut received = Vec::with_capacity(4 * LIMIT as usize); // F3
                    introduce.send(Victim::this()).expect("somebody listens");
                    loop {
                        let timeout = Duration::from_micros(random.below(300) as u64);
                        let message = match random.below(2) {
                            0 => rx.recv().map_err(|_| true),
                            _ => rx.recv_timeout(timeout).map_err(|error| error.is_disconnected()),
                        };
                        match message {
                            Ok(message) => received.push(message.read()),
                            Err(true) => return received,
                            Err(false) => {}
                        }
                    }
                }));
            }
            let victims: Vec<_> = introduced.iter().take(senders.len() + receivers.len()).collect();
            let (mut sent, mut received) = (0, Vec::new());
            for freeze in 0..FREEZES {
                a_moment(&mut random);
                let some: Vec<_> = victims.iter().filter(|_| random.below(2) == 0).copied().collect();
                watch.step((round, freeze, some.len()));
                let _frozen = freezer.freeze(&some);
                for _ in 0..4 {
                    if let Some(tx) = &mut own_tx {
                        sent += u64::from(tx.try_send(Message::new(OWN, sent)).is_ok());
                    }
                    if let Some(rx) = &mut own_rx {
                        received.extend(rx.try_recv().map(|message| message.read()));
                    }
                }
            }
            watch.step((round, "the end"));
            // F2: from here on nobody is frozen.
            drop((stop, own_tx));
            let next: Vec<_> = senders.into_iter().map(|sender| sender.join().expect("a sender")).collect();
            drop(own_rx);
            let mut all = vec![received];
            all.extend(receivers.into_iter().map(|receiver| receiver.join().expect("a receiver")));
            for received in &all {
                for sender in 0..next.len() as u64 + 2 {
                    let numbers = received.iter().filter(|(of, _)| *of == sender << 48).map(|(_, number)| number);
                    assert!(numbers.is_sorted_by(|a, b| a < b), "out of order");
                }
            }
            let mut all = all.concat();
            all.sort_unstable();
            let expected = [(1 << 48, sent)].into_iter();
            let expected =
                expected.chain(next.iter().enumerate().map(|(index, next)| ((index as u64 + 2) << 48, *next)));
            let expected = expected.flat_map(|(sender, next)| (0..next).map(move |number| (sender, number)));
            assert!(all.into_iter().eq(expected), "lost, or received twice");
        });
    }
    watch.done(&format!("{} freezes", 2 * scale() * FREEZES));
}

#[test]
fn f29_any_role_stands_still_for_a_while() {
    any_role::<SpscKind>("frozen anybody, spsc");
    any_role::<MpscKind>("frozen anybody, mpsc");
    any_role::<MpmcKind>("frozen anybody, mpmc");
}
