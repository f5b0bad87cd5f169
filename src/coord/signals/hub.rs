//! The registry: coordinations by id.

use super::figures::{Exported, SignalMetrics};
use super::listen::{Listener, Listeners};
use super::scope::{Scope, Settings};
use super::signal::{HistoryFilter, SenderId, Signal};
use super::stream::{SignalSender, SignalStream};
use super::{BatchDelivered, Delivered, SignalError, Subscription};
use crate::clock::Stamp;
use crate::coord::{Closed, Overflow, ScopeClosed, Scoped, Stage};
use crate::ids::{AgentId, CoordId, SignalKind, SignalMask};
use crate::metrics::telemetry::Telemetry;
use crate::metrics::{Health, MetricError, Registry, Violation};
use crate::sync::{Mutex, Swap};
use crate::value::SetRef;
use crate::{BuildError, Wait};
use core::fmt;
use std::sync::{Arc, PoisonError, Weak};

/// The most signals of a history, or of a subscriber: 144 GiB.
const MOST: usize = 1 << 30;

/// Configures a [`SignalHub`].
#[derive(Clone)]
#[must_use = "it does nothing before `build`"]
pub struct SignalHubBuilder {
    settings: Settings,
}

impl SignalHubBuilder {
    /// How many signals each coordination remembers; 10,000 by default. Every signal takes 144 bytes, of a number of signals
    /// rounded up to a power of two. 1,000 is enough beyond 1,000 signals a minute, 100 where every microsecond counts; take 50,000 to
    /// look for mistakes.
    pub fn history(mut self, signals: usize) -> Self {
        self.settings.history = signals;
        self
    }

    /// How many signals may wait for a subscriber; 1,024 by default. Rounded up to a power of two.
    pub fn subscriber_capacity(mut self, signals: usize) -> Self {
        self.settings.subscriber_capacity = signals;
        self
    }

    /// How many subscriptions a coordination may have; 1,024 by default.
    pub fn max_subscribers(mut self, max: usize) -> Self {
        self.settings.max_subscribers = max;
        self
    }

    /// How many different [sets of recipients](SignalHub::recipients) a coordination may have; 1,024 by default.
    pub fn max_sets(mut self, max: usize) -> Self {
        self.settings.max_sets = max;
        self
    }

    /// Whether signals are counted by kind and their propagation is measured; by default they are.
    pub fn metrics(mut self, on: bool) -> Self {
        self.settings.metrics = on;
        self
    }

    /// What happens to a signal that finds a subscriber's ring full, unless the subscription says so itself:
    /// [`Overflow::DropOldest`], the default, or [`Overflow::Reject`].
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.settings.subscription.overflow = Some(overflow);
        self
    }

    /// How subscribers wait, unless the subscription says so itself; [`Wait::adaptive`] by default.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.settings.subscription.wait = Some(wait);
        self
    }

    /// Counts and measures in this registry too, for all coordinations together: `signals_sent` and `signals_received` by kind,
    /// `signals_filtered`, `signals_lagged`, `signal_propagation_time_ms`. The gauges `signal_history_len` and `signal_payload_bytes`
    /// are set by [`SignalHub::health`] only, for the coordination that it was last asked about.
    ///
    /// # Errors
    ///
    /// Those of the registry: it is full, or has these names for something else.
    pub fn registry(mut self, registry: &Registry) -> Result<Self, MetricError> {
        self.settings.exported = Some(Arc::new(Exported::new(registry)?));
        Ok(self)
    }

    /// Tells here what happens; in the process's own by default.
    pub fn telemetry(mut self, telemetry: &Telemetry) -> Self {
        self.settings.telemetry = telemetry.clone();
        self
    }

    /// The hub.
    ///
    /// # Errors
    ///
    /// [`ZeroCapacity`](BuildError::ZeroCapacity) or [`CapacityTooLarge`](BuildError::CapacityTooLarge), of the history or of the
    /// subscribers. An overflow that subscriptions do not have is told by [`SignalHub::subscribe`].
    pub fn build(self) -> Result<SignalHub, BuildError> {
        for capacity in [self.settings.history, self.settings.subscriber_capacity] {
            match capacity {
                0 => return Err(BuildError::ZeroCapacity),
                1..=MOST => {}
                _ => return Err(BuildError::CapacityTooLarge { capacity }),
            }
        }
        Stamp::calibrate();
        let hub = Hub { settings: self.settings, scopes: Swap::new(Vec::new()), control: Mutex::default() };
        Ok(SignalHub { shared: Arc::new(hub) })
    }
}

