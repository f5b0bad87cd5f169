//! Signals: what happened, told to the agents of a coordination, filtered before it reaches them, with a bounded history.
//!
//! A [`SignalHub`] is one registry for all threads. Each coordination that is [opened](SignalHub::open) in it has a history, and a table of
//! subscriptions, each with a ring of its own ([`broadcast::lossy`](mod@crate::broadcast::lossy)). Sending a signal walks the table:
//! one AND with the subscription's mask decides; what does not match never enters its ring. Nobody waits for a slow subscriber: it
//! loses its own oldest signals, and learns how many. Where that is worse than a refusal, a subscription
//! [rejects](crate::coord::Overflow::Reject): a signal it has no room for is sent to nobody.
//!
//! ```
//! use ringway::coord::Coordination;
//! use ringway::coord::signals::{HistoryFilter, Recipients, SenderId, Signal, SignalError, SignalHub, SignalPayload};
//! use ringway::ids::{AgentId, CoordId, SessionId, SignalKind, SignalMask, SymId};
//! use ringway::value::Score;
//!
//! let hub = SignalHub::builder().history(1_000).build()?;
//! let mut flight = Coordination::open(CoordId::new(1), SessionId::new(1));
//! flight.register(hub.clone());
//! hub.open(flight.id())?;
//!
//! let [pilot, gate] = [0, 1].map(|index| AgentId { index, generation: 0 });
//! let to_pilot = hub.subscribe(flight.id(), pilot, SignalMask::ALL, None)?;
//! let to_gate = hub.subscribe(flight.id(), gate, SignalKind::AGENT_COMPLETED.mask(), None)?;
//!
//! let message = SignalPayload::message(SymId::new(1), *b"boarding is late by ten minutes.");
//! let message = Signal {
//!     sender: SenderId::agent(gate),
//!     to: Recipients::One(pilot),
//!     ..Signal::new(SignalKind::INTER_AGENT_MESSAGE, message)
//! };
//! let delivered = hub.signal(flight.id(), &message)?;
//! assert_eq!((delivered.n, delivered.filtered), (1, 1));
//!
//! let completed = SignalPayload::Completed {
//!     summary: SymId::new(2),
//!     quality: Score::new(0.9)?,
//!     execution_ms: 1_200,
//!     artifacts: 1,
//!     error: None,
//! };
//! let mut sender = hub.sender(flight.id())?; // for a thread that sends often
//! assert_eq!(sender.signal(&Signal::new(SignalKind::AGENT_COMPLETED, completed))?.n, 2);
//!
//! assert_eq!(to_pilot.try_recv(), Ok(message));
//! assert_eq!(to_gate.drain(256, |signal| assert_eq!(signal.payload, completed)), 1);
//! let mut newest = [Signal::default(); 10];
//! assert_eq!(hub.history(flight.id(), &HistoryFilter::default(), 10, &mut newest)?, 2);
//! assert_eq!(newest[1], message); // newest first
//!
//! drop((to_pilot, to_gate, sender));
//! flight.close()?;
//! assert_eq!(hub.signal(CoordId::new(1), &message), Err(SignalError::UnknownCoordination));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Who waits for what is signalled, rather than for signals, takes a [set of dependencies](crate::coord::dependencies) that is built
//! for the hub. It is no subscription, and in none of the accounts.
//!
//! # Accounts
//!
//! Each signal is delivered to a subscription or filtered: the sum of [`Delivered::n`] and [`Delivered::filtered`] is the number of
//! subscriptions. For each subscription, `entered = received + lagged + waiting`.

mod error;
mod figures;
mod hub;
mod inbox;
mod listen;
mod record;
mod scope;
mod signal;
mod stream;
mod table;

pub(in crate::coord) use inbox::Inbox;
pub(in crate::coord) use listen::Listener;

pub use crate::broadcast::lossy::{RecvError, RecvTimeoutError, TryRecvError};
pub use crate::value::Score;
pub use error::SignalError;
pub use figures::{KindCount, SignalMetrics};
pub use hub::{SignalHub, SignalHubBuilder};
pub use signal::{HistoryFilter, Meta, Recipients, SenderId, Signal, SignalPayload};
pub use stream::{SignalSender, SignalStream};

use crate::coord::Overflow;
use crate::ids::SignalMask;
use crate::{Event, Wait};

/// Where a signal went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Subscriptions whose rings it entered.
    pub n: usize,
    /// Subscriptions that did not want it, or that it was not for.
    pub filtered: usize,
    /// Of `n`, subscriptions that have lost signals and do not know yet. A hint while they receive.
    pub lagging: usize,
}

/// Where a batch of signals went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchDelivered {
    /// How many of the signals were sent: the first so many.
    pub accepted: usize,
    /// How often a signal entered a subscription's ring.
    pub n: usize,
    /// How often a subscription did not want a signal, or it was not for it.
    pub filtered: usize,
    /// Subscriptions that have lost signals and do not know yet. A hint while they receive.
    pub lagging: usize,
    /// Why no more were accepted.
    pub stopped: Option<SignalError>,
}

/// What is subscribed to, and how it is received.
#[derive(Clone, Debug)]
pub struct Subscription {
    /// The kinds; all by default.
    pub kinds: SignalMask,
    /// The one sender; all by default.
    pub from: Option<SenderId>,
    /// What happens to a signal that finds the ring full; as the hub says by default.
    pub overflow: Option<Overflow>,
    /// How the subscriber waits; as the hub says by default.
    pub wait: Option<Wait>,
    /// What it sleeps on: one event may wake it for several subscriptions and channels. One of the subscription's own by default.
    pub event: Option<Event>,
}

impl Default for Subscription {
    fn default() -> Self {
        Self { kinds: SignalMask::ALL, from: None, overflow: None, wait: None, event: None }
    }
}
