//! What to do about a full ring.

use core::time::Duration;

/// What happens to a message that finds its ring full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Overflow {
    /// It is refused, and comes back.
    #[default]
    Reject,
    /// The sender waits for room, at most this long; then it is refused.
    Block(Duration),
    /// It is dropped, and counted.
    DropNewest,
    /// It takes the place of the oldest, which is counted.
    DropOldest,
    /// It goes to the ring for what could not be delivered.
    DeadLetter,
}
