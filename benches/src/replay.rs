//! A real event file through the bus: keyed by aircraft, in order, and checked against one thread.

mod aggregate;
mod error;
mod parse;

use crate::settings::BusFlags;
use crate::stats::human;
use crate::{output, process};
use aggregate::{Desk, Tally, Totals};
use clap::Args;
use comfy_table::Table;
use indicatif::{ProgressBar, ProgressDrawTarget};
use parse::{Departure, Feed};
use ringway::{Publisher, Report};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const DRAIN: Duration = Duration::from_secs(60);

/// Rows sent at a time.
const BATCH: usize = 256;

#[derive(Clone, Debug, Args)]
pub(crate) struct ReplayArgs {
    /// A CSV file with the columns of benches/data/flights-2013-01.csv
    pub(crate) file: PathBuf,
    /// N times real time, by the scheduled departure; without it, as fast as possible
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = speed)]
    pub(crate) speed: Option<f64>,
    /// Repeat the whole file until at least so many rows were sent
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    pub(crate) loop_to: u64,
    #[command(flatten)]
    pub(crate) bus: BusFlags,
    /// Print one JSON object instead of the table
    #[arg(long)]
    pub(crate) json: bool,
}

/// What anybody may want to see: a minute of the timetable takes two years at one end, a whole year of it 32 ms at the other.
const SPEEDS: RangeInclusive<f64> = 1e-6..=1e9;

fn speed(text: &str) -> Result<f64, String> {
    let speed = text.parse().ok().filter(|speed| SPEEDS.contains(speed));
    speed.ok_or_else(|| format!("a number from {} to {}", SPEEDS.start(), SPEEDS.end()))
}

pub(crate) fn run(args: &ReplayArgs) -> Result<ExitCode, String> {
    process::listen_for_ctrl_c()?;
    let began = Instant::now();
    let feed = Feed::read(&args.file).map_err(|error| format!("{}: {error}", args.file.display()))?;
    let parsed = began.elapsed();
    let outcome = through_bus(args, &feed, parsed)?;
    if args.json {
        output::print(outcome.json(&feed))?;
    } else {
        output::print(outcome.table(&feed))?;
    }
    Ok(outcome.exit_code())
}

struct Outcome {
    sent: u64,
    expected: u64,
    /// No row of the file could be used, and so many were bad.
    unusable: Option<u64>,
    merged: Tally,
    reference: Tally,
    report: Report,
    parsed: Duration,
    elapsed: Duration,
    one_thread: Duration,
    interrupted: bool,
}

/// How many times a file of `rows` is sent, and how many rows that makes.
fn passes(rows: u64, loop_to: u64) -> Result<(u64, u64), String> {
    let passes = if rows == 0 { 1 } else { loop_to.div_ceil(rows).max(1) };
    passes.checked_mul(rows).map(|all| (passes, all)).ok_or_else(|| {
        let most = u64::MAX / rows * rows;
        format!("--loop-to {loop_to}: whole passes of {rows} rows make more than can be counted; {most} rows at most")
    })
}

fn through_bus(args: &ReplayArgs, feed: &Feed, parsed: Duration) -> Result<Outcome, String> {
    let (passes, expected) = passes(feed.departures.len() as u64, args.loop_to)?;
    let results = Arc::new(Mutex::new(Vec::new()));
    let bus = args
        .bus
        .builder::<Departure>()
        .spawn(|_| Desk::new(Tally::new(feed), Arc::clone(&results)))
        .map_err(|error| error.to_string())?;
    for warning in bus.warnings() {
        output::note(format_args!("warning: {warning}"));
    }
    let publisher = bus.publisher().map_err(|error| error.to_string())?;
    let hidden = args.json || !std::io::stderr().is_terminal();
    let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(5) };
    let progress = ProgressBar::with_draw_target(Some(expected), target);

    let began = Instant::now();
    let sent = send_all(publisher, feed, passes, args.speed, &progress)?;
    let report = bus.shutdown(DRAIN);
    let elapsed = began.elapsed();
    progress.finish_and_clear();

    let began = Instant::now();
    let reference = single_thread(feed, sent);
    let one_thread = began.elapsed();

    let mut merged = Tally::new(feed);
    results.lock().map_err(|_| "a worker panicked")?.iter().for_each(|tally| merged.merge(tally));
    let unusable = (feed.departures.is_empty() && feed.bad_rows > 0).then_some(feed.bad_rows);
    let interrupted = process::is_interrupted();
    Ok(Outcome { sent, expected, unusable, merged, reference, report, parsed, elapsed, one_thread, interrupted })
}

