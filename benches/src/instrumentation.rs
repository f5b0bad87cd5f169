//! What it costs to keep percentiles: a saturated bus with and without them, in turns.

use crate::saturate::{Round, SaturateArgs, one_round};
use crate::settings::BusFlags;
use crate::stats::median;
use crate::{message, output, process};
use clap::Args;
use serde_json::json;
use std::process::ExitCode;

/// What they may cost, as a part of the rate: what is aimed at, and what fails.
const GOAL: f64 = 0.01;
const GATE: f64 = 0.05;

#[derive(Clone, Debug, Args)]
pub(crate) struct InstrumentationArgs {
    /// Rounds, each with and without percentiles
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Milliseconds of each half of a round
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    millis: u64,
    /// Publishers, each a thread of its own
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1024))]
    publishers: u32,
    /// Bytes of a message: 32, 64 or 256
    #[arg(long, default_value = "64", value_parser = message::payload)]
    payload: usize,
    #[command(flatten)]
    bus: BusFlags,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// A round's halves.
#[derive(Clone, Copy, Debug)]
struct Pair {
    with: Round,
    without: Round,
}

pub(crate) fn run(args: &InstrumentationArgs) -> Result<ExitCode, String> {
    process::listen_for_ctrl_c()?;
    let mut pairs = Vec::new();
    while pairs.len() < args.rounds as usize && !process::is_interrupted() {
        pairs.push(pair(args, pairs.len() % 2 == 0)?);
    }
    let cost = Estimate::of(pairs.iter().map(|pair| 1.0 - pair.with.rate() / pair.without.rate()).collect());
    let sampled: u64 = pairs.iter().map(|pair| pair.with.samples).sum();
    let fine = pairs.iter().all(|pair| pair.with.is_fine() && pair.without.is_fine() && pair.without.samples == 0);
    // Only what is surely beyond the gate fails.
    let passes = fine && (cost.low.is_nan() || cost.low <= GATE);
    let rate = |of: &dyn Fn(&Pair) -> Round| median(&mut pairs.iter().map(|pair| of(pair).rate()).collect::<Vec<_>>());
    let (with, without) = (rate(&|pair| pair.with), rate(&|pair| pair.without));
    if args.json {
        output::print(json!({
            "machine": crate::machine::json(), "rounds": pairs.len(), "messages_per_s": { "with": with, "without": without }, "samples": sampled, "balanced": fine,
            "cost": { "median": cost.median, "low": cost.low, "high": cost.high }, "goal": GOAL, "gate": GATE,
            "goal_reached": cost.median <= GOAL, "publishers": args.publishers, "workers": args.bus.workers,
            "payload_bytes": args.payload, "verdict": if passes { "pass" } else { "fail" } }))?;
    } else {
        let percent = |part: f64| format!("{:+.2} %", part * 100.0);
        output::print(format_args!(
            "percentiles cost {} of the rate (median of {} rounds; with 95 % confidence between {} and {}): goal {} {}\n\
             {:.1} million messages a second with, {:.1} without; {sampled} samples; {}",
            percent(cost.median),
            pairs.len(),
            percent(cost.low),
            percent(cost.high),
            percent(GOAL),
            if cost.median <= GOAL { "reached" } else { "MISSED" },
            with / 1e6,
            without / 1e6,
            if passes { "pass" } else { "FAIL" }
        ))?;
    }
    Ok(process::exit_code(passes, process::is_interrupted()))
}

fn pair(args: &InstrumentationArgs, with_first: bool) -> Result<Pair, String> {
    let settings = SaturateArgs {
        publishers: args.publishers,
        rounds: 1,
        duration: args.millis as f64 / 1e3,
        payload: args.payload,
        bus: args.bus.clone(),
        json: false,
    };
    let (first, second) = (one_round(&settings, with_first)?, one_round(&settings, !with_first)?);
    let (with, without) = if with_first { (first, second) } else { (second, first) };
    Ok(Pair { with, without })
}

/// A median, and between which values it lies with 95 % confidence (by the order of the values alone).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) median: f64,
    pub(crate) low: f64,
    high: f64,
}

impl Estimate {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.retain(|value| value.is_finite());
        let median = median(&mut values);
        let (n, last) = (values.len() as f64, values.len().saturating_sub(1));
        // 1.96 standard deviations of the number of values below the median, which is binomial.
        let away = 0.98 * n.sqrt();
        let at = |index: f64| values.get((index.max(0.0) as usize).min(last)).copied().unwrap_or(f64::NAN);
        Self { median, low: at((n / 2.0 - away).floor()), high: at((n / 2.0 + away).ceil()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_lies_between_its_bounds() {
        let estimate = Estimate::of((1..=100).rev().map(f64::from).collect());
        assert_eq!(estimate, Estimate { median: 50.5, low: 41.0, high: 61.0 });
        assert_eq!(Estimate::of(vec![1.0]), Estimate { median: 1.0, low: 1.0, high: 1.0 });
        assert!(Estimate::of(vec![f64::NAN, f64::NEG_INFINITY]).low.is_nan());
    }
}
