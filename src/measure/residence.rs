//! How long messages wait in an inbox.

use core::time::Duration;
use hdrhistogram::Histogram;

/// Anything longer is counted as this long.
const LONGEST: Duration = Duration::from_secs(3600);

/// Sampled waiting times, from before the publication to the call of the handler. Fixed memory (about 40 KiB).
pub(crate) struct Residence(Histogram<u64>);

impl Residence {
    pub(crate) fn new() -> Self {
        super::clock::calibrate();
        // Two digits: an error of at most 1 %. Bounds that are constants cannot be refused.
        let histogram = Histogram::new_with_bounds(1, LONGEST.as_nanos() as u64, 2);
        Self(histogram.expect("constant bounds"))
    }

    pub(crate) fn record(&mut self, waited: Duration) {
        self.0.saturating_record(u64::try_from(waited.as_nanos()).unwrap_or(u64::MAX).max(1));
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        // Same bounds, so it cannot fail.
        self.0.add(&other.0).expect("same bounds");
    }

    pub(crate) fn percentiles(&self) -> Percentiles {
        let at = |percentile| Duration::from_nanos(self.0.value_at_quantile(percentile));
        Percentiles {
            samples: self.0.len(),
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
            p999: at(0.999),
            max: Duration::from_nanos(self.0.max()),
        }
    }
}

/// Percentiles of a sampled duration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Percentiles {
    /// How many samples they are made of. Without any, the rest is zero.
    pub samples: u64,
    /// Half of the samples were at most this long.
    pub p50: Duration,
    /// 95 % were.
    pub p95: Duration,
    /// 99 % were.
    pub p99: Duration,
    /// 99.9 % were.
    pub p999: Duration,
    /// The longest.
    pub max: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_of_what_was_recorded() {
        let mut residence = Residence::new();
        (1..=1000).for_each(|us| residence.record(Duration::from_micros(us)));
        residence.record(Duration::MAX);
        let mut merged = Residence::new();
        merged.merge(&residence);
        let percentiles = merged.percentiles();
        assert_eq!(percentiles.samples, 1001);
        assert!(percentiles.p50.abs_diff(Duration::from_micros(500)) <= Duration::from_micros(5));
        assert!(percentiles.max >= LONGEST);
    }
}
