//! Sends and receives of single messages and from iterators, on both kinds.

mod common;

use common::{Drops, panics};
use ringway::{BuildError, Builder, RecvTimeoutError, SendTimeoutError, TryRecvError, TrySendError, mpsc, spsc};
use std::time::{Duration, Instant};

every_kind! {
    fn f14_every_slot_is_usable(channel, _at) {
        for (asked, given) in [(1, 1), (2, 2), (3, 4), (4, 4), (1000, 1024)] {
            let (mut tx, mut rx) = channel!(asked);
            assert_eq!((tx.capacity(), rx.capacity()), (given, given));
            for n in 0..given {
                assert_eq!(tx.len(), n);
                tx.try_send(n).unwrap();
            }
            assert!(tx.is_full());
            assert_eq!(tx.try_send(given), Err(TrySendError::Full(given)));
            for n in 0..given {
                assert_eq!(rx.try_recv(), Ok(n));
            }
            assert!(rx.is_empty() && tx.is_empty());
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        }
    }

    fn f13_positions_wrap(_channel, at) {
        for start in [(1 << 32) - 8, (1 << 62) - 8, (1 << 63) - 8, u64::MAX - 7] {
            for capacity in [1, 2, 8] {
                let (mut tx, mut rx) = at!(capacity, start);
                for round in 0..40_u64 {
                    let mut numbers = round * 100..round * 100 + 3;
                    let sent = tx.try_send_iter(&mut numbers).unwrap() as u64;
                    assert_eq!(sent, 3.min(capacity as u64));
                    assert_eq!(tx.len() as u64, sent);
                    let mut expected = round * 100;
                    assert_eq!(rx.drain(256, |n| { assert_eq!(n, expected); expected += 1; }) as u64, sent);
                }
                let stats = rx.stats();
                assert_eq!((stats.sent, stats.in_flight()), (stats.received, 0));
            }
        }
    }

    fn x26_an_iterator_keeps_what_does_not_go_in(channel, _at) {
        let (mut tx, mut rx) = channel!(4);
        let mut numbers = 1..=6;
        assert_eq!(tx.try_send_iter(&mut numbers), Ok(4));
        assert_eq!(tx.try_send_iter(&mut numbers), Ok(0));
        assert_eq!(numbers, 5..=6);
        assert_eq!(rx.drain(2, |_| ()), 2);
        assert_eq!(tx.try_send_iter(&mut numbers), Ok(2));
        assert_eq!(rx.try_iter().collect::<Vec<_>>(), [3, 4, 5, 6]);
        assert_eq!(tx.try_send_iter(&mut std::iter::empty()), Ok(0));
        drop(rx);
        assert!(tx.try_send_iter(&mut numbers).is_err());
        assert!(tx.try_send_iter(&mut std::iter::empty()).is_err());
    }

    fn iterators_that_do_not_know_their_length(channel, _at) {
        let (mut tx, mut rx) = channel!(512);
        let mut left = 3;
        let mut unknown = std::iter::from_fn(|| { left -= 1; (left >= 0).then_some(left) });
        assert_eq!(tx.try_send_iter(&mut unknown), Ok(3));
        assert_eq!(tx.try_send_iter(&mut (0..10).filter(|n| n % 2 == 0)), Ok(5));
        // Endless: as many as there is room for.
        let sent = tx.try_send_iter(&mut std::iter::repeat(7)).unwrap();
        assert_eq!(tx.try_send(7), Err(TrySendError::Full(7)));
        let mut received = Vec::new();
        while rx.drain(512, |n| received.push(n)) > 0 {}
        assert_eq!(received[..8], [2, 1, 0, 0, 2, 4, 6, 8]);
        assert_eq!(received.len(), 8 + sent);
        assert_eq!(tx.try_send_iter(&mut std::iter::repeat(7)), Ok(512));
    }

    fn x20_an_iterator_that_panics_has_sent_what_it_gave(channel, _at) {
        for panics_at in 0..4 {
            let drops = Drops::new(4);
            let (mut tx, mut rx) = channel!(4);
            let mut values = (0..4).map(|n| { assert!(n != panics_at, "as planned"); drops.value(n) });
            assert!(panics(|| { let _ = tx.try_send_iter(&mut values); }));
            let received: Vec<_> = rx.try_iter().map(|value| value.number).collect();
            assert_eq!(received, (0..panics_at).collect::<Vec<_>>());
            // The ring is as good as new.
            assert_eq!(tx.try_send_iter(&mut (panics_at..4).map(|n| drops.value(n))), Ok(4 - panics_at));
            assert_eq!(rx.drain(4, drop), 4 - panics_at);
            drops.assert_each_once();
        }
    }

    fn x26_a_failing_send_gives_the_message_back(channel, _at) {
        let drops = Drops::new(5);
        let (mut tx, rx) = channel!(1);
        tx.try_send(drops.value(0)).unwrap();
        assert_eq!(tx.try_send(drops.value(1)).unwrap_err().into_inner().number, 1);
        assert_eq!(tx.send_timeout(drops.value(2), Duration::ZERO).unwrap_err().into_inner().number, 2);
        drop(rx);
        assert_eq!(tx.send(drops.value(3)).unwrap_err().into_inner().number, 3);
        assert_eq!(tx.send_timeout(drops.value(4), Duration::MAX).unwrap_err().into_inner().number, 4);
        drop(tx);
        drops.assert_each_once();
    }

    fn x32_timeouts_wait_and_give_up(channel, _at) {
        let (mut tx, mut rx) = channel!(1);
        let timeout = Duration::from_millis(5);
        let began = Instant::now();
        assert_eq!(rx.recv_timeout(timeout), Err(RecvTimeoutError::Timeout));
        assert!(began.elapsed() >= timeout);
        tx.send_timeout(1, Duration::MAX).unwrap();
        let began = Instant::now();
        assert_eq!(tx.send_timeout(2, timeout), Err(SendTimeoutError::Timeout(2)));
        assert!(began.elapsed() >= timeout);
        assert_eq!(rx.recv_timeout(Duration::MAX), Ok(1));
        drop(tx);
        assert_eq!(rx.recv_timeout(Duration::MAX), Err(RecvTimeoutError::Disconnected));
    }

    fn iterators_over_receivers(channel, _at) {
        let (mut tx, mut rx) = channel!(8);
        tx.try_send_iter(&mut (0..4)).unwrap();
        assert_eq!(rx.try_iter().take(2).collect::<Vec<_>>(), [0, 1]);
        drop(tx);
        assert_eq!(rx.iter().take(1).collect::<Vec<_>>(), [2]);
        assert_eq!((&mut rx).into_iter().collect::<Vec<_>>(), [3]);
        assert_eq!(rx.into_iter().next(), None);
    }

    fn v18_alone_on_a_full_ring(channel, _at) {
        let (mut tx, mut rx) = channel!(1);
        tx.try_send(1).unwrap();
        // A consumer that sends into its own full ring gets an answer, not a deadlock.
        assert_eq!(rx.drain(1, |n| assert_eq!(tx.try_send(n), Err(TrySendError::Full(n)))), 1);
        assert_eq!(tx.try_send(2), Ok(()));
        drop(tx);
        assert_eq!(rx.recv(), Ok(2));
    }

    fn v19_a_ring_that_was_full_goes_on(channel, _at) {
        let (mut tx, mut rx) = channel!(2);
        for n in 0..100 {
            while tx.try_send(n).is_ok() {}
            assert_eq!(rx.drain(2, |m| assert_eq!(m, n)), 2);
        }
    }

    fn f15_batches_of_no_and_of_many_messages(channel, _at) {
        let (mut tx, mut rx) = channel!(512);
        assert_eq!(rx.drain(0, |_: u32| ()), 0);
        assert_eq!(tx.try_send_iter(&mut (0..512)), Ok(512));
        assert_eq!(rx.drain(0, |_| ()), 0);
        assert!(rx.try_batch(0).is_err());
        assert_eq!(rx.drain(257, |_| ()), 257);
        assert_eq!(rx.drain(usize::MAX, |_| ()), 255);
    }
}

