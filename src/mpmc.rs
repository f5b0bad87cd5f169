//! Many senders, many receivers that compete: each message goes to one of them. A ring of run stamps on both sides.
//!
//! Each send, or batch of sends, costs one compare-and-swap and one store, and so does each receive. (A batch that is taken in
//! parts costs one exchange more, and senders exchange one word when the room they know of is used up.) A side claims only slots
//! that it has seen usable, so that nobody waits for anybody after a claim. Messages of one sender are *claimed* by receivers
//! in the order in which they were sent; which of two receivers is done first is theirs.
//!
//! A receiver may take messages in place ([`try_batch`](Receiver::try_batch)). What it leaves of a batch stays its own until its
//! next call; when it is dropped, that passes to another receiver, out of order. A channel that is closed answers
//! `Disconnected` only when no claim is open, for what is in it might come back.
//!
//! # What a stopped thread can and cannot hold up
//!
//! No `try_` call waits for another thread. A sender stopped between claiming and publishing hides what was sent after it from
//! all receivers; the other senders go on until the channel is full. A receiver stopped with messages claimed keeps these:
//! the others go on, until the ring has come round to the slots it occupies and senders find it full. Where handlers may take
//! long, let a [pool](crate::Worker::pool) of workers drain the channel: they move messages out of it first.
//!
//! ```
//! let (mut tx, rx) = ringway::mpmc::channel(1024);
//! let receivers: Vec<_> = (0..4)
//!     .map(|_| {
//!         let mut rx = rx.clone();
//!         std::thread::spawn(move || rx.iter().sum::<u64>())
//!     })
//!     .collect();
//! drop(rx);
//! for n in 0..10_000 {
//!     tx.send(n)?;
//! }
//! drop(tx); // receivers drain what is there and end
//! let sum: u64 = receivers.into_iter().map(|receiver| receiver.join().unwrap()).sum();
//! assert_eq!(sum, 49_995_000); // each message went to one of them
//! # Ok::<(), ringway::SendError<u64>>(())
//! ```

use crate::channel;

/// The sending half; see [`Sender`](channel::Sender) for what it does. `Clone`: a handle for each thread.
pub type Sender<T> = channel::Sender<T, channel::Mpmc>;

/// The receiving half; see [`Receiver`](channel::Receiver) for what it does. `Clone`: a handle for each thread.
pub type Receiver<T> = channel::Receiver<T, channel::Mpmc>;

/// A channel for `capacity` messages, rounded up to a power of two. Allocates all it will ever need.
///
/// # Panics
///
/// If the capacity is 0, or more than memory can hold. Where it comes from configuration, use
/// [`Builder::mpmc`](crate::Builder::mpmc), which returns an error.
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    crate::Builder::new(capacity).mpmc().unwrap_or_else(|error| panic!("{error}"))
}
