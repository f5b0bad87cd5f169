//! One message at a time, to a thread that sleeps: how long from the send until it has the message in hand.

use super::{Reached, WaitingArgs, ratio};
use crate::measure::CAPACITY;
use crate::measure::threads::{StartLine, joined};
use crate::measure::turns::{Contender, Role, Turns, progress, take_turns};
use crate::process::now_ns;
use crate::stats::{histogram, human, median};
use comfy_table::Table;
use ringway::{Builder, Pin, Wait, Worker, each};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::Thread;
use std::time::Duration;

pub(super) const NAME: &str = "wake";

/// Messages of a turn, and those before the first that counts.
const MESSAGES: usize = 200;
const WARM_UP: usize = 10;

/// How many messages a turn has, and how far apart they are.
#[derive(Clone, Copy, Debug)]
pub(in crate::measure) struct Pace {
    pub(in crate::measure) messages: usize,
    pub(in crate::measure) pause: Duration,
}

/// What p50 and p99 may be of the best peer's.
const GOAL: f64 = 1.0;

/// p50 and p99 of a turn.
const QUANTILES: [f64; 2] = [0.5, 0.99];
pub(in crate::measure) type Sample = [u64; 2];

pub(super) struct Measured {
    contenders: Vec<(&'static str, Role)>,
    pub(super) turns: Turns<Sample>,
}

pub(super) fn measure(args: &WaitingArgs) -> Result<Measured, String> {
    let contenders = contenders(Duration::from_micros(args.pause));
    let progress = progress(&args.measure, contenders.len() as u64 * u64::from(args.measure.rounds));
    progress.set_prefix(NAME);
    let turns = take_turns(&contenders, &args.measure, &progress);
    progress.finish_and_clear();
    Ok(Measured { contenders: contenders.iter().map(|contender| (contender.name, contender.role)).collect(), turns })
}

fn contenders(pause: Duration) -> Vec<Contender<Sample>> {
    let pace = Pace { messages: MESSAGES, pause };
    let (park, adaptive) = (Wait::park(), Wait::adaptive());
    let ours = Role::Ringway;
    let mut all = vec![
        contender("ringway receiver, park", ours, pace, move || receiver(park)),
        contender("ringway receiver, adaptive", ours, pace, move || receiver(adaptive)),
        Contender { name: "ringway worker, park", role: ours, turn: Box::new(move |_| worker(park, pace)) },
        Contender { name: "ringway worker, adaptive", role: ours, turn: Box::new(move |_| worker(adaptive, pace)) },
    ];
    #[cfg(feature = "peers")]
    all.extend(peers(pace));
    all.push(contender("std park and unpark", Role::Ceiling, pace, || bare(MESSAGES, std::thread::park)));
    // As every sleep of ringway's: it ends by itself after 100 ms, and the system has a timer to set and to cancel.
    all.push(contender("std park_timeout, 100 ms", Role::Ceiling, pace, || {
        bare(MESSAGES, || std::thread::park_timeout(Duration::from_millis(100)))
    }));
    all
}

/// Both ends of a channel: a call that sends, and one that sleeps until there is something or everything is over.
pub(in crate::measure) fn contender<S, R>(
    name: &'static str,
    role: Role,
    pace: Pace,
    ends: impl Fn() -> (S, R) + 'static,
) -> Contender<Sample>
where
    S: FnMut(u64) -> bool + Send,
    R: FnMut() -> Option<u64> + Send,
{
    let turn = move |_| {
        let (send, mut receive) = ends();
        let line = &StartLine::new(2);
        std::thread::scope(|scope| {
            let sending = scope.spawn(move || send_slowly(send, line, pace));
            let receiving = scope.spawn(move || {
                line.take_place(1);
                let mut latencies = Vec::with_capacity(pace.messages);
                while let Some(sent) = receive() {
                    latencies.push(now_ns().saturating_sub(sent));
                }
                latencies
            });
            let (sent, latencies) = (joined(sending), joined(receiving));
            percentiles(pace.messages, sent?, &latencies?)
        })
    };
    Contender { name, role, turn: Box::new(turn) }
}

/// The clock's reading is the message. Whoever sends does not sleep in between, so that its own core is awake.
fn send_slowly(mut send: impl FnMut(u64) -> bool, line: &StartLine, pace: Pace) -> usize {
    line.take_place(0);
    let mut due = now_ns();
    for sent in 0..pace.messages {
        due += pace.pause.as_nanos() as u64;
        while now_ns() < due {
            std::hint::spin_loop();
        }
        if !send(now_ns()) {
            return sent;
        }
    }
    pace.messages
}

/// Percentiles of those that count, once all are there.
fn percentiles(messages: usize, sent: usize, latencies: &[u64]) -> Result<Sample, String> {
    if (sent, latencies.len()) != (messages, messages) {
        return Err(format!("{sent} of {messages} messages sent, {} received", latencies.len()));
    }
    let mut counted = histogram();
    latencies[WARM_UP..].iter().for_each(|&ns| counted.saturating_record(ns.max(1)));
    Ok(QUANTILES.map(|quantile| counted.value_at_quantile(quantile)))
}

fn receiver(wait: Wait) -> (impl FnMut(u64) -> bool + Send, impl FnMut() -> Option<u64> + Send) {
    let (mut tx, mut rx) = Builder::new(CAPACITY).wait(wait).mpsc::<u64>().expect("the capacity is fine");
    (move |message| tx.send(message).is_ok(), move || rx.recv().ok())
}

fn worker(wait: Wait, pace: Pace) -> Result<Sample, String> {
    let (mut tx, rx) = Builder::new(CAPACITY).mpsc::<u64>().map_err(|error| error.to_string())?;
    let latencies = Arc::new(Mutex::new(Vec::with_capacity(pace.messages)));
    let handler = {
        let latencies = Arc::clone(&latencies);
        each(move |sent: u64| {
            let latency = now_ns().saturating_sub(sent);
            latencies.lock().expect("nobody panics while holding it").push(latency);
        })
    };
    let second = 1 % ringway::allowed_cores().len().max(1);
    let worker =
        Worker::builder().pin(Pin::nth(second)).wait(wait).spawn(rx, handler).map_err(|error| error.to_string())?;
    let line = &StartLine::new(1);
    let sent = std::thread::scope(|scope| {
        joined(scope.spawn(move || send_slowly(|message| tx.send(message).is_ok(), line, pace)))
    });
    worker.join();
    let latencies = latencies.lock().map_err(|_| "the handler panicked")?;
    percentiles(pace.messages, sent?, &latencies)
}

#[cfg(feature = "peers")]
fn peers(pace: Pace) -> [Contender<Sample>; 3] {
    [
        contender("crossbeam-channel", Role::Peer, pace, || {
            let (tx, rx) = crossbeam_channel::bounded(CAPACITY);
            (move |message| tx.send(message).is_ok(), move || rx.recv().ok())
        }),
        contender("kanal", Role::Peer, pace, || {
            let (tx, rx) = kanal::bounded(CAPACITY);
            (move |message| tx.send(message).is_ok(), move || rx.recv().ok())
        }),
        contender("tokio mpsc, blocking", Role::Peer, pace, || {
            let (tx, mut rx) = tokio::sync::mpsc::channel(CAPACITY);
            (move |message| tx.blocking_send(message).is_ok(), move || rx.blocking_recv())
        }),
    ]
}

/// A word, and a thread that sleeps until it is not zero, for so many messages.
pub(in crate::measure) fn bare(
    messages: usize,
    park: impl Fn() + Send,
) -> (impl FnMut(u64) -> bool + Send, impl FnMut() -> Option<u64> + Send) {
    let shared = Arc::new((AtomicU64::new(0), OnceLock::<Thread>::new()));
    let receive = {
        let shared = Arc::clone(&shared);
        let mut left = messages;
        move || {
            shared.1.get_or_init(std::thread::current);
            left = left.checked_sub(1)?;
            loop {
                match shared.0.swap(0, Ordering::Acquire) {
                    0 => park(),
                    sent => return Some(sent),
                }
            }
        }
    };
    let send = move |message| {
        // A receiver that was held up still has the last one to take.
        while shared.0.load(Ordering::Relaxed) != 0 {
            std::hint::spin_loop();
        }
        shared.0.store(message, Ordering::Release);
        shared.1.wait().unpark();
        true
    };
    (send, receive)
}

/// A word for each message, and a thread that polls them in turn. As with a channel, whoever sends goes on while the other is held up:
/// what is late then counts, each message for itself.
pub(in crate::measure) fn bare_words(
    messages: usize,
) -> (impl FnMut(u64) -> bool + Send, impl FnMut() -> Option<u64> + Send) {
    let words: Arc<[AtomicU64]> = (0..messages).map(|_| AtomicU64::new(0)).collect();
    let (polled, mut taken, mut sent) = (Arc::clone(&words), 0, 0);
    let receive = move || {
        let word = polled.get(taken)?;
        taken += 1;
        loop {
            match word.load(Ordering::Acquire) {
                0 => std::hint::spin_loop(),
                sent => return Some(sent),
            }
        }
    };
    let send = move |message| {
        words[sent].store(message, Ordering::Release);
        sent += 1;
        true
    };
    (send, receive)
}

impl Measured {
    fn figures(&self, contender: usize, quantile: usize) -> Vec<f64> {
        self.turns.figures(contender, |sample| sample[quantile] as f64)
    }

