//! Contenders take turns: A B C A B C, so that what the machine does meanwhile happens to all of them.

use super::MeasureArgs;
use super::line;
use crate::process;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::fmt;
use std::io::IsTerminal;
use std::time::Duration;

/// A cache line that takes longer there and back has not stayed on one chip, or a core was taken away. Such rounds are
/// set apart: they rank the machine's moods, not the contenders.
pub(super) const FAR_NS: f64 = 250.0;

/// What a contender is in the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Ringway,
    Peer,
    /// Not a ring: what one could reach at best.
    Ceiling,
}

impl Role {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ringway => "ringway",
            Self::Peer => "peer",
            Self::Ceiling => "ceiling",
        }
    }
}

/// Somebody who is measured. A turn lasts about as long as it is told, and fails if a message does.
pub(super) struct Contender<S> {
    pub(super) name: &'static str,
    pub(super) role: Role,
    pub(super) turn: Box<dyn Fn(Duration) -> Result<S, String>>,
}

impl<S> fmt::Debug for Contender<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Contender").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

/// A turn of every contender, in their order.
#[derive(Debug)]
pub(super) struct Round<S> {
    /// How long a cache line took there and back, in ns: before the first turn, and after each.
    pub(super) line_ns: Vec<f64>,
    pub(super) samples: Vec<S>,
}

impl<S> Round<S> {
    pub(super) fn is_far(&self) -> bool {
        self.line_ns.iter().any(|&ns| ns > FAR_NS)
    }
}

/// All rounds of a workload that were finished, and what ended them before their time.
#[derive(Debug)]
pub(super) struct Turns<S> {
    pub(super) rounds: Vec<Round<S>>,
    pub(super) failure: Option<String>,
}

impl<S> Turns<S> {
    /// The rounds that count: the near ones, unless most are far, when there is nothing to set them apart from.
    pub(super) fn counted(&self) -> impl Iterator<Item = &Round<S>> {
        let all = 2 * self.far() > self.rounds.len();
        self.rounds.iter().filter(move |round| all || !round.is_far())
    }

    pub(super) fn far(&self) -> usize {
        self.rounds.iter().filter(|round| round.is_far()).count()
    }

    /// A figure of the `contender`-th, in the rounds that count.
    pub(super) fn figures(&self, contender: usize, of: impl Fn(&S) -> f64) -> Vec<f64> {
        self.counted().map(|round| of(&round.samples[contender])).collect()
    }

    pub(super) fn line_ns(&self) -> Vec<f64> {
        self.counted().flat_map(|round| round.line_ns.iter().copied()).collect()
    }
}

pub(super) fn take_turns<S>(contenders: &[Contender<S>], args: &MeasureArgs, progress: &ProgressBar) -> Turns<S> {
    let mut turns = Turns { rounds: Vec::new(), failure: None };
    for _ in 0..args.rounds {
        match round(contenders, args.turn(), progress) {
            Ok(Some(round)) => turns.rounds.push(round),
            Ok(None) => break,
            Err(failure) => {
                turns.failure = Some(failure);
                break;
            }
        }
    }
    turns
}

/// Nothing if it was interrupted.
fn round<S>(contenders: &[Contender<S>], turn: Duration, progress: &ProgressBar) -> Result<Option<Round<S>>, String> {
    let mut round = Round { line_ns: vec![line::probe()?], samples: Vec::new() };
    for contender in contenders {
        if process::is_interrupted() {
            return Ok(None);
        }
        let sample = (contender.turn)(turn).map_err(|failure| format!("{}: {failure}", contender.name))?;
        round.samples.push(sample);
        round.line_ns.push(line::probe()?);
        progress.inc(1);
    }
    Ok(Some(round))
}

/// On a terminal only, and drawn between turns only.
pub(super) fn progress(args: &MeasureArgs, length: u64) -> ProgressBar {
    let hidden = args.json || !std::io::stderr().is_terminal();
    let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(5) };
    let style = ProgressStyle::with_template("{prefix} [{bar:40}] {pos}/{len} turns {elapsed} left {eta}");
    ProgressBar::with_draw_target(Some(length), target)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(lines: &[f64]) -> Turns<u64> {
        let rounds = (0..).zip(lines).map(|(n, &ns)| Round { line_ns: vec![100.0, ns], samples: vec![n] }).collect();
        Turns { rounds, failure: None }
    }

    #[test]
    fn far_rounds_are_set_apart_unless_most_are() {
        assert_eq!(turns(&[100.0, 900.0, 90.0]).figures(0, |&n| n as f64), [0.0, 2.0]);
        assert_eq!(turns(&[800.0, 900.0, 90.0]).figures(0, |&n| n as f64), [0.0, 1.0, 2.0]);
        assert_eq!(turns(&[800.0, 900.0, 90.0]).far(), 2);
    }
}
