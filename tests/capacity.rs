//! How many messages fit, how many there are, and what is asked for in vain; across the numbers at which positions wrap.

mod common;

use common::Drops;
use ringway::{Builder, ReserveError, TryRecvError, Wait, broadcast};
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Just below the numbers at which positions, or the words they stand in, wrap.
const STARTS: [u64; 7] = [0, (1 << 32) - 3, (1 << 60) - 3, (1 << 61) - 3, (1 << 62) - 3, (1 << 63) - 3, u64::MAX - 2];

every_kind! {
    fn x24_capacity_is_what_fits(channel, _at) {
        for asked in [1, 2, 3, 7, 64, 100] {
            let (mut tx, rx) = channel!(asked);
            let fits = (0..1000).take_while(|n| tx.try_send(*n).is_ok()).count();
            assert_eq!((tx.capacity(), rx.capacity(), rx.len()), (fits, fits, fits));
            assert!(fits >= asked);
        }
    }

    fn v22_more_than_fit_is_an_error_at_once(channel, _at) {
        for capacity in [1, 2, 8] {
            let (mut tx, mut rx) = channel!(capacity);
            for _ in 0..2 {
                for n in [capacity + 1, 2 * capacity + 1, usize::MAX] {
                    assert_eq!(tx.try_reserve(n).unwrap_err(), ReserveError::TooLarge);
                }
                // A burst takes what fits.
                let free = capacity - tx.len();
                assert_eq!(tx.try_send_iter(&mut (0..1000)), Ok(free));
            }
            assert_eq!(tx.try_reserve(1).unwrap_err(), ReserveError::TooFew { free: 0 });
            assert!(rx.try_iter().eq(0..capacity));
        }
    }

    /// Capacities of all sorts, each slot used in each of several laps.
    fn s13_positions_wrap_at_every_capacity(_channel, at) {
        for start in STARTS {
            for capacity in [1, 2, 3, 5, 6, 7, 12, 100] {
                let (mut tx, mut rx) = at!(capacity, start);
                let mut next = 0..;
                for _ in 0..4 {
                    let from = next.start;
                    while tx.try_send(next.start).is_ok() {
                        next.next();
                    }
                    assert_eq!(next.start - from, tx.capacity(), "{capacity} from {start}");
                    assert!(rx.try_iter().eq(from..next.start), "{capacity} from {start}");
                }
            }
        }
    }

    /// Claims that are given up or forgotten, and forgotten batches, while positions wrap: each message is dropped once.
    fn f13_everything_wraps(_channel, at) {
        for (start, capacity) in STARTS.into_iter().flat_map(|start| [(start, 1), (start, 2), (start, 4)]) {
            let drops = Drops::new(24);
            let mut values = drops.values(24);
            let (mut tx, mut rx) = at!(capacity, start);
            for round in 0..12 {
                let mut slots = tx.try_reserve(1).unwrap();
                slots.push(values.next().unwrap()).unwrap();
                match round % 3 {
                    0 => slots.commit(),
                    1 => drop(slots),
                    _ => mem::forget(slots),
                }
                // Room for it, or for nothing more: it comes back and is dropped.
                let sent = tx.try_send(values.next().unwrap()).is_ok();
                let expected = usize::from(round % 3 == 0) + usize::from(sent);
                let mut taken = 0;
                while let Ok(mut batch) = rx.try_batch(9) {
                    taken += batch.len();
                    drop(batch.next());
                    batch.commit_all();
                    mem::forget(batch);
                }
                assert_eq!((taken, tx.len()), (expected, 0), "{capacity} from {start}, round {round}");
            }
            let stats = rx.stats();
            assert_eq!((stats.sent, stats.aborted), (stats.received, 8));
            drops.assert_each_once();
        }
    }
}

#[test]
fn x24_capacity_is_what_fits_in_a_broadcast() {
    for asked in [1, 2, 3, 7, 64, 100] {
        let (mut tx, rx) = broadcast::channel(asked);
        let fits = (0..1000).take_while(|n| tx.try_send(*n).is_ok()).count();
        assert_eq!((tx.capacity(), rx.capacity(), rx.len()), (fits, fits, fits));
        assert_eq!(tx.try_reserve(fits + 1).unwrap_err(), ReserveError::TooLarge);

        let (mut tx, mut rx) = broadcast::lossy::<u64>(asked);
        (0..1000).for_each(|n| tx.send(n).unwrap());
        assert_eq!((tx.capacity(), rx.capacity()), (fits, fits));
        assert_eq!(rx.try_recv().unwrap_err().lagged(), Some(1000 - fits as u64));
        assert_eq!(std::iter::from_fn(|| rx.try_recv().ok()).count(), fits);
    }
}

#[test]
fn s13_a_broadcast_wraps_at_every_capacity() {
    for start in STARTS {
        for capacity in [1, 2, 3, 5, 6, 7, 12, 100] {
            let (mut tx, mut rx) = Builder::new(capacity).start_at(start).broadcast().unwrap();
            let mut next = 0..;
            for _ in 0..4 {
                let from = next.start;
                while tx.try_send(next.start).is_ok() {
                    next.next();
                }
                assert_eq!(next.start - from, tx.capacity(), "{capacity} from {start}");
                let mut expected = from..;
                rx.drain(1000, |n| assert_eq!(Some(*n), expected.next()));
                assert_eq!(expected.start, next.start);
            }
        }
    }
}

/// Tells the watcher to end, also when an assertion fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A third thread asks how many there are, while two others send and receive.
macro_rules! lengths_stay_within_bounds {
    ($kind:ident) => {
        for capacity in [1, 2, 16] {
            let messages = 300;
            let (mut tx, rx) = Builder::new(capacity).wait(Wait::yielding()).$kind().unwrap();
            let (watcher, over) = (tx.clone(), &AtomicBool::new(false));
            // Whatever fails in here drops the receiver, too, which ends the sender.
            let mut rx = thread::scope(move |scope| {
                let (_over, mut rx) = (Over(over), rx);
                scope.spawn(move || {
                    while !over.load(Ordering::Relaxed) {
                        assert!(watcher.len() <= capacity);
                        let stats = watcher.stats();
                        assert!(stats.received <= stats.sent, "{stats:?}");
                        thread::yield_now();
                    }
                });
                scope.spawn(move || (0..messages).for_each(|n| tx.send(n).unwrap()));
                for n in 0..messages {
                    assert!(rx.len() <= capacity);
                    assert_eq!(rx.recv(), Ok(n));
                }
                rx
            });
            assert_eq!((rx.len(), rx.try_recv()), (0, Err(TryRecvError::Disconnected)));
        }
    };
}

#[test]
fn s15_len_within_bounds() {
    lengths_stay_within_bounds!(mpsc);
    lengths_stay_within_bounds!(mpmc);
}
