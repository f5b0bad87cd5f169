//! Channels as configured.

use super::{Kind, Mpmc, Mpsc, Receiver, Sender, Shared, Spsc};
use crate::broadcast::lossy;
use crate::error::BuildError;
use crate::ring::{MOST_LANES, slots_for};
use crate::sync::Arc;
use crate::wait::{Event, Wait};
use bytemuck::Pod;

/// Both halves of a channel.
type Ends<T, K> = (Sender<T, K>, Receiver<T, K>);

/// Builds channels whose configuration comes from outside: every mistake is a [`BuildError`], not a panic.
///
/// ```
/// use ringway::{BuildError, Builder, Wait};
///
/// let (mut tx, mut rx) = Builder::new(1000).wait(Wait::park()).name("orders").mpsc::<u64>()?;
/// assert_eq!(tx.capacity(), 1024);
/// tx.try_send(1).unwrap();
/// assert_eq!(rx.recv(), Ok(1));
///
/// assert_eq!(Builder::new(0).spsc::<u64>().unwrap_err(), BuildError::ZeroCapacity);
/// # Ok::<(), BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it builds a channel"]
pub struct Builder {
    capacity: usize,
    pub(crate) lanes: usize,
    pub(crate) start: u64,
    pub(crate) send_wait: Wait,
    pub(crate) recv_wait: Wait,
    pub(crate) streaming: bool,
    pub(crate) event: Option<Event>,
    pub(crate) name: Option<Box<str>>,
}

impl Builder {
    /// A channel for `capacity` messages, rounded up to a power of two.
    pub fn new(capacity: usize) -> Self {
        let wait = Wait::default();
        Self {
            capacity,
            lanes: 0,
            start: 0,
            send_wait: wait,
            recv_wait: wait,
            streaming: false,
            event: None,
            name: None,
        }
    }

