//! What the room sees.

use crate::board::{self, Column, Counts, NAMES};
use crate::desk::Delays;
use crate::dispatcher::Dispatcher;
use crate::feed::Feed;
use crate::office::{CANCELLED, COORDINATION, LATE, Limits, Office};
use crate::{Failure, Heard, alone};
use ringway::Report;
use ringway::ids::SignalKind;
use std::cmp::Reverse;

pub fn table(feed: &Feed, limits: &[Limits], carriers: &[Counts], all: &Counts, delays: &Delays) {
    println!("{:42}| late and cancelled flights need{:>23}| flights wait for their aircraft  |  minutes late", "", "");
    print!("carrier");
    NAMES.iter().for_each(|name| print!("{name:>width$}", width = name.len() + 2));
    println!("{:>8}{:>6}{:>7}", "mean", "p95", "limit");
    let mut order: Vec<_> = (0..carriers.len()).collect();
    order.sort_by_key(|&carrier| Reverse(carriers[carrier][Column::Flights as usize]));
    for carrier in order {
        let limit = limits[carrier].late.to_string();
        line(&feed.carriers[carrier], &carriers[carrier], delays[carrier].clone(), &limit);
    }
    line("all", all, delays.concat(), "");
}

fn line(name: &str, counts: &Counts, mut delays: Vec<i64>, limit: &str) {
    delays.sort_unstable();
    let p95 = delays.get((delays.len() * 95).div_ceil(100).saturating_sub(1)).copied().unwrap_or(0);
    let mean = delays.iter().sum::<i64>() as f64 / delays.len().max(1) as f64;
    print!("{name:7}");
    NAMES.iter().zip(counts).for_each(|(name, count)| print!("{count:>width$}", width = name.len() + 2));
    println!("{mean:>8.1}{p95:>6}{limit:>7}");
}

/// How the parts of the coordination did.
pub fn figures(
    feed: &Feed,
    office: &Office,
    bus: &Report,
    dispatcher: &mut Dispatcher<'_>,
    heard: &[Heard; 2],
) -> Result<(), Failure> {
    let (signals, routing, rules) = (office.hub.metrics(COORDINATION)?, office.routers.stats(), office.routers.rules());
    let us = |ns: u64| ns as f64 / 1_000.0;
    println!("\nBus       {} events to {} desks, {} dropped", bus.sent, bus.workers.len(), bus.dropped);
    let [manager, rebooking] = heard.map(|heard| heard.received);
    let kinds = [LATE, CANCELLED, SignalKind::AGENT_COMPLETED, SignalKind::DEPENDENCY_RESOLVED];
    let [late, cancelled, completed, met] = kinds.map(|kind| signals.by_kind[usize::from(kind.get())].sent);
    println!("Signals   {late} late, {cancelled} cancelled; {completed} flights completed; {met} dependencies met");
    print!("          {manager} to the duty manager, {rebooking} to the rebooking desk; ");
    println!("{} filtered, {} missed", signals.filtered, signals.lagged);
    print!("          raised to heard, at full speed: {:.1} us on average, ", us(signals.avg_ns));
    println!("p99 {:.1} us, {:.1} us at most", us(signals.p99_ns), us(signals.max_ns));
    let by_rule: u64 = rules.iter().filter_map(|rule| office.routers.rule_matches(rule.id)).sum();
    print!("Routing   {} decisions, {by_rule} by a rule; ", routing.total_routings);
    println!("{:.0} ns on average, p99 {} ns", routing.avg_ns, routing.p99_ns);
    let (versions, looks) = (office.board.state.version(), dispatcher.looks);
    println!("State     {versions} versions; carriers and desks agreed in all of {looks} snapshots taken meanwhile");
    println!("Aircraft  that came late, and what their next flights still waited for when they had left:");
    dispatcher.reasons.sort_by_key(|(delay, _)| Reverse(*delay));
    dispatcher.reasons.iter().take(3).for_each(|(_, reason)| println!("          {reason}"));
    let (health, alerts) = office.registry.health();
    println!("Health    {health:?}");
    for alert in &alerts {
        let carrier = office.late_percent.iter().position(|(series, _)| *series == alert.slo.metric);
        println!(
            "          {}{alert}",
            carrier.map_or(String::new(), |carrier| format!("{}: ", feed.carriers[carrier]))
        );
    }
    Ok(())
}

/// Where the desks' totals are not those of a single thread.
pub fn differences(feed: &Feed, limits: &[Limits], carriers: &[Counts], all: &Counts, delays: &Delays) -> Vec<String> {
    let (alone, alone_delays) = alone::count(feed, limits);
    let all_alone = board::sum(alone.iter().copied());
    let names = feed.carriers.iter().map(String::as_str).chain(["all"]);
    let rows = names.zip(carriers.iter().chain([all])).zip(alone.iter().chain([&all_alone]));
    let mut differences = Vec::new();
    for ((name, desks), alone) in rows {
        let cells = NAMES.iter().zip(desks.iter().zip(alone)).filter(|(_, (desks, alone))| desks != alone);
        differences
            .extend(cells.map(|(column, (desks, alone))| format!("{name}, {column}: {desks}, but {alone} alone")));
    }
    if *delays != alone_delays {
        differences.push("the delays are not those that a single thread finds".to_owned());
    }
    differences
}
