//! Channels whose ends sleep. Where threads share cores, that is what they are made for.

use super::single::Push;
use crate::measure::agents::{Message, Waiting};
use crate::measure::ends::{Consuming, Producing};
use crate::measure::payload::Payload;
use std::time::Duration;

/// The longest sleep, so that a wake-up that got lost is no end of all things.
const LONGEST: Duration = Duration::from_secs(1);

/// A worker looks up this often whether the work is over.
const WORKER: Duration = Duration::from_millis(10);

/// A receiver that can sleep.
pub(super) trait Sleeper<M>: Send {
    fn take(&mut self) -> Option<M>;

    fn sleep(&mut self, longest: Duration) -> Option<M>;
}

/// Looks first, and sleeps where there is nothing: the clock is not read in vain.
#[derive(Clone)]
struct Sleeping<R>(R);

impl<M, R: Sleeper<M>> Consuming<M> for Sleeping<R> {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&M)) -> bool {
        self.0.take().or_else(|| self.0.sleep(LONGEST)).map(|message| see(&message)).is_some()
    }

    #[inline]
    fn many(&mut self, max: usize, mut see: impl FnMut(&M)) -> usize {
        let first = usize::from(self.one(&mut see));
        let mut next = || self.0.take().map(|message| see(&message)).is_some();
        first + (first..max * first).take_while(|_| next()).count()
    }
}

/// As a worker uses it: it waits when it has found nothing, not when it takes.
#[derive(Clone)]
struct Worker<R>(R);

impl<R: Sleeper<Message>> Consuming<Message> for Worker<R> {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&Message)) -> bool {
        self.0.take().map(|message| see(&message)).is_some()
    }
}

impl<R: Sleeper<Message>> Waiting for Worker<R> {
    fn wait(&mut self, _tries: u32, mut see: impl FnMut(&Message)) -> usize {
        usize::from(self.0.sleep(WORKER).map(|message| see(&message)).is_some())
    }
}

pub(super) fn kanal<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M> + Clone) {
    let (tx, rx) = kanal::bounded(capacity);
    (kanal_push(tx), Sleeping(rx))
}

pub(super) fn kanal_worker(capacity: usize) -> (impl Producing<Message> + Clone, impl Waiting + Clone) {
    let (tx, rx) = kanal::bounded(capacity);
    (kanal_push(tx), Worker(rx))
}

fn kanal_push<M: Payload>(tx: kanal::Sender<M>) -> impl Producing<M> + Clone {
    Push(move |message| match tx.try_send(message) == Ok(true) || tx.send_timeout(message, LONGEST).is_ok() {
        true => Ok(()),
        false => Err(message),
    })
}

pub(super) fn crossbeam_worker(capacity: usize) -> (impl Producing<Message> + Clone, impl Waiting + Clone) {
    let (tx, rx) = crossbeam_channel::bounded(capacity);
    (Push(move |message| tx.send_timeout(message, LONGEST).map_err(|e| e.into_inner())), Worker(rx))
}

pub(super) fn crossfire<M: Payload>(capacity: usize) -> (impl Producing<M> + Clone, impl Consuming<M> + Clone) {
    let (tx, rx) = crossfire::mpmc::bounded_blocking(capacity);
    let push = move |message| match tx.try_send(message).is_ok() || tx.send_timeout(message, LONGEST).is_ok() {
        true => Ok(()),
        false => Err(message),
    };
    (Push(push), Sleeping(rx))
}

impl<M: Payload> Sleeper<M> for kanal::Receiver<M> {
    #[inline]
    fn take(&mut self) -> Option<M> {
        self.try_recv().ok().flatten()
    }

    fn sleep(&mut self, longest: Duration) -> Option<M> {
        self.recv_timeout(longest).ok()
    }
}

impl<M: Payload> Sleeper<M> for crossbeam_channel::Receiver<M> {
    #[inline]
    fn take(&mut self) -> Option<M> {
        self.try_recv().ok()
    }

    fn sleep(&mut self, longest: Duration) -> Option<M> {
        self.recv_timeout(longest).ok()
    }
}

impl<M: Payload> Sleeper<M> for crossfire::MRx<crossfire::mpmc::Array<M>> {
    #[inline]
    fn take(&mut self) -> Option<M> {
        self.try_recv().ok()
    }

    fn sleep(&mut self, longest: Duration) -> Option<M> {
        self.recv_timeout(longest).ok()
    }
}
