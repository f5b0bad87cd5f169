//! What a row came to, and whether its gates hold. A gate fails the run, a goal only tells how far it is.
//!
//! A gate is held against the p99, a goal against the p50: medians over the rounds of each round's.

use super::work::Sample;
use crate::instrumentation::Estimate;
use crate::measure::turns::{Contender, Role, Turns};
use crate::stats::median;

/// What a row's figures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quantity {
    Time,
    /// How often in a second: one over the mean time.
    Rate,
}

/// All times in ns; a rate as the time that one takes. NaN where there is none.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) name: &'static str,
    /// Which scenarios of the specification it is the figure of.
    pub(super) scenario: &'static str,
    pub(super) quantity: Quantity,
    pub(super) source_ns: f64,
    pub(super) gate_ns: f64,
    pub(super) goal_ns: f64,
    pub(super) ratios: &'static [RatioGate],
    /// Ringway first.
    pub(super) contenders: Vec<Contender<Sample>>,
}

/// How many times another contender's p50 one's may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct RatioGate {
    pub(super) of: &'static str,
    pub(super) to: &'static str,
    pub(super) most: f64,
    /// Whether only what is beyond it with 95 % confidence is a miss, rather than by the median.
    pub(super) surely: bool,
}

impl Row {
    pub(super) fn place_of(&self, contender: &str) -> Option<usize> {
        self.contenders.iter().position(|one| one.name == contender)
    }
}

#[derive(Debug)]
pub(super) struct Measured {
    pub(super) row: Row,
    pub(super) turns: Turns<Sample>,
}

/// A gate that was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Gate {
    /// What a ratio is of, and to; none for ringway's time.
    pub(super) ratio: Option<(&'static str, &'static str)>,
    pub(super) found: f64,
    pub(super) most: f64,
    pub(super) verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    /// Not a miss: the gate is less than 1.5 times what the machine takes by itself, with no queues and records, and ringway takes
    /// no more than that.
    BeyondMachine,
    Miss,
}

impl Verdict {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::BeyondMachine => "beyond this machine",
            Self::Miss => "MISS",
        }
    }

    /// What is no number holds no gate.
    fn of(found: f64, most: f64) -> Self {
        if found <= most { Self::Pass } else { Self::Miss }
    }
}

/// How many times the p99 of what the machine does by itself ringway's may be, where that is more than a gate.
const OF_MACHINE: f64 = 1.5;

impl Measured {
    /// The median over the rounds; NaN before the first.
    pub(super) fn figure(&self, contender: usize, of: impl Fn(&Sample) -> f64) -> f64 {
        median(&mut self.turns.figures(contender, of))
    }

    pub(super) fn p50(&self, contender: usize) -> f64 {
        self.figure(contender, |sample| self.typical(sample))
    }

    pub(super) fn p99(&self, contender: usize) -> f64 {
        self.figure(contender, |sample| sample.p99)
    }

    /// What speaks for a turn.
    fn typical(&self, sample: &Sample) -> f64 {
        match self.row.quantity {
            Quantity::Time => sample.p50,
            Quantity::Rate => sample.mean,
        }
    }

    /// The median of each round's ratio.
    pub(super) fn ratio(&self, contender: usize, to: usize) -> f64 {
        self.ratios(contender, to).median
    }

    fn ratios(&self, contender: usize, to: usize) -> Estimate {
        let figures = |of| self.turns.figures(of, |sample| self.typical(sample));
        Estimate::of(figures(contender).iter().zip(figures(to)).map(|(one, other)| one / other).collect())
    }

    /// What the gate of a time is held against.
    pub(super) fn gated(&self) -> f64 {
        match self.row.quantity {
            Quantity::Time => self.p99(0),
            Quantity::Rate => self.p50(0),
        }
    }

    /// How many times the goal it takes: up to 1, it is reached.
    pub(super) fn of_goal(&self) -> Option<f64> {
        let of_goal = self.p50(0) / self.row.goal_ns;
        (!of_goal.is_nan()).then_some(of_goal)
    }

