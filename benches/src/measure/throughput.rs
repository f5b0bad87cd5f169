//! `ringway-bench throughput`: who gets how much through, at each workload.

use super::ends::Reader;
use super::payload::Payload;
use super::rates::{self, Measured};
use super::stream::{self, Sample};
use super::turns::{Contender, Role, progress, take_turns};
use super::workload::{self, Kind, Style, Workload};
use super::{CAPACITY, MeasureArgs, copy, hand_over, tell_of_peers};
use crate::output::print;
use crate::process;
use ringway::{broadcast, mpmc, mpsc, spsc};
use std::process::ExitCode;

pub(crate) fn throughput(args: &MeasureArgs) -> Result<ExitCode, String> {
    process::listen_for_ctrl_c()?;
    let mut workloads = Vec::new();
    for workload in args.select(workload::all(), Workload::to_string)? {
        workloads.push((workload, contenders(&workload)));
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
    let mut all = match workload.bytes {
        8 => contenders_for::<u64>(workload),
        _ => contenders_for::<[u64; 8]>(workload),
    };
    if workload.bytes == 64 {
        all.push(copy::contender());
    }
    all
}

/// The table of contenders. A kind of ring whose ends implement [`ringway::Sink`] and [`ringway::Source`] takes one
/// line; a peer one more, and its ends in `peers`.
fn contenders_for<M: Payload>(workload: &Workload) -> Vec<Contender<Sample>> {
    let Workload { kind, producers, consumers, style, .. } = *workload;
    let (name, ours) = ("ringway", Role::Ringway);
    let mut all = vec![match kind {
        Kind::Spsc => stream::contender::<M, _, _>(name, ours, style, || one_each(spsc::channel(CAPACITY))),
        Kind::Mpsc => stream::contender::<M, _, _>(name, ours, style, move || {
            let (tx, rx) = mpsc::channel(CAPACITY);
            (vec![tx; producers], vec![rx])
        }),
        Kind::Mpmc => stream::contender::<M, _, _>(name, ours, style, move || {
            let (tx, rx) = mpmc::channel(CAPACITY);
            (vec![tx; producers], vec![rx; consumers])
        }),
        Kind::Broadcast => stream::copying::<M, _, _>(name, ours, style, consumers as u64, move || {
            let (tx, first) = broadcast::channel(CAPACITY);
            let others = (1..consumers).filter_map(|_| tx.subscribe().ok()).collect::<Vec<_>>();
            (vec![tx], others.into_iter().chain([first]).map(Reader).collect())
        }),
    }];
    #[cfg(feature = "peers")]
    all.extend(peers::<M>(workload));
    let raw = || one_each(hand_over::ends::<M>());
    all.push(stream::contender::<M, _, _>(rates::RAW, Role::Ceiling, Style::Batch, raw));
    all
}

#[cfg(feature = "peers")]
fn peers<M: Payload>(workload: &Workload) -> Vec<Contender<Sample>> {
    use super::peers::{queue, rtrb};
    let Workload { kind, producers, consumers, style, .. } = *workload;
    let array_queue = move || {
        let (producer, consumer) = queue();
        (vec![producer; producers], vec![consumer; consumers])
    };
    let mut all = Vec::new();
    if kind != Kind::Broadcast {
        all.push(stream::contender::<M, _, _>("crossbeam ArrayQueue", Role::Peer, style, array_queue));
    }
    if kind == Kind::Spsc {
        all.push(stream::contender::<M, _, _>("rtrb", Role::Peer, style, || one_each(rtrb())));
    }
    all
}

fn one_each<P, C>((producer, consumer): (P, C)) -> (Vec<P>, Vec<C>) {
    (vec![producer], vec![consumer])
}
