//! The same messages through raw rings side by side, one for each publisher, with a bare thread at its other end: what the
//! bus would reach if keys, inboxes and duty cycles cost nothing.

use super::{Checked, Round, SaturateArgs, message, run_on, until_over};
use crate::message::Message;
use ringway::{Builder, TryRecvError, spsc};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

pub(super) fn round<const WORDS: usize>(args: &SaturateArgs) -> Result<Round, String> {
    let ring = || Builder::new(args.bus.capacity).wait(args.bus.wait.into()).spsc().map_err(|error| error.to_string());
    let rings = (0..args.publishers).map(|_| ring()).collect::<Result<Vec<_>, _>>()?;
    let (stop, began) = (&AtomicBool::new(false), Instant::now());
    let ends = std::thread::scope(|scope| {
        let pairs: Vec<_> = (0..)
            .zip(rings)
            .map(|(index, (sender, receiver))| {
                let taking = scope.spawn(move || {
                    run_on(index);
                    take::<WORDS>(receiver, args)
                });
                let publishing = scope.spawn(move || {
                    run_on(index + 1);
                    publish(sender, index, args.bus.batch, stop)
                });
                (publishing, taking)
            })
            .collect();
        until_over(began, args.duration);
        stop.store(true, Ordering::Relaxed);
        pairs.into_iter().map(|(sent, taken)| Some((sent.join().ok()?, taken.join().ok()?))).collect::<Option<Vec<_>>>()
    });
    let mut round = Round { sent: 0, received: 0, broken: 0, balanced: true, samples: 0, elapsed: began.elapsed() };
    for (sent, taken) in ends.ok_or("a thread panicked")? {
        round.sent += sent;
        round.received += taken.received;
        round.broken += taken.broken;
    }
    Ok(round)
}

fn take<const WORDS: usize>(mut receiver: spsc::Receiver<Message<WORDS>>, args: &SaturateArgs) -> Checked {
    let mut checked = Checked::new(args);
    loop {
        let found = match receiver.try_batch(args.bus.batch) {
            Ok(mut batch) => {
                checked.note(batch.as_slices());
                batch.commit_all();
                true
            }
            Err(TryRecvError::Disconnected) => return checked,
            Err(_) => false,
        };
        if !found && let Ok(message) = receiver.recv() {
            checked.note((&[message], &[]));
        }
    }
}

/// As the bus's publishers do: batches, and a wait where there is no room.
fn publish<const WORDS: usize>(
    mut sender: spsc::Sender<Message<WORDS>>,
    index: u32,
    batch: usize,
    stop: &AtomicBool,
) -> u64 {
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut messages = (sent..sent + batch as u64).map(|number| message(number, index));
        loop {
            sent += sender.try_send_iter(&mut messages).unwrap_or(0) as u64;
            let Some(next) = messages.next() else { break };
            if sender.send(next).is_err() {
                return sent;
            }
            sent += 1;
        }
    }
    sent
}
