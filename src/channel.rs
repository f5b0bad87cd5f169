//! Channels: a ring with handles. Counting, closing and waiting are here; positions and storage are below.

mod batch;
mod builder;
mod carry;
mod iter;
pub(crate) mod lend;
mod local;
mod look;
mod probe;
mod receiver;
mod sender;
mod slots;
mod source;
mod stats;

pub use batch::Batch;
pub use builder::Builder;
pub(crate) use carry::crew;
pub use iter::{IntoIter, Iter, TryIter};
pub use receiver::Receiver;
pub use sender::Sender;
pub use slots::Slots;
pub use source::{Sink, Source};
pub use stats::{ChannelStats, Slowest};

use crate::error::BuildError;
use crate::ring::{BroadcastRing, Consumer, LanesRing, MpmcRing, Polled, Producer, Ring, Run, SpscRing};
use crate::sync::{Arc, AtomicUsize, Counter, guard};
use crate::wait::{Bell, Event, Wait};
use crossbeam_utils::CachePadded;

use probe::Probe;

mod kind {
    /// A kind of ring. Sealed: the kinds are this crate's.
    pub trait Kind: Sized {
        #[doc(hidden)]
        #[allow(private_bounds)]
        type Ring<T>: crate::ring::Ring<T>;
    }
}
pub(crate) use kind::Kind;

/// One sender, one receiver. Names the kind in `Sender<T, Spsc>`; see [`spsc`](crate::spsc).
#[derive(Debug)]
pub enum Spsc {}

/// Many senders, one receiver. Names the kind in `Sender<T, Mpsc>`; see [`mpsc`](crate::mpsc).
#[derive(Debug)]
pub enum Mpsc {}

/// Many senders, receivers that compete. Names the kind in `Sender<T, Mpmc>`; see [`mpmc`](crate::mpmc).
#[derive(Debug)]
pub enum Mpmc {}

/// One sender, receivers that all get everything. Names the kind in `Sender<T, Broadcast>`; see
/// [`broadcast`](crate::broadcast).
#[derive(Debug)]
pub enum Broadcast {}

impl Kind for Spsc {
    type Ring<T> = SpscRing<T>;
}

impl Kind for Mpsc {
    type Ring<T> = LanesRing<T>;
}

impl Kind for Mpmc {
    type Ring<T> = MpmcRing<T>;
}

impl Kind for Broadcast {
    type Ring<T> = BroadcastRing<T>;
}

/// Kinds whose handles can be cloned.
pub(crate) mod many {
    pub trait ManySenders: super::Kind {}
    pub trait ManyReceivers: super::Kind {}
}
impl many::ManySenders for Mpsc {}
impl many::ManySenders for Mpmc {}
impl many::ManyReceivers for Mpmc {}

/// What all handles of a channel share.
pub(crate) struct Shared<T, R: Ring<T>> {
    ring: R,
    /// Read at every send, written almost never.
    bells: CachePadded<Bells>,
    counts: CachePadded<Counts>,
    start: u64,
    send_wait: Wait,
    recv_wait: Wait,
    streaming: bool,
    name: Option<Box<str>>,
    /// `R` alone says that there are messages, and what may cross threads; this only mentions `T`.
    messages: core::marker::PhantomData<fn() -> T>,
}

struct Bells {
    /// Receivers sleep here.
    not_empty: Bell,
    /// Senders sleep here.
    not_full: Event,
    probe: Probe,
}

struct Counts {
    senders: AtomicUsize,
    receivers: AtomicUsize,
    /// Positions that were claimed and given up.
    aborted: Counter,
    /// Those of them that became skip marks.
    marked: Counter,
    /// Positions of skip marks that the receiver has stepped over.
    skipped: Counter,
    dropped: Counter,
    high_water: Counter,
}

/// What a batch needs of its channel: one call, when it is settled.
pub(crate) trait Release {
    /// # Safety
    ///
    /// As for [`Ring::release`].
    unsafe fn release(&self, consumer: &mut Consumer);
}

