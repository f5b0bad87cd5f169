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

/// A threshold that comes with the name of a series.
struct Issue {
    name: &'static str,
    /// In milliseconds, for the average. Defaults for alarms, far above what this library needs.
    bound: f64,
    symptom: &'static str,
    /// Series that show where it comes from, as far as they are there.
    causes: &'static [&'static str],
    advice: &'static str,
}

const ISSUES: [Issue; 4] = [
    Issue {
        name: "signal_propagation_time_ms",
        bound: 50.0,
        symptom: "signals arrive late",
        causes: &["signal_payload_bytes", "signal_history_len", "signals_lagged"],
        advice: "smaller payloads, a smaller history, metrics off",
    },
    Issue {
        name: "routing_decision_time_ms",
        bound: 2.0,
        symptom: "decisions take long",
        causes: &["routing_routers", "routing_rules", "route_cache_misses"],
        advice: "fewer rules, fewer routers, a smaller state, the cache",
    },
    Issue {
        name: "context_distribution_per_agent_ms",
        bound: 100.0,
        symptom: "contexts are distributed slowly",
        causes: &["context_size_bytes", "contexts_live", "context_cold_allocs"],
        advice: "less shared content, batches of 10 to 20, templates",
    },
    Issue {
        name: "dependency_resolution_time_ms",
        bound: 1_000.0,
        symptom: "dependencies are met late",
        causes: &["dependencies_pending", "dependency_timeouts", "probes_run", "dependency_wake_ns"],
        advice: "intervals of probes, marking ahead, more slots for probes; do all agents signal?",
    },
];

fn issue(name: &str) -> Option<&'static Issue> {
    ISSUES.iter().find(|issue| issue.name == name)
}

/// The series that show why one of this name is too high.
pub(super) fn causes(name: &str) -> &'static [&'static str] {
    issue(name).map_or(&[], |issue| issue.causes)
}

impl Slo {
    /// The threshold that comes with a name.
    pub(super) fn default_of(name: &str, metric: SeriesId) -> Option<Self> {
        let Issue { bound, advice, .. } = *issue(name)?;
        Some(Self { metric, stat: Stat::Mean, bound, level: Level::Warning, advice })
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
///
/// ```
/// use ringway::metrics::Registry;
/// let registry = Registry::builder().build();
/// registry.gauge("dependencies_pending", &[])?.set(3);
/// registry.histogram("dependency_resolution_time_ms", &[])?.record(2_000_000_000);
/// let (_, violations) = registry.health();
/// let line = violations[0].to_string();
/// assert!(line.starts_with("dependencies are met late: dependency_resolution_time_ms, mean 2000.000 above 1000;"));
/// assert!(line.contains("dependencies_pending 3;") && line.contains("advice: intervals of probes"));
/// # Ok::<(), ringway::metrics::MetricError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Violation {
    /// The series' name.
    pub name: Arc<str>,
    /// Its tags, as they are written: `key="value",key="value"`.
    pub tags: Arc<str>,
    /// The threshold.
    pub slo: Slo,
    /// The figure, in the unit of the bound.
    pub value: f64,
    /// All of the series.
    pub reading: Reading,
    /// What series say that show where it may come from: those of them that the registry has.
    pub causes: Vec<(Arc<str>, Reading)>,
}

/// A reading in some words.
struct InWords<'a>(&'a Reading);

impl fmt::Display for InWords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reading::Counter(count) => count.fmt(f),
            Reading::Gauge(level) => level.fmt(f),
            Reading::Rate(percent) => write!(f, "{percent} %"),
            Reading::Histogram(summary) => write!(f, "mean {:.0}, max {}", summary.mean(), summary.max),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Slo { stat, bound, advice, .. } = self.slo;
        let symptom = issue(&self.name).map_or("a threshold is passed", |issue| issue.symptom);
        let stat = match stat {
            Stat::Value => "value",
            Stat::Mean => "mean",
            Stat::P50 => "p50",
            Stat::P95 => "p95",
            Stat::P99 => "p99",
            Stat::Max => "max",
        };
        let Self { name, tags, value, .. } = self;
        write!(f, "{symptom}: {name}")?;
        if !tags.is_empty() {
            write!(f, "{{{tags}}}")?;
        }
        write!(f, ", {stat} {value:.3} above {bound}; diagnosis: ")?;
        match &self.reading {
            Reading::Histogram(Summary { count, max, .. }) => write!(f, "{count} values, max {max} ns")?,
            reading => write!(f, "{}", InWords(reading))?,
        }
        for (name, reading) in &self.causes {
            write!(f, ", {name} {}", InWords(reading))?;
        }
        write!(f, "; advice: {advice}")
    }
}
