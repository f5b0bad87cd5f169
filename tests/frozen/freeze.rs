//! Freezes a thread wherever it is: a signal whose handler does not return before it is told to.
//!
//! * **F1** The handler stores and loads atomics, calls `poll`, which is safe in handlers, and leaves `errno` as it was.
//! * **F2** A thread that may be frozen is alive until the test that freezes it has told it to stop, which it does not do
//!   while it freezes it. One that has panicked is not: the freezer says so, and the scope shows what it panicked with.
//! * **F3** It neither allocates nor takes a lock before that: others would wait for it there, which is not what is tested.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard};

static HOLD: AtomicBool = AtomicBool::new(false);
static FROZEN: AtomicUsize = AtomicUsize::new(0);
/// The words above are those of one test at a time.
static ALONE: Mutex<()> = Mutex::new(());

extern "C" fn stand_still(_: libc::c_int) {
    // SAFETY: F1: the address of this thread's own errno.
    let errno = unsafe { *libc::__errno_location() };
    FROZEN.fetch_add(1, SeqCst);
    while HOLD.load(SeqCst) {
        // SAFETY: F1: no descriptors are looked at; it sleeps for a millisecond.
        unsafe { libc::poll(std::ptr::null_mut(), 0, 1) };
    }
    FROZEN.fetch_sub(1, SeqCst);
    // SAFETY: F1: as above.
    unsafe { *libc::__errno_location() = errno };
}

/// A thread to be frozen.
#[derive(Clone, Copy, Debug)]
pub struct Victim(libc::c_long);

impl Victim {
    /// The thread that calls this.
    pub fn this() -> Self {
        // SAFETY: it has no conditions.
        Self(unsafe { libc::syscall(libc::SYS_gettid) })
    }

    /// Sends it a signal, or looks whether it is there, with 0. By its number: `pthread_kill` does not tell who has ended.
    fn signal(self, signal: libc::c_int) {
        // SAFETY: the call takes three integers, and there is a handler (`Freezer::new`).
        let result = unsafe { libc::syscall(libc::SYS_tgkill, std::process::id(), self.0, signal) };
        assert_eq!(result, 0, "it has ended: {}", std::io::Error::last_os_error());
    }
}

/// The right to freeze threads.
pub struct Freezer {
    _alone: MutexGuard<'static, ()>,
}

impl Freezer {
    pub fn new() -> Self {
        let alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let handler: extern "C" fn(libc::c_int) = stand_still;
        // SAFETY: the structure is plain data, for which zeros are a value; F1 makes the handler one that may run anywhere.
        let installed = unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handler as usize;
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut())
        };
        assert_eq!(installed, 0, "no handler");
        Self { _alone: alone }
    }

    /// Freezes them; returns when all stand still.
    pub fn freeze(&mut self, victims: &[Victim]) -> Frozen<'_> {
        HOLD.store(true, SeqCst);
        let frozen = Frozen { _freezer: self };
        for victim in victims {
            victim.signal(libc::SIGUSR1);
        }
        while FROZEN.load(SeqCst) < victims.len() {
            // One that is ending takes no signals any more.
            victims.iter().for_each(|victim| victim.signal(0));
            std::thread::yield_now();
        }
        frozen
    }
}

/// While this lives they stand still.
pub struct Frozen<'a> {
    _freezer: &'a mut Freezer,
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        HOLD.store(false, SeqCst);
        while FROZEN.load(SeqCst) > 0 {
            std::thread::yield_now();
        }
    }
}
