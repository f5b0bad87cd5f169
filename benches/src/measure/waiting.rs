//! `ringway-bench waiting`: what it costs to wait by sleeping, for those who hardly ever do; and how long somebody who
//! sleeps takes to wake up.

mod busy;
mod fences;
pub(super) mod wake;

use super::{MeasureArgs, tell_of_peers};
use crate::output::print;
use crate::process;
use crate::stats::median;
use clap::Args;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;
use std::process::ExitCode;

#[derive(Clone, Debug, Args)]
pub(crate) struct WaitingArgs {
    #[command(flatten)]
    measure: MeasureArgs,
    /// Microseconds between two messages to somebody who sleeps
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u64).range(100..=100_000))]
    pause: u64,
    /// Take the turns that are asked for on standard input: how the command calls itself
    #[arg(long, hide = true)]
    serve: bool,
}

pub(crate) fn waiting(args: &WaitingArgs) -> Result<ExitCode, String> {
    if args.serve {
        return fences::serve();
    }
    process::listen_for_ctrl_c()?;
    let (busy, wakes) = (busy::names(), vec![wake::NAME.to_owned()]);
    let wanted = args.measure.select([busy, wakes].concat(), String::clone, |_| true)?;
    let mut measured = busy::measure(&args.measure, &wanted)?;
    let woken = match wanted.iter().any(|name| name == wake::NAME) {
        true if measured.iter().all(|busy| busy.turns.failure.is_none()) => Some(wake::measure(args)?),
        _ => None,
    };
    let mut failures: Vec<_> = measured.iter_mut().filter_map(|busy| busy.turns.failure.take()).collect();
    failures.extend(woken.as_ref().and_then(|woken| woken.turns.failure.clone()));
    if args.measure.json {
        print(json!({
            "machine": crate::machine::json(), "rounds": args.measure.rounds, "millis": args.measure.millis, "pause_us": args.pause,
            "busy": measured.iter().map(busy::Measured::json).collect::<Vec<_>>(),
            "wake": woken.as_ref().map(wake::Measured::json),
            "failures": failures, "interrupted": process::is_interrupted(),
            "verdict": if failures.is_empty() { "pass" } else { "fail" } }))?;
    } else {
        print(text(&measured, woken.as_ref(), &failures))?;
        tell_of_peers("waiting");
    }
    Ok(process::exit_code(failures.is_empty(), process::is_interrupted()))
}

fn text(measured: &[busy::Measured], woken: Option<&wake::Measured>, failures: &[String]) -> String {
    let mut text = String::new();
    if !measured.is_empty() {
        let mut rows = table(["workload", "both sides wait by", "median", "to spin", "goal"], 2..4);
        measured.iter().for_each(|busy| busy.add_rows(&mut rows));
        text.push_str(&format!(
            "{rows}\nratios: the median of each round's; fences: as where the system has no membarrier, in a process of its own"
        ));
    }
    if let Some(woken) = woken {
        let mut rows = table(["from send to handler", "p50", "p99", "to the best peer", "goal"], 1..4);
        woken.add_rows(&mut rows);
        text.push_str(&format!(
            "\n{rows}\none message at a time, to a thread that sleeps on the other core; medians of each round's p50 and p99"
        ));
    }
    failures.iter().for_each(|failure| text.push_str(&format!("\nFAIL: {failure}")));
    text.trim_start().to_owned()
}

fn table(header: [&str; 5], numbers: std::ops::Range<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_FULL_CONDENSED);
    table.set_header(header);
    for column in numbers {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// The median of the ratios of each round.
fn ratio(figures: &[f64], standard: &[f64]) -> f64 {
    median(&mut figures.iter().zip(standard).map(|(figure, standard)| figure / standard).collect::<Vec<_>>())
}

/// How a ratio stands to its goal. What is within a tenth of a goal of 1.0 is a tie: no run tells these apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reached {
    Yes,
    Tie,
    No,
}

impl Reached {
    fn at_least(ratio: f64, goal: f64) -> Self {
        if ratio >= goal { Self::Yes } else { Self::No }
    }

    fn at_most(ratio: f64, goal: f64) -> Self {
        match ratio {
            ratio if ratio <= goal => Self::Yes,
            ratio if ratio <= goal * 1.1 => Self::Tie,
            _ => Self::No,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Yes => "reached",
            Self::Tie => "tie",
            Self::No => "MISSED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Reached;

    #[test]
    fn a_goal_is_reached_tied_or_missed() {
        assert_eq!([0.9, 0.89].map(|ratio| Reached::at_least(ratio, 0.9)), [Reached::Yes, Reached::No]);
        let waits = [1.0, 1.09, 1.2, f64::NAN].map(|ratio| Reached::at_most(ratio, 1.0));
        assert_eq!(waits, [Reached::Yes, Reached::Tie, Reached::No, Reached::No]);
    }

    #[test]
    fn ratios_are_those_of_rounds() {
        assert_eq!(super::ratio(&[1.0, 20.0, 3.0], &[1.0, 10.0, 1.0]), 2.0);
        assert!(super::ratio(&[], &[]).is_nan());
    }
}
