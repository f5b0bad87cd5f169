//! Receivers that compete: what one leaves in a batch, and everything at once on real threads.

mod common;

use common::{Drops, Random, Value, panics};
use ringway::mpmc::{Receiver, Sender, channel};
use ringway::{Batch, Builder, ChannelStats, RecvTimeoutError, TryRecvError, TrySendError};
use std::collections::VecDeque;
use std::mem;
use std::thread;
use std::time::Duration;

/// Where positions are about to wrap, in one form or another.
const STARTS: [u64; 4] = [0, (1 << 32) - 8, (1 << 63) - 8, u64::MAX - 7];

fn channel_at<T>(capacity: usize, start: u64) -> (Sender<T>, Receiver<T>) {
    Builder::new(capacity).start_at(start).mpmc().expect("a valid channel")
}

fn all<T>(rx: &mut Receiver<T>) -> Vec<T> {
    rx.try_iter().collect()
}

/// Sent, received, dropped, aborted.
fn figures(stats: ChannelStats) -> [u64; 4] {
    [stats.sent, stats.received, stats.dropped, stats.aborted]
}

#[test]
fn what_is_left_of_a_batch_is_nobody_elses() {
    for start in STARTS {
        let (mut tx, mut rx) = channel_at(4, start);
        let mut other = rx.clone();
        tx.try_send_iter(&mut (0..4)).unwrap();
        let mut batch = rx.try_batch(3).unwrap();
        assert_eq!(batch.next(), Some(0));
        drop(batch);
        // The others get what was not claimed; a clone gets nothing of its original's.
        assert_eq!(all(&mut other), [3]);
        assert_eq!(all(&mut rx.clone()), []);
        // 3 was received but lies behind a claim: its slot counts, the message does not.
        assert_eq!((tx.len(), figures(tx.stats())), (3, [4, 2, 0, 0]));
        assert_eq!(tx.stats().in_flight(), 2);
        assert_eq!(tx.try_send_iter(&mut (4..9)), Ok(1));
        assert!(tx.is_full() && tx.try_send(9).unwrap_err().is_full());
        // What it left comes first, whatever it is asked for with, and however many.
        assert_eq!(rx.try_batch(1).unwrap().as_slices().0, [1]);
        assert_eq!(rx.try_recv(), Ok(1));
        let batch = rx.try_batch(4).unwrap();
        assert_eq!(batch.len(), 1);
        drop(batch);
        assert_eq!(other.try_recv(), Ok(4));
        // It passes to another when the handle goes, out of order.
        tx.try_send(5).unwrap();
        drop(rx);
        assert_eq!(all(&mut other), [2, 5]);
        assert_eq!((tx.len(), figures(tx.stats())), (0, [6, 6, 0, 0]));
    }
}

#[test]
fn what_is_left_passes_on_and_on() {
    for start in STARTS {
        let (mut tx, rx) = channel_at(8, start);
        tx.try_send_iter(&mut (0..8)).unwrap();
        // Each takes one of what the one before had left.
        for n in 0..6 {
            let mut leaver = rx.clone();
            assert_eq!(leaver.try_batch(8).unwrap().next(), Some(n));
            assert_eq!(tx.len(), 7 - n);
        }
        // What was left comes before what is sent later, and never together with it.
        tx.try_send(8).unwrap();
        let mut last = rx.clone();
        let mut batches = Vec::new();
        while let Ok(batch) = last.try_batch(8) {
            batches.push(batch.collect::<Vec<_>>());
        }
        assert_eq!(batches, [vec![6, 7], vec![8]]);
        assert_eq!(figures(tx.stats()), [9, 9, 0, 0]);
    }
}

/// Who takes over what was left gets no more of it than it asks for: the rest is there for the others.
#[test]
fn a_receiver_takes_over_no_more_than_it_asks_for() {
    let (mut tx, mut rx) = channel(4);
    let (mut leaver, mut other) = (rx.clone(), rx.clone());
    tx.try_send_iter(&mut (0..4)).unwrap();
    assert_eq!(leaver.try_batch(4).map(|batch| batch.len()), Ok(4));
    drop(leaver);
    assert_eq!(rx.try_recv(), Ok(0));
    assert_eq!(other.try_recv(), Ok(1));
}

