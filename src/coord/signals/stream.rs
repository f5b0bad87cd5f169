//! The handles: who sends, and who receives.

use super::inbox::Inbox;
use super::record::{Record, stamp};
use super::scope::Scope;
use super::signal::Signal;
use super::{BatchDelivered, Delivered, SignalError};
use crate::broadcast::lossy::{Receiver, RecvError, RecvTimeoutError, TryRecvError};
use crate::ids::AgentId;
use core::cell::{Cell, RefCell};
use core::fmt;
use core::marker::PhantomData;
use core::time::Duration;
use std::sync::Arc;

/// Sends to one coordination, without looking it up each time. Made by [`SignalHub::sender`](super::SignalHub::sender).
///
/// `Send` and `Clone`, and not `Sync`: a handle for each thread. Nothing here allocates.
pub struct SignalSender {
    scope: Arc<Scope>,
    not_sync: PhantomData<Cell<()>>,
}

impl SignalSender {
    pub(super) fn new(scope: Arc<Scope>) -> Self {
        scope.join();
        Self { scope, not_sync: PhantomData }
    }

    /// As [`SignalHub::signal`](super::SignalHub::signal).
    ///
    /// # Errors
    ///
    /// The same, but [`Closed`](SignalError::Closed) once the coordination was closed.
    #[inline]
    pub fn signal(&mut self, signal: &Signal) -> Result<Delivered, SignalError> {
        self.scope.signal(signal)
    }

    /// As [`SignalHub::signal_batch`](super::SignalHub::signal_batch).
    ///
    /// # Errors
    ///
    /// The same, but [`Closed`](SignalError::Closed) once the coordination was closed.
    pub fn signal_batch(&mut self, signals: &[Signal]) -> Result<BatchDelivered, SignalError> {
        self.scope.signal_batch(signals)
    }
}

impl Clone for SignalSender {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.scope))
    }
}

impl Drop for SignalSender {
    fn drop(&mut self) {
        self.scope.part();
    }
}

impl fmt::Debug for SignalSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalSender").field("closed", &self.scope.is_closed()).finish_non_exhaustive()
    }
}

/// Receives what an agent subscribed to. Made by [`SignalHub::subscribe`](super::SignalHub::subscribe).
///
/// `Send` and not `Sync`: one thread at a time. Dropping it ends the subscription. Receiving allocates nothing; a signal counts as
/// received, and its propagation as measured, when it is handed out.
pub struct SignalStream {
    scope: Arc<Scope>,
    inbox: Arc<Inbox>,
    receiver: RefCell<Receiver<Record>>,
    number: u64,
    agent: AgentId,
}

impl SignalStream {
    pub(super) fn new(
        scope: Arc<Scope>,
        inbox: Arc<Inbox>,
        receiver: Receiver<Record>,
        number: u64,
        agent: AgentId,
    ) -> Self {
        scope.join();
        Self { scope, inbox, receiver: RefCell::new(receiver), number, agent }
    }

    /// Takes the next signal if there is one now. Wait-free.
    ///
    /// # Errors
    ///
    /// [`Lagged`](TryRecvError::Lagged) with the exact number when signals were overwritten: the next call goes on behind them.
    /// [`Empty`](TryRecvError::Empty), or [`Disconnected`](TryRecvError::Disconnected) once the coordination is closed and
    /// nothing is left.
    #[inline]
    pub fn try_recv(&self) -> Result<Signal, TryRecvError> {
        self.take(Receiver::try_recv, TryRecvError::lagged, TryRecvError::Empty)
    }

    /// Takes the next signal, waiting for it.
    ///
    /// # Errors
    ///
    /// When signals were lost, or the coordination is closed and nothing is left.
    pub fn recv(&self) -> Result<Signal, RecvError> {
        self.take(Receiver::recv, RecvError::lagged, RecvError::Disconnected)
    }

    /// Takes the next signal, waiting for it no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// As for [`recv`](Self::recv), or when the timeout has elapsed.
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Signal, RecvTimeoutError> {
        self.take(|receiver| receiver.recv_timeout(timeout), RecvTimeoutError::lagged, RecvTimeoutError::Timeout)
    }

    /// Gives up to `max` signals that are there now to `f`, and their number. What was lost in between is passed over:
    /// [`lagged`](Self::lagged) tells how much. If `f` panics, the signal it was given has been received.
    pub fn drain(&self, max: usize, mut f: impl FnMut(Signal)) -> usize {
        let mut taken = 0;
        while taken < max {
            match self.try_recv() {
                Ok(signal) => {
                    taken += 1;
                    f(signal);
                }
                Err(TryRecvError::Lagged(_)) => {}
                Err(_) => break,
            }
        }
        taken
    }

    /// Signals that this subscriber has lost, as far as it was told: the sum of what it got as `Lagged`.
    pub fn lagged(&self) -> u64 {
        self.receiver.borrow().lost()
    }

    /// Signals that this subscriber took.
    pub fn received(&self) -> u64 {
        self.receiver.borrow().received()
    }

    /// Signals that entered its ring: those it has received, lost, and those that wait. What was filtered never enters.
    pub fn entered(&self) -> u64 {
        self.inbox.ring.stats().sent
    }

    /// The agent that subscribed.
    pub fn agent(&self) -> AgentId {
        self.agent
    }

    /// `nothing` is what a record that is no signal's would be told as. There is none.
    #[inline]
    fn take<E>(
        &self,
        recv: impl FnOnce(&mut Receiver<Record>) -> Result<Record, E>,
        lagged: impl FnOnce(&E) -> Option<u64>,
        nothing: E,
    ) -> Result<Signal, E> {
        let mut receiver = self.receiver.borrow_mut();
        let taken = recv(&mut receiver);
        self.inbox.pass(receiver.position());
        drop(receiver);
        let record = taken.inspect_err(|error| {
            if let Some(missed) = lagged(error) {
                self.scope.figures.lagged(missed);
            }
        })?;
        let signal = Signal::from_words(record).ok_or(nothing)?;
        self.scope.figures.received(signal.kind, stamp(&record));
        Ok(signal)
    }
}

impl Drop for SignalStream {
    /// Ends the subscription. For the control plane: takes a lock, and allocates.
    fn drop(&mut self) {
        self.scope.leave(self.number);
        self.scope.part();
    }
}

impl fmt::Debug for SignalStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (received, lagged, entered) = (self.received(), self.lagged(), self.entered());
        f.debug_struct("SignalStream")
            .field("agent", &self.agent)
            .field("received", &received)
            .field("lagged", &lagged)
            .field("entered", &entered)
            .finish()
    }
}
