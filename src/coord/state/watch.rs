//! Being told of changes.

use super::history::{Change, Record};
use crate::broadcast::lossy::{Receiver, RecvError, RecvTimeoutError, Sender, TryRecvError};
use crate::ids::KeyId;
use core::time::Duration;

/// A set of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyMask(Keys);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Keys {
    All,
    Of(Vec<u64>),
}

impl KeyMask {
    /// Every key, also those that come later.
    pub fn all() -> Self {
        Self(Keys::All)
    }

    /// These keys.
    pub fn of(keys: &[KeyId]) -> Self {
        let mut words = vec![0; keys.iter().map(|key| usize::from(key.get()) / 64 + 1).max().unwrap_or(0)];
        keys.iter().for_each(|key| words[usize::from(key.get()) / 64] |= 1 << (key.get() % 64));
        Self(Keys::Of(words))
    }

    /// Whether it holds the key.
    pub fn contains(&self, key: KeyId) -> bool {
        match &self.0 {
            Keys::All => true,
            Keys::Of(words) => {
                words.get(usize::from(key.get()) / 64).is_some_and(|word| word >> (key.get() % 64) & 1 != 0)
            }
        }
    }

    /// The keys that were named; none for [`all`](Self::all).
    pub(super) fn iter(&self) -> impl Iterator<Item = KeyId> + '_ {
        let words = match &self.0 {
            Keys::All => &[][..],
            Keys::Of(words) => words,
        };
        (0..words.len() * 64).map(|key| KeyId::new(key as u16)).filter(|&key| self.contains(key))
    }
}

/// The store's end of a watch.
pub(super) struct Watching {
    keys: KeyMask,
    sender: Sender<Record>,
}

impl Watching {
    pub(super) fn new(keys: KeyMask, capacity: usize) -> (Self, Watcher) {
        let (sender, receiver) = crate::broadcast::lossy::channel(capacity);
        (Self { keys, sender }, Watcher { receiver })
    }

    /// Filters at the source: what is not watched never enters the ring.
    pub(super) fn tell(&mut self, change: &Change) {
        if self.keys.contains(change.key) {
            // A watcher that is gone is cleared away when the next one comes, off the path of writers.
            let _ = self.sender.send(change.to_words());
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        self.sender.is_disconnected()
    }
}

/// Receives the changes of some keys, in the order of their versions: see [`StateStore::watch`](super::StateStore::watch).
///
/// It holds up nobody. One that falls behind further than its ring is long gets `Lagged(n)`, with the exact number of changes it
/// has missed, and goes on with the oldest that is still there. `Send`, for one thread. Nothing here allocates.
#[derive(Debug)]
pub struct Watcher {
    receiver: Receiver<Record>,
}

impl Watcher {
    /// The next change if there is one now. Wait-free.
    ///
    /// # Errors
    ///
    /// [`Lagged`](TryRecvError::Lagged), [`Empty`](TryRecvError::Empty), [`Disconnected`](TryRecvError::Disconnected) once the
    /// store is gone, or its coordination closed.
    pub fn try_recv(&mut self) -> Result<Change, TryRecvError> {
        self.receiver.try_recv().map(Change::from_words)
    }

    /// The next change; waits for it.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv).
    pub fn recv(&mut self) -> Result<Change, RecvError> {
        self.receiver.recv().map(Change::from_words)
    }

    /// The next change; waits for it no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// As [`try_recv`](Self::try_recv), or when the timeout has elapsed.
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Change, RecvTimeoutError> {
        self.receiver.recv_timeout(timeout).map(Change::from_words)
    }

    /// Changes that were missed so far.
    pub fn lost(&self) -> u64 {
        self.receiver.lost()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.receiver.close();
    }
}
