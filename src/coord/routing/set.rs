//! The routers of a set, and what they come to together.

use super::builder::Plan;
use super::cache::{self, Key};
use super::error::RouteError;
use super::history::History;
use super::report::RuleReport;
use super::router::{Judge, Known, RouterSpec, analyse, by_priority};
use super::stats::{Lane, RouteStats, turn};
use super::types::{Consolidate, Decision, Fields, Q16, Reason, Route, RouteRecord, RouteRequest, Strategy, Verdict};
use super::words::{Said, Words, cached, measured};
use super::{RouterSetBuilder, Rule};
use crate::clock::Stamp;
use crate::ids::{RuleId, TaskId};
use crate::metrics::Histogram;
use crate::metrics::telemetry::{EventKind, Record, Telemetry};
use crate::sync::{AtomicU64, Counter, Ordering, caught};
use crate::value::StateView;
use core::fmt;
use crossbeam_utils::CachePadded;
use std::sync::Arc;

/// How many routers a set takes.
pub(super) const MAX: usize = 8;

/// A router in its set.
struct Seat {
    judge: Judge,
    strategy: Strategy,
    priority: u8,
    consolidate: Consolidate,
    /// All that it can say, if it is a built-in one.
    said: Box<[Said]>,
    /// From this rank on it need not be asked any more.
    beaten_at: u64,
}

impl Seat {
    fn new(known: &Known, plan: &Plan) -> Self {
        let spec = &known.spec;
        let consolidate = plan.consolidate;
        let beaten_at = match (consolidate, known.best_score()) {
            (Consolidate::Precedence, _) | (_, None) => u64::MAX,
            (weighted, Some(score)) => weighted.rank(Decision::Continue, score, false),
        };
        let (judge, strategy, priority) = (Judge::new(spec, &plan.keys), known.strategy, known.priority);
        let seat = Self { judge, strategy, priority, consolidate, said: Box::new([]), beaten_at };
        Self { said: seat.judge.verdicts().iter().map(|verdict| seat.says(verdict)).collect(), ..seat }
    }

    fn says(&self, verdict: &Verdict) -> Said {
        let score = verdict.confidence.score(self.priority);
        Said::new(verdict, self.strategy, self.consolidate.rank(verdict.decision, score, verdict.abstain))
    }

    /// Its verdict. `rule` becomes the place of the rule that matched, counted from 1.
    #[inline]
    fn ask(&self, state: &dyn StateView, request: &RouteRequest, rule: &mut usize) -> Said {
        match &self.judge {
            Judge::Conditional(rules) => {
                *rule = rules.first(state).map_or(0, |place| place + 1);
                self.said[*rule]
            }
            Judge::State { errors, required, max_complexity, .. } => {
                self.said[analyse(state, *errors, required, *max_complexity)]
            }
            Judge::Parallel { completed, hints } => match hints.count(state.get(*completed), state, request.task) {
                0 => self.said[0],
                peers => self.said[1].numbered(peers),
            },
            Judge::Priority { key, high, low } => self.said[by_priority(state.get(*key), *high, *low)],
            Judge::Custom(router) => self.says(&router.judge(state, request)),
        }
    }
}

/// What a set has in common with those that were made of it.
struct Shared {
    lanes: Box<[CachePadded<Lane>]>,
    history: History,
    versions: AtomicU64,
    caching: bool,
    timing: bool,
    histogram: Option<Histogram>,
    telemetry: Telemetry,
}

/// Routers, and what their verdicts come to. Shared by reference: any thread asks it at any time.
///
/// Asking is wait-free and allocates nothing, as far as the state and custom routers do. A set does not change: adding and
/// removing routers makes another one, to be put in its place (in an `ArcSwap`, or in whatever holds it), that goes on with
/// the same statistics and history, and finds none of the old one's decisions in the cache.
pub struct RouterSet {
    plan: Plan,
    version: u32,
    strategies: Box<[Strategy]>,
    seats: Box<[Seat]>,
    /// What is decided where nobody decides.
    nobody: Said,
    /// In which order they are asked: by descending priority.
    order: Box<[u8]>,
    reads: Fields,
    /// Matches of each rule, by lane.
    matches: Box<[Counter]>,
    shared: Arc<Shared>,
}

/// Lifts those who have something to say above those who have not.
const SPOKE: u64 = 1 << 40;

impl Consolidate {
    /// The greatest rank wins. Never 0.
    #[inline]
    fn rank(self, decision: Decision, score: u32, abstains: bool) -> u64 {
        let score = u64::from(score) + 1;
        let spoke = if abstains { 0 } else { SPOKE };
        match self {
            Self::Weighted { abstain: true } => spoke | score,
            Self::Weighted { abstain: false } => score,
            Self::Precedence => spoke | (7 - decision as u64) << 32 | score,
        }
    }
}

impl RouterSet {
    /// A set without routers, with a history and a cache of 1,000 each.
    pub fn builder() -> RouterSetBuilder {
        RouterSetBuilder::default()
    }

