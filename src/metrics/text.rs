//! How series are written.

use super::histogram::Summary;
use super::registry::{Reading, SeriesReading, Tags};
use core::fmt;
use core::fmt::Write;

/// Whether it may be the name of a series, or the key of a tag.
pub(super) fn is_name(name: &str) -> bool {
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(of_a_name) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Nanoseconds in the unit of the series. Divided by, because it is exact and its inverse is not.
pub(super) fn unit(name: &str) -> f64 {
    if name.ends_with("_ms") { 1e6 } else { 1.0 }
}

/// Tags as they are written, without their braces.
pub(super) fn tags(tags: Tags<'_>) -> String {
    let mut text = String::new();
    for (key, value) in tags {
        let separator = if text.is_empty() { "" } else { "," };
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        // A string refuses nothing.
        let _ = write!(text, "{separator}{key}=\"{value}\"");
    }
    text
}

/// The text format of Prometheus; sorts the series, since those of one name have to stand together.
pub(super) fn prometheus(series: &mut [SeriesReading], out: &mut dyn Write) -> fmt::Result {
    series.sort_by(|a, b| a.name.cmp(&b.name));
    let mut last = "";
    for SeriesReading { name, tags, reading, .. } in &*series {
        if last != &**name {
            let kind = match reading {
                Reading::Counter(_) => "counter",
                Reading::Gauge(_) | Reading::Rate(_) => "gauge",
                Reading::Histogram(_) => "summary",
            };
            writeln!(out, "# TYPE {name} {kind}")?;
            last = name;
        }
        match reading {
            Reading::Counter(count) => line(out, name, "", tags, "", count)?,
            Reading::Gauge(level) => line(out, name, "", tags, "", level)?,
            Reading::Rate(percent) => line(out, name, "", tags, "", percent)?,
            Reading::Histogram(summary) => write_summary(out, name, tags, summary)?,
        }
    }
    Ok(())
}

fn write_summary(out: &mut dyn Write, name: &str, tags: &str, summary: &Summary) -> fmt::Result {
    let Summary { p50, p90, p95, p99, p999, .. } = *summary;
    let unit = unit(name);
    for (quantile, ns) in [("0.5", p50), ("0.9", p90), ("0.95", p95), ("0.99", p99), ("0.999", p999)] {
        line(out, name, "", tags, quantile, &(ns as f64 / unit))?;
    }
    line(out, name, "_sum", tags, "", &(summary.sum as f64 / unit))?;
    line(out, name, "_count", tags, "", &summary.count)
}

fn line(
    out: &mut dyn Write,
    name: &str,
    suffix: &str,
    tags: &str,
    quantile: &str,
    value: &dyn fmt::Display,
) -> fmt::Result {
    write!(out, "{name}{suffix}")?;
    match (tags, quantile) {
        ("", "") => {}
        (tags, "") => write!(out, "{{{tags}}}")?,
        ("", quantile) => write!(out, "{{quantile=\"{quantile}\"}}")?,
        (tags, quantile) => write!(out, "{{{tags},quantile=\"{quantile}\"}}")?,
    }
    writeln!(out, " {value}")
}