impl fmt::Debug for SignalHubBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalHubBuilder")
            .field("history", &self.settings.history)
            .field("subscriber_capacity", &self.settings.subscriber_capacity)
            .field("max_subscribers", &self.settings.max_subscribers)
            .field("metrics", &self.settings.metrics)
            .finish_non_exhaustive()
    }
}

/// Coordinations in the order of their ids.
type Scopes = Vec<(CoordId, Arc<Scope>)>;

struct Hub {
    settings: Settings,
    scopes: Swap<Scopes>,
    control: Mutex<Control>,
}

/// Held by who opens or closes a coordination, or begins to listen.
#[derive(Default)]
struct Control {
    /// How many coordinations were opened.
    opened: u32,
    listeners: Listeners,
}

/// Tells the agents of a coordination what happened: a registry for all threads. Clones are the same hub.
///
/// [`signal`](Self::signal), [`signal_batch`](Self::signal_batch) and [`history`](Self::history) take no lock, never wait for
/// another thread and allocate nothing (a thread's first call does, once). The others are for the control plane: they take a lock,
/// and allocate.
#[derive(Clone)]
pub struct SignalHub {
    shared: Arc<Hub>,
}

impl SignalHub {
    /// 10,000 signals of history, 1,024 signals for each of up to 1,024 subscribers, metrics, drop oldest.
    pub fn builder() -> SignalHubBuilder {
        let subscription = Subscription { overflow: Some(Overflow::DropOldest), ..Subscription::default() };
        SignalHubBuilder {
            settings: Settings {
                history: 10_000,
                subscription,
                subscriber_capacity: 1_024,
                max_subscribers: 1_024,
                max_sets: 1_024,
                metrics: true,
                exported: None,
                telemetry: Telemetry::default(),
            },
        }
    }

    /// Opens a coordination, with its history. Nothing happens if it is open.
    ///
    /// # Errors
    ///
    /// [`OutOfMemory`](SignalError::OutOfMemory).
    pub fn open(&self, coordination: CoordId) -> Result<(), SignalError> {
        self.change(|scopes, control| {
            if let Err(place) = find(scopes, coordination) {
                control.opened = control.opened.wrapping_add(1);
                let (settings, listeners) = (self.shared.settings.clone(), control.listeners.clone());
                let scope = Scope::new(coordination, settings, control.opened, listeners)?;
                scopes.insert(place, (coordination, Arc::new(scope)));
            }
            Ok(())
        })
    }

    /// Sends a signal to whom it is for, if they subscribed to its kind and sender.
    ///
    /// Costs one test for each subscription, and a copy of 128 bytes for each that matches and for the history; wakes those that
    /// sleep. A completion costs what follows from it too, where a [set of dependencies](crate::coord::dependencies) listens; and it
    /// waits for another thread's call to that set once as many completions wait for that thread as the set has room for.
    ///
    /// # Errors
    ///
    /// [`UnknownCoordination`](SignalError::UnknownCoordination); [`UnknownRecipient`](SignalError::UnknownRecipient) and
    /// [`UnknownSet`](SignalError::UnknownSet); [`NotFinite`](SignalError::NotFinite) for a number in the payload;
    /// [`Full`](SignalError::Full) when a subscription that refuses has no room. Nobody got the signal then, and the history
    /// does not have it.
    pub fn signal(&self, coordination: CoordId, signal: &Signal) -> Result<Delivered, SignalError> {
        self.with(coordination, |scope| scope.signal(signal))
    }

    /// Sends signals in order, with one claim and one wake-up for each subscription.
    ///
    /// Where one is refused, those before it are sent, and [`accepted`](BatchDelivered::accepted) is their number.
    ///
    /// # Errors
    ///
    /// Those of [`signal`](Self::signal), when the very first is refused.
    pub fn signal_batch(&self, coordination: CoordId, signals: &[Signal]) -> Result<BatchDelivered, SignalError> {
        self.with(coordination, |scope| scope.signal_batch(signals))
    }

