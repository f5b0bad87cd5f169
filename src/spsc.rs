//! One sender, one receiver: Lamport's ring with cached positions. Wait-free.
//!
//! The fastest channel there is here; use it wherever a pair of threads talks. Both ends move with one store each, and
//! a side reads the other's position only when its own idea of it is used up. Neither side can delay the other's `try_`
//! calls, whatever it is stopped in.
//!
//! FIFO. Capacity rounds up to a power of two, and every slot is usable.
//!
//! ```
//! let (mut tx, mut rx) = ringway::spsc::channel(1024);
//! let producer = std::thread::spawn(move || {
//!     for n in 0..10_000u64 {
//!         tx.send(n)?;
//!     }
//!     Ok::<(), ringway::SendError<u64>>(())
//! });
//! assert_eq!(rx.iter().sum::<u64>(), 49_995_000); // ends when the sender is dropped
//! producer.join().unwrap()?;
//! # Ok::<(), ringway::SendError<u64>>(())
//! ```

use crate::channel;

/// The sending half; see [`Sender`](channel::Sender) for what it does.
///
/// Not `Clone`: a second sender does not compile.
///
/// ```compile_fail,E0599
/// let (tx, _rx) = ringway::spsc::channel::<u32>(8);
/// let second = tx.clone();
/// ```
pub type Sender<T> = channel::Sender<T, channel::Spsc>;

/// The receiving half; see [`Receiver`](channel::Receiver) for what it does.
pub type Receiver<T> = channel::Receiver<T, channel::Spsc>;

/// A channel for `capacity` messages, rounded up to a power of two. Allocates all it will ever need.
///
/// # Panics
///
/// If the capacity is 0, or more than memory can hold. Where it comes from configuration, use
/// [`Builder::spsc`](crate::Builder::spsc), which returns an error.
pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    crate::Builder::new(capacity).spsc().unwrap_or_else(|error| panic!("{error}"))
}
