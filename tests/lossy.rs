//! Lossy broadcast: nobody waits for a receiver, and each receiver knows what it missed.

use ringway::broadcast::lossy::{self, Lagged, LossyStats, RecvError, RecvTimeoutError, TryRecvError};
use ringway::{BuildError, Builder, Disconnected, Event, Pod, SendError, Wait, broadcast};
use std::error::Error;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// From the beginning, and across the numbers at which positions or their halves wrap.
const STARTS: [u64; 5] = [0, (1 << 32) - 8, (1 << 62) - 8, (1 << 63) - 8, u64::MAX - 7];
const POSITIONS: u64 = u64::MAX >> 1;

fn channel_at<T: Pod>(capacity: usize, start: u64) -> (lossy::Sender<T>, lossy::Receiver<T>) {
    Builder::new(capacity).start_at(start).lossy().expect("a valid channel")
}

/// 64 bytes that belong together: who wrote it, its number, and a mixture of both in every other word.
fn tick(sender: u64, number: u64) -> [u64; 8] {
    let mut words = [sender, number, 0, 0, 0, 0, 0, 0];
    for n in 2..8 {
        words[n] = (words[n - 1] ^ sender.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(number);
    }
    words
}

/// Who sent it, and its number; fails if words of different messages were mixed.
fn untorn(words: [u64; 8]) -> (usize, u64) {
    assert_eq!(words, tick(words[0], words[1]), "torn");
    (words[0] as usize, words[1])
}

#[test]
fn every_receiver_gets_everything_in_order() {
    for start in STARTS {
        let (mut tx, mut one) = channel_at::<u64>(8, start);
        let mut two = tx.subscribe();
        for round in 0..5 {
            (0..5).for_each(|n| tx.send(round * 5 + n).unwrap());
            for rx in [&mut one, &mut two] {
                (0..5).for_each(|n| assert_eq!(rx.try_recv(), Ok(round * 5 + n)));
                assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            }
        }
        assert_eq!((one.received(), one.lost(), two.lost()), (25, 0, 0));
        assert_eq!(tx.stats().sent, 25);
    }
}

#[test]
fn x28_lag_is_exact() {
    for start in STARTS {
        for capacity in [1, 2, 4, 8] {
            for sent in 1..30 {
                let (mut tx, mut rx) = channel_at::<u64>(capacity, start);
                (0..sent).for_each(|n| tx.send(n).unwrap());
                let lost = sent.saturating_sub(capacity as u64);
                if lost > 0 {
                    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(lost)));
                }
                (lost..sent).for_each(|n| assert_eq!(rx.try_recv(), Ok(n)));
                assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
                assert_eq!((rx.received(), rx.lost(), rx.skipped()), (sent - lost, lost, 0));
                assert_eq!(rx.position(), start.wrapping_add(sent) & POSITIONS);
            }
        }
    }
}

#[test]
fn f07_a_receiver_that_stops_costs_nobody_anything() {
    let (mut tx, mut stopped) = broadcast::lossy::<u64>(4);
    let mut other = tx.subscribe();
    for n in 0..1000 {
        tx.send(n).unwrap();
        assert_eq!(other.try_recv(), Ok(n));
    }
    assert_eq!(stopped.try_recv(), Err(TryRecvError::Lagged(996)));
    assert_eq!(stopped.drain(256, drop), Ok(4));
    assert_eq!((stopped.lost(), other.lost(), tx.stats().dropped), (996, 0, 0));
}

