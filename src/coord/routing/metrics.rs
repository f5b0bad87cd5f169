//! A set's figures as series of a registry.

use super::set::RouterSet;
use super::stats::RouteStats;
use super::types::{Decision, Strategy};
use crate::ids::RuleId;
use crate::metrics::{Counter, Gauge, MetricError, Registry};

/// Strategies as they are told apart in series, with their names.
const STRATEGIES: [(Strategy, &str); 5] = [
    (Strategy::Conditional, "conditional"),
    (Strategy::StateAnalysis, "state_analysis"),
    (Strategy::Parallel, "parallel"),
    (Strategy::Priority, "priority"),
    (Strategy::Custom(0), "custom"),
];

const DECISIONS: [&str; 8] = ["error", "end", "retry", "parallel", "conditional", "branch", "skip", "continue"];

/// Publishes what a set counts: `routing_decisions_count` by decision and strategy, `route_cache_hits`, `route_cache_misses`,
/// `router_faults`, `rule_matches` by rule, and how many routers and rules there are (`routing_routers`, `routing_rules`). For the control plane. Times go straight into the histogram
/// `routing_decision_time_ms`, which comes with a threshold of 2 ms for its average: see
/// [`RouterSetBuilder::histogram`](super::RouterSetBuilder::histogram).
///
/// ```
/// use ringway::coord::routing::{RouteMetrics, RouterSet};
/// use ringway::metrics::Registry;
///
/// let registry = Registry::builder().build();
/// let set = RouterSet::builder().histogram(registry.histogram("routing_decision_time_ms", &[])?).build()?;
/// let mut metrics = RouteMetrics::register(&registry, &set)?;
/// metrics.publish(&set); // now and then
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RouteMetrics {
    decisions: Vec<Counter>,
    hits: Counter,
    misses: Counter,
    faults: Counter,
    rules: Vec<(RuleId, Counter, u64)>,
    seen: RouteStats,
}

impl RouteMetrics {
    /// Registers the series, and those of the set's rules.
    ///
    /// # Errors
    ///
    /// [`MetricError`] if the registry is full or has other instruments of these names.
    pub fn register(registry: &Registry, set: &RouterSet) -> Result<Self, MetricError> {
        let mut decisions = Vec::new();
        for decision in DECISIONS {
            for (_, strategy) in STRATEGIES {
                let tags = [("decision", decision), ("strategy", strategy)];
                decisions.push(registry.counter("routing_decisions_count", &tags)?);
            }
        }
        let mut rules = Vec::new();
        for rule in set.rules() {
            let name = rule.id.get().to_string();
            rules.push((rule.id, registry.counter("rule_matches", &[("rule", &name)])?, 0));
        }
        let gauge = |name, n: usize| registry.gauge(name, &[]).inspect(|gauge: &Gauge| gauge.set(n as i64));
        gauge("routing_routers", set.routers().len())?;
        gauge("routing_rules", set.rules().len())?;
        Ok(Self {
            decisions,
            hits: registry.counter("route_cache_hits", &[])?,
            misses: registry.counter("route_cache_misses", &[])?,
            faults: registry.counter("router_faults", &[])?,
            rules,
            seen: RouteStats::default(),
        })
    }

    /// Adds what was counted since the last time. After a change of the set, register again.
    pub fn publish(&mut self, set: &RouterSet) {
        let now = set.stats();
        let kinds = Decision::ALL.iter().flat_map(|decision| STRATEGIES.map(|(strategy, _)| (*decision, strategy)));
        for (counter, (decision, strategy)) in self.decisions.iter().zip(kinds) {
            counter.add(now.by(decision, strategy).saturating_sub(self.seen.by(decision, strategy)));
        }
        self.hits.add(now.cache_hits.saturating_sub(self.seen.cache_hits));
        self.misses.add(now.cache_misses.saturating_sub(self.seen.cache_misses));
        self.faults.add(now.faults.saturating_sub(self.seen.faults));
        for (rule, counter, seen) in &mut self.rules {
            let matches = set.rule_matches(*rule).unwrap_or(0);
            counter.add(matches.saturating_sub(*seen));
            *seen = matches;
        }
        self.seen = now;
    }
}
