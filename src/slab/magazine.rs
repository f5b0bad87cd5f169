//! Free places of a thread's own.

use super::{Exhausted, Handle, Inner};
use crate::sync::Arc;
use core::fmt;

/// How many places a magazine holds at most.
const SIZE: usize = 64;
/// How many it fetches at a time.
const FETCH: usize = SIZE / 2;

/// Inserts into a [`Slab`](super::Slab) for one thread: fetches free places 32 at a time, so that threads that insert often do
/// not meet at the common list.
///
/// What waits in a magazine is no room for others: give a slab 64 places for each magazine beyond what it has to hold. Places
/// go back to the common list with [`give_back`](Self::give_back), or when the magazine is dropped.
///
/// ```
/// use ringway::slab::Slab;
/// let slab = Slab::new(64);
/// let mut magazine = slab.magazine();
/// let handle = magazine.insert(1)?;
/// magazine.recycle(handle); // its place stays with this thread
/// assert_eq!(slab.len(), 0);
/// # Ok::<(), ringway::slab::Exhausted<i32>>(())
/// ```
pub struct Magazine<T> {
    inner: Arc<Inner<T>>,
    places: [u32; SIZE],
    len: usize,
}

impl<T> Magazine<T> {
    pub(super) fn new(inner: Arc<Inner<T>>) -> Self {
        Self { inner, places: [0; SIZE], len: 0 }
    }

    /// Puts a value in. Lock-free, wait-free where the magazine has a place; allocates nothing.
    ///
    /// # Errors
    ///
    /// [`Exhausted`] gives the value back when neither the magazine nor the slab has a place.
    pub fn insert(&mut self, value: T) -> Result<Handle<T>, Exhausted<T>> {
        if self.len == 0 {
            self.len = self.inner.free.take_some(&mut self.places[..FETCH]);
        }
        match self.len.checked_sub(1) {
            Some(last) => {
                self.len = last;
                Ok(Inner::occupy(&self.inner, self.places[last], value))
            }
            None => Err(Exhausted(value)),
        }
    }

    /// Drops a value and keeps its place for this thread, if there is room here and the place is of this slab. Otherwise it is
    /// as dropping the handle.
    pub fn recycle(&mut self, handle: Handle<T>) {
        if self.len == SIZE {
            return drop(handle);
        }
        if let Ok((value, index)) = handle.recycle(&self.inner) {
            // Before the value is dropped, which may panic.
            self.places[self.len] = index;
            self.len += 1;
            drop(value);
        }
    }

    /// Gives all places back that wait here.
    pub fn give_back(&mut self) {
        self.inner.free.give_all(&self.places[..self.len]);
        self.len = 0;
    }
}

impl<T> Drop for Magazine<T> {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl<T> fmt::Debug for Magazine<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Magazine").field("len", &self.len).finish_non_exhaustive()
    }
}