    /// Subscribes an agent to these kinds ([`SignalMask::ALL`] for all), of one sender or of all, from now on. An agent may have
    /// several subscriptions.
    ///
    /// # Errors
    ///
    /// [`EmptyMask`](SignalError::EmptyMask), [`SubscriberLimit`](SignalError::SubscriberLimit),
    /// [`UnknownCoordination`](SignalError::UnknownCoordination), [`OutOfMemory`](SignalError::OutOfMemory).
    pub fn subscribe(
        &self,
        coordination: CoordId,
        agent: AgentId,
        kinds: SignalMask,
        from: Option<SenderId>,
    ) -> Result<SignalStream, SignalError> {
        self.subscribe_with(coordination, agent, &Subscription { kinds, from, ..Subscription::default() })
    }

    /// The same, with all there is to choose.
    ///
    /// # Errors
    ///
    /// Those of [`subscribe`](Self::subscribe), and [`UnsupportedOverflow`](SignalError::UnsupportedOverflow).
    pub fn subscribe_with(
        &self,
        coordination: CoordId,
        agent: AgentId,
        subscription: &Subscription,
    ) -> Result<SignalStream, SignalError> {
        let scope = self.scope(coordination)?;
        scope.subscribe(agent, subscription).map_err(by_id)
    }

    /// A sender for the calling thread.
    ///
    /// # Errors
    ///
    /// [`UnknownCoordination`](SignalError::UnknownCoordination).
    pub fn sender(&self, coordination: CoordId) -> Result<SignalSender, SignalError> {
        self.scope(coordination).map(SignalSender::new)
    }

    /// Names a set of agents, for [`Recipients::Mask`](super::Recipients::Mask); the same agents again get the same reference. It
    /// belongs to the coordination, and goes with it, not earlier. Compares with each of the coordination's sets.
    ///
    /// # Errors
    ///
    /// [`UnknownCoordination`](SignalError::UnknownCoordination), and [`SetLimit`](SignalError::SetLimit) when there are
    /// [as many](SignalHubBuilder::max_sets) already: agents that change all the time are better told one by one. Whether the agents are subscribed is looked at when a signal is
    /// sent to them.
    pub fn recipients(&self, coordination: CoordId, agents: &[AgentId]) -> Result<SetRef, SignalError> {
        self.with(coordination, |scope| scope.recipients(agents))
    }

    /// Writes the newest signals that meet the filter to the beginning of `out`, newest first, and gives their number: at most
    /// `limit`. Entries that are being written, or overwritten, are left out and counted.
    ///
    /// # Errors
    ///
    /// [`LimitZero`](SignalError::LimitZero); [`OutputTooSmall`](SignalError::OutputTooSmall) when `out` is shorter than `limit`;
    /// [`UnknownCoordination`](SignalError::UnknownCoordination).
    pub fn history(
        &self,
        coordination: CoordId,
        filter: &HistoryFilter,
        limit: usize,
        out: &mut [Signal],
    ) -> Result<usize, SignalError> {
        self.with(coordination, |scope| scope.history(filter, limit, out))
    }

    /// Gives `sink` every signal that was sent before this call and not archived yet, oldest first, and says how many there were.
    /// Call it once 10,000 have come together or earlier: what the history has overwritten cannot be archived. One call archives at a
    /// time; another one meanwhile, from within `sink` too, finds nothing to do.
    ///
    /// # Errors
    ///
    /// [`Lagged`](SignalError::Lagged) when the next ones to be archived were overwritten: `sink` got nothing, and the next call
    /// goes on behind them. What is overwritten during the call is passed over. All of it counts in
    /// [`archive_missed`](SignalMetrics::archive_missed). [`UnknownCoordination`](SignalError::UnknownCoordination).
    pub fn archive_to(&self, coordination: CoordId, sink: &mut dyn FnMut(&Signal)) -> Result<usize, SignalError> {
        // Outside of the table's guard: the sink may take long.
        self.scope(coordination)?.archive_to(sink)
    }

