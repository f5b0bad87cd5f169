//! Commands that are left for whoever holds the right to commit.
//!
//! # Invariants
//!
//! * **P1** A place is its writer's, who took its index from the free list, but from the bit that he sets to the answer that he
//!   gets: in between it is the server's, who alone has the right.
//! * **P2** A bit that is set is taken by one server, who answers before he gives the right back. So a writer who gets the right
//!   himself, and has served, has his answer.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | P3 `post`: Release on the bits | P4 | the server carries out an older command of the place |
//! | P4 `serve`: Acquire on the bits | P3 | the same |
//! | P5 `serve`: Release store of `answered` | P6 | the writer takes an older answer, or does not see his own write |
//! | P6 `answer`: Acquire load of it | P5 | the same |

use super::StateError;
use crate::ids::{AgentId, KeyId};
use crate::slab::FreeList;
use crate::sync::{AtomicU64, Ordering};
use crate::value::Value;
use core::array;

/// A write of one key.
#[derive(Clone, Copy)]
pub(super) struct Command {
    pub(super) key: KeyId,
    pub(super) new: Option<Value>,
    /// The revision that the key must have.
    pub(super) revision: Option<u64>,
    pub(super) by: AgentId,
    pub(super) at: u32,
}

/// What came of a command: no other error is possible once it was found acceptable.
pub(super) type Answer = Result<u64, StateError>;

/// Beside the key: the revision counts. Whatever number it is, a caller may have given it.
const CONDITIONAL: u64 = 1 << 16;

impl Command {
    fn to_words(self) -> [u64; 5] {
        let [kind, content] = Value::words_of(self.new);
        let conditional = if self.revision.is_some() { CONDITIONAL } else { 0 };
        let key = u64::from(self.at) << 32 | conditional | u64::from(self.key.get());
        [key, kind, content, self.revision.unwrap_or(0), self.by.to_bits()]
    }

    fn from_words([key, kind, content, revision, by]: [u64; 5]) -> Self {
        Self {
            key: KeyId::new(key as u16),
            new: Value::from_words([kind, content]),
            revision: (key & CONDITIONAL != 0).then_some(revision),
            by: AgentId::from_bits(by),
            at: (key >> 32) as u32,
        }
    }
}

struct Place {
    command: [AtomicU64; 5],
    refused: AtomicU64,
    number: AtomicU64,
    answered: AtomicU64,
}

impl Place {
    fn new() -> Self {
        let word = || AtomicU64::new(0);
        Self { command: array::from_fn(|_| word()), refused: word(), number: word(), answered: word() }
    }
}

/// As many writers can leave their commands; further ones wait for the right itself.
const PLACES: usize = if cfg!(ringway_loom) { 2 } else { 64 };

pub(super) struct Posts {
    posted: AtomicU64,
    free: FreeList,
    places: [Place; PLACES],
}

impl Posts {
    pub(super) fn new() -> Self {
        Self { posted: AtomicU64::new(0), free: FreeList::full(PLACES), places: array::from_fn(|_| Place::new()) }
    }

    /// Leaves a command; none when all places are taken.
    pub(super) fn post(&self, command: &Command) -> Option<Posted<'_>> {
        let index = self.free.take()?;
        let place = &self.places[index as usize];
        place.answered.store(0, Ordering::Relaxed);
        command.to_words().iter().zip(&place.command).for_each(|(word, cell)| cell.store(*word, Ordering::Relaxed));
        self.posted.fetch_or(1 << index, Ordering::Release); // P3, pairs with P4
        Some(Posted { posts: self, index })
    }

    /// Carries out what was left so far. By the holder of the right only.
    pub(super) fn serve(&self, mut run: impl FnMut(&Command) -> Answer) {
        if self.posted.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut posted = self.posted.swap(0, Ordering::Acquire); // P4, pairs with P3
        while posted != 0 {
            let place = &self.places[posted.trailing_zeros() as usize];
            posted &= posted - 1;
            let words = array::from_fn(|word| place.command[word].load(Ordering::Relaxed));
            let (refused, number) = match run(&Command::from_words(words)) {
                Ok(version) => (0, version),
                Err(StateError::RevisionMismatch { current }) => (1, current),
                Err(error) => unreachable!("{error}: asked before it was posted"),
            };
            place.refused.store(refused, Ordering::Relaxed);
            place.number.store(number, Ordering::Relaxed);
            place.answered.store(1, Ordering::Release); // P5, pairs with P6
        }
    }
}

/// A command that was left, by who left it.
pub(super) struct Posted<'a> {
    posts: &'a Posts,
    index: u32,
}

impl Posted<'_> {
    pub(super) fn answer(&self) -> Option<Answer> {
        let place = &self.posts.places[self.index as usize];
        // Acquire: P6, pairs with P5.
        if place.answered.load(Ordering::Acquire) == 0 {
            return None;
        }
        let number = place.number.load(Ordering::Relaxed);
        let refused = place.refused.load(Ordering::Relaxed) != 0;
        Some(if refused { Err(StateError::RevisionMismatch { current: number }) } else { Ok(number) })
    }
}

impl Drop for Posted<'_> {
    /// P1: only after the answer.
    fn drop(&mut self) {
        self.posts.free.give(self.index);
    }
}
