//! What a router is, and three of the four: the state as a whole, peers, priority. The fourth is `rules.rs`.

use super::error::RouteError;
use super::hints::Hints;
use super::rules::RuleSet;
use super::types::{Decision, Fields, Q16, Reason, RouteRequest, Strategy, Verdict};
use crate::ids::KeyId;
use crate::value::{StateSize, StateView, Value};
use core::fmt;
use std::sync::Arc;

/// A router of your own. It is called in the middle of each decision that is not cached, so it should be short and write
/// nothing; if it panics, it is left out of that decision and counted.
///
/// ```
/// use ringway::coord::routing::{Decision, Fields, Q16, Reason, RouteRequest, Router, Strategy, Verdict};
/// use ringway::value::StateView;
///
/// /// Gives up what was tried too often.
/// struct Patience(u16);
///
/// impl Router for Patience {
///     fn strategy(&self) -> Strategy {
///         Strategy::Custom(1)
///     }
///     fn priority(&self) -> u8 {
///         90
///     }
///     fn reads(&self) -> Fields {
///         Fields::RETRY_COUNT
///     }
///     fn judge(&self, _state: &dyn StateView, request: &RouteRequest) -> Verdict {
///         if request.retry_count < self.0 {
///             return Verdict::abstain(Q16::new(0.5), Reason::Custom(0));
///         }
///         Verdict::new(Decision::Error, Q16::ONE, Reason::Custom(1))
///     }
/// }
/// ```
pub trait Router: Send + Sync {
    /// Its name: [`Strategy::Custom`] with a number that no other router of the set has. Asked once, when it is given to a set or
    /// its builder, as are the next two.
    fn strategy(&self) -> Strategy;

    /// The weight of its verdicts, from 0 to 100.
    fn priority(&self) -> u8;

    /// What it looks at besides the state and the task.
    fn reads(&self) -> Fields;

    /// What it says about a task.
    fn judge(&self, state: &dyn StateView, request: &RouteRequest) -> Verdict;
}

impl<R: Router + ?Sized> Router for Arc<R> {
    fn strategy(&self) -> Strategy {
        (**self).strategy()
    }

    fn priority(&self) -> u8 {
        (**self).priority()
    }

    fn reads(&self) -> Fields {
        (**self).reads()
    }

    fn judge(&self, state: &dyn StateView, request: &RouteRequest) -> Verdict {
        (**self).judge(state, request)
    }
}

/// The keys that three of the routers look at.
///
/// By default they are the keys 0, 1 and 2: what an interner gives out when they are the first that it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keys {
    /// `error_count`: a number other than 0, or true, says that there are errors.
    pub errors: KeyId,
    /// `completed_tasks`: a set that holds the tasks that are done.
    pub completed: KeyId,
    /// `task_priority`: a number from 0 to 100; 50 where there is none.
    pub priority: KeyId,
}

impl Keys {
    /// The keys that have these names in an interner or a state.
    ///
    /// ```
    /// use ringway::coord::routing::Keys;
    /// use ringway::ids::Interner;
    ///
    /// let names = Interner::new(16);
    /// assert_eq!(Keys::resolve(|name| names.intern(name))?, Keys::default());
    /// # Ok::<(), ringway::ids::InternError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `key`.
    pub fn resolve<E>(mut key: impl FnMut(&str) -> Result<KeyId, E>) -> Result<Self, E> {
        Ok(Self { errors: key("error_count")?, completed: key("completed_tasks")?, priority: key("task_priority")? })
    }
}

impl Default for Keys {
    fn default() -> Self {
        Self { errors: KeyId::new(0), completed: KeyId::new(1), priority: KeyId::new(2) }
    }
}

/// Decides by the state as a whole: errors, gaps, complexity, in this order. Abstains if there is none of them.
///
/// | | decision | confidence |
/// |---|---|---|
/// | errors | `error_decision` | 0.95 |
/// | a required key has no value | [`Skip`](Decision::Skip) | 0.8 |
/// | too complex | [`Branch`](Decision::Branch) | 0.85 |
/// | otherwise | [`Continue`](Decision::Continue), abstaining | 0.9 |
#[derive(Clone, Debug, PartialEq)]
pub struct StateAnalysis {
    /// What is above is too complex: see [`complexity`](Self::complexity). From 0 to 1; 0.8.
    pub max_complexity_score: f64,
    /// What is decided where there are errors; [`Retry`](Decision::Retry).
    pub error_decision: Decision,
    /// Keys without which the state is incomplete; none.
    pub required: Vec<KeyId>,
}

