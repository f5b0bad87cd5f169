//! A loop of your own over three channels of different kinds, and one event that wakes it for any of them. What a `Worker` does
//! for you, in a program that has a main loop already: a game, a user interface, an audio engine.
//!
//! `cargo run --example own_loop`

use ringway::{Builder, Event, MAX_BATCH, Source, TryRecvError, mpsc, spsc};
use std::error::Error;
use std::thread;
use std::time::Duration;

const ORDERS: u64 = 30_000;

fn main() -> Result<(), Box<dyn Error>> {
    let event = Event::new();
    // Channels that are made here ring the event from the beginning.
    let (orders_in, mut orders) = Builder::new(1024).event(&event).mpsc::<u64>()?;
    let (mut quotes_in, mut quotes) = Builder::new(64).event(&event).lossy::<u64>()?;
    // One that comes from elsewhere is told to.
    let (mut commands_in, mut commands) = spsc::channel::<&str>(8);
    assert!(commands.set_event(&event));

    let traders: Vec<_> = (0..3)
        .map(|trader| {
            let mut orders: mpsc::Sender<u64> = orders_in.clone();
            thread::spawn(move || (0..ORDERS).filter(|n| n % 3 == trader).try_for_each(|n| orders.send(n)))
        })
        .collect();
    drop(orders_in);
    let market = thread::spawn(move || (1..=1000).try_for_each(|quote| quotes_in.send(quote)));
    let console = thread::spawn(move || {
        commands_in.send("pause")?;
        thread::sleep(Duration::from_millis(20));
        commands_in.send("resume")
    });

    let (mut received, mut sum, mut largest_batch, mut last_quote, mut said) = (0, 0, 0, 0, Vec::new());
    let (mut turns, mut frames) = (0_u64, 0_u64);
    let mut open = true;
    while open {
        // The closure is a turn: it takes at most a batch of each, so that no channel starves another. It runs at once, again
        // after every notification, and once more after the thread has announced that it will sleep: so nothing is slept over.
        let worked = event.wait_until(Some(Duration::from_millis(5)), || {
            turns += 1;
            let from_orders = take(&mut orders, |n| {
                received += 1;
                sum += n;
            });
            let from_commands = take(&mut commands, |command| said.push(command));
            // Of quotes only the newest matters.
            let quote = quotes.latest();
            last_quote = quote.unwrap_or(last_quote);

            largest_batch = largest_batch.max(from_orders.unwrap_or(0));
            open = from_orders.is_some() || from_commands.is_some() || !quotes.is_disconnected();
            !open || from_orders.unwrap_or(0) + from_commands.unwrap_or(0) > 0 || quote.is_some()
        });
        // Here is the place for what the loop does beside messages: at the latest 5 ms after the last time.
        frames += u64::from(!worked);
    }
    last_quote = quotes.latest().unwrap_or(last_quote); // sent between the last turn's look and the close

    println!(
        "{received} orders in {turns} turns, {frames} of them idle for 5 ms; last quote {last_quote}; console: {said:?}"
    );
    for trader in traders {
        trader.join().expect("a trader finishes")?;
    }
    market.join().expect("the market finishes")?;
    console.join().expect("the console finishes")?;
    assert_eq!((received, sum), (ORDERS, ORDERS * (ORDERS - 1) / 2));
    assert!(largest_batch <= MAX_BATCH);
    assert_eq!(last_quote, 1000);
    assert_eq!(said, ["pause", "resume"]);
    Ok(())
}

/// Takes at most a batch and gives the number taken; `None` once the channel is closed and drained.
fn take<S: Source>(source: &mut S, f: impl FnMut(S::Item)) -> Option<usize> {
    match source.try_batch(MAX_BATCH) {
        Ok(batch) => {
            let taken = batch.len();
            batch.for_each(f);
            Some(taken)
        }
        Err(TryRecvError::Disconnected) => None,
        Err(_) => Some(0),
    }
}
