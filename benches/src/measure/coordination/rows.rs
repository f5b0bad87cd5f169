//! The rows: what is measured, the original's number, gate and goal.

use super::judge::{Quantity, RatioGate, Row};
use super::signals::Told;
use super::work::Sample;
use super::{contexts, dependencies, routing, signals, state};
use crate::measure::turns::{Contender, Role};
use crate::measure::waiting::wake::{self, Pace};
use ringway::Wait;
use std::time::Duration;

const US: f64 = 1e3;
const MS: f64 = 1e6;

/// To somebody who spins, and to somebody who sleeps and is to be asleep again.
const CLOSE: Pace = Pace { messages: 2_000, pause: Duration::from_micros(10) };
const SLOW: Pace = Pace { messages: 200, pause: Duration::from_micros(300) };

/// Contenders that ratios are held against, by name.
const BARE: &str = "bare park/unpark";
const WITHOUT_METRICS: &str = "without metrics";
const WITH_EVENTS: &str = "with all events";

/// What a wake-up may take of a bare one, and a signal with metrics of one without: less than what such waits differ by.
const OF_BARE: RatioGate = RatioGate { of: "ringway", to: BARE, most: 1.5, surely: false };
const OF_WITHOUT: RatioGate = RatioGate { of: "ringway", to: WITHOUT_METRICS, most: 1.05, surely: true };
const EVENTS: RatioGate = RatioGate { of: WITH_EVENTS, to: "ringway", most: 1.05, surely: true };

/// The original's script first, then the single operations.
pub(super) fn all() -> Vec<Row> {
    script().into_iter().chain(single_signals()).chain(decisions()).chain(rest()).chain(state()).collect()
}

fn row(name: &'static str, scenario: &'static str, contenders: Vec<Contender<Sample>>) -> Row {
    Row {
        name,
        scenario,
        quantity: Quantity::Time,
        source_ns: f64::NAN,
        gate_ns: f64::NAN,
        goal_ns: f64::NAN,
        ratios: &[],
        contenders,
    }
}

fn script() -> [Row; 4] {
    [
        Row {
            source_ns: 310.0 * MS,
            gate_ns: 300.0 * US,
            goal_ns: 20.0 * US,
            ..row("script: 100 signals to 10 subscribers", "S-Z1, S-D1", signals::hundred(false))
        },
        Row {
            source_ns: 1.8 * MS,
            gate_ns: 50.0 * US,
            goal_ns: 10.0 * US,
            ..row("script: 100 routings", "S-Z1, S-D7b", routing::deciding(true, false))
        },
        Row {
            source_ns: 150.0 * MS,
            gate_ns: 150.0 * US,
            goal_ns: 5.0 * US,
            ..row("script: 10 contexts", "S-Z1, S-D8", contexts::distributing(true))
        },
        Row {
            source_ns: 50.0 * MS,
            gate_ns: 50.0 * US,
            goal_ns: 2.0 * US,
            ..row("script: 10 dependencies, met before", "S-Z1, S-D9", dependencies::satisfied())
        },
    ]
}

fn single_signals() -> [Row; 4] {
    [
        Row {
            source_ns: 310.0 * MS,
            gate_ns: 300.0 * US,
            goal_ns: 20.0 * US,
            ..row("100 signals in one batch", "S-D1", signals::hundred(true))
        },
        Row {
            source_ns: 3.0 * MS,
            gate_ns: 5.0 * US,
            goal_ns: 1.0 * US,
            ..row("signal to a spinning subscriber", "S-D3b", spinning())
        },
        Row {
            source_ns: 3.0 * MS,
            gate_ns: 30.0 * US,
            ratios: &[OF_BARE, OF_WITHOUT, EVENTS],
            ..row("signal to a parked subscriber", "S-D3b", parked())
        },
        Row {
            source_ns: 2.0 * MS,
            gate_ns: 2.0 * US,
            goal_ns: 100.0,
            ..row("signal stored in the history", "", signals::stored())
        },
    ]
}

fn decisions() -> [Row; 3] {
    let decision = |name, again| Row {
        source_ns: 0.018 * MS,
        gate_ns: 500.0,
        goal_ns: if again { 20.0 } else { 100.0 },
        ..row(name, "S-D7b", routing::deciding(false, again))
    };
    [
        decision("routing decision", false),
        decision("routing decision, cached", true),
        Row {
            quantity: Quantity::Rate,
            // 56 k/s, 2 M/s, 10 M/s.
            source_ns: 1e9 / 56e3,
            ..decision("routing decisions a second", false)
        },
    ]
}