/// Two senders at full speed, three receivers of different speed: what each receives is untorn, in order for each sender, and
/// with what it lost accounts for every position.
#[test]
fn x28_losses_are_exact_under_load() {
    const EACH: u64 = if cfg!(debug_assertions) { 40_000 } else { 400_000 };
    for (capacity, start) in [(1, 0), (2, (1 << 63) - 8), (16, (1 << 32) - 8), (1024, u64::MAX - 7)] {
        let (tx, rx) = channel_at::<[u64; 8]>(capacity, start);
        let go = &Barrier::new(5);
        let ends: Vec<_> = thread::scope(|scope| {
            for sender in 0..2 {
                let mut tx = tx.clone();
                scope.spawn(move || {
                    go.wait();
                    for number in (0..EACH).step_by(4) {
                        let ticks: [_; 4] = std::array::from_fn(|n| tick(sender, number + n as u64));
                        if number % 8 == 0 {
                            tx.send_all(&ticks).unwrap();
                        } else {
                            ticks.iter().for_each(|&tick| tx.send(tick).unwrap());
                        }
                    }
                });
            }
            drop(tx);
            let receivers: Vec<_> = [0, 20, 2_000]
                .into_iter()
                .map(|slowness| {
                    let mut rx = rx.clone();
                    scope.spawn(move || {
                        go.wait();
                        let mut next = [0; 2];
                        loop {
                            match rx.recv() {
                                Ok(tick) => {
                                    let (sender, number) = untorn(tick);
                                    assert!(number >= next[sender], "{number} after {}", next[sender]);
                                    next[sender] = number + 1;
                                }
                                Err(RecvError::Disconnected) => return rx,
                                Err(lagged) => assert!(lagged.lagged().is_some_and(|lost| lost > 0)),
                            }
                            (0..slowness).for_each(|_| std::hint::spin_loop());
                        }
                    })
                })
                .collect();
            receivers.into_iter().map(|receiver| receiver.join().unwrap()).collect()
        });
        let stats = rx.stats();
        assert_eq!(stats.sent, 2 * EACH);
        for end in ends {
            assert_eq!(end.received() + end.lost(), stats.sent, "capacity {capacity}");
            assert!(end.lost() >= stats.dropped);
            assert_eq!(end.position(), start.wrapping_add(stats.sent) & POSITIONS);
        }
        assert_eq!(stats.rescued_wakeups, 0);
    }
}

/// Drains, looks at the latest and looks back while senders run: never torn, and the accounts balance.
#[test]
fn s27_every_way_to_read_is_untorn_under_load() {
    const EACH: u64 = if cfg!(debug_assertions) { 40_000 } else { 400_000 };
    let (tx, rx) = channel_at::<[u64; 8]>(8, (1 << 63) - 8);
    thread::scope(|scope| {
        for sender in 0..2 {
            let mut tx = tx.clone();
            scope.spawn(move || (0..EACH).for_each(|number| tx.send(tick(sender, number)).unwrap()));
        }
        let mut drainer = rx.clone();
        scope.spawn(move || {
            let mut lost = 0;
            loop {
                match drainer.drain(5, |tick| _ = untorn(tick)) {
                    Ok(0) if drainer.is_disconnected() && drainer.try_recv() == Err(TryRecvError::Disconnected) => {
                        break;
                    }
                    Ok(n) => assert!(n <= 5),
                    Err(Lagged(n)) => lost += n,
                }
            }
            // The closing look may have found a gap as well.
            assert!(lost <= drainer.lost());
            assert_eq!(drainer.received() + drainer.lost(), 2 * EACH);
        });
        let mut latest = rx.clone();
        scope.spawn(move || {
            let mut next = [0; 2];
            while !latest.is_disconnected() {
                if let Some(tick) = latest.latest() {
                    let (sender, number) = untorn(tick);
                    assert!(number >= next[sender]);
                    next[sender] = number + 1;
                }
                let passed = latest.position().wrapping_sub((1 << 63) - 8) & POSITIONS;
                assert_eq!(latest.received() + latest.skipped() + latest.lost(), passed);
            }
            // The newest position may be one that was given up.
            latest.latest();
            while latest.try_recv() != Err(TryRecvError::Disconnected) {}
            assert_eq!(latest.received() + latest.skipped() + latest.lost(), 2 * EACH);
        });
        scope.spawn(move || {
            while !tx.is_disconnected() {
                let mut history = tx.history();
                let mut last = None;
                let mut found = 0;
                for (position, tick) in &mut history {
                    untorn(tick);
                    assert!(last.is_none_or(|last| position.wrapping_sub(last) << 1 != 0));
                    last = Some(position);
                    found += 1;
                }
                assert!(found + history.missed() <= 8);
                if tx.stats().sent == 2 * EACH {
                    return; // and closes, as the last
                }
            }
        });
    });
    let mut history = rx.history();
    let found = history.by_ref().count() as u64;
    assert_eq!(found + history.missed(), 8);
}

