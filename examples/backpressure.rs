//! What a sender can do when a channel is full: take the value back, wait for a while, or wait for as long as it takes.
//!
//! `cargo run --example backpressure`

use ringway::{SendTimeoutError, TrySendError, Worker, each, mpsc};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut sender, receiver) = mpsc::channel::<u32>(4);

    // Nobody receives yet: the fifth message is refused, and comes back.
    for n in 0..4 {
        sender.try_send(n)?;
    }
    match sender.try_send(4) {
        Err(TrySendError::Full(n)) => println!("full: {n} came back"),
        other => return Err(format!("expected it to be full, got {other:?}").into()),
    }
    match sender.send_timeout(4, Duration::from_millis(10)) {
        Err(SendTimeoutError::Timeout(n)) => println!("still full after 10 ms: {n} came back"),
        other => return Err(format!("expected a timeout, got {other:?}").into()),
    }

    // A worker that is held up at first. The sender sleeps until there is room, and loses nothing.
    let go = Arc::new(AtomicBool::new(false));
    let worker = Worker::builder().spawn(receiver, {
        let go = Arc::clone(&go);
        each(move |n| {
            while !go.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            println!("handled {n}");
        })
    })?;
    let blocked = std::thread::spawn(move || (4..8).try_for_each(|n| sender.send(n)).map(|()| sender));
    go.store(true, Ordering::Relaxed);

    let sender = blocked.join().expect("the sender finishes")?;
    let stats = sender.stats();
    println!("{} sent, at most {} waiting at once", stats.sent, stats.high_water);
    drop(sender); // the last one: the worker drains its inbox and ends

    assert_eq!(worker.join().received, 8);
    Ok(())
}
