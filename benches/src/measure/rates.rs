//! Rates and their ratios, as a table and as JSON.

use super::MeasureArgs;
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

    fn messages(&self, contender: usize) -> u64 {
        self.turns.rounds.iter().map(|round| round.samples[contender].messages).sum()
    }

    fn all_messages(&self) -> u64 {
        (0..self.contenders.len()).map(|index| self.messages(index)).sum()
    }

    fn add_rows(&self, table: &mut Table) {
        let (rates, standard) = (self.rates(), self.standard());
        for (index, (name, _)) in self.contenders.iter().enumerate() {
            let ratio = standard.map_or(String::new(), |standard| {
                let ratio = rates[index].ratio_to(rates[standard]);
                format!("{:.2} / {:.2}", ratio.median, ratio.p90)
            });
            let mega = |rate: f64| format!("{:.1} M/s", rate / 1e6);
            let Figures { median, p90 } = rates[index];
            table.add_row([self.workload.to_string(), (*name).to_owned(), mega(median), mega(p90), ratio]);
        }
        let Figures { median, p90 } = Figures::of(self.turns.line_ns());
        let far = match self.turns.far() {
            0 => String::new(),
            far => format!(" ({far} of {} rounds far)", self.turns.rounds.len()),
        };
        let ns = |ns: f64| format!("{ns:.0} ns");
        table.add_row([self.workload.to_string(), format!("line bounce{far}"), ns(median), ns(p90), String::new()]);
    }

    fn json(&self) -> Value {
        let (rates, standard) = (self.rates(), self.standard());
        let contenders = self.contenders.iter().enumerate().map(|(index, (name, role))| {
            let rounds: Vec<_> = self.turns.rounds.iter().map(|round| round.samples[index].per_second()).collect();
            json!({ "name": name, "role": role.name(), "messages": self.messages(index),
                    "messages_per_s": rates[index].json(), "rounds": rounds,
                    "ratio": standard.map(|standard| rates[index].ratio_to(rates[standard]).json()) })
        });
        let lines: Vec<_> = self.turns.rounds.iter().map(|round| &round.line_ns).collect();
        let Workload { producers, consumers, bytes, .. } = self.workload;
        json!({ "name": self.workload.to_string(), "producers": producers, "consumers": consumers,
                "payload_bytes": bytes, "rounds": self.turns.rounds.len(), "far_rounds": self.turns.far(),
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
    let ratio =
        if cfg!(feature = "peers") { "to the best peer (median / p90)" } else { "of the raw hand-over (median / p90)" };
    table.set_header(["workload", "contender", "median", "p90", ratio]);
    measured.iter().for_each(|one| one.add_rows(&mut table));
    for column in 2..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let messages: u64 = measured.iter().map(Measured::all_messages).sum();
    let mut text = format!("{table}\n{messages} messages verified");
    failures(measured).for_each(|failure| text.push_str(&format!("\nFAIL: {failure}")));
    text
}

pub(super) fn json(measured: &[Measured], args: &MeasureArgs) -> Value {
    let failures: Vec<_> = failures(measured).collect();
    json!({ "machine": crate::machine::json(), "rounds": args.rounds, "millis": args.millis, "capacity": super::CAPACITY, "batch": super::BATCH,
            "cores": ringway::allowed_cores(), "peers": cfg!(feature = "peers"),
            "messages_verified": measured.iter().map(Measured::all_messages).sum::<u64>(),
            "workloads": measured.iter().map(Measured::json).collect::<Vec<_>>(),
            "failures": failures, "interrupted": crate::process::is_interrupted(),
            "verdict": if failures.is_empty() { "pass" } else { "fail" } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_p90_and_nothing() {
        let figures = Figures::of((1..=25).map(f64::from).collect());
        assert_eq!(figures, Figures { median: 13.0, p90: 23.0 });
        assert_eq!(Figures::of(vec![4.0]), Figures { median: 4.0, p90: 4.0 });
        assert!(Figures::of(Vec::new()).p90.is_nan());
        assert_eq!(figures.ratio_to(figures), Figures { median: 1.0, p90: 1.0 });
    }
}
