//! Routes as words, for the cache and the history.

use super::types::{Decision, Q16, Reason, Route, Strategy, Verdict};
use crate::ids::{RuleId, TaskId};

const CUSTOM: u64 = 4;

impl Strategy {
    const fn to_bits(self) -> u64 {
        match self {
            Self::Custom(number) => CUSTOM + number as u64,
            built_in => built_in.place() as u64,
        }
    }

    const fn from_bits(bits: u64) -> Self {
        match bits {
            0 => Self::Conditional,
            1 => Self::StateAnalysis,
            2 => Self::Parallel,
            3 => Self::Priority,
            custom => Self::Custom((custom - CUSTOM) as u8),
        }
    }
}

impl Reason {
    const fn to_bits(self) -> u64 {
        let (kind, number) = match self {
            Self::NoRouters => (0, 0),
            Self::Rule(rule) => (1, rule.get()),
            Self::NoRule => (2, 0),
            Self::Errors => (3, 0),
            Self::Incomplete => (4, 0),
            Self::Complex => (5, 0),
            Self::Ordinary => (6, 0),
            Self::Peers(peers) => (7, peers),
            Self::NoPeers => (8, 0),
            Self::HighPriority => (9, 0),
            Self::LowPriority => (10, 0),
            Self::MiddlePriority => (11, 0),
            Self::Fault => (12, 0),
            Self::Custom(reason) => (13, reason),
        };
        kind << 16 | number as u64
    }

    const fn from_bits(bits: u64) -> Self {
        let number = bits as u16;
        match bits >> 16 {
            1 => Self::Rule(RuleId::new(number)),
            2 => Self::NoRule,
            3 => Self::Errors,
            4 => Self::Incomplete,
            5 => Self::Complex,
            6 => Self::Ordinary,
            7 => Self::Peers(number),
            8 => Self::NoPeers,
            9 => Self::HighPriority,
            10 => Self::LowPriority,
            11 => Self::MiddlePriority,
            12 => Self::Fault,
            13 => Self::Custom(number),
            _ => Self::NoRouters,
        }
    }
}

/// Where the parts lie in the first word: decision 3 bits, strategy 9, reason 20, confidence 17, three flags.
const STRATEGY: u32 = 3;
const REASON: u32 = STRATEGY + 9;
const CONFIDENCE: u32 = REASON + 20;
const NEXT: u32 = CONFIDENCE + 17;
const CACHED: u32 = NEXT + 1;
const ABSTAIN: u32 = CACHED + 1;

const fn field(word: u64, from: u32, to: u32) -> u64 {
    word >> from & ((1 << (to - from)) - 1)
}

/// A route as words, not measured.
pub(super) type Words = [u64; 2];

/// A router's verdict as words, and what it is worth beside others. Those of the built-in routers are made when the set is built:
/// deciding copies words and compares ranks.
#[derive(Clone, Copy, Default)]
pub(super) struct Said {
    pub(super) rank: u64,
    pub(super) words: Words,
}

impl Said {
    pub(super) fn new(verdict: &Verdict, strategy: Strategy, rank: u64) -> Self {
        let Verdict { decision, confidence, next, reason, abstain } = *verdict;
        let first = decision as u64
            | strategy.to_bits() << STRATEGY
            | reason.to_bits() << REASON
            | u64::from(confidence.to_bits()) << CONFIDENCE
            | u64::from(next.is_some()) << NEXT
            | u64::from(abstain) << ABSTAIN;
        Self { rank, words: [first, u64::from(next.unwrap_or_default().get()) << 32] }
    }

    /// The same, with another number in its reason, which had 0.
    #[inline]
    pub(super) fn numbered(mut self, number: u16) -> Self {
        self.words[0] |= u64::from(number) << REASON;
        self
    }

    pub(super) fn verdict(self) -> Verdict {
        let Route { decision, confidence, next, reason, .. } = Route::from_words(self.words);
        Verdict { decision, confidence, next, reason, abstain: field(self.words[0], ABSTAIN, ABSTAIN + 1) != 0 }
    }
}

/// The words of a route that took so long, in nanoseconds.
#[inline]
pub(super) fn measured([first, second]: Words, ns: u32) -> Words {
    [first, second | u64::from(ns)]
}

/// The words of a route as it is found again.
#[inline]
pub(super) fn cached([first, second]: Words) -> Words {
    [first | 1 << CACHED, second]
}

impl Route {
    #[inline]
    pub(super) fn from_words([first, second]: Words) -> Self {
        let next = TaskId::new((second >> 32) as u32);
        Self {
            decision: Decision::ALL[field(first, 0, STRATEGY) as usize],
            confidence: Q16::from_bits(field(first, CONFIDENCE, NEXT) as u32),
            strategy: Strategy::from_bits(field(first, STRATEGY, REASON)),
            reason: Reason::from_bits(field(first, REASON, CONFIDENCE)),
            next: (field(first, NEXT, CACHED) != 0).then_some(next),
            ns: second as u32,
            cached: field(first, CACHED, CACHED + 1) != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_come_back_from_words() {
        let reasons = (0..14).map(|kind| Reason::from_bits(kind << 16 | if kind % 6 == 1 { 0xffff } else { 0 }));
        for (n, reason) in reasons.enumerate() {
            let verdict = Verdict {
                decision: Decision::ALL[n % 8],
                confidence: if n % 2 == 0 { Q16::ONE } else { Q16::new(0.95) },
                next: (n % 3 == 0).then_some(TaskId::new(u32::MAX)),
                reason,
                abstain: n % 5 == 0,
            };
            let strategy = Strategy::from_bits([0, 1, 2, 3, 4, 259][n % 6]);
            let said = Said::new(&verdict, strategy, 1);
            assert_eq!(said.verdict(), verdict);
            let Verdict { decision, confidence, next, .. } = verdict;
            let route = Route { decision, confidence, strategy, reason, next, ns: 0, cached: false };
            assert_eq!(Route::from_words(said.words), route);
            assert_eq!(Route::from_words(measured(said.words, u32::MAX)), Route { ns: u32::MAX, ..route });
            assert_eq!(Route::from_words(cached(said.words)), Route { cached: true, ..route });
            assert_eq!(reason.to_bits() >> 16, n as u64);
        }
    }
}
