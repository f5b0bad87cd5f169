//! Both ends wait by the calls that wait, and are busy: the rate with each strategy, to that of spinning.

use super::fences::Fenced;
use super::{Reached, ratio};
use crate::measure::ends::{Consuming, Producing};
use crate::measure::stream::{self, Sample};
use crate::measure::turns::{Contender, Role, Turns, progress, take_turns};
use crate::measure::workload::{self, Kind, Workload};
use crate::measure::{CAPACITY, MeasureArgs};
use crate::process;
use crate::stats::median;
use comfy_table::Table;
use ringway::{Builder, Sink, Source, Wait, mpmc, mpsc, spsc};
use serde_json::{Value, json};
use std::ops::Range;
use std::sync::Arc;

/// Strategies; the first is what the others are held against.
const WAITS: [(&str, &str, Wait); 3] = [
    ("spin", "spin, fences", Wait::spin()),
    ("park", "park, fences", Wait::park()),
    ("adaptive", "adaptive, fences", Wait::adaptive()),
];

/// The least ratio to spinning.
const GOAL: f64 = 0.9;

pub(super) struct Measured {
    workload: String,
    names: Vec<&'static str>,
    pub(super) turns: Turns<Sample>,
}

/// Small messages show it best; a broadcast waits as the others do.
fn workloads() -> Vec<Workload> {
    let mut all = workload::all();
    all.retain(|workload| workload.bytes == 8 && workload.capacity == CAPACITY && workload.kind != Kind::Broadcast);
    all
}

pub(super) fn names() -> Vec<String> {
    workloads().iter().map(Workload::to_string).collect()
}

pub(super) fn measure(args: &MeasureArgs, wanted: &[String]) -> Result<Vec<Measured>, String> {
    let fenced = Arc::new(Fenced::start()?);
    let mut measured = Vec::new();
    let all = workloads();
    let chosen = all.iter().enumerate().filter(|(_, workload)| wanted.contains(&workload.to_string()));
    let length = chosen.clone().count() * 2 * WAITS.len() * args.rounds as usize;
    let progress = progress(args, length as u64);
    for (index, workload) in chosen {
        progress.set_prefix(workload.to_string());
        let mut contenders: Vec<_> = WAITS.iter().map(|&(name, _, wait)| contender(name, workload, wait)).collect();
        if cfg!(target_os = "linux") {
            contenders.extend((0..WAITS.len()).map(|wait| fenced_contender(&fenced, index, wait)));
        }
        let turns = take_turns(&contenders, args, &progress);
        let over = turns.failure.is_some() || process::is_interrupted();
        let names = contenders.iter().map(|contender| contender.name).collect();
        measured.push(Measured { workload: workload.to_string(), names, turns });
        if over {
            break;
        }
    }
    progress.finish_and_clear();
    Ok(measured)
}

fn fenced_contender(fenced: &Arc<Fenced>, workload: usize, wait: usize) -> Contender<Sample> {
    let fenced = Arc::clone(fenced);
    let turn = move |duration| fenced.turn(workload, wait, duration);
    Contender { name: WAITS[wait].1, role: Role::Ringway, turn: Box::new(turn) }
}

/// The same by its numbers, for a process that is told them.
pub(super) fn numbered(workload: usize, wait: usize) -> Option<Contender<Sample>> {
    let (name, _, wait) = *WAITS.get(wait)?;
    workloads().get(workload).map(|workload| contender(name, workload, wait))
}

