//! What a handle says of a channel while others use it.

use loom_tests::{model, recv_all, send_all, thread};
use ringway::{mpmc, mpsc, spsc};

/// A third thread reads the length while messages go through: never more than there are slots.
macro_rules! watched {
    ($name:literal, $kind:ident, $preemptions:literal) => {
        model($name, $preemptions, || {
            let (mut tx, mut rx) = $kind::channel(1);
            let watcher = tx.clone();
            let sender = thread::spawn(move || send_all(|n| tx.try_send(n), 0..2));
            let receiver = thread::spawn(move || {
                let mut taken = 0;
                while taken < 2 {
                    assert!(rx.len() <= 1);
                    match rx.try_recv() {
                        Ok(_) => taken += 1,
                        Err(_) => thread::yield_now(),
                    }
                }
            });
            let watching = thread::spawn(move || {
                assert!(watcher.len() <= 1);
                watcher
            });
            assert_eq!(sender.join().unwrap(), 2);
            receiver.join().unwrap();
            let watcher = watching.join().unwrap();
            assert_eq!((watcher.len(), watcher.stats().in_flight()), (0, 0));
        });
    };
}

#[test]
fn s15_len_within_bounds() {
    watched!("mpsc: length within bounds", mpsc, 2);
    watched!("mpmc: length within bounds", mpmc, 1);
    model("spsc: length within bounds", 3, || {
        let (mut tx, mut rx) = spsc::channel(1);
        let sender = thread::spawn(move || {
            send_all(
                |n| {
                    assert!(tx.len() <= 1);
                    tx.try_send(n)
                },
                0..3,
            )
        });
        let received = recv_all(|| {
            assert!(rx.len() <= 1);
            rx.try_recv()
        });
        assert_eq!(received, [0, 1, 2]);
        assert_eq!(sender.join().unwrap(), 3);
    });
}