#[test]
fn several_leave_at_different_places() {
    let (mut tx, mut rx) = channel(8);
    tx.try_send_iter(&mut (0..8)).unwrap();
    let mut receivers: Vec<_> = (0..4).map(|_| rx.clone()).collect();
    for (n, receiver) in receivers.iter_mut().enumerate() {
        assert_eq!(receiver.try_batch(2).unwrap().as_slices().0, [2 * n, 2 * n + 1]);
    }
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    drop(receivers.remove(2)); // 4 and 5
    assert_eq!((receivers[0].try_recv(), rx.try_recv()), (Ok(0), Ok(4)));
    drop(receivers.remove(0)); // 1
    let mut other = rx.clone();
    assert_eq!((other.try_recv(), other.try_recv(), other.try_recv()), (Ok(1), Ok(5), Err(TryRecvError::Empty)));
    drop(receivers); // 2, 3, 6, 7
    let mut rest = all(&mut rx);
    rest.sort_unstable();
    assert_eq!(rest, [2, 3, 6, 7]);
    assert_eq!((tx.len(), tx.stats().received), (0, 8));
}

#[test]
fn an_open_claim_holds_up_the_end() {
    for leave in [false, true] {
        let (mut tx, mut rx) = channel(4);
        let mut other = rx.clone();
        tx.try_send_iter(&mut (0..2)).unwrap();
        assert_eq!(rx.try_batch(2).map(|batch| batch.len()), Ok(2));
        drop(tx);
        let empty = |other: &mut Receiver<u32>| {
            assert_eq!(other.try_recv(), Err(TryRecvError::Empty));
            assert_eq!(other.try_batch(1).unwrap_err(), TryRecvError::Empty);
            assert_eq!(other.try_batch(0).unwrap_err(), TryRecvError::Empty);
            assert_eq!(other.recv_timeout(Duration::from_millis(1)), Err(RecvTimeoutError::Timeout));
        };
        empty(&mut other);
        assert_eq!(rx.try_recv(), Ok(0));
        empty(&mut other);
        if leave {
            drop(rx);
            assert_eq!(other.recv(), Ok(1));
        } else {
            let mut batch = rx.try_batch(1).unwrap();
            batch.commit_all();
            empty(&mut other);
            drop(batch);
        }
        assert_eq!(other.try_batch(0).unwrap_err(), TryRecvError::Disconnected);
        assert_eq!(other.try_recv(), Err(TryRecvError::Disconnected));
        assert!(other.recv().is_err());
    }
}

#[test]
fn a_forgotten_batch_is_settled_by_the_next_call_or_the_drop() {
    for drop_it in [false, true] {
        let drops = Drops::new(4);
        let (mut tx, mut rx) = channel(4);
        let mut other = rx.clone();
        tx.try_send_iter(&mut drops.values(4)).unwrap();
        let mut batch = rx.try_batch(4).unwrap();
        drop(batch.next());
        batch.commit(1);
        mem::forget(batch);
        assert!(other.try_recv().is_err() && tx.is_full());
        let rest = if drop_it {
            drop(rx);
            assert_eq!(tx.len(), 2);
            all(&mut other)
        } else {
            let rest = all(&mut rx);
            assert!(other.try_recv().is_err());
            rest
        };
        assert_eq!(rest.iter().map(|value| value.number).collect::<Vec<_>>(), [2, 3]);
        drop(rest);
        drops.assert_each_once();
        assert_eq!((tx.len(), figures(tx.stats())), (0, [4, 4, 0, 0]));
    }
}

