//! `ringway`: bounded rings, pinned workers and an in-process message bus for services that care about microseconds.
//!
//! Messages go through bounded rings; workers, pinned to cores, drain them in batches of up to [`MAX_BATCH`]. Nothing
//! allocates once it is built, no `try_` call waits for another thread, and every message is accounted for.
//!
//! # Which channel
//!
//! | you have | use | `try_send` | `try_recv` | a stopped peer |
//! |---|---|---|---|---|
//! | one sender, one receiver | [`spsc`] | wait-free | wait-free | delays nobody's calls |
//! | many senders, one receiver | [`mpsc`] | retries only when another sender got ahead | wait-free | a sender stopped inside a send hides later messages |
//! | many senders, many receivers of everything | [`broadcast::lossy`](mod@broadcast::lossy) | wait-free: overwrites the oldest | wait-free: counts what it lost | a sender stopped inside a send hides later messages, for a lap at most |
//! | many senders, keyed work for several workers | [`Bus`] | as `mpsc` | by the workers | delays its worker |
//! | many senders, work for whoever is free | [`Worker::pool`] over [`mpmc`] | as `mpsc` | by the workers | keeps the messages that its worker has taken |
//!
//! All channels have the same verbs, in [`Sender`] and [`Receiver`]: single, timed and waiting sends and receives, sends
//! from iterators, slots reserved ahead ([`Slots`]), messages drained or lent in place ([`Batch`]). They are built with
//! `channel(capacity)`, or with a [`Builder`] where the configuration comes from outside.
//!
//! A [`Worker`] runs [`Handler`]s over receivers, and [`Duty`]s of any kind, on one thread; a [`Bus`] puts publishers and
//! workers together. How threads wait is one choice for all of them: [`Wait`], and the [`Event`] they sleep on.
//!
//! # The map
//!
//! Each layer uses only those below it:
//!
//! | layer | |
//! |---|---|
//! | `bus` | publishers, keyed inboxes, workers, shutdown, report |
//! | `worker` | duty cycle, handlers, pinning, timers, panics |
//! | `channel` | handles, counts, close, batches, slots, waiting sends and receives |
//! | `broadcast` | handles of the rings that every receiver reads whole |
//! | `ring`, `wait` | storage and positions; strategies and the one park and wake handshake |
//! | `sync`, `error`, `metrics` | the door to atomics and threads (the system's, or loom's); errors; measuring |
#![deny(missing_docs)]

#[forbid(unsafe_code)]
pub mod broadcast;
#[forbid(unsafe_code)]
mod bus;
mod channel;
#[forbid(unsafe_code)]
mod error;
#[forbid(unsafe_code)]
mod metrics;
#[forbid(unsafe_code)]
pub mod mpmc;
#[forbid(unsafe_code)]
pub mod mpsc;
mod ring;
#[forbid(unsafe_code)]
pub mod spsc;
mod sync;
mod wait;
#[forbid(unsafe_code)]
mod worker;

/// The most messages a worker takes from an inbox in one duty cycle.
pub const MAX_BATCH: usize = 256;

pub use bus::{Bus, BusBuilder, Publisher, Report};
pub use bytemuck::Pod;
pub use channel::{
    Batch, Broadcast, Builder, ChannelStats, IntoIter, Iter, Mpmc, Mpsc, Receiver, Sender, Sink, Slots, Slowest,
    Source, Spsc, TryIter,
};
pub use error::{
    BuildError, Disconnected, RecvError, RecvTimeoutError, ReserveError, SendError, SendTimeoutError, TryRecvError,
    TrySendError,
};
pub use metrics::Percentiles;
pub use wait::{Event, Wait};
pub use worker::{
    BuildWarning, Cycle, Duty, Handler, PanicPolicy, Pin, PoolBuilder, PoolHandle, PoolReport, TimerError, TimerId,
    Worker, WorkerBuilder, WorkerHandle, WorkerId, WorkerReport, allowed_cores, each,
};

/// The first page's example, kept true.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
