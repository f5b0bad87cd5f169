//! The rows as a table that a person reads, and as JSON.

use super::CoordinationArgs;
use super::judge::{Gate, Measured, Quantity, Verdict};
use super::work::Sample;
use crate::measure::turns::Role;
use crate::process;
use crate::stats::human;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Value, json};

pub(super) fn text(measured: &[Measured], args: &CoordinationArgs) -> String {
    let mut table = Table::new();
    table.load_style(presets::ASCII_FULL_CONDENSED);
    table.set_header([
        "operation",
        "p50",
        "p99",
        "gate for p99",
        "goal for p50",
        "original",
        "ahead",
        "reference, variant",
        "its p50",
        "ahead",
    ]);
    measured.iter().for_each(|one| _ = table.add_row(one.cells()));
    for column in [1, 2, 5, 6, 8, 9] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("{table}\n{NOTES}\n{}", summary(measured, !args.no_gates));
    measured.iter().filter_map(Measured::failure).for_each(|failure| text.push_str(&format!("\nFAIL: {failure}")));
    text
}

const NOTES: &str = "\
medians over the rounds of each round's p50 and p99; contenders take turns; ahead: how many times faster ringway is
one thread: the script, what is stored, routing, contexts, state; what is shorter than a look at the clock is timed many at once
two threads: signals to who spins or is parked, met dependencies (from the send until it is in hand on the other core), beside ...
the original's numbers are documented ones, in another language, partly with disk and polling; the references use std's locks and maps";

/// What is missed, and which goals are ahead.
fn summary(measured: &[Measured], judged: bool) -> String {
    let gates: Vec<_> = measured.iter().flat_map(|one| one.gates().into_iter().map(move |gate| (one, gate))).collect();
    let goals: Vec<_> = measured.iter().filter_map(|one| Some((one, one.of_goal()?))).collect();
    let held = gates.iter().filter(|(_, gate)| gate.verdict == Verdict::Pass);
    let reached = goals.iter().filter(|(_, of)| *of <= 1.0);
    let operations: u64 = measured.iter().map(Measured::operations).sum();
    let mut text = format!(
        "{operations} operations verified; {} of {} gates hold{}; {} of {} goals reached",
        held.count(),
        gates.len(),
        if judged { "" } else { ", which are not judged" },
        reached.count(),
        goals.len(),
    );
    for (one, gate) in gates.iter().filter(|(_, gate)| gate.verdict != Verdict::Pass) {
        text.push_str(&format!("\ngate: {}: {}", one.row.name, one.told(gate)));
    }
    for (one, of) in goals.iter().filter(|(_, of)| *of > 1.0) {
        text.push_str(&format!("\ngoal missed: {}: {of:.1} times {}", one.row.name, one.shown(one.row.goal_ns)));
    }
    text
}

/// A time with a decimal where it is short.
fn short(ns: f64) -> String {
    if ns < 100.0 { format!("{ns:.1} ns") } else { human(ns.round() as u64) }
}

/// How many times, with as many digits as mean something.
fn times(factor: f64) -> String {
    match factor {
        factor if factor >= 1e4 => format!("{:.0} k", factor / 1e3),
        factor if factor >= 10.0 => format!("{factor:.0}"),
        factor => format!("{factor:.1}"),
    }
}

impl Measured {
    /// A time, or the rate that it stands for; nothing if there is none.
    fn shown(&self, ns: f64) -> String {
        match self.row.quantity {
            _ if ns.is_nan() => String::new(),
            Quantity::Time => short(ns),
            Quantity::Rate if ns > 1e3 => format!("{:.0} k/s", 1e6 / ns),
            Quantity::Rate => format!("{:.1} M/s", 1e3 / ns),
        }
    }

    /// A gate as a person reads it.
    fn told(&self, gate: &Gate) -> String {
        let limit = match gate.ratio {
            None => self.shown(gate.most),
            Some(("ringway", to)) => format!("{:.2} of {} x {to}", gate.found, gate.most),
            Some((of, to)) => format!("{of} {:.2} of {} x {to}", gate.found, gate.most),
        };
        format!("{limit}: {}", gate.verdict.name())
    }

    fn cells(&self) -> [String; 10] {
        let row = &self.row;
        let gates: Vec<_> = self.gates().iter().map(|gate| self.told(gate)).collect();
        let goal = self.of_goal().map_or(String::new(), |of| match of {
            ..=1.0 => format!("{}: reached", self.shown(row.goal_ns)),
            _ => format!("{}: {of:.1} x", self.shown(row.goal_ns)),
        });
        let lines = |of: &dyn Fn(usize) -> String| (1..row.contenders.len()).map(of).collect::<Vec<_>>().join("\n");
        [
            row.name.to_owned(),
            self.shown(self.p50(0)),
            if row.quantity == Quantity::Time { self.shown(self.p99(0)) } else { String::new() },
            gates.join("\n"),
            goal,
            self.shown(row.source_ns),
            times(row.source_ns / self.p50(0)),
            lines(&|other| row.contenders[other].name.to_owned()),
            lines(&|other| self.shown(self.p50(other))),
            lines(&|other| times(self.ratio(other, 0))),
        ]
    }

