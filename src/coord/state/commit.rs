//! How writes become versions.
//!
//! One thread at a time has the *right to commit* (`coord/turn.rs`). Whoever finds it taken leaves his command
//! ([`post`](super::post)) and is answered by the holder, or gets the right himself.
//!
//! # The word
//!
//! `sequence = version << 1 | writing`.
//!
//! # Invariants
//!
//! * **S1** Values, sequence and history are written by the holder of the right only.
//! * **S2** While the sequence is even and the same, no value changes: what was copied in between belongs to one version.
//! * **S3** A reader of a key needs none of this: each is a record of its own that is read whole.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | S4 `commit`: Release store of an even sequence | S5 | who reads a version finds keys, or a history, from before it |
//! | S5 `version`, `snapshot`: Acquire load of the sequence | S4 | the same |
//!
//! The second look of `snapshot` needs no fence: whoever has read a value of a later version has it from a record whose reading
//! acquires (C2 in `slot/two_copy.rs`), and with it the odd sequence that was stored before.

use super::figures::Figures;
use super::history::{Change, History};
use super::post::{Answer, Command, Posts};
use super::watch::Watching;
use super::{LARGEST_BATCH, Snapshot, StateError};
use crate::coord::turn::{Turn, Turns};
use crate::ids::{AgentId, KeyId};
use crate::slot::TwoCopy;
use crate::sync::{AtomicU64, Ordering, guard, spin_loop};
use crate::value::{ABSENT, Value};

const WRITING: u64 = 1;
/// Attempts of a snapshot beside the writers.
const ATTEMPTS: usize = if cfg!(ringway_loom) { 2 } else { 4 };

/// What only the holder of the right uses. Nothing in it grows.
struct Desk {
    /// The last version. Not read back from the sequence: a look before a store would hide the store's races from loom.
    version: u64,
    watching: Vec<Watching>,
    /// What the commit under way changes, for the watchers.
    changes: Vec<Change>,
    /// What a rollback is going to write.
    plan: Vec<(KeyId, Option<Value>)>,
    /// Keys that were come by, with the number of the search that came by them.
    marks: Box<[u64]>,
    searches: u64,
    /// Versions of this turn.
    batch: u64,
}

impl Desk {
    /// Forgets which keys were come by.
    fn search(&mut self) {
        self.searches += 1;
    }

    /// Whether the key is come by for the first time.
    fn first(&mut self, key: KeyId) -> bool {
        let mark = &mut self.marks[usize::from(key.get())];
        core::mem::replace(mark, self.searches) != self.searches
    }
}

pub(super) struct Commits {
    values: Box<[TwoCopy<[u64; 2]>]>,
    sequence: AtomicU64,
    /// Keys from here on were never written.
    used: AtomicU64,
    present: AtomicU64,
    history: History,
    posts: Posts,
    desks: Turns<Desk>,
    pub(super) figures: Figures,
}

/// The right to commit.
struct Right<'a> {
    commits: &'a Commits,
    turn: Turn<'a, Desk>,
}

impl Drop for Right<'_> {
    /// Takes along what was left meanwhile, before the turn is over.
    fn drop(&mut self) {
        self.commits.posts.serve(|command| self.commits.run(&mut self.turn, command));
        self.commits.figures.batch(core::mem::take(&mut self.turn.batch));
    }
}

impl Commits {
    pub(super) fn new(keys: usize, history: usize, watchers: usize, figures: Figures) -> Self {
        let desk = Desk {
            version: 0,
            watching: Vec::with_capacity(watchers),
            changes: Vec::with_capacity(keys.max(LARGEST_BATCH)),
            plan: Vec::with_capacity(keys),
            marks: vec![0; keys].into(),
            searches: 0,
            batch: 0,
        };
        Self {
            values: (0..keys).map(|_| TwoCopy::default()).collect(),
            sequence: AtomicU64::new(0),
            used: AtomicU64::new(0),
            present: AtomicU64::new(0),
            history: History::new(history),
            posts: Posts::new(),
            desks: Turns::new(desk),
            figures,
        }
    }

    #[inline]
    pub(super) fn read(&self, key: KeyId) -> (Option<Value>, u64) {
        let Some(value) = self.values.get(usize::from(key.get())) else { return (None, 0) };
        let (words, revision) = value.read_counted();
        (Value::from_words(words), revision)
    }

    pub(super) fn version(&self) -> u64 {
        self.sequence.load(Ordering::Acquire) >> 1 // S5, pairs with S4
    }

    /// Keys with a value.
    pub(super) fn present(&self) -> usize {
        self.present.load(Ordering::Relaxed) as usize
    }

    /// Keys that were ever written.
    pub(super) fn keys(&self) -> impl Iterator<Item = KeyId> + use<> {
        (0..self.used.load(Ordering::Relaxed)).map(|key| KeyId::new(key as u16))
    }

    pub(super) fn history(&self, out: &mut [Change]) -> usize {
        self.history.newest_first(self.version(), out)
    }

