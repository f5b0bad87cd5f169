//! Rates and their ratios, as a table and as JSON.

use super::MeasureArgs;
use super::goals::{self, Judged, Verdict};
use super::stream::Sample;
use super::turns::{Contender, Role, Turns};
use super::workload::Workload;
use crate::stats::median;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

/// The ceiling that rings are held against where there are no peers.
pub(super) const RAW: &str = "raw hand-over";

/// A workload, measured.
#[derive(Debug)]
pub(super) struct Measured {
    workload: Workload,
    contenders: Vec<(&'static str, Role)>,
    pub(super) turns: Turns<Sample>,
}

/// Median and p90.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Figures {
    median: f64,
    p90: f64,
}

impl Figures {
    fn of(mut values: Vec<f64>) -> Self {
        let median = median(&mut values);
        let p90 = (values.len() * 9).div_ceil(10).checked_sub(1).map_or(f64::NAN, |index| values[index]);
        Self { median, p90 }
    }

    fn ratio_to(self, other: Self) -> Self {
        Self { median: self.median / other.median, p90: self.p90 / other.p90 }
    }

    fn json(self) -> Value {
        json!({ "median": self.median, "p90": self.p90 })
    }
}

impl Measured {
    pub(super) fn new(workload: Workload, contenders: &[Contender<Sample>], turns: Turns<Sample>) -> Self {
        let contenders = contenders.iter().map(|contender| (contender.name, contender.role)).collect();
        Self { workload, contenders, turns }
    }

    fn rates(&self) -> Vec<Figures> {
        (0..self.contenders.len()).map(|index| Figures::of(self.turns.figures(index, Sample::per_second))).collect()
    }

    /// What the others are held against: the peer with the best median, or the raw hand-over.
    fn standard(&self) -> Option<usize> {
        let rates = self.rates();
        let best = |of: &dyn Fn(&str, Role) -> bool| {
            (0..rates.len())
                .filter(|&index| of(self.contenders[index].0, self.contenders[index].1))
                .max_by(|&a, &b| rates[a].median.total_cmp(&rates[b].median))
        };
        best(&|_, role| role == Role::Peer).or_else(|| best(&|name, _| name == RAW))
    }

    /// Each round's rate of `contender` by that round's of `standard`.
    fn per_round(&self, contender: usize, standard: usize) -> Figures {
        let rates = |of: usize| self.turns.figures(of, Sample::per_second);
        Figures::of(rates(contender).into_iter().zip(rates(standard)).map(|(rate, other)| rate / other).collect())
    }

    /// Of the raw hand-over, round by round.
    fn share(&self, contender: usize) -> Option<f64> {
        let raw = self.contenders.iter().position(|&(name, _)| name == RAW)?;
        Some(self.per_round(contender, raw).median)
    }

    /// What the `contender` was to reach, beside the best peer.
    fn goal(&self, contender: usize) -> Option<f64> {
        let (name, workload) = (self.contenders[contender].0, self.workload.to_string());
        let standard = self.standard()?;
        let goal = goals::THROUGHPUT.iter().find(|goal| goal.0 == workload && goal.1 == name)?;
        let is_measured = !self.turns.rounds.is_empty();
        (is_measured && self.contenders[standard].1 == Role::Peer).then_some(goal.2)
    }

    fn verdict(&self, contender: usize) -> Option<(f64, f64, Verdict)> {
        let (goal, ratio) = (self.goal(contender)?, self.per_round(contender, self.standard()?).median);
        Some((ratio, goal, Verdict::of_ratio(ratio, goal)))
    }

    fn judged(&self) -> impl Iterator<Item = Judged> {
        (0..self.contenders.len()).filter_map(|index| {
            let (ratio, goal, verdict) = self.verdict(index)?;
            let peer = self.contenders[self.standard()?].0;
            Some(Judged {
                what: format!("{}, {}", self.workload, self.contenders[index].0),
                figures: format!("{ratio:.2} times {peer}, to be {goal:.2}"),
                verdict,
            })
        })
    }

    fn messages(&self, contender: usize) -> u64 {
        self.turns.rounds.iter().map(|round| round.samples[contender].messages).sum()
    }

    fn all_messages(&self) -> u64 {
        (0..self.contenders.len()).map(|index| self.messages(index)).sum()
    }

    fn add_rows(&self, table: &mut Table) {
        let (rates, standard) = (self.rates(), self.standard());
        let pair = |Figures { median, p90 }| format!("{median:.2} / {p90:.2}");
        for (index, (name, _)) in self.contenders.iter().enumerate() {
            let mega = |rate: f64| format!("{:.1} M/s", rate / 1e6);
            let of =
                |ratio: &dyn Fn(usize) -> Figures| standard.map_or(String::new(), |standard| pair(ratio(standard)));
            let (goal, verdict) = self
                .verdict(index)
                .map_or((String::new(), ""), |(_, goal, verdict)| (format!("{goal:.2}"), verdict.name()));
            table.add_row([
                self.workload.to_string(),
                (*name).to_owned(),
                mega(rates[index].median),
                mega(rates[index].p90),
                of(&|standard| rates[index].ratio_to(rates[standard])),
                of(&|standard| self.per_round(index, standard)),
                self.share(index).map_or(String::new(), |share| format!("{share:.2}")),
                goal,
                verdict.to_owned(),
            ]);
        }
        let Figures { median, p90 } = Figures::of(self.turns.line_ns());
        let far = match self.turns.far() {
            0 => String::new(),
            far => format!(" ({far} of {} rounds far)", self.turns.rounds.len()),
        };
        let ns = |ns: f64| format!("{ns:.0} ns");
        table.add_row([self.workload.to_string(), format!("line bounce{far}"), ns(median), ns(p90)]);
    }

