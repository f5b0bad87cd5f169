//! Handles: one that owns its value, and those that share one.

use super::{Inner, MOST_SHARED, OWNED, Place, count, generation, state};
use crate::sync::{Arc, Ordering};
use crate::value::BlobRef;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};

/// A place that holds a value, as its handles see it.
///
/// One `At` of a place stands for the reference to the memory that the place holds (B2); the others lean on it.
struct At<T> {
    inner: *const Inner<T>,
    index: u32,
}

impl<T> Clone for At<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for At<T> {}

impl<T> At<T> {
    fn inner(&self) -> &Inner<T> {
        // SAFETY: B2: handles exist only while their place holds a value.
        unsafe { &*self.inner }
    }

    fn place(&self) -> &Place<T> {
        &self.inner().places[self.index as usize]
    }

    /// The value, for reading.
    fn value(&self) -> &T {
        self.inner().watch.look(self.index as usize, 1);
        // SAFETY: B2: the place of a handle holds a value; B3: whoever has a handle may read it.
        unsafe { (*self.place().value.get()).assume_init_ref() }
    }

    fn reference(&self) -> BlobRef {
        BlobRef { index: self.index, generation: generation(self.place().state.load(Ordering::Relaxed)) }
    }

    /// Moves the value out and gives the place back. The caller was the last handle, and is one no more.
    fn vacate(self) -> T {
        let (value, inner) = self.empty();
        inner.free.give(self.index);
        value
    }

    /// Moves the value out; the index is the caller's from then on.
    fn empty(self) -> (T, Arc<Inner<T>>) {
        // SAFETY: B2: the reference that the place held, made by `into_raw` in `Handle::new`.
        let inner = unsafe { Arc::from_raw(self.inner) };
        inner.watch.touch(self.index as usize);
        let place = &inner.places[self.index as usize];
        // SAFETY: B3: the last handle has the value for itself.
        let value = unsafe { (*place.value.get()).assume_init_read() };
        let generation = generation(place.state.load(Ordering::Relaxed));
        // B4. Relaxed: the next to use the place learns of it by L3.
        place.state.store(state(generation.wrapping_add(1), 0), Ordering::Relaxed);
        (value, inner)
    }
}

impl<T: fmt::Debug> fmt::Debug for At<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value().fmt(f)
    }
}

/// Owns a value in a [`Slab`](super::Slab), as a `Box` owns one on the heap. Dropping it drops the value and frees the place,
/// without waiting, on whichever thread.
pub struct Handle<T> {
    at: At<T>,
}

// SAFETY: as a `Box`; the place goes back to a list for all threads.
unsafe impl<T: Send> Send for Handle<T> {}
// SAFETY: as a `Box`.
unsafe impl<T: Sync> Sync for Handle<T> {}

impl<T> Handle<T> {
    /// The handle of a place that was just occupied, and a reference for it to hold.
    pub(super) fn new(inner: Arc<Inner<T>>, index: u32) -> Self {
        Self { at: At { inner: Arc::into_raw(inner), index } }
    }

    /// Moves the value out.
    pub fn into_inner(self) -> T {
        ManuallyDrop::new(self).at.vacate()
    }

    /// Moves the value out, and leaves the index to the caller. Gives the handle itself if it is of another slab.
    pub(super) fn recycle(self, slab: &Arc<Inner<T>>) -> Result<(T, u32), Self> {
        if !core::ptr::eq(self.at.inner, Arc::as_ptr(slab)) {
            return Err(self);
        }
        let at = ManuallyDrop::new(self).at;
        Ok((at.empty().0, at.index))
    }

    /// Lets the value be shared, and looked up by its [`reference`](Shared::reference).
    pub fn share(self) -> Shared<T> {
        self.count(1)
    }

