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
    use core::sync::atomic::compiler_fence;
    use std::sync::OnceLock;

    /// Who pays. Decided once, before the first event exists: all notifiers and sleepers of the process have the same answer.
    /// Copied to where notifiers look anyway.
    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Barrier {
        sleepers_pay: bool,
    }

    impl Barrier {
        pub(crate) fn new() -> Self {
            static DECIDED: OnceLock<Barrier> = OnceLock::new();
            *DECIDED.get_or_init(|| Self { sleepers_pay: is_wanted() && register() })
        }

        /// The notifier's side.
        #[inline(always)]
        pub(crate) fn light(self) {
            if self.sleepers_pay {
                compiler_fence(Ordering::SeqCst);
            } else {
                fence(Ordering::SeqCst);
            }
        }

        /// The sleeper's side.
        pub(crate) fn heavy(self) {
            // The announcement stays before the system call, whatever the compiler knows of that.
            compiler_fence(Ordering::SeqCst);
            if self.sleepers_pay && !expedite() {
                // A forked child is not registered. It registers itself; were that refused, the backstop would serve.
                register();
                expedite();
            }
            fence(Ordering::SeqCst);
        }
    }

    /// `RINGWAY_MEMBARRIER=off` asks for the fences that serve where there is no `membarrier`, so that they can be tested
    /// and measured where there is. It is no setting: nothing else changes, and nobody is better off.
    fn is_wanted() -> bool {
        std::env::var_os("RINGWAY_MEMBARRIER").is_none_or(|value| value != "off")
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

    #[derive(Clone, Copy, Debug)]
    pub(crate) struct Barrier;

    impl Barrier {
        pub(crate) fn new() -> Self {
            Self
        }

        #[inline(always)]
        pub(crate) fn light(self) {
            fence(Ordering::SeqCst);
        }

        pub(crate) fn heavy(self) {
            fence(Ordering::SeqCst);
        }
    }
}

pub(super) use imp::Barrier;
