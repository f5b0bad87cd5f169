//! The same by a single thread, with nothing but a loop: what the desks' totals have to be.

use crate::board::{Column, Counts};
use crate::desk::Delays;
use crate::feed::{Event, Feed, Flight};
use crate::office::{Limits, punctuality};
use std::collections::HashMap;

pub fn count(feed: &Feed, limits: &[Limits]) -> (Vec<Counts>, Delays) {
    let carriers = feed.carriers.len();
    let (mut rows, mut delays) = (vec![Counts::default(); carriers], vec![Vec::new(); carriers]);
    let mut late_before: HashMap<_, i64> = HashMap::new();
    for event in feed.events() {
        let Event::Departure(flight) = event else { continue };
        let limits = &limits[flight.carrier];
        let mut count = |column: Column| rows[flight.carrier][column as usize] += 1;
        let is_late = flight.delay.is_some_and(|minutes| minutes > limits.late);
        count(Column::Flights);
        delays[flight.carrier].extend(flight.delay);
        if is_late || flight.delay.is_none() {
            let before = late_before.entry((flight.carrier, flight.aircraft, flight.day)).or_default();
            count(if is_late { Column::Late } else { Column::Cancelled });
            count(Column::Signals);
            count(need(&flight, limits, *before));
            *before += i64::from(is_late);
        }
        if let Some(inbound) = flight.inbound {
            count(Column::Awaited);
            match feed.flights[inbound as usize].arrival {
                None => count(Column::Lost),
                Some(minutes) if punctuality(minutes) >= limits.quality => {}
                Some(_) if is_late || flight.delay.is_none() => count(Column::PassedOn),
                Some(_) => count(Column::Absorbed),
            }
        }
    }
    (rows, delays)
}

fn need(flight: &Flight, limits: &Limits, late_before: i64) -> Column {
    match flight.delay {
        None | Some(180..) => Column::Rebooking,
        _ if late_before > 1 => Column::Maintenance,
        _ if flight.inbound_delay > Some(30) => Column::Aircraft,
        minutes if minutes > Some(limits.crew) => Column::Crew,
        _ if matches!(flight.scheduled / 60, 7 | 8 | 16..=19) => Column::Gate,
        _ if flight.distance <= 250 => Column::Rebooking,
        _ => Column::Watch,
    }
}
