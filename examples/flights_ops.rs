//! An operations desk over a real feed: a month of departures from New York, and what late flights need.
//!
//! `cargo run --release --example flights_ops -- --help`
//!
//! Five parts of coordination and the metrics work together over a bus of pinned workers, the desks:
//!
//! * each carrier is an agent, whose **context** says what late means for it;
//! * a late or cancelled flight raises a **signal**, and **routing** decides by rules what it needs;
//! * a flight **depends** on its aircraft: that it has landed, and in time, or is made up for;
//! * the **state** holds the live totals: a carrier's and its desk's change in one version;
//! * **metrics** raise an alert for carriers that are late too often.
//!
//! In the end a single thread counts the same. If the totals differ, the exit code is not 0.

#![allow(unreachable_pub)] // of an example, nothing is reachable

#[path = "flights_ops/alone.rs"]
mod alone;
#[path = "flights_ops/board.rs"]
mod board;
#[path = "flights_ops/desk.rs"]
mod desk;
#[path = "flights_ops/dispatcher.rs"]
mod dispatcher;
#[path = "flights_ops/feed.rs"]
mod feed;
#[path = "flights_ops/office.rs"]
mod office;
#[path = "flights_ops/report.rs"]
mod report;
#[path = "flights_ops/rules.rs"]
mod rules;

use board::Column;
use desk::{Delays, Desk};
use dispatcher::Dispatcher;
use feed::Feed;
use office::{CANCELLED, COORDINATION, LATE, Office, Staff};
use ringway::coord::signals::{RecvError, Signal, SignalError, SignalPayload};
use ringway::ids::{SignalKind, SignalMask};
use ringway::{Bus, Pin, Report, WorkerId};
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

const JANUARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/data/flights-2013-01.csv");
const HELP: &str = "\
An operations desk over a feed of departures: who is late, what late flights need, how delays travel with aircraft.

Usage: flights_ops [FILE] [--late MINUTES] [--workers N]

  FILE            departures as nycflights13 has them: CSV with a header
                  [benches/data/flights-2013-01.csv: the 27,004 departures from New York in January 2013]
  --late MINUTES  departures later than this are late, from 1 to 1440; half as much again for long-haul carriers [30]
  --workers N     desks, each a pinned worker, from 1 to 1024 [as many as can run at the same time]
  --help          this text

Exit code: 0 if the desks' totals are those of a single thread, 1 if not, or if something else goes wrong.
";

/// Whatever goes wrong on the way, told to the user.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    match arguments(std::env::args().skip(1)).and_then(|arguments| arguments.map_or(Ok(()), |of| work(&of))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("flights_ops: {failure}");
            ExitCode::FAILURE
        }
    }
}

struct Arguments {
    file: String,
    late: u32,
    workers: usize,
}

/// None once help was given.
fn arguments(mut given: impl Iterator<Item = String>) -> Result<Option<Arguments>, Failure> {
    let workers = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let mut arguments = Arguments { file: JANUARY.to_owned(), late: 30, workers };
    let mut files = 0;
    while let Some(argument) = given.next() {
        let mut number = |most: u32| {
            let value = given.next().unwrap_or_default();
            let number = value.parse().ok().filter(|number| (1..=most).contains(number));
            number.ok_or(format!("{argument} takes a whole number from 1 to {most}, not '{value}'; try --help"))
        };
        match argument.as_str() {
            "--help" | "-h" => {
                print!("{HELP}");
                return Ok(None);
            }
            "--late" => arguments.late = number(1_440)?,
            "--workers" => arguments.workers = number(1_024)? as usize,
            option if option.starts_with('-') => return Err(format!("there is no {option}; try --help").into()),
            _ if files > 0 => return Err(format!("'{argument}' is one file too many; try --help").into()),
            _ => (arguments.file, files) = (argument, 1),
        }
    }
    Ok(Some(arguments))
}