    fn json(&self) -> Value {
        let row = &self.row;
        let contenders = row.contenders.iter().enumerate().map(|(place, one)| {
            let of = |sample: &Sample| [sample.p50, sample.p99, sample.mean];
            let rounds: Vec<_> = self.turns.rounds.iter().map(|round| of(&round.samples[place])).collect();
            let operations: u64 = self.turns.rounds.iter().map(|round| round.samples[place].operations).sum();
            json!({ "name": one.name, "role": role(one.role), "operations": operations,
                    "p50_ns": self.p50(place), "p99_ns": self.p99(place),
                    "times_ringway": self.ratio(place, 0), "rounds_ns": rounds })
        });
        let gates = self.gates().into_iter().map(|gate| {
            json!({ "of": gate.ratio.map(|of| of.0), "to": gate.ratio.map(|of| of.1), "found": gate.found, "at_most": gate.most, "verdict": gate.verdict.name().to_lowercase() })
        });
        json!({ "name": row.name, "scenario": row.scenario, "rate": row.quantity == Quantity::Rate,
                "rounds": self.turns.rounds.len(), "far_rounds": self.turns.far(),
                "contenders": contenders.collect::<Vec<_>>(), "gates": gates.collect::<Vec<_>>(),
                "goal_ns": row.goal_ns, "times_goal": self.of_goal(), "original_ns": row.source_ns,
                "times_faster_than_original": row.source_ns / self.p50(0) })
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Ringway => "ringway",
        Role::Peer => "reference",
        Role::Ceiling => "ceiling",
    }
}

pub(super) fn json(measured: &[Measured], args: &CoordinationArgs, fine: bool) -> Value {
    let gates: Vec<_> = measured.iter().flat_map(Measured::gates).collect();
    let goals: Vec<_> = measured.iter().filter_map(Measured::of_goal).collect();
    json!({ "machine": crate::machine::json(), "rounds": args.rounds, "millis": args.millis,
            "rows": measured.iter().map(Measured::json).collect::<Vec<_>>(),
            "operations_verified": measured.iter().map(Measured::operations).sum::<u64>(),
            "gates": { "judged": !args.no_gates, "of": gates.len(),
                       "held": gates.iter().filter(|gate| gate.verdict == Verdict::Pass).count(),
                       "missed": gates.iter().filter(|gate| gate.verdict == Verdict::Miss).count() },
            "goals": { "reached": goals.iter().filter(|of| **of <= 1.0).count(), "of": goals.len() },
            "failures": measured.iter().filter_map(Measured::failure).collect::<Vec<_>>(),
            "interrupted": process::is_interrupted(), "verdict": if fine { "pass" } else { "fail" } })
}

#[cfg(test)]
mod tests {
    use super::super::judge::tests::measured;
    use super::*;

    fn args(no_gates: bool) -> CoordinationArgs {
        CoordinationArgs { rounds: 1, millis: 1, only: Vec::new(), no_gates, json: false }
    }

    #[test]
    fn a_row_tells_what_was_missed_and_what_is_ahead() {
        let all = [measured(&[[[50.0, 200.0], [100.0, 400.0], [25.0, 30.0]]])];
        let told = text(&all, &args(false));
        for says in [
            "0 of 2 gates hold; 0 of 1 goals reached",
            "30 operations verified",
            "gate: a row: 100 ns: MISS",
            "gate: a row: 2.00 of 1.5 x bare: MISS",
            "goal missed: a row: 2.5 times 20.0 ns",
            "20.0 ns: 2.5 x",
        ] {
            assert!(told.contains(says), "{says} in {told}");
        }
        assert!(text(&all, &args(true)).contains("which are not judged"));
        let result = json(&all, &args(false), false);
        assert_eq!((&result["verdict"], &result["gates"]["held"]), (&"fail".into(), &0.into()));
        assert_eq!(result["rows"][0]["gates"][1]["found"], 2.0);
        assert_eq!(result["rows"][0]["contenders"][1]["times_ringway"], 2.0);
    }

    #[test]
    fn figures_have_the_digits_that_mean_something() {
        assert_eq!([2.75, 99.94, 100.0, 1_500.0].map(short), ["2.8 ns", "99.9 ns", "100 ns", "1.5 us"]);
        assert_eq!([1.26, 12.4, 1_234.0, 30_000.0].map(times), ["1.3", "12", "1234", "30 k"]);
        let mut one = measured(&[]);
        one.row.quantity = Quantity::Rate;
        assert_eq!([500.0, 17_857.0, f64::NAN].map(|ns| one.shown(ns)), ["2.0 M/s", "56 k/s", ""]);
    }
}
