//! Senders and receivers of any kind, by the same names.

use crate::value::Value;
use ringway::{
    Batch, ChannelStats, Disconnected, RecvTimeoutError, ReserveError, SendTimeoutError, Slots, TryRecvError,
    TrySendError, mpmc, mpsc, spsc,
};
use std::time::Duration;

/// What both ends can do.
pub trait End: Sized {
    /// Another handle, where there may be several.
    fn another(&self) -> Option<Self>;
    fn len(&self) -> usize;
    fn is_empty(&self) -> bool;
    fn is_disconnected(&self) -> bool;
    fn close(&self) -> bool;
    fn stats(&self) -> ChannelStats;
    fn capacity(&self) -> usize;
}

pub trait Tx: End {
    fn try_send(&mut self, value: Value) -> Result<(), TrySendError<Value>>;
    fn send_timeout(&mut self, value: Value, timeout: Duration) -> Result<(), SendTimeoutError<Value>>;
    fn try_send_iter(&mut self, values: &mut impl Iterator<Item = Value>) -> Result<usize, Disconnected>;
    fn try_reserve(&mut self, n: usize) -> Result<Slots<'_, Value>, ReserveError>;
}

pub trait Rx: End {
    fn try_recv(&mut self) -> Result<Value, TryRecvError>;
    fn recv_timeout(&mut self, timeout: Duration) -> Result<Value, RecvTimeoutError>;
    fn drain(&mut self, max: usize, f: impl FnMut(Value)) -> usize;
    fn try_batch(&mut self, max: usize) -> Result<Batch<'_, Value>, TryRecvError>;
}

macro_rules! end {
    ($type:ty, $another:expr) => {
        impl End for $type {
            fn another(&self) -> Option<Self> {
                let another: fn(&Self) -> Option<Self> = $another;
                another(self)
            }
            fn len(&self) -> usize {
                self.len()
            }
            fn is_empty(&self) -> bool {
                self.is_empty()
            }
            fn is_disconnected(&self) -> bool {
                self.is_disconnected()
            }
            fn close(&self) -> bool {
                self.close()
            }
            fn stats(&self) -> ChannelStats {
                self.stats()
            }
            fn capacity(&self) -> usize {
                self.capacity()
            }
        }
    };
}

macro_rules! tx {
    ($type:ty, $another:expr) => {
        end!($type, $another);
        impl Tx for $type {
            fn try_send(&mut self, value: Value) -> Result<(), TrySendError<Value>> {
                self.try_send(value)
            }
            fn send_timeout(&mut self, value: Value, timeout: Duration) -> Result<(), SendTimeoutError<Value>> {
                self.send_timeout(value, timeout)
            }
            fn try_send_iter(&mut self, values: &mut impl Iterator<Item = Value>) -> Result<usize, Disconnected> {
                self.try_send_iter(values)
            }
            fn try_reserve(&mut self, n: usize) -> Result<Slots<'_, Value>, ReserveError> {
                self.try_reserve(n)
            }
        }
    };
}

macro_rules! rx {
    ($type:ty, $another:expr) => {
        end!($type, $another);
        impl Rx for $type {
            fn try_recv(&mut self) -> Result<Value, TryRecvError> {
                self.try_recv()
            }
            fn recv_timeout(&mut self, timeout: Duration) -> Result<Value, RecvTimeoutError> {
                self.recv_timeout(timeout)
            }
            fn drain(&mut self, max: usize, f: impl FnMut(Value)) -> usize {
                self.drain(max, f)
            }
            fn try_batch(&mut self, max: usize) -> Result<Batch<'_, Value>, TryRecvError> {
                self.try_batch(max)
            }
        }
    };
}

tx!(spsc::Sender<Value>, |_| None);
tx!(mpsc::Sender<Value>, |tx| Some(tx.clone()));
tx!(mpmc::Sender<Value>, |tx| Some(tx.clone()));
rx!(spsc::Receiver<Value>, |_| None);
rx!(mpsc::Receiver<Value>, |_| None);
rx!(mpmc::Receiver<Value>, |rx| Some(rx.clone()));
