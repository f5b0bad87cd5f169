//! Sending under one name: one by one, in many ways, and from iterators.

use crate::ledger::{Author, Message, Planned, calm};
use crate::plan::Random;
use ringway::{SendError, SendTimeoutError, Sink, TrySendError};
use std::time::Duration;

/// Sends one message; false if the channel is closed.
pub(crate) fn one(tx: &mut impl Sink<Message>, author: &mut Author, way: usize) -> bool {
    let first = author.made();
    let message = author.write(0);
    let sent = calm(|| match way % 3 {
        0 => match tx.try_send(message) {
            Ok(()) => (None, true),
            Err(TrySendError::Full(message)) => (Some(message), true),
            Err(TrySendError::Disconnected(message)) => (Some(message), false),
        },
        1 => match tx.send_timeout(message, Duration::from_micros(way as u64 * 20)) {
            Ok(()) => (None, true),
            Err(SendTimeoutError::Timeout(message)) => (Some(message), true),
            Err(SendTimeoutError::Disconnected(message)) => (Some(message), false),
        },
        _ => match tx.send(message) {
            Ok(()) => (None, true),
            Err(SendError(message)) => (Some(message), false),
        },
    });
    // An old message of a broadcast was a bomb: the new one is gone.
    let Some((message, open)) = sent else {
        author.not_sent(0, 1);
        return true;
    };
    match message {
        None => author.sent(first, 1),
        Some(message) => author.came_back(message),
    }
    open
}

/// Sends from an iterator, which may panic, may take its time, and may not know its length.
pub(crate) fn several(tx: &mut impl Sink<Message>, author: &mut Author, random: &mut Random) -> bool {
    let (first, number) = (author.made(), random.between(1, 300));
    let (panics_at, honest) = (random.one_in(50).then(|| random.below(number)), random.one_in(2));
    let stalls_at = random.one_in(100).then(|| random.below(number));
    let stall = Duration::from_micros(random.pick(&[10, 200, 5000]));
    let sent = calm(|| {
        let mut messages = (0..number).map(|n| {
            if Some(n) == panics_at {
                std::panic::panic_any(Planned);
            }
            if Some(n) == stalls_at {
                std::thread::sleep(stall);
            }
            author.write(0)
        });
        if honest { tx.try_send_iter(&mut messages) } else { tx.try_send_iter(&mut messages.filter(|_| true)) }
    });
    // No more is taken from the iterator than goes in, also if it panics.
    let made = author.made() - first;
    author.sent(first, made);
    if let Some(Ok(sent)) = sent {
        assert_eq!(sent, made, "messages taken from an iterator");
    }
    !matches!(sent, Some(Err(_)))
}
