//! Those who play ping-pong: over two rings that wait or are polled, and with no ring at all.

use super::ends::{Consuming, Producing};
use super::ping_pong::Partner;
use super::threads::Patience;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// Two rings of this crate, with waiting sends and receives.
#[derive(Debug)]
pub(super) struct Rings(ringway::spsc::Sender<u64>, ringway::spsc::Receiver<u64>);

impl Rings {
    pub(super) fn pair(wait: ringway::Wait) -> (Self, Self) {
        let ring = || ringway::Builder::new(super::CAPACITY).wait(wait).spsc().expect("the capacity is fine");
        let ((there, from_here), (back, from_there)) = (ring(), ring());
        (Self(there, from_there), Self(back, from_here))
    }
}

impl Partner for Rings {
    #[inline]
    fn send(&mut self, number: u64) -> bool {
        self.0.send(number).is_ok()
    }

    #[inline]
    fn recv(&mut self) -> Option<u64> {
        self.1.recv().ok()
    }
}

/// Two rings of any make, looked at again and again.
#[derive(Debug)]
pub(super) struct Polled<P, C>(P, C, Patience);

impl<P: Producing<u64>, C: Consuming<u64>> Polled<P, C> {
    pub(super) fn pair(ring: impl Fn() -> (P, C)) -> (Self, Self) {
        let ((there, from_here), (back, from_there)) = (ring(), ring());
        let patience = Patience::new(2);
        (Self(there, from_there, patience), Self(back, from_here, patience))
    }
}

impl<P: Producing<u64>, C: Consuming<u64>> Partner for Polled<P, C> {
    #[inline]
    fn send(&mut self, number: u64) -> bool {
        self.0.one(number).is_ok()
    }

    #[inline]
    fn recv(&mut self) -> Option<u64> {
        let (mut heard, mut waiting) = (None, self.2);
        while !self.1.one(|&number| heard = Some(number)) && waiting.go_on() {}
        heard
    }
}

/// A word, and the thread that sleeps until it is there.
#[derive(Debug, Default)]
struct Mailbox {
    /// 0 while there is none.
    word: AtomicU64,
    /// Whether nobody will write any more.
    gone: AtomicBool,
    owner: OnceLock<Thread>,
}

/// What the standard library's `park` and `unpark` make of it, with no ring at all.
#[derive(Debug)]
pub(super) struct Parked {
    own: Arc<Mailbox>,
    other: Arc<Mailbox>,
}

impl Parked {
    pub(super) fn pair() -> (Self, Self) {
        let (here, there) = (Arc::new(Mailbox::default()), Arc::new(Mailbox::default()));
        (Self { own: Arc::clone(&here), other: Arc::clone(&there) }, Self { own: there, other: here })
    }
}

impl Partner for Parked {
    fn prepare(&mut self) {
        self.own.owner.get_or_init(std::thread::current);
    }

    fn send(&mut self, number: u64) -> bool {
        self.other.word.store(number, Ordering::Release);
        self.other.owner.get().map(Thread::unpark).is_some()
    }

    fn recv(&mut self) -> Option<u64> {
        loop {
            // Looked at before the word: what was written last is found after it.
            let gone = self.own.gone.load(Ordering::Acquire);
            match self.own.word.swap(0, Ordering::Acquire) {
                0 if gone => return None,
                0 => std::thread::park(),
                number => return Some(number),
            }
        }
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        self.other.gone.store(true, Ordering::Release);
        self.other.owner.get().map(Thread::unpark);
    }
}