#[test]
fn capacity_1_keeps_the_last() {
    for start in STARTS {
        let (mut tx, mut rx) = channel_at::<u64>(1, start);
        assert_eq!(tx.capacity(), 1);
        for n in 0..20 {
            tx.send(2 * n).unwrap();
            tx.send(2 * n + 1).unwrap();
            assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
            assert_eq!(rx.try_recv(), Ok(2 * n + 1));
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        }
        tx.send(100).unwrap();
        assert_eq!((rx.latest(), rx.latest()), (Some(100), None));
        assert_eq!(rx.history().collect::<Vec<_>>(), [(start.wrapping_add(40) & POSITIONS, 100)]);
    }
}

#[test]
fn messages_of_every_size_come_back_whole() {
    fn there_and_back<T: Pod + PartialEq + std::fmt::Debug>(messages: &[T]) {
        let (mut tx, mut rx) = broadcast::lossy::<T>(4);
        for &message in messages {
            tx.send(message).unwrap();
            assert_eq!(rx.try_recv(), Ok(message));
        }
        tx.send_all(messages).unwrap();
        while rx.drain(1, |_| ()) != Ok(0) {}
        assert_eq!(rx.received() + rx.lost(), 2 * messages.len() as u64);
    }
    there_and_back(&[(), (), ()]);
    there_and_back(&[1_u8, 255, 0]);
    there_and_back(&[[1_u8, 2, 3], [4, 5, 6]]);
    there_and_back(&[[1_u16, 2, 3, 4, 5], [u16::MAX; 5]]);
    there_and_back(&[[0x11_u8; 13], [0xFF; 13]]);
    there_and_back(&[[1_u8, 2, 3, 4, 5, 6, 7], [7; 7]]);
    there_and_back(&[1.5_f64, -0.1, f64::MAX]);
    there_and_back(&[u128::MAX, 1 << 64]);
    there_and_back(&[[7_u64; 8], [8; 8]]);
    there_and_back(&[[[9_u8; 31]; 9], [[1; 31]; 9]]);
    there_and_back(&[[0x5A_u8; 4096]]);
}

#[test]
fn send_all_is_one_run_of_all_or_nothing() {
    for start in STARTS {
        let (mut tx, mut rx) = channel_at::<u64>(4, start);
        tx.send_all(&[]).unwrap();
        assert_eq!(tx.stats().sent, 0);
        tx.send_all(&[0, 1, 2]).unwrap();
        // More than the channel keeps: the last remain.
        tx.send_all(&(3..20).collect::<Vec<_>>()).unwrap();
        assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(16)));
        assert_eq!(rx.iter().take(4).collect::<Vec<_>>(), [Ok(16), Ok(17), Ok(18), Ok(19)]);
        tx.close();
        assert_eq!(tx.send_all(&[1]), Err(Disconnected));
        assert_eq!(tx.send_all(&[]), Err(Disconnected));
        assert_eq!(tx.stats().sent, 20);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
    }
}

#[test]
fn x15_x17_closing_keeps_what_was_sent() {
    for from_sender in [true, false] {
        for start in STARTS {
            let (mut tx, mut rx) = channel_at::<u64>(4, start);
            (0..6).for_each(|n| tx.send(n).unwrap());
            assert!(!tx.is_disconnected() && !rx.is_disconnected());
            assert!(if from_sender { tx.close() } else { rx.close() });
            assert!(!tx.close() && !rx.close());
            assert!(tx.is_disconnected() && rx.is_disconnected());
            for n in 6..20 {
                assert_eq!(tx.send(n), Err(SendError(n)));
            }
            assert_eq!(tx.stats().sent, 6);
            // What was sent is still there, and refused messages have pushed nothing out.
            let mut late = tx.subscribe();
            assert_eq!(late.try_recv(), Err(TryRecvError::Disconnected));
            assert_eq!(late.history().map(|(_, n)| n).collect::<Vec<_>>(), [2, 3, 4, 5]);
            assert_eq!(rx.iter().collect::<Vec<_>>(), [Err(Lagged(2)), Ok(2), Ok(3), Ok(4), Ok(5)]);
            for _ in 0..3 {
                assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
                assert_eq!(rx.recv(), Err(RecvError::Disconnected));
                assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Disconnected));
                assert_eq!((rx.drain(4, drop), rx.latest()), (Ok(0), None));
            }
        }
    }
}

