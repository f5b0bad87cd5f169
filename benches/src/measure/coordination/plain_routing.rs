//! The reference for routing: the same four routers over hash maps behind locks, with a cache by task and version, a bounded history
//! and counts, as one would write them with the standard library.

use super::routing::{COMPLETED, ERRORS, HIGH, LOW, PRIORITY, group};
use ringway::coord::routing::{Decision, Op, Operand, Rule};
use ringway::ids::{CoordId, KeyId, TaskId};
use ringway::value::Value;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Decisions that are remembered, and tasks that the cache holds.
const KEPT: usize = 1_000;

/// What the state holds.
#[derive(Debug, Default)]
pub(super) struct Desk {
    pub(super) numbers: Vec<(KeyId, i64)>,
    pub(super) completed: Vec<TaskId>,
}

#[derive(Debug, Default)]
struct State {
    version: u64,
    numbers: HashMap<KeyId, i64>,
    completed: HashSet<TaskId>,
}

#[derive(Debug, Default)]
struct Stats {
    by_decision: [u64; Decision::ALL.len()],
    cached: u64,
    total: Duration,
    longest: Duration,
}

/// A decision as the history keeps it.
#[derive(Debug)]
#[expect(dead_code, reason = "nobody asks the reference for its history")]
struct Record {
    coordination: CoordId,
    task: TaskId,
    decision: Decision,
    took: Duration,
}

#[derive(Debug)]
pub(super) struct PlainRouters {
    rules: Vec<Rule>,
    hints: HashMap<TaskId, (u32, TaskId)>,
    groups: HashMap<u32, Vec<TaskId>>,
    state: RwLock<State>,
    cache: Mutex<HashMap<TaskId, (u64, Decision)>>,
    history: Mutex<VecDeque<Record>>,
    stats: Mutex<Stats>,
}

/// What a router says: a decision, its score, and whether it found something to say.
type Verdict = (Decision, f64, bool);

/// Nobody panics while holding one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PlainRouters {
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut rules = rules.to_vec();
        rules.sort_by_key(|rule| std::cmp::Reverse(rule.priority));
        let hints: HashMap<_, _> = (0..100).map(TaskId::new).filter_map(|task| Some((task, group(task)?))).collect();
        let mut groups: HashMap<u32, Vec<TaskId>> = HashMap::new();
        hints.iter().for_each(|(task, (group, _))| groups.entry(*group).or_default().push(*task));
        Self {
            rules,
            hints,
            groups,
            state: RwLock::default(),
            cache: Mutex::default(),
            history: Mutex::new(VecDeque::with_capacity(KEPT)),
            stats: Mutex::default(),
        }
    }

    /// Puts a desk into the state, as its next version.
    pub(super) fn write(&self, desk: Desk) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.numbers.extend(desk.numbers);
        state.completed = desk.completed.into_iter().collect();
        state.version += 1;
    }

    /// The decision, and whether it comes from the cache.
    pub(super) fn route(&self, task: TaskId, coordination: CoordId) -> (Decision, bool) {
        let began = Instant::now();
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let known = lock(&self.cache).get(&task).filter(|(version, _)| *version == state.version).map(|known| known.1);
        let decision = known.unwrap_or_else(|| self.decide(&state, task));
        if known.is_none() {
            let mut cache = lock(&self.cache);
            if cache.len() >= KEPT {
                cache.clear();
            }
            cache.insert(task, (state.version, decision));
        }
        drop(state);
        let took = if known.is_some() { Duration::ZERO } else { began.elapsed() };
        self.note(Record { coordination, task, decision, took }, known.is_some());
        (decision, known.is_some())
    }

    fn note(&self, record: Record, cached: bool) {
        let mut stats = lock(&self.stats);
        stats.by_decision[record.decision as usize] += 1;
        stats.cached += u64::from(cached);
        stats.total += record.took;
        stats.longest = stats.longest.max(record.took);
        drop(stats);
        let mut history = lock(&self.history);
        if history.len() == KEPT {
            history.pop_front();
        }
        history.push_back(record);
    }

    /// The decision alone.
    pub(super) fn judge(&self, task: TaskId) -> Decision {
        self.decide(&self.state.read().unwrap_or_else(PoisonError::into_inner), task)
    }

    /// The best score of those who found something to say, or of all if nobody did.
    fn decide(&self, state: &State, task: TaskId) -> Decision {
        let verdicts = [self.by_rules(state), by_state(state), self.by_peers(state, task), by_priority(state)];
        let rank = |verdict: &Verdict| if verdict.2 { verdict.1 + 100.0 } else { verdict.1 };
        let best = verdicts.into_iter().reduce(|best, one| if rank(&one) > rank(&best) { one } else { best });
        best.map_or(Decision::Continue, |best| best.0)
    }

    fn by_rules(&self, state: &State) -> Verdict {
        let first = self.rules.iter().find(|rule| holds(rule, state));
        first.map_or((Decision::Continue, 0.5 * 100.0, false), |rule| (rule.decision, 100.0, true))
    }

    fn by_peers(&self, state: &State, task: TaskId) -> Verdict {
        let is_ready = |task: &TaskId| self.hints.get(task).is_some_and(|(_, after)| state.completed.contains(after));
        let can_run = |peer: &&TaskId| **peer != task && !state.completed.contains(*peer) && is_ready(peer);
        let group = self.hints.get(&task).filter(|_| is_ready(&task)).and_then(|(group, _)| self.groups.get(group));
        match group.map_or(0, |group| group.iter().filter(can_run).count()) {
            0 => (Decision::Continue, 0.7 * 60.0, false),
            _ => (Decision::Parallel, 0.9 * 60.0, true),
        }
    }
}

fn by_state(state: &State) -> Verdict {
    let complexity = (state.numbers.len() + 1) as f64 / 100.0 * 0.4 + 0.1 * 0.3;
    match state.numbers.get(&ERRORS) {
        Some(errors) if *errors != 0 => (Decision::Retry, 0.95 * 80.0, true),
        _ if complexity > 0.8 => (Decision::Branch, 0.85 * 80.0, true),
        _ => (Decision::Continue, 0.9 * 80.0, false),
    }
}

fn by_priority(state: &State) -> Verdict {
    match state.numbers.get(&PRIORITY).copied().unwrap_or(50) {
        high if high >= i64::from(HIGH) => (Decision::Continue, 0.95 * 40.0, true),
        low if low <= i64::from(LOW) => (Decision::Skip, 0.85 * 40.0, true),
        _ => (Decision::Continue, 0.8 * 40.0, false),
    }
}

fn holds(rule: &Rule, state: &State) -> bool {
    if let (COMPLETED, Operand::One(Value::Int(member))) = (rule.key, &rule.value) {
        let contains = u32::try_from(*member).is_ok_and(|task| state.completed.contains(&TaskId::new(task)));
        return contains == (rule.op == Op::Contains);
    }
    let Some(number) = state.numbers.get(&rule.key) else { return false };
    match (&rule.value, rule.op) {
        (Operand::List(values), op) => values.contains(&Value::Int(*number)) == (op == Op::In),
        (Operand::One(Value::Int(than)), op) => compare(*number, op, *than),
        _ => false,
    }
}

fn compare(number: i64, op: Op, than: i64) -> bool {
    match op {
        Op::Eq => number == than,
        Op::Ne => number != than,
        Op::Gt => number > than,
        Op::Lt => number < than,
        Op::Ge => number >= than,
        Op::Le => number <= than,
        _ => false,
    }
}
