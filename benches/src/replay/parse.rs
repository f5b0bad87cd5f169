//! The event file.

use super::error::{FeedError, RowError};
use crate::output;
use csv::{ByteRecord, Reader, ReaderBuilder, Trim};
use rustc_hash::FxHashMap;
use std::fs::File;
use std::path::Path;
use std::str::{FromStr, from_utf8};

/// How many bad rows are shown one by one.
const SHOWN: u64 = 10;

/// One departure, as it travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Departure {
    pub(crate) aircraft: u32,
    /// Counted by aircraft, from 0.
    pub(crate) sequence: u32,
    /// Minutes; negative when early. `None` where it is not known.
    pub(crate) delay: Option<i32>,
    /// Miles.
    pub(crate) distance: u32,
    /// Scheduled, in minutes since 1970, local time.
    pub(crate) scheduled: u32,
    pub(crate) carrier: u16,
    pub(crate) cancelled: bool,
}

/// The whole file.
#[derive(Debug, Default)]
pub(crate) struct Feed {
    pub(crate) departures: Vec<Departure>,
    pub(crate) bad_rows: u64,
    /// How many aircraft there are; rows without one count by carrier and flight.
    pub(crate) aircraft: u32,
    pub(crate) carriers: Vec<String>,
    /// Flights of each aircraft.
    flights: Vec<u32>,
    /// When the first row is scheduled.
    first: u32,
    /// Minutes from there to the last of the timetable, that one included.
    span: u64,
}

const COLUMNS: [&str; 10] =
    ["year", "month", "day", "sched_dep_time", "dep_time", "dep_delay", "carrier", "flight", "tailnum", "distance"];

/// Where the columns stand.
struct Columns([usize; COLUMNS.len()]);

impl Columns {
    fn find(header: &ByteRecord) -> Result<Self, FeedError> {
        let place = |name: &str| header.iter().position(|field| field.eq_ignore_ascii_case(name.as_bytes()));
        let places = COLUMNS.map(place);
        let missing: Vec<_> =
            COLUMNS.iter().zip(places).filter(|(_, place)| place.is_none()).map(|(name, _)| *name).collect();
        match missing.is_empty() {
            true => Ok(Self(places.map(Option::unwrap_or_default))),
            false => Err(FeedError::Lacks(missing)),
        }
    }
}

/// A row's fields, by name.
struct Row<'a> {
    columns: &'a Columns,
    record: &'a ByteRecord,
}

impl<'a> Row<'a> {
    fn text(&self, name: &'static str) -> Result<&'a str, String> {
        let column = COLUMNS.iter().position(|column| *column == name).unwrap_or_default();
        let field = self.record.get(self.columns.0[column]).ok_or_else(|| format!("no field for {name}"))?;
        from_utf8(field).map_err(|_| format!("{name} is not UTF-8"))
    }

    /// `None` for a missing value.
    fn optional<T: FromStr>(&self, name: &'static str) -> Result<Option<T>, String> {
        match self.text(name)? {
            "NA" | "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| format!("{name} is '{text}'")),
        }
    }

    fn number<T: FromStr>(&self, name: &'static str) -> Result<T, String> {
        self.optional(name)?.ok_or_else(|| format!("{name} is missing"))
    }
}

/// Carriers that a departure's number has room for.
const MOST_CARRIERS: u32 = 1 << u16::BITS;

/// Names as numbers, in the order in which they appear.
struct Interned {
    numbers: FxHashMap<Vec<u8>, u32>,
    what: &'static str,
    most: u32,
}

impl Interned {
    fn new(what: &'static str, most: u32) -> Self {
        Self { numbers: FxHashMap::default(), what, most }
    }

