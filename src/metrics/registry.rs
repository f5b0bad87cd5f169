//! The series, by name.

use super::error::MetricError;
use super::export::Exports;
use super::feed::Feed;
use super::histogram::{Buckets, Summary};
use super::instruments::{Counter, Gauge, Histogram, Rate, Shards, Source};
use super::slo::{Health, Slo, Violation};
use super::{slo, text};
use crate::measure::clock;
use crate::sync::{Counter as Cell, parallelism};
use core::fmt;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What tells series of one name apart: keys and values.
pub type Tags<'a> = &'a [(&'a str, &'a str)];

/// The same, kept: see [`Sample::labels`](super::Sample::labels).
pub type Labels = Arc<[(String, String)]>;

/// A series of a [`Registry`], by the order of registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesId(pub(super) u32);

/// What a series says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reading {
    /// Of a [`Counter`].
    Counter(u64),
    /// Of a [`Gauge`].
    Gauge(i64),
    /// Of a [`Rate`].
    Rate(f64),
    /// Of a [`Histogram`], in nanoseconds.
    Histogram(Summary),
}

/// One series of a snapshot.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SeriesReading {
    /// The series.
    pub id: SeriesId,
    /// Its name.
    pub name: Arc<str>,
    /// Its tags, as they are written: `key="value",key="value"`.
    pub tags: Arc<str>,
    /// What it says.
    pub reading: Reading,
}

/// What all series say at about one time. Use it again and again: reading into it allocates only for new series.
#[derive(Clone, Debug, Default)]
pub struct MetricsSnapshot {
    /// The series, in the order of their registration.
    pub series: Vec<SeriesReading>,
}

impl MetricsSnapshot {
    /// The first series of this name.
    pub fn find(&self, name: &str) -> Option<&SeriesReading> {
        self.series.iter().find(|series| &*series.name == name)
    }
}

#[derive(Clone)]
pub(super) enum Instrument {
    Counter(Counter),
    Gauge(Gauge),
    Rate(Rate),
    Histogram(Histogram),
}

impl Instrument {
    fn read(&self) -> Reading {
        match self {
            Self::Counter(counter) => Reading::Counter(counter.get()),
            Self::Gauge(gauge) => Reading::Gauge(gauge.get()),
            Self::Rate(rate) => Reading::Rate(rate.get()),
            Self::Histogram(histogram) => Reading::Histogram(histogram.summary()),
        }
    }
}

pub(super) struct Series {
    pub(super) name: Arc<str>,
    pub(super) tags: Arc<str>,
    pub(super) labels: Labels,
    pub(super) instrument: Instrument,
}

#[derive(Default)]
pub(super) struct Table {
    pub(super) series: Vec<Series>,
    slos: Vec<Slo>,
}

impl Table {
    /// The series that show why this one is too high, with what they say.
    fn causes(&self, name: &str) -> Vec<(Arc<str>, Reading)> {
        let named = |cause: &&str| self.series.iter().find(|series| *series.name == **cause);
        let causes = slo::causes(name).iter().filter_map(named);
        causes.map(|series| (Arc::clone(&series.name), series.instrument.read())).collect()
    }
}

/// Configures a [`Registry`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing before `build`"]
pub struct RegistryBuilder {
    pub(super) series: usize,
    pub(super) workers: usize,
    pub(super) tags: usize,
    pub(super) buffer: usize,
    pub(super) batch: usize,
    pub(super) flush: Duration,
    pub(super) interval: Duration,
}

impl RegistryBuilder {
    /// How many series there may be; 1,024 by default.
    pub fn series(mut self, series: usize) -> Self {
        self.series = series;
        self
    }

    /// How many threads record at the same time; by default, as many as can run. Each has cells of its own, as long as there are
    /// no more. A histogram takes about 20 KiB for each.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// How many tags a series may have; 8 by default.
    pub fn tags(mut self, tags: usize) -> Self {
        self.tags = tags;
        self
    }

    /// How many samples can wait for the exporters, rounded up to a power of two: 1,000 by default, 32 KiB and some. Further ones
    /// overwrite the oldest, which are counted as dropped.
    pub fn buffer(mut self, samples: usize) -> Self {
        self.buffer = samples.max(1);
        self
    }

    /// When samples are exported, once the registry is [started](Registry::start): as soon as there are so many of them, and that often.
    /// 100, and each second, by default. An exporter gets no more of them at once.
    pub fn flush(mut self, samples: usize, every: Duration) -> Self {
        self.batch = samples.max(1);
        self.flush = every;
        self
    }

    /// How often exporters get a snapshot of all series, and the thresholds are looked at, once the registry is started: each 30 s by
    /// default.
    pub fn interval(mut self, every: Duration) -> Self {
        self.interval = every;
        self
    }

    /// The registry.
    pub fn build(self) -> Registry {
        clock::calibrate();
        let feed = Arc::new(Feed::new(self.buffer, self.batch));
        let exports = Exports::new(Arc::clone(&feed));
        let shared = Shared { table: Mutex::default(), feed, exports, settings: self };
        Registry { shared: Arc::new(shared) }
    }
}

pub(super) struct Shared {
    table: Mutex<Table>,
    pub(super) feed: Arc<Feed>,
    pub(super) exports: Exports,
    pub(super) settings: RegistryBuilder,
}

/// Gives out instruments and reads them. Clones are the same registry.
#[derive(Clone)]
pub struct Registry {
    pub(super) shared: Arc<Shared>,
}