/// Complexity is counted in whole ten-millionths, in which each of its terms is exact.
const COMPLEXITY: f64 = 10_000_000.0;

/// The complexity of a state of this size, in ten-millionths.
fn complexity(size: StateSize) -> u64 {
    let term = |count: usize, weight: u64| (count as u64).saturating_mul(weight);
    let sum = term(size.keys, 40_000).saturating_add(term(size.depth, 300_000)).saturating_add(term(size.bytes, 3));
    sum.min(COMPLEXITY as u64)
}

impl StateAnalysis {
    /// How complex a state of this size is, from 0 to 1: `keys / 100 * 0.4 + depth / 10 * 0.3 + bytes / 1,000,000 * 0.3`,
    /// at most 1.
    ///
    /// ```
    /// use ringway::coord::routing::StateAnalysis;
    /// use ringway::value::StateSize;
    /// assert_eq!(StateAnalysis::complexity(StateSize { keys: 50, depth: 5, bytes: 500_000 }), 0.5);
    /// ```
    pub fn complexity(size: StateSize) -> f64 {
        complexity(size) as f64 / COMPLEXITY
    }
}

impl Default for StateAnalysis {
    fn default() -> Self {
        Self { max_complexity_score: 0.8, error_decision: Decision::Retry, required: Vec::new() }
    }
}

/// A router to be put into a set.
#[derive(Clone)]
pub enum RouterSpec {
    /// Rules.
    Conditional(Arc<RuleSet>),
    /// The state as a whole.
    State(StateAnalysis),
    /// Peers.
    Parallel(Hints),
    /// The task's priority: from where on it is high, and down from where it is low.
    Priority {
        /// As [`RouterSetBuilder::priority`](super::RouterSetBuilder::priority).
        high: u8,
        /// So is this.
        low: u8,
    },
    /// One of your own.
    Custom(Arc<dyn Router>),
}

impl fmt::Debug for RouterSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RouterSpec").field(&self.strategy()).finish()
    }
}

impl RouterSpec {
    /// Which router it is.
    pub fn strategy(&self) -> Strategy {
        match self {
            Self::Conditional(_) => Strategy::Conditional,
            Self::State(_) => Strategy::StateAnalysis,
            Self::Parallel(_) => Strategy::Parallel,
            Self::Priority { .. } => Strategy::Priority,
            Self::Custom(router) => router.strategy(),
        }
    }
}

/// A router with what it said of itself, once.
#[derive(Clone)]
pub(super) struct Known {
    pub(super) spec: RouterSpec,
    pub(super) strategy: Strategy,
    /// The weight of its verdicts.
    pub(super) priority: u8,
    pub(super) reads: Fields,
}

impl From<RouterSpec> for Known {
    fn from(spec: RouterSpec) -> Self {
        let strategy = spec.strategy();
        let (priority, reads) = match &spec {
            RouterSpec::Custom(router) => (router.priority(), router.reads()),
            _ => (strategy.priority().unwrap_or(0), Fields::NONE),
        };
        Self { spec, strategy, priority, reads }
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.strategy.fmt(f)
    }
}

impl Known {
    /// The best score that it can reach; none if it has to be asked in any case.
    pub(super) fn best_score(&self) -> Option<u32> {
        let confidence = match self.spec {
            RouterSpec::Conditional(_) => Q16::ONE,
            RouterSpec::State(_) | RouterSpec::Priority { .. } => SURE,
            RouterSpec::Parallel(_) => Q16::new(0.9),
            RouterSpec::Custom(_) => return None,
        };
        Some(confidence.score(self.priority))
    }

