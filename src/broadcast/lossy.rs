//! Many senders that never wait, any number of receivers that get every message or learn exactly how many they missed.
//!
//! The channel keeps the last `capacity` messages. A send overwrites the oldest, whoever has read it or not; a receiver that
//! is overtaken gets [`Lagged(n)`](TryRecvError::Lagged), the number of messages it has lost since its last, and goes on
//! with the oldest that is still there. So one slow receiver costs nobody else anything. Use it where the news is worth more
//! than what it replaces: prices, telemetry, signals; use an [`mpsc`](crate::mpsc) where every message counts.
//!
//! Messages are plain data, [`Pod`]: no pointers, no padding, nothing to drop. They are copied by atomic words, in and out,
//! so a receiver that is overtaken in the middle of a copy notices and throws it away.
//!
//! ```
//! use ringway::broadcast::{self, lossy::TryRecvError};
//!
//! let (mut tx, mut rx) = broadcast::lossy::<u64>(4);
//! tx.send_all(&[0, 1, 2, 3, 4, 5]).unwrap();
//! assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(2))); // 0 and 1
//! assert_eq!(rx.try_recv(), Ok(2));
//! assert_eq!(rx.lost(), 2);
//!
//! // A late subscriber starts with what is sent from now on, and can look back.
//! let mut late = tx.subscribe();
//! assert_eq!(late.try_recv(), Err(TryRecvError::Empty));
//! assert_eq!(late.history().map(|(_, n)| n).collect::<Vec<_>>(), [2, 3, 4, 5]);
//! ```
//!
//! # Accounts
//!
//! Every message has a *position*: the first has 0, and each the one after its predecessor's. (Positions have 63 bits and
//! then start over.) A receiver passes them one by one, and for each receiver, always:
//!
//! `positions passed = received + lost + skipped`
//!
//! *Lost* is what was overwritten before the receiver came to it, and what its own sender gave up, see below; *skipped* is
//! what [`Receiver::latest`] stepped over.
//!
//! # What a stopped thread can and cannot hold up
//!
//! No call but the `recv`s waits. A sender that is stopped inside a send (a few instructions) hides what is sent after it from
//! the receivers, who find the channel [`Empty`](TryRecvError::Empty) meanwhile, until the others have sent as many messages
//! as there are slots: then its message is lost, and the receivers go on. It never holds up another sender: one that finds
//! its slot still held, a whole lap later, gives its own message up. That counts in [`LossyStats::dropped`], and each
//! receiver that passes the position counts it as lost. A stopped receiver holds up nobody.

mod history;
mod receiver;
mod sender;
mod shared;

pub use crate::error::broadcast::{Lagged, RecvError, RecvTimeoutError, TryRecvError};
pub use history::History;
pub use receiver::{Iter, Receiver};
pub use sender::Sender;
pub use shared::SharedSender;

use crate::channel::Builder;
use crate::error::{BuildError, Disconnected};
use crate::ring::LossyRing;
use crate::sync::{Arc, AtomicUsize, Ordering};
use crate::wait::{Event, Wait};
use bytemuck::Pod;
use core::fmt;
use crossbeam_utils::CachePadded;

/// A channel that keeps the last `capacity` messages, rounded up to a power of two. Allocates all it will ever need.
///
/// # Panics
///
/// If the capacity is 0, or more than memory can hold. Where it comes from configuration, use
/// [`Builder::lossy`](crate::Builder::lossy), which returns an error.
pub fn channel<T: Pod>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    Builder::new(capacity).lossy().unwrap_or_else(|error| panic!("{error}"))
}

/// A channel as configured.
pub(crate) fn build<T: Pod>(builder: &Builder) -> Result<(Sender<T>, Receiver<T>), BuildError> {
    let shared = Shared::new(builder)?;
    Ok((Sender::new(Arc::clone(&shared)), Receiver::new(shared)))
}

