//! `spsc`, `mpsc` and `mpmc`: everybody does everything at once, it ends in every way, and then the sums are done.

use super::builder;
use super::common::rig::{Watch, scale};
use super::common::{Random, Value};
use super::ends::{Kind, MpmcKind, MpscKind, Rx, SpscKind, Tx};
use super::payload::{Aligned, Boxed, Large, Mint, Nothing, Payload};
use super::receiving::{self, Taken};
use super::sending::{self, Sent};
use std::mem;
use std::thread;

/// How a round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Each sender goes at a moment of its own; the last one closes.
    Senders,
    /// Each sender closes at a moment of its own, or each receiver, or all of them; one of them did it.
    Close { senders: bool, receivers: bool },
    /// Each receiver goes at a moment of its own; the last one closes.
    Receivers,
}

const ENDS: [End; 6] = [
    End::Senders,
    End::Senders,
    End::Close { senders: true, receivers: false },
    End::Close { senders: false, receivers: true },
    End::Close { senders: true, receivers: true },
    End::Receivers,
];

#[derive(Clone, Copy, Debug)]
struct Plan {
    senders: usize,
    receivers: usize,
    /// Numbers that each sender may use.
    each: usize,
    end: End,
}

fn sender<P: Payload>(tx: &mut impl Tx<P>, index: usize, plan: Plan, mint: &Mint, random: &mut Random) -> Sent {
    let (first, last) = (index * plan.each, (index + 1) * plan.each);
    let mut sent = Sent { made: first, ..Sent::default() };
    let stops = if plan.end == End::Senders { first + random.below(plan.each + 1) } else { last };
    let closes = matches!(plan.end, End::Close { senders: true, .. }).then(|| first + random.below(plan.each));
    while sent.made < stops {
        if closes.is_some_and(|at| sent.made >= at) {
            sent.closed += usize::from(tx.close());
        }
        let left = sent.made..stops;
        if sending::step(tx, &mut sent, left, mint, random) {
            assert!(tx.is_disconnected() && plan.end != End::Senders, "nobody has closed it");
            break;
        }
    }
    // Slots that it has forgotten must not hold up the others until it is asked for the figures.
    let _ = tx.try_reserve(0);
    if closes.is_some() {
        sent.closed += usize::from(tx.close());
    }
    sent
}

fn receiver<P: Payload>(rx: &mut impl Rx<P>, plan: Plan, random: &mut Random) -> Taken {
    let mut taken = Taken::default();
    // Of what a receiver can hope for.
    let share = plan.each * plan.senders / plan.receivers;
    let stops = (plan.end == End::Receivers).then(|| random.below(share / 2));
    let closes = matches!(plan.end, End::Close { receivers: true, .. }).then(|| random.below(share / 2));
    loop {
        if closes.is_some_and(|at| taken.numbers.len() >= at) {
            taken.closed += usize::from(rx.close());
        }
        let stop = stops.is_some_and(|at| taken.numbers.len() >= at);
        if stop || receiving::step(rx, &mut taken, random) {
            return taken;
        }
    }
}

/// One round; gives the number of messages.
fn round<K: Kind, P: Payload>(plan: Plan, random: &mut Random) -> u64 {
    let mint = Mint::new(plan.senders * plan.each);
    let (tx, rx) = K::build::<P>(&builder(random));
    // The handles that do not end it come back, to be asked for the figures.
    let goes = |end| plan.end == end;
    let more = |_| tx.another().expect("a kind of many senders");
    let senders: Vec<_> = (1..plan.senders).map(more).collect();
    let more = |_| rx.another().expect("a kind of many receivers");
    let receivers: Vec<_> = (1..plan.receivers).map(more).collect();
    let (sent, taken): (Vec<_>, Vec<_>) = thread::scope(|scope| {
        let senders: Vec<_> = (senders.into_iter().chain([tx]).enumerate())
            .map(|(index, mut tx)| {
                let (mint, mut random) = (&mint, random.split());
                scope.spawn(move || {
                    let sent = sender(&mut tx, index, plan, mint, &mut random);
                    (sent, (!goes(End::Senders)).then_some(tx))
                })
            })
            .collect();
        let receivers: Vec<_> = (receivers.into_iter().chain([rx]))
            .map(|mut rx| {
                let mut random = random.split();
                scope.spawn(move || {
                    let taken = receiver(&mut rx, plan, &mut random);
                    (taken, (!goes(End::Receivers)).then_some(rx))
                })
            })
            .collect();
        // Of a close by receivers alone, senders may never learn: they have sent everything.
        let sent: Vec<_> = senders.into_iter().map(|sender| sender.join().expect("a sender")).collect();
        for tx in sent.iter().flat_map(|(_, tx)| tx) {
            tx.close();
        }
        (sent, receivers.into_iter().map(|receiver| receiver.join().expect("a receiver")).collect())
    });
    let mut sums = sent.iter().find_map(|(_, tx)| tx.as_ref().map(Tx::stats));
    sums = sums.or_else(|| taken.iter().find_map(|(_, rx)| rx.as_ref().map(Rx::stats)));
    let stats = sums.expect("somebody has come back");
    let (sent, tx): (Vec<_>, Vec<_>) = sent.into_iter().unzip();
    let (taken, rx): (Vec<_>, Vec<_>) = taken.into_iter().unzip();
    drop((tx, rx));

    let total = |of: &dyn Fn(&Sent) -> u64| sent.iter().map(of).sum::<u64>();
    let went_in = total(&|sent| sent.numbers.len() as u64);
    let received = taken.iter().map(|taken| taken.numbers.len() as u64).sum::<u64>();
    assert_eq!((stats.sent, stats.received), (went_in, received));
    assert_eq!(stats.in_flight(), went_in - received - stats.dropped);
    assert!(stats.aborted >= total(&|sent| sent.aborted));
    let nobody_missed_any = match plan.end {
        End::Senders => true,
        End::Close { receivers, .. } => K::SEAL_IS_EXACT || !receivers,
        End::Receivers => false,
    };
    assert!(!nobody_missed_any || (received, stats.dropped) == (went_in, 0));
    // Where the receivers have gone, a sender may have been inside a call: its message goes with the last handle, below.
    let closed = sent.iter().map(|sent| sent.closed).chain(taken.iter().map(|taken| taken.closed)).sum::<usize>();
    match plan.end {
        End::Close { senders: true, .. } => assert_eq!(closed, 1),
        End::Close { .. } => assert!(closed <= 1),
        _ => assert_eq!(closed, 0),
    }
    P::settle(&mint, |number| number < sent[number / plan.each].made);
    if mem::size_of::<P>() > 0 {
        check_order(plan, &sent, &taken, nobody_missed_any);
    }
    went_in
}