    pub(super) fn first(plan: Plan, settings: &RouterSetBuilder) -> Self {
        if settings.timing {
            Stamp::calibrate();
        }
        let lane = |_| CachePadded::new(Lane::new(settings.cache));
        let shared = Shared {
            lanes: (0..settings.lanes.next_power_of_two()).map(lane).collect(),
            history: History::new(settings.history),
            versions: AtomicU64::new(0),
            caching: settings.cache > 0,
            timing: settings.timing,
            histogram: settings.histogram.clone(),
            telemetry: settings.telemetry.clone(),
        };
        Self::assemble(plan, Arc::new(shared))
    }

    fn assemble(plan: Plan, shared: Arc<Shared>) -> Self {
        let seats: Box<[_]> = plan.routers.iter().map(|known| Seat::new(known, &plan)).collect();
        let mut order: Vec<_> = (0..seats.len() as u8).collect();
        order.sort_by_key(|place| core::cmp::Reverse(seats[usize::from(*place)].priority));
        // Of one thread's rules, only whole lines.
        let stride = plan.rules().len().next_multiple_of(8);
        // Unique among all that share the caches, and never 0. Relaxed: nothing else is told by it.
        let version = shared.versions.fetch_add(1, Ordering::Relaxed) as u32 + 1;
        shared.telemetry.emit(Record::RulesChanged { version });
        Self {
            version,
            strategies: seats.iter().map(|seat| seat.strategy).collect(),
            reads: plan.routers.iter().fold(Fields::NONE, |reads, known| reads.and(known.reads)),
            matches: (0..stride * shared.lanes.len()).map(|_| Counter::new()).collect(),
            order: order.into(),
            nobody: Said::new(&Verdict::default(), Strategy::Conditional, 0),
            seats,
            plan,
            shared,
        }
    }

    /// What happens next to a task. Never fails: a router that panics is left out and counted, and where no router is left
    /// the decision is to go on, with confidence 0.5 and [`Reason::NoRouters`].
    ///
    /// Wait-free. Some tens of nanoseconds from the cache, and some nanoseconds for each router and rule otherwise; measuring
    /// that costs as much again. Built-in routers that cannot win any more are not asked.
    ///
    /// # Panics
    ///
    /// If the state's `version` does.
    #[inline]
    pub fn route(&self, state: &dyn StateView, request: &RouteRequest) -> Route {
        let place = turn() & (self.shared.lanes.len() - 1);
        let lane = &self.shared.lanes[place];
        if !self.shared.caching || self.reads.contain(Fields::VOLATILE) {
            return self.compute(state, request, place).0;
        }
        let key = self.key(state, request);
        if let Some(words) = lane.cache.find(&key) {
            let route = Route::from_words(words);
            lane.count(&route);
            self.tell(&route);
            self.shared.history.push(request, words);
            return route;
        }
        let (route, words) = self.compute(state, request, place);
        lane.cache.keep(&key, cached(words));
        route
    }

    #[inline]
    fn key(&self, state: &dyn StateView, request: &RouteRequest) -> Key {
        let mut fields = [0; 4];
        if self.reads != Fields::NONE {
            let read = |field, word: u64| if self.reads.contain(field) { word } else { 0 };
            let [kind, content] = request.data.to_words();
            fields = [
                read(Fields::EXECUTION_MS, u64::from(request.execution_ms) << 16)
                    | read(Fields::RETRY_COUNT, u64::from(request.retry_count)),
                read(Fields::DATA, kind),
                read(Fields::DATA, content),
                read(Fields::CORRELATION, request.correlation.get()),
            ];
        }
        cache::key(state, self.version, request.task.get(), fields)
    }

    /// Decides, and leaves the traces. The words are those of the route, not measured.
    fn compute(&self, state: &dyn StateView, request: &RouteRequest, place: usize) -> (Route, Words) {
        let lane = &self.shared.lanes[place];
        let start = self.shared.timing.then(Stamp::now);
        let (words, rule) = self.decide(state, request, lane);
        let ns = start.map_or(0, |start| self.took(start.elapsed_ns()));
        let with_time = measured(words, ns);
        let route = Route::from_words(with_time);
        if rule > 0 {
            self.matches[place * self.stride() + rule - 1].add(1);
        }
        lane.count(&route);
        self.tell(&route);
        self.shared.history.push(request, with_time);
        (route, words)
    }

    #[inline]
    fn tell(&self, route: &Route) {
        if self.shared.telemetry.wants(EventKind::Routed) {
            let Route { decision, strategy, ns, cached, .. } = *route;
            let record = Record::Routed { decision: decision as u8, strategy: strategy.number(), ns, cached };
            self.shared.telemetry.emit(record);
        }
    }

    #[cold]
    fn fault(&self, lane: &Lane, place: u8) {
        lane.fault();
        let strategy = self.seats[usize::from(place)].strategy.number();
        self.shared.telemetry.emit(Record::RouterFault { strategy });
    }

    #[inline]
    fn took(&self, ns: u64) -> u32 {
        if let Some(histogram) = &self.shared.histogram {
            histogram.record(ns);
        }
        u32::try_from(ns).unwrap_or(u32::MAX).max(1)
    }

