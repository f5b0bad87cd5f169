//! Throughput and latency, beside peers and beside what the machine can do at all.
//!
//! A figure on its own is worth little: machines differ, and a virtual one differs from itself a minute later. So all
//! contenders take turns in one process, the time a cache line takes between the cores is probed around each turn, and
//! what counts are ratios.

mod copy;
mod ends;
mod hand_over;
mod latency;
mod ledger;
mod line;
mod open_loop;
mod partners;
mod payload;
#[cfg(feature = "peers")]
mod peers;
mod ping_pong;
mod rates;
mod stream;
mod threads;
mod throughput;
mod turns;
mod waiting;
mod workload;

pub(crate) use latency::latency;
pub(crate) use throughput::throughput;
pub(crate) use waiting::{WaitingArgs, waiting};

use crate::output;
use clap::Args;
use std::time::Duration;

/// Messages that fit into a ring.
const CAPACITY: usize = 1024;

/// Messages of a batch.
const BATCH: usize = 256;

#[derive(Clone, Debug, Args)]
pub(crate) struct MeasureArgs {
    /// Turns of every contender, of which the median is told
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rounds: u32,
    /// Milliseconds of a turn
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    millis: u64,
    /// Only workloads whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl MeasureArgs {
    fn turn(&self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// Those of `all` that were asked for.
    fn select<W>(&self, all: Vec<W>, name: impl Fn(&W) -> String) -> Result<Vec<W>, String> {
        let wanted = self.only.as_deref().unwrap_or("");
        let names: Vec<_> = all.iter().map(&name).collect();
        let chosen: Vec<_> = all.into_iter().filter(|workload| name(workload).contains(wanted)).collect();
        match chosen.is_empty() {
            true => Err(format!("no workload's name contains '{wanted}'; there are: {}", names.join(", "))),
            false => Ok(chosen),
        }
    }
}

/// Said where there is nobody to compare with.
fn tell_of_peers(command: &str) {
    if cfg!(not(feature = "peers")) {
        output::note(format_args!(
            "this build knows no peers; add them: cargo run --release --features peers -- {command}"
        ));
    }
}
