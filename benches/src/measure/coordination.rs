//! `ringway-bench coordination`: what coordination costs, beside what one would write with the standard library's locks, the numbers
//! of the system that it was specified after, and gates and goals.

mod contexts;
mod dependencies;
mod judge;
mod plain_routing;
mod plain_signals;
mod routing;
mod rows;
mod signals;
mod state;
mod table;
mod work;

use super::MeasureArgs;
use super::turns::{progress, take_turns};
use crate::output::print;
use crate::process;
use clap::Args;
use judge::Measured;
use ringway::ids::{AgentId, CoordId};
use std::process::ExitCode;

/// The coordination that all of it takes place in.
const C: CoordId = CoordId::new(7);

/// Subscribers, and those who get contexts.
const AGENTS: u32 = 10;

const fn agent(index: u32) -> AgentId {
    AgentId { index, generation: 0 }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct CoordinationArgs {
    /// Turns of every contender, of which the median is told
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Milliseconds of a turn; those with signals and met dependencies on two threads take 20, 60, and polls 100
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    millis: u64,
    /// Only rows whose name contains one of these
    #[arg(long, value_name = "TEXT,..", value_delimiter = ',')]
    only: Vec<String>,
    /// Tell missed gates, but do not fail by them: for busy machines. Whatever comes out wrong fails in any case
    #[arg(long)]
    no_gates: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl CoordinationArgs {
    fn measure(&self) -> MeasureArgs {
        let Self { rounds, millis, ref only, json, .. } = *self;
        MeasureArgs { rounds, millis, only: only.clone(), peers: Vec::new(), json }
    }
}

pub(crate) fn coordination(args: &CoordinationArgs) -> Result<ExitCode, String> {
    process::listen_for_ctrl_c()?;
    let measure = args.measure();
    let rows = measure.select(rows::all(), |row| row.name.to_owned(), |_| true)?;
    let turns = rows.iter().map(|row| row.contenders.len() as u64).sum::<u64>() * u64::from(args.rounds);
    let progress = progress(&measure, turns);
    let mut measured = Vec::new();
    for row in rows {
        progress.set_prefix(row.name);
        let turns = take_turns(&row.contenders, &measure, &progress);
        let over = turns.failure.is_some() || process::is_interrupted();
        measured.push(Measured { row, turns });
        if over {
            break;
        }
    }
    progress.finish_and_clear();
    let fine = judge::passes(&measured, !args.no_gates);
    match args.json {
        true => print(table::json(&measured, args, fine))?,
        false => print(table::text(&measured, args))?,
    }
    Ok(process::exit_code(fine, process::is_interrupted()))
}
