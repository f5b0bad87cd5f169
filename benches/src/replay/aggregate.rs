//! What is kept of the departures, in whole numbers.

use super::parse::{Departure, Feed};
use ringway::{Batch, Cycle, Handler};
use std::sync::{Arc, Mutex};

/// Of an aircraft, or of a carrier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) flights: u64,
    pub(crate) cancelled: u64,
    /// Flights whose delay is known.
    pub(crate) delays: u64,
    pub(crate) delay_total: i64,
    pub(crate) delay_max: Option<i32>,
    pub(crate) distance: u64,
}

impl Totals {
    fn add(&mut self, departure: &Departure) {
        self.flights += 1;
        self.cancelled += u64::from(departure.cancelled);
        self.distance += u64::from(departure.distance);
        if let Some(delay) = departure.delay {
            self.delays += 1;
            self.delay_total += i64::from(delay);
            self.delay_max = self.delay_max.max(Some(delay));
        }
    }

    fn merge(&mut self, other: &Self) {
        self.flights += other.flights;
        self.cancelled += other.cancelled;
        self.distance += other.distance;
        self.delays += other.delays;
        self.delay_total += other.delay_total;
        self.delay_max = self.delay_max.max(other.delay_max);
    }

    /// Derived last, for people.
    pub(crate) fn mean_delay(&self) -> Option<f64> {
        (self.delays > 0).then(|| self.delay_total as f64 / self.delays as f64)
    }
}

/// One worker's part, or a single thread's whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) aircraft: Vec<Totals>,
    pub(crate) carriers: Vec<Totals>,
    /// Departures that were not the next of their aircraft.
    pub(crate) order_breaks: u64,
    next: Vec<u32>,
}

impl Tally {
    /// Room for all that a feed names.
    pub(crate) fn new(feed: &Feed) -> Self {
        let aircraft = feed.aircraft as usize;
        Self {
            aircraft: vec![Totals::default(); aircraft],
            carriers: vec![Totals::default(); feed.carriers.len()],
            order_breaks: 0,
            next: vec![0; aircraft],
        }
    }

    #[inline]
    pub(crate) fn add(&mut self, departure: &Departure) {
        let aircraft = departure.aircraft as usize;
        self.order_breaks += u64::from(self.next[aircraft] != departure.sequence);
        self.next[aircraft] = departure.sequence.wrapping_add(1);
        self.aircraft[aircraft].add(departure);
        self.carriers[departure.carrier as usize].add(departure);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.order_breaks += other.order_breaks;
        self.aircraft.iter_mut().zip(&other.aircraft).for_each(|(mine, theirs)| mine.merge(theirs));
        self.carriers.iter_mut().zip(&other.carriers).for_each(|(mine, theirs)| mine.merge(theirs));
    }

    pub(crate) fn same_totals(&self, other: &Self) -> bool {
        self.aircraft == other.aircraft && self.carriers == other.carriers
    }
}

/// The handler of one worker.
pub(crate) struct Desk {
    tally: Tally,
    results: Arc<Mutex<Vec<Tally>>>,
}

impl Desk {
    pub(crate) fn new(tally: Tally, results: Arc<Mutex<Vec<Tally>>>) -> Self {
        Self { tally, results }
    }
}

impl Handler<Departure> for Desk {
    fn on_batch(&mut self, batch: &mut Batch<'_, Departure>, _cx: &mut Cycle) {
        let (first, second) = batch.as_slices();
        first.iter().chain(second).for_each(|departure| self.tally.add(departure));
        batch.commit_all();
    }

    fn on_stop(&mut self, _cx: &mut Cycle) {
        self.results.lock().expect("no worker panics while it holds this").push(self.tally.clone());
    }
}