    /// `n` shared handles at the cost of one: the count is set before the first goes out. None for 0, which drops the value.
    ///
    /// ```
    /// use ringway::slab::Slab;
    /// let slab = Slab::new(1);
    /// let letters: Vec<_> = slab.insert("to three")?.share_among(3).collect();
    /// assert!(letters.iter().all(|letter| **letter == "to three"));
    /// drop(letters);
    /// assert!(slab.is_empty());
    /// # Ok::<(), ringway::slab::Exhausted<&str>>(())
    /// ```
    ///
    /// # Panics
    ///
    /// If `n` is above 2^31.
    pub fn share_among(self, n: u32) -> Shares<T> {
        assert!(n <= MOST_SHARED, "{n} handles are too many");
        if n == 0 {
            return Shares { next: None, left: 0 };
        }
        Shares { next: Some(ManuallyDrop::new(self.count(n))), left: n }
    }

    /// Turns the one handle into `n` shared ones, of which it gives one.
    fn count(self, n: u32) -> Shared<T> {
        let at = ManuallyDrop::new(self).at;
        let place = at.place();
        let generation = generation(place.state.load(Ordering::Relaxed));
        // Release: B5, pairs with B6.
        place.state.store(state(generation, n), Ordering::Release);
        Shared { at }
    }
}

impl<T> Deref for Handle<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.at.value()
    }
}

impl<T> DerefMut for Handle<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.at.inner().watch.touch(self.at.index as usize);
        // SAFETY: B3: the place is this handle's alone, which is borrowed for as long.
        unsafe { (*self.at.place().value.get()).assume_init_mut() }
    }
}

impl<T> Drop for Handle<T> {
    fn drop(&mut self) {
        debug_assert_eq!(count(self.at.place().state.load(Ordering::Relaxed)), OWNED);
        drop(self.at.vacate());
    }
}

impl<T: fmt::Debug> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.at).finish()
    }
}

/// One of several handles of a value in a [`Slab`](super::Slab), as an `Arc` is of one on the heap. The last to be dropped drops
/// the value and frees the place.
pub struct Shared<T> {
    at: At<T>,
}

// SAFETY: as an `Arc`: any thread reads (Sync) and the last one drops (Send).
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: the same.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// A handle that was counted already.
    pub(super) fn new(inner: *const Inner<T>, index: u32) -> Self {
        Self { at: At { inner, index } }
    }

    /// The name of the value in plain data, for [`Slab::get`](super::Slab::get) of the same slab.
    pub fn reference(&self) -> BlobRef {
        self.at.reference()
    }
}

impl<T> Clone for Shared<T> {
    /// # Panics
    ///
    /// If there are 2^31 handles already.
    fn clone(&self) -> Self {
        let state = &self.at.place().state;
        // Relaxed: the new handle is made of one that sees the value.
        if count(state.fetch_add(1, Ordering::Relaxed)) >= MOST_SHARED {
            state.fetch_sub(1, Ordering::Relaxed);
            panic!("too many handles of one value");
        }
        Self { at: self.at }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.at.value()
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        // AcqRel: B7, pairs with itself.
        if count(self.at.place().state.fetch_sub(1, Ordering::AcqRel)) == 1 {
            drop(self.at.vacate());
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shared").field(&self.at).finish()
    }
}

/// Shared handles that are counted already: see [`Handle::share_among`]. Those that are not taken are dropped with it.
pub struct Shares<T> {
    /// While any are left.
    next: Option<ManuallyDrop<Shared<T>>>,
    left: u32,
}

impl<T> Iterator for Shares<T> {
    type Item = Shared<T>;

    fn next(&mut self) -> Option<Shared<T>> {
        let at = self.next.as_ref()?.at;
        self.left -= 1;
        if self.left == 0 {
            self.next = None;
        }
        Some(Shared { at })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left as usize, Some(self.left as usize))
    }
}

impl<T> ExactSizeIterator for Shares<T> {}

impl<T> Drop for Shares<T> {
    fn drop(&mut self) {
        self.by_ref().for_each(drop);
    }
}

impl<T> fmt::Debug for Shares<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shares").field("left", &self.left).finish()
    }
}