    /// The number of a name, and whether it is new. A name too many is refused before it gets one.
    fn number(&mut self, name: &[u8]) -> Result<(u32, bool), FeedError> {
        if let Some(&number) = self.numbers.get(name) {
            return Ok((number, false));
        }
        let next = u32::try_from(self.numbers.len()).ok().filter(|&next| next < self.most);
        let next = next.ok_or(FeedError::TooMany { what: self.what, most: self.most })?;
        self.numbers.insert(name.to_vec(), next);
        Ok((next, true))
    }
}

/// All names of a file.
struct Names {
    aircraft: Interned,
    carriers: Interned,
}

impl Feed {
    /// Reads a file. Rows that cannot be understood are told on standard error by their line, and counted.
    pub(crate) fn read(path: &Path) -> Result<Self, FeedError> {
        let reader = ReaderBuilder::new().trim(Trim::All).flexible(true).from_path(path);
        let mut reader = reader.map_err(unreadable)?;
        let header = reader.byte_headers().map_err(unreadable)?.clone();
        let mut feed = Self::default();
        feed.read_rows(&mut reader, header.len(), &Columns::find(&header)?)?;
        if feed.bad_rows > SHOWN {
            output::note(format_args!("{}: {} bad rows in all", path.display(), feed.bad_rows));
        }
        feed.aircraft = feed.flights.len() as u32;
        feed.first = feed.departures.first().map_or(0, |departure| departure.scheduled);
        let last = feed.departures.iter().map(|departure| departure.scheduled).max();
        feed.span = last.map_or(0, |last| u64::from(last - feed.first) + 1);
        Ok(feed)
    }

    fn read_rows(&mut self, reader: &mut Reader<File>, width: usize, columns: &Columns) -> Result<(), FeedError> {
        let mut names =
            Names { aircraft: Interned::new("aircraft", u32::MAX), carriers: Interned::new("carriers", MOST_CARRIERS) };
        let mut record = ByteRecord::new();
        loop {
            let line = reader.position().line();
            let added = match reader.read_byte_record(&mut record) {
                Ok(false) => return Ok(()),
                Ok(true) if record.len() != width => {
                    Err(RowError::Bad(format!("{} fields instead of {width}", record.len())))
                }
                Ok(true) => self.add(&Row { columns, record: &record }, &mut names),
                Err(error) if error.is_io_error() => return Err(unreadable(error)),
                Err(error) => {
                    self.bad(line, &error.to_string());
                    continue;
                }
            };
            match added {
                Ok(()) => {}
                Err(RowError::Bad(reason)) => self.bad(record.position().map_or(line, csv::Position::line), &reason),
                Err(RowError::File(error)) => return Err(error),
            }
        }
    }

    fn bad(&mut self, line: u64, error: &str) {
        self.bad_rows += 1;
        if self.bad_rows <= SHOWN {
            output::note(format_args!("line {line}: {error}"));
        }
    }

    fn add(&mut self, row: &Row<'_>, names: &mut Names) -> Result<(), RowError> {
        // Everything is read before anything is noted, so that a bad row leaves no trace.
        let carrier = row.text("carrier")?;
        let flight: u32 = row.number("flight")?;
        let tail = row.text("tailnum")?;
        let cancelled = row.optional::<u32>("dep_time")?.is_none();
        let delay = row.optional("dep_delay")?;
        let distance = row.number("distance")?;
        let scheduled = scheduled(row)?;
        if carrier.is_empty() || carrier == "NA" {
            return Err(RowError::Bad("carrier is missing".to_owned()));
        }

        // A tail number holds no slash, so the two kinds of keys cannot meet.
        let (key, new) = match tail {
            "NA" | "" => names.aircraft.number(format!("{carrier}/{flight}").as_bytes())?,
            tail => names.aircraft.number(tail.as_bytes())?,
        };
        if new {
            self.flights.push(0);
        }
        let (number, new) = names.carriers.number(carrier.as_bytes())?;
        if new {
            self.carriers.push(carrier.to_owned());
        }
        let flights = &mut self.flights[key as usize];
        let sequence = *flights;
        *flights += 1;
        // Below `MOST_CARRIERS`, it fits.
        let carrier = number as u16;
        self.departures.push(Departure { aircraft: key, sequence, delay, distance, scheduled, carrier, cancelled });
        Ok(())
    }

    /// The departures of the `pass`-th time through the file: sequences go on.
    pub(crate) fn pass(&self, pass: u64) -> impl Iterator<Item = Departure> {
        self.departures.iter().map(move |departure| {
            let before = (pass as u32).wrapping_mul(self.flights[departure.aircraft as usize]);
            Departure { sequence: departure.sequence.wrapping_add(before), ..*departure }
        })
    }

