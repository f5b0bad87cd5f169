//! To whatever the application has installed behind the common facade.

use super::export::{ExportError, Exporter, Sample, Sampled};
use super::text::unit;
use ::metrics::{Key, Label, Level, Metadata, with_recorder};

const METADATA: Metadata<'static> = Metadata::new("ringway", Level::INFO, Some("ringway::metrics"));

/// Forwards single samples to the recorder that the application has installed with the `metrics` crate (feature `metrics-facade`):
/// for the exporters that are written for that facade. Rates become gauges; durations are told in the unit of the series' name,
/// milliseconds for `_ms` and nanoseconds otherwise.
///
/// Runs where the registry exports, so whoever records does not meet the recorder.
///
/// ```
/// use ringway::metrics::{FacadeExporter, Registry};
/// let registry = Registry::builder().build();
/// registry.export(Box::new(FacadeExporter::new()));
/// registry.start()?;
/// registry.counter("sent", &[("kind", "late")])?.add(1);
/// assert_eq!(registry.stop().written, 1); // to no recorder at all, if none is installed
/// # Ok::<(), ringway::metrics::MetricError>(())
/// ```
#[derive(Debug, Default)]
pub struct FacadeExporter(());

impl FacadeExporter {
    /// An exporter to whichever recorder is installed when it writes.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Exporter for FacadeExporter {
    fn write(&mut self, batch: &[Sample]) -> Result<(), ExportError> {
        batch.iter().for_each(forward);
        Ok(())
    }
}

fn forward(sample: &Sample) {
    let label = |(key, value): &(String, String)| Label::new(key.clone(), value.clone());
    let key = Key::from_parts(sample.name.to_string(), sample.labels.iter().map(label).collect::<Vec<_>>());
    with_recorder(|recorder| match sample.value {
        Sampled::Added(n) => recorder.register_counter(&key, &METADATA).increment(n),
        Sampled::Level(level) => recorder.register_gauge(&key, &METADATA).set(level as f64),
        Sampled::Percent(percent) => recorder.register_gauge(&key, &METADATA).set(percent),
        Sampled::Took(ns) => recorder.register_histogram(&key, &METADATA).record(ns as f64 / unit(&sample.name)),
    });
}
