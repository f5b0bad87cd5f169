//! What a channel tells of itself.

/// What a channel has done so far.
///
/// Read from any thread at any time. The figures are exact once nobody is in the middle of a call; until then each is
/// true of some recent moment. Always: `sent = received + dropped + in_flight()`, up to that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelStats {
    /// Messages that went in, including those of sends in progress.
    pub sent: u64,
    /// Messages that a receiver took or committed. A worker of a [pool](crate::Worker::pool) takes messages before its handler
    /// sees them.
    pub received: u64,
    /// Messages that nobody took: dropped with the last receiver, or skipped after a panic in a worker's handler. A broadcast
    /// drops none.
    pub dropped: u64,
    /// Slots that were reserved and not committed.
    pub aborted: u64,
    /// Sleeps of either side that were ended by the 100 ms safety net rather than by a wake-up; see
    /// [`Event::rescued_wakeups`](crate::Event::rescued_wakeups). Channels that share an event share this figure.
    pub rescued_wakeups: u64,
    /// The most messages that were seen waiting at once, by the receiver when it looked.
    pub high_water: u64,
    /// What the slots and their bookkeeping occupy, in bytes. Fixed from the beginning.
    pub memory_bytes: usize,
    /// The receiver of a broadcast that is farthest behind: the one that gates when the channel is full.
    pub slowest: Option<Slowest>,
}

/// Who is farthest behind, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Slowest {
    /// Which receiver: as its [`id`](crate::broadcast::Receiver::id) says.
    pub receiver: usize,
    /// How many messages it has still to read.
    pub behind: u64,
}

impl ChannelStats {
    /// Messages that are in the channel now.
    pub fn in_flight(&self) -> u64 {
        self.sent.saturating_sub(self.received).saturating_sub(self.dropped)
    }
}