#[test]
fn v15_closing_takes_no_slot() {
    let (mut tx, mut rx) = broadcast::lossy::<u64>(1);
    tx.send(7).unwrap();
    drop(tx);
    assert_eq!(rx.recv(), Ok(7));
    assert_eq!(rx.recv(), Err(RecvError::Disconnected));
}

#[test]
fn only_the_last_sender_closes_and_no_receiver_does() {
    let (mut tx, rx) = broadcast::lossy::<u64>(4);
    let other = tx.clone();
    drop((rx, other));
    tx.send(1).unwrap();
    assert!(!tx.is_disconnected());
    let mut rx = tx.subscribe();
    tx.send(2).unwrap();
    drop(tx);
    assert!(rx.is_disconnected());
    assert_eq!((rx.recv(), rx.recv()), (Ok(2), Err(RecvError::Disconnected)));
    assert_eq!(rx.history().count(), 2);
}

/// Every send that was accepted is accounted for, and none that was not.
#[test]
fn x13_the_seal_is_exact() {
    for _ in 0..200 {
        let (tx, mut rx) = broadcast::lossy::<u64>(64);
        let senders: Vec<_> = (0..4)
            .map(|_| {
                let mut tx = tx.clone();
                thread::spawn(move || (0..10).take_while(|&n| tx.send(n).is_ok()).count() as u64)
            })
            .collect();
        assert!(tx.close());
        let received = rx.iter().filter(Result::is_ok).count() as u64;
        let sent: u64 = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
        assert_eq!((received, rx.lost(), tx.stats().sent), (sent, 0, sent));
    }
}

#[test]
fn f10_closing_releases_sleepers() {
    for wait in [Wait::spin(), Wait::yielding(), Wait::backoff(), Wait::park(), Wait::adaptive()] {
        let (tx, rx) = Builder::new(2).wait(wait).lossy::<u64>().unwrap();
        thread::scope(|scope| {
            let sleepers: Vec<_> = (0..3)
                .map(|_| {
                    let mut rx = rx.clone();
                    scope.spawn(move || rx.recv())
                })
                .collect();
            assert!(tx.close());
            for sleeper in sleepers {
                assert_eq!(sleeper.join().unwrap(), Err(RecvError::Disconnected));
            }
        });
        assert_eq!(rx.stats().rescued_wakeups, 0);
    }
}

#[test]
fn one_send_wakes_every_sleeper() {
    let (mut tx, rx) = Builder::new(2).wait(Wait::park()).lossy::<u64>().unwrap();
    thread::scope(|scope| {
        let sleepers: Vec<_> = (0..3)
            .map(|_| {
                let mut rx = rx.clone();
                scope.spawn(move || rx.recv())
            })
            .collect();
        thread::sleep(Duration::from_millis(20));
        tx.send(7).unwrap();
        for sleeper in sleepers {
            assert_eq!(sleeper.join().unwrap(), Ok(7));
        }
    });
    assert_eq!(rx.stats().rescued_wakeups, 0);
}

#[test]
fn x32_timeouts_are_kept() {
    let (mut tx, mut rx) = broadcast::lossy::<u64>(2);
    let began = Instant::now();
    assert_eq!(rx.recv_timeout(Duration::from_millis(20)), Err(RecvTimeoutError::Timeout));
    assert!(began.elapsed() >= Duration::from_millis(20));
    tx.send_all(&[1, 2, 3]).unwrap();
    assert_eq!(rx.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Lagged(1)));
    assert_eq!(rx.recv_timeout(Duration::MAX), Ok(2));
}

#[test]
fn several_channels_wake_one_thread() {
    let event = Event::new();
    let (mut a, mut from_a) = Builder::new(2).event(&event).lossy::<u64>().unwrap();
    let (_b, mut from_b) = Builder::new(2).event(&event).lossy::<u64>().unwrap();
    let sender = thread::spawn(move || a.send(1));
    let ready = || from_a.latest().is_some() || from_b.latest().is_some();
    assert!(event.wait_until(Some(Duration::from_secs(5)), ready));
    sender.join().unwrap().unwrap();
}

