//! How much goes through a bus, unpaced, beside raw rings in turns with it; and what a bus costs that has nothing to do.

mod raw;

use crate::message::{Message, for_payload, payload};
use crate::settings::{BusFlags, seconds};
use crate::stats::median;
use crate::{output, process};
use clap::Args;
use core_affinity::CoreId;
use raw::round as raw_round;
use ringway::{Batch, Cycle, Handler, Publisher};
use serde_json::json;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const DRAIN: Duration = Duration::from_secs(30);

/// What an idle bus may use of a core.
const IDLE_SHARE: f64 = 0.01;

#[derive(Clone, Debug, Args)]
pub(crate) struct SaturateArgs {
    /// Publishers, each a thread of its own
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) publishers: u32,
    /// Rounds, of which the median is told
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) rounds: u32,
    /// Seconds of a round
    #[arg(long, default_value = "1", allow_negative_numbers = true, value_parser = seconds)]
    pub(crate) duration: f64,
    /// Bytes of a message: 32, 64 or 256
    #[arg(long, default_value = "64", value_parser = payload)]
    pub(crate) payload: usize,
    #[command(flatten)]
    pub(crate) bus: BusFlags,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Counts and checks: every message intact, and the next of its publisher and key.
struct Checked {
    received: u64,
    broken: u64,
    /// By publisher and key.
    next: Vec<u32>,
}

/// Keys of each publisher: enough for all workers, few enough to stay in the cache.
const KEYS: u32 = 64;

impl Checked {
    fn new(args: &SaturateArgs) -> Self {
        Self { received: 0, broken: 0, next: vec![0; (args.publishers * KEYS) as usize] }
    }

    fn note<const WORDS: usize>(&mut self, (first, second): (&[Message<WORDS>], &[Message<WORDS>])) {
        for message in first.iter().chain(second) {
            let next = &mut self.next[message.agent as usize];
            self.broken += u64::from(*next != message.sequence || !message.is_intact());
            *next = message.sequence.wrapping_add(1);
        }
        self.received += (first.len() + second.len()) as u64;
    }
}

