//! Buses as configured.

use super::Bus;
use crate::channel::Builder;
use crate::error::BuildError;
use crate::wait::Wait;
use crate::worker::{Handler, InboxDuty, Settings, WorkerId, check_workers, settings_methods};
use core::fmt;
use core::marker::PhantomData;

/// Builds a [`Bus`].
#[must_use = "a builder does nothing until it starts a bus"]
pub struct BusBuilder<M> {
    workers: usize,
    /// Of each worker; its number and the end of its name are its own.
    worker: Settings,
    capacity: usize,
    lanes: usize,
    send_wait: Wait,
    messages: PhantomData<fn(M)>,
}

impl<M: Send + 'static> BusBuilder<M> {
    pub(super) fn new() -> Self {
        let (worker, send_wait) = (Settings::default(), Wait::default());
        Self { workers: 1, worker, capacity: 65_536, lanes: 0, send_wait, messages: PhantomData }
    }

    /// How many workers, each with its own inbox: 1 to 1024. The default is 1.
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    settings_methods! { worker: "The name of the workers' threads, followed by their number. The default is `ringway`." }

    /// The messages that fit into one inbox, rounded up to a power of two. The default is 65,536.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity;
        self
    }

    /// Gives the first `n` publishers a ring each at every inbox, as [`Builder::lanes`] does: they contend with nobody. For a few
    /// publishers that send much. The capacity of an inbox is divided by `n`, and a publisher is told `Full` when its own part is
    /// used up. The default is 0: all share one ring.
    ///
    /// ```
    /// # use ringway::{Bus, each};
    /// let bus = Bus::<u32>::builder().workers(2).lanes(1).spawn(|_| each(|_: u32| ()))?;
    /// let mut publisher = bus.publisher()?; // has a lane to each worker
    /// let another = publisher.clone(); // shares the ring that is left
    /// publisher.try_send(7, 1)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn lanes(mut self, n: usize) -> Self {
        self.lanes = n;
        self
    }

    /// How publishers wait for room. The default is [`Wait::adaptive`].
    pub fn send_wait(mut self, wait: Wait) -> Self {
        self.send_wait = wait;
        self
    }

    /// Starts the workers, with one handler each. The handlers are made here and run on the workers' threads; what
    /// should lie near a worker's core is best made in [`Handler::on_start`].
    ///
    /// # Errors
    ///
    /// When there are no workers or too many, when capacity, lanes or batch are out of range, when a core is not to be had,
    /// or when the system gives no thread or memory. Workers that had been started are ended again.
    pub fn spawn<H>(self, mut handler: impl FnMut(WorkerId) -> H) -> Result<Bus<M>, BuildError>
    where
        H: Handler<M> + 'static,
    {
        check_workers(self.workers)?;
        // Dropped on the way out, it ends the workers that run already.
        let mut bus = Bus { senders: Vec::new(), workers: Vec::new() };
        for index in 0..self.workers {
            let settings = self.worker.of_worker(index);
            let channel = Builder::new(self.capacity).lanes(self.lanes).send_wait(self.send_wait).name(&settings.name);
            let handler = handler(settings.id);
            let (worker, sender) = settings.start(None, move || {
                // On the worker's thread: its inbox is first touched where it is read.
                let (sender, receiver) = channel.inbox()?;
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
            .field("lanes", &self.lanes)
            .finish_non_exhaustive()
    }
}
