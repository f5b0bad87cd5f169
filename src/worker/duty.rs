//! What a worker runs.

use super::{Cycle, TimerId};
use crate::channel::Batch;

/// Work that a worker does in every cycle. For work that comes as messages, implement [`Handler`] instead.
///
/// Everything runs on the worker's thread, and everything may panic: the panic is caught there and counted, and the
/// worker's other duties go on.
///
/// ```
/// use ringway::{Cycle, Duty, Worker};
///
/// struct Countdown(u32);
/// impl Duty for Countdown {
///     fn run(&mut self, cx: &mut Cycle) -> usize {
///         self.0 -= 1;
///         if self.0 == 0 {
///             cx.stop();
///         }
///         1 // something was done: the worker does not wait
///     }
/// }
///
/// let report = Worker::builder().duty(Countdown(10)).start()?.join();
/// assert_eq!(report.cycles, 10);
/// # Ok::<(), ringway::BuildError>(())
/// ```
pub trait Duty: Send {
    /// Does a bounded piece of work and says how much was done; 0 lets the worker wait, if all others say so too.
    ///
    /// It is called once more after the worker has announced that it is about to sleep. So work that is looked for
    /// here is not slept over, if whoever brings it notifies [`Cycle::event`] afterwards, as channels built with
    /// [`Builder::event`](crate::Builder::event) do.
    fn run(&mut self, cx: &mut Cycle) -> usize;

    /// Once, on the worker's thread, before the first cycle.
    fn on_start(&mut self, _cx: &mut Cycle) {}

    /// A timer of this duty is due.
    fn on_timer(&mut self, _timer: TimerId, _cx: &mut Cycle) {}

    /// After each cycle in which the worker did something: flush staged output here.
    fn on_cycle_end(&mut self, _cx: &mut Cycle) {}

    /// After each cycle in which the worker did nothing, before it waits.
    fn on_idle(&mut self, _cx: &mut Cycle) {}

    /// Once, on the worker's thread, after the last cycle.
    fn on_stop(&mut self, _cx: &mut Cycle) {}
}

/// What a worker does with the messages of an inbox.
///
/// Everything runs on the worker's thread, and everything may panic: the panic is caught there and counted, and the
/// other messages are handled. The message that was being handled is gone: the last one taken from the batch, or, if
/// none had been taken, the first one in it (which is then counted as dropped).
///
/// A closure is a handler of single messages, see [`each`](crate::each):
///
/// ```
/// use ringway::{Batch, Cycle, Handler, Worker, mpsc};
///
/// struct Sum(u64);
/// impl Handler<u64> for Sum {
///     fn on_batch(&mut self, batch: &mut Batch<'_, u64>, _cx: &mut Cycle) {
///         let (first, second) = batch.as_slices();
///         self.0 += first.iter().chain(second).sum::<u64>();
///         batch.commit_all();
///     }
///     fn on_stop(&mut self, _cx: &mut Cycle) {
///         assert_eq!(self.0, 6);
///     }
/// }
///
/// let (mut tx, rx) = mpsc::channel(16);
/// let worker = Worker::builder().spawn(rx, Sum(0))?;
/// tx.try_send_iter(&mut (1..=3)).unwrap();
/// drop(tx); // the worker drains its inbox and ends
/// assert_eq!(worker.join().received, 3);
/// # Ok::<(), ringway::BuildError>(())
/// ```
pub trait Handler<M>: Send {
    /// Once, on the worker's thread, before the first cycle.
    fn on_start(&mut self, _cx: &mut Cycle) {}

    /// Handles messages in place. What it neither takes nor commits stays in the inbox and comes again: at once if it
    /// took something, after a wait of a millisecond at most if it took nothing.
    fn on_batch(&mut self, batch: &mut Batch<'_, M>, cx: &mut Cycle);

    /// A timer of this handler is due.
    fn on_timer(&mut self, _timer: TimerId, _cx: &mut Cycle) {}

    /// After each cycle in which the worker did something: flush staged output here.
    fn on_cycle_end(&mut self, _cx: &mut Cycle) {}

    /// After each cycle in which the worker did nothing, before it waits.
    fn on_idle(&mut self, _cx: &mut Cycle) {}

    /// Once, on the worker's thread, after the last cycle.
    fn on_stop(&mut self, _cx: &mut Cycle) {}
}

/// A handler that calls `f` with each message.
///
/// ```
/// use ringway::{Worker, each, spsc};
/// let (mut tx, rx) = spsc::channel(16);
/// let (mut doubled, mut results) = spsc::channel(16);
/// let worker = Worker::builder().spawn(rx, each(move |n: u32| doubled.try_send(2 * n).unwrap()))?;
/// tx.try_send(21).unwrap();
/// assert_eq!(results.recv(), Ok(42));
/// drop(tx);
/// worker.join();
/// # Ok::<(), ringway::BuildError>(())
/// ```
pub fn each<M>(f: impl FnMut(M) + Send) -> impl Handler<M> {
    struct Each<F>(F);
    impl<M, F: FnMut(M) + Send> Handler<M> for Each<F> {
        fn on_batch(&mut self, batch: &mut Batch<'_, M>, _cx: &mut Cycle) {
            batch.take_all(&mut self.0);
        }
    }
    Each(f)
}

/// What a worker does when a handler or duty has panicked. The panic is counted in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PanicPolicy {
    /// Goes on with the next message.
    #[default]
    Continue,
    /// Closes the worker's inboxes and ends it. What was still in them is dropped, and counted so. In a
    /// [pool](crate::Worker::pool) the other workers take it over, and the channel stays open for them.
    Stop,
}
