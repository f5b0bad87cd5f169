//! `ringway-bench latency`: how long messages take, with one in flight, and at a fixed rate.

use super::goals::{self, Judged, Verdict};
use super::partners::{Parked, Polled, Rings};
use super::turns::{Contender, FAR_NS, Role, Turns, progress, take_turns};
use super::{CAPACITY, MeasureArgs, agents, line, open_loop, ping_pong, tell_of_peers};
use crate::output::print;
use crate::process;
use crate::stats::{QUANTILES, histogram, human, median};
use comfy_table::{CellAlignment, Table, presets};
use hdrhistogram::Histogram;
use ringway::{Wait, spsc};
use serde_json::{Map, Value, json};
use std::process::ExitCode;

/// Messages a second in open loop.
const RATES: [(&str, u64); 3] =
    [("open loop 0.1 M/s", 100_000), ("open loop 1 M/s", 1_000_000), ("open loop 5 M/s", 5_000_000)];

/// The quantiles that are told. The greatest is the machine's rather than the contender's.
const TOLD: usize = QUANTILES.len();

/// Latencies of a turn in progress.
#[derive(Debug)]
pub(super) struct Recording(Histogram<u64>);

impl Recording {
    pub(super) fn new() -> Self {
        Self(histogram())
    }

    #[inline]
    pub(super) fn note(&mut self, ns: u64) {
        self.0.saturating_record(ns.max(1));
    }

    pub(super) fn add(&mut self, other: &Self) {
        // Both have the same bounds.
        _ = self.0.add(&other.0);
    }

    pub(super) fn latencies(&self, messages: u64) -> Latencies {
        let quantiles = std::array::from_fn(|index| self.0.value_at_quantile(QUANTILES[index].2));
        Latencies { messages, quantiles }
    }
}

/// Latencies of a turn, in ns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latencies {
    /// Those that were verified.
    messages: u64,
    quantiles: [u64; TOLD],
}

struct Workload {
    name: &'static str,
    contenders: Vec<Contender<Latencies>>,
}

struct Measured {
    workload: Workload,
    turns: Turns<Latencies>,
}

pub(crate) fn latency(args: &MeasureArgs) -> Result<ExitCode, String> {
    process::listen_for_ctrl_c()?;
    let workloads = args.select(workloads(), |workload| workload.name.to_owned(), |_| true)?;
    let turns = workloads.iter().map(|workload| workload.contenders.len() as u64).sum::<u64>() * u64::from(args.rounds);
    let progress = progress(args, turns);
    let mut measured = Vec::new();
    for mut workload in workloads {
        workload.contenders = args.select_peers(workload.contenders);
        progress.set_prefix(workload.name);
        let turns = take_turns(&workload.contenders, args, &progress);
        let over = turns.failure.is_some() || process::is_interrupted();
        measured.push(Measured { workload, turns });
        if over {
            break;
        }
    }
    progress.finish_and_clear();
    let failed = measured.iter().any(|measured| measured.turns.failure.is_some());
    match args.json {
        true => print(as_json(&measured, args))?,
        false => print(as_text(&measured))?,
    }
    tell_of_peers("latency");
    Ok(process::exit_code(!failed, process::is_interrupted()))
}

fn workloads() -> Vec<Workload> {
    let mut all = vec![Workload { name: "ping-pong", contenders: ping_pong() }];
    all.extend(RATES.map(|(name, rate)| Workload { name, contenders: open_loop(rate) }));
    all.push(Workload { name: "100 agents", contenders: agents::contenders() });
    all
}

fn ping_pong() -> Vec<Contender<Latencies>> {
    let mut all = vec![
        ping_pong::contender("ringway, spin", Role::Ringway, || Rings::pair(Wait::spin())),
        ping_pong::contender("ringway, polled", Role::Ringway, || Polled::pair(|| spsc::channel(CAPACITY))),
        ping_pong::contender("ringway, park", Role::Ringway, || Rings::pair(Wait::park())),
    ];
    #[cfg(feature = "peers")]
    all.extend(super::peers::ping_pong());
    all.extend([
        ping_pong::contender("std park and unpark", Role::Ceiling, Parked::pair),
        ping_pong::contender("line bounce", Role::Ceiling, line::sides),
    ]);
    all
}

fn open_loop(rate: u64) -> Vec<Contender<Latencies>> {
    let all = vec![open_loop::contender("ringway", Role::Ringway, rate, || spsc::channel(CAPACITY))];
    #[cfg(feature = "peers")]
    let all = all.into_iter().chain(super::peers::open_loop(rate)).collect();
    all
}

impl Measured {
    /// The median, over the rounds that count, of each round's quantile.
    fn quantile(&self, contender: usize, quantile: usize) -> u64 {
        let mut values = self.turns.figures(contender, |latencies| latencies.quantiles[quantile] as f64);
        median(&mut values) as u64
    }

