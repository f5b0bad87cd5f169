//! Histograms, their percentiles, and the forms in which they are shown.

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// One minute; anything longer is counted as this long.
const LONGEST_NS: u64 = 60_000_000_000;

/// A histogram of nanoseconds: three digits, fixed memory.
pub(crate) fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST_NS, 3).expect("constant bounds are valid")
}

/// The quantiles that are reported, with their names in JSON and for people.
pub(crate) const QUANTILES: [(&str, &str, f64); 5] =
    [("p50", "p50", 0.5), ("p95", "p95", 0.95), ("p99", "p99", 0.99), ("p999", "p99.9", 0.999), ("max", "max", 1.0)];

pub(crate) fn to_json(histogram: &Histogram<u64>) -> Value {
    QUANTILES
        .iter()
        .map(|&(name, _, q)| (name.to_owned(), json!(histogram.value_at_quantile(q))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// A duration as a person reads it.
pub(crate) fn human(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.2} ms", ns as f64 / 1e6),
        _ => format!("{:.2} s", ns as f64 / 1e9),
    }
}

/// The percentile distribution in the text form that HdrHistogram's plotter reads, in microseconds.
pub(crate) fn hgrm(histogram: &Histogram<u64>) -> String {
    const NS_PER_US: f64 = 1e3;
    let mut text = String::from("       Value     Percentile TotalCount 1/(1-Percentile)\n\n");
    let mut total = 0;
    for step in histogram.iter_quantiles(5) {
        total += step.count_since_last_iteration();
        let (value, quantile) = (step.value_iterated_to() as f64 / NS_PER_US, step.quantile_iterated_to());
        let line = if quantile < 1.0 {
            format!("{value:12.3} {quantile:2.12} {total:10} {:14.2}\n", 1.0 / (1.0 - quantile))
        } else {
            format!("{value:12.3} {quantile:2.12} {total:10}\n")
        };
        text.push_str(&line);
    }
    text.push_str(&format!(
        "#[Mean    = {:12.3}, StdDeviation   = {:12.3}]\n#[Max     = {:12.3}, Total count    = {:12}]\n#[Buckets = {:12}, SubBuckets     = {:12}]\n",
        histogram.mean() / NS_PER_US,
        histogram.stdev() / NS_PER_US,
        histogram.max() as f64 / NS_PER_US,
        histogram.len(),
        histogram.buckets(),
        2048,
    ));
    text
}

pub(crate) fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => (values[n / 2 - 1] + values[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_median_and_text() {
        let mut values = histogram();
        (1..=1000).for_each(|us| values.saturating_record(us * 1000));
        let json = to_json(&values);
        assert!(json["p50"].as_u64().unwrap().abs_diff(500_000) < 1_000);
        assert!(json["max"].as_u64().unwrap() >= 1_000_000);
        assert!(hgrm(&values).lines().count() > 10);
        assert_eq!(median(&mut [3.0, 1.0, 2.0]), 2.0);
        assert_eq!(human(1_500), "1.5 us");
    }
}