/// Sends the file that many times, or until the interruption. Gives how many rows went in.
fn send_all(
    mut publisher: Publisher<Departure>,
    feed: &Feed,
    passes: u64,
    speed: Option<f64>,
    progress: &ProgressBar,
) -> Result<u64, String> {
    let began = Instant::now();
    let mut sent = 0;
    for pass in 0..passes {
        let mut rows = feed.pass(pass).map(|departure| (u64::from(departure.aircraft), departure)).peekable();
        while let Some((_, next)) = rows.peek() {
            let minute = feed.minutes_since_first(next, pass);
            if let Some(speed) = speed {
                wait_until(began, after(minute, speed));
            }
            if process::is_interrupted() {
                return Ok(sent);
            }
            sent += if speed.is_some() {
                // Everything that is due in this minute goes together.
                let due = |(_, row): &(u64, Departure)| feed.minutes_since_first(row, pass) <= minute;
                send(&mut publisher, &mut std::iter::from_fn(|| rows.next_if(due)))?
            } else {
                send(&mut publisher, &mut rows.by_ref().take(BATCH))?
            };
            progress.set_position(sent);
        }
    }
    Ok(sent)
}

/// How long after the start a minute of the timetable is. What is longer than can be said is never.
fn after(minute: u64, speed: f64) -> Duration {
    Duration::try_from_secs_f64(minute as f64 * 60.0 / speed).unwrap_or(Duration::MAX)
}

/// What the first rows come to without a bus.
fn single_thread(feed: &Feed, rows: u64) -> Tally {
    let mut tally = Tally::new(feed);
    let (mut pass, mut left) = (0, rows);
    while left > 0 && !feed.departures.is_empty() {
        let part = left.min(feed.departures.len() as u64);
        feed.pass(pass).take(part as usize).for_each(|departure| tally.add(&departure));
        left -= part;
        pass += 1;
    }
    tally
}

/// Sends all pairs, waiting for room where there is none.
fn send(
    publisher: &mut Publisher<Departure>,
    pairs: &mut impl Iterator<Item = (u64, Departure)>,
) -> Result<u64, String> {
    let mut all = 0;
    loop {
        let (sent, refused) = publisher.try_send_iter(pairs);
        all += sent as u64;
        let Some(refused) = refused else { return Ok(all) };
        let (key, departure) = refused.into_inner();
        publisher.send(key, departure).map_err(|_| "the bus closed by itself".to_owned())?;
        all += 1;
    }
}

fn wait_until(began: Instant, due: Duration) {
    while !process::is_interrupted() {
        match due.saturating_sub(began.elapsed()) {
            Duration::ZERO => return,
            left => std::thread::sleep(left.min(Duration::from_millis(50))),
        }
    }
}

impl Outcome {
    fn received(&self) -> u64 {
        self.report.received
    }

