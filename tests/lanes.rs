//! Rings of their own for the first senders of an `mpsc` channel.

use ringway::{BuildError, Builder, ReserveError, TryRecvError, TrySendError, mpsc};

fn channel(capacity: usize, lanes: usize) -> (mpsc::Sender<u64>, mpsc::Receiver<u64>) {
    Builder::new(capacity).lanes(lanes).mpsc().expect("a valid channel")
}

#[test]
fn the_capacity_is_divided() {
    let (mut tx, mut rx) = channel(8, 2);
    let (mut second, mut third) = (tx.clone(), tx.clone());
    assert_eq!((tx.capacity(), third.capacity(), rx.capacity()), (4, 4, 12));
    for sender in [&mut tx, &mut second, &mut third] {
        assert_eq!(sender.try_send_iter(&mut (0..9)), Ok(4));
        assert!(sender.is_full());
        assert_eq!(sender.try_send(9), Err(TrySendError::Full(9)));
        assert!(matches!(sender.try_reserve(5), Err(ReserveError::TooLarge)));
        assert!(matches!(sender.try_reserve(1), Err(ReserveError::TooFew { free: 0 })));
    }
    assert_eq!((rx.len(), rx.try_iter().count()), (12, 12));
    assert!(rx.is_empty() && tx.is_empty());
    let stats = rx.stats();
    assert_eq!((stats.sent, stats.received, stats.in_flight()), (12, 12, 0));
}

#[test]
fn s29_too_many_lanes_are_an_error() {
    assert_eq!(Builder::new(64).lanes(65).mpsc::<u64>().unwrap_err(), BuildError::TooManyLanes { lanes: 65, max: 64 });
    assert_eq!(Builder::new(0).lanes(2).mpsc::<u64>().unwrap_err(), BuildError::ZeroCapacity);
    let (tx, _rx) = Builder::new(8).lanes(65).spsc::<u64>().expect("others take no notice");
    assert_eq!(tx.capacity(), 8);
}

/// Who stops in the middle of a send holds up nobody in another ring.
#[test]
fn v05_a_stopped_sender_holds_up_no_lane() {
    let (mut tx, mut rx) = channel(8, 2);
    let (mut second, mut shared) = (tx.clone(), tx.clone());
    let slots = tx.try_reserve(2).unwrap();
    second.try_send(1).unwrap();
    shared.try_send(2).unwrap();
    let mut received: Vec<_> = rx.try_iter().collect();
    received.sort_unstable();
    assert_eq!(received, [1, 2]);
    drop(slots);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

/// A sender that always has more does not keep the receiver from the others.
#[test]
fn a_busy_lane_keeps_nobody_waiting() {
    for others in [1, 2] {
        let (mut busy, mut rx) = channel(16, 2);
        let mut rest: Vec<_> = (0..others).map(|_| busy.clone()).collect();
        while busy.try_send(0).is_ok() {}
        rest.iter_mut().for_each(|sender| sender.try_send(1).unwrap());
        for max in [1, 256] {
            let mut found = 0;
            for _ in 0..=3 * busy.capacity() {
                rx.drain(max, |message| found += message);
                while busy.try_send(0).is_ok() {}
            }
            assert_eq!(found, others, "at {max} a time");
            rest.iter_mut().for_each(|sender| sender.try_send(1).unwrap());
        }
    }
}

/// A lane that has become free goes to the next sender, who goes on behind what is still in it.
#[test]
fn a_lane_serves_again() {
    let (mut tx, mut rx) = channel(2, 1);
    let mut shared = tx.clone();
    shared.try_send_iter(&mut (1000..1002)).unwrap();
    for n in 0..20 {
        // The shared ring is full: there is room for one more sender's messages in the lane only.
        tx.try_send(n).unwrap();
        drop(tx);
        tx = shared.clone();
        tx.try_send(n + 100).unwrap();
        let mut own = rx.try_iter().filter(|message| !(1000..1002).contains(message));
        assert_eq!((own.next(), own.next(), own.next()), (Some(n), Some(n + 100), None));
        shared.try_send_iter(&mut (1000..1002)).unwrap();
    }
}

/// A batch that was left, or forgotten, is where it was when the receiver comes again.
#[test]
fn what_is_left_in_a_lane_comes_again() {
    let (mut tx, mut rx) = channel(8, 2);
    let mut second = tx.clone();
    tx.try_send_iter(&mut (0..3)).unwrap();
    second.try_send_iter(&mut (0..3)).unwrap();
    assert_eq!(rx.try_batch(8).unwrap().next(), Some(0));
    let mut forgotten = rx.try_batch(8).unwrap();
    assert_eq!((forgotten.len(), forgotten.next()), (2, Some(1)));
    std::mem::forget(forgotten);
    assert_eq!(rx.try_recv(), Ok(2));
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(rx.stats().received, 6);
}

#[test]
fn closing_keeps_what_was_sent() {
    let (mut tx, mut rx) = channel(8, 2);
    let (mut second, mut shared) = (tx.clone(), tx.clone());
    for (n, sender) in (0..).zip([&mut tx, &mut second, &mut shared]) {
        sender.try_send(n).unwrap();
    }
    assert!(second.close() && !tx.close());
    for sender in [&mut tx, &mut second, &mut shared] {
        assert_eq!(sender.try_send(9), Err(TrySendError::Disconnected(9)));
        assert!(sender.is_disconnected());
    }
    let mut received: Vec<_> = rx.iter().collect();
    received.sort_unstable();
    assert_eq!(received, [0, 1, 2]);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

/// Many senders come and go in few lanes; positions wrap meanwhile.
#[test]
fn f13_senders_come_and_go() {
    for start in [0, (1 << 63) - 8, u64::MAX - 8] {
        let (tx, mut rx) = Builder::new(16).lanes(2).start_at(start).mpsc::<(u64, u64)>().unwrap();
        let senders: Vec<_> = (0..4)
            .map(|id| {
                let origin = tx.clone();
                std::thread::spawn(move || {
                    for burst in 0..50 {
                        let mut sender = origin.clone();
                        (burst * 10..burst * 10 + 10).for_each(|n| sender.send((id, n)).unwrap());
                    }
                })
            })
            .collect();
        drop(tx);
        let mut seen = [[false; 500]; 4];
        for (id, n) in &mut rx {
            assert!(!std::mem::replace(&mut seen[id as usize][n as usize], true), "{id} {n} twice");
        }
        assert!(seen.iter().flatten().all(|&seen| seen));
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        let stats = rx.stats();
        assert_eq!((stats.sent, stats.received, stats.dropped), (2000, 2000, 0));
    }
}
