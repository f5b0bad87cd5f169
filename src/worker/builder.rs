//! Workers as configured.

use super::handle::Board;
use super::observe::Observer;
use super::pin::{Cores, PinError};
use super::run::{Plain, Runner, Seat, Tally, Task};
use super::timers::Timers;
use super::{BuildWarning, Cycle, Duty, Handler, InboxDuty, PanicPolicy, Pin, WorkerHandle, WorkerId};
use crate::MAX_BATCH;
use crate::broadcast;
use crate::channel::Source;
use crate::error::BuildError;
use crate::sync::{Arc, spawn_thread};
use crate::wait::{Event, Wait};
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

/// More workers than this in one place are a mistake in somebody's configuration.
const MAX_WORKERS: usize = 1024;

/// Workers that burn a core while they wait, in the whole process.
static SPINNERS: AtomicUsize = AtomicUsize::new(0);

/// A thread, pinned to a core if you like, that drains inboxes in batches and hands them to handlers.
///
/// `Worker::builder()` is where everything begins; the running worker is a [`WorkerHandle`].
///
/// ```
/// use ringway::{PanicPolicy, Pin, Wait, Worker, each, mpsc};
///
/// let (tx, rx) = mpsc::channel(1024);
/// let worker = Worker::builder()
///     .name("orders")
///     .pin(Pin::nth(0))
///     .batch(64)
///     .wait(Wait::adaptive())
///     .on_panic(PanicPolicy::Continue)
///     .spawn(rx, each(|order: u64| assert!(order < 1000)))?;
///
/// let senders: Vec<_> = (0..4)
///     .map(|i| {
///         let mut tx = tx.clone();
///         std::thread::spawn(move || (0..250).for_each(|n| tx.send(i * 250 + n).unwrap()))
///     })
///     .collect();
/// senders.into_iter().for_each(|sender| sender.join().unwrap());
///
/// drop(tx); // the last sender goes: the worker drains its inbox and ends
/// let report = worker.join();
/// assert_eq!((report.received, report.faults), (1000, 0));
/// # Ok::<(), ringway::BuildError>(())
/// ```
#[derive(Debug)]
pub enum Worker {}

impl Worker {
    /// A worker to be configured.
    pub fn builder() -> WorkerBuilder {
        WorkerBuilder { settings: Settings::default(), event: None, tasks: Vec::new() }
    }
}

/// Builds a [`Worker`].
#[must_use = "a builder does nothing until it starts a worker"]
pub struct WorkerBuilder {
    settings: Settings,
    event: Option<Event>,
    tasks: Vec<Box<dyn Task>>,
}

/// What one worker has in common with each of a bus or a pool.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) id: WorkerId,
    pub(crate) name: String,
    pub(crate) pin: Pin,
    pub(crate) batch: usize,
    pub(crate) wait: Wait,
    pub(crate) policy: PanicPolicy,
    pub(crate) percentiles: bool,
    pub(crate) timers: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            id: WorkerId::new(0),
            name: "ringway".to_owned(),
            pin: Pin::none(),
            batch: MAX_BATCH,
            wait: Wait::default(),
            policy: PanicPolicy::default(),
            percentiles: true,
            timers: 256,
        }
    }
}

/// The methods that every builder of workers has, for its field of [`Settings`].
macro_rules! settings_methods {
    ($settings:ident: $name:literal) => {
        #[doc = $name]
        pub fn name(mut self, name: &str) -> Self {
            self.$settings.name = name.to_owned();
            self
        }

        /// Which core to run on. The default is [`Pin::none`](crate::Pin::none).
        pub fn pin(mut self, pin: crate::Pin) -> Self {
            self.$settings.pin = pin;
            self
        }

        /// The most messages a handler is given at once: 1 to [`MAX_BATCH`](crate::MAX_BATCH), the default.
        pub fn batch(mut self, batch: usize) -> Self {
            self.$settings.batch = batch;
            self
        }

        /// How to wait for messages. The default is [`Wait::adaptive`](crate::Wait::adaptive).
        pub fn wait(mut self, wait: crate::Wait) -> Self {
            self.$settings.wait = wait;
            self
        }

        /// What a worker does after a panic. The default is [`PanicPolicy::Continue`](crate::PanicPolicy::Continue).
        pub fn on_panic(mut self, policy: crate::PanicPolicy) -> Self {
            self.$settings.policy = policy;
            self
        }

        /// Whether to sample how long messages wait for their handler. The default is yes.
        pub fn percentiles(mut self, on: bool) -> Self {
            self.$settings.percentiles = on;
            self
        }

        /// How many timers the handlers and duties of a worker may have set at once. The default is 256.
        pub fn timers(mut self, timers: usize) -> Self {
            self.$settings.timers = timers;
            self
        }
    };
}
pub(crate) use settings_methods;

