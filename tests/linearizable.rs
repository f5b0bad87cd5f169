//! Short histories of real threads, each checked for an order in which its calls could have happened one by one.
//!
//! What is checked stands in `common/history.rs`. Neither channel keeps the strict rules, by which a call does all that a queue allows;
//! the rules that each is checked by are the narrowest ones that hold, argued from the rings and seen in these runs:
//!
//! * **`Empty` behind a send** (`mpsc`, `mpmc`). A send happens when it claims its slots, not when it publishes them. A receiver
//!   finds nothing while the *first* message in the queue is claimed and not published, though later ones are; never while a part
//!   of a run was taken. Were `Empty` allowed behind any unfinished send, a receiver that overlooks what is published first would
//!   go unnoticed.
//! * **`Full` behind a receive** (`mpmc`). A receive happens when it claims its messages; their slots are free when it has moved
//!   them out, and senders take slots in the order of positions. So a sender finds no room while the receive of the message in
//!   the *next* slot is unfinished, though others that came after it have answered, and even though the queue has been found empty.
//!   In `mpsc` a receive happens when it releases, and `Full` is strict: the queue, with what is claimed, was full. A batch of
//!   sends is short for the same reasons. It happens when it counts the room, though it claims it a little later.
//! * **A short drain** (both). It ends where a run ends. In `mpsc` only if what comes next was still being sent when the drain
//!   was called (it looks first and releases after); in `mpmc`, where it happens when it looks, if that is still being sent then,
//!   or if the next run is longer than what is left of the drain, or the first was taken in part.
//!
//! Everything else is strict: one queue for all threads, runs of messages sent in one piece and taken in one piece, nothing lost,
//! doubled or out of order, and at the end all slots free. Each test prints how many histories needed each rule, and the shortest
//! that did: about one in eight of `mpsc` and one in three of `mpmc` break the strict rules, nearly all because a thread paused with
//! a batch open, which these runs make it do on purpose. Gaps of a few instructions are seldom hit here; the models explore those.
//!
//! Batches come from iterators that know their length: there are no skip marks, so that positions are messages.

mod common;
#[path = "common/history.rs"]
mod history;

use common::Random;
use history::{History, Kind, Op, Rules, Stuck};
use ringway::{Builder, Sink, Source};
use std::hint::spin_loop;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const MPSC: Rules = Rules { empty_behind_a_send: true, short_drain_beside_a_send: true, ..Rules::STRICT };

const MPMC: Rules = Rules {
    empty_behind_a_send: true,
    full_behind_a_receive: true,
    short_drain_behind_a_send: true,
    short_drain_between_runs: true,
    ..Rules::STRICT
};

/// Rounds without the threads being started anew, and how often.
const ROUNDS: usize = 50;
const BLOCKS: usize = 160;
const TIME_LIMIT: Duration = Duration::from_secs(7);

static CLOCK: AtomicU64 = AtomicU64::new(0);

fn tick() -> u64 {
    CLOCK.fetch_add(1, Ordering::SeqCst)
}

#[derive(Clone, Copy)]
enum Pause {
    None,
    Spin(usize),
    Yield,
}

impl Pause {
    fn random(random: &mut Random) -> Self {
        match random.below(4) {
            0 | 1 => Self::None,
            2 => Self::Spin(random.below(200)),
            _ => Self::Yield,
        }
    }

    fn pause(self) {
        match self {
            Self::None => {}
            Self::Spin(times) => (0..times).for_each(|_| spin_loop()),
            Self::Yield => thread::yield_now(),
        }
    }
}

struct Step {
    kind: Kind,
    asked: usize,
    before: Pause,
    /// While a batch is open: the iterator runs between claim and publication, the closure between claim and release.
    inside: Pause,
}

/// What one thread does in a round.
struct Part<S, R> {
    thread: usize,
    tx: Option<S>,
    rx: Option<R>,
    steps: Vec<Step>,
    ops: Vec<Op>,
    /// The number of its next message.
    next: u8,
}

