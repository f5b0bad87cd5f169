//! The same load over a peer, in turns with the bus: one crossbeam `ArrayQueue` per worker.

use super::agents::{self, Sent, Tick};
use super::recorder::Record;
use super::{LoadArgs, progress, through_bus};
use crate::message::{Message, for_payload};
use crate::stats::{human, median};
use crate::{output, process};
use comfy_table::Table;
use crossbeam_queue::ArrayQueue;
use serde_json::json;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Spins before a worker naps; what served this queue best of what was tried.
const SPINS: u32 = 64;
const NAP: Duration = Duration::from_micros(50);

struct Round {
    ringway: (u64, u64),
    peer: (u64, u64),
}

pub(super) fn run(args: &LoadArgs) -> Result<ExitCode, String> {
    process::listen_for_ctrl_c()?;
    let (mut rounds, mut lost) = (Vec::new(), 0);
    for _ in 0..args.rounds {
        let outcome = for_payload!(args.payload, through_bus(args))?;
        let (sent, peer) = for_payload!(args.payload, through_queues(args))?;
        // What is lost counts in a round that was interrupted, too; its latencies do not.
        lost += outcome.lost() + outcome.refused + sent.saturating_sub(peer.received);
        if process::is_interrupted() {
            break;
        }
        let latencies = |record: &Record| (record.due.value_at_quantile(0.95), record.bus.value_at_quantile(0.95));
        rounds.push(Round { ringway: latencies(&outcome.record), peer: latencies(&peer) });
    }
    let ratios = |of: fn((u64, u64)) -> u64| -> Vec<f64> {
        rounds.iter().map(|round| of(round.ringway) as f64 / of(round.peer) as f64).collect()
    };
    let (mut due, mut bus) = (ratios(|(due, _)| due), ratios(|(_, bus)| bus));
    let (due, bus) = (median(&mut due), median(&mut bus));
    if args.json {
        let rounds: Vec<_> = rounds
            .iter()
            .map(|round| json!({ "p95_ns": [round.ringway.0, round.peer.0], "bus_p95_ns": [round.ringway.1, round.peer.1] }))
            .collect();
        output::print(
            json!({ "peer": args.compare, "rounds": rounds, "p95_ratio": due, "bus_p95_ratio": bus, "lost": lost }),
        )?;
    } else {
        let mut table = Table::new();
        table.set_header(["P95", "ringway, due", "ArrayQueue, due", "ringway, sent", "ArrayQueue, sent"]);
        for (number, round) in rounds.iter().enumerate() {
            let figures = [round.ringway.0, round.peer.0, round.ringway.1, round.peer.1].map(human);
            table.add_row(std::iter::once(format!("round {}", number + 1)).chain(figures));
        }
        output::print(format_args!(
            "{table}\nmedian ratio of P95: {due:.2} from the moment due, {bus:.2} from the call of send; {lost} lost"
        ))?;
    }
    Ok(process::exit_code(lost == 0, process::is_interrupted()))
}

fn through_queues<const WORDS: usize>(args: &LoadArgs) -> Result<(u64, Record), String> {
    let schedule = args.schedule()?;
    let queues: Vec<_> = (0..args.bus.workers).map(|_| ArrayQueue::<Message<WORDS>>::new(args.bus.capacity)).collect();
    let (sent, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let progress = progress(args, "ArrayQueue", schedule.messages);
    let cores = ringway::allowed_cores();
    std::thread::scope(|scope| {
        let workers: Vec<_> = queues
            .iter()
            .enumerate()
            .map(|(index, queue)| {
                let over = &over;
                scope.spawn(move || {
                    core_affinity::set_for_current(core_affinity::CoreId { id: cores[index % cores.len()] });
                    drain(queue, args.agents, args.bus.batch, over)
                })
            })
            .collect();
        let outcome = agents::run(
            &schedule,
            |_| (),
            |(), tick: Tick| {
                let queue = &queues[tick.agent as usize % queues.len()];
                let outcome = push(queue, Message::new(tick.due, process::now_ns(), tick.agent, tick.sequence));
                sent.fetch_add(u64::from(outcome != Sent::Refused), Ordering::Relaxed);
                true
            },
            |()| (),
            || progress.set_position(sent.load(Ordering::Relaxed)),
        );
        over.store(true, Ordering::Release);
        progress.finish_and_clear();
        outcome?;
        let records: Result<Vec<_>, _> = workers.into_iter().map(|worker| worker.join()).collect();
        Ok((sent.load(Ordering::Relaxed), Record::merged(&records.map_err(|_| "a worker panicked")?)))
    })
}

fn push<T>(queue: &ArrayQueue<T>, mut message: T) -> Sent {
    let mut outcome = Sent::AtOnce;
    while let Err(refused) = queue.push(message) {
        message = refused;
        outcome = Sent::AfterWaiting;
        std::thread::yield_now();
    }
    outcome
}

fn drain<const WORDS: usize>(
    queue: &ArrayQueue<Message<WORDS>>,
    agents: u32,
    batch: usize,
    over: &AtomicBool,
) -> Record {
    let (mut record, mut next) = (Record::new(), vec![0; agents as usize]);
    let mut idle = 0;
    loop {
        // Looked at before the queue: what was pushed before the end is found after it.
        let ending = over.load(Ordering::Acquire);
        let mut taken = 0;
        while let Some(message) = (taken < batch).then(|| queue.pop()).flatten() {
            record.note(&message, process::now_ns(), &mut next);
            taken += 1;
        }
        idle = if taken > 0 { 0 } else { idle + 1 };
        match idle {
            0 => {}
            _ if ending => return record,
            1..=SPINS => std::hint::spin_loop(),
            _ => std::thread::sleep(NAP),
        }
    }
}
