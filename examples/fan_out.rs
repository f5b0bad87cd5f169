//! One feed for two readers on workers of their own: a fast one, and one whose disk hangs. Nobody misses a tick; when the feed
//! can go on no longer, the channel says whom it waits for.
//!
//! `cargo run --example fan_out`

use ringway::{TrySendError, Worker, broadcast};
use std::error::Error;
use std::sync::mpsc;
use std::thread;

#[derive(Clone, Copy, Debug)]
struct Tick {
    number: u64,
    cents: u64,
}

const TICKS: u64 = 10_000;
const CAPACITY: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut feed, prices) = broadcast::channel::<Tick>(CAPACITY);
    let archive = feed.subscribe()?;
    let (prices_id, archive_id) = (prices.id(), archive.id());

    // The fast one. A tick out of order would panic, and be counted as a fault.
    let mut expected = 0;
    let prices = Worker::builder()
        .name("prices")
        .observe(prices, move |tick| {
            assert_eq!((tick.number, tick.cents), (expected, price(expected)));
            expected += 1;
        })
        .start()?;

    // The slow one: it can write nothing until its disk is back.
    let (disk_is_back, disk) = mpsc::channel::<()>();
    let mut written = 0;
    let archive = Worker::builder()
        .name("archive")
        .observe(archive, move |tick| {
            if written == 0 {
                disk.recv().expect("main waits for this worker");
            }
            assert_eq!(tick.number, written);
            written += 1;
        })
        .start()?;

    let mut held_up = None;
    for number in 0..TICKS {
        let refused = match feed.try_send(Tick { number, cents: price(number) }) {
            Ok(()) => continue,
            Err(TrySendError::Full(tick)) => tick,
            Err(TrySendError::Disconnected(_)) => return Err("nobody reads any more".into()),
        };
        // Full: somebody is a whole ring behind. Who? At first the fast reader may be just as far, for a moment.
        while held_up.is_none() {
            match feed.stats().slowest.filter(|slowest| slowest.receiver != prices_id) {
                Some(slowest) => {
                    println!("receiver {} is {} ticks behind: the feed waits for it", slowest.receiver, slowest.behind);
                    held_up = Some((slowest.receiver, slowest.behind));
                    disk_is_back.send(())?;
                }
                None => thread::yield_now(),
            }
        }
        feed.send(refused).map_err(|_| "nobody reads any more")?;
    }
    drop(feed); // the readers read what is left, and their workers end

    let (prices, archive) = (prices.join(), archive.join());
    println!("prices read {}, archive read {}", prices.received, archive.received);
    assert_eq!(held_up, Some((archive_id, CAPACITY as u64)));
    assert_eq!((prices.received, prices.faults), (TICKS, 0));
    assert_eq!((archive.received, archive.faults), (TICKS, 0));
    Ok(())
}

fn price(number: u64) -> u64 {
    10_000 + number * 7 % 500
}
