//! A state for tests: values by key, sets, a version that counts each change.
#![allow(unreachable_pub, dead_code, reason = "a part of several test files")]

use ringway::coord::routing::{Decision, Keys, Op, Operand, Rule};
use ringway::ids::{KeyId, RuleId, TaskId};
use ringway::value::{SetRef, StateSize, StateView, Value};

pub const ERRORS: KeyId = KeyId::new(0);
pub const COMPLETED: KeyId = KeyId::new(1);
pub const PRIORITY: KeyId = KeyId::new(2);
pub const OTHER: KeyId = KeyId::new(3);

#[derive(Clone, Debug, Default)]
pub struct Desk {
    pub values: Vec<Option<Value>>,
    pub sets: Vec<Vec<u32>>,
    pub version: u64,
    pub size: StateSize,
}

impl Desk {
    pub fn new() -> Self {
        assert_eq!(Keys::default(), Keys { errors: ERRORS, completed: COMPLETED, priority: PRIORITY });
        Self { values: vec![None; 16], ..Self::default() }
    }

    pub fn set(&mut self, key: KeyId, value: impl Into<Option<Value>>) -> &mut Self {
        self.values[usize::from(key.get())] = value.into();
        self.version += 1;
        self
    }

    /// These tasks are done.
    pub fn done(&mut self, tasks: &[TaskId]) -> &mut Self {
        self.sets = vec![tasks.iter().map(|task| task.get()).collect()];
        self.set(COMPLETED, Value::Set(SetRef::default()))
    }

    pub fn sized(&mut self, keys: usize, depth: usize, bytes: usize) -> &mut Self {
        self.size = StateSize { keys, depth, bytes };
        self.version += 1;
        self
    }
}

impl StateView for Desk {
    fn get(&self, key: KeyId) -> Option<Value> {
        self.values.get(usize::from(key.get())).copied().flatten()
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn size(&self) -> StateSize {
        self.size
    }

    fn set_contains(&self, set: SetRef, member: u32) -> bool {
        self.sets.get(set.index as usize).is_some_and(|set| set.contains(&member))
    }
}

/// A rule over one key; its id is its number.
pub fn rule(id: u16, op: Op, value: impl Into<Operand>) -> Rule {
    Rule::new(RuleId::new(id), OTHER, op, value, Decision::Branch)
}
