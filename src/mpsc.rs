//! Many senders, one receiver: a ring of run stamps.
//!
//! Each send, or batch of sends, costs one compare-and-swap and one store; the receiver needs neither. Messages of one
//! sender are received in the order in which they were sent; those of different senders in the order in which they
//! claimed their slots.
//!
//! # What a stopped thread can and cannot hold up
//!
//! No `try_` call waits for another thread. But the channel is not lock-free as a whole: a sender that is stopped between
//! claiming its slots and publishing them (a few instructions, or as long as [`Slots`](crate::Slots) are kept open) hides
//! what is sent after it from the receiver, who finds the channel [`Empty`](crate::TryRecvError::Empty) meanwhile. Other
//! senders go on until the channel is full. A stopped receiver holds up nobody until the channel is full.
//!
//! # Lanes
//!
//! A few senders that send much, one message at a time, spend most of it contending for the ring's end.
//! [`Builder::lanes`](crate::Builder::lanes) gives them a ring each; what that changes is told there.
//!
//! ```
//! let (tx, mut rx) = ringway::mpsc::channel(1024);
//! let producers: Vec<_> = (0..4u64)
//!     .map(|id| {
//!         let mut tx = tx.clone();
//!         std::thread::spawn(move || tx.try_send_iter(&mut (0..100).map(|n| (id, n))))
//!     })
//!     .collect();
//! drop(tx);
//! let mut next = [0; 4];
//! for (id, n) in &mut rx {
//!     assert_eq!(next[id as usize], n); // in order for each sender
//!     next[id as usize] += 1;
//! }
//! assert_eq!(next, [100; 4]);
//! # for producer in producers { assert_eq!(producer.join().unwrap(), Ok(100)); }
//! ```

use crate::channel;

/// The sending half; see [`Sender`](channel::Sender) for what it does. `Clone`: a handle for each thread.
pub type Sender<T> = channel::Sender<T, channel::Mpsc>;

/// The receiving half; see [`Receiver`](channel::Receiver) for what it does.
pub type Receiver<T> = channel::Receiver<T, channel::Mpsc>;

/// A channel for `capacity` messages, rounded up to a power of two. Allocates all it will ever need.
///
/// # Panics
///
/// If the capacity is 0, or more than memory can hold. Where it comes from configuration, use
/// [`Builder::mpsc`](crate::Builder::mpsc), which returns an error.
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    crate::Builder::new(capacity).mpsc().unwrap_or_else(|error| panic!("{error}"))
}