#[test]
fn a_batch_of_none_claims_nothing() {
    let (mut tx, mut rx) = channel(2);
    assert_eq!(rx.try_batch(0).unwrap_err(), TryRecvError::Empty);
    tx.try_send(1).unwrap();
    assert_eq!(rx.try_batch(0).unwrap_err(), TryRecvError::Empty);
    assert_eq!(rx.drain(0, drop), 0);
    assert_eq!(rx.clone().try_recv(), Ok(1));
    tx.close();
    assert_eq!(rx.try_batch(0).unwrap_err(), TryRecvError::Disconnected);
}

#[test]
fn marks_end_a_batch() {
    for start in STARTS {
        let (mut tx, mut rx) = channel_at(16, start);
        let mut other = rx.clone();
        tx.try_send_iter(&mut (0..2)).unwrap();
        drop(tx.try_reserve(3).unwrap());
        let mut slots = tx.try_reserve(4).unwrap();
        (2..4).for_each(|n| slots.push(n).unwrap());
        slots.commit();
        tx.try_send(4).unwrap();
        drop(tx.try_reserve(2).unwrap());
        let batch = |rx: &mut Receiver<u32>| rx.try_batch(usize::MAX).unwrap().collect::<Vec<_>>();
        assert_eq!([batch(&mut rx), batch(&mut other), batch(&mut rx)], [vec![0, 1], vec![2, 3], vec![4]]);
        assert!(other.try_batch(1).is_err());
        assert_eq!((tx.len(), figures(tx.stats())), (0, [5, 5, 0, 7]));
        // A mark before a batch that is held is settled already.
        drop(tx.try_reserve(15).unwrap());
        tx.try_send(5).unwrap();
        let batch = rx.try_batch(8).unwrap();
        assert_eq!((tx.len(), figures(tx.stats())), (1, [6, 5, 0, 22]));
        drop(batch);
    }
}

#[test]
fn a_run_is_received_in_parts() {
    for start in STARTS {
        let (mut tx, rx) = channel_at(16, start);
        tx.try_send_iter(&mut (0..5)).unwrap();
        tx.try_send_iter(&mut (5..7)).unwrap();
        tx.try_send(7).unwrap();
        let mut batches = Vec::new();
        for max in [1, 2, 1, 3, 1] {
            batches.push(rx.clone().try_batch(max).unwrap().collect::<Vec<_>>());
        }
        // A batch ends where it was wanted to, whatever the runs were.
        assert_eq!(batches, [vec![0], vec![1, 2], vec![3], vec![4, 5, 6], vec![7]]);
        assert_eq!(tx.len(), 0);
    }
}

#[test]
fn a_panic_in_a_commit_harms_only_its_batch() {
    for bomb in 0..3 {
        let drops = Drops::new(6);
        let (mut tx, mut rx) = channel(8);
        let mut other = rx.clone();
        let mut values = (0..6).map(|n| if n == bomb { drops.bomb(n) } else { drops.value(n) });
        tx.try_send_iter(&mut values).unwrap();
        assert!(panics(|| rx.try_batch(5).unwrap().commit(3)));
        assert_eq!((drops.all(), tx.len()), (vec![1, 1, 1, 0, 0, 0], 3));
        assert_eq!(other.try_recv().unwrap().number, 5);
        assert_eq!(rx.try_recv().unwrap().number, 3);
        drop(rx);
        assert_eq!(other.try_recv().unwrap().number, 4);
        assert!(other.try_recv().is_err());
        drops.assert_each_once();
        assert_eq!((tx.len(), figures(tx.stats())), (0, [6, 6, 0, 0]));
    }
}

/// What the others have left, what the last had claimed itself and what nobody had claimed: dropped with the last, in
/// spite of a panic, and counted.
#[test]
fn the_last_receiver_drops_everything() {
    for bomb in 0..7 {
        let drops = Drops::new(7);
        let (mut tx, mut rx) = channel(8);
        let values = (0..7).map(|n| if n == bomb { drops.bomb(n) } else { drops.value(n) });
        values.for_each(|value| tx.try_send(value).unwrap());
        let mut leaver = rx.clone();
        assert_eq!(leaver.try_batch(2).unwrap().len(), 2);
        assert_eq!(rx.try_batch(3).unwrap().len(), 3);
        drop(leaver);
        assert_eq!(drops.all(), [0; 7]);
        assert!(panics(|| drop(rx)));
        drops.assert_each_once();
        assert_eq!((tx.len(), figures(tx.stats())), (0, [7, 0, 7, 0]));
        assert!(tx.is_disconnected());
    }
}