fn rest() -> [Row; 4] {
    [
        Row {
            source_ns: 15.0 * MS,
            gate_ns: 15.0 * US,
            goal_ns: 500.0,
            ..row("context for an agent", "S-D8", contexts::distributing(false))
        },
        Row {
            source_ns: 0.5 * MS,
            gate_ns: 500.0,
            goal_ns: 30.0,
            ..row("context read", "S-D8", contexts::reading(false))
        },
        Row { source_ns: 0.5 * MS, ..row("context read, beside distributions", "S-D8f", contexts::reading(true)) },
        Row {
            source_ns: 100.0 * MS,
            gate_ns: 100.0 * US,
            goal_ns: 2.0 * US,
            ratios: &[OF_BARE],
            ..row("dependency met, its waiter parked", "S-D9b", met())
        },
    ]
}

fn state() -> [Row; 4] {
    [
        Row { source_ns: 0.3 * MS, gate_ns: 100.0, goal_ns: 20.0, ..row("state get", "S-D13b", state::getting()) },
        Row { source_ns: 0.3 * MS, ..row("state get, beside a writer", "", state::getting_beside_a_writer()) },
        Row { source_ns: 0.8 * MS, gate_ns: 2.0 * US, goal_ns: 100.0, ..row("state set", "S-D13b", state::setting()) },
        Row {
            source_ns: 5.0 * MS,
            gate_ns: 50.0 * US,
            goal_ns: 5.0 * US,
            ..row("state snapshot, 1000 keys", "S-D13b", state::copying())
        },
    ]
}

fn spinning() -> Vec<Contender<Sample>> {
    vec![
        woken("ringway", Role::Ringway, CLOSE, || signals::ends(CLOSE.messages, Wait::spin(), Told::Metrics)),
        woken("Mutex<VecDeque>, polled", Role::Peer, CLOSE, || signals::plain_ends(CLOSE.messages, true)),
        woken("bare words, polled", Role::Ceiling, CLOSE, || wake::bare_words(CLOSE.messages)),
    ]
}

fn parked() -> Vec<Contender<Sample>> {
    let ends = |told| signals::ends(SLOW.messages, Wait::park(), told);
    vec![
        woken("ringway", Role::Ringway, SLOW, move || ends(Told::Metrics)),
        woken("Mutex<VecDeque>, Condvar", Role::Peer, SLOW, || signals::plain_ends(SLOW.messages, false)),
        woken(BARE, Role::Ceiling, SLOW, || wake::bare(SLOW.messages, std::thread::park)),
        woken(WITHOUT_METRICS, Role::Ringway, SLOW, move || ends(Told::Nothing)),
        woken(WITH_EVENTS, Role::Ringway, SLOW, move || ends(Told::Events)),
    ]
}

fn met() -> Vec<Contender<Sample>> {
    vec![
        woken("ringway", Role::Ringway, SLOW, || dependencies::ends(SLOW.messages)),
        woken("Mutex<HashMap>, Condvars", Role::Peer, SLOW, || dependencies::plain_ends(SLOW.messages)),
        dependencies::polling(),
        woken(BARE, Role::Ceiling, SLOW, || wake::bare(SLOW.messages, std::thread::park)),
    ]
}

/// One message at a time, from the send until it is in hand on another core.
fn woken<S, R>(name: &'static str, role: Role, pace: Pace, ends: impl Fn() -> (S, R) + 'static) -> Contender<Sample>
where
    S: FnMut(u64) -> bool + Send,
    R: FnMut() -> Option<u64> + Send,
{
    let contender = wake::contender(name, role, pace, ends);
    let turn = move |duration| {
        let [p50, p99] = (contender.turn)(duration)?.map(|ns| ns as f64);
        Ok(Sample { p50, p99, mean: p50, operations: pace.messages as u64 })
    };
    Contender { name, role, turn: Box::new(turn) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_ringway_first_a_reference_and_what_it_is_held_to() {
        for row in all() {
            let name = row.name;
            assert_eq!(row.contenders[0].name, "ringway", "{name}");
            assert!(row.contenders.iter().any(|one| one.role == Role::Peer), "{name}");
            assert!(row.source_ns > 0.0 && (row.gate_ns.is_nan() || row.gate_ns < row.source_ns), "{name}");
            assert!(row.goal_ns.is_nan() || row.goal_ns < row.gate_ns, "{name}");
            assert!(
                row.ratios
                    .iter()
                    .all(|gate| gate.most > 1.0 && row.place_of(gate.of).and(row.place_of(gate.to)).is_some()),
                "{name}"
            );
        }
    }

    #[test]
    fn everybody_is_woken_for_every_message() {
        for contender in [spinning(), parked(), met()].into_iter().flatten() {
            let sample = (contender.turn)(Duration::ZERO).unwrap();
            assert!(0.0 < sample.p50 && sample.p50 <= sample.p99, "{}", contender.name);
        }
    }
}
