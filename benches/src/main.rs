//! `ringway-bench`: the reference load, the replay of real events, and figures.

mod alloc;
mod comparison;
mod html;
mod instrumentation;
mod load;
mod machine;
mod measure;
mod message;
mod output;
mod process;
mod replay;
mod report;
mod saturate;
mod settings;
mod stats;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: alloc::Watched = alloc::Watched;

/// Shows ringway at work, and measures it. Without a subcommand: load.
#[derive(Debug, Parser)]
#[command(name = "ringway-bench", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    load: load::LoadArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The reference load: agents publish at a fixed rate; latency, losses, allocations and a verdict
    Load(load::LoadArgs),
    /// Real events from a file, keyed and in order, checked against a single thread
    Replay(replay::ReplayArgs),
    /// How much goes through a bus, unpaced
    Bus(saturate::SaturateArgs),
    /// What it costs a busy bus to keep percentiles
    Instrumentation(instrumentation::InstrumentationArgs),
    /// What a bus costs that has nothing to do
    Idle(saturate::IdleArgs),
    /// Rings beside peers and ceilings, in turns: how many messages go through
    Throughput(measure::MeasureArgs),
    /// Rings beside peers and ceilings, in turns: how long a message takes
    Latency(measure::MeasureArgs),
    /// What waiting by sleeping costs: the rate while busy, and the time to wake somebody up
    Waiting(measure::WaitingArgs),
    /// Signals, routing, contexts, dependencies and state beside plain locks, the original's numbers, gates and goals
    Coordination(measure::CoordinationArgs),
    /// One page of what throughput and latency have told with --json
    Report(comparison::ReportArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        None => load::run(&cli.load),
        Some(Command::Load(args)) => load::run(args),
        Some(Command::Replay(args)) => replay::run(args),
        Some(Command::Bus(args)) => saturate::bus(args),
        Some(Command::Instrumentation(args)) => instrumentation::run(args),
        Some(Command::Idle(args)) => saturate::idle(args),
        Some(Command::Throughput(args)) => measure::throughput(args),
        Some(Command::Latency(args)) => measure::latency(args),
        Some(Command::Waiting(args)) => measure::waiting(args),
        Some(Command::Coordination(args)) => measure::coordination(args),
        Some(Command::Report(args)) => comparison::report(args),
    };
    result.unwrap_or_else(|error| {
        output::note(format_args!("error: {error}"));
        ExitCode::from(2)
    })
}
