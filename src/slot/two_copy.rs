//! A record in two copies, so that a reader is not disturbed by the writer beside it.
//!
//! The writer fills the copy that is not current and then makes it current. A stopped writer therefore holds up no reader: the
//! current copy stays whole. Words are copied by atomics, so that a copy which the writer has come round to is noticed and
//! thrown away.
//!
//! # The word
//!
//! `sequence = commits << 1 | writing`. Copy `commits & 1` is the current one.
//!
//! # Invariants
//!
//! * **W1** The sequence only grows, by one: to odd by a compare-and-swap, to even by who made it odd, who alone stores words
//!   in between, and only those of the copy that is not current.
//! * **W2** So the copy that is current after commit `c` is not touched before the sequence has reached `2c + 3`.
//!
//! # Orderings
//!
//! | site | pairs with | without it |
//! |---|---|---|
//! | C1 `try_write`: Release store of an even sequence | C2, C3 | a reader takes words that are not written yet for the record |
//! | C2 `read`: Acquire load of the sequence | C1 | the same |
//! | C3 `try_write`: Acquire on the step to odd | C1 | an earlier writer's words could land on top of the new ones |
//! | C4 `try_write`: Release fence between the odd sequence and the words | C5 | a reader sees new words and still the old sequence: a torn record |
//! | C5 `read`: Acquire fence between the words and the second look | C4 | the same |
//!
//! A reader that finds the sequence odd pairs with C1 all the same: the step to odd is a read-modify-write, and carries on what
//! the store before it released.

use crate::sync::{AtomicU64, Ordering, fence, guard};
use core::array;
use core::fmt;

const WRITING: u64 = 1;

mod sealed {
    pub trait Sealed {}
    impl<const N: usize> Sealed for [u64; N] {}
}

/// Records of whole words, `[u64; N]`: what a [`TwoCopy`] holds. Sealed.
pub trait Words: Copy + sealed::Sealed {
    /// The atomic words of a copy.
    #[doc(hidden)]
    type Cells;

    #[doc(hidden)]
    fn cells(self) -> Self::Cells;

    #[doc(hidden)]
    fn load(cells: &Self::Cells) -> Self;

    #[doc(hidden)]
    fn store(self, cells: &Self::Cells);
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Cells<const N: usize>([AtomicU64; N]);

impl<const N: usize> Words for [u64; N] {
    type Cells = Cells<N>;

    fn cells(self) -> Cells<N> {
        Cells(self.map(AtomicU64::new))
    }

    #[inline(always)]
    fn load(cells: &Cells<N>) -> Self {
        array::from_fn(|word| cells.0[word].load(Ordering::Relaxed))
    }

    #[inline(always)]
    fn store(self, cells: &Cells<N>) {
        self.iter().zip(&cells.0).for_each(|(word, cell)| cell.store(*word, Ordering::Relaxed));
    }
}

/// A record of words that any thread reads whole, and one at a time replaces.
///
/// Reading writes nothing. It is lock-free: it begins again only when two replacements pass during one copy, and no thread that
/// stands still can hold it up. Replacing is wait-free, and refused while another replacement is under way. In place:
/// `TwoCopy<[u64; N]>` has `2 * N + 1` words and allocates nothing.
///
/// ```
/// use ringway::slot::TwoCopy;
/// use ringway::value::Value;
///
/// // A value with its revision, in three words.
/// let record = |value: Value, revision: u64| {
///     let [kind, content] = value.to_words();
///     [kind, content, revision]
/// };
/// let slot = TwoCopy::new(record(Value::Int(1), 1));
/// assert!(slot.try_write(record(Value::Bool(true), 2)));
/// let [kind, content, revision] = slot.read();
/// assert_eq!((Value::from_words([kind, content]), revision), (Some(Value::Bool(true)), 2));
/// ```
pub struct TwoCopy<W: Words> {
    sequence: AtomicU64,
    copies: [W::Cells; 2],
}

impl<W: Words> TwoCopy<W> {
    /// A slot that holds `record`.
    pub fn new(record: W) -> Self {
        Self { sequence: AtomicU64::new(0), copies: [record.cells(), record.cells()] }
    }

    /// The record that was current at some moment during the call. Lock-free.
    #[inline]
    pub fn read(&self) -> W {
        self.read_counted().0
    }

    /// The record, and how many replacements had been made when it was the current one. Lock-free.
    #[inline]
    pub fn read_counted(&self) -> (W, u64) {
        loop {
            // Acquire: C2, pairs with C1.
            let commits = self.sequence.load(Ordering::Acquire) >> 1;
            let record = W::load(&self.copies[(commits & 1) as usize]);
            fence(Ordering::Acquire); // C5, pairs with C4
            let passed = self.sequence.load(Ordering::Relaxed).wrapping_sub(commits << 1);
            // W2.
            if passed < 3 || !guard("a copy that was come round to is thrown away") {
                return (record, commits);
            }
        }
    }

    /// Replaces the record; false, and nothing done, while another replacement is under way. Wait-free.
    ///
    /// Where writers are kept apart by other means it always succeeds.
    #[inline]
    #[must_use = "false means that nothing was written"]
    pub fn try_write(&self, record: W) -> bool {
        let seen = self.sequence.load(Ordering::Relaxed);
        let writing = seen | WRITING;
        // W1. Acquire: C3, pairs with C1.
        if seen == writing
            || self.sequence.compare_exchange(seen, writing, Ordering::Acquire, Ordering::Relaxed).is_err()
        {
            return false;
        }
        fence(Ordering::Release); // C4, pairs with C5
        let next = (seen >> 1).wrapping_add(1);
        record.store(&self.copies[(next & 1) as usize]);
        // Release: C1, pairs with C2 and C3.
        self.sequence.store(next << 1, Ordering::Release);
        true
    }

    /// How many replacements have been made. What was done before them is not made visible by it.
    pub fn commits(&self) -> u64 {
        self.sequence.load(Ordering::Relaxed) >> 1
    }
}

impl<W: Words + Default> Default for TwoCopy<W> {
    fn default() -> Self {
        Self::new(W::default())
    }
}

impl<W: Words + fmt::Debug> fmt::Debug for TwoCopy<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (record, commits) = self.read_counted();
        f.debug_struct("TwoCopy").field("record", &record).field("commits", &commits).finish()
    }
}
