//! The feed: a file of departures, and what happens when.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// One row. Times are in minutes.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    pub row: u32,
    pub carrier: usize,
    pub number: u32,
    /// None where the file has no tail number: all of those were cancelled.
    pub aircraft: Option<u32>,
    /// Counts the flights of an aircraft, in the order of the timetable.
    pub leg: u32,
    /// Counts up; days of different months are not neighbours.
    pub day: u32,
    /// When it should leave, on its day.
    pub scheduled: u32,
    /// Negative when early; none if it was cancelled.
    pub delay: Option<i64>,
    /// Of its arrival; none if it was cancelled, or landed elsewhere.
    pub arrival: Option<i64>,
    pub air_time: Option<i64>,
    /// In miles.
    pub distance: u32,
    /// The row of the flight that its aircraft makes before, on the same day, and how late that one arrives.
    pub inbound: Option<u32>,
    pub inbound_delay: Option<i64>,
}

#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// It leaves, or would have left and is cancelled.
    Departure(Flight),
    /// It has landed, or is known not to come.
    Landing(Flight),
}

impl Event {
    pub fn flight(&self) -> &Flight {
        let (Self::Departure(flight) | Self::Landing(flight)) = self;
        flight
    }
}

/// Why a file is no feed.
#[derive(Debug)]
pub enum FeedError {
    Unreadable(std::io::Error),
    /// A column is not there, or not in this line.
    Missing {
        line: usize,
        column: &'static str,
    },
    Bad {
        line: usize,
        column: &'static str,
        found: String,
    },
    Empty,
}

impl std::error::Error for FeedError {}

impl Display for FeedError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
            Self::Missing { line: 2, column } => write!(f, "is no file of departures: it has no column {column}"),
            Self::Missing { line, column } => write!(f, "line {line} has no {column}"),
            Self::Bad { line, column, found } => write!(f, "line {line}: {column} is '{found}'"),
            Self::Empty => f.write_str("has no departures"),
        }
    }
}

/// Fields by column.
struct Row<'a> {
    line: usize,
    fields: HashMap<&'a str, &'a str>,
}

impl<'a> Row<'a> {
    fn text(&self, column: &'static str) -> Result<&'a str, FeedError> {
        self.fields.get(column).copied().ok_or(FeedError::Missing { line: self.line, column })
    }

    /// None for `NA`.
    fn optional<T: FromStr>(&self, column: &'static str) -> Result<Option<T>, FeedError> {
        let bad = |found: &str| FeedError::Bad { line: self.line, column, found: found.to_owned() };
        match self.text(column)? {
            "NA" => Ok(None),
            text => text.parse().map(Some).map_err(|_| bad(text)),
        }
    }

    fn number(&self, column: &'static str, most: u32) -> Result<u32, FeedError> {
        let bad = || FeedError::Bad { line: self.line, column, found: self.text(column).unwrap_or("NA").to_owned() };
        self.optional(column)?.filter(|number| *number <= most).ok_or_else(bad)
    }

    fn minutes(&self, column: &'static str) -> Result<Option<i64>, FeedError> {
        Ok(self.optional::<i32>(column)?.map(i64::from))
    }

    fn flight(&self, carriers: &mut Names, aircraft: &mut Names) -> Result<Flight, FeedError> {
        let clock = self.number("sched_dep_time", 2_400)?;
        let months = self.number("year", 9_999)? * 12 + self.number("month", 12)?;
        Ok(Flight {
            row: self.line as u32 - 2,
            carrier: number_of(self.text("carrier")?, carriers) as usize,
            number: self.number("flight", 99_999)?,
            aircraft: self.optional::<String>("tailnum")?.map(|tail| number_of(&tail, aircraft)),
            leg: 0,
            day: months * 31 + self.number("day", 31)?,
            scheduled: clock / 100 * 60 + clock % 100,
            delay: self.minutes("dep_delay")?,
            arrival: self.minutes("arr_delay")?,
            air_time: self.minutes("air_time")?,
            distance: self.number("distance", 99_999)?,
            inbound: None,
            inbound_delay: None,
        })
    }
}

/// Numbers in the order in which the names appear.
type Names = HashMap<String, u32>;

fn number_of(name: &str, names: &mut Names) -> u32 {
    let next = names.len() as u32;
    *names.entry(name.to_owned()).or_insert(next)
}

#[derive(Debug)]
pub struct Feed {
    pub flights: Vec<Flight>,
    pub carriers: Vec<String>,
}

impl Feed {
    pub fn read(path: &str) -> Result<Self, FeedError> {
        let text = std::fs::read_to_string(path).map_err(FeedError::Unreadable)?;
        let mut lines = text.lines();
        let header: Vec<_> = lines.next().unwrap_or_default().split(',').collect();
        let (mut carriers, mut aircraft, mut flights) = (Names::new(), Names::new(), Vec::new());
        for (line, text) in (2..).zip(lines) {
            let fields = header.iter().copied().zip(text.split(',')).collect();
            flights.push(Row { line, fields }.flight(&mut carriers, &mut aircraft)?);
        }
        if flights.is_empty() {
            return Err(FeedError::Empty);
        }
        connect(&mut flights);
        let mut names: Vec<_> = carriers.into_iter().collect();
        names.sort_by_key(|(_, number)| *number);
        Ok(Self { flights, carriers: names.into_iter().map(|(name, _)| name).collect() })
    }

    /// What happens, in the order of time.
    pub fn events(&self) -> Vec<Event> {
        let mut events: Vec<(i64, Event)> = Vec::new();
        for flight in &self.flights {
            let leaves = i64::from(flight.day * 1_440 + flight.scheduled) + flight.delay.unwrap_or(0);
            events.push((leaves, Event::Departure(*flight)));
            if flight.delay.is_some() {
                // One that landed elsewhere is given up after six hours.
                events.push((leaves + flight.air_time.unwrap_or(360), Event::Landing(*flight)));
            }
        }
        events.sort_by_key(|(time, _)| *time);
        events.into_iter().map(|(_, event)| event).collect()
    }
}

/// Finds out which flight brings which aircraft. The file is in the order of departures, not of the timetable.
fn connect(flights: &mut [Flight]) {
    let mut timetable: Vec<_> = (0..flights.len()).collect();
    timetable.sort_by_key(|&row| (flights[row].day, flights[row].scheduled));
    let mut last: HashMap<u32, Flight> = HashMap::new();
    for row in timetable {
        let flight = &mut flights[row];
        let Some(aircraft) = flight.aircraft else { continue };
        if let Some(before) = last.get(&aircraft) {
            flight.leg = before.leg + 1;
            if before.day == flight.day {
                (flight.inbound, flight.inbound_delay) = (Some(before.row), before.arrival);
            }
        }
        last.insert(aircraft, *flight);
    }
}
