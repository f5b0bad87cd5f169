//! Types: what may cross threads, odd messages, errors.

mod common;

use common::{Drops, Local};
use ringway::{
    Batch, BuildError, Builder, Bus, ChannelStats, Disconnected, Event, MAX_BATCH, PoolBuilder, PoolHandle, Publisher,
    RecvError, RecvTimeoutError, ReserveError, SendError, SendTimeoutError, Slots, TryRecvError, TrySendError, Wait,
    WorkerHandle, broadcast, mpmc, mpsc, spsc,
};
use std::error::Error;
use std::time::Duration;

/// `Probe::<T>::IS_SEND` and the like: an inherent constant where the bound holds, the trait's otherwise.
struct Probe<T>(std::marker::PhantomData<T>);

macro_rules! probe {
    ($($constant:ident, $fallback:ident: $($bound:ident)+;)+) => {$(
        trait $fallback { const $constant: bool = false; }
        impl<T> $fallback for Probe<T> {}
        impl<T: $($bound +)+> Probe<T> { const $constant: bool = true; }
    )+};
}
probe! {
    IS_SEND, NotSend: Send;
    IS_SYNC, NotSync: Sync;
    IS_CLONE, NotClone: Clone;
}

macro_rules! assert_bounds {
    ($($type:ty: $send:literal $sync:literal $clone:literal;)+) => {
        #[test]
        fn s16_bounds_of_every_type() {
            $(assert_eq!(
                (Probe::<$type>::IS_SEND, Probe::<$type>::IS_SYNC, Probe::<$type>::IS_CLONE),
                ($send, $sync, $clone),
                stringify!($type)
            );)+
        }
    };
}

// Send, Sync, Clone.
assert_bounds! {
    spsc::Sender<u32>: true false false;
    spsc::Receiver<u32>: true false false;
    mpsc::Sender<u32>: true false true;
    mpsc::Receiver<u32>: true false false;
    spsc::Sender<Local>: false false false;
    spsc::Receiver<Local>: false false false;
    mpsc::Sender<Local>: false false true;
    mpsc::Receiver<Local>: false false false;
    // Send and not Sync is all that a message has to be.
    mpsc::Sender<std::cell::Cell<u32>>: true false true;
    mpsc::Receiver<std::cell::Cell<u32>>: true false false;
    mpsc::Sender<std::sync::MutexGuard<'static, u32>>: false false true;
    Batch<'static, u32>: false false false;
    Slots<'static, u32>: false false false;
    Bus<u32>: true false false;
    Publisher<u32>: true false true;
    WorkerHandle: true true false;
    PoolHandle: true true false;
    PoolBuilder: true true false;
    Event: true true true;
    Wait: true true true;
    Builder: true true true;
    BuildError: true true true;
    ChannelStats: true true true;
}

macro_rules! assert_none {
    ($constant:ident: $($type:ty),+) => { $(assert!(!Probe::<$type>::$constant, stringify!($type));)+ };
}

