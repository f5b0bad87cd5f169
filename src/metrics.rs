//! Measuring: counters, gauges, histograms and rates by name, thresholds over them, and where they are written to.
//!
//! A [`Registry`] gives out instruments. Recording is one or a few additions to a cell of the calling thread's own: no lock, no
//! allocation, no waiting. Registering, reading and exporting are for the control plane. An [`Exporter`] gets snapshots of all
//! series, and single samples if it takes them, on a thread that it shares with no one who records. Single events, instead of sums, are the
//! business of [`telemetry`].
//!
//! ```
//! use ringway::metrics::{Health, Reading, Registry};
//!
//! let registry = Registry::builder().build();
//! let sent = registry.counter("signals_sent", &[("kind", "late")])?;
//! let propagation = registry.histogram("signal_propagation_time_ms", &[])?; // in nanoseconds; shown in milliseconds
//! sent.add(3);
//! propagation.record(3_100_000);
//!
//! let mut text = String::new();
//! registry.prometheus(&mut text)?;
//! assert!(text.contains("signals_sent{kind=\"late\"} 3\n"));
//! assert!(text.contains("signal_propagation_time_ms_sum 3.1\n"));
//!
//! assert_eq!(registry.health().0, Health::Operational);
//! propagation.record(200_000_000);
//! let (health, violations) = registry.health(); // on average above 50 ms
//! assert_eq!(health, Health::Degraded);
//! println!("{}", violations[0]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod export;
#[cfg(feature = "metrics-facade")]
mod facade;
mod feed;
mod file;
mod histogram;
mod instruments;
mod registry;
mod slo;
pub mod telemetry;
mod text;

pub use crate::measure::Percentiles;
pub use error::MetricError;
pub use export::{ExportError, ExportHandle, Exporter, FlushReport, Sample, Sampled};
#[cfg(feature = "metrics-facade")]
pub use facade::FacadeExporter;
pub use file::FileExporter;
pub use histogram::Summary;
pub use instruments::{Counter, Gauge, Histogram, Rate, Timer};
pub use registry::{Labels, MetricsSnapshot, Reading, Registry, RegistryBuilder, SeriesId, SeriesReading, Tags};
pub use slo::{Health, Level, Slo, Stat, Violation};
