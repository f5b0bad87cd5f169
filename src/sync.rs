//! The only door to atomics, cells, threads and parking: the standard library's, or loom's in a model.
//!
//! Everything in the layers above names `crate::sync`, never `std::sync::atomic` or `std::thread`, so the code
//! that loom explores is the code that ships. What differs between the two builds (`loom-tests/README.md` has the whole list):
//!
//! * **Time.** Loom has no clock. A sleep with a timeout of zero times out at once; any other timeout never elapses.
//! * **Parking.** [`Futex`] is the operating system's futex on Linux and a mutex with a condition variable elsewhere;
//!   loom runs the latter.
//! * **Slots.** Loom cannot look into a slice of cells, so each slot carries a zero-sized [`Watch`] cell that is
//!   touched at every access; outside models it vanishes.
//! * **Snapshots.** [`Swap`] is `arc-swap`'s; in models, a mutex around a counted reference.
//! * **Lanes.** A broadcast has three lanes for receivers in models, 64 otherwise.

#[cfg(all(ringway_loom, not(feature = "loom")))]
compile_error!("`--cfg ringway_loom` needs the feature `loom`: add `--features loom`");

#[cfg(not(ringway_loom))]
mod imp {
    pub(crate) use core::hint::spin_loop;
    pub(crate) use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};
    #[cfg(not(target_os = "linux"))]
    pub(crate) use std::sync::Condvar;
    pub(crate) use std::sync::{Arc, Mutex, MutexGuard};
    pub(crate) use std::thread::yield_now;
}

#[cfg(ringway_loom)]
mod imp {
    #[cfg(ringway_mutants)]
    pub(crate) use super::mutant::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence, guard};
    pub(crate) use loom::hint::spin_loop;
    #[cfg(not(ringway_mutants))]
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};
    pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
    pub(crate) use loom::thread::yield_now;
}

pub(crate) use imp::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

mod deadline;
mod futex;
#[cfg(test)]
pub(crate) mod model;
#[cfg(ringway_mutants)]
mod mutant;
#[cfg(feature = "coord")]
mod swap;
pub(crate) use deadline::Deadline;
pub(crate) use futex::{Futex, Woken, epoch};
#[cfg(feature = "coord")]
pub(crate) use swap::Swap;

/// Names a step whose lack a model must notice: always true, except in a build of mutants.
#[cfg(not(ringway_mutants))]
#[inline(always)]
pub(crate) const fn guard(_name: &str) -> bool {
    true
}

/// Calls user code; `None` if it panicked.
#[inline]
pub(crate) fn caught<R>(f: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(f)).map_err(let_go).ok()
}

/// What it panicked with may itself panic when it is dropped; what that panics with is not looked at any more.
#[cold]
fn let_go(payload: Box<dyn core::any::Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        core::mem::forget(second);
    }
}

/// Passes a moment on the processor. Loom has no moments.
#[inline]
pub(crate) fn pause(spins: u32) {
    if cfg!(not(ringway_loom)) {
        (0..spins).for_each(|_| spin_loop());
    }
}

/// Gives the core away for about `duration`, without an event to be woken by.
#[cfg(not(ringway_loom))]
pub(crate) fn nap(duration: core::time::Duration) {
    std::thread::sleep(duration);
}

#[cfg(ringway_loom)]
pub(crate) fn nap(_duration: core::time::Duration) {
    yield_now();
}

/// A figure for people: nothing is decided by it, so models need not explore it.
pub(crate) struct Counter(core::sync::atomic::AtomicU64);

impl Counter {
    pub(crate) const fn new() -> Self {
        Self(core::sync::atomic::AtomicU64::new(0))
    }

    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, core::sync::atomic::Ordering::Relaxed);
    }

    /// Counts one more, and tells which: from 1 on, to each caller another.
    #[cfg(feature = "coord")]
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, core::sync::atomic::Ordering::Relaxed) + 1
    }

    /// Makes it at least `n`.
    pub(crate) fn raise(&self, n: u64) {
        self.0.fetch_max(n, core::sync::atomic::Ordering::Relaxed);
    }

    /// For counters that one thread keeps.
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, core::sync::atomic::Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(core::sync::atomic::Ordering::Relaxed)
    }
}

/// Tells loom which slots are touched, and how; nothing at all outside models.
#[cfg(not(ringway_loom))]
pub(crate) struct Watch;

#[cfg(not(ringway_loom))]
impl Watch {
    pub(crate) fn new(_slots: usize) -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) fn touch(&self, _slot: usize) {}

    #[inline(always)]
    pub(crate) fn touch_run(&self, _slot: usize, _len: usize) {}

    #[inline(always)]
    pub(crate) fn look(&self, _slot: usize, _len: usize) {}
}

#[cfg(ringway_loom)]
pub(crate) struct Watch(Vec<loom::cell::UnsafeCell<()>>);

#[cfg(ringway_loom)]
impl Watch {
    pub(crate) fn new(slots: usize) -> Self {
        Self((0..slots).map(|_| loom::cell::UnsafeCell::new(())).collect())
    }

    /// Fails the model unless every earlier access to `slot` happens before this one.
    pub(crate) fn touch(&self, slot: usize) {
        self.0[slot].with_mut(|_| ());
    }

    /// The same for `len` slots from `slot` on, around the end.
    pub(crate) fn touch_run(&self, slot: usize, len: usize) {
        (slot..slot + len).for_each(|slot| self.touch(slot % self.0.len()));
    }

    /// The same, beside others who look too.
    pub(crate) fn look(&self, slot: usize, len: usize) {
        (slot..slot + len).for_each(|slot| self.0[slot % self.0.len()].with(|_| ()));
    }
}

/// The handle of a worker's thread. Workers are not modelled: their threads are the system's in every build.
pub(crate) use std::thread::{JoinHandle, ThreadId};

/// Who runs this.
pub(crate) fn this_thread() -> ThreadId {
    std::thread::current().id()
}

/// How many threads can run at the same time: by the calling thread's mask and, on Linux, by the process's quota.
pub(crate) fn parallelism() -> Option<usize> {
    std::thread::available_parallelism().ok().map(usize::from)
}

/// Starts a thread for a worker.
pub(crate) fn spawn_thread(name: String, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name).spawn(run)
}