/// No handle, guard or iterator of messages that must stay on their thread leaves it.
#[test]
fn f18_messages_that_must_stay_on_their_thread() {
    assert_none! { IS_SEND: spsc::Sender<Local>, spsc::Receiver<Local>, mpsc::Sender<Local>, mpsc::Receiver<Local> }
    assert_none! { IS_SEND: mpmc::Sender<Local>, mpmc::Receiver<Local>, broadcast::Sender<Local>, broadcast::Receiver<Local> }
    assert_none! { IS_SEND: broadcast::Subscriber<Local>, Batch<'static, Local>, Slots<'static, Local>, Publisher<Local> }
    assert_none! { IS_SYNC: broadcast::Subscriber<Local>, broadcast::Batch<'static, Local>, Publisher<Local> }
}

/// One thread at a time has a handle, whatever its messages are.
#[test]
fn s17_handles_are_not_shared() {
    assert_none! { IS_SYNC: spsc::Sender<u32>, spsc::Receiver<u32>, mpsc::Sender<u32>, mpsc::Receiver<u32> }
    assert_none! { IS_SYNC: mpmc::Sender<u32>, mpmc::Receiver<u32>, broadcast::Sender<u32>, broadcast::Receiver<u32> }
    assert_none! { IS_SYNC: Publisher<u32>, broadcast::lossy::Sender<u32>, broadcast::lossy::Receiver<u32> }
}

/// Where there is one sender, or one receiver, the type says so.
#[test]
fn v23_single_ends_cannot_be_cloned() {
    assert_none! { IS_CLONE: spsc::Sender<u32>, spsc::Receiver<u32>, mpsc::Receiver<u32>, broadcast::Sender<u32> }
    assert_none! { IS_CLONE: broadcast::Receiver<u32>, Batch<'static, u32>, Slots<'static, u32> }
}

/// Receivers of a broadcast look at one message together.
#[test]
fn s18_broadcast_needs_sync() {
    type SendOnly = std::cell::Cell<u32>;
    assert_none! { IS_SEND: broadcast::Sender<SendOnly>, broadcast::Receiver<SendOnly>, broadcast::Subscriber<SendOnly> }
    assert_none! { IS_SYNC: broadcast::Subscriber<SendOnly> }
    assert_eq!(
        (Probe::<broadcast::Receiver<u32>>::IS_SEND, Probe::<broadcast::Subscriber<u32>>::IS_SYNC),
        (true, true)
    );
}

every_kind! {
    fn f17_messages_of_no_size_are_dropped_once(_channel, at) {
        thread_local! { static DROPPED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) } }
        struct Nothing;
        impl Drop for Nothing {
            fn drop(&mut self) {
                DROPPED.set(DROPPED.get() + 1);
            }
        }
        let (mut tx, mut rx) = at!(4, u64::MAX - 1);
        assert_eq!(tx.try_send_iter(&mut (0..4).map(|_| Nothing)), Ok(4));
        assert!(tx.try_send(Nothing).is_err());
        assert_eq!(DROPPED.get(), 1);
        drop(rx.try_recv());
        rx.try_batch(2).unwrap().commit(1);
        assert_eq!(DROPPED.get(), 3);
        let mut slots = tx.try_reserve(1).unwrap();
        assert!(slots.push(Nothing).is_ok());
        drop(slots);
        assert_eq!((DROPPED.get(), rx.len() >= 2), (4, true));
        drop((tx, rx));
        assert_eq!(DROPPED.get(), 6);
    }

    fn f17_messages_of_no_size(channel, _at) {
        let (mut tx, mut rx) = channel!(4);
        assert_eq!(tx.try_send_iter(&mut std::iter::repeat(())), Ok(4));
        assert_eq!(rx.try_batch(8).unwrap().as_slices().0.len(), 4);
        assert_eq!(rx.drain(8, drop), 4);
        assert!(tx.try_send(()).is_ok() && rx.recv().is_ok());
    }

    fn f17_aligned_messages(channel, _at) {
        #[repr(align(4096))]
        #[derive(Debug)]
        struct Page(u8);
        let (mut tx, mut rx) = channel!(4);
        for n in 0..10 {
            tx.try_send(Page(n)).unwrap();
            let batch = rx.try_batch(1).unwrap();
            let (page, _) = batch.as_slices();
            assert_eq!((page[0].0, page.as_ptr().addr() % 4096), (n, 0));
            drop(batch);
            assert_eq!(rx.recv().unwrap().0, n);
        }
    }

    fn s30_large_messages_do_not_need_the_stack(channel, _at) {
        // The channel's million bytes would not fit; a message at a time does.
        let small = std::thread::Builder::new().stack_size(512 * 1024);
        small.spawn(|| {
            let (mut tx, mut rx) = channel!(64);
            tx.try_send([7_u8; 16 * 1024]).unwrap();
            assert_eq!(rx.try_batch(1).unwrap().as_slices().0[0][16_000], 7);
            assert!(rx.recv().is_ok());
            // Waiting calls carry the message no further than they must.
            tx.send([7_u8; 16 * 1024]).unwrap();
            tx.send_timeout([7_u8; 16 * 1024], Duration::ZERO).unwrap();
            assert!(rx.recv_timeout(Duration::ZERO).is_ok());
        }).unwrap().join().unwrap();
    }

    fn f17_niches_boxes_and_pinned_things(channel, _at) {
        let (mut tx, mut rx) = channel!(2);
        tx.try_send((Some(Box::new(1)), std::marker::PhantomPinned)).unwrap();
        tx.try_send((None, std::marker::PhantomPinned)).unwrap();
        assert_eq!(rx.recv().map(|(boxed, _)| boxed), Ok(Some(Box::new(1))));
        assert_eq!(rx.recv().map(|(boxed, _)| boxed), Ok(None));
    }

    fn s04_every_capacity_is_given_back(channel, _at) {
        for capacity in 1..70 {
            let drops = Drops::new(capacity);
            let (mut tx, rx) = channel!(capacity);
            assert_eq!(tx.try_send_iter(&mut drops.values(capacity)), Ok(capacity));
            drop((tx, rx));
            drops.assert_each_once();
        }
    }

    fn x29_memory_is_told_and_fixed(channel, _at) {
        let (mut tx, mut rx) = channel!(1000);
        let told = tx.stats().memory_bytes;
        assert!((8 * 1024..=8 * 1024 + 32 * 1024).contains(&told), "{told}");
        for n in 0..5000_u64 {
            tx.try_send(n).unwrap();
            rx.recv().unwrap();
        }
        assert_eq!(rx.stats().memory_bytes, told);
    }

    fn stats_are_exact_at_rest(channel, _at) {
        let (mut tx, mut rx) = channel!(8);
        tx.try_send_iter(&mut (0..6)).unwrap();
        assert_eq!(rx.drain(4, drop), 4);
        drop(tx.try_reserve(3).unwrap());
        tx.try_send(6).unwrap();
        let stats = tx.stats();
        assert_eq!((stats.sent, stats.received, stats.dropped, stats.aborted), (7, 4, 0, 3));
        assert_eq!((stats.in_flight(), stats.rescued_wakeups), (3, 0));
        assert!((4..=6).contains(&stats.high_water));
        drop(rx);
        let stats = tx.stats();
        assert_eq!((stats.sent, stats.received, stats.dropped, stats.in_flight()), (7, 4, 3, 0));
    }
}