impl<S: Sink<u8>, R: Source<Item = u8>> Part<S, R> {
    fn random(random: &mut Random, thread: usize, capacity: usize, tx: Option<S>, rx: Option<R>) -> Self {
        let steps = (0..3 + random.below(4))
            .map(|_| {
                let sends = rx.is_none() || tx.is_some() && random.below(2) == 0;
                let (kind, asked) = match (sends, random.below(2) == 0) {
                    (true, true) => (Kind::TrySend, 1),
                    (true, false) => (Kind::TrySendIter, 1 + random.below(capacity + 1)),
                    (false, true) => (Kind::TryRecv, 1),
                    (false, false) => (Kind::Drain, 1 + random.below(capacity + 1)),
                };
                Step { kind, asked, before: Pause::random(random), inside: Pause::random(random) }
            })
            .collect();
        Self { thread, tx, rx, steps, ops: Vec::with_capacity(32), next: thread as u8 * 40 }
    }

    fn run(&mut self) {
        for step in std::mem::take(&mut self.steps) {
            step.before.pause();
            self.step(&step);
        }
    }

    /// Gives the number of messages sent or received.
    fn step(&mut self, &Step { kind, asked, inside, .. }: &Step) -> usize {
        const NO_HANDLE: &str = "steps that its handles can do";
        let mut messages = Vec::with_capacity(asked);
        let numbers = self.next..self.next + asked as u8;
        let call = tick();
        match kind {
            Kind::TrySend => {
                if self.tx.as_mut().expect(NO_HANDLE).try_send(self.next).is_ok() {
                    messages.push(self.next);
                }
            }
            Kind::TrySendIter => {
                let mut numbers = numbers.clone().inspect(|_| inside.pause());
                let sent = self.tx.as_mut().expect(NO_HANDLE).try_send_iter(&mut numbers).expect("nobody closes");
                messages.extend(self.next..self.next + sent as u8);
            }
            Kind::TryRecv => messages.extend(self.rx.as_mut().expect(NO_HANDLE).try_recv()),
            Kind::Drain => {
                self.rx.as_mut().expect(NO_HANDLE).drain(asked, |message| {
                    inside.pause();
                    messages.push(message);
                });
            }
        }
        let time = call..tick();
        self.next = numbers.end;
        let n = messages.len();
        self.ops.push(Op { thread: self.thread, kind, asked, messages, time });
        n
    }
}

/// Lets threads start together, as near as can be.
#[derive(Default)]
struct Start {
    arrived: AtomicUsize,
    given_up: AtomicBool,
}

impl Start {
    fn wait_for(&self, arrivals: usize) {
        self.arrived.fetch_add(1, Ordering::AcqRel);
        for spins in 0_u64.. {
            if self.arrived.load(Ordering::Acquire) >= arrivals {
                return;
            }
            assert!(!self.given_up.load(Ordering::Relaxed), "another thread has panicked");
            if spins % 64 == 63 { thread::yield_now() } else { spin_loop() }
        }
    }
}

/// Releases those who wait for a thread that panics.
struct GiveUp<'a>(&'a Start);

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.0.given_up.store(thread::panicking(), Ordering::Relaxed);
    }
}

/// Runs one round after the other, each with a part for every thread; gives their parts back.
fn run<S: Sink<u8> + Send, R: Source<Item = u8> + Send>(rounds: Vec<Vec<Part<S, R>>>) -> Vec<Vec<Part<S, R>>> {
    let (start, threads) = (Start::default(), rounds[0].len());
    let mut lanes: Vec<Vec<_>> = (0..threads).map(|_| Vec::new()).collect();
    let count = rounds.len();
    for parts in rounds {
        parts.into_iter().zip(&mut lanes).for_each(|(part, lane)| lane.push(part));
    }
    let mut done: Vec<_> = thread::scope(|scope| {
        let start = &start;
        let spawn = |mut lane: Vec<Part<S, R>>| {
            scope.spawn(move || {
                let _give_up = GiveUp(start);
                for (round, part) in lane.iter_mut().enumerate() {
                    start.wait_for((round + 1) * threads);
                    part.run();
                }
                lane.into_iter()
            })
        };
        let handles: Vec<_> = lanes.into_iter().map(spawn).collect();
        handles.into_iter().map(|handle| handle.join().expect("no call panics")).collect()
    });
    (0..count).map(|_| done.iter_mut().filter_map(Iterator::next).collect()).collect()
}

