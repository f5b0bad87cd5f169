//! A word to sleep on.
//!
//! [`Futex`] owns one `AtomicU64`: an *epoch* in the upper half and, in the lower half, whatever its owner keeps
//! there. A sleeper sleeps while the epoch is the one it has read; a waker changes the epoch first. The check and
//! the falling asleep are one step: on Linux the kernel's, elsewhere (and in models) under a mutex.
//!
//! # Invariants
//!
//! * **F1** The word is 8-byte aligned and lives as long as the futex, and a sleeper or waker borrows the futex throughout.
//! * **F2** In Rust the word is only ever accessed whole; the kernel alone reads its upper half.

use super::AtomicU64;
#[cfg(any(not(target_os = "linux"), ringway_loom))]
use super::{Condvar, Mutex, Ordering, guard};
use core::time::Duration;

/// How a sleep ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Somebody woke us, the epoch had changed, or for no reason at all.
    Maybe,
    /// The timeout elapsed.
    TimedOut,
}

/// The epoch of a word.
pub(crate) fn epoch(word: u64) -> u32 {
    (word >> 32) as u32
}

pub(crate) struct Futex {
    word: AtomicU64,
    #[cfg(any(not(target_os = "linux"), ringway_loom))]
    bed: Bed,
}

impl Futex {
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(0),
            #[cfg(any(not(target_os = "linux"), ringway_loom))]
            bed: Bed::new(),
        }
    }

    #[inline(always)]
    pub(crate) fn word(&self) -> &AtomicU64 {
        &self.word
    }
}

#[cfg(all(target_os = "linux", not(ringway_loom)))]
impl Futex {
    /// Sleeps while the epoch is `expected`; may return early. No longer than `timeout`.
    pub(crate) fn sleep(&self, expected: u32, timeout: Option<Duration>) -> Woken {
        let timespec = timeout.map(|timeout| libc::timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        let timespec = timespec.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
        // SAFETY: F1, F2: the address is that of half a live word; the timeout is null or points to a timespec that lives
        // across the call; FUTEX_WAIT only reads both.
        let result = unsafe {
            libc::syscall(
                libc::SYS_futex,
                self.epoch_half(),
                libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG,
                expected,
                timespec,
            )
        };
        // The error is read at once: nothing runs in between that could change it.
        if result == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::ETIMEDOUT) {
            Woken::TimedOut
        } else {
            Woken::Maybe
        }
    }

    /// Wakes up to `sleepers` of those asleep, all of them for `u32::MAX`. The epoch has been changed.
    pub(crate) fn wake(&self, sleepers: u32) {
        let sleepers = i32::try_from(sleepers).unwrap_or(i32::MAX);
        // SAFETY: F1: FUTEX_WAKE does not access memory; the address of a live word only names the queue.
        unsafe {
            libc::syscall(libc::SYS_futex, self.epoch_half(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, sleepers);
        }
    }

    /// The address the kernel compares: the half of the word that holds the epoch (F2).
    fn epoch_half(&self) -> *const u32 {
        let half = usize::from(cfg!(target_endian = "little"));
        self.word.as_ptr().cast::<u32>().wrapping_add(half)
    }
}

/// The portable bed. A waker and a sleeper may wait here for each other's few instructions under the mutex.
#[cfg(any(not(target_os = "linux"), ringway_loom))]
struct Bed {
    mutex: Mutex<()>,
    condvar: Condvar,
}

#[cfg(any(not(target_os = "linux"), ringway_loom))]
impl Bed {
    fn new() -> Self {
        Self { mutex: Mutex::new(()), condvar: Condvar::new() }
    }
}

#[cfg(any(not(target_os = "linux"), ringway_loom))]
impl Futex {
    /// Sleeps while the epoch is `expected`; may return early. No longer than `timeout`.
    pub(crate) fn sleep(&self, expected: u32, timeout: Option<Duration>) -> Woken {
        let locked = self.bed.mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // Relaxed: the mutex orders this against the waker, who changes the epoch before it locks.
        let changed = epoch(self.word.load(Ordering::Relaxed)) != expected;
        if changed && guard("nobody sleeps through a change of the epoch") {
            return Woken::Maybe;
        }
        match timeout {
            Some(Duration::ZERO) => Woken::TimedOut,
            #[cfg(not(ringway_loom))]
            Some(timeout) => match self.bed.condvar.wait_timeout(locked, timeout) {
                Ok((_, result)) if result.timed_out() => Woken::TimedOut,
                _ => Woken::Maybe,
            },
            // Loom has no time: a sleep that ends only by its timeout is a deadlock that the model reports.
            _ => {
                drop(self.bed.condvar.wait(locked));
                Woken::Maybe
            }
        }
    }

    /// Wakes up to `sleepers` of those asleep, all of them for `u32::MAX`. The epoch has been changed.
    pub(crate) fn wake(&self, sleepers: u32) {
        // Locking once lets a sleeper that has seen the old epoch reach the condition variable first.
        if guard("a waker waits for who is falling asleep") {
            drop(self.bed.mutex.lock());
        }
        if sleepers == u32::MAX {
            return self.bed.condvar.notify_all();
        }
        for _ in 0..sleepers {
            self.bed.condvar.notify_one();
        }
    }
}
