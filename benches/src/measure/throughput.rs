//! `ringway-bench throughput`: who gets how much through, at each workload.

use super::ends::Reader;
use super::payload::Payload;
use super::rates::{self, Measured};
use super::stream::{self, Sample};
use super::turns::{Contender, Role, progress, take_turns};
use super::workload::{self, Kind, Style, Workload};
use super::{MeasureArgs, copy, hand_over, tell_of_peers};
use crate::output::print;
use crate::process;
use ringway::{BuildError, Builder, broadcast, mpmc, mpsc, spsc};
use std::process::ExitCode;

pub(crate) fn throughput(args: &MeasureArgs) -> Result<ExitCode, String> {
    process::listen_for_ctrl_c()?;
    let mut workloads = Vec::new();
    for workload in args.select(workload::all(), Workload::to_string, Workload::is_usual)? {
        workloads.push((workload, args.select_peers(contenders(&workload))));
    }
    let turns = workloads.iter().map(|(_, contenders)| contenders.len() as u64).sum::<u64>() * u64::from(args.rounds);
    let progress = progress(args, turns);
    let mut measured = Vec::new();
    for (workload, contenders) in workloads {
        progress.set_prefix(workload.to_string());
        let turns = take_turns(&contenders, args, &progress);
        let over = turns.failure.is_some() || process::is_interrupted();
        measured.push(Measured::new(workload, &contenders, turns));
        if over {
            break;
        }
    }
    progress.finish_and_clear();
    let failed = measured.iter().any(|measured| measured.turns.failure.is_some());
    match args.json {
        true => print(rates::json(&measured, args))?,
        false => print(rates::text(&measured))?,
    }
    tell_of_peers("throughput");
    Ok(process::exit_code(!failed, process::is_interrupted()))
}

fn contenders(workload: &Workload) -> Vec<Contender<Sample>> {
    match workload.bytes {
        8 => contenders_for::<u64>(workload),
        64 => with_copy::<[u64; 8]>(workload),
        _ => with_copy::<[u64; 32]>(workload),
    }
}

fn with_copy<M: Payload + PartialEq>(workload: &Workload) -> Vec<Contender<Sample>> {
    contenders_for::<M>(workload).into_iter().chain([copy::contender::<M>()]).collect()
}

fn contenders_for<M: Payload>(workload: &Workload) -> Vec<Contender<Sample>> {
    let mut all = ours::<M>(workload);
    #[cfg(feature = "peers")]
    all.extend(super::peers::contenders::<M>(workload));
    let raw = hand_over::ends::<M>;
    all.push(stream::pair::<M, _, _>(rates::RAW, Role::Ceiling, &Workload { style: Style::Batch, ..*workload }, raw));
    all
}

/// The table of what this crate has to offer: a variant takes one line.
fn ours<M: Payload>(workload: &Workload) -> Vec<Contender<Sample>> {
    let (w, name, role) = (workload, "ringway", Role::Ringway);
    match workload.kind {
        Kind::Spsc => vec![
            stream::pair::<M, _, _>(name, role, w, spsc::channel),
            stream::pair::<M, _, _>(STREAMING, role, w, |capacity| built(streaming(capacity).spsc())),
        ],
        Kind::Mpsc => vec![
            stream::to_one::<M, _, _>(name, role, w, mpsc::channel),
            stream::contender::<M, _, _>("ringway, lanes", role, w, {
                let Workload { capacity, producers, .. } = *w;
                move || lanes(capacity, producers)
            }),
        ],
        Kind::Mpmc => vec![
            stream::shared::<M, _, _>(name, role, w, mpmc::channel),
            stream::shared::<M, _, _>(STREAMING, role, w, |capacity| built(streaming(capacity).mpmc())),
        ],
        Kind::Broadcast => vec![stream::to_all::<M, _, _>(name, role, w, readers)],
    }
}

/// The variant for streams.
const STREAMING: &str = "ringway streaming";

fn streaming(capacity: usize) -> Builder {
    Builder::new(capacity).streaming()
}

fn built<Ends>(channel: Result<Ends, BuildError>) -> Ends {
    channel.unwrap_or_else(|error| panic!("{error}"))
}

/// A ring of its own for each producer.
fn lanes<M: Payload>(capacity: usize, producers: usize) -> (Vec<mpsc::Sender<M>>, Vec<mpsc::Receiver<M>>) {
    let (tx, rx) = built(Builder::new(capacity).lanes(producers).mpsc());
    (vec![tx; producers], vec![rx])
}

fn readers<M: Payload>(capacity: usize, consumers: usize) -> (broadcast::Sender<M>, Vec<Reader<M>>) {
    let (tx, first) = broadcast::channel(capacity);
    let others: Vec<_> = (1..consumers).filter_map(|_| tx.subscribe().ok()).collect();
    (tx, others.into_iter().chain([first]).map(Reader).collect())
}