struct Checker {
    checked: Checked,
    results: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl<const WORDS: usize> Handler<Message<WORDS>> for Checker {
    fn on_batch(&mut self, batch: &mut Batch<'_, Message<WORDS>>, _cx: &mut Cycle) {
        self.checked.note(batch.as_slices());
        batch.commit_all();
    }

    fn on_stop(&mut self, _cx: &mut Cycle) {
        let Checked { received, broken, .. } = self.checked;
        self.results.lock().expect("no worker panics while it holds this").push((received, broken));
    }
}

/// What the bus is to reach of two raw rings, with two publishers, two workers and messages of 64 bytes.
const GOAL: f64 = 0.7;

pub(crate) fn bus(args: &SaturateArgs) -> Result<ExitCode, String> {
    process::listen_for_ctrl_c()?;
    let (mut rates, mut raw_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let (mut sent, mut received, mut broken, mut balanced) = (0, 0, 0, true);
    for _ in 0..args.rounds {
        if process::is_interrupted() {
            break;
        }
        let bus = one_round(args, true)?;
        let raw = for_payload!(args.payload, raw_round(args))?;
        rates.push(bus.rate());
        raw_rates.push(raw.rate());
        ratios.push(bus.rate() / raw.rate());
        sent += bus.sent;
        received += bus.received;
        broken += bus.broken + raw.broken;
        balanced &= bus.balanced && raw.sent == raw.received;
    }
    let fine = sent == received && broken == 0 && balanced;
    let (rate, raw, ratio) = (median(&mut rates), median(&mut raw_rates), median(&mut ratios));
    let goal = (args.publishers == 2 && args.bus.workers == 2 && args.payload == 64).then_some(GOAL);
    let judged = goal.map(|goal| if ratio >= goal { "pass" } else { "miss" });
    if args.json {
        let verdict = if fine { "pass" } else { "fail" };
        output::print(
            json!({ "messages_per_s": rate, "rounds": rates, "sent": sent, "received": received, "broken": broken,
                    "payload_bytes": args.payload, "publishers": args.publishers, "workers": args.bus.workers,
                    "raw_rings_per_s": raw, "raw_ratio": ratio, "raw_ratio_rounds": ratios,
                    "goal": goal, "goal_verdict": judged, "verdict": verdict }),
        )?;
    } else {
        output::print(format_args!(
            "{:.1} million messages of {} bytes a second (median of {} rounds, {:.1} to {:.1})",
            rate / 1e6,
            args.payload,
            rates.len(),
            rates.first().copied().unwrap_or(f64::NAN) / 1e6,
            rates.last().copied().unwrap_or(f64::NAN) / 1e6
        ))?;
        output::print(format_args!(
            "{ratio:.2} of {} raw rings side by side ({:.1} million a second){}",
            args.publishers,
            raw / 1e6,
            goal.zip(judged).map_or(String::new(), |(goal, judged)| format!(", to be {goal}: {judged}"))
        ))?;
        output::print(format_args!(
            "{sent} sent, {received} received, {broken} broken or out of order: {}",
            if fine { "pass" } else { "FAIL" }
        ))?;
    }
    Ok(ExitCode::from(u8::from(!fine)))
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    sent: u64,
    received: u64,
    broken: u64,
    balanced: bool,
    /// Messages that were asked how long they had waited.
    pub(crate) samples: u64,
    elapsed: Duration,
}

impl Round {
    pub(crate) fn rate(&self) -> f64 {
        self.received as f64 / self.elapsed.as_secs_f64()
    }

    /// Whether everything arrived, once and intact.
    pub(crate) fn is_fine(&self) -> bool {
        self.sent == self.received && self.broken == 0 && self.balanced
    }
}

/// The bus once, with or without its workers' percentiles.
pub(crate) fn one_round(args: &SaturateArgs, percentiles: bool) -> Result<Round, String> {
    for_payload!(args.payload, round(args, percentiles))
}

fn round<const WORDS: usize>(args: &SaturateArgs, percentiles: bool) -> Result<Round, String> {
    let results = Arc::new(Mutex::new(Vec::new()));
    let bus = args
        .bus
        .builder::<Message<WORDS>>()
        .percentiles(percentiles)
        .spawn(|_| Checker { checked: Checked::new(args), results: Arc::clone(&results) })
        .map_err(|error| error.to_string())?;
    let publisher = bus.publisher().map_err(|error| error.to_string())?;
    let (stop, sent) = (AtomicBool::new(false), AtomicU64::new(0));
    let began = Instant::now();
    std::thread::scope(|scope| {
        for index in 0..args.publishers {
            let publisher = publisher.clone();
            let (stop, sent, batch) = (&stop, &sent, args.bus.batch);
            scope.spawn(move || {
                run_on(index + 1);
                sent.fetch_add(publish(publisher, index, batch, stop), Ordering::Relaxed)
            });
        }
        until_over(began, args.duration);
        stop.store(true, Ordering::Relaxed);
    });
    let report = bus.shutdown(DRAIN);
    let elapsed = began.elapsed();
    let (received, broken) =
        results.lock().map_err(|_| "a worker panicked")?.iter().fold((0, 0), |(a, b), (x, y)| (a + x, b + y));
    let samples = report.workers.iter().filter_map(|worker| worker.residence).map(|residence| residence.samples).sum();
    Ok(Round { sent: sent.into_inner(), received, broken, balanced: report.is_balanced(), samples, elapsed })
}

fn until_over(began: Instant, seconds: f64) {
    while began.elapsed().as_secs_f64() < seconds && !process::is_interrupted() {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Moves this thread to the core of that number, in turn. A publisher runs on the core after its own receiver's: with both on one core
/// a raw ring hands nothing over, and is a copy in that core's cache, which no bus between cores can be held against.
fn run_on(index: u32) {
    let cores = ringway::allowed_cores();
    if let Some(&id) = cores.get(index as usize % cores.len().max(1)) {
        core_affinity::set_for_current(CoreId { id });
    }
}

/// The `number`-th message of a publisher; its keys come in turn.
fn message<const WORDS: usize>(number: u64, publisher: u32) -> Message<WORDS> {
    let key = publisher * KEYS + (number % u64::from(KEYS)) as u32;
    Message::new(number, 0, key, (number / u64::from(KEYS)) as u32)
}

/// Sends batches, keys in turn, until told to stop. Gives how many messages went in.
fn publish<const WORDS: usize>(
    mut publisher: Publisher<Message<WORDS>>,
    index: u32,
    batch: usize,
    stop: &AtomicBool,
) -> u64 {
    let mut sent = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        let mut pairs = (sent..sent + batch as u64).map(|number| {
            let message = message(number, index);
            (u64::from(message.agent), message)
        });
        loop {
            let (went, refused) = publisher.try_send_iter(&mut pairs);
            sent += went as u64;
            let Some(refused) = refused else { break };
            let (key, message) = refused.into_inner();
            if publisher.send(key, message).is_err() {
                return sent;
            }
            sent += 1;
        }
    }
    sent
}

#[derive(Clone, Debug, Args)]
pub(crate) struct IdleArgs {
    /// Seconds
    #[arg(long, default_value = "5", allow_negative_numbers = true, value_parser = seconds)]
    duration: f64,
    #[command(flatten)]
    bus: BusFlags,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(crate) fn idle(args: &IdleArgs) -> Result<ExitCode, String> {
    let bus = args.bus.builder::<u64>().spawn(|_| ringway::each(|_: u64| ())).map_err(|error| error.to_string())?;
    let before = process::cpu_time().ok_or("this system does not tell processor time")?;
    let began = Instant::now();
    std::thread::sleep(Duration::from_secs_f64(args.duration));
    let used = process::cpu_time().unwrap_or_default().saturating_sub(before);
    let share = used.as_secs_f64() / began.elapsed().as_secs_f64();
    let parks: u64 = bus.report().workers.iter().map(|worker| worker.parks).sum();
    let fine = share < IDLE_SHARE;
    if args.json {
        output::print(
            json!({ "cpu_share_of_a_core": share, "parks": parks, "verdict": if fine { "pass" } else { "fail" } }),
        )?;
    } else {
        output::print(format_args!(
            "{} idle workers use {:.2} % of a core ({parks} sleeps): {}",
            args.bus.workers,
            share * 100.0,
            if fine { "pass" } else { "FAIL" }
        ))?;
    }
    Ok(ExitCode::from(u8::from(!fine)))
}