/// What the threads send: told apart by a number, unless it has no size.
trait Payload: Send + Sized + 'static {
    fn make(number: usize, drops: &Drops) -> Self;
    fn number(&self) -> Option<usize>;
}

impl Payload for Value {
    fn make(number: usize, drops: &Drops) -> Self {
        drops.value(number)
    }

    fn number(&self) -> Option<usize> {
        Some(self.number)
    }
}

/// 256 bytes; a torn one is no message.
struct Large([usize; 32]);

impl Payload for Large {
    fn make(number: usize, _: &Drops) -> Self {
        Self([number; 32])
    }

    fn number(&self) -> Option<usize> {
        assert_eq!(self.0, [self.0[0]; 32], "torn");
        Some(self.0[0])
    }
}

impl Payload for () {
    fn make(_: usize, _: &Drops) {}

    fn number(&self) -> Option<usize> {
        None
    }
}

/// How it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The senders have sent everything and go.
    Senders,
    /// One of the senders closes it at some moment, or one of the receivers.
    CloseBySender,
    CloseByReceiver,
    /// The receivers go, one after the other.
    Receivers,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    handles: usize,
    capacity: usize,
    start: u64,
    /// Messages that each sender makes.
    messages: usize,
    /// Whether receivers go with open batches.
    leave: bool,
    end: End,
}

/// A generator of its own for each thread.
fn split(random: &mut Random) -> Random {
    let mut own = random.clone();
    (0..random.below(4096)).for_each(|_| {
        own.below(1);
    });
    own
}

/// What a sender knows at its end.
#[derive(Default)]
struct Sent {
    made: usize,
    /// The numbers that went in, in order.
    numbers: Vec<usize>,
    aborted: u64,
}

fn sender<P: Payload>(mut tx: Sender<P>, index: usize, plan: Plan, drops: &Drops, random: &mut Random) -> Sent {
    let mut sent = Sent::default();
    let closes = (plan.end == End::CloseBySender && index == 0).then(|| random.below(plan.messages));
    while sent.made < plan.messages {
        if closes.is_some_and(|at| sent.made >= at) {
            tx.close();
        }
        let left = plan.messages - sent.made;
        let first = index * plan.messages + sent.made;
        match random.below(6) {
            0 => match tx.try_send(P::make(first, drops)) {
                Ok(()) => {
                    sent.numbers.push(first);
                    sent.made += 1;
                }
                Err(TrySendError::Full(message)) => {
                    // The message came back, the same.
                    assert!(message.number().is_none_or(|number| number == first));
                    sent.made += 1;
                    thread::yield_now();
                }
                Err(_) => {
                    sent.made += 1;
                    break;
                }
            },
            1 => {
                sent.made += 1;
                if tx.send(P::make(first, drops)).is_err() {
                    break;
                }
                sent.numbers.push(first);
            }
            2 => {
                let mut messages = (first..first + left.min(1 + random.below(6))).map(|number| P::make(number, drops));
                let Ok(n) = tx.try_send_iter(&mut messages) else { break };
                sent.numbers.extend(first..first + n);
                sent.made += n;
                if n == 0 {
                    thread::yield_now();
                }
            }
            settle => {
                let n = 1 + random.below(plan.capacity.min(6));
                match tx.try_reserve(n) {
                    Ok(mut slots) => {
                        let pushed = random.below(n + 1).min(left);
                        for number in first..first + pushed {
                            assert!(slots.push(P::make(number, drops)).is_ok());
                        }
                        sent.made += pushed;
                        if settle == 3 {
                            slots.commit();
                            sent.numbers.extend(first..first + pushed);
                            sent.aborted += (n - pushed) as u64;
                        } else {
                            sent.aborted += n as u64;
                            // Until its next call, or its drop.
                            if settle == 4 { mem::forget(slots) } else { drop(slots) }
                        }
                    }
                    Err(ringway::ReserveError::TooFew { free }) => {
                        assert!(free < n);
                        thread::yield_now();
                    }
                    Err(ringway::ReserveError::TooLarge) => panic!("{n} of {}", plan.capacity),
                    Err(_) => break,
                }
            }
        }
    }
    sent
}

