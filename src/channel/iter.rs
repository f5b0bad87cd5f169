//! Receivers as iterators.

use super::{Kind, Receiver};
use core::iter::FusedIterator;

/// Messages as they come; see [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T, K: Kind> {
    pub(super) receiver: &'a mut Receiver<T, K>,
}

impl<T, K: Kind> Iterator for Iter<'_, T, K> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T, K: Kind> FusedIterator for Iter<'_, T, K> {}

/// The messages that are there; see [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T, K: Kind> {
    pub(super) receiver: &'a mut Receiver<T, K>,
}

impl<T, K: Kind> Iterator for TryIter<'_, T, K> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.try_recv().ok()
    }
}

/// Messages as they come, from a receiver of its own.
#[derive(Debug)]
pub struct IntoIter<T, K: Kind> {
    pub(super) receiver: Receiver<T, K>,
}

impl<T, K: Kind> Iterator for IntoIter<T, K> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.receiver.recv().ok()
    }
}

impl<T, K: Kind> FusedIterator for IntoIter<T, K> {}
