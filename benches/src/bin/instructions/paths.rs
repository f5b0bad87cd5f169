//! The hot paths. Each is walked by one thread in a state that is always the same: nobody sleeps, nobody else runs in the
//! ring, and the clock is not asked.

use ringway::{Bus, Sink, Source, broadcast, each, mpmc, mpsc, spsc};
use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Duration;

const CAPACITY: usize = 1024;
const BATCH: u64 = 256;

/// Times that a path is walked, half a ring of calls each time.
const ROUNDS: u64 = 8;
const SINGLES: u64 = 512;

pub(crate) struct Path {
    pub(crate) name: &'static str,
    /// How many calls are counted.
    pub(crate) calls: u64,
    pub(crate) walk: fn(),
}

/// Calls of one message, and of 256.
const fn single(name: &'static str, walk: fn()) -> Path {
    Path { name, calls: ROUNDS * SINGLES, walk }
}

const fn batch(name: &'static str, walk: fn()) -> Path {
    Path { name, calls: ROUNDS, walk }
}

pub(crate) const ALL: &[Path] = &[
    single("spsc try_send", || sends(spsc::channel(CAPACITY))),
    single("spsc try_recv", || receives(spsc::channel(CAPACITY))),
    batch("spsc try_send_iter 256", || batches(spsc::channel(CAPACITY))),
    batch("spsc drain 256", || drains(spsc::channel(CAPACITY))),
    single("mpsc try_send", || sends(mpsc::channel(CAPACITY))),
    single("mpsc try_recv", || receives(mpsc::channel(CAPACITY))),
    batch("mpsc try_send_iter 256", || batches(mpsc::channel(CAPACITY))),
    batch("mpsc drain 256", || drains(mpsc::channel(CAPACITY))),
    single("mpmc try_send", || sends(mpmc::channel(CAPACITY))),
    single("mpmc try_recv", || receives(mpmc::channel(CAPACITY))),
    batch("mpmc try_send_iter 256", || batches(mpmc::channel(CAPACITY))),
    batch("mpmc drain 256", || drains(mpmc::channel(CAPACITY))),
    single("broadcast try_send", broadcast_sends),
    batch("broadcast try_send_iter 256", broadcast_batches),
    batch("broadcast drain 256", broadcast_drains),
    single("bus try_send", bus_sends),
    batch("bus try_send_iter 256", bus_batches),
];

/// What happens in here is counted, and nothing else; valgrind knows it by its name.
#[inline(never)]
fn counted(mut path: impl FnMut()) {
    path();
    // Keeps this function one that has something left to do: a jump at its end would not come back through it.
    black_box(());
}

fn send_singles(tx: &mut impl Sink<u64>) {
    for n in 0..SINGLES {
        tx.try_send(black_box(n)).expect("there is room");
    }
}

fn send_batch(tx: &mut impl Sink<u64>) {
    assert_eq!(tx.try_send_iter(&mut (0..black_box(BATCH))), Ok(BATCH as usize));
}

fn sends((mut tx, mut rx): (impl Sink<u64>, impl Source<Item = u64>)) {
    for _ in 0..ROUNDS {
        counted(|| send_singles(&mut tx));
        empty(&mut rx, SINGLES);
    }
}

fn receives((mut tx, mut rx): (impl Sink<u64>, impl Source<Item = u64>)) {
    for _ in 0..ROUNDS {
        send_singles(&mut tx);
        counted(|| {
            for _ in 0..SINGLES {
                black_box(rx.try_recv().expect("it was sent"));
            }
        });
    }
}

fn batches((mut tx, mut rx): (impl Sink<u64>, impl Source<Item = u64>)) {
    for _ in 0..ROUNDS {
        counted(|| send_batch(&mut tx));
        empty(&mut rx, BATCH);
    }
}

fn drains((mut tx, mut rx): (impl Sink<u64>, impl Source<Item = u64>)) {
    for _ in 0..ROUNDS {
        send_batch(&mut tx);
        counted(|| {
            let mut sum = 0;
            rx.drain(black_box(BATCH as usize), |n| sum += n);
            black_box(sum);
        });
    }
    assert_eq!(rx.drain(1, drop), 0);
}

fn empty(rx: &mut impl Source<Item = u64>, sent: u64) {
    let mut taken = 0;
    while taken < sent {
        taken += rx.drain(BATCH as usize, |n| _ = black_box(n)) as u64;
    }
}

/// To two receivers.
fn broadcast_to(mut walk: impl FnMut(&mut broadcast::Sender<u64>, &mut [broadcast::Receiver<u64>; 2])) {
    let (mut tx, first) = broadcast::channel(CAPACITY);
    let second = tx.subscribe().expect("there is a lane");
    let mut readers = [first, second];
    for _ in 0..ROUNDS {
        walk(&mut tx, &mut readers);
        readers.iter_mut().for_each(|rx| while rx.drain(BATCH as usize, |n| _ = black_box(*n)) > 0 {});
    }
}

fn broadcast_sends() {
    broadcast_to(|tx, _| counted(|| send_singles(tx)));
}

fn broadcast_batches() {
    broadcast_to(|tx, _| counted(|| send_batch(tx)));
}

fn broadcast_drains() {
    broadcast_to(|tx, readers| {
        send_batch(tx);
        counted(|| {
            let mut sum = 0;
            readers[0].drain(black_box(BATCH as usize), |n| sum += n);
            black_box(sum);
        });
    });
}

/// Both workers are kept in their handlers meanwhile, so that they neither sleep nor take anything.
fn bus(walk: impl FnOnce(&mut ringway::Publisher<u64>)) {
    let held = Arc::new(Barrier::new(3));
    let handler = |_| {
        let (held, mut first) = (Arc::clone(&held), true);
        each(move |_: u64| {
            if std::mem::take(&mut first) {
                held.wait();
                held.wait();
            }
        })
    };
    let bus = Bus::<u64>::builder().workers(2).percentiles(false).spawn(handler).expect("a bus starts");
    let mut publisher = bus.publisher().expect("it is open");
    // Some for each worker, whatever keys go where.
    for key in 0..64 {
        publisher.try_send(key, 0).expect("there is room");
    }
    held.wait();
    walk(&mut publisher);
    held.wait();
    assert!(bus.shutdown(Duration::from_secs(60)).is_balanced());
}

fn bus_sends() {
    bus(|publisher| {
        for _ in 0..ROUNDS {
            counted(|| {
                for n in 0..SINGLES {
                    publisher.try_send(black_box(n), n).expect("there is room");
                }
            });
        }
    });
}

fn bus_batches() {
    bus(|publisher| {
        for _ in 0..ROUNDS {
            counted(|| {
                let (sent, refused) = publisher.try_send_iter(&mut (0..black_box(BATCH)).map(|n| (n, n)));
                assert!(sent == BATCH as usize && refused.is_none());
            });
        }
    });
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_path_can_be_walked() {
        super::ALL.iter().for_each(|path| (path.walk)());
    }
}