/// A receiver that knows what is its own.
struct Receiving<P: Payload> {
    rx: Receiver<P>,
    /// What it has left in its claim: how many, and their numbers unless they have none.
    kept: VecDeque<Option<usize>>,
    /// What it has taken, in order.
    taken: Vec<Option<usize>>,
}

impl<P: Payload> Receiving<P> {
    /// Notes a message that was taken, which is the next of what was kept, if there is any.
    fn took(&mut self, message: P) {
        let number = message.number();
        if let Some(kept) = self.kept.pop_front() {
            assert_eq!(kept, number, "not what it had kept");
        }
        self.taken.push(number);
    }

    /// True when the end was answered.
    fn answer(&mut self, received: Result<P, bool>) -> bool {
        match received {
            Ok(message) => self.took(message),
            Err(over) => {
                assert!(self.kept.is_empty(), "nothing, but it has kept {:?}", self.kept);
                if over {
                    return true;
                }
                thread::yield_now();
            }
        }
        false
    }

    /// A batch of which something is taken, something committed and something left. True when the end was answered.
    fn batch(&mut self, leave: bool, random: &mut Random) -> bool {
        let max = 1 + random.below(6);
        let over = match self.rx.try_batch(max) {
            Ok(batch) => return Self::take(batch, max, leave, &mut self.kept, &mut self.taken, random),
            Err(error) => error == TryRecvError::Disconnected,
        };
        self.answer(Err(over))
    }

    fn take(
        mut batch: Batch<'_, P>,
        max: usize,
        leave: bool,
        kept: &mut VecDeque<Option<usize>>,
        all: &mut Vec<Option<usize>>,
        random: &mut Random,
    ) -> bool {
        let (one, two) = batch.as_slices();
        let seen: Vec<_> = one.iter().chain(two).map(P::number).collect();
        assert!(seen.len() == batch.len() && (1..=max).contains(&seen.len()));
        assert!(kept.iter().zip(&seen).all(|(kept, seen)| kept == seen), "{kept:?} was kept, {seen:?} lent");
        if kept.is_empty() || (leave && kept.len() < seen.len()) {
            // Who takes over what another has left may have more of it than it knows of.
            *kept = seen.iter().copied().collect();
        }
        assert!(seen.len() == kept.len().min(max), "{kept:?} was kept, {seen:?} lent");
        let taken = random.below(seen.len() + 1);
        for number in &seen[..taken] {
            assert_eq!(batch.next().map(|message| message.number()), Some(*number));
        }
        let done = taken + random.below(seen.len() - taken + 1);
        batch.commit(done - taken);
        assert_eq!(batch.len(), seen.len() - done);
        if random.below(3) == 0 {
            mem::forget(batch);
        }
        all.extend(kept.drain(..done));
        false
    }

    /// Goes on with another handle, in place of this.
    fn exchange(&mut self, leave: bool) {
        if !leave {
            self.finish();
        }
        self.rx = self.rx.clone();
        self.kept.clear();
    }

    fn finish(&mut self) {
        while !self.kept.is_empty() {
            let message = self.rx.try_recv().expect("it has something of its own");
            self.took(message);
        }
    }
}