/// What reserved slots need of their channel: one call, when they are settled.
pub(crate) trait Publish {
    /// # Safety
    ///
    /// As for [`Ring::publish`].
    unsafe fn publish(&self, producer: &mut Producer, run: Run, written: usize);
}

impl<T, R: Ring<T>> Release for Shared<T, R> {
    #[inline]
    unsafe fn release(&self, consumer: &mut Consumer) {
        let freed = consumer.head.wrapping_sub(consumer.released);
        // SAFETY: the caller's promise.
        unsafe { self.ring.release(consumer) };
        self.room_made(freed);
    }
}

impl<T, R: Ring<T>> Publish for Shared<T, R> {
    #[inline]
    unsafe fn publish(&self, producer: &mut Producer, run: Run, written: usize) {
        if written < run.len {
            self.counts.aborted.add((run.len - written) as u64);
            // In a lane they are claimed again.
            if R::SKIP_MARKS && producer.lane == 0 {
                self.counts.marked.add((run.len - written) as u64);
            }
        }
        self.before_publication(producer, run);
        // SAFETY: the caller's promise.
        unsafe { self.ring.publish(producer, run, written) };
        // A skip mark wakes the receiver too: senders may be waiting for it to be stepped over.
        self.after_publication(written.max(1));
    }
}

impl<T, R: Ring<T>> Shared<T, R> {
    fn new(builder: &Builder) -> Result<Arc<Self>, BuildError> {
        let lanes = if R::LANES { builder.lanes } else { 0 };
        let slots = builder.slots::<T>(lanes)?;
        Ok(Arc::new(Self {
            ring: R::with_lanes(slots, lanes, builder.start)?,
            bells: CachePadded::new(Bells {
                not_empty: Bell::new(builder.event.clone()),
                not_full: Event::new(),
                probe: Probe::new(),
            }),
            counts: CachePadded::new(Counts {
                senders: AtomicUsize::new(1),
                receivers: AtomicUsize::new(1),
                aborted: Counter::new(),
                marked: Counter::new(),
                skipped: Counter::new(),
                dropped: Counter::new(),
                high_water: Counter::new(),
            }),
            start: builder.start,
            send_wait: builder.send_wait,
            recv_wait: builder.recv_wait,
            streaming: builder.streaming || builder.lanes > 0,
            name: builder.name.clone(),
            messages: core::marker::PhantomData,
        }))
    }

    #[inline(always)]
    fn before_publication(&self, producer: &Producer, run: Run) {
        if self.bells.probe.is_armed() {
            self.bells.probe.mark(producer.lane, run.start);
        }
    }

    /// Wakes those who may have waited for `messages`.
    #[inline(always)]
    fn after_publication(&self, messages: usize) {
        if guard("a publication wakes receivers") {
            let all = R::EVERYBODY_READS && guard("everybody is woken for what everybody reads");
            self.bells.not_empty.notify(sleepers(messages as u64, all));
        }
    }

    /// Wakes those who may have waited for `positions` to be given back.
    #[inline]
    fn room_made(&self, positions: u64) {
        if guard("a release wakes senders") {
            let all = R::RELEASED_IN_ANY_ORDER && guard("a release out of order wakes all")
                || self.ring.has_lanes() && guard("a release in a lane wakes all");
            self.bells.not_full.notify(sleepers(positions, all));
        }
        if self.ring.receivers_await_release() && guard("a release wakes receivers that await it") {
            self.bells.not_empty.notify(u32::MAX);
        }
    }

    /// Gives back what was taken, and lets other receivers have what was claimed and not taken.
    ///
    /// # Safety
    ///
    /// As for [`Shared::poll`].
    unsafe fn leave(&self, consumer: &mut Consumer) {
        // SAFETY: the caller's promise.
        unsafe {
            if consumer.head != consumer.released {
                self.release(consumer);
            }
            self.ring.leave(consumer);
        }
        if guard("leaving wakes receivers") {
            // They may have been left something, or have waited for this one.
            self.bells.not_empty.notify(u32::MAX);
        }
    }

