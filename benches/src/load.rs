//! The reference load: many agents, each a thread of its own, publish at a fixed rate through a bus.
//!
//! Open loop: an agent's messages are due at fixed moments, whatever became of those before. Latency is counted from the
//! moment a message was due, so that a stall is paid by every message that it delays. What the bus itself costs is counted
//! from the actual call of send.

pub(crate) mod agents;
#[cfg(feature = "peers")]
mod compare;
mod outcome;
mod recorder;

use crate::message::{Message, for_payload, payload};
use crate::process;
use crate::settings::{BusFlags, seconds};
use crate::{alloc, output, report, stats};
use agents::{Schedule, Sent};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use outcome::{Outcome, Resident};
use recorder::{Record, Recorder};
use ringway::{Publisher, TrySendError};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long workers may take to handle what was sent before the end.
const DRAIN: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, Args)]
pub(crate) struct LoadArgs {
    /// Agents, each a thread of its own
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=20_000))]
    pub(crate) agents: u32,
    /// Messages per second, of all agents together
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) rate: u64,
    /// Seconds
    #[arg(long, default_value = "10", allow_negative_numbers = true, value_parser = seconds)]
    pub(crate) duration: f64,
    /// Bytes of a message: 32, 64 or 256
    #[arg(long, default_value = "64", value_parser = payload)]
    pub(crate) payload: usize,
    #[command(flatten)]
    pub(crate) bus: BusFlags,
    /// Print one JSON object instead of the table
    #[arg(long)]
    pub(crate) json: bool,
    /// Where the HTML report goes; the percentiles in HdrHistogram's text form go beside it, as .hgrm
    #[arg(long, default_value = "ringway-load.html", value_name = "FILE")]
    pub(crate) report: PathBuf,
    /// Write no report
    #[arg(long)]
    pub(crate) no_report: bool,
    /// Alternate with the same load over a peer, and print the ratios (needs `--features peers`)
    #[arg(long, value_name = "PEER", value_parser = ["array-queue"])]
    pub(crate) compare: Option<String>,
    /// Rounds of a comparison
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
}

impl LoadArgs {
    fn messages(&self) -> u64 {
        (self.rate as f64 * self.duration).round() as u64
    }

    fn schedule(&self) -> Result<Schedule, String> {
        let schedule = Schedule { agents: self.agents, messages: self.messages(), duration: self.duration };
        match schedule.messages {
            0 => Err("rate and duration make no message at all".to_owned()),
            n if n / u64::from(self.agents) >= u64::from(u32::MAX) => {
                Err("more messages than an agent can count".to_owned())
            }
            _ => Ok(schedule),
        }
    }
}

pub(crate) fn run(args: &LoadArgs) -> Result<ExitCode, String> {
    if args.compare.is_some() {
        #[cfg(feature = "peers")]
        return compare::run(args);
        #[cfg(not(feature = "peers"))]
        return Err(
            "this build knows no peers; add them: cargo run --release --features peers -- load --compare …".to_owned()
        );
    }
    process::listen_for_ctrl_c()?;
    // Mistakes are told before any time is spent on what they would spoil.
    args.schedule()?;
    for_payload!(args.payload, try_bus(args))?;
    let files = (!args.no_report).then(|| report::Files::open(&args.report)).transpose()?;
    let baseline = baseline(args)?;
    let mut outcome = for_payload!(args.payload, through_bus(args))?;
    outcome.baseline = baseline;
    tell(args, &outcome, files)?;
    Ok(outcome.exit_code())
}

/// Prints the result and writes the report; that one of them fails is no reason to go without the other.
fn tell(args: &LoadArgs, outcome: &Outcome, files: Option<report::Files>) -> Result<(), String> {
    let printed = if args.json { output::print(outcome.json(args)) } else { output::print(outcome.table()) };
    if let Some(files) = files {
        files.write(&outcome.page(args), &stats::hgrm(&outcome.record.due))?;
        if !args.json {
            output::print(format_args!("report: {}", args.report.display()))?;
        }
    }
    printed
}

/// Whether there can be such a bus. It goes again, because its workers would disturb the baseline.
fn try_bus<const WORDS: usize>(args: &LoadArgs) -> Result<(), String> {
    // Inboxes below this size are to be had, and are not tried: allocators keep what they get back, up to about this size,
    // and the memory of the run would be told as more than it is.
    const SURE_BYTES: usize = 64 << 20;
    let mut flags = args.bus.clone();
    if flags.capacity.saturating_mul(size_of::<Message<WORDS>>()) < SURE_BYTES {
        flags.capacity = flags.capacity.min(64);
    }
    let bus = flags.builder::<Message<WORDS>>().spawn(|_| ringway::each(|_: Message<WORDS>| ()));
    bus.map_err(|error| error.to_string())?.shutdown(DRAIN);
    Ok(())
}