fn receiver<P: Payload>(rx: Receiver<P>, index: usize, plan: Plan, random: &mut Random) -> Vec<Option<usize>> {
    let mut it = Receiving { rx, kept: VecDeque::new(), taken: Vec::new() };
    let stops = (plan.end == End::Receivers).then(|| random.below(plan.messages));
    let closes = (plan.end == End::CloseByReceiver && index == 0).then(|| random.below(plan.messages));
    loop {
        if closes.is_some_and(|at| it.taken.len() >= at) {
            it.rx.close();
        }
        if stops.is_some_and(|at| it.taken.len() >= at) {
            if !plan.leave {
                it.finish();
            }
            break;
        }
        let over = match random.below(8) {
            0 => {
                let received = it.rx.try_recv().map_err(|error| error == TryRecvError::Disconnected);
                it.answer(received)
            }
            1 => {
                let received = it.rx.recv().map_err(|_| true);
                it.answer(received)
            }
            2 => {
                let timeout = Duration::from_micros(random.below(200) as u64);
                let received = it.rx.recv_timeout(timeout).map_err(|error| error == RecvTimeoutError::Disconnected);
                it.answer(received)
            }
            3 => {
                let (max, mut messages) = (1 + random.below(8), Vec::new());
                let kept = it.kept.len();
                let n = it.rx.drain(max, |message| messages.push(message));
                assert!(n == messages.len() && n <= max && n >= kept.min(max));
                assert!(n <= kept || kept == 0 || plan.leave);
                messages.into_iter().for_each(|message| it.took(message));
                false
            }
            4 => {
                it.exchange(plan.leave);
                false
            }
            _ => it.batch(plan.leave, random),
        };
        if over {
            break;
        }
    }
    it.taken
}

/// Everybody does everything at once; then the sums are done.
fn run<P: Payload>(plan: Plan, random: &mut Random) {
    let drops = Drops::new(plan.handles * plan.messages);
    let (tx, rx) = channel_at::<P>(plan.capacity, plan.start);
    // Who looks on must not keep it open, nor keep it from being closed.
    let (tx_looks, rx_looks) =
        if plan.end == End::Receivers { (Some(tx.clone()), None) } else { (None, Some(rx.clone())) };
    let mut senders = Vec::new();
    let mut receivers = Vec::new();
    for index in 0..plan.handles {
        let (tx, drops, mut own) = (tx.clone(), drops.clone(), split(random));
        senders.push(thread::spawn(move || sender(tx, index, plan, &drops, &mut own)));
        let (rx, mut own) = (rx.clone(), split(random));
        receivers.push(thread::spawn(move || receiver(rx, index, plan, &mut own)));
    }
    drop((tx, rx));
    let sent: Vec<_> = senders.into_iter().map(|sender| sender.join().expect("a sender")).collect();
    // Receivers that have not had enough yet.
    if let Some(tx) = &tx_looks {
        tx.close();
    }
    let taken: Vec<_> = receivers.into_iter().map(|receiver| receiver.join().expect("a receiver")).collect();

    let (stats, len) = match (&tx_looks, &rx_looks) {
        (Some(tx), _) => (tx.stats(), tx.len()),
        (_, Some(rx)) => (rx.stats(), rx.len()),
        _ => unreachable!("one of them looks on"),
    };
    let sent_messages = sent.iter().map(|sent| sent.numbers.len()).sum::<usize>();
    let received = taken.iter().map(Vec::len).sum::<usize>();
    assert_eq!((stats.sent, stats.received), (sent_messages as u64, received as u64), "{plan:?}");
    assert_eq!(stats.aborted, sent.iter().map(|sent| sent.aborted).sum::<u64>(), "{plan:?}");
    assert_eq!(stats.in_flight(), stats.sent - stats.received - stats.dropped);
    if plan.end != End::Receivers {
        assert_eq!((received, stats.dropped, len), (sent_messages, 0, 0), "{plan:?}");
    }

    // Unless receivers leave, each gets what a sender has sent in that order.
    let of = |number: usize| number / plan.messages;
    if !plan.leave {
        for taken in &taken {
            let mut last = vec![None; plan.handles];
            for number in taken.iter().flatten() {
                assert!(last[of(*number)] < Some(*number), "{number} after {:?}, {plan:?}", last[of(*number)]);
                last[of(*number)] = Some(*number);
            }
        }
    }
    let mut numbers: Vec<_> = taken.into_iter().flatten().flatten().collect();
    if mem::size_of::<P>() > 0 && plan.end != End::Receivers {
        numbers.sort_unstable();
        assert!(numbers.iter().eq(sent.iter().flat_map(|sent| &sent.numbers)), "{plan:?}");
    }
    drop((tx_looks, rx_looks));
    if mem::needs_drop::<P>() {
        for number in 0..plan.handles * plan.messages {
            let made = number % plan.messages < sent[of(number)].made;
            assert_eq!(drops.of(number), usize::from(made), "drops of {number}, {plan:?}");
        }
    }
}

