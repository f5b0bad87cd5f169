//! Routing: four routers and ten rules decide about a hundred tasks, under a state that changes before each hundred.

use super::plain_routing::{Desk, PlainRouters};
use super::work::{Block, Sample, Work, contender, expect};
use super::{C, agent};
use crate::measure::turns::{Contender, Role};
use ringway::coord::routing::{Decision, Hints, Op, Operand, RouteRequest, RouterSet, Rule, StateAnalysis, hints};
use ringway::coord::state::{SetBits, StateStore};
use ringway::ids::{KeyId, RuleId, TaskId};
use ringway::slab::Shared;
use ringway::value::Value;
use std::sync::Arc;

pub(super) const TASKS: usize = 100;

/// States, over and over.
const PASSES: usize = 80;

/// The keys of the routers; those of the rules come after them.
pub(super) const ERRORS: KeyId = KeyId::new(0);
pub(super) const COMPLETED: KeyId = KeyId::new(1);
pub(super) const PRIORITY: KeyId = KeyId::new(2);
const FIRST_OF_RULES: u16 = 3;

/// What the rules with numbers look at is below this.
const VALUES: i64 = 40;
const RULES_WITH_NUMBERS: usize = 8;

/// Thresholds of the priority router, from the source.
pub(super) const HIGH: u8 = 80;
pub(super) const LOW: u8 = 20;

/// The task that tasks with hints wait for, and how many make a group.
const FIRST: TaskId = TaskId::new(90);
const WITH_HINTS: u32 = 40;
const GROUP: u32 = 4;

pub(super) type Decided = [Decision; TASKS];

/// What is in the state in a pass. Every router has the last word in some.
pub(super) fn desk(pass: usize) -> Desk {
    let n = pass as i64;
    let value = |j: i64| if j == 7 { i64::from(n % VALUES == 5) } else { (7 * n + 3 * j) % VALUES };
    let completed: &[u32] = if pass.is_multiple_of(2) { &[90] } else { &[90, 1, 2, 3, 6] };
    let mut numbers = vec![(ERRORS, i64::from(n % 8 == 3)), (PRIORITY, 13 * n % 101)];
    numbers.extend((0..RULES_WITH_NUMBERS).map(|j| (KeyId::new(FIRST_OF_RULES + j as u16), value(j as i64))));
    Desk { numbers, completed: completed.iter().copied().map(TaskId::new).collect() }
}

/// Ten rules, one of each operator. Few match, so that the others have a say.
pub(super) fn rules() -> Vec<Rule> {
    let all_but_20 = Operand::list((0..VALUES).filter(|n| *n != 20));
    let tests: [(Op, Operand); 10] = [
        (Op::Eq, 7.into()),
        (Op::Gt, 38.into()),
        (Op::Lt, 1.into()),
        (Op::Ge, 39.into()),
        (Op::Le, 0.into()),
        (Op::In, [13_i64, 26].into()),
        (Op::NotIn, all_but_20),
        (Op::Ne, 0.into()),
        (Op::Contains, 99.into()),
        (Op::NotContains, 90.into()),
    ];
    let decisions = [Decision::Branch, Decision::End, Decision::Conditional, Decision::Error];
    let rule = |(n, (op, operand)): (u16, (Op, Operand))| {
        let key = if matches!(op, Op::Contains | Op::NotContains) { COMPLETED } else { KeyId::new(FIRST_OF_RULES + n) };
        Rule::new(RuleId::new(n), key, op, operand, decisions[usize::from(n) % 4]).priority(90 - n as u8)
    };
    (0..).zip(tests).map(rule).collect()
}

/// The group of a task, and what it waits for.
pub(super) fn group(task: TaskId) -> Option<(u32, TaskId)> {
    (task.get() < WITH_HINTS).then(|| (task.get() / GROUP, FIRST))
}

fn all_hints() -> Hints {
    let tasks = (0..WITH_HINTS).map(TaskId::new).filter_map(|task| Some((task, group(task)?)));
    let written = tasks.fold(hints(), |hints, (task, (group, after))| hints.task(task).group(group).after(&[after]));
    written.build().expect("every task has a group")
}

/// What is to be decided in each pass, as the reference says.
fn expected() -> Arc<Vec<Decided>> {
    let plain = PlainRouters::new(&rules());
    let decide = |pass| {
        plain.write(desk(pass));
        std::array::from_fn(|task| plain.judge(TaskId::new(task as u32)))
    };
    Arc::new((0..PASSES).map(decide).collect())
}

/// Who decides about each of the hundred tasks. With `again`, once more under the same state, and only that is timed.
struct Deciding<R> {
    routers: R,
    again: bool,
    pass: usize,
    decided: Decided,
    cached: usize,
    expected: Arc<Vec<Decided>>,
}

trait Routers: Send + 'static {
    fn write(&mut self, pass: usize);

    /// The decision, and whether it is one that was made before.
    fn route(&mut self, task: TaskId) -> (Decision, bool);
}

impl<R: Routers> Deciding<R> {
    fn new(routers: R, again: bool, expected: &Arc<Vec<Decided>>) -> Self {
        let decided = [Decision::Continue; TASKS];
        Self { routers, again, pass: 0, decided, cached: 0, expected: Arc::clone(expected) }
    }