#[test]
fn drain_tells_a_gap_where_it_lies() {
    let (mut tx, mut rx) = broadcast::lossy::<u64>(4);
    let mut got = Vec::new();
    assert_eq!(rx.drain(0, |n| got.push(n)), Ok(0));
    assert_eq!(rx.drain(9, |n| got.push(n)), Ok(0));
    tx.send_all(&[0, 1, 2]).unwrap();
    assert_eq!(rx.drain(2, |n| got.push(n)), Ok(2));
    tx.send_all(&[3, 4, 5, 6]).unwrap();
    assert_eq!(rx.drain(0, |n| got.push(n)), Ok(0));
    assert_eq!(rx.drain(9, |n| got.push(n)), Err(Lagged(1)));
    // Overtaken in the middle of a drain: what was taken is told first, the gap afterwards.
    let told = rx.drain(9, |n| {
        got.push(n);
        if n == 4 {
            tx.send_all(&[7, 8, 9, 10, 11]).unwrap();
        }
    });
    assert_eq!((told, rx.drain(9, |n| got.push(n)), rx.drain(9, |n| got.push(n))), (Ok(2), Err(Lagged(3)), Ok(4)));
    assert_eq!(got, [0, 1, 3, 4, 8, 9, 10, 11]);
    assert_eq!((rx.received(), rx.lost()), (8, 4));
}

#[test]
fn a_panic_in_a_drain_loses_only_its_message() {
    let (mut tx, mut rx) = broadcast::lossy::<u64>(4);
    tx.send_all(&[0, 1, 2]).unwrap();
    let drain = std::panic::AssertUnwindSafe(|| rx.drain(9, |n| assert!(n != 1, "on purpose")));
    assert!(std::panic::catch_unwind(drain).is_err());
    assert_eq!((rx.try_recv(), rx.received()), (Ok(2), 3));
}

#[test]
fn latest_skips_and_says_how_many() {
    for start in STARTS {
        let (mut tx, mut rx) = channel_at::<u64>(4, start);
        assert_eq!(rx.latest(), None);
        (0..3).for_each(|n| tx.send(n).unwrap());
        assert_eq!((rx.latest(), rx.skipped()), (Some(2), 2));
        assert_eq!(rx.latest(), None);
        // What was overwritten on the way counts as skipped, too.
        (3..20).for_each(|n| tx.send(n).unwrap());
        assert_eq!((rx.latest(), rx.skipped(), rx.lost()), (Some(19), 18, 0));
        tx.send(20).unwrap();
        assert_eq!(rx.try_recv(), Ok(20));
        assert_eq!((rx.received(), rx.position()), (3, start.wrapping_add(21) & POSITIONS));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    }
}

#[test]
fn history_goes_both_ways_and_moves_nobody() {
    for start in STARTS {
        let (mut tx, mut rx) = channel_at::<u64>(4, start);
        assert_eq!(rx.history().next(), None);
        let position = |n: u64| start.wrapping_add(n) & POSITIONS;
        tx.send_all(&[0, 1]).unwrap();
        assert_eq!(rx.history().collect::<Vec<_>>(), [(position(0), 0), (position(1), 1)]);
        tx.send_all(&[2, 3, 4, 5]).unwrap();
        let kept: Vec<_> = (2..6).map(|n| (position(n), n)).collect();
        assert_eq!(rx.history().collect::<Vec<_>>(), kept);
        let mut both = tx.history();
        assert_eq!((both.next(), both.next_back()), (Some(kept[0]), Some(kept[3])));
        assert_eq!((both.size_hint(), both.rev().collect::<Vec<_>>()), ((0, Some(2)), vec![kept[2], kept[1]]));
        // Overwritten while it is read: left out, and counted.
        let reader = tx.subscribe();
        let mut history = reader.history();
        assert_eq!(history.next(), Some(kept[0]));
        tx.send_all(&[6, 7]).unwrap();
        assert_eq!((history.next(), history.missed()), (Some(kept[2]), 1));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(4)));
    }
}

