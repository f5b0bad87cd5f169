//! One sender, up to 64 receivers that all get everything, in place. The slowest gates; or, [`lossy`](mod@lossy), many
//! senders that never wait, and receivers that learn exactly how much they have missed.
//!
//! Nothing is copied and nothing is lost: a message stays in its slot, is lent to every receiver by reference, and lives until
//! its slot is used again (or the channel goes). When the slowest receiver is a whole ring behind, the sender finds the
//! channel full; [`ChannelStats::slowest`](crate::ChannelStats::slowest) names it. A receiver that is dropped keeps nobody back.
//!
//! Old values are dropped by the sender, when it uses their slots again: a drop that takes long delays a send, and one that
//! panics ends it (the message that was to be sent is dropped; the channel goes on).
//!
//! Receivers join at the end of what was sent, at any time, from any thread ([`Subscriber`]). One can be made to run *after*
//! others ([`subscribe_after`](Sender::subscribe_after)): stages of a pipeline, or both sides of a diamond and its foot, work on the
//! same slots one after the other. Without any receiver, sends fail with `Disconnected`, until somebody subscribes.
//!
//! Messages are `Send` and `Sync`, for several threads look at one at the same time.
//!
//! # What a stopped thread can and cannot hold up
//!
//! No `try_` call waits for another thread; receivers' and the sender's are wait-free (the sender looks at up to 64 cursors
//! when it runs out of known room). A stopped receiver holds up the sender once the ring is full, and those that run after it. A stopped
//! sender holds up nobody but by sending nothing.
//!
//! ```
//! let (mut tx, mut fast) = ringway::broadcast::channel::<String>(1024);
//! let mut slow = tx.subscribe()?;
//! tx.try_send("tick".to_owned())?;
//! assert_eq!(fast.drain(256, |tick| assert_eq!(tick, "tick")), 1);
//! assert_eq!(tx.stats().slowest.map(|slowest| (slowest.receiver, slowest.behind)), Some((slow.id(), 1)));
//! assert_eq!(slow.recv()?, "tick"); // a clone
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod lossy;

use crate::channel;
use bytemuck::Pod;

pub use crate::channel::lend::{Batch, Iter, Receiver, Subscriber};
pub use crate::error::broadcast::{Lagged, RecvError, RecvTimeoutError, SubscribeError, TryRecvError};

/// The sending half; see [`Sender`](channel::Sender) for what it does. Not `Clone`.
pub type Sender<T> = channel::Sender<T, channel::Broadcast>;

/// A channel for `capacity` messages, rounded up to a power of two, and its first receiver.
///
/// ```compile_fail,E0277
/// // Several threads would look at one `Cell`.
/// ringway::broadcast::channel::<std::cell::Cell<u32>>(8);
/// ```
///
/// # Panics
///
/// If the capacity is 0, or more than memory can hold. Where it comes from configuration, use
/// [`Builder::broadcast`](crate::Builder::broadcast), which returns an error.
pub fn channel<T: Send + Sync>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    crate::Builder::new(capacity).broadcast().unwrap_or_else(|error| panic!("{error}"))
}

/// A lossy channel for `capacity` messages: see [its module](mod@lossy).
///
/// ```
/// use ringway::broadcast;
/// let (mut tx, mut rx) = broadcast::lossy::<u64>(64);
/// tx.send(7)?;
/// assert_eq!(rx.recv(), Ok(7));
/// # Ok::<(), ringway::SendError<u64>>(())
/// ```
///
/// # Panics
///
/// If the capacity is 0, or more than memory can hold; [`Builder::lossy`](crate::Builder::lossy) returns an error.
pub fn lossy<T: Pod>(capacity: usize) -> (lossy::Sender<T>, lossy::Receiver<T>) {
    lossy::channel(capacity)
}
