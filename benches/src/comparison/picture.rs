//! One small picture: the main workloads, as ratios to the best peer.

use super::figures::{Figures, Outcome, Rate, Throughput};
use crate::html::escape;
use std::fmt::Write;

/// What is shown, in this order, as far as it was measured. Fixed, so that nobody chooses by the outcome.
const MAIN: [&str; 10] = [
    "spsc 1/1 one 8 B",
    "spsc 1/1 batch 8 B",
    "spsc 1/1 batch 64 B",
    "mpsc 2/1 one 8 B",
    "mpsc 2/1 batch 8 B",
    "mpsc 4/1 batch 8 B",
    "mpmc 2/2 one 8 B",
    "mpmc 2/2 batch 8 B",
    "mpmc 4/4 batch 8 B",
    "broadcast 1/2 batch 8 B",
];

const WIDTH: f64 = 760.0;
const LEFT: f64 = 190.0;
const SCALE_WIDTH: f64 = 300.0;
const ROW: f64 = 26.0;
const TOP: f64 = 58.0;

pub(super) fn render(figures: &Figures) -> Result<String, String> {
    let named = |name: &&str| figures.throughput.iter().find(|workload| workload.common.name == *name);
    let rows: Vec<_> = MAIN
        .iter()
        .filter_map(named)
        .filter_map(|workload| Some((workload, workload.ours()?, workload.best_peer()?)))
        .collect();
    if rows.is_empty() {
        return Err(format!("nothing to draw: none of the main workloads beside peers ({})", MAIN.join(", ")));
    }
    let most = rows.iter().map(|(_, ours, _)| ours.ratio).fold(1.5, f64::max);
    let (height, x) = (TOP + ROW * rows.len() as f64 + 30.0, |ratio: f64| LEFT + ratio / most * SCALE_WIDTH);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"13\">\
         <title>Messages a second, as ratio to the best peer</title><rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\
         <text x=\"16\" y=\"26\" font-size=\"16\" font-weight=\"bold\" fill=\"#222\">Messages a second, as ratio to the best peer in \
         the same run</text><text x=\"16\" y=\"45\" fill=\"#555\">{}</text>\n",
        escape(&subtitle(figures))
    );
    for (row, (workload, ours, peer)) in rows.iter().enumerate() {
        draw(&mut svg, TOP + ROW * row as f64, workload, ours, peer, &x);
    }
    let (one, bottom) = (x(1.0), TOP + ROW * rows.len() as f64 + 4.0);
    let _ = writeln!(
        svg,
        "<line x1=\"{one:.1}\" y1=\"{TOP}\" x2=\"{one:.1}\" y2=\"{bottom:.1}\" stroke=\"#222\" stroke-dasharray=\"4 3\"/>\
         <text x=\"{one:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#222\">the best peer = 1</text></svg>",
        bottom + 16.0
    );
    Ok(svg)
}

fn subtitle(figures: &Figures) -> String {
    let told = |wanted: &str| {
        let machine = figures.runs.iter().flat_map(|run| &run.machine);
        machine.into_iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    };
    let cores = told("cores").map(|cores| format!("{cores} cores"));
    let parts: Vec<_> = [told("cpu"), cores.as_deref(), told("system")].into_iter().flatten().collect();
    parts.join(", ")
}

fn draw(svg: &mut String, y: f64, workload: &Throughput, ours: &Rate, peer: &Rate, x: &impl Fn(f64) -> f64) {
    let colour = match Outcome::of(ours.ratio) {
        Outcome::Ahead => "#1f5fa8",
        Outcome::Tie => "#8a9bb0",
        Outcome::Behind => "#b5482a",
    };
    let (name, end, middle) = (escape(&workload.common.name), x(ours.ratio), y + 17.0);
    let _ = writeln!(
        svg,
        "<text x=\"{:.1}\" y=\"{middle:.1}\" text-anchor=\"end\" fill=\"#222\">{name}</text>\
         <rect x=\"{LEFT}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>\
         <text x=\"{:.1}\" y=\"{middle:.1}\" fill=\"#222\">{:.2} &#215; {} ({:.0} : {:.0} M/s)</text>",
        LEFT - 8.0,
        y + 4.0,
        end - LEFT,
        ROW - 8.0,
        end.max(x(1.0)) + 8.0,
        ours.ratio,
        escape(&peer.name),
        ours.median / 1e6,
        peer.median / 1e6
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::figures::tests::example;

    #[test]
    fn a_picture_shows_losses_too() {
        let svg = render(&example()).unwrap();
        assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"), "{svg}");
        assert!(svg.contains("0.50 &#215; other &lt;ring&gt; (50 : 100 M/s)") && svg.contains("#b5482a"), "{svg}");
        assert!(svg.contains("a processor, 2 cores"), "{svg}");
        assert!(render(&Figures::default()).unwrap_err().contains("nothing to draw"));
    }
}
