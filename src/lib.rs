//! `ringway`: bounded rings, pinned workers and an in-process message bus for services that care about microseconds.
//!
//! Messages go through bounded rings; workers, pinned to cores, drain them in batches of up to [`MAX_BATCH`]. Nothing
//! allocates once it is built, no `try_` call waits for another thread, and every message is accounted for.
//!
//! # Which channel
//!
//! | you have | use | known elsewhere as | `try_send` | `try_recv` | a stopped peer holds up |
//! |---|---|---|---|---|---|
//! | one sender, one receiver | [`spsc`] | rtrb, ringbuf | wait-free | wait-free | no call of the other side: that finds the channel full, or empty |
//! | many senders, one receiver | [`mpsc`] | tokio's `mpsc`, std's `sync_channel` | repeats its claim only when another sender got ahead | wait-free | a sender, inside a send: what is sent after it, and senders once the channel is full. A receiver: senders once it is full |
//! | many senders; each message for one of several receivers | [`mpmc`] | crossbeam's `bounded`, kanal, flume | as `mpsc` | repeats its claim only when another receiver got ahead | a sender, as in `mpsc`, for all receivers. A receiver: the messages it has claimed, and senders once the ring has come round to them |
//! | one sender, up to 64 receivers of everything; none may miss any | [`broadcast`] | LMAX Disruptor with one producer | wait-free | wait-free | a receiver: the sender once the channel is full, and receivers that run after it. The sender: nobody |
//! | many senders, any number of receivers of everything; the newest counts | [`broadcast::lossy`](mod@broadcast::lossy) | tokio's `broadcast` and `watch` | `send` is wait-free: overwrites the oldest | wait-free: says how many it lost | a sender, inside a send: what is sent after it, for a lap at most, then at most one message of each lap. A receiver: nobody |
//! | work for whichever thread is free | [`Worker::pool`] over [`mpmc`] | crossbeam's `bounded` and n threads | as `mpmc` | by the workers | a handler: the messages that its worker has taken. Otherwise as `mpmc` |
//! | work with keys, in order for each key | [`Bus`] | one consumer for each partition | as `mpsc`, on the key's inbox | by the workers | a publisher, inside a send: what is sent after it to that worker. A handler: its worker's keys, and their senders once that inbox is full |
//!
//! *Wait-free*: done in a bounded number of steps, whatever other threads do. No `try_` call waits for a peer; what a stopped
//! peer holds up is what the call can find or place. Waking a thread that sleeps is not part of these figures: it is lock-free
//! on Linux, and elsewhere may wait for one that is just falling asleep. All promises, and the tests that show them, are in
//! `docs/guarantees.md`.
//!
//! Whoever comes from another channel will miss or find:
//!
//! * Capacities are bounded, at least 1, and rounded up to a power of two. There is no unbounded and no rendezvous channel.
//! * Handles are used through `&mut`, by one thread at a time. Where there may be many, clone (or subscribe) one for each thread.
//! * No `select`: let several receivers wake one [`Event`], or give them all to one [`Worker`].
//! * Receivers of a [`broadcast`] lend messages by reference, where tokio's clone them; they gate the sender, and lose nothing.
//! * [`broadcast::lossy`](mod@broadcast::lossy) copies plain data ([`Pod`]) only; `latest` is what a `watch` does.
//! * Either side can [`close`](Sender::close) a channel; what was sent before is received, then `Disconnected`.
//! * Nothing here is `async`.
//!
//! All channels but the lossy one have the same verbs, in [`Sender`] and [`Receiver`] (or [`broadcast::Receiver`], which lends):
//! single, timed and waiting sends and receives, sends from iterators, slots reserved ahead ([`Slots`]), messages drained or
//! lent in place ([`Batch`]). They are built with `channel(capacity)`, or with a [`Builder`] where the configuration comes from
//! outside. Senders of a lossy channel have `send` and `send_all` only, which never wait.
//!
//! A [`Worker`] runs [`Handler`]s over receivers, and [`Duty`]s of any kind, on one thread; a [`Bus`] puts publishers and
//! workers together. How threads wait is one choice for all of them: [`Wait`], and the [`Event`] they sleep on.
//!
//! `docs/guide.md` goes through all of it in short chapters.
//!
//! # The map
//!
//! Each layer uses only those below it:
//!
//! | layer | |
//! |---|---|
//! | [`coord`] | coordination, feature `coord`: signals, contexts, state, dependencies, routing, and the scope that they are closed with |
//! | `bus` | publishers, keyed inboxes, workers, shutdown, report |
//! | `worker` | duty cycle, handlers, pinning, timers, panics |
//! | `spsc`, `mpsc`, `mpmc` | the names of a ring's handles |
//! | `broadcast` | the same for the rings that every receiver reads whole; the lossy one has handles of its own |
//! | `channel` | handles, counts, close, batches, slots, waiting sends and receives |
//! | `ring`, `wait` | storage and positions, a file for each ring; strategies and the one park and wake handshake |
//! | [`slab`], [`slot`] | places for large values, given out and taken back; records that are replaced while they are read |
//! | [`ids`], [`value`], [`clock`] | interned names, small values, time that a test can turn |
//! | [`metrics`] | counters and histograms by name, thresholds, exports, telemetry |
//! | `measure` | the clock for measurements, and sampled waiting times |
//! | `sync`, `error` | the door to atomics and threads (the system's, or loom's); errors |
#![deny(missing_docs)]

#[forbid(unsafe_code)]
pub mod broadcast;
#[forbid(unsafe_code)]
mod bus;
mod channel;
#[forbid(unsafe_code)]
pub mod clock;
#[cfg(feature = "coord")]
#[forbid(unsafe_code)]
pub mod coord;
#[forbid(unsafe_code)]
mod error;
#[forbid(unsafe_code)]
pub mod ids;
#[forbid(unsafe_code)]
mod measure;
#[forbid(unsafe_code)]
pub mod metrics;
#[forbid(unsafe_code)]
pub mod mpmc;
#[forbid(unsafe_code)]
pub mod mpsc;
mod ring;
pub mod slab;
pub mod slot;
#[forbid(unsafe_code)]
pub mod spsc;
mod sync;
#[forbid(unsafe_code)]
pub mod value;
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

/// So are the guide's.
#[cfg(doctest)]
#[doc = include_str!("../docs/guide.md")]
mod guide {}
