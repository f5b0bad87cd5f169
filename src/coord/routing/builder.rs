//! How a set is put together.

use super::error::RouteError;
use super::hints::{Hints, HintsBuilder};
use super::router::{Keys, Known, Router, RouterSpec, StateAnalysis};
use super::rule::Rule;
use super::rules::RuleSet;
use super::set::{MAX, RouterSet};
use super::types::Consolidate;
use crate::ids::{KeyId, TaskId};
use crate::metrics::Histogram;
use crate::metrics::telemetry::Telemetry;
use crate::sync::parallelism;
use core::fmt;
use std::sync::Arc;

/// What a set decides by.
#[derive(Clone, Default)]
pub(super) struct Plan {
    pub(super) routers: Vec<Known>,
    pub(super) keys: Keys,
    pub(super) consolidate: Consolidate,
    /// How many keys and tasks there are, if that is known.
    known: Option<(usize, usize)>,
}

impl Plan {
    pub(super) fn rule_set(&self) -> Option<&RuleSet> {
        self.routers.iter().find_map(|known| match &known.spec {
            RouterSpec::Conditional(rules) => Some(&**rules),
            _ => None,
        })
    }

    pub(super) fn rules(&self) -> &[Rule] {
        self.rule_set().map_or(&[], RuleSet::rules)
    }

    pub(super) fn check(&self) -> Result<(), RouteError> {
        if self.routers.len() > MAX {
            return Err(RouteError::TooManyRouters { max: MAX });
        }
        for (place, router) in self.routers.iter().enumerate() {
            router.check()?;
            if self.routers[..place].iter().any(|earlier| earlier.strategy == router.strategy) {
                return Err(RouteError::DuplicateStrategy);
            }
            if let Some((keys, tasks)) = self.known {
                self.check_names(&router.spec, keys, tasks)?;
            }
        }
        Ok(())
    }

    fn check_names(&self, spec: &RouterSpec, keys: usize, tasks: usize) -> Result<(), RouteError> {
        let key = |key: KeyId| if usize::from(key.get()) < keys { Ok(()) } else { Err(RouteError::UnknownKey) };
        let task = |task: TaskId| if (task.get() as usize) < tasks { Ok(()) } else { Err(RouteError::UnknownTask) };
        match spec {
            RouterSpec::Conditional(rules) => {
                rules.rules().iter().try_for_each(|rule| key(rule.key).and(rule.next.map_or(Ok(()), task)))
            }
            RouterSpec::State(analysis) => {
                analysis.required.iter().copied().chain([self.keys.errors]).try_for_each(key)
            }
            RouterSpec::Parallel(hints) => key(self.keys.completed).and(hints.tasks().try_for_each(task)),
            RouterSpec::Priority { .. } => key(self.keys.priority),
            RouterSpec::Custom(_) => Ok(()),
        }
    }
}

/// Configures a [`RouterSet`]. What is wrong is told by [`build`](Self::build): the first mistake.
#[must_use = "it does nothing before `build`"]
pub struct RouterSetBuilder {
    plan: Plan,
    mistake: Option<RouteError>,
    pub(super) history: usize,
    pub(super) cache: usize,
    pub(super) lanes: usize,
    pub(super) timing: bool,
    pub(super) histogram: Option<Histogram>,
    pub(super) telemetry: Telemetry,
}

impl Default for RouterSetBuilder {
    fn default() -> Self {
        Self {
            plan: Plan::default(),
            mistake: None,
            history: 1_000,
            cache: 1_000,
            lanes: parallelism().unwrap_or(1).min(MOST_LANES),
            timing: true,
            histogram: None,
            telemetry: Telemetry::default(),
        }
    }
}

const MOST_LANES: usize = 64;
const LARGEST: usize = 1 << 20;

impl RouterSetBuilder {
    fn put(mut self, spec: Result<RouterSpec, RouteError>) -> Self {
        match spec {
            Ok(spec) => self.plan.routers.push(spec.into()),
            Err(mistake) => self.mistake = self.mistake.or(Some(mistake)),
        }
        self
    }

    /// Decides by rules: a [`RuleSet`], or a slice, array or `Vec` of rules.
    pub fn conditional<R>(self, rules: R) -> Self
    where
        R: TryInto<RuleSet, Error: Into<RouteError>>,
    {
        self.put(rules.try_into().map(|rules| RouterSpec::Conditional(Arc::new(rules))).map_err(Into::into))
    }

