//! Lossy channels as configured.

use super::{Receiver, Sender, Shared};
use crate::error::BuildError;
use crate::sync::Arc;
use crate::wait::{Event, Wait};
use bytemuck::Pod;

/// Builds lossy channels whose configuration comes from outside: every mistake is a [`BuildError`], not a panic.
///
/// ```
/// use ringway::{BuildError, Wait, broadcast::lossy};
///
/// let (tx, _rx) = lossy::Builder::new(1000).wait(Wait::park()).name("ticks").build::<[f64; 2]>()?;
/// assert_eq!(tx.capacity(), 1024);
/// assert_eq!(lossy::Builder::new(0).build::<u64>().unwrap_err(), BuildError::ZeroCapacity);
/// # Ok::<(), BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it builds a channel"]
pub struct Builder {
    pub(super) capacity: usize,
    pub(super) start: u64,
    pub(super) wait: Wait,
    pub(super) event: Option<Event>,
    pub(super) name: Option<Box<str>>,
}

impl Builder {
    /// A channel that keeps the last `capacity` messages, rounded up to a power of two.
    pub fn new(capacity: usize) -> Self {
        Self { capacity, start: 0, wait: Wait::default(), event: None, name: None }
    }

    /// How receivers wait. The default is [`Wait::adaptive`]. Senders never do.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = wait;
        self
    }

    /// What the receiving threads sleep on. The default is an event of the channel's own.
    pub fn event(mut self, event: &Event) -> Self {
        self.event = Some(event.clone());
        self
    }

    /// A name, shown by `Debug`.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Where positions begin, so that tests can cross the numbers at which they wrap.
    #[doc(hidden)]
    pub fn start_at(mut self, position: u64) -> Self {
        self.start = position;
        self
    }

    /// A sender, to be cloned at will, and a receiver, to be joined by others with [`Sender::subscribe`].
    ///
    /// # Errors
    ///
    /// When the capacity is 0 or more than memory can hold.
    pub fn build<T: Pod>(&self) -> Result<(Sender<T>, Receiver<T>), BuildError> {
        let shared = Shared::new(self)?;
        Ok((Sender::new(Arc::clone(&shared)), Receiver::new(shared)))
    }
}