#[test]
fn a_clone_reads_on_from_the_same_place() {
    let (mut tx, mut rx) = broadcast::lossy::<u64>(4);
    tx.send_all(&[0, 1, 2, 3, 4, 5]).unwrap();
    assert_eq!((rx.try_recv(), rx.try_recv()), (Err(TryRecvError::Lagged(2)), Ok(2)));
    let mut clone = rx.clone();
    assert_eq!((clone.position(), clone.received(), clone.lost()), (3, 0, 0));
    for rx in [&mut clone, &mut rx] {
        assert_eq!((rx.try_recv(), rx.try_recv(), rx.try_recv()), (Ok(3), Ok(4), Ok(5)));
    }
    assert_eq!((clone.received(), rx.received()), (3, 4));
}

#[test]
fn mistakes_in_configuration_are_errors() {
    assert_eq!(Builder::new(0).lossy::<u64>().unwrap_err(), BuildError::ZeroCapacity);
    assert!(matches!(Builder::new(usize::MAX).lossy::<u64>(), Err(BuildError::CapacityTooLarge { .. })));
    assert!(matches!(Builder::new(1 << 32).lossy::<[[u64; 1024]; 1024]>(), Err(BuildError::OutOfMemory { .. })));
    let (tx, rx) = Builder::new(5).name("ticks").lossy::<u64>().unwrap();
    assert_eq!((tx.capacity(), rx.capacity(), tx.name(), rx.name()), (8, 8, Some("ticks"), Some("ticks")));
    for text in [format!("{tx:?}"), format!("{rx:?}")] {
        assert!(text.contains("ticks") && text.contains("capacity: 8") && text.contains("closed: false"), "{text}");
    }
    assert!(std::panic::catch_unwind(|| lossy::channel::<u64>(0)).is_err());
}

#[test]
fn x29_memory_is_told_and_fixed() {
    let (mut tx, _) = broadcast::lossy::<[u8; 13]>(1000);
    let told = tx.stats().memory_bytes;
    assert_eq!(told, 1024 * (16 + 16));
    (0..5000).for_each(|n| tx.send([n as u8; 13]).unwrap());
    let stats = tx.stats();
    assert_eq!((stats.memory_bytes, stats.sent, stats.dropped), (told, 5000, 0));
    assert_eq!(LossyStats::default().sent, 0);
}

#[test]
fn s16_handles_are_send_and_not_sync() {
    trait Bound<Marker> {
        fn holds() {}
    }
    impl<T> Bound<()> for T {}
    impl<T: Sync> Bound<u8> for T {}
    // Ambiguous, and no program, were they Sync.
    <lossy::Sender<u64> as Bound<_>>::holds();
    <lossy::Receiver<u64> as Bound<_>>::holds();
    fn send<T: Send>() {}
    send::<lossy::Sender<u64>>();
    send::<lossy::Receiver<u64>>();
}

#[test]
fn x27_errors_say_what_they_are() {
    assert!(TryRecvError::Empty.is_empty() && TryRecvError::Disconnected.is_disconnected());
    assert!(RecvTimeoutError::Timeout.is_timeout() && !RecvTimeoutError::Timeout.is_disconnected());
    assert_eq!(TryRecvError::from(Lagged(3)).lagged(), Some(3));
    assert_eq!(RecvTimeoutError::from(RecvError::Lagged(3)), RecvTimeoutError::Lagged(3));
    assert_eq!(RecvError::Disconnected.lagged(), None);
    let texts: [(&dyn Error, &str); 9] = [
        (&TryRecvError::Empty, "the channel is empty"),
        (&TryRecvError::Disconnected, "the channel is closed and drained"),
        (&TryRecvError::Lagged(2), "2 messages were lost"),
        (&RecvError::Disconnected, "the channel is closed and drained"),
        (&RecvError::Lagged(2), "2 messages were lost"),
        (&RecvTimeoutError::Timeout, "the channel stayed empty"),
        (&RecvTimeoutError::Disconnected, "the channel is closed and drained"),
        (&RecvTimeoutError::Lagged(2), "2 messages were lost"),
        (&Lagged(2), "2 messages were lost"),
    ];
    for (error, text) in texts {
        assert_eq!(error.to_string(), text);
    }
}
