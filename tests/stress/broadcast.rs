//! Broadcast: one sender, receivers and followers that come and go, and each of them gets all that is sent meanwhile.

use super::builder;
use super::common::rig::{Watch, scale};
use super::common::{Random, Value};
use super::payload::{Aligned, Boxed, Large, Mint, Payload};
use super::sending::{self, Sent};
use ringway::broadcast::{Receiver, Sender, Subscriber, TryRecvError};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread;

/// What all threads of a round know.
struct Round {
    messages: usize,
    /// Positions in the stream at which the stages that lead have been, by the number of the message: one bit for each.
    marks: Vec<AtomicU64>,
    next_stage: AtomicUsize,
    /// Readings of messages, all told.
    read: AtomicU64,
}

/// A stage that others run after: it marks what it reads, and says when it goes.
struct Leader<P> {
    rx: Receiver<P>,
    bit: u64,
}

/// One call. Numbers only grow; that none is missing, the sum will tell. True at the end.
fn step<P: Payload>(rx: &mut Receiver<P>, random: &mut Random, mut read: impl FnMut(usize)) -> bool {
    let max = 1 + random.below(8);
    let mut see = |message: &P| read(message.number().expect("a message with a number"));
    assert!(rx.len() <= rx.capacity());
    match random.below(6) {
        0 => rx.recv_with(see).is_err(),
        1 => {
            if rx.drain(max, see) == 0 {
                thread::yield_now();
            }
            false
        }
        _ => match rx.try_batch(max) {
            Ok(mut batch) => {
                let seen: Vec<_> = batch.iter().map(|message| message.number()).collect();
                assert!((1..=max).contains(&seen.len()));
                for number in &seen[..random.below(seen.len() + 1)] {
                    assert_eq!(batch.iter().next().map(P::number), Some(*number), "changed while lent");
                    batch.advance().into_iter().for_each(&mut see);
                }
                if random.below(4) == 0 {
                    std::mem::forget(batch);
                }
                false
            }
            Err(error) => {
                if error == TryRecvError::Empty {
                    thread::yield_now();
                }
                error == TryRecvError::Disconnected
            }
        },
    }
}

/// Checks the numbers that one receiver reads: `sent` tells how they follow each other.
struct Reader<'a> {
    round: &'a Round,
    seen: Vec<usize>,
}

impl Reader<'_> {
    fn read(&mut self, number: usize) {
        assert!(self.seen.last().is_none_or(|last| *last < number), "{number} after {:?}", self.seen.last());
        self.seen.push(number);
        self.round.read.fetch_add(1, Relaxed);
    }
}

/// A receiver that reads so many messages, or to the end. Gives what it saw, and whether it saw the end.
fn reads<P: Payload>(mut rx: Receiver<P>, messages: usize, round: &Round, random: &mut Random) -> (Vec<usize>, bool) {
    let mut reader = Reader { round, seen: Vec::new() };
    while reader.seen.len() < messages {
        if step(&mut rx, random, |number| reader.read(number)) {
            return (reader.seen, true);
        }
    }
    (reader.seen, false)
}

/// Two stages and one that runs after both, each in a thread of its own, until one after the other goes.
fn diamond<P: Payload>(subscriber: &Subscriber<P>, round: &Round, random: &mut Random) -> Vec<(Vec<usize>, bool)> {
    let join = || {
        let bit = 1 << (round.next_stage.fetch_add(1, Relaxed) % 64);
        subscriber.subscribe().ok().map(|rx| Leader { rx, bit })
    };
    let (Some(a), Some(b)) = (join(), join()) else { return Vec::new() };
    let Ok(mut follower) = subscriber.subscribe_after(&[&a.rx, &b.rx]) else { return Vec::new() };
    let bits = [a.bit, b.bit];
    let gone = [AtomicBool::new(false), AtomicBool::new(false)];
    // Messages that may have been released before it followed are no business of its own.
    thread::scope(|scope| {
        let leaders = [(a, &gone[0]), (b, &gone[1])].map(|(mut leader, gone)| {
            let (mut random, messages) = (random.split(), random.below(round.messages));
            scope.spawn(move || {
                let mut reader = Reader { round, seen: Vec::new() };
                let mut over = false;
                while reader.seen.len() < messages && !over {
                    over = step(&mut leader.rx, &mut random, |number| {
                        round.marks[number].fetch_or(leader.bit, Relaxed);
                        reader.read(number);
                    });
                }
                // Relaxed, as are the marks: the channel alone has to order them.
                gone.store(true, Relaxed);
                (reader.seen, over)
            })
        });
        let mut reader = Reader { round, seen: Vec::new() };
        let (messages, mut over) = (random.below(round.messages), false);
        while reader.seen.len() < messages && !over {
            over = step(&mut follower, random, |number| {
                let marks = round.marks[number].load(Relaxed);
                for (bit, gone) in bits.iter().zip(&gone) {
                    assert!(marks & bit != 0 || gone.load(Relaxed), "{number} before a stage that leads had read it");
                }
                reader.read(number);
            });
        }
        // It goes before those it follows have to wait for it.
        drop(follower);
        let mut seen = vec![(reader.seen, over)];
        seen.extend(leaders.map(|leader| leader.join().expect("a stage that leads")));
        seen
    })
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    readers: usize,
    diamonds: usize,
    messages: usize,
    /// Whether a reader closes at some moment.
    close: bool,
}