    fn close(&self) -> bool {
        let first = self.ring.close();
        // Those who wait find the ring closed when they look again.
        if guard("closing wakes receivers") {
            self.bells.not_empty.notify(u32::MAX);
        }
        if guard("closing wakes senders") {
            self.bells.not_full.notify_all();
        }
        first
    }

    /// Drops what is published and not taken; goes on with the rest when a value's drop panics.
    ///
    /// # Safety
    ///
    /// As for [`Shared::poll`].
    unsafe fn drop_rest(&self, consumer: &mut Consumer) {
        struct GoOn<'a, T, R: Ring<T>>(&'a Shared<T, R>, &'a mut Consumer);
        impl<T, R: Ring<T>> Drop for GoOn<'_, T, R> {
            fn drop(&mut self) {
                // SAFETY: the promise of `drop_rest`.
                unsafe { self.0.drop_rest(self.1) };
            }
        }
        // Whatever arrived after the end was answered is dropped here as well.
        consumer.ended = false;
        // SAFETY: the caller's promise.
        while unsafe { self.poll(consumer, usize::MAX) } == Polled::Ready {
            let (start, len, lane) = (consumer.head, consumer.available(), consumer.lane);
            consumer.head = consumer.ready;
            self.counts.dropped.add(len as u64);
            let go_on = GoOn(self, consumer);
            // SAFETY: R2: the run was available and the head is past it.
            unsafe { self.ring.storage_of(lane).drop_run(start, len) };
            core::mem::forget(go_on);
        }
    }

    fn stats(&self) -> ChannelStats {
        let counts = &self.counts;
        // What was taken is read before what was put in, so that the former is never the greater.
        let (dropped, skipped) = (counts.dropped.get(), counts.skipped.get());
        let positions = self.ring.positions();
        let (aborted, marks) = (counts.aborted.get(), counts.marked.get());
        let taken = distance(positions.head, self.start).wrapping_add(positions.done_beyond);
        let claimed = distance(positions.tail, self.start).max(taken);
        ChannelStats {
            sent: claimed.saturating_sub(marks),
            received: taken.saturating_sub(skipped).saturating_sub(dropped),
            dropped,
            aborted,
            rescued_wakeups: self.bells.not_empty.event().rescued_wakeups() + self.bells.not_full.rescued_wakeups(),
            high_water: counts.high_water.get(),
            memory_bytes: self.ring.bytes(),
            slowest: self.ring.slowest().map(|(receiver, behind)| Slowest { receiver, behind }),
        }
    }

    fn debug(&self, handle: &str, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut debug = f.debug_struct(handle);
        if let Some(name) = &self.name {
            debug.field("name", name);
        }
        debug
            .field("len", &self.ring.positions().len)
            .field("capacity", &self.ring.capacity())
            .field("closed", &self.ring.is_closed())
            .finish_non_exhaustive()
    }
}

/// How many positions from `start` to `end`; positions are compared in 63 bits.
fn distance(end: u64, start: u64) -> u64 {
    end.wrapping_sub(start) << 1 >> 1
}

/// How many sleepers to wake for so many positions.
#[inline(always)]
fn sleepers(positions: u64, all: bool) -> u32 {
    if all { u32::MAX } else { u32::try_from(positions).unwrap_or(u32::MAX) }
}

impl<T, R: Ring<T>> Drop for Shared<T, R> {
    fn drop(&mut self) {
        self.ring.drop_values();
        // A send that raced the last receiver's drop may have left a value behind.
        let mut consumer = Consumer::new(self.ring.positions().head);
        // SAFETY: `&mut self`: there is no other consumer, and the receiver has released what it took.
        unsafe { self.drop_rest(&mut consumer) };
    }
}
