//! A value that is replaced whole while others read it.
//!
//! `arc-swap` keeps it in service. Loom does not see into that crate: in models a mutex takes its place, which orders at least as
//! much, so that what is modelled is the code around it.

use std::sync::Arc;

/// A snapshot. Whoever reads it sees all that its publisher did before.
#[cfg(not(ringway_loom))]
pub(crate) struct Swap<T>(arc_swap::ArcSwap<T>);

#[cfg(not(ringway_loom))]
impl<T> Swap<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(arc_swap::ArcSwap::from_pointee(value))
    }

    /// The present one, without waiting. Allocates on a thread's first call only.
    #[inline]
    pub(crate) fn load(&self) -> impl core::ops::Deref<Target = Arc<T>> {
        self.0.load()
    }

    /// Publishes another one, and gives the one before.
    pub(crate) fn swap(&self, value: Arc<T>) -> Arc<T> {
        self.0.swap(value)
    }
}

#[cfg(ringway_loom)]
pub(crate) struct Swap<T>(super::Mutex<Arc<T>>);

#[cfg(ringway_loom)]
impl<T> Swap<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(super::Mutex::new(Arc::new(value)))
    }

    pub(crate) fn load(&self) -> impl core::ops::Deref<Target = Arc<T>> {
        struct Loaded<T>(Arc<T>);
        impl<T> core::ops::Deref for Loaded<T> {
            type Target = Arc<T>;
            fn deref(&self) -> &Arc<T> {
                &self.0
            }
        }
        Loaded(Arc::clone(&self.lock()))
    }

    pub(crate) fn swap(&self, value: Arc<T>) -> Arc<T> {
        core::mem::replace(&mut *self.lock(), value)
    }

    fn lock(&self) -> super::MutexGuard<'_, Arc<T>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
