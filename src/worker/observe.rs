//! A receiver of a broadcast, as a duty.

use super::run::{Standing, Task};
use super::{Cycle, Duty};
use crate::broadcast::{Receiver, TryRecvError};
use crate::wait::Event;

pub(super) struct Observer<T, F> {
    receiver: Receiver<T>,
    see: F,
    /// Messages read before the present run.
    before: u64,
    /// Once the worker is closed: it goes when it has read so many.
    until: Option<u64>,
    ended: bool,
}

impl<T, F> Observer<T, F> {
    pub(super) fn new(receiver: Receiver<T>, see: F) -> Self {
        Self { before: receiver.read(), receiver, see, until: None, ended: false }
    }

    fn read_now(&self) -> usize {
        self.receiver.read().wrapping_sub(self.before) as usize
    }
}

impl<T: Send + Sync, F: FnMut(&T) + Send> Duty for Observer<T, F> {
    fn run(&mut self, cx: &mut Cycle) -> usize {
        self.before = self.receiver.read();
        let read = match self.receiver.try_batch(cx.batch()) {
            Ok(mut batch) => {
                let read = batch.len();
                batch.read_all(&mut self.see);
                read
            }
            Err(error) => {
                self.ended = error == TryRecvError::Disconnected;
                0
            }
        };
        self.ended |= self.until.is_some_and(|until| until.wrapping_sub(self.receiver.read()) as i64 <= 0);
        read
    }
}

impl<T: Send + Sync, F: FnMut(&T) + Send> Task for Observer<T, F> {
    fn event(&self) -> Option<Event> {
        Some(self.receiver.event().clone())
    }

    fn shares_event(&self) -> bool {
        true
    }

    fn move_event(&mut self, event: &Event) -> bool {
        self.receiver.set_event(event)
    }

    fn recover(&mut self) -> usize {
        // What it panicked at counts as read.
        self.read_now()
    }

    fn standing(&self) -> Standing {
        if self.ended { Standing::Ended } else { Standing::Idle }
    }

    fn close(&mut self) {
        // The channel is not this worker's alone: it reads what is there now, and goes. Where it runs after others, it waits
        // for them to be done with that.
        self.until = Some(self.receiver.read().wrapping_add(self.receiver.len() as u64));
    }
}