    pub(super) fn check(&self) -> Result<(), RouteError> {
        let within = match &self.spec {
            RouterSpec::Custom(_) if !matches!(self.strategy, Strategy::Custom(_)) => {
                return Err(RouteError::BuiltInStrategy { strategy: self.strategy });
            }
            RouterSpec::State(analysis) => (0.0..=1.0).contains(&analysis.max_complexity_score),
            RouterSpec::Priority { high, low } => low < high && *high <= 100,
            RouterSpec::Custom(_) => self.priority <= 100,
            RouterSpec::Conditional(_) | RouterSpec::Parallel(_) => true,
        };
        if within { Ok(()) } else { Err(RouteError::ThresholdOutOfRange) }
    }
}

const SURE: Q16 = Q16::new(0.95);

/// A router as the set runs it.
pub(super) enum Judge {
    Conditional(Arc<RuleSet>),
    State { errors: KeyId, required: Box<[KeyId]>, max_complexity: u64, error_decision: Decision },
    Parallel { completed: KeyId, hints: Hints },
    Priority { key: KeyId, high: u8, low: u8 },
    Custom(Arc<dyn Router>),
}

impl Judge {
    pub(super) fn new(spec: &RouterSpec, keys: &Keys) -> Self {
        match spec {
            RouterSpec::Conditional(rules) => Self::Conditional(Arc::clone(rules)),
            RouterSpec::State(analysis) => Self::State {
                errors: keys.errors,
                required: analysis.required.as_slice().into(),
                max_complexity: (analysis.max_complexity_score * COMPLEXITY).round() as u64,
                error_decision: analysis.error_decision,
            },
            RouterSpec::Parallel(hints) => Self::Parallel { completed: keys.completed, hints: hints.clone() },
            RouterSpec::Priority { high, low } => Self::Priority { key: keys.priority, high: *high, low: *low },
            RouterSpec::Custom(router) => Self::Custom(Arc::clone(router)),
        }
    }

    /// All that a built-in router can say; none of a custom one's.
    pub(super) fn verdicts(&self) -> Vec<Verdict> {
        match self {
            Self::Conditional(rules) => rules.verdicts(),
            Self::State { error_decision, .. } => vec![
                Verdict::abstain(Q16::new(0.9), Reason::Ordinary),
                Verdict::new(*error_decision, SURE, Reason::Errors),
                Verdict::new(Decision::Skip, Q16::new(0.8), Reason::Incomplete),
                Verdict::new(Decision::Branch, Q16::new(0.85), Reason::Complex),
            ],
            Self::Parallel { .. } => vec![
                Verdict::abstain(Q16::new(0.7), Reason::NoPeers),
                Verdict::new(Decision::Parallel, Q16::new(0.9), Reason::Peers(0)),
            ],
            Self::Priority { .. } => vec![
                Verdict::abstain(Q16::new(0.8), Reason::MiddlePriority),
                Verdict::new(Decision::Continue, SURE, Reason::HighPriority),
                Verdict::new(Decision::Skip, Q16::new(0.85), Reason::LowPriority),
            ],
            Self::Custom(_) => Vec::new(),
        }
    }
}

/// Which of the verdicts it is.
#[inline]
pub(super) fn analyse(state: &dyn StateView, errors: KeyId, required: &[KeyId], max_complexity: u64) -> usize {
    if state.get(errors).is_some_and(is_something) {
        1
    } else if required.iter().any(|key| state.get(*key).is_none()) {
        2
    } else if complexity(state.size()) > max_complexity {
        3
    } else {
        0
    }
}

#[inline]
fn is_something(value: Value) -> bool {
    match value {
        Value::Bool(yes) => yes,
        Value::Int(number) => number != 0,
        Value::Float(number) => number != 0.0,
        _ => false,
    }
}

/// Which of the verdicts it is.
#[inline]
pub(super) fn by_priority(value: Option<Value>, high: u8, low: u8) -> usize {
    let (is_high, is_low) = match value {
        Some(Value::Int(priority)) => (priority >= i64::from(high), priority <= i64::from(low)),
        Some(Value::Float(priority)) => (priority >= f64::from(high), priority <= f64::from(low)),
        _ => (50 >= high, 50 <= low),
    };
    if is_high {
        1
    } else if is_low {
        2
    } else {
        0
    }
}
