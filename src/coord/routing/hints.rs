//! Which tasks may run beside each other.

use super::error::RouteError;
use crate::ids::TaskId;
use crate::value::{Members, StateView, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// A task's hint, compiled: its peers and what it waits for are places in the list of all hints, and tasks.
#[derive(Debug)]
struct Hint {
    task: TaskId,
    after: Box<[TaskId]>,
    peers: Box<[u32]>,
    estimate_ms: u32,
}

/// Groups of tasks that may run beside each other once what they wait for is done. Clones share the list.
///
/// Decides [`Parallel`](super::Decision::Parallel) with confidence 0.9 for a task that is ready, if a peer is: one of its group that
/// is not done. Ready is a task when all that it waits for is in the set of completed tasks. Otherwise abstains, with 0.7.
#[derive(Clone, Debug)]
pub struct Hints {
    /// By ascending task.
    hints: Arc<[Hint]>,
}

/// Begins hints.
///
/// ```
/// use ringway::coord::routing::hints;
/// use ringway::ids::TaskId;
///
/// let [parse, map, verify] = [0, 1, 2].map(TaskId::new);
/// let hints = hints().task(map).group(1).after(&[parse]).estimate(20).task(verify).group(1).after(&[parse]).build()?;
/// assert_eq!(hints.estimate_ms(map), Some(20));
/// # Ok::<(), ringway::coord::routing::RouteError>(())
/// ```
pub fn hints() -> HintsBuilder {
    HintsBuilder { tasks: Vec::new(), homeless: false }
}

#[derive(Clone, Debug)]
struct Written {
    task: TaskId,
    group: Option<u32>,
    after: Vec<TaskId>,
    estimate_ms: u32,
}

/// Hints that are being written: [`task`](Self::task) begins one, what follows is about it.
#[derive(Clone, Debug)]
#[must_use = "it does nothing before it is built"]
pub struct HintsBuilder {
    tasks: Vec<Written>,
    /// Something was said before there was a task.
    homeless: bool,
}

impl HintsBuilder {
    /// The next calls are about this task. A task that comes again is the same.
    pub fn task(mut self, task: TaskId) -> Self {
        let written = match self.tasks.iter().position(|written| written.task == task) {
            Some(known) => self.tasks.remove(known),
            None => Written { task, group: None, after: Vec::new(), estimate_ms: 0 },
        };
        self.tasks.push(written);
        self
    }

    /// It belongs to this group.
    pub fn group(self, group: u32) -> Self {
        self.about(|written| written.group = Some(group))
    }

    /// It waits for all of these.
    pub fn after(self, tasks: &[TaskId]) -> Self {
        self.about(|written| written.after.extend_from_slice(tasks))
    }

    /// It takes about so many milliseconds. Kept for whoever plans; decides nothing.
    pub fn estimate(self, ms: u32) -> Self {
        self.about(|written| written.estimate_ms = ms)
    }

    fn about(mut self, write: impl FnOnce(&mut Written)) -> Self {
        match self.tasks.last_mut() {
            Some(written) => write(written),
            None => self.homeless = true,
        }
        self
    }

    /// The hints.
    ///
    /// # Errors
    ///
    /// [`EmptyTask`](RouteError::EmptyTask) if something was said before there was a task,
    /// [`EmptyGroup`](RouteError::EmptyGroup) if no task belongs to a group, [`SetTooLarge`](RouteError::SetTooLarge) above
    /// 65,536 tasks.
    pub fn build(mut self) -> Result<Hints, RouteError> {
        if self.homeless {
            return Err(RouteError::EmptyTask);
        }
        if self.tasks.len() > 1 << 16 {
            return Err(RouteError::SetTooLarge);
        }
        self.tasks.sort_by_key(|written| written.task);
        let mut groups: HashMap<u32, Vec<u32>> = HashMap::new();
        for (place, written) in self.tasks.iter().enumerate() {
            if let Some(group) = written.group {
                groups.entry(group).or_default().push(place as u32);
            }
        }
        if groups.is_empty() {
            return Err(RouteError::EmptyGroup);
        }
        let hint = |(place, written): (usize, Written)| {
            let group = written.group.and_then(|group| groups.get(&group)).map_or(&[][..], Vec::as_slice);
            let peers = group.iter().copied().filter(|peer| *peer as usize != place).collect();
            Hint { task: written.task, after: written.after.into(), peers, estimate_ms: written.estimate_ms }
        };
        Ok(Hints { hints: self.tasks.into_iter().enumerate().map(hint).collect() })
    }
}

impl Hints {
    fn find(&self, task: TaskId) -> Option<&Hint> {
        let place = self.hints.binary_search_by_key(&task, |hint| hint.task).ok()?;
        Some(&self.hints[place])
    }

    /// How long a task is said to take, in milliseconds.
    pub fn estimate_ms(&self, task: TaskId) -> Option<u32> {
        Some(self.find(task)?.estimate_ms)
    }

    /// All tasks that are named.
    pub(super) fn tasks(&self) -> impl Iterator<Item = TaskId> {
        self.hints.iter().flat_map(|hint| hint.after.iter().copied().chain([hint.task]))
    }

    /// Tells the tasks that can run beside this one now. Looks for the set of completed tasks once, however many there are.
    pub(super) fn peers(
        &self,
        completed: Option<Value>,
        state: &dyn StateView,
        task: TaskId,
        mut found: impl FnMut(TaskId),
    ) {
        let Some(me) = self.find(task).filter(|me| !me.peers.is_empty()) else { return };
        let mut look = |is_done: &Members<'_>| {
            let is_ready = |hint: &Hint| hint.after.iter().all(|task| is_done(task.get()));
            if is_ready(me) {
                let peers = me.peers.iter().map(|peer| &self.hints[*peer as usize]);
                let able = peers.filter(|peer| !is_done(peer.task.get()) && is_ready(peer));
                able.for_each(|peer| found(peer.task));
            }
        };
        match completed {
            Some(Value::Set(set)) => state.with_set(set, &mut look),
            // Where there is no set, nothing is done.
            _ => look(&|_| false),
        }
    }

    /// How many tasks these are.
    #[inline]
    pub(super) fn count(&self, completed: Option<Value>, state: &dyn StateView, task: TaskId) -> u16 {
        let mut count = 0_u16;
        self.peers(completed, state, task, |_| count = count.saturating_add(1));
        count
    }
}