    /// When a departure is due, counted from the file's first row; each pass takes as long as the file does. Rows that were
    /// scheduled before the first one are due with it: they come after it in any case.
    pub(crate) fn minutes_since_first(&self, departure: &Departure, pass: u64) -> u64 {
        u64::from(departure.scheduled.saturating_sub(self.first)).saturating_add(pass.saturating_mul(self.span))
    }
}

fn unreadable(error: csv::Error) -> FeedError {
    FeedError::Unreadable(error.to_string())
}

/// Minutes since 1970 of a scheduled departure.
fn scheduled(row: &Row<'_>) -> Result<u32, String> {
    let (year, month, day): (u32, u32, u32) = (row.number("year")?, row.number("month")?, row.number("day")?);
    let clock: u32 = row.number("sched_dep_time")?;
    let (hour, minute) = (clock / 100, clock % 100);
    if !(1970..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 24
        || minute > 59
    {
        return Err(format!("{year}-{month}-{day} {clock} is not a time"));
    }
    // Days from the civil calendar: years begin in March, so that the leap day comes last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    const DAYS_TO_1970: u32 = 719_468;
    Ok((days - DAYS_TO_1970) * 1440 + hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Feed, FeedError> {
        let name = format!("ringway-parse-{}-{:?}.csv", std::process::id(), std::thread::current().id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        let feed = Feed::read(&path);
        std::fs::remove_file(&path).unwrap();
        feed
    }

    const HEADER: &str = "year,month,day,dep_time,sched_dep_time,dep_delay,carrier,flight,tailnum,distance\n";

    #[test]
    fn rows_become_departures() {
        let feed = read(&format!(
            "{HEADER}2013,1,1,517,515,2,UA,1545,N1,1400\n2013,1,1,NA,600,NA,UA,7,NA,10\n2013,1,2,5,10,-5,AA,8,N1,20\n"
        ))
        .unwrap();
        assert_eq!((feed.departures.len(), feed.aircraft, feed.carriers.len(), feed.bad_rows), (3, 2, 2, 0));
        assert!(feed.departures[1].cancelled && feed.departures[1].delay.is_none());
        assert_eq!((feed.departures[2].sequence, feed.departures[2].delay), (1, Some(-5)));
        assert_eq!(feed.departures[2].scheduled - feed.departures[0].scheduled, 24 * 60 - 305);
        assert_eq!(feed.pass(1).nth(2).unwrap().sequence, 3);
    }

    #[test]
    fn every_pass_has_the_same_timetable() {
        // Neither the earliest row comes first, nor the latest one last.
        let clocks = [100, 50, 110, 105];
        let rows: String = clocks.iter().map(|clock| format!("2013,1,1,1,{clock},0,UA,1,N1,1\n")).collect();
        let feed = read(&format!("{HEADER}{rows}")).unwrap();
        let due = |pass| -> Vec<_> { feed.pass(pass).map(|row| feed.minutes_since_first(&row, pass)).collect() };
        assert_eq!(due(0), [0, 0, 10, 5]);
        assert_eq!(due(1), [11, 11, 21, 16]);
        assert_eq!(due(u64::MAX)[0], u64::MAX);
    }

    #[test]
    fn bad_rows_are_counted_and_leave_no_trace() {
        let feed = read(&format!(
            "{HEADER}2013,1,1,517,515,x,UA,1,N9,1\n2013,1,1\n2013,13,1,517,515,2,UA,1,N9,1\n2013,1,1,517,515,2,,1,N9,1\n2013,1,1,517,515,2,UA,1,N1,1\n"
        ))
        .unwrap();
        assert_eq!((feed.departures.len(), feed.bad_rows, feed.aircraft), (1, 4, 1));
    }

    #[test]
    fn what_is_no_file_of_departures_is_refused() {
        assert!(read("a,b\n1,2\n").unwrap_err().to_string().contains("lacks the columns year, month"));
        assert_eq!(read("").unwrap_err(), FeedError::Lacks(COLUMNS.to_vec()));
        assert!(read(HEADER).unwrap().departures.is_empty());
        assert!(matches!(Feed::read(Path::new("no/such/file")), Err(FeedError::Unreadable(_))));
    }

    #[test]
    fn a_carrier_too_many_is_told_apart_from_a_bad_row() {
        let row = |carrier: u32| format!("2013,1,1,1,1,0,C{carrier},1,N1,1\n");
        let rows: String = (0..MOST_CARRIERS).map(row).collect();
        let feed = read(&format!("{HEADER}{rows}{}", row(0))).unwrap();
        assert_eq!((feed.carriers.len(), feed.bad_rows), (65_536, 0));
        assert_eq!(feed.departures.iter().map(|departure| departure.carrier).max(), Some(u16::MAX));
        let error = read(&format!("{HEADER}{rows}{}", row(MOST_CARRIERS))).unwrap_err();
        assert_eq!(error, FeedError::TooMany { what: "carriers", most: 65_536 });
    }
}