fn send<P: Payload>(tx: &mut Sender<P>, messages: usize, mint: &Mint, random: &mut Random) -> Sent {
    let mut sent = Sent::default();
    while sent.made < messages {
        let made = sent.made;
        // Without receivers it is refused, until somebody joins.
        if sending::step(tx, &mut sent, made..messages, mint, random) && tx.stats().slowest.is_none() {
            thread::yield_now();
        }
        if tx.is_disconnected() && tx.receivers() > 0 && tx.try_reserve(0).is_err() {
            break;
        }
    }
    sent
}

/// One round; gives the number of messages sent, and of those read.
fn round<P: Payload>(plan: Plan, random: &mut Random) -> (u64, u64) {
    let mint = Mint::new(plan.messages);
    let (mut tx, first) = builder(random).broadcast::<P>().expect("a valid channel");
    let subscriber = tx.subscriber();
    let round = &Round {
        messages: plan.messages,
        marks: (0..plan.messages).map(|_| AtomicU64::new(0)).collect(),
        next_stage: AtomicUsize::new(0),
        read: AtomicU64::new(0),
    };
    let over = &AtomicBool::new(false);
    let (sent, all, some) = thread::scope(|scope| {
        let mut others = Vec::new();
        for _ in 0..plan.readers {
            let (subscriber, mut random) = (subscriber.clone(), random.split());
            others.push(scope.spawn(move || {
                let mut seen = Vec::new();
                while !over.load(Relaxed) {
                    let messages = 1 + random.below(round.messages / 4);
                    let Ok(rx) = subscriber.subscribe() else { break };
                    seen.push(reads(rx, messages, round, &mut random));
                }
                seen
            }));
        }
        for _ in 0..plan.diamonds {
            let (subscriber, mut random) = (subscriber.clone(), random.split());
            others.push(scope.spawn(move || {
                let mut seen = Vec::new();
                while !over.load(Relaxed) {
                    let more = diamond(&subscriber, round, &mut random);
                    if more.is_empty() {
                        break;
                    }
                    seen.extend(more);
                }
                seen
            }));
        }
        let closer = plan.close.then(|| (tx.subscribe().expect("a free lane"), random.below(plan.messages / 2)));
        let closer = closer.map(|(rx, at)| {
            let mut random = random.split();
            scope.spawn(move || {
                let mut rx = rx;
                let mut reader = Reader { round, seen: Vec::new() };
                while reader.seen.len() < at && !step(&mut rx, &mut random, |number| reader.read(number)) {}
                rx.close();
                reader.seen
            })
        });
        // From the beginning to the end.
        let mut own = random.split();
        let faithful = scope.spawn(move || reads(first, usize::MAX, round, &mut own));
        let sent = send(&mut tx, plan.messages, &mint, random);
        drop(tx);
        over.store(true, Relaxed);
        let mut some: Vec<_> = others.into_iter().flat_map(|other| other.join().expect("a reader")).collect();
        some.extend(closer.map(|closer| (closer.join().expect("who closes"), false)));
        (sent, faithful.join().expect("the faithful one"), some)
    });
    drop(subscriber);
    // The one that was there all the time has everything, but for a send that raced a close.
    let end = sent.numbers.len();
    if plan.close {
        assert!(sent.numbers.starts_with(&all.0), "{} of {end}", all.0.len());
    } else {
        assert_eq!(all.0, sent.numbers);
    }
    // The others have some of it without a gap.
    for (seen, over) in some {
        let Some(first) = seen.first() else { continue };
        let from = sent.numbers.binary_search(first).expect("never sent");
        assert_eq!(seen, sent.numbers[from..from + seen.len()], "a gap");
        assert!(!over || plan.close || from + seen.len() == end, "the end came too early");
    }
    P::settle(&mint, |number| number < sent.made);
    (end as u64, round.read.load(Relaxed))
}

fn rounds<P: Payload>(test: &'static str, rounds: usize, messages: usize, threads: &[(usize, usize)]) {
    let (watch, mut random) = Watch::new(test);
    let (mut sums, rounds) = ((0, 0), rounds * scale());
    for number in 0..rounds {
        let (readers, diamonds) = threads[random.below(threads.len())];
        let plan = Plan { readers, diamonds, messages, close: random.below(3) == 0 };
        watch.step((number, plan));
        let (sent, read) = round::<P>(plan, &mut random);
        sums = (sums.0 + sent, sums.1 + read);
    }
    watch.done(&format!("{} messages, read {} times, in {rounds} rounds", sums.0, sums.1));
}

/// Of a diamond come three threads: sixteen at the most.
#[test]
fn f24_receivers_and_followers_come_and_go() {
    let threads = [(0, 0), (1, 0), (0, 1), (3, 1), (2, 2), (4, 3)];
    rounds::<Boxed>("stress broadcast", 30, 2_000, &threads);
}

#[test]
fn over_aligned_and_large_messages() {
    rounds::<Aligned>("stress broadcast, aligned", 10, 1_000, &[(2, 1)]);
    rounds::<Large>("stress broadcast, large", 10, 1_000, &[(2, 1)]);
}

#[test]
fn small_messages() {
    rounds::<Value>("stress broadcast, small", 10, 4_000, &[(1, 0), (0, 1)]);
}