/// A message that cannot be shown: errors ask nothing of it.
struct Secret;

#[test]
fn x27_errors_say_what_they_are() {
    let full = TrySendError::Full(Secret);
    assert!(full.is_full() && !full.is_disconnected());
    let gone = TrySendError::from(SendError(Secret));
    assert!(gone.is_disconnected() && !gone.is_full());
    let late = SendTimeoutError::Timeout(Secret);
    assert!(late.is_timeout() && !late.is_disconnected());
    let gone_late = SendTimeoutError::from(SendError(Secret));
    assert!(gone_late.is_disconnected() && !gone_late.is_timeout());
    assert!(TryRecvError::Empty.is_empty() && !TryRecvError::Empty.is_disconnected());
    assert!(TryRecvError::from(RecvError).is_disconnected() && !TryRecvError::Disconnected.is_empty());
    assert!(RecvTimeoutError::Timeout.is_timeout() && !RecvTimeoutError::Timeout.is_disconnected());
    assert!(RecvTimeoutError::from(RecvError).is_disconnected());

    let texts: [(&dyn Error, &str, &str); 11] = [
        (&full, "the channel is full", "Full(..)"),
        (&gone, "the channel is closed", "Disconnected(..)"),
        (&late, "the channel stayed full", "Timeout(..)"),
        (&SendError(Secret), "the channel is closed", "SendError(..)"),
        (&Disconnected, "the channel is closed", "Disconnected"),
        (&TryRecvError::Empty, "the channel is empty", "Empty"),
        (&RecvError, "the channel is closed and drained", "RecvError"),
        (&RecvTimeoutError::Timeout, "the channel stayed empty", "Timeout"),
        (&ReserveError::TooFew { free: 3 }, "only 3 slots are free", "TooFew { free: 3 }"),
        (&ReserveError::TooLarge, "the channel has fewer slots than that", "TooLarge"),
        (&BuildError::ZeroCapacity, "the capacity is 0; a channel needs at least one slot", "ZeroCapacity"),
    ];
    for (error, text, debug) in texts {
        assert_eq!((error.to_string().as_str(), format!("{error:?}").as_str()), (text, debug));
    }
    assert_eq!(MAX_BATCH, 256);
}
