//! Several workers that share the work of one channel.

use super::{
    BuildWarning, Handler, InboxDuty, Settings, Worker, WorkerHandle, WorkerId, WorkerReport, check_workers,
    settings_methods,
};
use crate::channel::{Mpmc, Receiver, crew};
use crate::error::BuildError;
use core::fmt;
use core::time::Duration;
use std::time::Instant;

/// How long a failing start waits for workers that run already to notice that they are stopped.
const NOTICE: Duration = Duration::from_millis(100);

impl Worker {
    /// `workers` workers, 1 to 1024, that share the messages of one [`mpmc`](crate::mpmc) channel: each goes to whoever is free.
    ///
    /// For work that needs no order, and whose pieces differ in what they take. Where messages of a key belong together, use a
    /// [`Bus`](crate::Bus).
    ///
    /// A worker moves what it takes out of the channel before its handler sees it: up to a batch, and no more than its fair
    /// share of what is waiting, so that it does not keep for itself what others could do at once. A handler that is stuck
    /// holds up the messages that its worker has taken, and nothing else: neither its colleagues nor senders, and no slot.
    ///
    /// Messages of one sender are taken in the order in which they were sent; which worker is done first is theirs.
    ///
    /// A worker that ends early, after a panic under [`PanicPolicy::Stop`](crate::PanicPolicy::Stop) or because it was stopped,
    /// hands what it has taken and not handled to the others, who may get it out of order. Only the last one drops the rest.
    ///
    /// Taking costs a worker, for each batch, what a batch costs any receiver of such a channel, one look at the senders' end,
    /// and a move of each message. It waits for nobody, allocates nothing, and takes no lock until a worker ends early or the
    /// channel is closed and drained.
    ///
    /// ```
    /// use ringway::{Wait, Worker, each, mpmc};
    ///
    /// let (mut tx, rx) = mpmc::channel(1024);
    /// let (results, sums) = std::sync::mpsc::channel();
    /// let pool = Worker::pool(4).name("sums").batch(64).wait(Wait::park()).spawn(rx, |_worker| {
    ///     let results = results.clone();
    ///     each(move |n: u64| results.send((1..=n).sum::<u64>()).unwrap())
    /// })?;
    /// drop(results);
    /// for n in 1..=100 {
    ///     tx.send(n)?;
    /// }
    /// drop(tx); // the last sender goes: the workers do what is left, and end
    /// assert_eq!(pool.join().received, 100);
    /// assert_eq!(sums.iter().sum::<u64>(), 171_700);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn pool(workers: usize) -> PoolBuilder {
        PoolBuilder { workers, worker: Settings::default() }
    }
}

/// Builds a pool; see [`Worker::pool`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it starts a pool"]
pub struct PoolBuilder {
    workers: usize,
    /// Of each worker; its number and the end of its name are its own.
    worker: Settings,
}

impl PoolBuilder {
    settings_methods! { worker: "The name of the workers' threads, followed by their number. The default is `ringway`." }

    /// Starts the workers, with one handler each. The handlers are made here, before any worker starts, and run on the workers'
    /// threads; what should lie near a worker's core is best made in [`Handler::on_start`].
    ///
    /// The channel's other handles go on working: more receivers may take messages beside the pool.
    ///
    /// # Errors
    ///
    /// When there are no workers or too many, when the batch is out of range, when a core is not to be had, when the receiver's
    /// channel wakes another worker already, or when the system gives no thread or memory. Workers that had been started are
    /// stopped again, and the receiver is dropped.
    ///
    /// ```
    /// use ringway::{BuildError, Worker, each, mpmc};
    /// let (_tx, rx) = mpmc::channel::<u32>(8);
    /// assert_eq!(Worker::pool(0).spawn(rx, |_| each(drop)).unwrap_err(), BuildError::ZeroWorkers);
    /// ```
    pub fn spawn<M, H>(
        self,
        receiver: Receiver<M, Mpmc>,
        handler: impl FnMut(WorkerId) -> H,
    ) -> Result<PoolHandle, BuildError>
    where
        M: Send + 'static,
        H: Handler<M> + 'static,
    {
        check_workers(self.workers)?;
        let settings: Vec<_> = (0..self.workers).map(|index| self.worker.of_worker(index)).collect();
        let handlers: Vec<_> = settings.iter().map(|settings| settings.id).map(handler).collect();
        let members = crew(receiver, self.workers);
        let mut pool = PoolHandle { workers: Vec::with_capacity(self.workers) };
        for ((settings, handler), member) in settings.into_iter().zip(handlers).zip(members) {
            let batch = settings.batch;
            // On the worker's thread: its private inbox is first touched where it is read.
            let make = move || Ok((vec![Box::new(InboxDuty::new(member.carry(batch)?, handler)) as _], ()));
            match settings.start(None, make) {
                Ok((worker, ())) => pool.workers.push(worker),
                Err(error) => {
                    pool.stop();
                    pool.wait_timeout(NOTICE);
                    return Err(error);
                }
            }
        }
        Ok(pool)
    }
}