    fn json(&self) -> Value {
        let (rates, standard) = (self.rates(), self.standard());
        let contenders = self.contenders.iter().enumerate().map(|(index, (name, role))| {
            let rounds: Vec<_> = self.turns.rounds.iter().map(|round| round.samples[index].per_second()).collect();
            json!({ "name": name, "role": role.name(), "messages": self.messages(index),
                    "messages_per_s": rates[index].json(), "rounds": rounds,
                    "ratio": standard.map(|standard| rates[index].ratio_to(rates[standard]).json()),
                    "ratio_per_round": standard.map(|standard| self.per_round(index, standard).json()),
                    "share_of_raw_hand_over": self.share(index), "goal": self.goal(index),
                    "goal_verdict": self.verdict(index).map(|(.., verdict)| verdict.name().to_lowercase()) })
        });
        let lines: Vec<_> = self.turns.rounds.iter().map(|round| &round.line_ns).collect();
        let Workload { producers, consumers, bytes, capacity, .. } = self.workload;
        json!({ "name": self.workload.to_string(), "producers": producers, "consumers": consumers,
                "payload_bytes": bytes, "capacity": capacity,
                "rounds": self.turns.rounds.len(), "far_rounds": self.turns.far(),
                "line_bounce_ns": Figures::of(self.turns.line_ns()).json(), "line_bounce_rounds_ns": lines,
                "ratio_to": standard.map(|standard| self.contenders[standard].0),
                "contenders": contenders.collect::<Vec<_>>() })
    }
}

fn failures(measured: &[Measured]) -> impl Iterator<Item = String> {
    measured.iter().filter_map(|one| one.turns.failure.as_ref().map(|failure| format!("{}, {failure}", one.workload)))
}

pub(super) fn text(measured: &[Measured]) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_FULL_CONDENSED);
    let to = if cfg!(feature = "peers") { "to the best peer" } else { "to the raw hand-over" };
    table.set_header([
        "workload",
        "contender",
        "median",
        "p90",
        &format!("{to}\nmedian / p90"),
        "round by round\nmedian / p90",
        "of the raw\nhand-over",
        "goal",
        "",
    ]);
    measured.iter().for_each(|one| one.add_rows(&mut table));
    for column in 2..8 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let messages: u64 = measured.iter().map(Measured::all_messages).sum();
    let judged: Vec<_> = measured.iter().flat_map(Measured::judged).collect();
    let mut text = format!("{table}\n{messages} messages verified{}", goals::summary(&judged));
    failures(measured).for_each(|failure| text.push_str(&format!("\nFAIL: {failure}")));
    text
}

pub(super) fn json(measured: &[Measured], args: &MeasureArgs) -> Value {
    let failures: Vec<_> = failures(measured).collect();
    let judged: Vec<_> = measured.iter().flat_map(Measured::judged).collect();
    json!({ "machine": crate::machine::json(), "rounds": args.rounds, "millis": args.millis, "capacity": super::CAPACITY, "batch": super::BATCH,
            "cores": ringway::allowed_cores(), "peers": cfg!(feature = "peers"),
            "messages_verified": measured.iter().map(Measured::all_messages).sum::<u64>(),
            "workloads": measured.iter().map(Measured::json).collect::<Vec<_>>(),
            "goals": goals::json(&judged),
            "failures": failures, "interrupted": crate::process::is_interrupted(),
            "verdict": if failures.is_empty() { "pass" } else { "fail" } })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::turns::Round;
    use crate::measure::workload;

    #[test]
    fn median_p90_and_nothing() {
        let figures = Figures::of((1..=25).map(f64::from).collect());
        assert_eq!(figures, Figures { median: 13.0, p90: 23.0 });
        assert_eq!(Figures::of(vec![4.0]), Figures { median: 4.0, p90: 4.0 });
        assert!(Figures::of(Vec::new()).p90.is_nan());
        assert_eq!(figures.ratio_to(figures), Figures { median: 1.0, p90: 1.0 });
    }

    /// Rounds of 1 ms: ringway's, a peer's and the raw hand-over's messages.
    fn measured(rounds: &[[u64; 3]]) -> Measured {
        let round = |messages: &[u64; 3]| Round {
            line_ns: vec![100.0],
            samples: messages.iter().map(|&messages| Sample { messages, elapsed_ns: 1_000_000 }).collect(),
        };
        Measured {
            workload: *workload::all().iter().find(|w| w.to_string() == "spsc 1/1 batch 8 B").unwrap(),
            contenders: vec![("ringway", Role::Ringway), ("rtrb", Role::Peer), (RAW, Role::Ceiling)],
            turns: Turns { rounds: rounds.iter().map(round).collect(), failure: None },
        }
    }

    #[test]
    fn ratios_are_of_the_same_round() {
        let one = measured(&[[30, 10, 40], [20, 20, 40], [60, 40, 40]]);
        assert_eq!(one.per_round(0, 1), Figures { median: 1.5, p90: 3.0 });
        assert_eq!(one.rates()[0].ratio_to(one.rates()[1]).median, 1.5);
        assert_eq!(one.share(1), Some(0.5));
        assert_eq!(one.verdict(0), Some((1.5, 1.3, Verdict::Pass)));
        assert_eq!(one.verdict(1), None);
        assert!(goals::summary(&one.judged().collect::<Vec<_>>()).contains("1 of 1 goals met"));
        let slow = measured(&[[10, 10, 40]]);
        assert!(
            goals::summary(&slow.judged().collect::<Vec<_>>()).contains("missed: spsc 1/1 batch 8 B, ringway: 1.00")
        );
    }
}
