//! Channels whose handles hold back in a stream: the same messages, in the same order, as without.

mod common;

use common::within_limits;
use ringway::{Builder, Sink, Source, TryRecvError, TrySendError, Wait};
use std::thread;

const MESSAGES: u64 = 10_000;

fn streaming(capacity: usize) -> Builder {
    Builder::new(capacity).wait(Wait::yielding()).streaming()
}

/// Sends one by one, takes one by one or by the batch, and looks at the order.
fn carries<S, R>((mut tx, mut rx): (S, R), batch: usize)
where
    S: Sink<u64> + Send + 'static,
    R: Source<Item = u64>,
{
    let sender = thread::spawn(move || {
        for number in 0..MESSAGES {
            let mut message = number;
            while let Err(refused) = tx.try_send(message) {
                assert!(refused.is_full(), "the receiver is there");
                message = refused.into_inner();
                thread::yield_now();
            }
        }
    });
    let mut next = 0;
    let mut see = |number| {
        assert_eq!(number, next);
        next += 1;
    };
    loop {
        let taken = match batch {
            1 => rx.try_recv().map(&mut see),
            batch => rx.try_batch(batch).map(|mut messages| messages.take_all(&mut see)),
        };
        match taken {
            Ok(()) => {}
            Err(TryRecvError::Empty) => thread::yield_now(),
            Err(_) => break,
        }
    }
    assert_eq!(next, MESSAGES, "closed when all is taken, and not before");
    sender.join().unwrap();
}

#[test]
fn a_stream_arrives_whole_and_in_order() {
    within_limits(|| {
        for capacity in [1, 2, 8, 1024] {
            for batch in [1, 256] {
                carries(streaming(capacity).spsc().unwrap(), batch);
                carries(streaming(capacity).mpsc().unwrap(), batch);
                carries(streaming(capacity).mpmc().unwrap(), batch);
                carries(Builder::new(capacity).lanes(1).mpsc().unwrap(), batch);
            }
        }
    });
}

/// Full, empty and closed are answered as by any channel.
#[test]
fn the_answers_are_the_same() {
    let (mut tx, mut rx) = streaming(2).spsc().unwrap();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert_eq!((tx.try_send(1), tx.try_send(2)), (Ok(()), Ok(())));
    assert_eq!(tx.try_send(3), Err(TrySendError::Full(3)));
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(tx.try_send(3), Ok(()));
    tx.close();
    assert_eq!(tx.try_send(4), Err(TrySendError::Disconnected(4)));
    assert_eq!((rx.try_recv(), rx.try_recv(), rx.try_recv()), (Ok(2), Ok(3), Err(TryRecvError::Disconnected)));
}

#[test]
fn readers_of_a_stream_all_get_everything() {
    within_limits(|| {
        let (mut tx, first) = streaming(8).broadcast::<u64>().unwrap();
        let second = tx.subscribe().unwrap();
        let read = |mut rx: ringway::broadcast::Receiver<u64>| thread::spawn(move || rx.iter().collect::<Vec<_>>());
        let readers = [read(first), read(second)];
        (0..MESSAGES).for_each(|number| tx.send(number).unwrap());
        drop(tx);
        for reader in readers {
            assert!(reader.join().unwrap().into_iter().eq(0..MESSAGES));
        }
    });
}