#[test]
fn s29_wrong_capacities_are_errors() {
    assert_eq!(Builder::new(0).spsc::<u8>().unwrap_err(), BuildError::ZeroCapacity);
    for capacity in [usize::MAX, usize::MAX / 2 + 2, 1 << 40] {
        assert_eq!(Builder::new(capacity).spsc::<u64>().unwrap_err(), BuildError::CapacityTooLarge { capacity });
        assert_eq!(Builder::new(capacity).mpsc::<()>().unwrap_err(), BuildError::CapacityTooLarge { capacity });
    }
    let huge = Builder::new(1 << 31).mpsc::<[u8; 1 << 20]>().unwrap_err();
    assert!(matches!(huge, BuildError::OutOfMemory { .. } | BuildError::CapacityTooLarge { .. }), "{huge}");
    assert!(Builder::new(1 << 32).spsc::<[u64; 1 << 29]>().is_err());
    assert!(panics(|| drop(spsc::channel::<u8>(0))));
    assert!(panics(|| drop(mpsc::channel::<u8>(usize::MAX))));
}

#[test]
fn names() {
    let (tx, rx) = Builder::new(2).name("orders").mpsc::<u8>().unwrap();
    assert_eq!((tx.name(), rx.name()), (Some("orders"), Some("orders")));
    assert!(format!("{tx:?} {rx:?}").contains("orders"));
}

#[test]
fn many_senders_each_in_order() {
    const SENDERS: u64 = 16;
    const MESSAGES: u64 = 2_000;
    for capacity in [1, 64, 1024] {
        let (tx, mut rx) = mpsc::channel(capacity);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let mut tx = tx.clone();
                std::thread::spawn(move || {
                    for n in 0..MESSAGES {
                        tx.send((sender, n)).unwrap();
                    }
                })
            })
            .collect();
        drop(tx);
        let mut next = [0; SENDERS as usize];
        for (sender, n) in &mut rx {
            assert_eq!(n, next[sender as usize]);
            next[sender as usize] += 1;
        }
        assert_eq!(next, [MESSAGES; SENDERS as usize]);
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        let stats = rx.stats();
        assert_eq!((stats.sent, stats.received, stats.rescued_wakeups), (SENDERS * MESSAGES, SENDERS * MESSAGES, 0));
    }
}