/// A running pool. Dropping the handle leaves the workers running until the channel is closed and drained.
///
/// ```
/// use ringway::{Worker, each, mpmc};
/// use std::time::Duration;
///
/// let (mut tx, rx) = mpmc::channel(8);
/// let pool = Worker::pool(2).spawn(rx, |_worker| each(|n: u32| assert!(n < 10)))?;
/// tx.send(1).unwrap();
/// pool.close(); // what was sent is handled
/// assert!(pool.wait_timeout(Duration::from_secs(5)));
/// let report = pool.join();
/// assert_eq!((report.received, report.faults, report.workers.len()), (1, 0, 2));
/// # Ok::<(), ringway::BuildError>(())
/// ```
pub struct PoolHandle {
    workers: Vec<WorkerHandle>,
}

impl PoolHandle {
    /// The workers. Stopping one leaves its work to the others; closing one closes the channel, and so ends all.
    pub fn workers(&self) -> &[WorkerHandle] {
        &self.workers
    }

    /// What the builder found questionable.
    pub fn warnings(&self) -> impl Iterator<Item = &BuildWarning> {
        self.workers.iter().flat_map(WorkerHandle::warnings)
    }

    /// What the pool has done so far. Figures of running workers are those of a recent cycle.
    pub fn report(&self) -> PoolReport {
        PoolReport::of(self.workers.iter().map(WorkerHandle::report).collect())
    }

    /// Closes the channel: senders fail from now on, the workers handle what was sent before and end. The first worker that
    /// is not inside its handler does so. Does not wait.
    pub fn close(&self) {
        self.workers.iter().for_each(WorkerHandle::close);
    }

    /// Ends each worker after its cycle. What they have taken and not handled is dropped, and counted so in the channel's
    /// [`stats`](crate::Sender::stats); so is what is left in the channel, unless it has other receivers. Does not wait.
    pub fn stop(&self) {
        self.workers.iter().for_each(WorkerHandle::stop);
    }

    /// Whether all workers have ended. Their figures are final then.
    pub fn is_finished(&self) -> bool {
        self.workers.iter().all(WorkerHandle::is_finished)
    }

    /// Waits until all workers have ended, for `timeout` at the longest; false if they have not.
    pub fn wait_timeout(&self, timeout: Duration) -> bool {
        let began = Instant::now();
        self.workers.iter().all(|worker| worker.wait_timeout(timeout.saturating_sub(began.elapsed())))
    }

    /// Waits until all workers have ended: once the channel is closed and drained, or they were stopped.
    pub fn join(self) -> PoolReport {
        PoolReport::of(self.workers.into_iter().map(WorkerHandle::join).collect())
    }
}

impl fmt::Debug for PoolHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolHandle").field("workers", &self.workers).finish()
    }
}

/// What a pool has done.
///
/// The channel counts a message as received when a worker takes it, a worker when its handler does. Once all workers have ended,
/// and if nobody else received from the channel, `received` is what its [`stats`](crate::Sender::stats) say.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct PoolReport {
    /// Messages that handlers took or committed.
    pub received: u64,
    /// Panics of handlers.
    pub faults: u64,
    /// Each worker's part. Percentiles are of sampled messages of the channel; a sample is told by the worker that comes upon
    /// it first, which need not be the one that handled the message.
    pub workers: Vec<WorkerReport>,
}

impl PoolReport {
    fn of(workers: Vec<WorkerReport>) -> Self {
        let received = workers.iter().map(|worker| worker.received).sum();
        let faults = workers.iter().map(|worker| worker.faults).sum();
        Self { received, faults, workers }
    }
}