    /// None where no round was finished: an interruption, or a failure, which is told by itself.
    pub(super) fn gates(&self) -> Vec<Gate> {
        if self.turns.rounds.is_empty() {
            return Vec::new();
        }
        let ratio = |gate: &RatioGate| {
            let places = self.row.place_of(gate.of).zip(self.row.place_of(gate.to));
            let (found, low) = places.map_or((f64::NAN, f64::NAN), |(of, to)| {
                let ratios = self.ratios(of, to);
                (ratios.median, ratios.low)
            });
            let verdict = Verdict::of(if gate.surely { low } else { found }, gate.most);
            Gate { ratio: Some((gate.of, gate.to)), found, most: gate.most, verdict }
        };
        self.time_gate().into_iter().chain(self.row.ratios.iter().map(ratio)).collect()
    }

    fn time_gate(&self) -> Option<Gate> {
        let (found, most) = (self.gated(), self.row.gate_ns);
        let by_itself = self.row.contenders.iter().position(|one| one.role == Role::Ceiling);
        let is_beyond = by_itself.is_some_and(|bare| {
            let tails = |of| self.turns.figures(of, |sample| sample.p99);
            let ratios = tails(0).iter().zip(tails(bare)).map(|(ours, bare)| ours / bare).collect();
            OF_MACHINE * self.p99(bare) > most && Estimate::of(ratios).median <= OF_MACHINE
        });
        let verdict = match Verdict::of(found, most) {
            Verdict::Miss if is_beyond => Verdict::BeyondMachine,
            verdict => verdict,
        };
        (!most.is_nan()).then_some(Gate { ratio: None, found, most, verdict })
    }

    /// Operations that were verified, of all contenders.
    pub(super) fn operations(&self) -> u64 {
        self.turns.rounds.iter().flat_map(|round| &round.samples).map(|sample| sample.operations).sum()
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.turns.failure.as_ref().map(|failure| format!("{}, {failure}", self.row.name))
    }
}