/// With every number of handles, every capacity and every start.
fn run_all<P: Payload>(test: &str, messages: usize, leave: bool, ends: &[End]) {
    let mut random = Random::new(test);
    for handles in [1, 2, 4, 8] {
        for capacity in [1, 2, 8, 1024] {
            for start in &STARTS[1..] {
                let (start, messages) = (*start, messages / handles);
                let end = ends[random.below(ends.len())];
                run::<P>(Plan { handles, capacity, start, messages, leave, end }, &mut random);
            }
        }
    }
}

#[test]
fn every_message_once_and_in_order() {
    run_all::<Value>("every_message_once_and_in_order", 2_000, false, &[End::Senders]);
}

#[test]
fn every_message_once_where_receivers_leave() {
    run_all::<Value>("every_message_once_where_receivers_leave", 2_000, true, &[End::Senders]);
}

#[test]
fn messages_without_size_and_large_ones() {
    run_all::<()>("messages_without_size", 1_000, true, &[End::Senders]);
    run_all::<Large>("large_messages", 1_000, false, &[End::Senders]);
}

#[test]
fn closing_at_any_moment() {
    let ends = [End::CloseBySender, End::CloseByReceiver, End::Receivers];
    run_all::<Value>("closing_at_any_moment", 1_000, false, &ends);
}

#[test]
fn closing_at_any_moment_where_receivers_leave() {
    let ends = [End::CloseBySender, End::CloseByReceiver, End::Receivers];
    run_all::<Value>("closing_at_any_moment_where_receivers_leave", 1_000, true, &ends);
}

/// Some messages panic when they are dropped: in a commit, with their receiver, or with the last.
#[test]
fn panics_in_drops_lose_nothing() {
    const MESSAGES: usize = 400;
    let mut random = Random::new("panics_in_drops_lose_nothing");
    for close in [false, true] {
        let drops = Drops::new(MESSAGES);
        let (mut tx, rx) = channel(16);
        let receivers: Vec<_> = (0..4)
            .map(|_| {
                let (mut rx, mut random) = (rx.clone(), split(&mut random));
                let stop = if close { random.below(MESSAGES / 4) } else { usize::MAX };
                thread::spawn(move || {
                    let mut received = 0;
                    while received < stop {
                        let (max, mut over, mut len) = (1 + random.below(8), false, 0);
                        // The panic goes through the batch.
                        panics(|| match rx.try_batch(max) {
                            Ok(mut batch) => {
                                len = batch.len();
                                batch.commit_all();
                            }
                            Err(error) => over = error == TryRecvError::Disconnected,
                        });
                        if over {
                            break;
                        }
                        if len == 0 {
                            thread::yield_now();
                        }
                        received += len;
                    }
                    panics(|| drop(rx));
                    received
                })
            })
            .collect();
        panics(|| drop(rx));
        for n in 0..MESSAGES {
            let value = if n % 50 == 7 { drops.bomb(n) } else { drops.value(n) };
            if let Err(value) = tx.send(value) {
                panics(|| drop(value));
                (n + 1..MESSAGES).for_each(|n| drop(drops.value(n)));
                break;
            }
        }
        if !close {
            tx.close();
        }
        let received: usize = receivers.into_iter().map(|receiver| receiver.join().expect("a receiver")).sum();
        let stats = tx.stats();
        assert_eq!(stats.received, received as u64);
        assert_eq!(stats.in_flight(), stats.sent - stats.received - stats.dropped);
        panics(|| drop(tx));
        drops.assert_each_once();
    }
}