/// When all is done, takes what is left, and then fills the channel: every slot must have come back.
fn finish<S: Sink<u8>, R: Source<Item = u8>>(capacity: usize, mut parts: Vec<Part<S, R>>) -> History {
    let step = |kind, asked| Step { kind, asked, before: Pause::None, inside: Pause::None };
    let tx = parts.iter_mut().find_map(|part| part.tx.take());
    let rx = parts.iter_mut().find_map(|part| part.rx.take());
    let mut last = Part { thread: parts.len(), tx, rx, steps: Vec::new(), ops: Vec::new(), next: 200 };
    while last.step(&step(Kind::Drain, capacity)) > 0 {}
    last.step(&step(Kind::TryRecv, 1));
    last.step(&step(Kind::TrySendIter, capacity + 1));
    History { capacity, ops: parts.into_iter().chain([last]).flat_map(|part| part.ops).collect() }
}

/// Checks many short runs. `channel` gives the handles for so many threads: each at least one, some both.
fn explore<S, R>(test: &str, rules: Rules, channel: impl Fn(Builder, &mut Random, usize) -> Vec<(Option<S>, Option<R>)>)
where
    S: Sink<u8> + Send,
    R: Source<Item = u8> + Send,
{
    let mut random = Random::new(test);
    let (mut checked, mut overlapping, mut strict, mut several) = (0, 0, 0, 0);
    let mut needed: Vec<_> = rules.without_one().map(|(name, _)| (name, 0, None::<History>)).collect();
    let began = Instant::now();
    for _ in 0..BLOCKS {
        if began.elapsed() > TIME_LIMIT {
            break;
        }
        let threads = 2 + random.below(3);
        let (capacities, rounds): (Vec<_>, Vec<_>) = (0..ROUNDS)
            .map(|_| {
                let capacity = 1 << random.below(3);
                let start = [0, (1 << 32) - 8, (1_u64 << 63) - 8, u64::MAX - 7][random.below(4)];
                let handles = channel(Builder::new(capacity).start_at(start), &mut random, threads);
                let part = |(thread, (tx, rx))| Part::random(&mut random, thread, capacity, tx, rx);
                (capacity, handles.into_iter().enumerate().map(part).collect::<Vec<_>>())
            })
            .unzip();
        for (capacity, parts) in capacities.into_iter().zip(run(rounds)) {
            let history = finish(capacity, parts);
            if let Err(Stuck(order)) = history.linearize(rules) {
                panic!("{test}: not linearizable. The longest beginning is {order:?} of\n{history}");
            }
            checked += 1;
            overlapping += usize::from(history.has_overlaps());
            if history.linearize(Rules::STRICT).is_ok() {
                strict += 1;
                continue;
            }
            let without = rules.without_one().zip(&mut needed);
            let Some((_, (_, count, example))) = without.into_iter().find(|((_, r), _)| history.linearize(*r).is_err())
            else {
                several += 1;
                continue;
            };
            *count += 1;
            if example.as_ref().is_none_or(|example| example.ops.len() > history.ops.len()) {
                *example = Some(history);
            }
        }
    }
    println!(
        "{test}: {checked} histories in {:.1} s, {overlapping} with overlapping calls; {strict} keep the strict rules",
        began.elapsed().as_secs_f32()
    );
    println!("{several} need one of several rules, any of which would do");
    for (name, count, example) in &needed {
        println!("{count} need: {name}");
        if let Some(example) = example {
            println!("{example}");
        }
    }
    assert!(checked >= ROUNDS && overlapping > checked / 10, "threads that hardly ever meet show nothing");
}

