//! The two ends of a contender's ring, as the loops of a turn use them.

use ringway::{ReserveError, Slots, Source, TrySendError, broadcast};
use std::ops::Range;

/// A sending end. No call waits.
pub(super) trait Producing<M>: Send {
    /// Sends one message, or gives it back.
    fn one(&mut self, message: M) -> Result<(), M>;

    /// Sends what `make` makes of the numbers in `burst`, from its beginning and as far as there is room, by the
    /// best call there is for many messages. Gives how many went in.
    #[inline]
    fn many(&mut self, burst: Range<u64>, make: impl Fn(u64) -> M) -> u64 {
        let wanted = burst.end - burst.start;
        burst.map(make).position(|message| self.one(message).is_err()).map_or(wanted, |sent| sent as u64)
    }
}

/// A receiving end. No call waits. Messages are lent, so that rings whose readers share them fit in too.
pub(super) trait Consuming<M>: Send {
    /// Takes one message if there is one.
    fn one(&mut self, see: impl FnOnce(&M)) -> bool;

    /// Takes up to `max` messages, by the best call there is for many. Gives how many there were.
    #[inline]
    fn many(&mut self, max: usize, mut see: impl FnMut(&M)) -> usize {
        (0..max).take_while(|_| self.one(&mut see)).count()
    }
}

/// Every sender of this crate. When it is closed, nothing goes in any more, and the verification tells.
macro_rules! senders {
    ($($kind:ident),*) => { $(
        impl<M: Send + Sync> Producing<M> for ringway::$kind::Sender<M> {
            #[inline]
            fn one(&mut self, message: M) -> Result<(), M> {
                self.try_send(message).map_err(TrySendError::into_inner)
            }

            #[inline]
            fn many(&mut self, burst: Range<u64>, make: impl Fn(u64) -> M) -> u64 {
                if size_of::<M>() <= 128 {
                    return self.try_send_iter(&mut burst.map(make)).unwrap_or(0) as u64;
                }
                let room = match self.try_reserve((burst.end - burst.start) as usize) {
                    Ok(slots) => return push_all(slots, burst, make),
                    Err(ReserveError::TooFew { free }) => free,
                    Err(_) => 0,
                };
                self.try_reserve(room).map_or(0, |slots| push_all(slots, burst, make))
            }
        }
    )* };
}

senders!(spsc, mpsc, mpmc, broadcast);

/// As messages of more than 128 bytes go fastest.
#[inline]
fn push_all<M>(mut slots: Slots<'_, M>, burst: Range<u64>, make: impl Fn(u64) -> M) -> u64 {
    let room = slots.len() as u64;
    for number in burst.take(room as usize) {
        if slots.push(make(number)).is_err() {
            unreachable!("there are as many slots");
        }
    }
    slots.commit();
    room
}

/// Every receiver of this crate.
impl<M, R: Source<Item = M> + Send> Consuming<M> for R {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&M)) -> bool {
        self.try_recv().map(|message| see(&message)).is_ok()
    }

    #[inline]
    fn many(&mut self, max: usize, mut see: impl FnMut(&M)) -> usize {
        self.drain(max, |message| see(&message))
    }
}

/// A receiver that shares every message with others.
pub(super) struct Reader<M>(pub(super) broadcast::Receiver<M>);

impl<M: Send + Sync> Consuming<M> for Reader<M> {
    #[inline]
    fn one(&mut self, see: impl FnOnce(&M)) -> bool {
        match self.0.try_batch(1) {
            Ok(mut batch) => batch.advance().map(see).is_some(),
            Err(_) => false,
        }
    }

    #[inline]
    fn many(&mut self, max: usize, see: impl FnMut(&M)) -> usize {
        self.0.drain(max, see)
    }
}
