//! Telemetry: single events, told where they happen and handled elsewhere.
//!
//! Whoever has something to tell writes a record of 32 bytes into a ring of its group of threads, over the oldest; nobody waits and
//! nothing is allocated. Handlers are attached with a mask of kinds, and run on the thread that [drains](Telemetry::drain): a
//! worker's when it is idle, or that of a [registry](crate::metrics::Registry::telemetry) that exports. What nobody asked for is not written: it
//! costs one load. What was overwritten before it was drained is counted.
//!
//! Signals, contexts, state, dependencies and routing tell what happens in them; their builders take a [`Telemetry`], and without
//! one they use that of the process, which [`attach`], [`enable`] and [`drain`] speak of.
//!
//! ```
//! use ringway::coord::signals::{Signal, SignalHub, SignalPayload};
//! use ringway::ids::{CoordId, SignalKind};
//! use ringway::metrics::telemetry::{Event, EventKind, Record, Telemetry};
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use std::sync::Arc;
//!
//! # if cfg!(feature = "no-telemetry") { return Ok(()); }
//! let telemetry = Telemetry::new();
//! let hub = SignalHub::builder().telemetry(&telemetry).build()?;
//! hub.open(CoordId::new(1))?;
//!
//! let sent = Arc::new(AtomicU32::new(0));
//! let counted = Arc::clone(&sent);
//! let attached = telemetry.attach(EventKind::SignalSent | EventKind::SignalLagged, move |event: &Event| {
//!     if let Record::SignalSent { n, .. } = event.record {
//!         counted.fetch_add(n, Ordering::Relaxed);
//!     }
//! })?;
//!
//! hub.signal(CoordId::new(1), &Signal::new(SignalKind::STAGE_COMPLETED, SignalPayload::default()))?;
//! assert_eq!(telemetry.drain(256), 1); // the handler runs here
//! assert_eq!(sent.load(Ordering::Relaxed), 1);
//!
//! drop(attached); // nobody asks any more, and nothing is written
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Accounts
//!
//! `written = drained + lost + waiting`. Events of one thread are drained in the order in which they were written; those of
//! threads in different groups in any.

mod record;

pub use record::{Event, EventKind, EventMask, Record};

use super::error::MetricError;
use super::instruments::turn;
use crate::Builder;
use crate::broadcast::lossy::{Lagged, Receiver, SharedSender};
use crate::clock::Stamp;
use crate::ids::SymId;
use crate::sync::{Counter, caught, parallelism};
use core::fmt;
use crossbeam_utils::CachePadded;
use record::Words;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Events that a group of threads may be ahead of who drains, unless it is said otherwise.
const CAPACITY: usize = 1_024;
const MOST_LANES: usize = 64;

struct Handler {
    mask: EventMask,
    run: Box<dyn Fn(&Event) + Send + Sync>,
    /// Becomes 1 when it is detached.
    gone: Counter,
}

/// Replaced whole, so that a handler may attach and detach others.
type Handlers = Arc<[Arc<Handler>]>;

/// Who drains.
struct Drain {
    receivers: Vec<Receiver<Words>>,
    /// Where to begin, so that no lane is kept waiting.
    next: usize,
}