    fn decide(&mut self) {
        self.cached = 0;
        for (task, decided) in (0..).map(TaskId::new).zip(&mut self.decided) {
            let (decision, cached) = self.routers.route(task);
            *decided = decision;
            self.cached += usize::from(cached);
        }
    }
}

impl<R: Routers> Work for Deciding<R> {
    fn prepare(&mut self) {
        self.pass = (self.pass + 1) % PASSES;
        self.routers.write(self.pass);
        if self.again {
            self.decide();
        }
    }

    fn run(&mut self) {
        self.decide();
    }

    fn check(&mut self) -> Result<(), String> {
        expect("decisions from the cache", self.cached, if self.again { TASKS } else { 0 })?;
        expect("decisions", &self.decided, &self.expected[self.pass])
    }
}

/// Ringway's, over its own state, with every default.
struct Ours {
    state: StateStore,
    set: RouterSet,
    /// The sets of completed tasks, which live as long as these.
    _kept: Vec<Shared<SetBits>>,
    passes: Vec<Vec<(KeyId, Option<Value>)>>,
}

impl Ours {
    fn new() -> Self {
        let state = StateStore::builder().build();
        let names = ["error_count", "completed_tasks", "task_priority"].map(str::to_owned);
        let of_rules = (0..RULES_WITH_NUMBERS).map(|n| format!("rule_{n}"));
        names.into_iter().chain(of_rules).for_each(|name| _ = state.key(&name).expect("there is room"));
        let (mut kept, mut passes) = (Vec::new(), Vec::new());
        for Desk { numbers, completed } in (0..PASSES).map(desk) {
            let completed: Vec<_> = completed.iter().map(|task| task.get()).collect();
            let (set, value) = state.set_of(&completed).expect("there is room");
            kept.push(set);
            let numbers = numbers.into_iter().map(|(key, number)| (key, Some(Value::Int(number))));
            passes.push(numbers.chain([(COMPLETED, Some(value))]).collect());
        }
        let set = RouterSet::builder()
            .conditional(rules().as_slice())
            .state(StateAnalysis::default())
            .parallel(all_hints())
            .priority(HIGH, LOW)
            .build();
        Self { state, set: set.expect("the rules are fine"), _kept: kept, passes }
    }
}

impl Routers for Ours {
    fn write(&mut self, pass: usize) {
        self.state.update(&self.passes[pass], agent(0)).expect("the keys are known");
    }

    #[inline]
    fn route(&mut self, task: TaskId) -> (Decision, bool) {
        let route = self.set.route(&self.state, &RouteRequest { task, ..RouteRequest::default() });
        (route.decision, route.cached)
    }
}

impl Routers for PlainRouters {
    fn write(&mut self, pass: usize) {
        PlainRouters::write(self, desk(pass));
    }

    #[inline]
    fn route(&mut self, task: TaskId) -> (Decision, bool) {
        PlainRouters::route(self, task, C)
    }
}

/// A hundred decisions, or each of them; under a new state, or once more under the same.
pub(super) fn deciding(whole: bool, again: bool) -> Vec<Contender<Sample>> {
    let expected = expected();
    let block = if whole { Block::Whole(TASKS as u64) } else { Block::Each(TASKS as u64) };
    vec![
        contender("ringway", Role::Ringway, block, Deciding::new(Ours::new(), again, &expected)),
        contender(
            "RwLock<HashMap>, Mutexes",
            Role::Peer,
            block,
            Deciding::new(PlainRouters::new(&rules()), again, &expected),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringway::coord::routing::Strategy;
    use std::time::Duration;

    #[test]
    fn both_decide_the_same() {
        let expected = expected();
        for again in [false, true] {
            let mut ours = Deciding::new(Ours::new(), again, &expected);
            let mut plain = Deciding::new(PlainRouters::new(&rules()), again, &expected);
            for pass in 0..2 * PASSES {
                for work in [&mut ours as &mut dyn Work, &mut plain] {
                    work.prepare();
                    work.run();
                    work.check().unwrap_or_else(|told| panic!("pass {pass}: {told}"));
                }
            }
        }
        for again in [false, true] {
            deciding(false, again).iter().for_each(|one| _ = (one.turn)(Duration::ZERO).unwrap());
        }
    }

    #[test]
    fn every_router_has_the_last_word_in_some_pass() {
        let mut ours = Ours::new();
        let mut seen = [false; 4];
        for pass in 0..PASSES {
            ours.write(pass);
            for task in (0..TASKS as u32).map(TaskId::new) {
                let route = ours.set.route(&ours.state, &RouteRequest { task, ..RouteRequest::default() });
                let place = [Strategy::Conditional, Strategy::StateAnalysis, Strategy::Parallel, Strategy::Priority];
                seen[place.iter().position(|one| *one == route.strategy).unwrap()] = true;
            }
        }
        assert_eq!(seen, [true; 4]);
    }

    #[test]
    fn another_decision_is_noticed() {
        let mut wrong = Vec::clone(&expected());
        let last = &mut wrong[1][TASKS - 1];
        *last = if *last == Decision::End { Decision::Skip } else { Decision::End };
        let mut ours = Deciding::new(Ours::new(), false, &Arc::new(wrong));
        ours.prepare();
        ours.run();
        assert!(ours.check().is_err_and(|told| told.starts_with("decisions: ")));
    }
}
