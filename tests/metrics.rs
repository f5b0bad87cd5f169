//! Metrics: sums, percentiles, thresholds, text.

use hdrhistogram::Histogram as Oracle;
use ringway::metrics::*;

fn registry() -> Registry {
    Registry::builder().series(8).tags(2).workers(2).build()
}

#[test]
fn s_d12_four_threads_count_to_a_million() {
    let registry = registry();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            // Each asks for the same series.
            let (counter, gauge) = (registry.counter("n", &[]).unwrap(), registry.gauge("level", &[]).unwrap());
            scope.spawn(move || (0..250_000).for_each(|n| (counter.add(1), gauge.add(n % 2 * 2 - 1)).0));
        }
    });
    let mut snapshot = MetricsSnapshot::default();
    registry.snapshot(&mut snapshot);
    assert_eq!(snapshot.find("n").unwrap().reading, Reading::Counter(1_000_000));
    assert_eq!(snapshot.find("level").unwrap().reading, Reading::Gauge(0));
    assert_eq!(snapshot.series.len(), 2);
}

#[test]
fn s_d12_percentiles_agree_with_the_oracle() {
    let (registry, mut oracle) = (registry(), Oracle::<u64>::new_with_bounds(1, 3_600_000_000_000, 3).unwrap());
    let histogram = registry.histogram("latency", &[]).unwrap();
    assert_eq!(histogram.summary(), Summary::default());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..100_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // From nanoseconds to minutes.
        let ns = 1 + (state >> 27 >> (state >> 59));
        histogram.record(ns);
        oracle.record(ns).unwrap();
    }
    let summary = histogram.summary();
    let found = [summary.p50, summary.p90, summary.p95, summary.p99, summary.p999];
    for (found, quantile) in found.into_iter().zip([0.5, 0.9, 0.95, 0.99, 0.999]) {
        let expected = oracle.value_at_quantile(quantile);
        // The oracle's own error is 0.1 %, and a nanosecond.
        let bound = expected as f64 * 0.011 + 1.0;
        assert!(found.abs_diff(expected) as f64 <= bound, "{quantile}: {found}, not {expected}");
    }
    assert_eq!((summary.count, summary.min), (100_000, 1.max(summary.min)));
    assert!(summary.max.abs_diff(oracle.max()) <= oracle.max() / 500);
    assert!((summary.mean() / oracle.mean() - 1.0).abs() < 0.002);
}

#[test]
fn extremes_are_exact_and_long_times_are_kept_apart() {
    let histogram = registry().histogram("latency", &[]).unwrap();
    histogram.record(3);
    histogram.record(u64::MAX >> 1);
    let Summary { count, min, max, p50, .. } = histogram.summary();
    assert_eq!((count, min, max, p50), (2, 3, u64::MAX >> 1, 3));
    drop(histogram.time());
    assert_eq!(histogram.summary().count, 3);
}

#[test]
fn mistakes_are_errors() {
    let registry = registry();
    assert!(registry.counter("n", &[("a", "1")]).is_ok());
    assert_eq!(registry.gauge("n", &[("a", "1")]).unwrap_err(), MetricError::NameTaken);
    for name in ["", "1n", "n-1", "ñ", "n n"] {
        assert_eq!(registry.counter(name, &[]).unwrap_err(), MetricError::InvalidName);
        assert_eq!(registry.counter("n", &[(name, "1")]).unwrap_err(), MetricError::InvalidName);
    }
    assert_eq!(registry.counter("n", &[("a", "1"); 3]).unwrap_err(), MetricError::LabelLimit { max: 2 });
    let rate = registry.rate("share", &[]).unwrap();
    for percent in [-0.1, 100.1, f64::NAN, f64::INFINITY] {
        assert_eq!(rate.set(percent), Err(MetricError::RateOutOfRange));
    }
    assert_eq!((rate.set(100.0), rate.get()), (Ok(()), 100.0));
    for n in 0..6 {
        registry.counter(&format!("n{n}"), &[]).unwrap();
    }
    assert_eq!(registry.counter("one_more", &[]).unwrap_err(), MetricError::SeriesFull);
    assert!(registry.counter("n", &[("a", "1")]).is_ok(), "known already");
}