impl WorkerBuilder {
    /// Its number, as [`Cycle::worker`] and reports tell it. The default is 0.
    pub fn id(mut self, id: WorkerId) -> Self {
        self.settings.id = id;
        self
    }

    settings_methods! { settings: "The name of its thread. The default is `ringway`." }

    /// What it sleeps on. The default is the event of its first inbox, or one of its own.
    pub fn event(mut self, event: &Event) -> Self {
        self.event = Some(event.clone());
        self
    }

    /// Adds an inbox and its handler. Inboxes are served in turn, a batch each, in the order in which they were added.
    pub fn inbox<S, H>(mut self, source: S, handler: H) -> Self
    where
        S: Source + Send + 'static,
        H: Handler<S::Item> + 'static,
    {
        self.tasks.push(Box::new(InboxDuty::new(source, handler)));
        self
    }

    /// Adds a receiver of a broadcast, and what is to be done with each message it is lent. Closing the worker closes no
    /// broadcast: the worker reads what is there and goes; where it runs after other receivers, when these are done with that.
    /// A panic ends the reading of one message.
    ///
    /// ```
    /// use ringway::{Worker, broadcast};
    /// let (mut ticks, prices) = broadcast::channel::<u64>(1024);
    /// let worker = Worker::builder().observe(prices, |tick| assert!(*tick < 100)).start()?;
    /// for tick in 0..100 {
    ///     ticks.send(tick).unwrap();
    /// }
    /// drop(ticks);
    /// assert_eq!(worker.join().received, 100);
    /// # Ok::<(), ringway::BuildError>(())
    /// ```
    pub fn observe<T>(mut self, receiver: broadcast::Receiver<T>, see: impl FnMut(&T) + Send + 'static) -> Self
    where
        T: Send + Sync + 'static,
    {
        self.tasks.push(Box::new(Observer::new(receiver, see)));
        self
    }

    /// Adds a duty that is run in every cycle. A worker with such a duty ends when it is stopped or closed.
    pub fn duty(mut self, duty: impl Duty + 'static) -> Self {
        self.tasks.push(Box::new(Plain(duty)));
        self
    }

    /// Starts the worker with this inbox, after those added before.
    ///
    /// # Errors
    ///
    /// As for [`start`](WorkerBuilder::start).
    pub fn spawn<S, H>(self, source: S, handler: H) -> Result<WorkerHandle, BuildError>
    where
        S: Source + Send + 'static,
        H: Handler<S::Item> + 'static,
    {
        self.inbox(source, handler).start()
    }

    /// Starts the worker.
    ///
    /// # Errors
    ///
    /// When it has nothing to run, when the batch is 0 or more than [`MAX_BATCH`], when its core is not to be had, or when the
    /// system starts no thread. [`EventTaken`](BuildError::EventTaken) when an inbox wakes another worker already: all receivers
    /// of one `mpmc` or broadcast channel wake one event, which workers that share such a channel therefore share. Workers
    /// that share two of them are to be given one event, see [`event`](WorkerBuilder::event).
    pub fn start(self) -> Result<WorkerHandle, BuildError> {
        let Self { settings, event, tasks } = self;
        if tasks.is_empty() {
            return Err(BuildError::NoDuties);
        }
        settings.start(event, move || Ok((tasks, ()))).map(|(handle, ())| handle)
    }
}

impl Settings {
    /// Those of worker `index` of several.
    pub(crate) fn of_worker(&self, index: usize) -> Self {
        Self { id: WorkerId::new(index as u32), name: format!("{}-{index}", self.name), ..self.clone() }
    }