fn work(Arguments { file, late, workers }: &Arguments) -> Result<(), Failure> {
    let feed = Feed::read(file).map_err(|error| format!("{file} {error}"))?;
    let office = Arc::new(Office::open(&feed, *late, *workers)?);
    let mut coordination = office.coordination();
    let limits: Vec<_> = (0..feed.carriers.len()).map(|carrier| office.limits(carrier)).collect::<Result<_, _>>()?;

    let duty_manager = listen(&office, Staff::DutyManager, LATE.mask() | CANCELLED.mask())?;
    let rebooking_desk = listen(&office, Staff::RebookingDesk, CANCELLED.mask())?;
    let mut dispatcher = Dispatcher::new(&office, &feed, *workers);
    let (bus, delays, working) = run_desks(&office, *workers, &mut dispatcher)?;
    dispatcher.finish()?;
    office.hub.signal(COORDINATION, &Signal::new(SignalKind::STAGE_COMPLETED, SignalPayload::default()))?;
    let heard = [duty_manager, rebooking_desk].map(|listener| listener.join().expect("no listener panics"));

    let (carriers, all) = office.board.look();
    report::table(&feed, &limits, &carriers, &all, &delays);
    report::figures(&feed, &office, &bus, &mut dispatcher, &heard)?;
    let closed = coordination.close()?;
    println!("Closed    {} parts, which let go of {} things", closed.scopes, closed.dropped);
    let left = office.occupancy();
    working.iter().zip(&left).for_each(|((what, n), (_, left))| println!("          {what}: {n} -> {left}"));

    let mut wrong = report::differences(&feed, &limits, &carriers, &all, &delays);
    let raised = [Column::Signals, Column::Cancelled].map(|column| all[column as usize]);
    if heard.map(|heard| heard.received + heard.lagged) != raised {
        wrong.push(format!("{raised:?} signals were raised, and heard: {heard:?}"));
    }
    if !bus.is_balanced() || bus.faults > 0 {
        wrong.push(format!("the bus: {bus:?}"));
    }
    wrong.extend(left.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{n} {what} are left")));
    let too_late = office.hub.signal(COORDINATION, &Signal::default());
    if too_late != Err(SignalError::UnknownCoordination) {
        wrong.push(format!("a signal after the end: {too_late:?}"));
    }
    if !wrong.is_empty() {
        return Err(format!("it does not add up:\n  {}", wrong.join("\n  ")).into());
    }
    println!("The totals are those of a single thread.");
    Ok(())
}

type Occupancy = [(&'static str, usize); 6];

/// Runs the whole feed through the desks. When this returns, all has been handled and the desks are gone.
fn run_desks(
    office: &Arc<Office>,
    desks: usize,
    dispatcher: &mut Dispatcher<'_>,
) -> Result<(Report, Delays, Occupancy), Failure> {
    let (results, from_desks) = mpsc::channel();
    let mut senders = (0..desks).map(|_| office.hub.sender(COORDINATION)).collect::<Result<Vec<_>, _>>()?;
    let desk = |worker: WorkerId| {
        let signals = senders.pop().expect("one for each worker");
        Desk::new(office, worker.index(), signals, results.clone())
    };
    let bus = Bus::builder().workers(desks).name("desk").pin(Pin::spread()).capacity(4_096).spawn(desk)?;
    drop(results);
    let sent = dispatcher.dispatch(&mut bus.publisher()?);
    let working = office.occupancy();
    let report = bus.shutdown(Duration::from_secs(600));
    let mut delays = vec![Vec::new(); office.late_percent.len()];
    for of_desk in from_desks {
        delays.iter_mut().zip(of_desk?).for_each(|(all, part)| all.extend(part));
    }
    sent.map(|()| (report, delays, working))
}

/// What somebody heard who listened until the end.
#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    received: i64,
    lagged: i64,
}

fn listen(office: &Office, who: Staff, kinds: SignalMask) -> Result<JoinHandle<Heard>, SignalError> {
    let end = SignalKind::STAGE_COMPLETED;
    let inbox = office.hub.subscribe(COORDINATION, office.staff(who), kinds | end.mask(), None)?;
    Ok(std::thread::spawn(move || {
        let mut heard = Heard::default();
        loop {
            match inbox.recv() {
                Ok(signal) if signal.kind == end => return heard,
                Ok(_) => heard.received += 1,
                Err(RecvError::Lagged(missed)) => heard.lagged += missed as i64,
                Err(RecvError::Disconnected) => return heard,
            }
        }
    }))
}