#[test]
fn mpsc_histories_are_linearizable() {
    explore("mpsc_histories_are_linearizable", MPSC, |builder, random, threads| {
        let (tx, rx) = builder.mpsc().expect("a valid channel");
        // The receiver may send as well.
        let receiver = (random.below(4) == 0).then(|| tx.clone());
        let mut handles = vec![(receiver, Some(rx))];
        handles.extend((1..threads).map(|_| (Some(tx.clone()), None)));
        handles
    });
}

#[test]
fn v21_mpmc_history_is_linearizable() {
    explore("v21_mpmc_history_is_linearizable", MPMC, |builder, random, threads| {
        let (tx, rx) = builder.mpmc().expect("a valid channel");
        let mut handles: Vec<_> = (0..threads)
            .map(|_| match random.below(4) {
                0 => (Some(tx.clone()), None),
                1 => (None, Some(rx.clone())),
                _ => (Some(tx.clone()), Some(rx.clone())),
            })
            .collect();
        // Somebody sends, and at least two receive.
        handles[0].0 = Some(tx);
        handles[0].1 = Some(rx.clone());
        handles[1].1 = Some(rx);
        handles
    });
}

fn send(thread: usize, time: Range<u64>, message: u8) -> Op {
    Op { thread, kind: Kind::TrySend, asked: 1, messages: vec![message], time }
}

fn full(thread: usize, time: Range<u64>) -> Op {
    Op { thread, kind: Kind::TrySend, asked: 1, messages: vec![], time }
}

fn send_iter(thread: usize, time: Range<u64>, asked: usize, sent: &[u8]) -> Op {
    Op { thread, kind: Kind::TrySendIter, asked, messages: sent.to_vec(), time }
}

fn recv(thread: usize, time: Range<u64>, message: u8) -> Op {
    Op { thread, kind: Kind::TryRecv, asked: 1, messages: vec![message], time }
}

fn empty(thread: usize, time: Range<u64>) -> Op {
    Op { thread, kind: Kind::TryRecv, asked: 1, messages: vec![], time }
}

fn drain(thread: usize, time: Range<u64>, asked: usize, got: &[u8]) -> Op {
    Op { thread, kind: Kind::Drain, asked, messages: got.to_vec(), time }
}

/// Whether a history is linearizable by the strict rules, those of `mpsc` and those of `mpmc`.
#[track_caller]
fn expect(capacity: usize, ops: Vec<Op>, expected: [bool; 3]) {
    let history = History { capacity, ops };
    let found = [Rules::STRICT, MPSC, MPMC].map(|rules| history.linearize(rules).is_ok());
    assert_eq!(found, expected, "strict, mpsc, mpmc: {history}");
}

const NO: [bool; 3] = [false; 3];
const YES: [bool; 3] = [true; 3];

#[test]
fn a_queue_is_linearizable() {
    expect(1, vec![], YES);
    expect(
        2,
        vec![send(0, 0..1, 1), send(0, 2..3, 2), full(0, 4..5), recv(1, 6..7, 1), recv(1, 8..9, 2), empty(1, 10..11)],
        YES,
    );
    // Calls that overlap happen in any order: the second send first, and the receive within the send.
    expect(2, vec![send(0, 0..9, 1), send(1, 1..8, 2), recv(2, 2..3, 2), recv(2, 4..5, 1), empty(2, 6..7)], YES);
    expect(2, vec![empty(2, 0..3), send(0, 1..2, 1), recv(2, 4..5, 1)], YES);
    expect(1, vec![send(0, 0..1, 1), full(0, 2..5), recv(1, 3..4, 1)], YES);
    expect(1, vec![send(0, 0..1, 1), send(0, 2..5, 2), recv(1, 3..4, 1)], YES);
    expect(4, vec![send_iter(0, 0..1, 9, &[1, 2, 3, 4]), drain(1, 2..3, 3, &[1, 2, 3]), drain(1, 4..5, 3, &[4])], YES);
    // Two runs, each in one piece.
    let runs = vec![send_iter(0, 0..9, 2, &[1, 2]), send_iter(1, 1..8, 2, &[3, 4]), drain(2, 10..11, 4, &[3, 4, 1, 2])];
    expect(4, runs, YES);
}

