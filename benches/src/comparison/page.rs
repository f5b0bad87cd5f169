//! The page: the outcome first, then where it comes from, then every figure.

use super::figures::{Common, Figures, Latency, Outcome, Quantiles, Role, Throughput};
use crate::html::{self, Series, escape};
use crate::stats::human;
use std::fmt::Write;

/// Lines that are drawn of one workload's latencies, beside ringway's own and the ceilings.
const PEERS_DRAWN: usize = 3;

const OURS: [&str; 4] = ["#1f5fa8", "#4f9bd9", "#0b2f5b", "#8fc1e8"];
const PEERS: [&str; PEERS_DRAWN] = ["#c2571a", "#8a6d1c", "#a83279"];
const CEILINGS: [&str; 2] = ["#777777", "#bbbbbb"];

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:1020px;margin:2em auto;padding:0 1em;color:#222}\
table{border-collapse:collapse;margin:.5em 0 1em}td,th{padding:.2em .7em;border-bottom:1px solid #ddd;text-align:right}\
td:first-child,th:first-child{text-align:left}.verdict{font-size:1.2em;font-weight:600}svg{max-width:100%;height:auto}\
h3{margin:1.6em 0 .2em}.note{color:#555;font-size:.9em;margin:.1em 0 .4em}\
.bars{display:grid;grid-template-columns:15em 1fr;gap:2px 8px;align-items:center;font-size:.92em}\
.bars span{text-align:right}.track{position:relative;white-space:nowrap}\
.bar{display:inline-block;height:1em;vertical-align:middle;min-width:2px;margin-right:6px}\
.ringway{background:#1f5fa8}.peer{background:#c9a98f}.ceiling{background:repeating-linear-gradient(45deg,#ccc 0 4px,#eee 4px 8px)}\
.ours{font-weight:600}.ahead,.reached{color:#17692b}.tie{color:#555}.behind,.missed,.failure{color:#a11a1a;font-weight:600}\
summary{cursor:pointer;font-size:1.1em;font-weight:600;margin-top:1em}";

pub(super) fn render(figures: &Figures) -> Result<String, String> {
    let title = "ringway beside its peers";
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{title}</title><style>{STYLE}</style><h1>{title}</h1>"
    );
    outcome(&mut page, figures);
    origin(&mut page, figures);
    goals(&mut page, &figures.goals);
    if !figures.throughput.is_empty() {
        overview(&mut page, &figures.throughput);
        bars(&mut page, &figures.throughput);
    }
    if !figures.latency.is_empty() {
        page.push_str("<h2>How long a message takes</h2><p>Medians over the rounds of each round's percentiles. Less is better.</p>");
        for workload in &figures.latency {
            latency(&mut page, workload)?;
        }
    }
    page.push_str("</html>\n");
    Ok(page)
}

fn outcome(page: &mut String, figures: &Figures) {
    let [ahead, tie, behind] = figures.outcomes();
    if ahead + tie + behind > 0 {
        let _ = write!(
            page,
            "<p class=\"verdict\">Against the best peer of each workload: <span class=\"ahead\">ahead in {ahead}</span>, \
             as good in {tie}, <span class=\"behind\">behind in {behind}</span>.</p>\
             <p>Counted are the types as they come; variants stand beside them, but the better of two is not counted. \
             The best peer is another one from row to row. Within 10 % of 1.0 nobody is ahead.</p>"
        );
    }
    for failure in &figures.failures {
        let _ = write!(page, "<p class=\"failure\">Failed: {}</p>", escape(failure));
    }
}

fn origin(page: &mut String, figures: &Figures) {
    page.push_str("<h2>Where these figures come from</h2>");
    let mut told: Vec<&Vec<(String, String)>> = figures.runs.iter().map(|run| &run.machine).collect();
    told.dedup();
    for machine in told {
        page.push_str("<table>");
        for (name, value) in machine {
            let _ = write!(page, "<tr><td>{}</td><td>{}</td></tr>", escape(name), escape(value));
        }
        page.push_str("</table>");
    }
    let verified: u64 = figures.runs.iter().map(|run| run.verified).sum();
    let (rounds, millis) = figures.runs.first().map_or((0, 0), |run| (run.rounds, run.millis));
    let _ = write!(
        page,
        "<p>Threads that are pinned to cores send and receive the same messages through each contender, for {millis} ms at a \
         time. Contenders take turns in one process, {rounds} times, so that what the machine does meanwhile happens to all \
         of them, and figures are medians over these rounds. Every message is verified: one that was lost, doubled, torn or out \
         of order fails the run; {verified} were sent. Around each turn the time is taken that a cache line needs from one core \
         to the other and back, and rounds in which that took more than 250 ns (far rounds) are left out, unless most were so. \
         Figures of one machine say little about another: read the ratios.</p>\
         <p><i>one</i>: one message at a time on both sides. <i>batch</i>: bursts of 256 sent and taken by each contender's best call \
         for many. <i>mixed</i>: sent one at a time, taken by the batch. <i>4/1</i>: four producers, one consumer.</p>"
    );
}

fn goals(page: &mut String, goals: &[[String; 3]]) {
    if goals.is_empty() {
        return;
    }
    let missed = goals.iter().filter(|[.., verdict]| verdict == "miss").count();
    let _ = write!(
        page,
        "<details><summary>Goals: {} of {} met, {missed} missed</summary><table>",
        goals.len() - missed,
        goals.len()
    );
    for [what, figures, verdict] in goals {
        let class = match verdict.as_str() {
            "miss" => "missed",
            "tie" => "tie",
            _ => "reached",
        };
        let _ = write!(
            page,
            "<tr><td>{}</td><td>{}</td><td class=\"{class}\">{}</td></tr>",
            escape(what),
            escape(figures),
            escape(verdict)
        );
    }
    page.push_str("</table></details>");
}

fn overview(page: &mut String, workloads: &[Throughput]) {
    page.push_str(
        "<h2>Messages a second</h2><table><tr><th>workload</th><th>ringway</th><th>best peer</th><th></th><th>ratio</th><th></th>\
         <th>goal</th></tr>",
    );
    for workload in workloads {
        let Some(ours) = workload.ours() else { continue };
        let _ = write!(page, "<tr><td>{}</td><td>{}</td>", escape(&workload.common.name), rate(ours.median));
        match workload.best_peer() {
            Some(peer) => {
                let outcome = Outcome::of(ours.ratio).name();
                let _ = write!(
                    page,
                    "<td>{}</td><td>{}</td><td class=\"{outcome}\">{:.2}</td><td class=\"{outcome}\">{outcome}</td>",
                    escape(&peer.name),
                    rate(peer.median),
                    ours.ratio
                );
            }
            None => page.push_str("<td>none</td><td></td><td></td><td></td>"),
        }
        let _ = write!(page, "<td>{}</td></tr>", goal(ours.goal, ours.reaches_goal()));
    }
    page.push_str("</table>");
}

fn goal(goal: Option<f64>, reached: Option<bool>) -> String {
    match (goal, reached) {
        (Some(goal), Some(true)) => format!("<span class=\"reached\">{goal:.2} reached</span>"),
        (Some(goal), _) => format!("<span class=\"missed\">{goal:.2} missed</span>"),
        _ => String::new(),
    }
}

/// All contenders of all workloads, in a fold for each kind of ring.
fn bars(page: &mut String, workloads: &[Throughput]) {
    page.push_str(
        "<p>Blue: ringway. Brown: peers. Hatched: ceilings, which are no rings but what the machine can do at most. Behind \
         each bar: the median rate, and its ratio to the best peer's.</p>",
    );
    for of_a_kind in workloads.chunk_by(|a, b| kind(&a.common) == kind(&b.common)) {
        let _ = write!(page, "<details open><summary>{}</summary>", escape(kind(&of_a_kind[0].common)));
        for workload in of_a_kind {
            let _ = write!(page, "<h3>{}</h3>", escape(&workload.common.name));
            let standard = format!("Ratios to {}. {}", escape(&workload.ratio_to), rounds(&workload.common));
            let _ = write!(page, "<p class=\"note\">{standard}</p><div class=\"bars\">");
            let longest = workload.contenders.first().map_or(1.0, |first| first.median);
            for one in &workload.contenders {
                let (class, bold) = role(one.role);
                let _ = write!(
                    page,
                    "<span{bold}>{}</span><div class=\"track\" title=\"p90: {}\"><i class=\"bar {class}\" style=\"width:{:.1}%\"></i>{} \
                     &middot; {:.2} {}</div>",
                    escape(&one.name),
                    rate(one.p90),
                    one.median / longest * 70.0,
                    rate(one.median),
                    one.ratio,
                    goal(one.goal, one.reaches_goal())
                );
            }
            page.push_str("</div>");
        }
        page.push_str("</details>");
    }
}

fn kind(common: &Common) -> &str {
    common.name.split_whitespace().next().unwrap_or("")
}

fn role(role: Role) -> (&'static str, &'static str) {
    match role {
        Role::Ringway => ("ringway", " class=\"ours\""),
        Role::Peer => ("peer", ""),
        Role::Ceiling => ("ceiling", ""),
    }
}

fn rounds(common: &Common) -> String {
    format!(
        "{} rounds, {} of them far; a cache line there and back: {:.0} ns.",
        common.rounds, common.far_rounds, common.line_ns
    )
}

fn rate(per_second: f64) -> String {
    format!("{:.1} M/s", per_second / 1e6)
}

fn latency(page: &mut String, workload: &Latency) -> Result<(), String> {
    let _ = write!(
        page,
        "<h3>{}</h3><p class=\"note\">{}</p><table><tr><th></th><th>p50</th><th>p95</th><th>p99</th><th>p99.9</th>\
         <th>p50 and p99 to the best peer's</th></tr>",
        escape(&workload.common.name),
        rounds(&workload.common)
    );
    let colours = colours(workload);
    for (one, colour) in workload.contenders.iter().zip(&colours) {
        let square = colour.map_or(String::new(), |colour| format!("<span style=\"color:{colour}\">&#9632;</span> "));
        let _ = write!(page, "<tr><td{}>{square}{}</td>", role(one.role).1, escape(&one.name));
        one.ns.iter().for_each(|&ns| _ = write!(page, "<td>{}</td>", human(ns)));
        let ratio = |quantile: usize| Some(one.ns[quantile] as f64 / workload.best_peer(quantile)? as f64);
        match ratio(0).zip(ratio(2)).filter(|_| one.role != Role::Ceiling) {
            Some((p50, p99)) => _ = write!(page, "<td>{p50:.2} / {p99:.2}</td></tr>"),
            None => page.push_str("<td></td></tr>"),
        }
    }
    page.push_str("</table>");
    let drawn: Vec<_> = workload
        .contenders
        .iter()
        .zip(colours)
        .filter_map(|(one, colour)| Some(Series::from_points(&one.name, colour?, points(one))))
        .collect();
    page.push_str(&html::plot(&drawn).map_err(|error| format!("cannot draw: {error}"))?);
    Ok(())
}

/// 1 / (1 - quantile), microseconds.
fn points(one: &Quantiles) -> Vec<(f64, f64)> {
    [2.0, 20.0, 100.0, 1000.0].into_iter().zip(one.ns.map(|ns| (ns as f64 / 1e3).max(0.01))).collect()
}

/// One for each contender that is drawn: ringway, the ceilings, and the best of the peers.
fn colours(workload: &Latency) -> Vec<Option<&'static str>> {
    let mut left = [OURS.iter(), PEERS.iter(), CEILINGS.iter()];
    let mut next = |role| left[role as usize].next().copied();
    workload.contenders.iter().map(|one| next(one.role)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::figures::tests::example;

    #[test]
    fn a_page_tells_losses_as_it_tells_wins() {
        let page = render(&example()).unwrap();
        for says in [
            "ahead in 1</span>, as good in 1, <span class=\"behind\">behind in 1",
            "<td class=\"behind\">0.50</td><td class=\"behind\">behind</td>",
            "<td class=\"ahead\">1.50</td>",
            "1.30 missed",
            "1.30 reached",
            "Failed: spsc: a message was lost",
            "other &lt;ring&gt;",
            "a processor",
            "25 rounds, 3 of them far; a cache line there and back: 99 ns",
            "1.07 / 1.07",
            "Goals: 0 of 1 met, 1 missed",
            "<td class=\"missed\">miss</td>",
            "<svg",
        ] {
            assert!(page.contains(says), "{says}: {page}");
        }
        assert!(!page.contains("<ring>") && !page.contains("src=") && !page.contains("href="), "it needs nothing else");
    }

    #[test]
    fn a_page_without_peers_has_no_outcome() {
        let mut figures = example();
        figures.throughput.iter_mut().for_each(|one| one.contenders.retain(|one| one.role != Role::Peer));
        assert!(!render(&figures).unwrap().contains("Against the best peer"));
        render(&Figures::default()).unwrap();
    }
}
