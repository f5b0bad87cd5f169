//! Channels whose consumers each see every message, and none is lost.

use super::single::{Pop, Push};
use crate::measure::ends::{Consuming, Producing};
use crate::measure::payload::Payload;
use std::sync::mpsc::TrySendError;
use tokio::sync::broadcast;

pub(super) fn bus<M: Payload>(capacity: usize, consumers: usize) -> (impl Producing<M>, Vec<impl Consuming<M>>) {
    let mut bus = bus::Bus::new(capacity);
    let readers: Vec<_> = (0..consumers).map(|_| bus.add_rx()).collect();
    let pops = readers.into_iter().map(|mut reader| Pop(move || reader.try_recv().ok())).collect();
    (Push(move |message| bus.try_broadcast(message)), pops)
}

pub(super) fn multiqueue2<M: Payload>(
    capacity: usize,
    consumers: usize,
) -> (impl Producing<M>, Vec<impl Consuming<M>>) {
    let (tx, first) = multiqueue2::broadcast_queue::<M>(capacity as _);
    let others: Vec<_> = (1..consumers).map(|_| first.add_stream()).collect();
    let views = others.into_iter().chain([first]).filter_map(|stream| stream.into_single().ok()).map(View).collect();
    let refused = |error| match error {
        TrySendError::Full(message) | TrySendError::Disconnected(message) => message,
    };
    (Push(move |message| tx.try_send(message).map_err(refused)), views)
}

/// The only reader of its stream, which looks at messages where they lie.
struct View<M: Payload>(multiqueue2::BroadcastUniReceiver<M>);

impl<M: Payload> Consuming<M> for View<M> {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&M)) -> bool {
        self.0.try_recv_view(see).is_ok()
    }
}

pub(super) fn tokio<M: Payload>(capacity: usize, consumers: usize) -> (impl Producing<M>, Vec<impl Consuming<M>>) {
    let (tx, first) = broadcast::channel(capacity);
    let others: Vec<_> = (1..consumers).map(|_| tx.subscribe()).collect();
    let pops = others.into_iter().chain([first]).map(|mut rx| Pop(move || rx.try_recv().ok())).collect();
    (Tokio { tx, capacity, room: 0 }, pops)
}

/// It overwrites what was not read yet. So that nothing is lost, the sender asks for room before it sends, and asks
/// again only when it has filled that.
struct Tokio<M> {
    tx: broadcast::Sender<M>,
    capacity: usize,
    room: usize,
}

impl<M: Payload> Tokio<M> {
    #[inline]
    fn has_room(&mut self) -> bool {
        if self.room == 0 {
            self.room = self.capacity - self.tx.len();
        }
        self.room > 0
    }
}

impl<M: Payload> Producing<M> for Tokio<M> {
    #[inline]
    fn one(&mut self, message: M) -> Result<(), M> {
        if !self.has_room() {
            return Err(message);
        }
        self.room -= 1;
        self.tx.send(message).map(|_| ()).map_err(|refused| refused.0)
    }
}