    fn try_right(&self) -> Option<Right<'_>> {
        self.desks.try_take().map(|turn| Right { commits: self, turn })
    }

    fn right(&self) -> Right<'_> {
        Right { commits: self, turn: self.desks.take() }
    }

    /// Carries a command out: by this thread, or by the one that has the right.
    pub(super) fn submit(&self, command: &Command) -> Answer {
        if let Some(mut right) = self.try_right() {
            return self.run(&mut right.turn, command);
        }
        let Some(posted) = self.posts.post(command) else {
            return self.run(&mut self.right().turn, command);
        };
        self.desks.wait_for(|| {
            // P2: with the right in hand, to have served is to be answered.
            posted.answer().or_else(|| self.try_right().map(drop).and_then(|()| posted.answer()))
        })
    }

    fn run(&self, turn: &mut Desk, command: &Command) -> Answer {
        let current = self.values[usize::from(command.key.get())].commits();
        match command.revision {
            Some(revision) if revision != current => Err(StateError::RevisionMismatch { current }),
            _ => Ok(self.commit(turn, [(command.key, command.new)], command.by, command.at)),
        }
    }

    pub(super) fn update(&self, changes: &[(KeyId, Option<Value>)], by: AgentId, at: u32) -> Answer {
        let mut right = self.right();
        let turn = &mut right.turn;
        turn.search();
        if !changes.iter().all(|&(key, _)| turn.first(key)) {
            return Err(StateError::DuplicateKey);
        }
        if changes.is_empty() {
            return Ok(self.version());
        }
        Ok(self.commit(turn, changes.iter().copied(), by, at))
    }

    pub(super) fn clear(&self, by: AgentId, at: u32) -> u64 {
        let mut right = self.right();
        let present = self.keys().filter(|&key| self.read(key).0.is_some());
        self.commit(&mut right.turn, present.map(|key| (key, None)), by, at)
    }

    pub(super) fn rollback(&self, to: u64, by: AgentId, at: u32) -> Answer {
        let mut right = self.right();
        let (turn, current, oldest) = (&mut right.turn, self.version(), self.history.oldest());
        if to > current {
            return Err(StateError::VersionInFuture { current });
        }
        if to < oldest {
            return Err(StateError::HistoryTrimmed { oldest });
        }
        turn.search();
        let mut plan = core::mem::take(&mut turn.plan);
        plan.clear();
        // A key's first change after that version says what it was then.
        plan.extend(
            self.history.since(to).filter(|change| turn.first(change.key)).map(|change| (change.key, change.old)),
        );
        plan.retain(|&(key, then)| self.read(key).0 != then);
        let version = self.commit(turn, plan.iter().copied(), by, at);
        turn.plan = plan;
        drop(right);
        self.figures.rolled_back(to, version);
        Ok(version)
    }

    /// The next version.
    fn commit(
        &self,
        turn: &mut Desk,
        changes: impl IntoIterator<Item = (KeyId, Option<Value>)>,
        by: AgentId,
        at: u32,
    ) -> u64 {
        let before = turn.version;
        turn.version += 1;
        let (version, mut written) = (turn.version, 0);
        self.sequence.store(before << 1 | WRITING, Ordering::Relaxed);
        for (key, new) in changes {
            let old = self.replace(key, new);
            written += 1;
            let change = Change { version, key, old, new, by, at };
            self.history.append(change);
            if !turn.watching.is_empty() {
                turn.changes.push(change);
            }
        }
        self.sequence.store(version << 1, Ordering::Release); // S4, pairs with S5
        // Only now, so that who is told finds the version.
        for change in turn.changes.drain(..) {
            turn.watching.iter_mut().for_each(|watching| watching.tell(&change));
        }
        turn.batch += 1;
        self.figures.committed(version, written, self.present());
        version
    }

    fn replace(&self, key: KeyId, new: Option<Value>) -> Option<Value> {
        let value = &self.values[usize::from(key.get())];
        let old = Value::from_words(value.read());
        let written = value.try_write(Value::words_of(new));
        debug_assert!(written, "S1");
        let present = self.present.load(Ordering::Relaxed) + u64::from(new.is_some()) - u64::from(old.is_some());
        self.present.store(present, Ordering::Relaxed);
        if u64::from(key.get()) >= self.used.load(Ordering::Relaxed) {
            self.used.store(u64::from(key.get()) + 1, Ordering::Relaxed);
        }
        old
    }

    pub(super) fn snapshot(&self, out: &mut Snapshot) -> u64 {
        if out.values.capacity() < self.values.len() {
            out.values.reserve_exact(self.values.len() - out.values.len());
        }
        for _ in 0..ATTEMPTS {
            let before = self.sequence.load(Ordering::Acquire); // S5, pairs with S4
            if before & WRITING == 0 {
                self.copy(before >> 1, out);
                // S2.
                if self.sequence.load(Ordering::Relaxed) == before || !guard("a copy beside a commit is thrown away") {
                    return out.version;
                }
            }
            spin_loop();
        }
        let _right = self.right();
        self.copy(self.version(), out);
        out.version
    }

    fn copy(&self, version: u64, out: &mut Snapshot) {
        let used = self.used.load(Ordering::Relaxed) as usize;
        out.values.clear();
        out.values.extend(self.values[..used].iter().map(TwoCopy::read));
        // Counted in the copy: the count that writers keep may be that of a later version already.
        (out.version, out.present) = (version, out.values.iter().filter(|words| **words != ABSENT).count());
    }

    pub(super) fn add_watcher(&self, watching: Watching, most: usize) -> Result<(), StateError> {
        let mut right = self.right();
        let turn = &mut right.turn;
        turn.watching.retain(|watching| !watching.is_gone());
        if turn.watching.len() == most {
            return Err(StateError::WatchersFull);
        }
        turn.watching.push(watching);
        Ok(())
    }

    pub(super) fn watchers(&self) -> usize {
        self.right().turn.watching.iter().filter(|watching| !watching.is_gone()).count()
    }

    /// Drops history and watchers; tells how many there were.
    pub(super) fn forget(&self) -> usize {
        let mut right = self.right();
        let turn = &mut right.turn;
        let watchers = turn.watching.iter().filter(|watching| !watching.is_gone()).count();
        turn.watching.clear();
        watchers + self.history.forget(self.version())
    }
}
