//! The report: one page that needs nothing else, with percentile plots in SVG.

use crate::stats::{QUANTILES, human};
use hdrhistogram::Histogram;
use plotters::prelude::*;
use std::fmt::Write;

/// A latency distribution to be drawn.
#[derive(Debug)]
pub(crate) struct Series {
    name: String,
    colour: String,
    quantiles: Vec<u64>,
    /// 1 / (1 - quantile), microseconds.
    points: Vec<(f64, f64)>,
}

impl Series {
    pub(crate) fn new(name: &str, colour: &str, histogram: &Histogram<u64>) -> Self {
        let points = histogram
            .iter_quantiles(10)
            .filter(|step| step.quantile_iterated_to() < 1.0)
            .map(|step| (1.0 / (1.0 - step.quantile_iterated_to()), (step.value_iterated_to() as f64 / 1e3).max(0.01)))
            .collect();
        let quantiles = QUANTILES.iter().map(|&(.., q)| histogram.value_at_quantile(q)).collect();
        Self { name: name.to_owned(), colour: colour.to_owned(), quantiles, points }
    }

    /// Of which only some points are known, as pairs of 1 / (1 - quantile) and microseconds.
    pub(crate) fn from_points(name: &str, colour: &str, points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), colour: colour.to_owned(), quantiles: Vec::new(), points }
    }
}

/// What stands on the page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) title: String,
    pub(crate) verdict: String,
    pub(crate) explanation: String,
    pub(crate) facts: Vec<String>,
    pub(crate) series: Vec<Series>,
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub(crate) fn render(page: &Page) -> Result<String, String> {
    let title = escape(&page.title);
    let mut html = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><style>\
         body{{font:16px/1.5 system-ui,sans-serif;max-width:960px;margin:2em auto;padding:0 1em;color:#222}}\
         table{{border-collapse:collapse}}td,th{{padding:.3em .8em;border-bottom:1px solid #ddd;text-align:right}}\
         td:first-child,th:first-child{{text-align:left}}.verdict{{font-size:1.2em;font-weight:600}}svg{{max-width:100%;height:auto}}\
         </style><h1>{title}</h1><p class=\"verdict\">{}</p><p>{}</p><table><tr><th>latency</th>",
        escape(&page.verdict),
        escape(&page.explanation)
    );
    for (_, name, _) in QUANTILES {
        let _ = write!(html, "<th>{name}</th>");
    }
    html.push_str("</tr>");
    for series in &page.series {
        let _ = write!(
            html,
            "<tr><td><span style=\"color:{}\">&#9632;</span> {}</td>",
            series.colour,
            escape(&series.name)
        );
        for &ns in &series.quantiles {
            let _ = write!(html, "<td>{}</td>", human(ns));
        }
        html.push_str("</tr>");
    }
    html.push_str("</table><h2>Percentiles</h2><p>To the right, ever rarer messages: 99 of 100, 999 of 1000. Both scales grow tenfold a step.</p>");
    html.push_str(&plot(&page.series).map_err(|error| format!("cannot draw: {error}"))?);
    html.push_str("<h2>Facts</h2><ul>");
    for fact in &page.facts {
        let _ = write!(html, "<li>{}</li>", escape(fact));
    }
    html.push_str("</ul></html>\n");
    Ok(html)
}

pub(crate) fn plot(series: &[Series]) -> Result<String, Box<dyn std::error::Error>> {
    let points = || series.iter().flat_map(|series| &series.points);
    let right = points().map(|&(x, _)| x).fold(100.0, f64::max);
    let (bottom, top) = points().fold((f64::MAX, 1.0_f64), |(bottom, top), &(_, y)| (bottom.min(y), top.max(y)));
    let bottom = if bottom < top { bottom } else { top / 10.0 };
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (960, 480)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .margin(16)
            .x_label_area_size(44)
            .y_label_area_size(76)
            .build_cartesian_2d((1.0..right).log_scale(), (bottom / 1.5..top * 1.5).log_scale())?;
        chart
            .configure_mesh()
            .x_desc("percentile")
            .y_desc("latency")
            .x_label_formatter(&|x| percentile_label(*x))
            .y_label_formatter(&|us| human((us * 1e3) as u64))
            .light_line_style(TRANSPARENT)
            .label_style(("sans-serif", 14))
            .draw()?;
        for series in series {
            let colour = parse_colour(&series.colour);
            chart.draw_series(LineSeries::new(series.points.iter().copied(), colour.stroke_width(2)))?;
        }
        root.present()?;
    }
    Ok(svg)
}

fn percentile_label(x: f64) -> String {
    let percent = 100.0 * (1.0 - 1.0 / x);
    let digits = (x.log10().round() as usize).saturating_sub(2);
    format!("{percent:.digits$}%")
}

/// `#rrggbb`; black for anything else.
fn parse_colour(text: &str) -> RGBColor {
    let part = |at: usize| text.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(0);
    RGBColor(part(1), part(3), part(5))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::histogram;

    #[test]
    fn a_page_holds_the_plot_and_the_table() {
        let mut values = histogram();
        (1..=10_000).for_each(|n| values.saturating_record(n * 100));
        let page = Page {
            title: "a <title>".to_owned(),
            verdict: "pass".to_owned(),
            explanation: "x".to_owned(),
            facts: vec!["fact".to_owned()],
            series: vec![Series::new("due", "#1f5fa8", &values), Series::new("empty", "#999999", &histogram())],
        };
        let html = render(&page).unwrap();
        assert!(html.contains("<svg") && html.contains("99.9%") && html.contains("a &lt;title&gt;"));
        assert!(html.contains("#1F5FA8"), "the line is drawn in its colour");
    }
}
