//! Models among the crate's own tests, of what no public call reaches.

/// Explores `scenario`, with at most `preemptions` involuntary switches in each execution; says how many there were.
#[cfg(ringway_loom)]
pub(crate) fn model(name: &str, preemptions: usize, scenario: impl Fn() + Send + Sync + 'static) {
    use core::sync::atomic::{AtomicU64, Ordering};
    use std::io::Write;
    let mut builder = loom::model::Builder::new();
    let more = std::env::var("RINGWAY_MORE_PREEMPTIONS").ok().and_then(|more| more.parse().ok()).unwrap_or(0);
    let bound = *builder.preemption_bound.get_or_insert(preemptions + more);
    builder.max_branches = 20_000;
    let cut_short = builder.max_duration.is_some() || builder.max_permutations.is_some();
    assert!(!cut_short, "unset LOOM_MAX_DURATION and LOOM_MAX_PERMUTATIONS: loom ends early without failing");
    let executions = std::sync::Arc::new(AtomicU64::new(0));
    let counted = std::sync::Arc::clone(&executions);
    builder.check(move || {
        counted.fetch_add(1, Ordering::Relaxed);
        scenario();
    });
    let executions = executions.load(Ordering::Relaxed);
    // Past the test runner's capture.
    let _ = writeln!(std::io::stdout(), "loom: {name}: {executions} executions, at most {bound} preemptions");
}

/// Runs `scenario` many times on real threads.
#[cfg(not(ringway_loom))]
pub(crate) fn model(_name: &str, _preemptions: usize, scenario: impl Fn()) {
    (0..300).for_each(|_| scenario());
}

#[cfg(ringway_loom)]
pub(crate) use loom::thread;
#[cfg(not(ringway_loom))]
pub(crate) use std::thread;