/// Everything once, and in the order of its sender; but not where receivers have left something to others.
fn check_order(plan: Plan, sent: &[Sent], taken: &[Taken], all: bool) {
    let in_order = plan.end != End::Receivers || plan.receivers == 1;
    for taken in taken.iter().filter(|_| in_order) {
        let mut last = vec![None; plan.senders];
        for number in taken.numbers.iter().flatten() {
            let last = &mut last[number / plan.each];
            assert!(*last < Some(*number), "{number} after {last:?}");
            *last = Some(*number);
        }
    }
    let mut numbers: Vec<_> = taken.iter().flat_map(|taken| &taken.numbers).flatten().copied().collect();
    numbers.sort_unstable();
    let mut went_in = sent.iter().flat_map(|sent| &sent.numbers).copied();
    if all {
        assert!(numbers.into_iter().eq(went_in), "not what was sent");
    } else {
        // What nobody took lies between them.
        assert!(numbers.into_iter().all(|number| went_in.any(|sent| sent == number)), "never sent, or received twice");
    }
}

/// Rounds of so many senders and receivers, as many at a time as `beside` says.
fn rounds<K: Kind, P: Payload>(
    test: &'static str,
    rounds: usize,
    each: usize,
    threads: &[(usize, usize)],
    beside: usize,
) {
    let (watch, mut random) = Watch::new(test);
    let (mut messages, rounds) = (0, rounds * scale());
    for round_number in 0..rounds {
        let (senders, receivers) = threads[random.below(threads.len())];
        let end = ENDS[random.below(ENDS.len())];
        let plan = Plan { senders, receivers, each: each / senders, end };
        watch.step((round_number, plan));
        messages += thread::scope(|scope| {
            let others: Vec<_> = (0..beside)
                .map(|_| {
                    let mut random = random.split();
                    scope.spawn(move || round::<K, P>(plan, &mut random))
                })
                .collect();
            others.into_iter().map(|round| round.join().expect("a round")).sum::<u64>()
        });
    }
    watch.done(&format!("{messages} messages in {} rounds", rounds * beside));
}

/// Eight channels at a time: sixteen threads.
#[test]
fn spsc() {
    rounds::<SpscKind, Boxed>("stress spsc", 40, 1_000, &[(1, 1)], 8);
}

#[test]
fn mpsc() {
    rounds::<MpscKind, Boxed>("stress mpsc", 30, 6_000, &[(1, 1), (2, 1), (4, 1), (15, 1)], 1);
}

#[test]
fn mpmc() {
    rounds::<MpmcKind, Boxed>("stress mpmc", 30, 6_000, &[(1, 1), (1, 4), (3, 3), (8, 8), (12, 4)], 1);
}

#[test]
fn over_aligned_messages() {
    rounds::<SpscKind, Aligned>("stress spsc, aligned", 10, 1_000, &[(1, 1)], 2);
    rounds::<MpscKind, Aligned>("stress mpsc, aligned", 10, 2_000, &[(3, 1)], 1);
    rounds::<MpmcKind, Aligned>("stress mpmc, aligned", 10, 2_000, &[(2, 2)], 1);
}

#[test]
fn large_messages() {
    rounds::<SpscKind, Large>("stress spsc, large", 10, 1_000, &[(1, 1)], 2);
    rounds::<MpscKind, Large>("stress mpsc, large", 10, 2_000, &[(3, 1)], 1);
    rounds::<MpmcKind, Large>("stress mpmc, large", 10, 2_000, &[(2, 2)], 1);
}

/// One at a time: they are counted together.
#[test]
fn messages_without_size() {
    rounds::<SpscKind, Nothing>("stress spsc, no size", 10, 1_000, &[(1, 1)], 1);
    rounds::<MpscKind, Nothing>("stress mpsc, no size", 10, 2_000, &[(3, 1)], 1);
    rounds::<MpmcKind, Nothing>("stress mpmc, no size", 10, 2_000, &[(2, 2)], 1);
}

/// The smallest messages go fastest: what depends on who overtakes whom.
#[test]
fn small_messages() {
    rounds::<SpscKind, Value>("stress spsc, small", 10, 4_000, &[(1, 1)], 1);
    rounds::<MpscKind, Value>("stress mpsc, small", 10, 4_000, &[(2, 1)], 1);
    rounds::<MpmcKind, Value>("stress mpmc, small", 10, 4_000, &[(2, 2)], 1);
}
