//! Senders of lossy channels that threads share.

use ringway::Disconnected;
use ringway::broadcast::lossy::{SharedSender, TryRecvError};
use std::panic::{AssertUnwindSafe, catch_unwind};

fn is_shared<S: Clone + Send + Sync>(_: &S) {}

#[test]
fn threads_share_a_sender() {
    let (tx, mut rx) = ringway::broadcast::lossy::<u64>(4_096);
    let tx: SharedSender<u64> = tx.into_shared();
    is_shared(&tx);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let tx = &tx;
            scope.spawn(move || {
                for n in 0..50 {
                    tx.send(thread << 32 | n).unwrap();
                    tx.send_counted(4, (0..4).map(|_| thread << 32 | n)).unwrap();
                }
            });
        }
    });
    let mut last = [0; 4];
    let taken = rx.drain(4_096, |message| {
        let (thread, n) = ((message >> 32) as usize, message as u32);
        assert!(n >= last[thread], "each thread's in its order");
        last[thread] = n;
    });
    assert_eq!((taken, tx.stats().sent), (Ok(1_000), 1_000));
}

#[test]
fn the_last_sender_closes_whatever_its_kind() {
    let (tx, mut rx) = ringway::broadcast::lossy::<u64>(4);
    let shared = tx.clone().into_shared();
    let other = shared.clone();
    drop((tx, shared));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    other.send(1).unwrap();
    drop(other);
    assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Err(TryRecvError::Disconnected)));
}

#[test]
fn closed_is_told_before_anything_is_taken() {
    let (tx, rx) = ringway::broadcast::lossy::<u64>(4);
    let tx = tx.into_shared();
    rx.close();
    let mut numbers = 0..3;
    assert_eq!(tx.send_counted(3, &mut numbers), Err(Disconnected));
    assert_eq!((numbers, tx.send(1)), (0..3, Err(Disconnected)));
}

/// Receivers pass what was promised and not sent.
#[test]
fn positions_without_a_message_are_given_up() {
    let (tx, mut rx) = ringway::broadcast::lossy::<u64>(8);
    let tx = tx.into_shared();
    tx.send_counted(3, [1]).unwrap();
    let panicked =
        catch_unwind(AssertUnwindSafe(|| tx.send_counted(3, (2..5).inspect(|n| assert_ne!(*n, 3, "planned")))));
    assert!(panicked.is_err());
    tx.send_counted(0, [9]).unwrap();
    tx.send_counted(1, [5, 6]).unwrap();
    let (mut found, mut lost) = (vec![], 0);
    loop {
        match rx.try_recv() {
            Ok(n) => found.push(n),
            Err(TryRecvError::Lagged(n)) => lost += n,
            Err(_) => break,
        }
    }
    assert_eq!((found, lost, tx.stats().dropped), (vec![1, 2, 5], 4, 4));
}