struct Shared {
    /// What is written: a bit for each kind. Relaxed: whether an event around a change of it is told does not matter to anybody.
    wanted: CachePadded<[Counter; 2]>,
    /// A ring for each group of threads, from the first handler on.
    lanes: OnceLock<Box<[SharedSender<Words>]>>,
    capacity: usize,
    handlers: Mutex<Handlers>,
    drain: Mutex<Drain>,
    off: Counter,
    drained: Counter,
    lost: Counter,
    faults: Counter,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Handlers' panics are caught, and they run under none of these but the drain's, which they leave whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes events, and gives them to handlers. Clones are the same one. See the [module](self).
#[derive(Clone)]
pub struct Telemetry {
    shared: Arc<Shared>,
}

impl Telemetry {
    /// Room for 1,024 events of each thread that can run at the same time. Enabled, and without a handler.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// Room for so many events of each group of threads, rounded up to a power of two and at least 1; 40 bytes for each. The rings are
    /// made when the first handler is attached.
    pub fn with_capacity(events: usize) -> Self {
        Stamp::calibrate();
        let shared = Shared {
            wanted: CachePadded::new([const { Counter::new() }; 2]),
            lanes: OnceLock::new(),
            capacity: events.max(1),
            handlers: Mutex::new(Arc::new([])),
            drain: Mutex::new(Drain { receivers: Vec::new(), next: 0 }),
            off: Counter::new(),
            drained: Counter::new(),
            lost: Counter::new(),
            faults: Counter::new(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The process's own.
    pub fn global() -> &'static Self {
        static GLOBAL: OnceLock<Telemetry> = OnceLock::new();
        GLOBAL.get_or_init(Self::new)
    }

    /// Gives events of these kinds to `handler`, from now on, on whichever thread drains, until the result is dropped. A handler may
    /// attach and detach; to drain from within does nothing. One that panics is counted, and goes on with the next event.
    ///
    /// For the control plane: takes a lock, and allocates.
    ///
    /// # Errors
    ///
    /// [`EmptyMask`](MetricError::EmptyMask); [`OutOfMemory`](MetricError::OutOfMemory) for the rings.
    pub fn attach(
        &self,
        mask: impl Into<EventMask>,
        handler: impl Fn(&Event) + Send + Sync + 'static,
    ) -> Result<Attached, MetricError> {
        let mask = mask.into();
        if mask.is_empty() {
            return Err(MetricError::EmptyMask);
        }
        let handler = Arc::new(Handler { mask, run: Box::new(handler), gone: Counter::new() });
        let mut handlers = lock(&self.shared.handlers);
        self.open()?;
        *handlers = handlers.iter().chain([&handler]).cloned().collect();
        self.shared.want(&handlers);
        Ok(Attached { telemetry: self.clone(), handler })
    }

    /// Makes the rings, if they are not made yet. Called under the handlers' lock.
    fn open(&self) -> Result<(), MetricError> {
        if self.shared.lanes.get().is_some() {
            return Ok(());
        }
        let lanes = parallelism().unwrap_or(1).next_power_of_two().min(MOST_LANES);
        let ring = |_| Builder::new(self.shared.capacity).lossy().map_err(|_| MetricError::OutOfMemory);
        let rings = (0..lanes).map(ring).collect::<Result<Vec<_>, _>>()?;
        let (senders, receivers): (Vec<_>, Vec<_>) =
            rings.into_iter().map(|(sender, receiver)| (sender.into_shared(), receiver)).unzip();
        lock(&self.shared.drain).receivers = receivers;
        // Nobody else sets it meanwhile.
        let _ = self.shared.lanes.set(senders.into());
        Ok(())
    }

    /// Writes events, or no more; by default it does. What was written before is still drained.
    pub fn enable(&self, on: bool) {
        let handlers = lock(&self.shared.handlers);
        self.shared.off.set(u64::from(!on));
        self.shared.want(&handlers);
    }

    /// Whether anybody asks for this kind now: for what has to be found out before it can be told. One load.
    #[inline]
    pub fn wants(&self, kind: EventKind) -> bool {
        let (half, bit) = (kind as usize / 64, kind as usize % 64);
        cfg!(not(feature = "no-telemetry")) && self.shared.wanted[half].get() >> bit & 1 == 1
    }

    /// Tells something, if anybody asks for it. Wait-free; allocates nothing. Overwrites the oldest event of the calling thread's group
    /// where there is no room.
    #[inline]
    pub fn emit(&self, record: Record) {
        if self.wants(record.kind()) {
            self.write(record);
        }
    }

    #[inline]
    fn write(&self, record: Record) {
        if let Some(lanes) = self.shared.lanes.get() {
            let event = Event { at: Stamp::now(), record };
            // Nobody closes it.
            let _ = lanes[turn() & (lanes.len() - 1)].send(event.to_words());
        }
    }

    /// Tells that an activity of your own has begun, and, when the result is dropped, that it has ended and how long it took: both or
    /// neither, as far as it is asked for.
    ///
    /// ```
    /// use ringway::ids::SymId;
    /// use ringway::metrics::telemetry::{EventKind, Telemetry};
    /// # if cfg!(feature = "no-telemetry") { return Ok(()); }
    /// let telemetry = Telemetry::new();
    /// let _attached = telemetry.attach(EventKind::SpanStarted | EventKind::SpanStopped, |event| println!("{event:?}"))?;
    /// drop(telemetry.span(SymId::new(1)));
    /// assert_eq!(telemetry.drain(256), 2);
    /// # Ok::<(), ringway::metrics::MetricError>(())
    /// ```
    pub fn span(&self, span: SymId) -> Span<'_> {
        let [started, stopped] = [EventKind::SpanStarted, EventKind::SpanStopped].map(|kind| self.wants(kind));
        if started {
            self.write(Record::SpanStarted { span });
        }
        Span { telemetry: self, span, began: stopped.then(Stamp::now) }
    }

    /// Gives up to `max` of the events that are waiting to the handlers, on the calling thread, and says how many those were. One
    /// thread at a time drains; another one meanwhile gets 0. Takes no lock that it would wait for but that of the handlers' list,
    /// and allocates nothing.
    pub fn drain(&self, max: usize) -> usize {
        let Ok(mut drain) = self.shared.drain.try_lock() else { return 0 };
        let handlers = Arc::clone(&lock(&self.shared.handlers));
        let Drain { receivers, next } = &mut *drain;
        let mut left = max;
        for _ in 0..receivers.len() {
            *next = (*next + 1) % receivers.len();
            while left > 0 {
                match receivers[*next].drain(left, |words| self.shared.handle(words, &handlers)) {
                    Ok(0) => break,
                    Ok(drained) => left -= drained,
                    Err(Lagged(lost)) => self.shared.lost.add(lost),
                }
            }
        }
        self.shared.drained.add((max - left) as u64);
        max - left
    }

    /// Whether both are the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Events that were drained so far.
    pub fn drained(&self) -> u64 {
        self.shared.drained.get()
    }

    /// Events that were overwritten before they were drained, as far as draining has come by them.
    pub fn lost(&self) -> u64 {
        self.shared.lost.get()
    }

    /// Panics of handlers.
    pub fn faults(&self) -> u64 {
        self.shared.faults.get()
    }
}

impl Shared {
    fn want(&self, handlers: &[Arc<Handler>]) {
        let all = handlers.iter().fold(EventMask::NONE, |all, handler| all | handler.mask);
        let wanted = if self.off.get() == 0 { all } else { EventMask::NONE };
        for (half, bits) in self.wanted.iter().zip(wanted.halves()) {
            half.set(bits);
        }
    }

