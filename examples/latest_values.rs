//! Price ticks for a fast reader, who sees each of them, and a slow one, who wants the newest and nothing else to wait for him.
//!
//! `cargo run --example latest_values`

use ringway::broadcast::{self, lossy::RecvError};
use std::error::Error;
use std::thread;
use std::time::Duration;

/// Plain data, so that the ring can copy it word by word: instrument, and price in cents.
type Tick = [u64; 2];

const TICKS: u64 = 2_000;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut feed, mut fast) = broadcast::lossy::<Tick>(256);
    let mut slow = feed.subscribe();

    let recorder = thread::spawn(move || {
        let (mut highest, mut lagged) = (0, 0);
        loop {
            match fast.recv() {
                Ok([_, price]) => highest = highest.max(price),
                Err(RecvError::Lagged(_)) => lagged += 1,
                Err(_) => return (fast, highest, lagged), // the feed is closed
            }
        }
    });
    let display = thread::spawn(move || {
        let mut shown = 0;
        while !slow.is_disconnected() {
            if let Some([instrument, price]) = slow.latest() {
                shown += 1;
                println!("instrument {instrument} at {}.{:02}", price / 100, price % 100);
            }
            thread::sleep(Duration::from_millis(5)); // drawing takes its time
        }
        slow.latest();
        (slow, shown)
    });

    // The feed waits for neither of them.
    for n in 0..TICKS {
        feed.send([n % 4, 10_000 + n * 7 % 500])?;
        if n % 20 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
    }
    let newest: Vec<Tick> = feed.history().rev().take(3).map(|(_, tick)| tick).collect();
    println!("the last three, newest first: {newest:?}");
    drop(feed);

    let (fast, highest, lagged) = recorder.join().expect("the recorder finishes");
    println!("recorder: {} seen, {} lost in {lagged} gaps, highest {highest}", fast.received(), fast.lost());
    let (slow, shown) = display.join().expect("the display finishes");
    println!("display: {shown} shown, {} stepped over", slow.skipped());

    // However the threads were scheduled: every tick is accounted for.
    assert_eq!(fast.received() + fast.lost(), TICKS);
    assert_eq!(slow.received() + slow.skipped() + slow.lost(), TICKS);
    Ok(())
}
