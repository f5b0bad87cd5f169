//! Buses as configured.

use super::Bus;
use crate::channel::Builder;
use crate::error::BuildError;
use crate::wait::Wait;
use crate::worker::{Handler, InboxDuty, PanicPolicy, Pin, Settings, WorkerId};
use core::fmt;
use core::marker::PhantomData;

/// A bus with more workers than this is a mistake in somebody's configuration.
const MAX_WORKERS: usize = 1024;

/// Builds a [`Bus`].
#[must_use = "a builder does nothing until it starts a bus"]
pub struct BusBuilder<M> {
    workers: usize,
    /// Of each worker; its number and the end of its name are its own.
    worker: Settings,
    capacity: usize,
    send_wait: Wait,
    messages: PhantomData<fn(M)>,
}

impl<M: Send + 'static> BusBuilder<M> {
    pub(super) fn new() -> Self {
        let (worker, send_wait) = (Settings::default(), Wait::default());
        Self { workers: 1, worker, capacity: 65_536, send_wait, messages: PhantomData }
    }

    /// How many workers, each with its own inbox: 1 to 1024. The default is 1.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// The name of the workers' threads, followed by their number. The default is `ringway`.
    pub fn name(mut self, name: &str) -> Self {
        self.worker.name = name.to_owned();
        self
    }

    /// Which cores the workers run on. The default is [`Pin::none`].
    pub fn pin(mut self, pin: Pin) -> Self {
        self.worker.pin = pin;
        self
    }

    /// The messages that fit into one inbox, rounded up to a power of two. The default is 65,536.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// The most messages a handler is given at once: 1 to [`MAX_BATCH`](crate::MAX_BATCH), the default.
    pub fn batch(mut self, batch: usize) -> Self {
        self.worker.batch = batch;
        self
    }

    /// How workers wait for messages. The default is [`Wait::adaptive`].
    pub fn wait(mut self, wait: Wait) -> Self {
        self.worker.wait = wait;
        self
    }

    /// How publishers wait for room. The default is [`Wait::adaptive`].
    pub fn send_wait(mut self, wait: Wait) -> Self {
        self.send_wait = wait;
        self
    }

    /// What a worker does after a panic. The default is [`PanicPolicy::Continue`].
    pub fn on_panic(mut self, policy: PanicPolicy) -> Self {
        self.worker.policy = policy;
        self
    }

    /// Whether workers sample how long messages wait in their inbox. The default is yes.
    pub fn percentiles(mut self, on: bool) -> Self {
        self.worker.percentiles = on;
        self
    }

    /// How many timers each handler may have set at once. The default is 256.
    pub fn timers(mut self, timers: usize) -> Self {
        self.worker.timers = timers;
        self
    }

    /// Starts the workers, with one handler each. The handlers are made here and run on the workers' threads; what
    /// should lie near a worker's core is best made in [`Handler::on_start`].
    ///
    /// # Errors
    ///
    /// When there are no workers or too many, when capacity or batch are out of range, when a core is not to be had,
    /// or when the system gives no thread or memory. Workers that had been started are ended again.
    pub fn spawn<H>(self, mut handler: impl FnMut(WorkerId) -> H) -> Result<Bus<M>, BuildError>
    where
        H: Handler<M> + 'static,
    {
        match self.workers {
            0 => return Err(BuildError::ZeroWorkers),
            1..=MAX_WORKERS => {}
            workers => return Err(BuildError::TooManyWorkers { workers, max: MAX_WORKERS }),
        }
        // Dropped on the way out, it ends the workers that run already.
        let mut bus = Bus { senders: Vec::new(), workers: Vec::new() };
        for index in 0..self.workers {
            let id = WorkerId::new(index as u32);
            let name = format!("{}-{index}", self.worker.name);
            let channel = Builder::new(self.capacity).send_wait(self.send_wait).name(&name);
            let settings = Settings { id, name, ..self.worker.clone() };
            let handler = handler(id);
            let (worker, sender) = settings.start(None, move || {
                // On the worker's thread: its inbox is first touched where it is read.
                let (sender, receiver) = channel.mpsc()?;
                Ok((vec![Box::new(InboxDuty::new(receiver, handler)) as _], sender))
            })?;
            bus.workers.push(worker);
            bus.senders.push(sender);
        }
        Ok(bus)
    }
}

impl<M> fmt::Debug for BusBuilder<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BusBuilder")
            .field("workers", &self.workers)
            .field("worker", &self.worker)
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}
