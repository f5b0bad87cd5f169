//! Waiting: every strategy, both sides, one core or two.

use ringway::{Builder, Event, Wait};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const STRATEGIES: [fn() -> Wait; 5] = [Wait::spin, Wait::yielding, Wait::backoff, Wait::park, Wait::adaptive];

/// A notifier that the machine stops for 100 ms between its message and its call looks like one that never called. That may
/// happen once in a while; where wake-ups are missing, nearly every sleep ends so.
fn is_rare(rescued: u64) {
    assert!(rescued <= 3, "{rescued} rescued wake-ups");
}

/// f20: both sides wait for each other all the time, in a ring of one and in a larger one; all of it must also finish on one core.
#[test]
fn ping_pong_under_every_strategy() {
    for wait in STRATEGIES {
        for capacity in [1, 16] {
            let build = Builder::new(capacity).wait(wait());
            let (mut there, mut here) = build.spsc::<u32>().unwrap();
            let (mut back, mut home) = build.mpsc::<u32>().unwrap();
            let echo = thread::spawn(move || {
                for n in &mut here {
                    back.send(n).unwrap();
                }
            });
            for n in 0..500 {
                there.send(n).unwrap();
                assert_eq!(home.recv(), Ok(n));
            }
            drop(there);
            echo.join().unwrap();
            is_rare(home.stats().rescued_wakeups);
        }
    }
}

#[test]
fn a_stream_under_every_strategy() {
    for wait in STRATEGIES {
        let (mut tx, mut rx) = Builder::new(8).wait(wait()).send_wait(wait()).mpsc::<u32>().unwrap();
        let mut second = tx.clone();
        let one = thread::spawn(move || (0..5_000).for_each(|n| tx.send(n).unwrap()));
        let two = thread::spawn(move || (0..5_000).for_each(|n| second.send(n).unwrap()));
        assert_eq!(rx.iter().map(u64::from).sum::<u64>(), 2 * (0..5_000).sum::<u64>());
        one.join().unwrap();
        two.join().unwrap();
        is_rare(rx.stats().rescued_wakeups);
    }
}

/// What waits over an empty channel sleeps; it does not turn round.
#[test]
fn v20_a_waiting_thread_sleeps() {
    let event = Event::new();
    let looks = Arc::new(AtomicU32::new(0));
    let sleeper = thread::spawn({
        let (event, looks) = (event.clone(), Arc::clone(&looks));
        move || {
            event.wait_until(Some(Duration::from_millis(250)), || {
                looks.fetch_add(1, Ordering::Relaxed);
                false
            })
        }
    });
    assert!(!sleeper.join().unwrap());
    // Those of the spin at the beginning; then two sleeps of 100 ms, one of the rest, a few looks for each; fewer where a sleep
    // takes longer.
    let looks = looks.load(Ordering::Relaxed);
    assert!((129..=129 + 20).contains(&looks), "{looks} looks in 250 ms");
    assert_eq!(event.rescued_wakeups(), 0);
}

#[test]
fn one_event_for_several_channels() {
    let event = Event::new();
    let (senders, mut receivers): (Vec<_>, Vec<_>) =
        (0..4).map(|_| Builder::new(2).event(&event).spsc::<u32>().unwrap()).unzip();
    let threads: Vec<_> =
        senders.into_iter().map(|mut tx| thread::spawn(move || (0..500).for_each(|n| tx.send(n).unwrap()))).collect();
    let mut received = 0;
    while received < 2_000 {
        let mut ready = || {
            let before = received;
            received += receivers.iter_mut().map(|rx| rx.drain(256, drop)).sum::<usize>();
            // Any find ends the wait: only so does one that nobody was woken for count as a rescue.
            received > before
        };
        event.wait_until(None, &mut ready);
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    is_rare(event.rescued_wakeups());
}

/// As many sleepers wake as notifications come, and all of them together.
#[test]
fn v01_notifications_wake_sleepers() {
    let event = Event::new();
    let given = Arc::new(AtomicU32::new(0));
    let taken = Arc::new(AtomicU32::new(0));
    let sleepers: Vec<_> = (0..4)
        .map(|_| {
            let (event, given, taken) = (event.clone(), Arc::clone(&given), Arc::clone(&taken));
            thread::spawn(move || {
                let take = || given.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
                for _ in 0..200 {
                    assert!(event.wait_until(None, take));
                    taken.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for n in 0..800 {
        given.fetch_add(1, Ordering::Relaxed);
        if n % 10 == 0 { event.notify_all() } else { event.notify_one() }
    }
    sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
    assert_eq!(taken.load(Ordering::Relaxed), 800);
    is_rare(event.rescued_wakeups());
    assert!(format!("{event:?}").contains("sleepers: 0"));
}

#[test]
fn timed_out_waits_leave_nobody_behind() {
    let (mut tx, rx) = Builder::new(1).wait(Wait::park()).mpsc::<u32>().unwrap();
    tx.try_send(0).unwrap();
    let hasty: Vec<_> = (0..4)
        .map(|_| {
            let mut tx = tx.clone();
            thread::spawn(move || (0..50).filter(|_| tx.send_timeout(1, Duration::from_micros(50)).is_ok()).count())
        })
        .collect();
    let patient = thread::spawn(move || (0..50).for_each(|_| tx.send(2).unwrap()));
    let began = Instant::now();
    let received = rx.into_iter().count();
    patient.join().unwrap();
    let sent: usize = hasty.into_iter().map(|hasty| hasty.join().unwrap()).sum();
    assert_eq!(received, 1 + 50 + sent);
    assert!(began.elapsed() < Duration::from_secs(60), "nobody sleeps for ever");
}