#[test]
fn s_d12c_each_of_the_sources_thresholds_speaks() {
    for (name, bound_ms, symptom, cause, advice) in [
        ("signal_propagation_time_ms", 50, "signals arrive late", "signal_payload_bytes", "smaller payloads"),
        ("routing_decision_time_ms", 2, "decisions take long", "routing_rules", "fewer rules"),
        ("context_distribution_per_agent_ms", 100, "distributed slowly", "contexts_live", "batches of 10 to 20"),
        ("dependency_resolution_time_ms", 1_000, "met late", "dependencies_pending", "probes"),
    ] {
        let registry = registry();
        let histogram = registry.histogram(name, &[]).unwrap();
        assert_eq!(registry.health(), (Health::Operational, vec![]));
        histogram.record(bound_ms * 1_000_000);
        assert_eq!(registry.health().0, Health::Operational, "at the bound");
        histogram.record(bound_ms * 1_000_000 + 2);
        let (health, violations) = registry.health();
        assert_eq!((health, violations.len(), &*violations[0].name), (Health::Degraded, 1, name));
        let text = violations[0].to_string();
        let found = [symptom, "; diagnosis: 2 values, max ", "; advice: ", advice];
        assert!(found.iter().all(|found| text.contains(found)), "{text}");
        assert_eq!(violations[0].causes, []);
        // Where it comes from is told as far as it is known.
        registry.gauge(cause, &[]).unwrap().set(17);
        let (_, violations) = registry.health();
        assert_eq!(&*violations[0].causes[0].0, cause);
        assert!(violations[0].to_string().contains(&format!(", {cause} 17")), "{}", violations[0]);
    }
}

/// Two series of one name are told apart.
#[test]
fn s_d12c_a_violation_says_of_which_series_it_is() {
    let registry = registry();
    let name = "routing_decision_time_ms";
    for desk in ["a", "b\""] {
        registry.histogram(name, &[("desk", desk), ("hall", "1")]).unwrap().record(3_000_000);
    }
    let (_, violations) = registry.health();
    let tags: Vec<_> = violations.iter().map(|violation| &*violation.tags).collect();
    assert_eq!(tags, [r#"desk="a",hall="1""#, r#"desk="b\"",hall="1""#]);
    let expected = format!("decisions take long: {name}{{{}}}, mean 3.000 above 2; ", tags[0]);
    assert!(violations[0].to_string().starts_with(&expected), "{}", violations[0]);
}

#[test]
fn thresholds_can_be_set_and_replaced() {
    let registry = registry();
    let (latency, lost) = (registry.histogram("wait_ms", &[]).unwrap(), registry.counter("lost", &[]).unwrap());
    let series = |name| registry.series(name, &[]).unwrap();
    let slo = Slo { metric: series("lost"), stat: Stat::Value, bound: 0.0, level: Level::Critical, advice: "look" };
    assert_eq!(registry.watch(Slo { bound: f64::NAN, ..slo }), Err(MetricError::SloInvalid));
    assert_eq!(registry.watch(Slo { stat: Stat::Mean, ..slo }), Err(MetricError::SloInvalid));
    registry.watch(slo).unwrap();
    let p99 = Slo { metric: series("wait_ms"), stat: Stat::P99, bound: 1.0, level: Level::Warning, advice: "wait" };
    registry.watch(Slo { bound: 0.5, ..p99 }).unwrap();
    registry.watch(p99).unwrap();
    latency.record(900_000);
    assert_eq!(registry.health().0, Health::Operational);
    latency.record(2_000_000);
    assert_eq!(registry.health().0, Health::Degraded);
    lost.add(1);
    let (health, violations) = registry.health();
    assert_eq!((health, violations.len()), (Health::Critical, 2));
}

#[test]
fn the_text_is_prometheus() {
    let registry = registry();
    registry.counter("sent", &[("to", "a \"b\"\\\n")]).unwrap().add(2);
    registry.histogram("wait_ms", &[("by", "x")]).unwrap().record(2_000_000);
    registry.counter("sent", &[]).unwrap().add(1);
    let mut text = String::new();
    registry.prometheus(&mut text).unwrap();
    let expected = "# TYPE sent counter\nsent{to=\"a \\\"b\\\"\\\\\\n\"} 2\nsent 1\n# TYPE wait_ms summary\n\
        wait_ms{by=\"x\",quantile=\"0.5\"} 2\n";
    assert!(text.starts_with(expected), "{text}");
    assert!(text.ends_with("wait_ms_sum{by=\"x\"} 2\nwait_ms_count{by=\"x\"} 1\n"), "{text}");
}
