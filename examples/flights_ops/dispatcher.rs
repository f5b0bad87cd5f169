//! The dispatcher sends what happens to the desks, and holds a ticket for each flight that waits for its aircraft.

use crate::Failure;
use crate::board::{Column, Counts, sum};
use crate::feed::{Event, Feed, Flight};
use crate::office::{COORDINATION, Office, Staff, punctuality};
use ringway::Publisher;
use ringway::coord::dependencies::{Dep, DepError, DepId, GateId, On, Poll, Ticket, Unmet};
use std::collections::HashMap;
use std::time::Duration;

/// After so many events: are tickets ready, do the totals agree?
const ROUND: usize = 2_048;
/// The feed does not say how long a flight waits before it is given up; what is not there when the feed ends has not come.
const NEVER: Duration = Duration::from_secs(7 * 24 * 3_600);

pub struct Dispatcher<'a> {
    office: &'a Office,
    feed: &'a Feed,
    /// The dispatcher's row of the board.
    writer: usize,
    tickets: Vec<(Ticket<'a>, Flight)>,
    /// How often the totals were looked at while they changed.
    pub looks: usize,
    /// Why flights left late that had waited for their aircraft, with its delay.
    pub reasons: Vec<(i64, String)>,
}

impl<'a> Dispatcher<'a> {
    pub fn new(office: &'a Office, feed: &'a Feed, writer: usize) -> Self {
        Self { office, feed, writer, tickets: Vec::new(), looks: 0, reasons: Vec::new() }
    }

    /// Sends the whole feed. Departures go to the desk of their carrier, landings to that of their aircraft: usually another.
    pub fn dispatch(&mut self, publisher: &mut Publisher<Event>) -> Result<(), Failure> {
        let mut waiting: HashMap<u32, Vec<Flight>> = HashMap::new();
        for flight in self.feed.flights.iter().filter(|flight| flight.inbound.is_some()) {
            waiting.entry(flight.day).or_default().push(*flight);
        }
        for (number, event) in self.feed.events().into_iter().enumerate() {
            let flight = event.flight();
            // In the morning, all flights of the day.
            for flight in waiting.remove(&flight.day).unwrap_or_default() {
                self.wait_for_aircraft(flight)?;
            }
            let key = match event {
                Event::Departure(_) => flight.carrier as u64,
                Event::Landing(_) => u64::from(flight.aircraft.unwrap_or(flight.row)) << 32,
            };
            publisher.send(key, event).map_err(|_| "a desk has given up")?;
            if number % ROUND == ROUND - 1 {
                self.look_round()?;
            }
        }
        Ok(())
    }

    fn wait_for_aircraft(&mut self, flight: Flight) -> Result<(), Failure> {
        let Some(inbound) = flight.inbound.map(|row| &self.feed.flights[row as usize]) else { return Ok(()) };
        let Some((agent, before)) = self.office.flight(&flight).zip(self.office.flight(inbound)) else { return Ok(()) };
        let landed = On::AgentDone { agent: before, require_success: true };
        let threshold = self.office.limits(flight.carrier)?.quality;
        let punctual = On::Gate { id: GateId::new(inbound.row), threshold };
        let dep = |n, on| Dep::new(DepId::new(2 * flight.row + n), on).timeout(NEVER);
        let ticket = self.office.dependencies.wait(COORDINATION, agent, &[dep(0, landed), dep(1, punctual)])?;
        self.tickets.push((ticket, flight));
        Ok(())
    }

    fn look_round(&mut self) -> Result<(), Failure> {
        let (ready, waiting) = std::mem::take(&mut self.tickets).into_iter().partition(|(ticket, _)| ticket.is_ready());
        self.tickets = waiting;
        self.settle(ready)?;
        let (carriers, all) = self.office.board.look();
        self.looks += 1;
        if sum(carriers.into_iter()) == all {
            Ok(())
        } else {
            Err("a snapshot of the state shows half an update".into())
        }
    }

    /// The feed is over and every desk has finished: what waits now has waited in vain.
    pub fn finish(&mut self) -> Result<(), Failure> {
        let tickets = std::mem::take(&mut self.tickets);
        self.settle(tickets)
    }

    fn settle(&mut self, tickets: Vec<(Ticket<'a>, Flight)>) -> Result<(), Failure> {
        for (ticket, flight) in tickets {
            let quality = self.office.limits(flight.carrier)?.quality;
            let came_late = flight.inbound_delay.is_some_and(|minutes| punctuality(minutes) < quality);
            let mut counts = Counts::default();
            counts[Column::Awaited as usize] = 1;
            match ticket.poll() {
                Poll::Ready => counts[Column::Absorbed as usize] = i64::from(came_late),
                Poll::Pending => {
                    counts[Column::PassedOn as usize] = 1;
                    self.note(&ticket, &flight);
                }
                Poll::Failed(DepError::Failed { .. }) => counts[Column::Lost as usize] = 1,
                Poll::Failed(error) => return Err(error.into()),
            }
            self.office.board.add(flight.carrier, self.writer, &counts, self.office.staff(Staff::Dispatcher))?;
        }
        Ok(())
    }

    fn note(&mut self, ticket: &Ticket<'_>, flight: &Flight) {
        let mut unmet = [Unmet::default(); 2];
        let n = ticket.explain(&mut unmet);
        let why: Vec<_> = unmet[..n].iter().map(Unmet::to_string).collect();
        let (delay, carrier) = (flight.inbound_delay.unwrap_or(0), &self.feed.carriers[flight.carrier]);
        let reason = format!("{carrier} {}, aircraft {delay} minutes late: {}", flight.number, why.join(", "));
        self.reasons.push((delay, reason));
    }
}
