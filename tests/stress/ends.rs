//! The handles of three kinds of queue under one name.

#![allow(dead_code, reason = "each test that has this module uses its part")]

use ringway::{Builder, ChannelStats, RecvError, RecvTimeoutError, ReserveError, Sink, Slots, Source};
use ringway::{broadcast, mpmc, mpsc, spsc};
use std::time::Duration;

/// A sender of a queue, or of a broadcast.
pub trait Tx<P>: Sink<P> + Send + Sized + 'static {
    /// Another handle, where there can be one.
    fn another(&self) -> Option<Self>;
    fn try_reserve(&mut self, n: usize) -> Result<Slots<'_, P>, ReserveError>;
    fn close(&self) -> bool;
    fn is_disconnected(&self) -> bool;
    fn capacity(&self) -> usize;
    fn stats(&self) -> ChannelStats;
}

pub trait Rx<P>: Source<Item = P> + Send + Sized + 'static {
    /// Another handle, where there can be one.
    fn another(&self) -> Option<Self>;
    fn recv(&mut self) -> Result<P, RecvError>;
    fn recv_timeout(&mut self, timeout: Duration) -> Result<P, RecvTimeoutError>;
    fn close(&self) -> bool;
    fn len(&self) -> usize;
    fn capacity(&self) -> usize;
    fn stats(&self) -> ChannelStats;
}

/// What a kind of queue promises, as far as they differ.
pub trait Kind: 'static {
    type Tx<P: Send + 'static>: Tx<P>;
    type Rx<P: Send + 'static>: Rx<P>;
    /// A send that meets a close comes back, or is received. (Otherwise it may also be dropped with the channel.)
    const SEAL_IS_EXACT: bool;
    fn build<P: Send + 'static>(builder: &Builder) -> (Self::Tx<P>, Self::Rx<P>);
}

macro_rules! tx {
    ($kind:ident, $bound:ident, $another:expr) => {
        impl<P: $bound + Send + 'static> Tx<P> for $kind::Sender<P> {
            fn another(&self) -> Option<Self> {
                $another(self)
            }

            fn try_reserve(&mut self, n: usize) -> Result<Slots<'_, P>, ReserveError> {
                self.try_reserve(n)
            }

            fn close(&self) -> bool {
                self.close()
            }

            fn is_disconnected(&self) -> bool {
                self.is_disconnected()
            }

            fn capacity(&self) -> usize {
                self.capacity()
            }

            fn stats(&self) -> ChannelStats {
                self.stats()
            }
        }
    };
}

macro_rules! kind {
    ($name:ident, $kind:ident, $exact:expr, $tx:expr, $rx:expr) => {
        pub struct $name;

        impl Kind for $name {
            type Tx<P: Send + 'static> = $kind::Sender<P>;
            type Rx<P: Send + 'static> = $kind::Receiver<P>;
            const SEAL_IS_EXACT: bool = $exact;

            fn build<P: Send + 'static>(builder: &Builder) -> (Self::Tx<P>, Self::Rx<P>) {
                builder.$kind().expect("a valid channel")
            }
        }

        tx!($kind, Send, $tx);

        impl<P: Send + 'static> Rx<P> for $kind::Receiver<P> {
            fn another(&self) -> Option<Self> {
                $rx(self)
            }

            fn recv(&mut self) -> Result<P, RecvError> {
                self.recv()
            }

            fn recv_timeout(&mut self, timeout: Duration) -> Result<P, RecvTimeoutError> {
                self.recv_timeout(timeout)
            }

            fn close(&self) -> bool {
                self.close()
            }

            fn len(&self) -> usize {
                self.len()
            }

            fn capacity(&self) -> usize {
                self.capacity()
            }

            fn stats(&self) -> ChannelStats {
                self.stats()
            }
        }
    };
}

kind!(SpscKind, spsc, false, |_: &Self| None, |_: &Self| None);
kind!(MpscKind, mpsc, true, |this: &Self| Some(this.clone()), |_: &Self| None);
kind!(MpmcKind, mpmc, true, |this: &Self| Some(this.clone()), |this: &Self| Some(this.clone()));

// Its messages are shared.
tx!(broadcast, Sync, |_: &Self| None);
