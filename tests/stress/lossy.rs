//! Lossy broadcast: senders and receivers come and go, somebody closes; what arrives is whole, and every position is accounted
//! for by every receiver.

use super::builder;
use super::common::Random;
use super::common::rig::{Watch, scale};
use ringway::broadcast::lossy::{Lagged, Receiver, RecvTimeoutError, Sender, TryRecvError};
use ringway::{Pod, SendError};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

const POSITIONS: u64 = u64::MAX >> 1;

/// A message that knows whose it is, and whether it is whole.
trait Tick: Pod + Send + PartialEq + std::fmt::Debug {
    fn new(sender: u64, number: u64) -> Self;
    fn read(self) -> (usize, u64);
}

impl<const N: usize> Tick for [u32; N]
where
    [u32; N]: Pod,
{
    fn new(sender: u64, number: u64) -> Self {
        std::array::from_fn(|index| (sender << 24 | number) as u32 ^ index as u32)
    }

    fn read(self) -> (usize, u64) {
        let word = self[0];
        assert!(self.iter().enumerate().all(|(index, found)| *found == word ^ index as u32), "torn");
        ((word >> 24) as usize, u64::from(word & 0xff_ffff))
    }
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    senders: usize,
    receivers: usize,
    each: u64,
    /// Whether one closes at some moment: a sender, or a receiver.
    close: Option<bool>,
}

/// Sends so many, singly and in runs, through handles that come and go; how many went in.
fn sender<T: Tick>(mut tx: Sender<T>, index: usize, plan: Plan, random: &mut Random) -> u64 {
    let closes = (plan.close == Some(true) && index == 0).then(|| random.below(plan.each as usize) as u64);
    let (mut number, mut sent) = (0, 0);
    while number < plan.each {
        if closes.is_some_and(|at| number >= at) {
            tx.close();
        }
        let n = if random.below(2) == 0 { 1 } else { random.below(12) as u64 };
        let run: Vec<_> = (number..number + n).map(|number| T::new(index as u64, number)).collect();
        let result = match run[..] {
            [message] => tx.send(message).map_err(|SendError(back)| assert_eq!(back, message)),
            _ => tx.send_all(&run).map_err(|_| ()),
        };
        if result.is_err() {
            assert!(tx.is_disconnected() && plan.close.is_some());
            break;
        }
        (number, sent) = (number + n, sent + n);
        match random.below(50) {
            0 => tx = tx.clone(),
            1..20 => thread::yield_now(),
            _ => {}
        }
    }
    sent
}

/// Checks what one receiver gets.
struct Reading<T> {
    rx: Receiver<T>,
    /// Where it began.
    from: u64,
    next: Vec<u64>,
}

impl<T: Tick> Reading<T> {
    fn new(rx: Receiver<T>, plan: Plan) -> Self {
        Self { from: rx.position(), rx, next: vec![0; plan.senders] }
    }

    fn take(next: &mut [u64], tick: T) {
        let (sender, number) = tick.read();
        assert!(number >= next[sender], "{number} of {sender} after {}", next[sender]);
        next[sender] = number + 1;
    }

    fn is_balanced(&self) {
        let passed = self.rx.position().wrapping_sub(self.from) & POSITIONS;
        assert_eq!(self.rx.received() + self.rx.lost() + self.rx.skipped(), passed);
    }