/// Whether nothing came out wrong and, where gates are judged, all of them hold.
pub(super) fn passes(measured: &[Measured], judged: bool) -> bool {
    let right = measured.iter().all(|one| one.turns.failure.is_none());
    right && (!judged || measured.iter().flat_map(Measured::gates).all(|gate| gate.verdict != Verdict::Miss))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::measure::turns::Round;

    fn idle(name: &'static str, role: Role) -> Contender<Sample> {
        Contender { name, role, turn: Box::new(|_| Err("it is not run".to_owned())) }
    }

    fn sample([p50, p99]: [f64; 2]) -> Sample {
        Sample { p50, p99, mean: (p50 + p99) / 2.0, operations: 10 }
    }

    /// A row with a gate of 100 ns and a goal of 20 ns, 1.5 times "bare" at most; in each round p50 and p99 of ringway, a
    /// reference, and "bare".
    pub(in super::super) fn measured(rounds: &[[[f64; 2]; 3]]) -> Measured {
        let round = |of: &[[f64; 2]; 3]| Round { line_ns: vec![100.0], samples: of.map(sample).to_vec() };
        let row = Row {
            name: "a row",
            scenario: "S-X1",
            quantity: Quantity::Time,
            source_ns: 1_000.0,
            gate_ns: 100.0,
            goal_ns: 20.0,
            ratios: &[RatioGate { of: "ringway", to: "bare", most: 1.5, surely: false }],
            contenders: vec![idle("ringway", Role::Ringway), idle("locks", Role::Peer), idle("bare", Role::Ceiling)],
        };
        Measured { row, turns: Turns { rounds: rounds.iter().map(round).collect(), failure: None } }
    }

    const GOOD: [[f64; 2]; 3] = [[15.0, 100.0], [45.0, 400.0], [10.0, 20.0]];

    #[test]
    fn figures_are_medians_over_the_rounds_and_ratios_are_taken_in_each() {
        let one =
            measured(&[GOOD, [[30.0, 90.0], [30.0, 90.0], [40.0, 50.0]], [[16.0, 300.0], [64.0, 65.0], [16.0, 17.0]]]);
        assert_eq!((one.p50(0), one.p99(0), one.p50(1)), (16.0, 100.0, 45.0));
        assert_eq!((one.ratio(1, 0), one.ratio(0, 2)), (3.0, 1.0));
        assert_eq!((one.of_goal(), one.operations()), (Some(0.8), 90));
    }

    #[test]
    fn a_planted_miss_fails_the_run() {
        let late = [[15.0, 100.1], [45.0, 400.0], [10.0, 20.0]];
        let slow = [[15.1, 100.0], [45.0, 400.0], [10.0, 20.0]];
        let broken = [[f64::NAN; 2]; 3];
        for (rounds, holds) in
            [(GOOD, [true, true]), (late, [false, true]), (slow, [true, false]), (broken, [false; 2])]
        {
            let one = measured(&[rounds]);
            assert_eq!(
                one.gates().iter().map(|gate| gate.verdict == Verdict::Pass).collect::<Vec<_>>(),
                holds,
                "{rounds:?}"
            );
            let all = [measured(&[GOOD]), one];
            assert_eq!(passes(&all, true), holds == [true; 2], "{rounds:?}");
            assert!(passes(&all, false), "gates are told only");
        }
    }

    #[test]
    fn what_the_machine_does_not_do_by_itself_is_no_miss_unless_ringway_adds_to_it() {
        for (ringway, bare, expected) in [
            (100.0, 200.0, Verdict::Pass),
            (150.0, 100.1, Verdict::BeyondMachine),
            (150.0, 99.0, Verdict::Miss),
            (101.0, 68.0, Verdict::BeyondMachine),
            (101.0, 66.0, Verdict::Miss),
            (150.3, 100.1, Verdict::Miss),
        ] {
            let one = measured(&[[[15.0, ringway], [45.0, 400.0], [10.0, bare]]]);
            assert_eq!(one.gates()[0].verdict, expected, "{ringway} {bare}");
            assert_eq!(passes(&[one], true), expected != Verdict::Miss);
        }
    }

    #[test]
    fn a_small_difference_is_a_miss_only_when_it_is_sure() {
        let rounds = |ratios: &[f64]| -> Vec<_> {
            ratios.iter().map(|ratio| [[10.0 * ratio, 50.0], [45.0, 400.0], [10.0, 20.0]]).collect()
        };
        let now_and_then = [0.9, 1.0, 1.0, 1.1, 1.1, 1.1, 1.2, 1.2, 1.2];
        for (ratios, misses) in [(now_and_then, false), ([1.1; 9], true)] {
            let mut one = measured(&rounds(&ratios));
            one.row.ratios = &[RatioGate { of: "ringway", to: "bare", most: 1.05, surely: true }];
            assert_eq!(passes(&[one], true), !misses);
        }
    }

    #[test]
    fn a_row_without_a_gate_tells_only() {
        let mut one = measured(&[[[15.0, 1e9], [45.0, 400.0], [10.0, 20.0]]]);
        (one.row.gate_ns, one.row.ratios) = (f64::NAN, &[]);
        assert!(one.gates().is_empty() && passes(&[one], true));
    }

    #[test]
    fn a_rate_is_held_against_its_gate_by_its_mean() {
        let mut one = measured(&[GOOD]);
        one.row.quantity = Quantity::Rate;
        assert_eq!((one.p50(0), one.gated()), (57.5, 57.5));
        one.row.gate_ns = 57.0;
        assert!(!passes(&[one], true));
    }

    #[test]
    fn what_came_out_wrong_fails_with_and_without_gates() {
        let mut one = measured(&[GOOD]);
        one.turns.failure = Some("ringway: 99 instead of 100".to_owned());
        let all = [one];
        assert!(!passes(&all, true) && !passes(&all, false));
        assert_eq!(all[0].failure().as_deref(), Some("a row, ringway: 99 instead of 100"));
    }

    #[test]
    fn what_was_interrupted_before_its_first_round_is_not_judged() {
        let one = measured(&[]);
        assert!(one.gates().is_empty() && one.of_goal().is_none());
        assert!(passes(&[one], true));
    }

    #[test]
    fn a_ratio_to_nobody_holds_no_gate() {
        let mut one = measured(&[GOOD]);
        one.row.ratios = &[RatioGate { of: "ringway", to: "somebody else", most: 2.0, surely: true }];
        assert!(!passes(&[one], true));
    }
}