/// Histograms that a baseline needs at most: one for each agent, until there are so many that memory is a concern.
const BASELINE_HISTOGRAMS: u32 = 64;

/// How late the same threads wake up when all they do is sleep.
fn baseline(args: &LoadArgs) -> Result<hdrhistogram::Histogram<u64>, String> {
    let duration = (args.duration / 2.0).min(5.0);
    let messages = ((args.rate as f64 * duration) as u64).max(1);
    let schedule = Schedule { agents: args.agents, messages, duration };
    // Agents that share a histogram hardly meet; what they do there is counted after the moment that matters is read.
    let histograms: Vec<_> =
        (0..args.agents.min(BASELINE_HISTOGRAMS)).map(|_| Mutex::new(stats::histogram())).collect();
    let progress = progress(args, "timers alone", messages);
    let ticks = AtomicU64::new(0);
    agents::run(
        &schedule,
        |agent| &histograms[agent as usize % histograms.len()],
        |histogram, tick| {
            let late = tick.now.saturating_sub(tick.due).max(1);
            histogram.lock().expect("no agent panics while it holds this").saturating_record(late);
            ticks.fetch_add(1, Ordering::Relaxed);
            true
        },
        |_| (),
        || progress.set_position(ticks.load(Ordering::Relaxed)),
    )?;
    progress.finish_and_clear();
    let mut all = stats::histogram();
    for histogram in histograms {
        all.add(histogram.into_inner().map_err(|_| "an agent panicked")?).expect("same bounds");
    }
    Ok(all)
}

fn through_bus<const WORDS: usize>(args: &LoadArgs) -> Result<Outcome, String> {
    let schedule = args.schedule()?;
    let records = Arc::new(Mutex::new(Vec::new()));
    let warm = agents::warm_up_unknown();
    let bus = args
        .bus
        .builder::<Message<WORDS>>()
        .spawn(|_| Recorder::new(args.agents, Arc::clone(&records), Arc::clone(&warm)))
        .map_err(|error| error.to_string())?;
    for warning in bus.warnings() {
        output::note(format_args!("warning: {warning}"));
    }
    let publisher = bus.publisher().map_err(|error| error.to_string())?;
    let progress = progress(args, "load", schedule.messages);
    let (sent, refused, full) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let allocated = alloc::counted();
    let mut resident = Resident::new(args.duration);
    let elapsed = agents::run_warm(
        &schedule,
        &warm,
        |_| publisher.clone(),
        |publisher: &mut Publisher<Message<WORDS>>, tick| {
            let outcome = send(publisher, tick);
            let counter = if outcome == Sent::Refused { &refused } else { &sent };
            counter.fetch_add(1, Ordering::Relaxed);
            full.fetch_add(u64::from(outcome == Sent::AfterWaiting), Ordering::Relaxed);
            outcome != Sent::Refused
        },
        |_| (),
        || {
            resident.look();
            progress.set_position(sent.load(Ordering::Relaxed));
        },
    )?;
    resident.end();
    let report = bus.shutdown(DRAIN);
    progress.finish_and_clear();
    let records = records.lock().map_err(|_| "a worker panicked".to_owned())?;
    Ok(Outcome {
        scheduled: schedule.messages,
        refused: refused.into_inner(),
        sent: sent.into_inner(),
        full: full.into_inner(),
        elapsed,
        record: Record::merged(&records),
        report,
        allocations: alloc::counted() - allocated,
        resident,
        baseline: stats::histogram(),
        interrupted: process::is_interrupted(),
    })
}

/// Sends what is due; waits for room where there is none, and says so.
fn send<const WORDS: usize>(publisher: &mut Publisher<Message<WORDS>>, tick: agents::Tick) -> Sent {
    let message = Message::new(tick.due, process::now_ns(), tick.agent, tick.sequence);
    match publisher.try_send(tick.agent.into(), message) {
        Ok(()) => Sent::AtOnce,
        Err(TrySendError::Full((key, message))) => match publisher.send(key, message) {
            Ok(()) => Sent::AfterWaiting,
            Err(_) => Sent::Refused,
        },
        Err(TrySendError::Disconnected(_)) => Sent::Refused,
    }
}

/// A bar on the terminal; nothing where nobody looks.
fn progress(args: &LoadArgs, name: &'static str, length: u64) -> ProgressBar {
    let hidden = args.json || !std::io::stderr().is_terminal();
    let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(5) };
    let style = ProgressStyle::with_template("{prefix} [{bar:40}] {pos}/{len} {elapsed} left {eta}");
    ProgressBar::with_draw_target(Some(length), target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_prefix(name)
}
