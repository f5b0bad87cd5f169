//! A lossy broadcast: what readers miss they are told, to the message.

use crate::Outcome;
use crate::ledger::Ledger;
use crate::plan::{BroadcastPlan, Random};
use ringway::Builder;
use ringway::broadcast::lossy::{Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// Sender, number of the message, both again, mixed.
type News = [u64; 3];

fn news(sender: u64, number: u64) -> News {
    [sender, number, sender ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15)]
}

pub(crate) fn run(lasts: Duration, plan: BroadcastPlan, ledger: &Ledger, random: &mut Random) -> Outcome {
    let channel = Builder::new(plan.lossy_capacity).wait(plan.wait.wait()).name("soak").lossy::<News>();
    let (tx, first) = match channel {
        Ok(channel) => channel,
        Err(error) => {
            ledger.violation(format!("the lossy channel is not built: {error}"));
            return Outcome::default();
        }
    };
    let mut outcome = Outcome::default();
    let ends = Instant::now() + lasts;
    let alone = plan.lossy_senders == 1;
    let mut probe = first.clone();
    scope(|scope| {
        let mut readers: Vec<_> = (0..plan.lossy_readers)
            .map(|reader| {
                let rx = if reader == 0 { first.clone() } else { tx.subscribe() };
                let random = random.fork();
                scope.spawn(move || read(rx, ledger, random, alone))
            })
            .collect();
        let senders: Vec<_> = (0..plan.lossy_senders as u64)
            .map(|sender| {
                let (tx, random) = (tx.clone(), random.fork());
                scope.spawn(move || send(tx, sender, random, ends))
            })
            .collect();
        // One that joins late.
        sleep(lasts / 2);
        let (rx, random) = (tx.subscribe(), random.fork());
        readers.push(scope.spawn(move || read(rx, ledger, random, alone)));
        drop(tx);
        outcome.messages = senders.into_iter().map(|sender| sender.join().unwrap_or_default()).sum();
        outcome.lost = readers.into_iter().map(|reader| reader.join().unwrap_or_default()).sum();
    });
    let stats = probe.stats();
    outcome.rescued = stats.rescued_wakeups;
    ledger.expect(stats.sent == outcome.messages, || format!("lossy: {} were sent, {stats:?}", outcome.messages));
    ledger.expect(!alone || stats.dropped == 0, || format!("lossy: one sender in its own way, {stats:?}"));
    // It has not read anything until now.
    while !matches!(probe.try_recv(), Err(TryRecvError::Disconnected)) {}
    let (received, lost) = (probe.received(), probe.lost());
    let kept = plan.lossy_capacity.next_power_of_two() as u64;
    ledger.expect(received + lost == outcome.messages && received <= kept, || {
        format!("lossy: {received} received, {lost} lost in the end, {stats:?}")
    });
    ledger.expect(!alone || received == kept.min(outcome.messages), || {
        format!("lossy: {received} of {kept} were kept, {stats:?}")
    });
    outcome
}

fn send(mut tx: Sender<News>, sender: u64, mut random: Random, ends: Instant) -> u64 {
    let (mut number, mut many) = (0, Vec::with_capacity(64));
    while Instant::now() < ends {
        if random.one_in(4) {
            many.clear();
            many.extend((0..random.between(0, 64) as u64).map(|n| news(sender, number + n)));
            if tx.send_all(&many).is_err() {
                break;
            }
            number += many.len() as u64;
        } else {
            if tx.send(news(sender, number)).is_err() {
                break;
            }
            number += 1;
        }
        if random.one_in(20) {
            sleep(Duration::from_micros(random.pick(&[10, 100, 1000])));
        }
    }
    number
}

/// Reads to the end; gives what it has lost.
fn read(mut rx: Receiver<News>, ledger: &Ledger, mut random: Random, alone: bool) -> u64 {
    let began = rx.position();
    // Of each sender, the next that may come; of one alone, exactly that.
    let mut next = [0; 8];
    let mut exact = alone.then_some(began);
    loop {
        let mut see = |message: News, passed: Option<u64>| {
            let [sender, number, _] = message;
            if message != news(sender, number) || sender >= 8 {
                return ledger.violation(format!("lossy: torn: {message:?}"));
            }
            let next = &mut next[sender as usize];
            ledger.expect(number >= *next, || format!("lossy: sender {sender}: {number} after {next}"));
            *next = number + 1;
            if let Some(exact) = &mut exact {
                let expected = *exact + passed.unwrap_or(number - *exact);
                ledger.expect(number == expected, || format!("lossy: {number}, where {expected} was due"));
                *exact = number + 1;
            }
        };
        let lagged = match random.below(4) {
            0 => match rx.try_recv() {
                Ok(message) => {
                    see(message, Some(0));
                    0
                }
                Err(TryRecvError::Empty) => {
                    std::thread::yield_now();
                    0
                }
                Err(TryRecvError::Lagged(lost)) => lost,
                Err(TryRecvError::Disconnected) => break,
            },
            1 => match rx.recv_timeout(Duration::from_millis(2)) {
                Ok(message) => {
                    see(message, Some(0));
                    0
                }
                Err(RecvTimeoutError::Timeout) => 0,
                Err(RecvTimeoutError::Lagged(lost)) => lost,
                Err(RecvTimeoutError::Disconnected) => break,
            },
            2 => match rx.drain(random.between(1, 100), |message| see(message, Some(0))) {
                Ok(_) => 0,
                Err(lagged) => lagged.0,
            },
            _ => {
                if random.one_in(50) {
                    let before = rx.skipped();
                    if let Some(message) = rx.latest() {
                        see(message, Some(rx.skipped() - before));
                    }
                } else if random.one_in(50) {
                    sleep(Duration::from_millis(random.between(1, 10) as u64));
                }
                0
            }
        };
        if let Some(exact) = &mut exact {
            *exact += lagged;
        }
    }
    let (passed, sum) = (rx.position() - began, rx.received() + rx.lost() + rx.skipped());
    ledger.expect(passed == sum, || format!("lossy: {passed} passed, but {sum} received, lost and skipped"));
    let sent = rx.stats().sent;
    ledger.expect(rx.position() == sent, || format!("lossy: ended at {}, {sent} were sent", rx.position()));
    rx.lost()
}
