//! Thresholds, and what they say about health.

use super::error::MetricError;
use super::histogram::Summary;
use super::registry::{Reading, SeriesId};
use core::fmt;
use std::sync::Arc;

/// A figure of a series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stat {
    /// Of a counter, gauge or rate: what it says.
    Value,
    /// Of a histogram: the average.
    Mean,
    /// Half of the values were at most this.
    P50,
    /// 95 % were.
    P95,
    /// 99 % were.
    P99,
    /// The greatest.
    Max,
}

impl Stat {
    /// The figure of a reading, as it is shown; none if the reading has no such figure.
    pub(super) fn of(self, reading: &Reading, unit: f64) -> Option<f64> {
        let of_summary = |summary: &Summary| {
            let ns = match self {
                Self::Value => return None,
                Self::Mean => summary.mean(),
                Self::P50 => summary.p50 as f64,
                Self::P95 => summary.p95 as f64,
                Self::P99 => summary.p99 as f64,
                Self::Max => summary.max as f64,
            };
            Some(ns / unit)
        };
        let value = matches!(self, Self::Value);
        match reading {
            Reading::Histogram(summary) => of_summary(summary),
            Reading::Counter(count) => value.then_some(*count as f64),
            Reading::Gauge(level) => value.then_some(*level as f64),
            Reading::Rate(percent) => value.then_some(*percent),
        }
    }
}

/// How bad it is when a threshold is passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Health is [`Degraded`](Health::Degraded).
    Warning,
    /// Health is [`Critical`](Health::Critical).
    Critical,
}

/// A threshold: the figure should not be above the bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slo {
    /// Of which series.
    pub metric: SeriesId,
    /// Which figure.
    pub stat: Stat,
    /// The greatest value that is well: in the unit in which the series is shown, so milliseconds where its name ends with `_ms`.
    pub bound: f64,
    /// What passing it means.
    pub level: Level,
    /// What to do then.
    pub advice: &'static str,
}

/// Thresholds that come with certain names: figure, bound in milliseconds, advice. They are defaults for alarms, far above what
/// this library needs.
const DEFAULTS: [(&str, f64, &str); 4] = [
    ("signal_propagation_time_ms", 50.0, "smaller payloads, a smaller history, metrics off"),
    ("routing_decision_time_ms", 2.0, "fewer rules, fewer routers, a smaller state, the cache"),
    ("context_distribution_per_agent_ms", 100.0, "less shared content, batches of 10 to 20, templates"),
    (
        "dependency_resolution_time_ms",
        1_000.0,
        "intervals of probes, marking ahead, more slots for probes; do all agents signal?",
    ),
];

impl Slo {
    /// The threshold that comes with a name.
    pub(super) fn default_of(name: &str, metric: SeriesId) -> Option<Self> {
        let (_, bound, advice) = DEFAULTS.iter().find(|(of, ..)| *of == name)?;
        Some(Self { metric, stat: Stat::Mean, bound: *bound, level: Level::Warning, advice })
    }

    pub(super) fn check(&self, reading: &Reading) -> Result<(), MetricError> {
        let figure = self.stat.of(reading, 1.0);
        if self.bound.is_finite() && figure.is_some() { Ok(()) } else { Err(MetricError::SloInvalid) }
    }
}

/// Whether thresholds are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Health {
    /// All are.
    Operational,
    /// One of [`Level::Warning`] is not.
    Degraded,
    /// One of [`Level::Critical`] is not.
    Critical,
}

impl From<Level> for Health {
    fn from(level: Level) -> Self {
        match level {
            Level::Warning => Self::Degraded,
            Level::Critical => Self::Critical,
        }
    }
}

/// A threshold that is passed. Displayed as a line of symptom, diagnosis and advice.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Violation {
    /// The series' name.
    pub name: Arc<str>,
    /// The threshold.
    pub slo: Slo,
    /// The figure, in the unit of the bound.
    pub value: f64,
    /// All of the series.
    pub reading: Reading,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Slo { stat, bound, advice, .. } = self.slo;
        write!(f, "{}: {stat:?} {:.3} is above {bound}", self.name, self.value)?;
        if let Reading::Histogram(Summary { count, max, .. }) = self.reading {
            write!(f, " ({count} values, the greatest {max} ns)")?;
        }
        write!(f, "; advice: {advice}")
    }
}
