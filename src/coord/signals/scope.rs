//! What the hub keeps for one coordination.

use super::figures::{Exported, Figures, SignalMetrics};
use super::inbox::Inbox;
use super::listen::Listeners;
use super::record::Record;
use super::signal::{HistoryFilter, Signal};
use super::stream::SignalStream;
use super::table::{Address, Entry, Table};
use super::{BatchDelivered, Delivered, SignalError, Subscription};
use crate::Builder;
use crate::broadcast::lossy::{Lagged, Receiver, SharedSender};
use crate::coord::{Closed, Overflow};
use crate::ids::{AgentId, CoordId, SignalKind};
use crate::metrics::telemetry::{Record as Told, Telemetry};
use crate::metrics::{Health, Violation};
use crate::sync::{AtomicUsize, Counter, Mutex, MutexGuard, Ordering, Swap};
use crate::value::SetRef;
use std::sync::{Arc, PoisonError};

/// Signals taken from the history in one go.
const ARCHIVE_CHUNK: usize = 1_000;

/// What it takes to open a coordination.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) history: usize,
    pub(super) subscription: Subscription,
    pub(super) subscriber_capacity: usize,
    pub(super) max_subscribers: usize,
    pub(super) max_sets: usize,
    pub(super) metrics: bool,
    pub(super) exported: Option<Arc<Exported>>,
    pub(super) telemetry: Telemetry,
}

/// For the control plane: who subscribes, leaves, or closes.
struct Control {
    next: u64,
    open: bool,
}

pub(super) struct Scope {
    coordination: CoordId,
    settings: Settings,
    history: SharedSender<Record>,
    table: Swap<Table>,
    control: Mutex<Control>,
    /// How far the archive has come; not here while somebody archives.
    archive: Mutex<Option<Receiver<Record>>>,
    archived: Counter,
    archive_missed: Counter,
    pub(super) figures: Figures,
    /// Streams and senders that are held.
    handles: AtomicUsize,
}

/// A panic under these locks leaves what they protect whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The archive's place in the history, in the hands of one call. The lock is not held meanwhile: the sink may use the hub.
struct Archiving<'a> {
    scope: &'a Scope,
    cursor: Receiver<Record>,
}

impl<'a> Archiving<'a> {
    fn begin(scope: &'a Scope) -> Option<Self> {
        lock(&scope.archive).take().map(|cursor| Self { scope, cursor })
    }

    fn position(&self) -> u64 {
        self.cursor.position()
    }
}

impl Drop for Archiving<'_> {
    fn drop(&mut self) {
        *lock(&self.scope.archive) = Some(self.cursor.clone());
    }
}

impl Scope {
    pub(super) fn new(
        coordination: CoordId,
        settings: Settings,
        generation: u32,
        listeners: Listeners,
    ) -> Result<Self, SignalError> {
        let (history, archive) = Builder::new(settings.history).lossy().map_err(|_| SignalError::OutOfMemory)?;
        Ok(Self {
            coordination,
            history: history.into_shared(),
            table: Swap::new(Table::new(generation, listeners)),
            control: Mutex::new(Control { next: 0, open: true }),
            archive: Mutex::new(Some(archive)),
            archived: Counter::new(),
            archive_missed: Counter::new(),
            figures: Figures::new(settings.metrics, settings.exported.clone(), settings.telemetry.clone()),
            handles: AtomicUsize::new(0),
            settings,
        })
    }

