//! A desk: what a worker of the bus does with what happens to flights.

use crate::Failure;
use crate::board::{Column, Counts};
use crate::feed::{Event, Flight};
use crate::office::{CANCELLED, COORDINATION, LATE, Limits, Office, punctuality};
use crate::rules::{Situation, task};
use ringway::coord::dependencies::GateId;
use ringway::coord::routing::RouteRequest;
use ringway::coord::signals::{SenderId, Signal, SignalPayload, SignalSender};
use ringway::ids::{CorrelationId, SignalKind, SymId};
use ringway::value::Score;
use ringway::{Batch, Cycle, Handler};
use std::collections::HashMap;
use std::sync::{Arc, mpsc};

/// Of each carrier, in the order of its departures.
pub type Delays = Vec<Vec<i64>>;
pub type Results = mpsc::Sender<Result<Delays, Failure>>;

/// What is wrong with a flight that was cancelled, or landed elsewhere.
const NOT_ARRIVED: u16 = 1;

pub struct Desk {
    office: Arc<Office>,
    number: usize,
    signals: SignalSender,
    /// Late departures by carrier, aircraft and day: all of a carrier's come to one desk, in order.
    late: HashMap<(usize, Option<u32>, u32), i64>,
    delays: Delays,
    results: Results,
}

impl Desk {
    pub fn new(office: &Arc<Office>, number: usize, signals: SignalSender, results: Results) -> Self {
        let delays = vec![Vec::new(); office.late_percent.len()];
        Self { office: Arc::clone(office), number, signals, late: HashMap::new(), delays, results }
    }

    /// Lets go those who wait for this aircraft, if it is there, and not too late. The dependencies hear the flight's completion.
    fn landing(&mut self, flight: &Flight) -> Result<(), Failure> {
        let quality = flight.arrival.map_or(Score::ZERO, punctuality);
        self.office.dependencies.set_gate_score(COORDINATION, GateId::new(flight.row), quality)?;
        if let Some(agent) = self.office.flight(flight) {
            let completed = SignalPayload::Completed {
                summary: SymId::default(),
                quality,
                execution_ms: flight.air_time.unwrap_or(0).clamp(0, 1_440) as u32 * 60_000,
                artifacts: 0,
                error: flight.arrival.is_none().then_some(NOT_ARRIVED),
            };
            let sender = SenderId::agent(agent);
            self.signals.signal(&Signal { sender, ..Signal::new(SignalKind::AGENT_COMPLETED, completed) })?;
        }
        Ok(())
    }

    fn departure(&mut self, flight: &Flight) -> Result<(), Failure> {
        let carrier = flight.carrier;
        let limits = self.office.limits(carrier)?;
        let mut counts = Counts::default();
        counts[Column::Flights as usize] = 1;
        match flight.delay {
            None => {
                counts[Column::Cancelled as usize] = 1;
                self.landing(flight)?; // it never will
                self.attend_to(flight, limits, &mut counts)?;
            }
            Some(minutes) => {
                self.delays[carrier].push(minutes);
                if minutes > limits.late {
                    counts[Column::Late as usize] = 1;
                    self.attend_to(flight, limits, &mut counts)?;
                } else if let Some(inbound) = flight.inbound {
                    // However late the aircraft came, it has been made up for.
                    self.office.dependencies.set_gate_score(COORDINATION, GateId::new(inbound), Score::ONE)?;
                }
            }
        }
        let (office, board) = (&self.office, &self.office.board);
        board.add(carrier, self.number, &counts, office.carrier(carrier))?;
        let [late, flights] = [Column::Late, Column::Flights].map(|column| board.get(carrier, column) as f64);
        Ok(office.late_percent[carrier].1.set(100.0 * late / flights)?)
    }

    /// Raises a signal, and decides what the flight needs.
    fn attend_to(&mut self, flight: &Flight, limits: Limits, counts: &mut Counts) -> Result<(), Failure> {
        let (office, is_cancelled) = (&self.office, flight.delay.is_none());
        let kind = if is_cancelled { CANCELLED } else { LATE };
        let mut signal = Signal::new(kind, SignalPayload::default());
        signal.sender = SenderId::agent(office.carrier(flight.carrier));
        signal.meta.correlation = CorrelationId::new(u64::from(flight.row));
        self.signals.signal(&signal)?;
        counts[Column::Signals as usize] = 1;

        let delays_today = self.late.entry((flight.carrier, flight.aircraft, flight.day)).or_default();
        let situation = Situation { flight, limits, delays_today: *delays_today };
        *delays_today += i64::from(!is_cancelled);
        let nothing = task(Column::Watch);
        let request = RouteRequest { task: nothing, correlation: signal.meta.correlation, ..RouteRequest::default() };
        let need = office.routers.route(&situation, &request).next.unwrap_or(nothing);
        counts[need.get() as usize] = 1;
        Ok(())
    }
}

impl Handler<Event> for Desk {
    fn on_batch(&mut self, batch: &mut Batch<'_, Event>, cx: &mut Cycle) {
        for event in batch {
            let done = match &event {
                Event::Departure(flight) => self.departure(flight),
                Event::Landing(flight) => self.landing(flight),
            };
            if let Err(failure) = done {
                // Nobody listens any more if main has failed.
                let _ = self.results.send(Err(failure));
                return cx.stop();
            }
        }
    }

    fn on_stop(&mut self, _cx: &mut Cycle) {
        let _ = self.results.send(Ok(std::mem::take(&mut self.delays)));
    }
}