/// What a lossy channel has done so far.
///
/// Read from any thread at any time; exact once nobody is in the middle of a call. What each receiver received and lost, it
/// knows itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LossyStats {
    /// Messages that were sent: the positions used, including those of sends in progress and those dropped.
    pub sent: u64,
    /// Of these, messages that nobody can receive: their slot was still held by a sender that had been stopped a whole lap
    /// before, or they were overtaken by a whole lap themselves.
    pub dropped: u64,
    /// Sleeps of receivers that were ended by the 100 ms safety net rather than by a wake-up; see
    /// [`Event::rescued_wakeups`]. Channels that share an event share this figure.
    pub rescued_wakeups: u64,
    /// What the slots and their bookkeeping occupy, in bytes. Fixed from the beginning.
    pub memory_bytes: usize,
}

/// What all handles of a channel share.
struct Shared<T> {
    ring: LossyRing<T>,
    event: Event,
    wait: Wait,
    name: Option<Box<str>>,
    senders: CachePadded<AtomicUsize>,
}

/// Claimed positions that are still to be written. Whatever remains when it is dropped is given up, so that readers pass it.
struct Claim<'a, T> {
    shared: &'a Shared<T>,
    position: u64,
    left: usize,
}

impl<T> Drop for Claim<'_, T> {
    fn drop(&mut self) {
        for _ in 0..self.left {
            self.shared.ring.abandon(self.position);
            self.position = self.position.wrapping_add(1);
        }
        self.shared.event.notify_all();
    }
}

impl<T: Pod> Shared<T> {
    #[inline]
    fn send(&self, message: &T) -> Result<(), Disconnected> {
        let position = self.ring.claim(1).ok_or(Disconnected)?;
        self.ring.write(position, message);
        self.event.notify_all();
        Ok(())
    }

    /// One claim of `n` positions, one wake-up.
    fn send_counted(&self, n: usize, messages: impl Iterator<Item = T>) -> Result<(), Disconnected> {
        let position = self.ring.claim(n).ok_or(Disconnected)?;
        if n > 0 {
            let mut claim = Claim { shared: self, position, left: n };
            for message in messages.take(n) {
                self.ring.write(claim.position, &message);
                claim.position = claim.position.wrapping_add(1);
                claim.left -= 1;
            }
        }
        Ok(())
    }
}

impl<T> Shared<T> {
    fn new(builder: &Builder) -> Result<Arc<Self>, BuildError> {
        let slots = builder.slots::<T>(0)?;
        Ok(Arc::new(Self {
            ring: LossyRing::new(slots, builder.start)?,
            event: builder.event.clone().unwrap_or_default(),
            wait: builder.recv_wait,
            name: builder.name.clone(),
            senders: CachePadded::new(AtomicUsize::new(1)),
        }))
    }

    /// For another sender, made of one that is counted.
    fn join(&self) {
        // Relaxed: the count is not 0.
        self.senders.fetch_add(1, Ordering::Relaxed);
    }

    /// A sender is gone.
    fn leave(&self) {
        // AcqRel: the last to leave has seen, and its closing publishes, what the others did before.
        if self.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.close();
        }
    }

    fn close(&self) -> bool {
        let first = self.ring.close();
        // Those who wait find the ring closed when they look again.
        self.event.notify_all();
        first
    }

    fn stats(&self) -> LossyStats {
        LossyStats {
            sent: self.ring.sent(),
            dropped: self.ring.dropped(),
            rescued_wakeups: self.event.rescued_wakeups(),
            memory_bytes: self.ring.bytes(),
        }
    }

    fn debug(&self, handle: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct(handle);
        if let Some(name) = &self.name {
            debug.field("name", name);
        }
        debug
            .field("sent", &self.ring.sent())
            .field("capacity", &self.ring.capacity())
            .field("closed", &self.ring.is_closed())
            .finish_non_exhaustive()
    }
}