    /// Decides by the state as a whole.
    pub fn state(self, analysis: StateAnalysis) -> Self {
        self.put(Ok(RouterSpec::State(analysis)))
    }

    /// Decides by peers: [`Hints`], or what builds them.
    pub fn parallel<H>(self, hints: H) -> Self
    where
        H: TryInto<Hints, Error: Into<RouteError>>,
    {
        self.put(hints.try_into().map(RouterSpec::Parallel).map_err(Into::into))
    }

    /// Decides by the task's priority, a number from 0 to 100: from `high` on to go on, up to `low` to leave it out; in between it
    /// abstains. The usual thresholds are 80 and 20.
    pub fn priority(self, high: u8, low: u8) -> Self {
        self.put(Ok(RouterSpec::Priority { high, low }))
    }

    /// Decides by a router of your own.
    pub fn custom(self, router: impl Router + 'static) -> Self {
        self.put(Ok(RouterSpec::Custom(Arc::new(router))))
    }

    /// Where the routers find errors, completed tasks and priorities.
    pub fn keys(mut self, keys: Keys) -> Self {
        self.plan.keys = keys;
        self
    }

    /// How many keys and tasks are interned: `names.len()` of each interner. Whatever names another one is refused then.
    pub fn known(mut self, keys: usize, tasks: usize) -> Self {
        self.plan.known = Some((keys, tasks));
        self
    }

    /// How verdicts become a decision: weighted, without those that abstain.
    pub fn consolidate(mut self, how: Consolidate) -> Self {
        self.plan.consolidate = how;
        self
    }

    /// How many decisions are remembered; 1,000. 100 is enough where there are more than 1,000 a minute; 0 for none.
    pub fn history(mut self, records: usize) -> Self {
        self.history = records;
        self
    }

    /// For how many tasks each thread keeps its last decision, rounded up to a power of two; 1,000. Asked about several states, it
    /// keeps one of each: count the tasks as often as there are states. 0 for none: for states that
    /// do not count their versions, or that take each other's places without an
    /// [`identity`](crate::value::StateView::identity) of their own.
    ///
    /// A decision is found for as long as the version stands. What changes without one is not noticed: a
    /// [set](crate::coord::state::StateStore::set_of) that was let go of, say.
    pub fn cache(mut self, entries: usize) -> Self {
        self.cache = entries;
        self
    }

    /// How many groups the threads are parted into, each with counters and a cache of its own, rounded up to a power of two, 64
    /// at most; as many as threads can run.
    pub fn lanes(mut self, lanes: usize) -> Self {
        self.lanes = lanes.clamp(1, MOST_LANES);
        self
    }

    /// Whether decisions that do not come from the cache are timed: they are. Reading the clock costs about as much as deciding.
    pub fn timing(mut self, timing: bool) -> Self {
        self.timing = timing;
        self
    }

    /// Records these times in a histogram, too; see [`RouteMetrics`](super::RouteMetrics).
    pub fn histogram(mut self, histogram: Histogram) -> Self {
        self.histogram = Some(histogram);
        self
    }

    /// Tells here what is decided; in the process's own by default.
    pub fn telemetry(mut self, telemetry: &Telemetry) -> Self {
        self.telemetry = telemetry.clone();
        self
    }

    /// The set. Allocates all that it will need.
    ///
    /// # Errors
    ///
    /// [`RouteError`]: what it says of routers, rules, hints, thresholds and names. [`SetTooLarge`](RouteError::SetTooLarge) for a
    /// cache or a history of more than 1,048,576.
    pub fn build(self) -> Result<RouterSet, RouteError> {
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        if self.history.max(self.cache) > LARGEST {
            return Err(RouteError::SetTooLarge);
        }
        self.plan.check()?;
        Ok(RouterSet::first(self.plan.clone(), &self))
    }
}

impl TryFrom<HintsBuilder> for Hints {
    type Error = RouteError;

    fn try_from(builder: HintsBuilder) -> Result<Self, RouteError> {
        builder.build()
    }
}

impl fmt::Debug for RouterSetBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterSetBuilder")
            .field("routers", &self.plan.routers)
            .field("history", &self.history)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}
