//! Sleeping and waking: channels of every kind on one event, and crowds on both sides of a channel, with timeouts that run out
//! at any moment. A wake-up that is lost is made up for by the safety net, and counted: the figures must be next to nothing.

use super::common::Random;
use super::common::rig::{Watch, scale};
use super::{CAPACITIES, STARTS};
use ringway::{Builder, Event, RecvTimeoutError, SendTimeoutError, Wait};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

/// A notifier that the machine stops for 100 ms between its message and its call looks like one that never called. That may
/// happen once in a while; where wake-ups are missing, nearly every sleep ends so.
fn is_rare(rescued: u64, messages: u64) {
    assert!(rescued <= 3 + messages / 500, "{rescued} rescued wake-ups for {messages} messages");
}

fn a_moment(random: &mut Random) -> Duration {
    Duration::from_micros(random.below(150) as u64)
}

/// One thread sleeps for channels of all kinds, sometimes not for long; twelve threads send, and wait for it.
#[test]
fn one_event_for_every_kind() {
    const EACH: u64 = 250;
    let (watch, mut random) = Watch::new("stress one event for every kind");
    let (rounds, mut messages, mut rescued) = (4 * scale(), 0, 0);
    for number in 0..rounds {
        watch.step((number, messages, rescued));
        let event = Event::new();
        let build = |random: &mut Random| {
            let start = STARTS[random.below(STARTS.len())];
            Builder::new(CAPACITIES[random.below(3)]).wait(Wait::park()).event(&event).start_at(start)
        };
        let (mut spsc, mut from_spsc) = build(&mut random).spsc::<u64>().unwrap();
        let (mpsc, mut from_mpsc) = build(&mut random).mpsc::<u64>().unwrap();
        let (mpmc, mut from_mpmc) = build(&mut random).mpmc::<u64>().unwrap();
        let (mut all, mut from_all) = build(&mut random).broadcast::<u64>().unwrap();
        let (lossy, mut from_lossy) = build(&mut random).lossy::<u64>().unwrap();
        let mut after = all.subscribe_after(&[&from_all]).unwrap();
        let lost = thread::scope(|scope| {
            scope.spawn(move || (0..EACH).for_each(|n| spsc.send(n).unwrap()));
            scope.spawn(move || (0..EACH).for_each(|n| all.send(n).unwrap()));
            for _ in 0..4 {
                let (mut mpsc, mut mpmc) = (mpsc.clone(), mpmc.clone());
                scope.spawn(move || (0..EACH).for_each(|n| mpsc.send(n).unwrap()));
                scope.spawn(move || (0..EACH).for_each(|n| mpmc.send(n).unwrap()));
            }
            for _ in 0..2 {
                let mut lossy = lossy.clone();
                scope.spawn(move || {
                    for n in 0..EACH {
                        lossy.send(n).unwrap();
                        thread::yield_now();
                    }
                });
            }
            drop((mpsc, mpmc, lossy));
            let (mut queued, mut read, mut followed, mut ticks) = (0, 0, 0, 0);
            while (queued, read, followed) != (9 * EACH, EACH, EACH) || ticks < 2 * EACH {
                let timeout = (random.below(3) == 0).then(|| a_moment(&mut random));
                event.wait_until(timeout, || {
                    let before = (queued, read, followed, ticks);
                    queued += from_spsc.drain(3, drop) as u64;
                    queued += from_mpsc.drain(3, drop) as u64;
                    queued += from_mpmc.drain(3, drop) as u64;
                    followed += after.drain(3, |_| ()) as u64;
                    read += from_all.drain(3, |_| ()) as u64;
                    let lost = from_lossy.lost();
                    ticks += from_lossy.drain(3, drop).unwrap_or(0) as u64 + from_lossy.lost() - lost;
                    before != (queued, read, followed, ticks)
                });
            }
            from_lossy.lost()
        });
        assert!(lost <= 2 * EACH);
        messages += 12 * EACH;
        rescued += event.rescued_wakeups();
        is_rare(rescued, messages);
    }
    watch.done(&format!("{messages} messages in {rounds} rounds, {rescued} rescued wake-ups"));
}

/// Eight senders and eight receivers sleep over a channel that is always full or empty; half of them are impatient.
#[test]
fn crowds_with_timeouts() {
    const EACH: u64 = 150;
    let (watch, mut random) = Watch::new("stress crowds with timeouts");
    let (rounds, mut messages, mut timeouts, mut rescued) = (6 * scale(), 0, 0, 0);
    for number in 0..rounds {
        watch.step((number, messages, rescued));
        let start = STARTS[random.below(STARTS.len())];
        let builder = Builder::new(1 + random.below(2)).wait(Wait::park()).start_at(start);
        let (tx, rx) = builder.mpmc::<u64>().unwrap();
        let (received, gave_up) = (&AtomicU64::new(0), &AtomicU64::new(0));
        let looks_on = rx.clone();
        thread::scope(|scope| {
            for index in 0..8 {
                let (mut tx, mut own) = (tx.clone(), random.split());
                scope.spawn(move || {
                    for n in 0..EACH {
                        if index % 2 == 1 {
                            tx.send(n).unwrap();
                            continue;
                        }
                        let mut message = n;
                        while let Err(error) = tx.send_timeout(message, a_moment(&mut own)) {
                            let SendTimeoutError::Timeout(back) = error else { panic!("{error}") };
                            message = back;
                            gave_up.fetch_add(1, Relaxed);
                        }
                    }
                });
                let (mut rx, mut own) = (rx.clone(), random.split());
                scope.spawn(move || {
                    loop {
                        let result = match index % 2 {
                            0 => rx.recv_timeout(a_moment(&mut own)),
                            _ => rx.recv().map_err(RecvTimeoutError::from),
                        };
                        match result {
                            Ok(_) => received.fetch_add(1, Relaxed),
                            Err(RecvTimeoutError::Timeout) => gave_up.fetch_add(1, Relaxed),
                            Err(_) => return,
                        };
                    }
                });
            }
            drop((tx, rx));
        });
        let stats = looks_on.stats();
        assert_eq!((received.load(Relaxed), stats.sent, stats.received), (8 * EACH, 8 * EACH, 8 * EACH));
        messages += 8 * EACH;
        timeouts += gave_up.load(Relaxed);
        rescued += stats.rescued_wakeups;
        is_rare(rescued, messages);
    }
    let figures = format!("{messages} messages in {rounds} rounds, {timeouts} timeouts, {rescued} rescued wake-ups");
    watch.done(&figures);
}