    fn handle(&self, words: Words, handlers: &[Arc<Handler>]) {
        let Some(event) = Event::from_words(words) else { return };
        let asked = |handler: &&Arc<Handler>| handler.mask.contains(event.kind()) && handler.gone.get() == 0;
        for handler in handlers.iter().filter(asked) {
            if caught(|| (handler.run)(&event)).is_none() {
                self.faults.add(1);
            }
        }
    }
}

impl Default for Telemetry {
    /// The process's own.
    fn default() -> Self {
        Self::global().clone()
    }
}

impl fmt::Debug for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telemetry")
            .field("handlers", &lock(&self.shared.handlers).len())
            .field("drained", &self.drained())
            .field("lost", &self.lost())
            .finish_non_exhaustive()
    }
}

/// A handler that is attached. Dropping it detaches the handler.
#[must_use = "dropped, the handler is detached"]
pub struct Attached {
    telemetry: Telemetry,
    handler: Arc<Handler>,
}

impl Drop for Attached {
    fn drop(&mut self) {
        self.handler.gone.set(1);
        let mut handlers = lock(&self.telemetry.shared.handlers);
        *handlers = handlers.iter().filter(|handler| !Arc::ptr_eq(handler, &self.handler)).cloned().collect();
        self.telemetry.shared.want(&handlers);
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").field("mask", &self.handler.mask).finish_non_exhaustive()
    }
}

/// An activity under way: see [`Telemetry::span`].
#[derive(Debug)]
#[must_use = "it lasts until it is dropped"]
pub struct Span<'a> {
    telemetry: &'a Telemetry,
    span: SymId,
    /// None if nobody asked for its end when it began.
    began: Option<Stamp>,
}

impl Drop for Span<'_> {
    fn drop(&mut self) {
        if let Some(began) = self.began {
            self.telemetry.write(Record::SpanStopped { span: self.span, ns: began.elapsed_ns() });
        }
    }
}

/// Attaches a handler to the process's telemetry: see [`Telemetry::attach`].
///
/// # Errors
///
/// Those of [`Telemetry::attach`].
pub fn attach(mask: EventMask, handler: impl Fn(&Event) + Send + Sync + 'static) -> Result<Attached, MetricError> {
    Telemetry::global().attach(mask, handler)
}

/// Switches the process's telemetry on or off: see [`Telemetry::enable`].
pub fn enable(on: bool) {
    Telemetry::global().enable(on);
}

/// Drains the process's telemetry: see [`Telemetry::drain`].
pub fn drain(max: usize) -> usize {
    Telemetry::global().drain(max)
}
