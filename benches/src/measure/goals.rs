//! What ringway is to reach, beside what it reached. A goal judges nothing but its figure: the run passes when every
//! message was verified.

use serde_json::{Value, json};

/// A ratio this near to 1 counts as 1: the machine makes as much of a difference.
const TIE: f64 = 0.1;

/// Least ratios of throughput to the best peer: workload, the contender that is to reach it, ratio.
pub(super) const THROUGHPUT: [(&str, &str, f64); 38] = [
    ("spsc 1/1 batch 8 B", "ringway", 1.3),
    ("spsc 1/1 batch 64 B", "ringway", 1.25),
    ("spsc 1/1 batch 256 B", "ringway", 1.2),
    ("spsc-64k 1/1 batch 8 B", "ringway", 1.0),
    ("spsc 1/1 one 8 B", "ringway", 1.0),
    ("spsc 1/1 one 64 B", "ringway", 1.0),
    ("spsc 1/1 one 256 B", "ringway", 1.0),
    ("spsc 1/1 one 8 B", "ringway streaming", 1.05),
    ("spsc 1/1 one 64 B", "ringway streaming", 1.4),
    ("spsc 1/1 one 256 B", "ringway streaming", 1.05),
    ("spsc 1/1 mixed 8 B", "ringway", 1.0),
    ("spsc 1/1 mixed 64 B", "ringway", 1.0),
    ("spsc 1/1 mixed 8 B", "ringway streaming", 1.25),
    ("spsc 1/1 mixed 64 B", "ringway streaming", 1.5),
    ("mpsc 2/1 batch 8 B", "ringway", 1.6),
    ("mpsc 4/1 batch 8 B", "ringway", 1.5),
    ("mpsc 2/1 batch 64 B", "ringway", 1.2),
    ("mpsc 4/1 batch 64 B", "ringway", 1.2),
    ("mpsc 2/1 one 8 B", "ringway", 1.0),
    ("mpsc 4/1 one 8 B", "ringway", 1.0),
    ("mpsc 2/1 mixed 8 B", "ringway", 1.0),
    ("mpsc 4/1 mixed 8 B", "ringway", 1.0),
    ("mpmc 1/1 batch 8 B", "ringway", 1.7),
    ("mpmc 2/2 batch 8 B", "ringway", 1.5),
    ("mpmc 4/4 batch 8 B", "ringway", 2.5),
    ("mpmc 1/1 batch 64 B", "ringway", 1.2),
    ("mpmc 2/2 batch 64 B", "ringway", 1.0),
    ("mpmc 4/4 batch 64 B", "ringway", 1.5),
    ("mpmc 1/1 one 8 B", "ringway", 1.3),
    ("mpmc 2/2 one 8 B", "ringway", 1.2),
    ("mpmc 4/4 one 8 B", "ringway", 1.0),
    ("mpmc 2/2 mixed 8 B", "ringway", 1.0),
    ("broadcast 1/2 batch 8 B", "ringway", 1.2),
    ("broadcast 1/4 batch 8 B", "ringway", 1.2),
    ("broadcast 1/2 batch 64 B", "ringway", 1.05),
    ("broadcast 1/4 batch 64 B", "ringway", 1.05),
    ("broadcast 1/2 one 8 B", "ringway", 1.0),
    ("broadcast 1/4 one 8 B", "ringway", 1.0),
];

/// Greatest latencies, by workload, contender and percentile.
pub(super) const LATENCY: [(&str, &str, &str, Limit); 9] = [
    ("ping-pong", "ringway, polled", "p50", Limit::BestAnd(10)),
    ("ping-pong", "ringway, polled", "p99", Limit::BestAnd(10)),
    ("open loop 0.1 M/s", "ringway", "p50", Limit::BestBy(1.1)),
    ("open loop 0.1 M/s", "ringway", "p95", Limit::BestBy(1.2)),
    ("open loop 1 M/s", "ringway", "p50", Limit::BestBy(1.1)),
    ("open loop 1 M/s", "ringway", "p95", Limit::BestBy(1.2)),
    ("open loop 5 M/s", "ringway", "p50", Limit::BestBy(1.1)),
    ("open loop 5 M/s", "ringway", "p95", Limit::BestBy(1.2)),
    ("100 agents", "ringway bus", "p99", Limit::Of("crossbeam ArrayQueue", 1.2)),
];

