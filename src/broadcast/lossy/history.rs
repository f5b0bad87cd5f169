//! Looking back.

use crate::ring::{LossyRing, Read};
use bytemuck::Pod;
use core::fmt;
use core::iter::FusedIterator;

/// The messages that a lossy channel keeps, with their positions, from the oldest to the newest, or the other way round with
/// [`rev`](Iterator::rev). Moves no receiver, allocates nothing, and holds up nobody.
///
/// It covers what had been sent when it was made. A message that is overwritten before the history comes to it, or whose
/// sender is not done with it or gave it up, is left out and counted in [`missed`](History::missed).
///
/// ```
/// let (mut tx, rx) = ringway::broadcast::lossy::<u64>(4);
/// tx.send_all(&[10, 11, 12, 13, 14])?;
/// assert_eq!(rx.history().collect::<Vec<_>>(), [(1, 11), (2, 12), (3, 13), (4, 14)]);
/// assert_eq!(tx.history().rev().next(), Some((4, 14)));
/// # Ok::<(), ringway::Disconnected>(())
/// ```
pub struct History<'a, T> {
    ring: &'a LossyRing<T>,
    first: u64,
    left: u64,
    missed: u64,
}

impl<'a, T> History<'a, T> {
    pub(super) fn new(ring: &'a LossyRing<T>) -> Self {
        let (first, left) = ring.retained();
        Self { ring, first, left, missed: 0 }
    }

    /// How many of the messages it covers could not be read so far.
    pub fn missed(&self) -> u64 {
        self.missed
    }
}

impl<T: Pod> History<'_, T> {
    fn read(&mut self, position: u64) -> Option<(u64, T)> {
        match self.ring.read(position) {
            Read::Message(message) => Some((LossyRing::<T>::shown(position), message)),
            Read::NotYet | Read::Lost(_) => {
                self.missed += 1;
                None
            }
        }
    }
}

impl<T: Pod> Iterator for History<'_, T> {
    type Item = (u64, T);

    fn next(&mut self) -> Option<(u64, T)> {
        while self.left > 0 {
            let position = self.first;
            self.first = position.wrapping_add(1);
            self.left -= 1;
            if let Some(found) = self.read(position) {
                return Some(found);
            }
        }
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, usize::try_from(self.left).ok())
    }
}

impl<T: Pod> DoubleEndedIterator for History<'_, T> {
    fn next_back(&mut self) -> Option<(u64, T)> {
        while self.left > 0 {
            self.left -= 1;
            if let Some(found) = self.read(self.first.wrapping_add(self.left)) {
                return Some(found);
            }
        }
        None
    }
}

impl<T: Pod> FusedIterator for History<'_, T> {}

impl<T> fmt::Debug for History<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History").field("left", &self.left).field("missed", &self.missed).finish_non_exhaustive()
    }
}