    /// The median of the rounds' p50, and of their p99.
    fn medians(&self, contender: usize) -> [f64; 2] {
        [0, 1].map(|quantile| median(&mut self.figures(contender, quantile)))
    }

    /// p50 and p99 to those of the peer that is best at each.
    fn ratios(&self, contender: usize) -> Option<[f64; 2]> {
        let best = |quantile: usize| {
            (0..self.contenders.len())
                .filter(|&index| self.contenders[index].1 == Role::Peer)
                .min_by(|&a, &b| self.medians(a)[quantile].total_cmp(&self.medians(b)[quantile]))
        };
        let ratio_to = |peer, quantile| ratio(&self.figures(contender, quantile), &self.figures(peer, quantile));
        Some([ratio_to(best(0)?, 0), ratio_to(best(1)?, 1)])
    }

    fn goal(&self, contender: usize) -> Option<Reached> {
        let ratios = self.ratios(contender).filter(|_| self.contenders[contender].1 == Role::Ringway)?;
        Some(Reached::at_most(ratios[0].max(ratios[1]), GOAL))
    }

    pub(super) fn add_rows(&self, table: &mut Table) {
        for (index, (name, _)) in self.contenders.iter().enumerate() {
            let [p50, p99] = self.medians(index).map(|ns| human(ns as u64));
            let ratios = self.ratios(index).map_or(String::new(), |[p50, p99]| format!("{p50:.2} / {p99:.2}"));
            table.add_row([*name, &p50, &p99, &ratios, self.goal(index).map_or("", Reached::name)]);
        }
    }

    pub(super) fn json(&self) -> Value {
        let pair = |[p50, p99]: [f64; 2]| json!({ "p50": p50, "p99": p99 });
        let contenders = self.contenders.iter().enumerate().map(|(index, (name, role))| {
            let goal = self.goal(index);
            json!({ "name": name, "role": role.name(), "messages": self.turns.rounds.len() * MESSAGES,
                    "latency_ns": pair(self.medians(index)), "ratio": self.ratios(index).map(pair),
                    "goal": goal.map(|_| GOAL), "goal_reached": goal.map(Reached::name) })
        });
        json!({ "name": NAME, "rounds": self.turns.rounds.len(), "far_rounds": self.turns.far(),
                "line_bounce_ns": median(&mut self.turns.line_ns()), "contenders": contenders.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_wakes_its_receiver() {
        for contender in contenders(Duration::from_micros(100)) {
            let [p50, p99] = (contender.turn)(Duration::ZERO).unwrap();
            assert!(0 < p50 && p50 <= p99, "{}", contender.name);
        }
        assert!(percentiles(MESSAGES, MESSAGES, &[1; MESSAGES - 1]).is_err());
    }
}