#[test]
fn lost_doubled_and_invented_messages_are_found() {
    expect(2, vec![send(0, 0..1, 1), send(0, 2..3, 2), recv(1, 4..5, 2), empty(1, 6..7)], NO);
    expect(2, vec![send(0, 0..1, 1), empty(1, 2..3)], NO);
    expect(2, vec![send(0, 0..1, 1), recv(1, 2..5, 1), recv(2, 3..4, 1)], NO);
    expect(2, vec![send(0, 0..1, 1), recv(1, 2..3, 7)], NO);
    expect(2, vec![recv(1, 0..1, 1), send(0, 2..3, 1)], NO);
    // More than fits.
    expect(1, vec![send(0, 0..1, 1), send(0, 2..3, 2)], NO);
    expect(2, vec![send(0, 0..1, 1), send_iter(0, 2..3, 2, &[2, 3]), recv(1, 4..5, 1)], NO);
}

#[test]
fn messages_out_of_order_are_found() {
    expect(2, vec![send(0, 0..1, 1), send(0, 2..3, 2), recv(1, 4..5, 2), recv(1, 6..7, 1)], NO);
    // Of two senders, one after the other; of two receivers, one after the other.
    expect(2, vec![send(0, 0..1, 1), send(1, 2..3, 2), recv(2, 4..5, 2), recv(3, 6..7, 1)], NO);
    // Two receivers that overlap may take them either way.
    expect(2, vec![send(0, 0..1, 1), send(1, 2..3, 2), recv(2, 4..7, 2), recv(3, 5..6, 1)], YES);
    // No order of the sends suits both receivers.
    let ops = vec![
        send(0, 0..9, 1),
        send(1, 1..8, 2),
        send(1, 10..11, 3),
        recv(2, 12..13, 1),
        recv(2, 14..15, 3),
        recv(3, 16..17, 2),
    ];
    expect(4, ops, NO);
}

#[test]
fn batches_torn_apart_are_found() {
    let runs =
        |got: &[u8]| vec![send_iter(0, 0..9, 2, &[1, 2]), send_iter(1, 1..8, 2, &[3, 4]), drain(2, 10..11, 4, got)];
    expect(4, runs(&[1, 2, 3, 4]), YES);
    expect(4, runs(&[1, 3, 2, 4]), NO);
    // Half a run is never all there is.
    expect(4, vec![send_iter(0, 0..5, 2, &[1, 2]), recv(1, 1..2, 1), empty(1, 3..4)], NO);
    expect(4, vec![send_iter(0, 0..5, 3, &[1, 2, 3]), drain(1, 1..2, 4, &[1, 2])], NO);
    // What one receiver takes at once has nothing of another's in between.
    expect(4, vec![send_iter(0, 0..1, 3, &[1, 2, 3]), drain(1, 2..5, 2, &[1, 3]), recv(2, 3..4, 2)], NO);
}

#[test]
fn empty_is_allowed_behind_a_send_only() {
    // 1 is claimed and hides 2, which was sent later.
    let hidden =
        |answer| vec![send(0, 0..answer, 1), send(1, 1..2, 2), empty(2, 3..5), recv(2, 8..9, 1), recv(2, 10..11, 2)];
    expect(2, hidden(6), [false, true, true]);
    expect(2, hidden(4), [false, true, true]);
    // Nothing is pending.
    expect(2, vec![send(0, 0..1, 1), send(1, 2..3, 2), empty(2, 4..5)], NO);
    // It is, but behind what was sent.
    expect(2, vec![send(0, 0..9, 1), send(1, 1..2, 2), empty(2, 3..4), recv(2, 5..6, 2), recv(2, 7..8, 1)], NO);
    // It was, and has answered before: then it was not hiding anything.
    let before = vec![send(0, 0..3, 1), send(1, 1..2, 2), empty(2, 4..5), recv(2, 6..7, 1), recv(2, 8..9, 2)];
    expect(2, before, NO);
    // Its answer came first, seen through a third call: the `Empty` comes after a receive that began after that.
    let through = vec![send(0, 0..4, 1), send(1, 1..2, 2), empty(2, 3..9), send(1, 5..6, 3), recv(2, 10..11, 1)];
    expect(4, through, [false, true, true]);
}