    /// The figures of a coordination.
    ///
    /// # Errors
    ///
    /// [`UnknownCoordination`](SignalError::UnknownCoordination).
    pub fn metrics(&self, coordination: CoordId) -> Result<SignalMetrics, SignalError> {
        self.with(coordination, |scope| Ok(scope.metrics()))
    }

    /// Whether signals get through in time: a propagation of more than 50 ms on average is a violation, with advice.
    ///
    /// # Errors
    ///
    /// [`UnknownCoordination`](SignalError::UnknownCoordination).
    pub fn health(&self, coordination: CoordId) -> Result<(Health, Vec<Violation>), SignalError> {
        self.with(coordination, |scope| Ok(scope.health()))
    }

    /// Closes a coordination: its history goes, subscribers receive what they have and are then disconnected, and what is sent to it
    /// is refused. Tells how many subscriptions and signals of the history went.
    pub fn close(&self, coordination: CoordId) -> Closed {
        let removed = self.change(|scopes, _| Ok(find(scopes, coordination).map(|place| scopes.remove(place).1)));
        match removed {
            Ok(Ok(scope)) => scope.close(),
            _ => Closed::default(),
        }
    }

    /// Lets a part of the system hear signals of these kinds, of coordinations that are open and of those that will be, for as long
    /// as it is there. A signal that is being sent meanwhile may go by.
    pub(in crate::coord) fn listen(&self, kinds: SignalMask, listener: Weak<dyn Listener>) {
        let mut control = self.shared.control.lock().unwrap_or_else(PoisonError::into_inner);
        control.listeners = control.listeners.with(kinds, listener);
        for (_, scope) in self.shared.scopes.load().iter() {
            scope.listen(&control.listeners);
        }
    }

    /// Gives `hear` the signals of a kind that the history has, oldest first, and tells how many signals of any kind it has forgotten.
    /// Takes no lock and allocates nothing.
    pub(in crate::coord) fn replay(&self, coordination: CoordId, kind: SignalKind, hear: impl FnMut(Signal)) -> u64 {
        self.with(coordination, |scope| Ok(scope.replay(kind, hear))).unwrap_or(0)
    }

    fn change<R>(
        &self,
        change: impl FnOnce(&mut Scopes, &mut Control) -> Result<R, SignalError>,
    ) -> Result<R, SignalError> {
        let mut control = self.shared.control.lock().unwrap_or_else(PoisonError::into_inner);
        let mut scopes = Scopes::clone(&self.shared.scopes.load());
        let result = change(&mut scopes, &mut control)?;
        self.shared.scopes.swap(Arc::new(scopes));
        Ok(result)
    }

    fn with<R>(
        &self,
        coordination: CoordId,
        call: impl FnOnce(&Arc<Scope>) -> Result<R, SignalError>,
    ) -> Result<R, SignalError> {
        let scopes = self.shared.scopes.load();
        let place = find(&scopes, coordination).map_err(|_| SignalError::UnknownCoordination)?;
        call(&scopes[place].1).map_err(by_id)
    }

    fn scope(&self, coordination: CoordId) -> Result<Arc<Scope>, SignalError> {
        self.with(coordination, |scope| Ok(Arc::clone(scope)))
    }
}

/// The place of a coordination, or where it would be.
fn find(scopes: &Scopes, coordination: CoordId) -> Result<usize, usize> {
    scopes.binary_search_by_key(&coordination, |(id, _)| *id)
}

/// Who names a coordination that was closed meanwhile is told what he would have been told later.
fn by_id(error: SignalError) -> SignalError {
    if error == SignalError::Closed { SignalError::UnknownCoordination } else { error }
}

impl Scoped for SignalHub {
    fn close(&self, coordination: CoordId) -> ScopeClosed {
        ScopeClosed { dropped: SignalHub::close(self, coordination).dropped }
    }

    /// Streams and senders.
    fn refs(&self, coordination: CoordId) -> usize {
        self.with(coordination, |scope| Ok(scope.handles())).unwrap_or(0)
    }

    fn stage(&self) -> Stage {
        Stage::Signals
    }
}

impl fmt::Debug for SignalHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalHub").field("coordinations", &self.shared.scopes.load().len()).finish_non_exhaustive()
    }
}