macro_rules! instruments {
    ($($(#[$doc:meta])* $method:ident: $kind:ident, $cells:expr;)+) => {$(
        $(#[$doc])*
        ///
        /// The same series again if it is registered already.
        ///
        /// # Errors
        ///
        /// All of [`MetricError`] that speak of names, tags and room.
        pub fn $method(&self, name: &str, tags: Tags<'_>) -> Result<$kind, MetricError> {
            let make = |workers, id, feed| Instrument::$kind($kind(Arc::new(Source { cells: $cells(workers), id, feed })));
            match self.register(name, tags, make)? {
                Instrument::$kind(instrument) => Ok(instrument),
                _ => Err(MetricError::NameTaken),
            }
        }
    )+};
}

impl Registry {
    /// 1,024 series, 8 tags, a cell for each thread that can run, an export each second.
    pub fn builder() -> RegistryBuilder {
        RegistryBuilder {
            series: 1_024,
            workers: parallelism().unwrap_or(1),
            tags: 8,
            buffer: 1_000,
            batch: 100,
            flush: Duration::from_secs(1),
            interval: Duration::from_secs(30),
        }
    }

    instruments! {
        /// A counter.
        counter: Counter, |workers| Shards::new(workers, Cell::new);
        /// A gauge.
        gauge: Gauge, |_| Cell::new();
        /// A percentage.
        rate: Rate, |_| Cell::new();
        /// A histogram of durations. Recorded in nanoseconds; where the name ends with `_ms`, shown in milliseconds. The names
        /// `signal_propagation_time_ms`, `routing_decision_time_ms`, `context_distribution_per_agent_ms` and
        /// `dependency_resolution_time_ms` come with thresholds for their averages: 50, 2, 100 and 1,000 ms.
        histogram: Histogram, |workers| Shards::new(workers, Buckets::new);
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        // A panic in here is one for want of memory, which leaves the table whole.
        self.shared.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn register(
        &self,
        name: &str,
        tags: Tags<'_>,
        make: impl FnOnce(usize, SeriesId, Arc<Feed>) -> Instrument,
    ) -> Result<Instrument, MetricError> {
        let max = self.shared.settings.tags;
        if tags.len() > max {
            return Err(MetricError::LabelLimit { max });
        }
        if !text::is_name(name) || !tags.iter().all(|(key, _)| text::is_name(key)) {
            return Err(MetricError::InvalidName);
        }
        let (labels, tags) = (tags, text::tags(tags));
        let mut table = self.table();
        if let Some(series) = table.series.iter().find(|series| &*series.name == name && *series.tags == *tags) {
            return Ok(series.instrument.clone());
        }
        if table.series.len() >= self.shared.settings.series {
            return Err(MetricError::SeriesFull);
        }
        let id = SeriesId(u32::try_from(table.series.len()).map_err(|_| MetricError::SeriesFull)?);
        let instrument = make(self.shared.settings.workers, id, Arc::clone(&self.shared.feed));
        if let (Instrument::Histogram(_), Some(slo)) = (&instrument, Slo::default_of(name, id)) {
            table.slos.push(slo);
        }
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        table.series.push(Series { name: name.into(), tags: tags.into(), labels, instrument: instrument.clone() });
        Ok(instrument)
    }

    /// The series of this name and these tags, for [`Slo`].
    pub fn series(&self, name: &str, tags: Tags<'_>) -> Option<SeriesId> {
        let tags = text::tags(tags);
        let found = self.table().series.iter().position(|series| &*series.name == name && *series.tags == *tags)?;
        Some(SeriesId(found as u32))
    }

    /// Watches a threshold, instead of those that the same figure of the series had before.
    ///
    /// # Errors
    ///
    /// [`SloInvalid`](MetricError::SloInvalid): the bound is no finite number, or there is no such series or figure.
    pub fn watch(&self, slo: Slo) -> Result<(), MetricError> {
        let mut table = self.table();
        let series = table.series.get(slo.metric.0 as usize).ok_or(MetricError::SloInvalid)?;
        slo.check(&series.instrument.read())?;
        table.slos.retain(|old| (old.metric, old.stat) != (slo.metric, slo.stat));
        table.slos.push(slo);
        Ok(())
    }

    /// Reads all series. Allocates nothing when it is read into a snapshot that has them already.
    pub fn snapshot(&self, out: &mut MetricsSnapshot) {
        for (index, series) in self.table().series.iter().enumerate() {
            let reading = series.instrument.read();
            match out.series.get_mut(index) {
                Some(known) if Arc::ptr_eq(&known.name, &series.name) => known.reading = reading,
                known => {
                    let (name, tags) = (Arc::clone(&series.name), Arc::clone(&series.tags));
                    let new = SeriesReading { id: SeriesId(index as u32), name, tags, reading };
                    match known {
                        Some(known) => *known = new,
                        None => out.series.push(new),
                    }
                }
            }
        }
    }

    /// Whether all thresholds are kept, and those that are not. An empty histogram keeps all.
    pub fn health(&self) -> (Health, Vec<Violation>) {
        let table = self.table();
        let violation = |slo: &Slo| {
            let series = table.series.get(slo.metric.0 as usize)?;
            let reading = series.instrument.read();
            let value = slo.stat.of(&reading, text::unit(&series.name))?;
            let causes = || table.causes(&series.name);
            let (name, tags) = (Arc::clone(&series.name), Arc::clone(&series.tags));
            (value > slo.bound).then(|| Violation { name, tags, slo: *slo, value, reading, causes: causes() })
        };
        let violations: Vec<_> = table.slos.iter().filter_map(violation).collect();
        let worst = violations.iter().map(|violation| Health::from(violation.slo.level)).max();
        (worst.unwrap_or(Health::Operational), violations)
    }

    /// Writes all series in the text format of Prometheus; histograms as summaries.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn prometheus(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let mut snapshot = MetricsSnapshot::default();
        self.snapshot(&mut snapshot);
        text::prometheus(&mut snapshot.series, out)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("series", &self.table().series.len()).finish_non_exhaustive()
    }
}