#[test]
fn full_is_allowed_behind_a_receive_only() {
    // The second receiver is done, the first holds the slot that comes next.
    let held = |answer, tries: Range<u64>| {
        vec![send(0, 0..1, 1), send(0, 2..3, 2), recv(1, 4..answer, 1), recv(2, 5..6, 2), full(0, tries)]
    };
    expect(2, held(9, 7..8), [false, false, true]);
    expect(2, held(8, 7..9), [false, false, true]);
    expect(2, held(7, 8..9), NO);
    // The other way round there is room.
    expect(2, vec![send(0, 0..1, 1), send(0, 2..3, 2), recv(1, 4..5, 1), recv(2, 6..9, 2), full(0, 7..8)], NO);
    // Found empty, and full all the same.
    let both = vec![send(0, 0..1, 1), recv(1, 2..9, 1), empty(2, 3..4), full(0, 5..6)];
    expect(1, both, [false, false, true]);
}

#[test]
fn short_batches_are_allowed_beside_others_only() {
    // 1 was received after the room was counted and before it was claimed.
    let fewer =
        |sends: Range<u64>| vec![send(0, 0..1, 1), recv(1, 3..4, 1), empty(1, 10..11), send_iter(0, sends, 2, &[2])];
    expect(2, fewer(2..13), [false, true, true]);
    expect(2, fewer(12..13), NO);
    // 2 has given its slot back and 1 has not.
    let held = |answer, sends| {
        let received = [send_iter(0, 0..1, 3, &[1, 2, 3]), recv(1, 4..answer, 1), recv(2, 5..6, 2)];
        received.into_iter().chain([send_iter(0, sends, 3, &[4])]).collect()
    };
    expect(4, held(9, 7..8), [false, false, true]);
    expect(4, held(7, 8..9), NO);
    // What comes next was still being sent when the drain was called. That `Full` was answered after it was sent tells that the
    // drain had not happened then.
    let beside = |sent| {
        let runs = [send_iter(0, 0..1, 2, &[1, 2]), send_iter(1, sent, 2, &[3, 4])];
        runs.into_iter().chain([drain(2, 5..13, 4, &[1, 2]), full(0, 8..9)]).collect()
    };
    expect(4, beside(3..7), [false, true, true]);
    expect(4, beside(3..4), NO);
    // What comes next was there.
    let there = |asked, got: &[u8]| {
        let runs = [send_iter(0, 0..1, 2, &[1, 2]), send_iter(0, 2..3, 2, &[3, 4])];
        runs.into_iter().chain([drain(1, 4..5, asked, got)]).collect()
    };
    expect(4, there(4, &[1, 2, 3, 4]), YES);
    expect(4, there(4, &[1, 2]), NO);
    expect(4, there(4, &[1]), NO);
    expect(4, there(3, &[1, 2, 3]), YES);
    expect(4, there(3, &[1, 2]), [false, false, true]);
    // The first run was split, before or perhaps beside the drain.
    let split =
        |first: Op, got: &[u8]| vec![send_iter(0, 0..1, 2, &[1, 2]), send(0, 2..3, 3), first, drain(2, 6..9, 4, got)];
    expect(4, split(recv(1, 4..5, 1), &[2, 3]), YES);
    expect(4, split(recv(1, 4..5, 1), &[2]), [false, false, true]);
    expect(4, split(recv(1, 7..10, 3), &[1, 2]), [false, false, true]);
    expect(4, split(recv(1, 10..11, 3), &[1, 2]), NO);
}
