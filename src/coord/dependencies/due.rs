//! What a turn does about time.

use super::DepError;
use super::dep::{DepState, On, ProbeCx, Ready};
use super::heap::Heap;
use super::registry::{Entry, Registry, ns};

/// A probe that is to be asked, and by whom it is remembered.
pub(super) struct Asked {
    pub(super) f: fn(&ProbeCx) -> Ready,
    pub(super) cx: ProbeCx,
    dep: u32,
    generation: u32,
}

impl Registry {
    /// When something is due.
    pub(super) fn next_due(&self) -> u64 {
        [&self.timeouts, &self.probes].into_iter().filter_map(Heap::first).map(|(due, _)| due).min().unwrap_or(u64::MAX)
    }

    /// A probe that is due, if one more may be asked. It keeps its rhythm whatever comes of it.
    pub(super) fn due_probe(&mut self, now: u64, most: usize) -> Option<Asked> {
        while self.asking < most
            && let Some((due, dep)) = self.probes.first().filter(|(due, _)| *due <= now)
        {
            let entry = &mut self.deps[dep as usize];
            let On::Probe { f, every } = entry.on else { unreachable!("only probes are in there") };
            let missed = (now - due) / ns(every);
            self.probes.set(dep, due.saturating_add(ns(every).saturating_mul(missed + 1)));
            // One that takes longer than its interval is not asked twice at a time.
            if entry.state == DepState::Pending {
                entry.state = DepState::InProgress;
                let cx = ProbeCx { coordination: entry.coordination, dep: entry.id, asked: entry.asked, now_ns: now };
                entry.asked += 1;
                let generation = entry.generation;
                self.asking += 1;
                return Some(Asked { f, cx, dep, generation });
            }
        }
        None
    }

    /// What came of a probe; none is a panic.
    pub(super) fn answered(&mut self, asked: &Asked, answer: Option<Ready>, now: u64) {
        self.asking -= 1;
        let entry = &mut self.deps[asked.dep as usize];
        // Its ticket may have been given back, or have run out of time.
        if entry.generation != asked.generation || entry.state != DepState::InProgress {
            return;
        }
        entry.state = DepState::Pending;
        let id = entry.id;
        match answer {
            Some(Ready::NotYet) => {}
            Some(Ready::Failed) if entry.retries > 0 => entry.retries -= 1,
            Some(Ready::Yes) => {
                (entry.resolved_at, entry.resolved_by) = (Some(now), Some(1.0));
                self.announce(asked.dep, 1.0);
                self.settle(asked.dep, DepState::Resolved, Ok(()));
            }
            Some(Ready::Failed) => drop(self.settle(asked.dep, DepState::Failed, Err(DepError::Failed { dep: id }))),
            None => drop(self.settle(asked.dep, DepState::Failed, Err(DepError::ProbeFault { dep: id }))),
        }
    }

    /// Carries out what has timed out by now.
    pub(super) fn time_out(&mut self, now: u64) -> usize {
        let mut done = 0;
        while let Some((_, dep)) = self.timeouts.first().filter(|(due, _)| *due <= now) {
            let Entry { id, timeout, .. } = self.deps[dep as usize];
            self.settle(dep, DepState::Timeout, Err(DepError::Timeout { dep: id, after: timeout }));
            done += 1;
        }
        done
    }
}