    /// One call. True at the end.
    fn step(&mut self, random: &mut Random) -> bool {
        let Self { rx, next, .. } = self;
        match random.below(8) {
            0 => match rx.recv_timeout(Duration::from_micros(random.below(200) as u64)) {
                Ok(tick) => Self::take(next, tick),
                Err(RecvTimeoutError::Disconnected) => return true,
                Err(RecvTimeoutError::Lagged(lost)) => assert!(lost > 0),
                Err(_) => {}
            },
            1 => match rx.recv() {
                Ok(tick) => Self::take(next, tick),
                Err(error) => return error.lagged().is_none(),
            },
            2 => match rx.drain(1 + random.below(8), |tick| Self::take(next, tick)) {
                Ok(_) => {}
                Err(Lagged(lost)) => assert!(lost > 0),
            },
            3 => rx.latest().into_iter().for_each(|tick| Self::take(next, tick)),
            4 => {
                let mut history = rx.history();
                let found = history.by_ref().inspect(|(_, tick)| _ = tick.read()).count() as u64;
                assert!(found + history.missed() <= rx.capacity() as u64);
            }
            _ => match rx.try_recv() {
                Ok(tick) => Self::take(next, tick),
                Err(TryRecvError::Disconnected) => return true,
                Err(TryRecvError::Lagged(lost)) => assert!(lost > 0),
                Err(_) => thread::yield_now(),
            },
        }
        self.is_balanced();
        false
    }
}

fn round<T: Tick>(plan: Plan, random: &mut Random) -> (u64, u64) {
    let (tx, rx) = builder(random).lossy::<T>().expect("a valid channel");
    let received = &AtomicU64::new(0);
    let sent = thread::scope(|scope| {
        let senders: Vec<_> = (0..plan.senders)
            .map(|index| {
                let (tx, mut random) = (tx.clone(), random.split());
                scope.spawn(move || sender(tx, index, plan, &mut random))
            })
            .collect();
        for index in 0..plan.receivers {
            let mut random = random.split();
            // The first stays from the beginning; the others are followed by clones and newcomers.
            let (mut reading, base) = (Reading::new(rx.clone(), plan), rx.clone());
            scope.spawn(move || {
                let closes = (plan.close == Some(false) && index == 0).then(|| random.below(plan.each as usize) as u64);
                while !reading.step(&mut random) {
                    if closes.is_some_and(|at| reading.rx.received() >= at) {
                        reading.rx.close();
                    }
                    if index > 0 && random.below(200) == 0 {
                        received.fetch_add(reading.rx.received(), Relaxed);
                        let from = if random.below(2) == 0 { &reading.rx } else { &base };
                        let next = reading.next.clone();
                        let older = from.position() != reading.rx.position();
                        reading = Reading::new(from.clone(), plan);
                        if !older {
                            reading.next = next;
                        }
                    }
                }
                reading.is_balanced();
                received.fetch_add(reading.rx.received(), Relaxed);
                // Past everything that was sent.
                let stats = reading.rx.stats();
                let passed = reading.rx.position().wrapping_sub(base.position()) & POSITIONS;
                assert_eq!(passed, stats.sent);
                assert!(index > 0 || reading.rx.lost() + reading.rx.skipped() >= stats.dropped);
            });
        }
        drop(tx);
        senders.into_iter().map(|sender| sender.join().expect("a sender")).sum::<u64>()
    });
    assert_eq!(rx.stats().sent, sent);
    (sent, received.load(Relaxed))
}

fn rounds<T: Tick>(test: &'static str, rounds: usize, messages: u64, threads: &[(usize, usize)]) {
    let (watch, mut random) = Watch::new(test);
    let (mut sums, rounds) = ((0, 0), rounds * scale());
    for number in 0..rounds {
        let (senders, receivers) = threads[random.below(threads.len())];
        let close = (random.below(2) == 0).then(|| random.below(2) == 0);
        let plan = Plan { senders, receivers, each: messages / senders as u64, close };
        watch.step((number, plan));
        let (sent, received) = round::<T>(plan, &mut random);
        sums = (sums.0 + sent, sums.1 + received);
    }
    watch.done(&format!("{} messages, received {} times, in {rounds} rounds", sums.0, sums.1));
}

#[test]
fn handles_come_and_go() {
    rounds::<[u32; 4]>("stress lossy", 60, 10_000, &[(1, 1), (2, 2), (4, 4), (8, 8)]);
}

/// Half a word; and half a kilobyte, which is easily torn.
#[test]
fn small_and_large_messages() {
    rounds::<[u32; 1]>("stress lossy, small", 20, 10_000, &[(2, 2)]);
    rounds::<[u32; 128]>("stress lossy, large", 20, 10_000, &[(2, 2)]);
}
