//! Sending to a bus.

use super::route;
use crate::MAX_BATCH;
use crate::error::{SendError, SendTimeoutError, TrySendError};
use crate::mpsc;
use crate::ring::Refused;
use core::fmt;
use core::time::Duration;

/// Sends messages to the workers of a [`Bus`](crate::Bus), by key.
///
/// `Send` and not `Sync`; a clone is another publisher for another thread. Messages of one publisher and key are
/// handled by one worker, in the order in which they were sent; nothing more is promised. Dropping a publisher leaves
/// the bus as it is.
///
/// Sending allocates nothing and costs one compare-and-swap and one release store a message, or a claim, on the
/// worker's inbox. A publisher that is stopped in the middle of a send delays that worker, not the other publishers.
pub struct Publisher<M> {
    inboxes: Vec<mpsc::Sender<M>>,
}

impl<M> Publisher<M> {
    pub(super) fn new(inboxes: Vec<mpsc::Sender<M>>) -> Self {
        Self { inboxes }
    }

    /// Sends a message to the worker of `key`, if there is room now.
    ///
    /// # Errors
    ///
    /// [`Full`](TrySendError::Full) or [`Disconnected`](TrySendError::Disconnected), with key and message.
    #[inline]
    pub fn try_send(&mut self, key: u64, message: M) -> Result<(), TrySendError<(u64, M)>> {
        self.inbox(key).try_send(message).map_err(|error| error.map(|message| (key, message)))
    }

    /// Sends a message to the worker of `key`, waiting for room. May wait.
    ///
    /// # Errors
    ///
    /// When the worker has ended or the bus is shut down, with key and message.
    #[inline]
    pub fn send(&mut self, key: u64, message: M) -> Result<(), SendError<(u64, M)>> {
        self.inbox(key).send(message).map_err(|SendError(message)| SendError((key, message)))
    }

    /// Sends a message to the worker of `key`, waiting for room no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// [`Timeout`](SendTimeoutError::Timeout) or [`Disconnected`](SendTimeoutError::Disconnected), with key and message.
    pub fn send_timeout(&mut self, key: u64, message: M, timeout: Duration) -> Result<(), SendTimeoutError<(u64, M)>> {
        self.inbox(key).send_timeout(message, timeout).map_err(|error| match error {
            SendTimeoutError::Timeout(message) => SendTimeoutError::Timeout((key, message)),
            SendTimeoutError::Disconnected(message) => SendTimeoutError::Disconnected((key, message)),
        })
    }

    /// Sends pairs of key and message until the iterator ends or an inbox refuses one. Gives the number sent, and the
    /// refused pair with the reason.
    ///
    /// The cheapest way to send many: slots are claimed ahead on each inbox, as many as its share of what the iterator
    /// promises and [`MAX_BATCH`](crate::MAX_BATCH) at most, and published together. The iterator runs in between: keep it short, workers wait behind it. Slots
    /// that turn out too many become marks that the worker steps over. If the iterator panics, what it gave before is
    /// sent.
    ///
    /// ```
    /// # use ringway::{Bus, each};
    /// # let bus = Bus::<u32>::builder().workers(2).spawn(|_| each(|_: u32| ()))?;
    /// let mut publisher = bus.publisher()?;
    /// let mut pairs = (0..100).map(|n| (n % 10, n as u32));
    /// let (mut sent, refused) = publisher.try_send_iter(&mut pairs);
    /// if let Some(refused) = refused {
    ///     let (key, message) = refused.into_inner();
    ///     publisher.send(key, message)?; // wait for room; then go on with the rest of `pairs`
    ///     sent += 1;
    /// }
    /// assert!(sent > 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn try_send_iter(
        &mut self,
        pairs: &mut impl Iterator<Item = (u64, M)>,
    ) -> (usize, Option<TrySendError<(u64, M)>>) {
        let staged = Staged(&mut self.inboxes);
        let mut sent = 0;
        while let Some((key, message)) = pairs.next() {
            let inboxes = staged.0.len();
            let inbox = &mut staged.0[route(key, inboxes)];
            if let Err(message) = inbox.push(message) {
                // What it claimed is used up, or it has claimed nothing yet.
                inbox.commit();
                let (lower, upper) = pairs.size_hint();
                let share = (upper.unwrap_or(lower) / inboxes).saturating_add(1).min(MAX_BATCH);
                if let Err(refused) = inbox.claim_for((share, Some(share))) {
                    let pair = (key, message);
                    return (
                        sent,
                        Some(match refused {
                            Refused::Full { .. } => TrySendError::Full(pair),
                            Refused::Closed => TrySendError::Disconnected(pair),
                        }),
                    );
                }
                if inbox.push(message).is_err() {
                    unreachable!("a claim has at least one slot");
                }
            }
            sent += 1;
        }
        (sent, None)
    }

    /// How many workers there are to send to.
    pub fn workers(&self) -> usize {
        self.inboxes.len()
    }

    #[inline(always)]
    fn inbox(&mut self, key: u64) -> &mut mpsc::Sender<M> {
        let index = route(key, self.inboxes.len());
        &mut self.inboxes[index]
    }
}

/// Publishes what was pushed into all inboxes, also when unwinding.
struct Staged<'a, M>(&'a mut [mpsc::Sender<M>]);

impl<M> Drop for Staged<'_, M> {
    fn drop(&mut self) {
        for inbox in self.0.iter_mut() {
            inbox.commit();
        }
    }
}

impl<M> Clone for Publisher<M> {
    /// Another publisher of the same bus. Allocates.
    fn clone(&self) -> Self {
        Self { inboxes: self.inboxes.clone() }
    }
}

impl<M> fmt::Debug for Publisher<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("inboxes", &self.inboxes).finish()
    }
}
