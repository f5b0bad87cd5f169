//! A lossy channel holds up nobody, whoever is frozen.

use super::common::rig::{Watch, scale};
use super::freeze::{Freezer, Victim};
use super::{OWN, Stop, Told, VICTIM, a_moment, builder};
use ringway::broadcast::lossy::{Receiver, TryRecvError};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::mpsc;
use std::thread;

const FREEZES: usize = 50;
const WORDS: usize = 64;
const POSITIONS: u64 = u64::MAX >> 1;

type Words = [u64; WORDS];

/// What a receiver has seen of two senders.
#[derive(Default)]
struct Seen {
    victim: u64,
    own: u64,
}

impl Seen {
    fn see(&mut self, words: Words) {
        assert!(words.iter().all(|word| *word == words[0]), "torn");
        let next = if words[0] < OWN { &mut self.victim } else { &mut self.own };
        let number = words[0] % OWN;
        assert!(number >= *next, "{number} after {next}");
        *next = number + 1;
    }

    /// Takes everything until it is told that there is nothing; how many positions it passed.
    fn take_all(&mut self, rx: &mut Receiver<Words>) -> u64 {
        let before = rx.position();
        loop {
            match rx.try_recv() {
                Ok(words) => self.see(words),
                Err(TryRecvError::Lagged(_)) => {}
                Err(_) => return rx.position().wrapping_sub(before) & POSITIONS,
            }
        }
    }
}

/// Others send on, never refused, and receivers come past the frozen sender's position once the others have sent a lap.
#[test]
fn f05_a_frozen_sender_hides_no_more_than_a_lap() {
    let mut freezer = Freezer::new();
    let (watch, mut random) = Watch::new("frozen lossy sender");
    let (mut hidden, mut given_up) = (0, 0);
    for round in 0..2 * scale() {
        let capacity = [1, 2, 8][random.below(3)];
        let (mut tx, mut rx) = builder(capacity, &mut random).lossy::<Words>().expect("a valid channel");
        let (mut victims_tx, told, begin) = (tx.clone(), Told::default(), rx.position());
        thread::scope(|scope| {
            let stop = Stop(&told);
            let (introduce, victim) = mpsc::channel();
            let its = &told;
            let sender = scope.spawn(move || {
                introduce.send(Victim::this()).expect("somebody listens");
                let mut number = 0;
                while !its.stop.load(SeqCst) {
                    let run = [0, 1, 2].map(|n| [VICTIM + number + n; WORDS]);
                    victims_tx.send_all(&run).expect("open");
                    number += 3;
                    victims_tx.send([VICTIM + number; WORDS]).expect("open");
                    number += 1;
                    its.done.store(number, SeqCst);
                }
            });
            let victim = victim.recv().expect("a thread");
            let (mut seen, mut number) = (Seen::default(), 0);
            for freeze in 0..FREEZES {
                a_moment(&mut random);
                watch.step((round, freeze));
                let frozen = freezer.freeze(&[victim]);
                seen.take_all(&mut rx);
                let passed = |rx: &Receiver<Words>| rx.position().wrapping_sub(begin) & POSITIONS;
                let is_hidden = passed(&rx) < rx.stats().sent;
                hidden += usize::from(is_hidden);
                let dropped = tx.stats().dropped;
                // The frozen one may hold as many positions as it sends at a time, and all of them are to be passed.
                for _ in 0..capacity + 4 {
                    tx.send([OWN + number; WORDS]).expect("never refused");
                    number += 1;
                    seen.take_all(&mut rx);
                    rx.history().for_each(|(_, words)| assert!(words.iter().all(|word| *word == words[0])));
                }
                assert_eq!(passed(&rx), rx.stats().sent, "hidden for more than a lap");
                // From here on it is one message a lap that is given up, at the most.
                let given_up_now = tx.stats().dropped;
                for _ in 0..3 * capacity {
                    tx.send([OWN + number; WORDS]).expect("never refused");
                    number += 1;
                    assert_eq!(seen.take_all(&mut rx), 1);
                }
                assert!(tx.stats().dropped - given_up_now <= 3);
                given_up += tx.stats().dropped - dropped;
                let mut late = tx.subscribe();
                assert_eq!(late.try_recv(), Err(TryRecvError::Empty));
                drop(frozen);
            }
            drop(stop);
            sender.join().expect("a sender");
            seen.take_all(&mut rx);
            assert_eq!(rx.received() + rx.lost(), told.done.load(SeqCst) + number);
            // Every slot serves again.
            (0..capacity as u64).for_each(|n| tx.send([OWN + number + n; WORDS]).expect("open"));
            assert_eq!(tx.history().count(), capacity);
        });
    }
    watch.done(&format!("{} freezes, {hidden} of them hid something, {given_up} given up", 2 * scale() * FREEZES));
}

/// Senders and other receivers notice nothing; it learns afterwards exactly what it has lost.
#[test]
fn f07_a_frozen_reader_alone_loses() {
    let mut freezer = Freezer::new();
    let (watch, mut random) = Watch::new("frozen lossy receiver");
    let (mut messages, mut lost) = (0, 0);
    for round in 0..2 * scale() {
        let (mut tx, mut rx) = builder(8, &mut random).lossy::<Words>().expect("a valid channel");
        let (mut slow, told) = (rx.clone(), Told::default());
        thread::scope(|scope| {
            let stop = Stop(&told);
            let (introduce, victim) = mpsc::channel();
            let its = &told;
            let receiver = scope.spawn(move || {
                introduce.send(Victim::this()).expect("somebody listens");
                let mut seen = Seen::default();
                while !its.stop.load(SeqCst) {
                    seen.take_all(&mut slow);
                    slow.latest().into_iter().for_each(|words| seen.see(words));
                    slow.history().for_each(|(_, words)| assert!(words.iter().all(|word| *word == words[0])));
                }
                (seen, slow)
            });
            let victim = victim.recv().expect("a thread");
            let (mut seen, mut number) = (Seen::default(), 0);
            for freeze in 0..FREEZES {
                a_moment(&mut random);
                watch.step((round, freeze));
                let _frozen = freezer.freeze(&[victim]);
                for _ in 0..20 {
                    tx.send([OWN + number; WORDS]).expect("never refused");
                    number += 1;
                    assert_eq!(seen.take_all(&mut rx), 1);
                }
            }
            assert_eq!((rx.received(), rx.lost(), rx.stats().dropped), (number, 0, 0));
            drop(stop);
            let (mut seen, mut slow) = receiver.join().expect("a receiver");
            seen.take_all(&mut slow);
            assert_eq!(slow.received() + slow.lost() + slow.skipped(), number);
            messages += number;
            lost += slow.lost() + slow.skipped();
        });
    }
    watch.done(&format!(
        "{messages} messages in {} freezes, {lost} not received by the frozen one",
        2 * scale() * FREEZES
    ));
}