    /// How both sides wait. The default is [`Wait::adaptive`]. A worker waits in its own way.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.send_wait = wait;
        self.recv_wait = wait;
        self
    }

    /// How senders wait, where it differs; after [`wait`](Builder::wait).
    pub fn send_wait(mut self, wait: Wait) -> Self {
        self.send_wait = wait;
        self
    }

    /// For streams: a receiver that finds fewer than 256 messages (or a quarter of the capacity) while they stream in waits for
    /// twelve spin hints (0.3 us or so) and looks again, once, so that it stays some distance behind the senders. It gains
    /// throughput where messages are sent one by one (up to 1.4 times in `docs/benchmarks.md`), and costs tail latency: that
    /// much, of a message that comes right after another. A message after a lull (three looks in vain) is not held back.
    ///
    /// A sender that has found no room for a single message waits as long before its next try. Receivers that compete hold back
    /// only when they find nothing.
    ///
    /// ```
    /// let (mut tx, mut rx) = ringway::Builder::new(1024).streaming().spsc()?;
    /// tx.try_send_iter(&mut (1..=3)).unwrap();
    /// assert_eq!(rx.try_iter().sum::<i32>(), 6);
    /// # Ok::<(), ringway::BuildError>(())
    /// ```
    pub fn streaming(mut self) -> Self {
        self.streaming = true;
        self
    }

    /// What the receiving thread sleeps on. The default is an event of the channel's own.
    pub fn event(mut self, event: &Event) -> Self {
        self.event = Some(event.clone());
        self
    }

    /// A name, shown by `Debug`.
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Gives the first `n` senders of an [`mpsc`](Builder::mpsc) channel a ring each: sending costs them one store, and no
    /// exchange that all contend for. For a few senders that send much, one message at a time. Other kinds take no notice.
    ///
    /// * The capacity is divided by `n`: each of them has that much for itself, rounded up to a power of two, and is told `Full`
    ///   whatever room the others have; [`capacity`](crate::mpsc::Sender::capacity) and `len` of a sender speak of its own.
    /// * Further senders share a ring of the same size, as they do without this option. A lane goes from a sender that is
    ///   dropped to the next one that is made.
    /// * Order is kept for each sender, as always; between senders nothing is promised. The receiver goes round, taking from each
    ///   what it found there: a sender waits for no more than that. Finding nothing costs it a look at each. In the middle of a
    ///   stream, finding little makes it pause for a third of a microsecond, so as to stay off the sender's cache lines.
    /// * A send that races a [`close`](crate::mpsc::Sender::close) is received, or dropped with the channel, as in
    ///   [`spsc`](crate::spsc).
    ///
    /// ```
    /// # use ringway::{BuildError, Builder};
    /// let (mut a, mut rx) = Builder::new(1024).lanes(2).mpsc::<u32>()?;
    /// let mut b = a.clone(); // has a ring of its own, too
    /// assert_eq!((a.capacity(), b.capacity()), (512, 512));
    /// a.try_send(1).unwrap();
    /// b.try_send(2).unwrap();
    /// a.try_send(3).unwrap();
    /// let received: Vec<_> = rx.try_iter().collect();
    /// assert!(received == [1, 3, 2] || received == [1, 2, 3] || received == [2, 1, 3]);
    /// # Ok::<(), BuildError>(())
    /// ```
    pub fn lanes(mut self, n: usize) -> Self {
        self.lanes = n;
        self
    }

    /// Where positions begin, so that tests can cross the numbers at which they wrap.
    #[doc(hidden)]
    pub fn start_at(mut self, position: u64) -> Self {
        self.start = position;
        self
    }

    /// A channel with one sender and one receiver.
    ///
    /// # Errors
    ///
    /// When the capacity is 0 or more than memory can hold.
    pub fn spsc<T>(&self) -> Result<(crate::spsc::Sender<T>, crate::spsc::Receiver<T>), BuildError> {
        self.build::<T, Spsc>()
    }

    /// A channel with many senders and one receiver.
    ///
    /// # Errors
    ///
    /// As for [`spsc`](Builder::spsc), and when more than 64 [lanes](Builder::lanes) were asked for.
    pub fn mpsc<T>(&self) -> Result<(crate::mpsc::Sender<T>, crate::mpsc::Receiver<T>), BuildError> {
        self.build::<T, Mpsc>()
    }

    /// A channel with many senders and receivers that compete for its messages.
    ///
    /// # Errors
    ///
    /// As for [`spsc`](Builder::spsc).
    pub fn mpmc<T>(&self) -> Result<(crate::mpmc::Sender<T>, crate::mpmc::Receiver<T>), BuildError> {
        self.build::<T, Mpmc>()
    }

    /// A channel with one sender and receivers that all get everything, and its first receiver.
    ///
    /// # Errors
    ///
    /// As for [`spsc`](Builder::spsc).
    pub fn broadcast<T: Send + Sync>(
        &self,
    ) -> Result<(crate::broadcast::Sender<T>, crate::broadcast::Receiver<T>), BuildError> {
        let shared = Shared::new(self)?;
        let receiver = super::lend::Receiver::first(&shared);
        Ok((Sender::new(shared), receiver.unwrap_or_else(|| unreachable!("a new channel has a free lane"))))
    }

    /// A lossy channel: a sender, to be cloned at will, and a receiver, to be joined by others. Only receivers wait.
    ///
    /// # Errors
    ///
    /// As for [`spsc`](Builder::spsc).
    ///
    /// ```
    /// use ringway::{BuildError, Builder, Wait};
    /// let (tx, _rx) = Builder::new(1000).wait(Wait::park()).name("ticks").lossy::<[f64; 2]>()?;
    /// assert_eq!(tx.capacity(), 1024);
    /// assert_eq!(Builder::new(0).lossy::<u64>().unwrap_err(), BuildError::ZeroCapacity);
    /// # Ok::<(), BuildError>(())
    /// ```
    pub fn lossy<T: Pod>(&self) -> Result<(lossy::Sender<T>, lossy::Receiver<T>), BuildError> {
        lossy::build(self)
    }

    fn build<T, K: Kind>(&self) -> Result<Ends<T, K>, BuildError> {
        let shared = Shared::new(self)?;
        Ok((Sender::new(Arc::clone(&shared)), Receiver::new(shared)))
    }

    /// As [`mpsc`](Builder::mpsc), but the sender takes no lane: it is there to make others.
    pub(crate) fn inbox<T>(&self) -> Result<Ends<T, Mpsc>, BuildError> {
        let shared = Shared::new(self)?;
        Ok((Sender::without_lane(Arc::clone(&shared)), Receiver::new(shared)))
    }

    /// The number of slots of each of `lanes` rings, or of the one, or what is wrong with the capacity.
    pub(crate) fn slots<T>(&self, lanes: usize) -> Result<usize, BuildError> {
        if lanes > MOST_LANES {
            return Err(BuildError::TooManyLanes { lanes, max: MOST_LANES });
        }
        slots_for::<T>(self.capacity.div_ceil(lanes.max(1)))
    }
}
