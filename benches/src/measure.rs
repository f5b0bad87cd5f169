//! Throughput and latency, beside peers and beside what the machine can do at all.
//!
//! A figure on its own is worth little: machines differ, and a virtual one differs from itself a minute later. So all
//! contenders take turns in one process, the time a cache line takes between the cores is probed around each turn, and
//! what counts are ratios.

mod agents;
mod coordination;
mod copy;
mod ends;
mod goals;
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

pub(crate) use coordination::{CoordinationArgs, coordination};
pub(crate) use latency::latency;
pub(crate) use throughput::throughput;
pub(crate) use waiting::{WaitingArgs, waiting};

use crate::output;
use clap::Args;
use std::time::Duration;
use turns::{Contender, Role};

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
    /// Only workloads whose name contains one of these; also those that are not measured usually
    #[arg(long, value_name = "TEXT,..", value_delimiter = ',')]
    only: Vec<String>,
    /// Only peers whose name contains one of these
    #[arg(long, value_name = "TEXT,..", value_delimiter = ',')]
    peers: Vec<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl MeasureArgs {
    fn turn(&self) -> Duration {
        Duration::from_millis(self.millis)
    }

    /// Those of `all` that were asked for: by each text the usual ones, or if there are none of that name, the others.
    fn select<W>(
        &self,
        all: Vec<W>,
        name: impl Fn(&W) -> String,
        is_usual: impl Fn(&W) -> bool,
    ) -> Result<Vec<W>, String> {
        let mut chosen = vec![false; all.len()];
        let texts = if self.only.is_empty() { vec![""] } else { self.only.iter().map(String::as_str).collect() };
        for text in texts {
            let named = |workload: &W| name(workload).contains(text);
            let usual = all.iter().any(|workload| named(workload) && is_usual(workload));
            if !all.iter().any(&named) {
                let names: Vec<_> = all.iter().map(&name).collect();
                return Err(format!("no workload's name contains '{text}'; there are: {}", names.join(", ")));
            }
            for (workload, chosen) in all.iter().zip(&mut chosen) {
                *chosen |= named(workload) && is_usual(workload) == usual;
            }
        }
        Ok(all.into_iter().zip(chosen).filter_map(|(workload, chosen)| chosen.then_some(workload)).collect())
    }

    /// Without the peers that were not asked for.
    fn select_peers<S>(&self, mut all: Vec<Contender<S>>) -> Vec<Contender<S>> {
        let wanted = |name: &str| self.peers.iter().any(|text| name.contains(text.as_str()));
        all.retain(|one| one.role != Role::Peer || self.peers.is_empty() || wanted(one.name));
        all
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