    /// Starts a worker with tasks that are made on its own thread, once it is pinned, so that their memory is near. Gives
    /// what else was made there.
    pub(crate) fn start<R: Send + 'static>(
        self,
        event: Option<Event>,
        make: impl FnOnce() -> Result<(Vec<Box<dyn Task>>, R), BuildError> + Send + 'static,
    ) -> Result<(WorkerHandle, R), BuildError> {
        check_batch(self.batch)?;
        if self.name.contains('\0') {
            return Err(BuildError::InvalidName { name: self.name });
        }
        // Before anything is pinned: afterwards threads see one core only.
        let cores = Cores::of_process().at_once;
        let placement = self.pin.resolve(self.id.index())?;
        let board = Arc::new(Board::new());
        let (id, burns, pinned) = (self.id, self.wait.burns_a_core(), self.pin.is_some());
        let (started, starting) = sync_channel(1);
        let thread = spawn_thread(self.name.clone(), {
            let board = Arc::clone(&board);
            move || {
                let _ended = Ended(Arc::clone(&board));
                let prepared = placement.apply().map_err(BuildError::from).and_then(|core| {
                    let (tasks, result) = make()?;
                    let runner = self.runner(core, event, tasks, board)?;
                    Ok((runner, core, result))
                });
                match prepared {
                    Ok((runner, core, result)) => {
                        let event = runner.cycle.event.clone();
                        let _spinner = burns.then(Spinner::new);
                        if started.send(Ok((core, event, result))).is_ok() {
                            runner.run();
                        }
                    }
                    // The builder waits for this message, unless it is being torn down itself.
                    Err(error) => drop(started.send(Err(error))),
                }
            }
        })
        .map_err(|error| BuildError::Thread(error.kind()))?;
        let (core, event, result) = starting.recv().unwrap_or(Err(BuildError::Thread(std::io::ErrorKind::Other)))?;
        let mut warnings = Vec::new();
        if pinned && core.is_none() {
            warnings.push(BuildWarning::NotPinned { worker: id });
        }
        let spinners = SPINNERS.load(Ordering::Relaxed);
        if burns && cores > 0 && spinners > cores {
            warnings.push(BuildWarning::MoreSpinnersThanCores { spinners, cores });
        }
        Ok((WorkerHandle { id, core, board, event, warnings, thread }, result))
    }

    fn runner(
        self,
        core: Option<usize>,
        event: Option<Event>,
        mut tasks: Vec<Box<dyn Task>>,
        board: Arc<Board>,
    ) -> Result<Runner, BuildError> {
        let shared = || tasks.iter().find(|task| task.shares_event()).and_then(|task| task.event());
        let first = || tasks.iter().find_map(|task| task.event());
        let event = event.or_else(shared).or_else(first).unwrap_or_default();
        if !tasks.iter_mut().all(|task| task.move_event(&event)) {
            return Err(BuildError::EventTaken);
        }
        if self.percentiles {
            tasks.iter_mut().for_each(|task| task.keep_percentiles());
        }
        let now = Instant::now();
        let timers = Timers::with_capacity(self.timers, now)?;
        let (worker, batch) = (self.id, self.batch);
        let cycle = Cycle { worker, core, now, batch, timers, duty: 0, event, board };
        let seats = tasks.into_iter().map(|task| Seat { task, ended: false, rests_until: None }).collect();
        Ok(Runner { seats, cycle, wait: self.wait, policy: self.policy, tally: Tally::default() })
    }
}

/// Whether there may be so many workers of a bus or a pool.
pub(crate) fn check_workers(workers: usize) -> Result<(), BuildError> {
    match workers {
        0 => Err(BuildError::ZeroWorkers),
        1..=MAX_WORKERS => Ok(()),
        _ => Err(BuildError::TooManyWorkers { workers, max: MAX_WORKERS }),
    }
}

fn check_batch(batch: usize) -> Result<(), BuildError> {
    match batch {
        0 => Err(BuildError::ZeroBatch),
        1..=MAX_BATCH => Ok(()),
        _ => Err(BuildError::BatchTooLarge { batch }),
    }
}

impl From<PinError> for BuildError {
    fn from(error: PinError) -> Self {
        match error {
            PinError::CoreNotAllowed { core, allowed } => Self::CoreNotAllowed { core, allowed },
            PinError::NoSuchIndex { index, allowed } => Self::NoSuchCore { index, allowed },
            PinError::Refused { core } => Self::PinFailed { core },
        }
    }
}

/// Tells that the worker has ended, whatever ended it: nobody shall wait for ever.
struct Ended(Arc<Board>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Counts a spinning worker while it runs.
struct Spinner;

impl Spinner {
    fn new() -> Self {
        SPINNERS.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        SPINNERS.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for WorkerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkerBuilder").field(&self.settings).finish()
    }
}