fn contender(name: &'static str, workload: &Workload, wait: Wait) -> Contender<Sample> {
    let (w, role) = (workload, Role::Ringway);
    let builder = move |capacity| Builder::new(capacity).wait(wait);
    match workload.kind {
        Kind::Spsc => stream::pair::<u64, _, _>(name, role, w, move |capacity| {
            let (tx, rx) = builder(capacity).spsc().expect("the capacity is fine");
            (Sending(tx), Receiving(rx, |rx: &mut spsc::Receiver<u64>| rx.recv().ok()))
        }),
        Kind::Mpsc => stream::to_one::<u64, _, _>(name, role, w, move |capacity| {
            let (tx, rx) = builder(capacity).mpsc().expect("the capacity is fine");
            (Sending(tx), Receiving(rx, |rx: &mut mpsc::Receiver<u64>| rx.recv().ok()))
        }),
        _ => stream::shared::<u64, _, _>(name, role, w, move |capacity| {
            let (tx, rx) = builder(capacity).mpmc().expect("the capacity is fine");
            (Sending(tx), Receiving(rx, |rx: &mut mpmc::Receiver<u64>| rx.recv().ok()))
        }),
    }
}

/// A sender that waits for room.
#[derive(Clone)]
struct Sending<S>(S);

impl<M, S: Sink<M> + Send> Producing<M> for Sending<S> {
    #[inline]
    fn one(&mut self, message: M) -> Result<(), M> {
        self.0.send(message).map_err(|refused| refused.0)
    }

    #[inline]
    fn many(&mut self, burst: Range<u64>, make: impl Fn(u64) -> M) -> u64 {
        match self.0.try_send_iter(&mut burst.clone().map(&make)) {
            Ok(0) => u64::from(self.0.send(make(burst.start)).is_ok()),
            sent => sent.unwrap_or(0) as u64,
        }
    }
}

/// A receiver that waits for a message, and the call by which it does.
#[derive(Clone)]
struct Receiving<R, F>(R, F);

impl<M, R: Source<Item = M> + Send, F: Fn(&mut R) -> Option<M> + Send> Consuming<M> for Receiving<R, F> {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&M)) -> bool {
        (self.1)(&mut self.0).map(|message| see(&message)).is_some()
    }

    #[inline]
    fn many(&mut self, max: usize, mut see: impl FnMut(&M)) -> usize {
        match self.0.drain(max, |message| see(&message)) {
            0 => usize::from(self.one(see)),
            taken => taken,
        }
    }
}

impl Measured {
    fn rates(&self, contender: usize) -> Vec<f64> {
        self.turns.figures(contender, Sample::per_second)
    }

    fn ratio(&self, contender: usize) -> f64 {
        ratio(&self.rates(contender), &self.rates(0))
    }

    /// Of those that the goal is for: what waits otherwise, where the system has `membarrier`.
    fn goal(&self, contender: usize) -> Option<Reached> {
        (1..WAITS.len()).contains(&contender).then(|| Reached::at_least(self.ratio(contender), GOAL))
    }

    pub(super) fn add_rows(&self, table: &mut Table) {
        for (index, name) in self.names.iter().enumerate() {
            let rate = format!("{:.1} M/s", median(&mut self.rates(index)) / 1e6);
            let goal = self.goal(index).map_or("", Reached::name);
            table.add_row([&self.workload, *name, &rate, &format!("{:.2}", self.ratio(index)), goal]);
        }
    }

    pub(super) fn json(&self) -> Value {
        let contenders = self.names.iter().enumerate().map(|(index, name)| {
            let messages: u64 = self.turns.rounds.iter().map(|round| round.samples[index].messages).sum();
            json!({ "name": name, "messages": messages, "messages_per_s": median(&mut self.rates(index)),
                    "ratio_to_spin": self.ratio(index), "goal": self.goal(index).map(|_| GOAL),
                    "goal_reached": self.goal(index).map(Reached::name) })
        });
        json!({ "name": self.workload, "rounds": self.turns.rounds.len(), "far_rounds": self.turns.far(),
                "line_bounce_ns": median(&mut self.turns.line_ns()), "contenders": contenders.collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn everything_arrives_however_both_ends_wait() {
        for workload in 0..workloads().len() {
            for wait in 0..WAITS.len() {
                let turn = numbered(workload, wait).unwrap().turn;
                assert!(turn(Duration::from_millis(1)).unwrap().messages > 0);
            }
        }
    }
}