#[derive(Clone, Copy, Debug)]
pub(super) enum Limit {
    /// The best peer's and so many ns: a step of the clock.
    BestAnd(u64),
    /// The best peer's, so many times.
    BestBy(f64),
    /// One peer's, so many times.
    Of(&'static str, f64),
}

impl Limit {
    /// In ns, from the peers' latencies; nothing if they did not take part.
    pub(super) fn ns(self, peers: &[(&str, u64)]) -> Option<u64> {
        let by = |ns: u64, factor: f64| (ns as f64 * factor) as u64;
        let best = peers.iter().map(|&(_, ns)| ns).min();
        match self {
            Self::BestAnd(step) => best.map(|best| best + step),
            Self::BestBy(factor) => best.map(|best| by(best, factor)),
            Self::Of(name, factor) => peers.iter().find(|peer| peer.0 == name).map(|peer| by(peer.1, factor)),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// As good as 1, and 1 was the goal.
    Tie,
    Miss,
}

impl Verdict {
    pub(super) fn of_ratio(ratio: f64, goal: f64) -> Self {
        match () {
            () if ratio >= goal => Self::Pass,
            () if goal <= 1.0 && ratio >= 1.0 - TIE => Self::Tie,
            () => Self::Miss,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Tie => "tie",
            Self::Miss => "MISS",
        }
    }
}

/// A goal that was measured.
#[derive(Debug)]
pub(super) struct Judged {
    /// What was measured of whom.
    pub(super) what: String,
    /// The figure and its goal, as people read them.
    pub(super) figures: String,
    pub(super) verdict: Verdict,
}

/// Nothing where no goal was measured.
pub(super) fn summary(judged: &[Judged]) -> String {
    if judged.is_empty() {
        return String::new();
    }
    let count = |verdict| judged.iter().filter(|one| one.verdict == verdict).count();
    let missed = judged.iter().filter(|one| one.verdict == Verdict::Miss);
    let met = judged.len() - count(Verdict::Miss);
    let mut text = format!("\n{met} of {} goals met, {} of them as ties", judged.len(), count(Verdict::Tie));
    missed.for_each(|one| text.push_str(&format!("\nmissed: {}: {}", one.what, one.figures)));
    text
}

pub(super) fn json(judged: &[Judged]) -> Value {
    let all: Vec<_> = judged
        .iter()
        .map(|one| json!({ "what": one.what, "figures": one.figures, "verdict": one.verdict.name().to_lowercase() }))
        .collect();
    let met = judged.iter().filter(|one| one.verdict != Verdict::Miss).count();
    json!({ "met": met, "of": judged.len(), "all": all })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::workload;

    #[test]
    fn ratios_near_one_are_ties() {
        assert_eq!(Verdict::of_ratio(1.31, 1.3), Verdict::Pass);
        assert_eq!(Verdict::of_ratio(1.29, 1.3), Verdict::Miss);
        assert_eq!(Verdict::of_ratio(0.91, 1.0), Verdict::Tie);
        assert_eq!(Verdict::of_ratio(0.89, 1.0), Verdict::Miss);
        assert_eq!(Verdict::of_ratio(0.95, 1.05), Verdict::Miss);
        assert_eq!(Verdict::of_ratio(f64::NAN, 1.0), Verdict::Miss);
    }

    #[test]
    fn every_goal_has_its_workload() {
        let names: Vec<_> = workload::all().iter().filter(|w| w.is_usual()).map(ToString::to_string).collect();
        for (workload, ..) in THROUGHPUT {
            assert!(names.iter().any(|name| name == workload), "{workload}");
        }
    }

    #[test]
    fn limits_are_the_peers() {
        let peers = [("rtrb", 200), ("crossbeam ArrayQueue", 400)];
        assert_eq!(Limit::BestAnd(10).ns(&peers), Some(210));
        assert_eq!(Limit::BestBy(1.1).ns(&peers), Some(220));
        assert_eq!(Limit::Of("crossbeam ArrayQueue", 1.2).ns(&peers), Some(480));
        assert_eq!(Limit::Of("bus", 1.2).ns(&peers), None);
    }
}