    fn matches(&self) -> bool {
        self.merged.same_totals(&self.reference)
    }

    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if let Some(bad) = self.unusable {
            complaints.push(format!("no usable row was found, {bad} are bad"));
        }
        if !self.interrupted && self.sent != self.expected {
            complaints.push(format!("{} rows were to be sent, {} were", self.expected, self.sent));
        }
        if self.sent != self.received() || !self.report.is_balanced() {
            complaints.push(format!("{} sent, {} received", self.sent, self.received()));
        }
        if self.merged.order_breaks > 0 {
            complaints.push(format!("{} events of an aircraft out of order", self.merged.order_breaks));
        }
        if !self.matches() {
            complaints.push("the aggregates differ from those of a single thread".to_owned());
        }
        complaints
    }

    fn exit_code(&self) -> ExitCode {
        process::exit_code(self.complaints().is_empty(), self.interrupted)
    }

    fn throughput(&self) -> f64 {
        self.received() as f64 / self.elapsed.as_secs_f64()
    }

    fn json(&self, feed: &Feed) -> Value {
        let carriers = feed.carriers.iter().zip(&self.merged.carriers).map(|(name, totals)| {
            json!({
                "carrier": name, "flights": totals.flights, "cancelled": totals.cancelled,
                "delay_total_min": totals.delay_total, "delay_max_min": totals.delay_max, "distance_miles": totals.distance,
            })
        });
        let workers = self.report.workers.iter().map(|worker| {
            json!({ "core": worker.core, "received": worker.received, "utilization": worker.utilization, "parks": worker.parks })
        });
        json!({
            "rows": feed.departures.len(),
            "bad_rows": feed.bad_rows,
            "keys": feed.aircraft,
            "sent": self.sent,
            "received": self.received(),
            "lost": self.sent.saturating_sub(self.received()),
            "per_key_order_breaks": self.merged.order_breaks,
            "aggregates_match": self.matches(),
            "parse_s": self.parsed.as_secs_f64(),
            "elapsed_s": self.elapsed.as_secs_f64(),
            "throughput_per_s": self.throughput(),
            "single_thread_s": self.one_thread.as_secs_f64(),
            "carriers": carriers.collect::<Vec<_>>(),
            "workers": workers.collect::<Vec<_>>(),
            "interrupted": self.interrupted,
            "complaints": self.complaints(),
            "verdict": if self.complaints().is_empty() { "pass" } else { "fail" },
        })
    }

    fn table(&self, feed: &Feed) -> String {
        let mut table = Table::new();
        table.set_header([
            "carrier",
            "flights",
            "cancelled",
            "mean delay, min",
            "longest delay, min",
            "distance, miles",
        ]);
        let mut carriers: Vec<_> = feed.carriers.iter().zip(&self.merged.carriers).collect();
        carriers.sort_by_key(|(_, totals)| std::cmp::Reverse(totals.flights));
        for (name, totals) in carriers {
            let Totals { flights, cancelled, distance, .. } = totals;
            let longest = totals.delay_max.map_or("-".to_owned(), |minutes| minutes.to_string());
            let mean = totals.mean_delay().map_or("-".to_owned(), |minutes| format!("{minutes:.1}"));
            table.add_row([
                name.clone(),
                flights.to_string(),
                cancelled.to_string(),
                mean,
                longest,
                distance.to_string(),
            ]);
        }
        let duration = |duration: Duration| human(duration.as_nanos() as u64);
        let complaints = self.complaints();
        format!(
            "{table}\n{} rows of {} aircraft ({} bad rows) parsed in {}\n{} sent, {} received in {}: {:.0} rows a second; one thread alone: \
             {}\n{} out of order; aggregates match: {}\n{}{}",
            feed.departures.len(),
            feed.aircraft,
            feed.bad_rows,
            duration(self.parsed),
            self.sent,
            self.received(),
            duration(self.elapsed),
            self.throughput(),
            duration(self.one_thread),
            self.merged.order_breaks,
            self.matches(),
            if self.interrupted { "(interrupted) " } else { "" },
            if complaints.is_empty() { "pass".to_owned() } else { format!("FAIL: {}", complaints.join("; ")) },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_are_whole_and_counted() {
        assert_eq!(passes(10, 0), Ok((1, 10)));
        assert_eq!(passes(10, 11), Ok((2, 20)));
        assert_eq!(passes(0, u64::MAX), Ok((1, 0)));
        assert_eq!(passes(1, u64::MAX), Ok((u64::MAX, u64::MAX)));
        assert!(passes(2, u64::MAX).unwrap_err().contains("18446744073709551614 rows at most"));
    }

    #[test]
    fn no_speed_and_no_minute_is_too_much() {
        assert_eq!(after(9, 3600.0), Duration::from_millis(150));
        assert_eq!(after(u64::MAX, *SPEEDS.start()), Duration::MAX);
        assert_eq!(after(1, *SPEEDS.end()), Duration::from_nanos(60));
        assert!(speed("1e-300").is_err() && speed("NaN").is_err() && speed("inf").is_err() && speed("0.5").is_ok());
    }
}