    /// The goals of this workload that were measured: contender, percentile, ns, the most there may be.
    fn goals(&self) -> impl Iterator<Item = (usize, &'static str, u64, u64)> {
        let contenders = &self.workload.contenders;
        let mine = |goal: &&(&str, _, _, _)| goal.0 == self.workload.name && !self.turns.rounds.is_empty();
        goals::LATENCY.iter().filter(mine).filter_map(|&(_, name, percentile, limit)| {
            let contender = contenders.iter().position(|one| one.name == name)?;
            let quantile = QUANTILES.iter().position(|one| one.0 == percentile)?;
            let peers = (0..contenders.len()).filter(|&index| contenders[index].role == Role::Peer);
            let peers: Vec<_> = peers.map(|index| (contenders[index].name, self.quantile(index, quantile))).collect();
            Some((contender, percentile, self.quantile(contender, quantile), limit.ns(&peers)?))
        })
    }

    fn judged(&self) -> impl Iterator<Item = Judged> {
        self.goals().map(|(contender, percentile, ns, limit)| Judged {
            what: format!("{}, {}, {percentile}", self.workload.name, self.workload.contenders[contender].name),
            figures: format!("{}, at most {}", human(ns), human(limit)),
            verdict: if ns <= limit { Verdict::Pass } else { Verdict::Miss },
        })
    }

    fn messages(&self, contender: usize) -> u64 {
        self.turns.rounds.iter().map(|round| round.samples[contender].messages).sum()
    }

    fn all_messages(&self) -> u64 {
        (0..self.workload.contenders.len()).map(|index| self.messages(index)).sum()
    }

    fn json(&self) -> Value {
        let contenders = self.workload.contenders.iter().enumerate().map(|(index, contender)| {
            let quantiles: Map<_, _> =
                (0..TOLD).map(|q| (QUANTILES[q].0.to_owned(), json!(self.quantile(index, q)))).collect();
            let rounds: Vec<_> = self.turns.rounds.iter().map(|round| round.samples[index].quantiles).collect();
            json!({ "name": contender.name, "role": contender.role.name(), "messages": self.messages(index),
                    "latency_ns": quantiles, "rounds_ns": rounds })
        });
        json!({ "name": self.workload.name, "rounds": self.turns.rounds.len(), "far_rounds": self.turns.far(),
                "line_bounce_ns": median(&mut self.turns.line_ns()), "contenders": contenders.collect::<Vec<_>>() })
    }
}

fn failures(measured: &[Measured]) -> impl Iterator<Item = String> {
    measured
        .iter()
        .filter_map(|one| one.turns.failure.as_ref().map(|failure| format!("{}, {failure}", one.workload.name)))
}

fn as_text(measured: &[Measured]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_FULL_CONDENSED);
    table.set_header(
        ["workload", "contender"].into_iter().chain(QUANTILES[..TOLD].iter().map(|&(_, name, _)| name)).chain(["goal"]),
    );
    for one in measured {
        for (index, contender) in one.workload.contenders.iter().enumerate() {
            let names = [one.workload.name, contender.name].map(str::to_owned);
            let goals = one.goals().filter(|goal| goal.0 == index).map(|(_, percentile, ns, limit)| {
                format!("{percentile} <= {}: {}", human(limit), if ns <= limit { "pass" } else { "MISS" })
            });
            let goals = goals.collect::<Vec<_>>().join("\n");
            let figures = (0..TOLD).map(|q| human(one.quantile(index, q)));
            table.add_row(names.into_iter().chain(figures).chain([goals]));
        }
    }
    for column in 2..2 + TOLD {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut lines: Vec<_> = measured.iter().flat_map(|one| one.turns.line_ns()).collect();
    let (far, rounds) = measured.iter().fold((0, 0), |(a, b), one| (a + one.turns.far(), b + one.turns.rounds.len()));
    let judged: Vec<_> = measured.iter().flat_map(Measured::judged).collect();
    let mut text = format!(
        "{table}\nmedians over the rounds of each round's percentiles; a cache line there and back: {:.0} ns, more than \
         {FAR_NS} ns in {far} of {rounds} rounds\n{} messages verified{}",
        median(&mut lines),
        measured.iter().map(Measured::all_messages).sum::<u64>(),
        goals::summary(&judged)
    );
    failures(measured).for_each(|failure| text.push_str(&format!("\nFAIL: {failure}")));
    text
}

fn as_json(measured: &[Measured], args: &MeasureArgs) -> Value {
    let failures: Vec<_> = failures(measured).collect();
    let judged: Vec<_> = measured.iter().flat_map(Measured::judged).collect();
    json!({ "machine": crate::machine::json(), "rounds": args.rounds, "millis": args.millis, "capacity": CAPACITY, "cores": ringway::allowed_cores(),
            "peers": cfg!(feature = "peers"),
            "messages_verified": measured.iter().map(Measured::all_messages).sum::<u64>(),
            "workloads": measured.iter().map(Measured::json).collect::<Vec<_>>(),
            "goals": goals::json(&judged),
            "failures": failures, "interrupted": process::is_interrupted(),
            "verdict": if failures.is_empty() { "pass" } else { "fail" } })
}