    /// Whom a signal is for, if it may be sent. Makes room for it where it is wanted.
    fn admit<'a>(&self, table: &'a Table, signal: &Signal) -> Result<Address<'a>, SignalError> {
        signal.check()?;
        // The table of a closed coordination knows nobody. The history is closed before it is put there.
        let closed = |error| if self.is_closed() { SignalError::Closed } else { error };
        let address = table.known(signal.to).map_err(closed)?;
        table.reserve(signal, &address).inspect_err(|_| self.figures.refused.add(1))?;
        Ok(address)
    }

    /// Sends to all who want it. The history is first: its end is the coordination's.
    pub(super) fn signal(&self, signal: &Signal) -> Result<Delivered, SignalError> {
        let table = self.table.load();
        let address = self.admit(&table, signal)?;
        let record = signal.stamped(self.figures.now());
        self.history.send(record).map_err(|_| SignalError::Closed)?;
        let delivered = table.deliver(1, |entry| {
            if entry.wants(signal, &address) { (1, entry.inbox.ring.send(record)) } else { (0, Ok(())) }
        });
        self.figures.sent(signal.kind, 1);
        self.figures.filtered(delivered.filtered);
        table.listeners.tell(self.coordination, signal);
        Ok(delivered)
    }

    /// The same with those before the first that is refused.
    pub(super) fn signal_batch(&self, signals: &[Signal]) -> Result<BatchDelivered, SignalError> {
        let table = self.table.load();
        let refused = |signal| self.admit(&table, signal).err();
        let stopped = signals.iter().enumerate().find_map(|(index, signal)| Some((index, refused(signal)?)));
        let signals = match stopped {
            Some((0, error)) => return Err(error),
            Some((accepted, _)) => &signals[..accepted],
            None => signals,
        };
        let now = self.figures.now();
        let history = signals.iter().map(|signal| signal.stamped(now));
        self.history.send_counted(signals.len(), history).map_err(|_| SignalError::Closed)?;
        let Delivered { n, filtered, lagging } = table.deliver(signals.len(), |entry| {
            let wants = |signal: &&Signal| table.address(signal.to).is_some_and(|to| entry.wants(signal, &to));
            let wanted = signals.iter().filter(wants);
            let count = wanted.clone().count();
            (count, entry.inbox.ring.send_counted(count, wanted.map(|signal| signal.stamped(now))))
        });
        for run in signals.chunk_by(|signal, next| signal.kind == next.kind) {
            self.figures.sent(run[0].kind, run.len());
        }
        self.figures.filtered(filtered);
        signals.iter().for_each(|signal| table.listeners.tell(self.coordination, signal));
        Ok(BatchDelivered { accepted: signals.len(), n, filtered, lagging, stopped: stopped.map(|(_, error)| error) })
    }

    pub(super) fn subscribe(
        self: &Arc<Self>,
        agent: AgentId,
        wanted: &Subscription,
    ) -> Result<SignalStream, SignalError> {
        let refuses = match wanted.overflow.unwrap_or(self.settings.subscription.overflow.unwrap_or_default()) {
            Overflow::Reject => true,
            Overflow::DropOldest => false,
            _ => return Err(SignalError::UnsupportedOverflow),
        };
        if wanted.kinds.is_empty() {
            return Err(SignalError::EmptyMask);
        }
        let mut control = self.control()?;
        let table = Arc::clone(&self.table.load());
        let max = self.settings.max_subscribers;
        if table.entries.len() >= max {
            return Err(SignalError::SubscriberLimit { max });
        }
        let (inbox, receiver) = Inbox::new(&self.ring(wanted), refuses).map_err(|_| SignalError::OutOfMemory)?;
        let (inbox, number) = (Arc::new(inbox), control.next);
        control.next += 1;
        let Subscription { kinds, from, .. } = *wanted;
        let mut entries = table.entries.clone();
        entries.push(Entry { number, kinds, from, agent, inbox: Arc::clone(&inbox) });
        self.table.swap(Arc::new(table.with(entries)));
        Ok(SignalStream::new(Arc::clone(self), inbox, receiver, number, agent))
    }

    fn ring(&self, wanted: &Subscription) -> Builder {
        let Subscription { wait, event, .. } = &self.settings.subscription;
        let builder = Builder::new(self.settings.subscriber_capacity);
        let builder = match wanted.wait.or(*wait) {
            Some(wait) => builder.wait(wait),
            None => builder,
        };
        match wanted.event.as_ref().or(event.as_ref()) {
            Some(event) => builder.event(event),
            None => builder,
        }
    }

    fn control(&self) -> Result<MutexGuard<'_, Control>, SignalError> {
        Some(lock(&self.control)).filter(|control| control.open).ok_or(SignalError::Closed)
    }

    /// A stream is gone.
    pub(super) fn leave(&self, number: u64) {
        let Ok(_control) = self.control() else { return };
        let table = Arc::clone(&self.table.load());
        let entries = table.entries.iter().filter(|entry| entry.number != number).cloned().collect();
        self.table.swap(Arc::new(table.with(entries)));
    }

    pub(super) fn recipients(&self, agents: &[AgentId]) -> Result<SetRef, SignalError> {
        let _control = self.control()?;
        let (set, table) = self.table.load().with_set(agents, self.settings.max_sets)?;
        if let Some(table) = table {
            self.table.swap(Arc::new(table));
        }
        Ok(set)
    }

    /// From now on these listen.
    pub(super) fn listen(&self, listeners: &Listeners) {
        let Ok(_control) = self.control() else { return };
        let mut table = Table::clone(&self.table.load());
        table.listeners = listeners.clone();
        self.table.swap(Arc::new(table));
    }

    /// The signals of a kind in the history, oldest first, and how many signals of any kind were there before. What is being
    /// written is left out: its sender has not told the listeners yet.
    pub(super) fn replay(&self, kind: SignalKind, hear: impl FnMut(Signal)) -> u64 {
        let signals = self.history.history().filter_map(|(_, record)| Signal::from_words(record));
        signals.filter(|signal| signal.kind == kind).for_each(hear);
        self.history.stats().sent.saturating_sub(self.history.capacity() as u64)
    }

    pub(super) fn history(
        &self,
        filter: &HistoryFilter,
        limit: usize,
        out: &mut [Signal],
    ) -> Result<usize, SignalError> {
        if limit == 0 {
            return Err(SignalError::LimitZero);
        }
        let out = out.get_mut(..limit).ok_or(SignalError::OutputTooSmall)?;
        let mut history = self.history.history();
        let newest = history.by_ref().rev().take(self.settings.history);
        let wanted = newest.filter_map(|(_, record)| Signal::from_words(record)).filter(|signal| filter.meets(signal));
        let mut found = 0;
        for (room, signal) in out.iter_mut().zip(wanted) {
            *room = signal;
            found += 1;
        }
        self.figures.torn.add(history.missed());
        Ok(found)
    }

    pub(super) fn archive_to(&self, sink: &mut dyn FnMut(&Signal)) -> Result<usize, SignalError> {
        let Some(mut archive) = Archiving::begin(self) else { return Ok(0) };
        let end = self.history.stats().sent;
        let mut archived = 0;
        while archive.position() < end {
            let left = usize::try_from(end - archive.position()).unwrap_or(usize::MAX);
            let mut keep = |record| {
                if let Some(signal) = Signal::from_words(record) {
                    self.archived.add(1);
                    sink(&signal);
                }
            };
            match archive.cursor.drain(left.min(ARCHIVE_CHUNK), &mut keep) {
                Ok(0) => break,
                Ok(n) => archived += n,
                Err(Lagged(missed)) => {
                    self.archive_missed.add(missed);
                    if archived == 0 {
                        return Err(SignalError::Lagged { missed });
                    }
                }
            }
        }
        if archived > 0 {
            self.settings.telemetry.emit(Told::HistoryArchived { n: archived as u64 });
        }
        Ok(archived)
    }

    fn history_len(&self) -> usize {
        usize::try_from(self.history.stats().sent).unwrap_or(usize::MAX).min(self.settings.history)
    }

    pub(super) fn metrics(&self) -> SignalMetrics {
        SignalMetrics {
            sent: self.history.stats().sent,
            history_len: self.history_len(),
            archived: self.archived.get(),
            archive_missed: self.archive_missed.get(),
            subscribers: self.table.load().entries.len(),
            ..self.figures.read()
        }
    }

    /// With what may be the reason: the history, and the largest payload of the last ten.
    pub(super) fn health(&self) -> (Health, Vec<Violation>) {
        let newest = self.history.history().rev().take(10).filter_map(|(_, record)| Signal::from_words(record));
        self.figures.health(self.history_len(), newest.map(|signal| signal.payload.bytes()).max().unwrap_or(0))
    }

    pub(super) fn join(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn part(&self) {
        self.handles.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn handles(&self) -> usize {
        self.handles.load(Ordering::Relaxed)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.history.is_disconnected()
    }

    /// No signal is accepted any more; subscribers receive what they have, and then learn of it.
    pub(super) fn close(&self) -> Closed {
        let mut control = lock(&self.control);
        if !core::mem::replace(&mut control.open, false) {
            return Closed::default();
        }
        self.history.close();
        let table = self.table.swap(Arc::new(Table::default()));
        for entry in &table.entries {
            entry.inbox.ring.close();
        }
        Closed { scopes: 1, dropped: table.entries.len() + self.history_len(), faults: 0 }
    }
}
