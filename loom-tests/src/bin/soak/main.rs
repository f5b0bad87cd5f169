//! Chaos: buses, pools and broadcasts under threads that join and leave, handlers that panic, stall and leave messages, and ends
//! at random moments; in the end every message is accounted for.
//!
//! ```text
//! cargo run --release -p loom-tests --bin soak -- --seconds 30               rounds of 1 to 3 seconds
//! cargo run --release -p loom-tests --bin soak -- --seed 7 --round 12        one round of them again
//! ```
//!
//! What a round does follows from the seed and its number; how its threads meet does not. `--patience 60` is how many seconds
//! a round may take before it counts as hung. Exit code 1 says that a promise was broken.

mod broadcast;
mod bus;
mod feed;
mod handler;
mod ledger;
mod lossy;
mod plan;
mod pool;
mod watch;

use ledger::{Ledger, is_planned};
use plan::{Does, Plan};
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a round has come to.
#[derive(Clone, Copy, Debug, Default)]
struct Outcome {
    messages: u64,
    /// Sent, and dropped without anybody having taken them.
    unseen: u64,
    unsettled: u64,
    rescued: u64,
    panics: u64,
    /// Messages that lossy readers lost, as they should.
    lost: u64,
}

impl Outcome {
    fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.unseen += other.unseen;
        self.unsettled += other.unsettled;
        self.rescued += other.rescued;
        self.panics += other.panics;
        self.lost += other.lost;
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { messages, unseen, unsettled, rescued, panics, lost } = self;
        write!(f, "{messages} messages, {panics} panics, {unseen} dropped unseen ({unsettled} unsettled), ")?;
        write!(f, "{lost} lost by lossy readers, {rescued} rescued wake-ups")
    }
}

struct Arguments {
    seconds: u64,
    seed: u64,
    round: Option<u64>,
    patience: u64,
}

fn arguments() -> Result<Arguments, String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |now| now.as_nanos() as u64);
    let mut read = Arguments { seconds: 30, seed: now % 1_000_000, round: None, patience: 60 };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} needs a number"))?;
        let value = value.parse().map_err(|_| format!("{name}: {value} is no number"))?;
        match name.as_str() {
            "--seconds" => read.seconds = value,
            "--seed" => read.seed = value,
            "--round" => read.round = Some(value),
            "--patience" => read.patience = value,
            _ => return Err(format!("{name}: there are --seconds, --seed, --round and --patience")),
        }
    }
    Ok(read)
}

fn main() -> ExitCode {
    match arguments() {
        Ok(arguments) => soak(&arguments),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

static UNPLANNED: AtomicU64 = AtomicU64::new(0);

fn soak(arguments: &Arguments) -> ExitCode {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if !is_planned(panic.payload()) {
            UNPLANNED.fetch_add(1, Relaxed);
            report(panic);
        }
    }));
    let began = Instant::now();
    let watch = watch::Watch::start(Duration::from_secs(arguments.patience));
    let (mut rounds, mut total, mut failed) = (0, Outcome::default(), Vec::new());
    println!("seed {}", arguments.seed);
    let first = arguments.round.unwrap_or(0);
    for round in first.. {
        let plan = Plan::new(arguments.seed, round);
        print!("round {round}: {:?}, {} ms", plan.does, plan.lasts.as_millis());
        let _ = std::io::stdout().flush();
        watch.begin(format!("--seed {} --round {round}: {plan:?}", arguments.seed));
        let (outcome, violations) = play(&plan);
        let held_up = watch.end();
        println!(": {outcome}");
        if outcome.rescued > 0 {
            println!("WARNING: rescued wake-ups; the machine held up a thread for {held_up:?} at the longest");
        }
        violations.iter().for_each(|violation| println!("VIOLATION: {violation}"));
        if !violations.is_empty() {
            failed.push(round);
        }
        rounds += 1;
        total.add(&outcome);
        if arguments.round.is_some() || began.elapsed().as_secs() >= arguments.seconds {
            break;
        }
    }
    println!("{rounds} rounds in {} s: {total}", began.elapsed().as_secs());
    for round in &failed {
        println!("FAILED: --seed {} --round {round}", arguments.seed);
    }
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn play(plan: &Plan) -> (Outcome, Vec<String>) {
    let ledger = Arc::new(Ledger::default());
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| match plan.does {
        Does::Bus(bus) => bus::run(plan, bus, &ledger),
        Does::Pool(pool) => pool::run(plan, pool, &ledger),
        Does::Broadcast(broadcast) => broadcast::run(plan, broadcast, &ledger),
    }));
    let unplanned = UNPLANNED.swap(0, Relaxed);
    ledger.expect(unplanned == 0, || format!("{unplanned} panics that were not planned"));
    let mut outcome = outcome.unwrap_or_default();
    outcome.panics = ledger.panics.load(Relaxed) + ledger.bombs.load(Relaxed);
    (outcome, ledger.violations())
}

/// The watch ends a wait that is in vain.
fn nap_until(mut ready: impl FnMut() -> bool) {
    while !ready() {
        std::thread::sleep(Duration::from_micros(500));
    }
}