    /// Asks the routers by descending priority, so that ties go to who was asked first. The best verdict, and the place of the
    /// rule that matched, counted from 1.
    #[inline]
    fn decide(&self, state: &dyn StateView, request: &RouteRequest, lane: &Lane) -> (Words, usize) {
        let (mut best, mut rule, mut asked) = (self.nobody, 0, 0);
        loop {
            // One frame for all routers: it is left early only by a panic, and entered again behind the one that panicked.
            let all_asked = caught(|| {
                while let Some(place) = self.order.get(asked) {
                    asked += 1;
                    let seat = &self.seats[usize::from(*place)];
                    if best.rank < seat.beaten_at {
                        let said = seat.ask(state, request, &mut rule);
                        if said.rank > best.rank {
                            best = said;
                        }
                    }
                }
            });
            match all_asked {
                Some(()) => return (best.words, rule),
                None => self.fault(lane, self.order[asked - 1]),
            }
        }
    }

    /// What each router says, in the order of [`routers`](Self::routers), as far as there is room; the number of verdicts.
    /// Leaves no traces. A router that panics says [`Reason::Fault`].
    pub fn explain(&self, state: &dyn StateView, request: &RouteRequest, out: &mut [Verdict]) -> usize {
        let fault = Verdict::abstain(Q16::ZERO, Reason::Fault);
        let ask = |seat: &Seat| caught(|| seat.ask(state, request, &mut 0).verdict());
        let verdicts = self.seats.iter().map(|seat| ask(seat).unwrap_or(fault));
        verdicts.zip(out).map(|(verdict, out)| *out = verdict).count()
    }

    /// The tasks that can run beside this one now, as the hints say, as far as there is room; their number.
    ///
    /// # Panics
    ///
    /// If the state does.
    pub fn peers(&self, state: &dyn StateView, task: TaskId, out: &mut [TaskId]) -> usize {
        let hints = self.seats.iter().find_map(|seat| match &seat.judge {
            Judge::Parallel { completed, hints } => Some((*completed, hints)),
            _ => None,
        });
        let Some((completed, hints)) = hints else { return 0 };
        let (mut room, mut told) = (out.iter_mut(), 0);
        hints.peers(state.get(completed), state, task, |peer| {
            if let Some(out) = room.next() {
                *out = peer;
                told += 1;
            }
        });
        told
    }

    /// A set with one more router. For the control plane.
    ///
    /// # Errors
    ///
    /// As [`RouterSetBuilder::build`].
    pub fn with(&self, router: RouterSpec) -> Result<Self, RouteError> {
        let mut plan = self.plan.clone();
        plan.routers.push(router.into());
        plan.check()?;
        Ok(Self::assemble(plan, Arc::clone(&self.shared)))
    }

    /// A set without one of the routers. For the control plane.
    ///
    /// # Errors
    ///
    /// [`UnknownStrategy`](RouteError::UnknownStrategy) if it is not there.
    pub fn without(&self, router: Strategy) -> Result<Self, RouteError> {
        let mut plan = self.plan.clone();
        plan.routers.retain(|known| known.strategy != router);
        if plan.routers.len() == self.plan.routers.len() {
            return Err(RouteError::UnknownStrategy);
        }
        Ok(Self::assemble(plan, Arc::clone(&self.shared)))
    }

    /// Its routers, in the order in which they were added.
    pub fn routers(&self) -> &[Strategy] {
        &self.strategies
    }

    /// Counts the sets that share a history: another number for each.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Its rules, in the order in which they are tried.
    pub fn rules(&self) -> &[Rule] {
        self.plan.rules()
    }

    /// Which of its rules do nothing. For the control plane.
    pub fn report(&self) -> RuleReport {
        self.plan.rule_set().map(|rules| rules.report()).unwrap_or_default()
    }

    fn stride(&self) -> usize {
        self.matches.len() / self.shared.lanes.len()
    }

    /// How often a rule was the first to match, in decisions of this set that did not come from the cache; none if there is no
    /// such rule.
    pub fn rule_matches(&self, rule: RuleId) -> Option<u64> {
        let place = self.rules().iter().position(|known| known.id == rule)?;
        Some(self.matches.iter().skip(place).step_by(self.stride()).map(Counter::get).sum())
    }

    /// What was decided so far, by this set and those it was made of. Allocates nothing.
    pub fn stats(&self) -> RouteStats {
        RouteStats::of(self.shared.lanes.iter().map(|lane| &**lane), self.shared.caching)
    }

    /// The newest decisions, of all tasks or of one, the newest first: at most `limit`, as far as there is room, and no more
    /// than the history keeps. Their number. Allocates nothing.
    pub fn history(&self, task: Option<TaskId>, limit: usize, out: &mut [RouteRecord]) -> usize {
        self.shared.history.read(task, limit, out)
    }

    /// Forgets the decisions that were made so far. Statistics stay.
    pub fn clear_history(&self) {
        self.shared.history.clear();
    }

    /// How many decisions the cache of a thread has room for.
    pub fn cache_capacity(&self) -> usize {
        self.shared.lanes[0].cache.capacity()
    }
}

impl fmt::Debug for RouterSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RouterSet")
            .field("routers", &self.strategies)
            .field("version", &self.version)
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
