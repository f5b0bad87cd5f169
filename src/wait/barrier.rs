//! The store-load barrier between a notifier and a sleeper, paid by the sleeper where the system allows it.
//!
//! The handshake needs a full barrier on both sides: the notifier publishes, then looks for sleepers; the sleeper
//! announces itself, then looks for publications. Notifiers run once per message or batch, sleepers only when there
//! is nothing to do. Linux's `membarrier` makes every running thread of the process execute a barrier on the
//! sleeper's behalf, so that the notifier needs none of its own, only a promise of the compiler.
//!
//! * **M1** `membarrier` is called with the commands to register and to execute only; both take no pointer.

#[cfg(all(target_os = "linux", not(ringway_loom)))]
mod imp {
    use crate::sync::{Ordering, fence};
    use core::sync::atomic::{AtomicBool, compiler_fence};
    use std::sync::Once;

    /// Whether sleepers pay for both. Decided before the first event exists, and never changed: every notifier and
    /// every sleeper of an event has seen the decision.
    static SLEEPERS_PAY: AtomicBool = AtomicBool::new(false);

    /// Decides who pays. Every event calls it before anybody can use the event.
    pub(crate) fn prepare() {
        static DECIDE: Once = Once::new();
        DECIDE.call_once(|| SLEEPERS_PAY.store(is_wanted() && register(), Ordering::Relaxed));
    }

    /// `RINGWAY_MEMBARRIER=off` asks for the fences that serve where there is no `membarrier`, so that they can be tested
    /// and measured where there is. It is no setting: nothing else changes, and nobody is better off.
    fn is_wanted() -> bool {
        std::env::var_os("RINGWAY_MEMBARRIER").is_none_or(|value| value != "off")
    }

    /// The notifier's side.
    #[inline(always)]
    pub(crate) fn light() {
        if SLEEPERS_PAY.load(Ordering::Relaxed) {
            compiler_fence(Ordering::SeqCst);
        } else {
            fence(Ordering::SeqCst);
        }
    }

    /// The sleeper's side.
    pub(crate) fn heavy() {
        // The announcement stays before the system call, whatever the compiler knows of that.
        compiler_fence(Ordering::SeqCst);
        if SLEEPERS_PAY.load(Ordering::Relaxed) && !expedite() {
            // A forked child is not registered. It registers itself; were that refused, the backstop would serve.
            register();
            expedite();
        }
        fence(Ordering::SeqCst);
    }

    fn register() -> bool {
        membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
    }

    fn expedite() -> bool {
        membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED)
    }

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: M1: the call takes two integers and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0) == 0 }
    }
}

#[cfg(not(all(target_os = "linux", not(ringway_loom))))]
mod imp {
    use crate::sync::{Ordering, fence};

    pub(crate) fn prepare() {}

    pub(crate) fn light() {
        fence(Ordering::SeqCst);
    }

    pub(crate) fn heavy() {
        fence(Ordering::SeqCst);
    }
}

pub(super) use imp::{heavy, light, prepare};
