//! Long random sequences of operations against a queue of the standard library; one thread, every operation.

mod common;

use common::{Drops, Random};
use ringway::{ReserveError, TryRecvError, TrySendError};
use std::cell::Cell;
use std::collections::VecDeque;
use std::mem;

const SEQUENCES: usize = 300;
const STEPS: usize = 200;

every_kind! {
    /// What a model cannot know is how many slots an mpsc's skip marks still occupy: `occupied` counts them, until the receiver has
    /// passed them.
    fn behaves_like_a_queue(_channel, at) {
        let mut random = Random::new("behaves_like_a_queue");
        for _ in 0..SEQUENCES {
            let capacity = 1 << random.below(4);
            let start = [0, (1 << 32) - 8, (1_u64 << 63) - 8, u64::MAX - 7][random.below(4)];
            let drops = Drops::new(STEPS * 8);
            let (mut tx, mut rx) = at!(capacity, start);
            let mut queue = VecDeque::new();
            let made = Cell::new(0);
            let make = || drops.value(made.replace(made.get() + 1));
            let mut closed = false;
            for _ in 0..STEPS {
                match random.below(12) {
                    0..3 => match tx.try_send(make()) {
                        Ok(()) => { assert!(!closed && queue.len() < capacity); queue.push_back(made.get() - 1); }
                        Err(TrySendError::Full(value)) => assert!(!closed && value.number == made.get() - 1),
                        Err(TrySendError::Disconnected(_)) => assert!(closed),
                    },
                    3 => {
                        let n = random.below(6);
                        let mut values: Vec<_> = (0..n).map(|_| make()).collect();
                        let numbers: Vec<_> = values.iter().map(|value| value.number).collect();
                        match tx.try_send_iter(&mut values.drain(..)) {
                            Ok(sent) => { assert!(!closed); queue.extend(&numbers[..sent]); }
                            Err(_) => assert!(closed),
                        }
                        assert!(queue.len() <= capacity);
                    }
                    4 => {
                        let n = random.below(capacity + 2);
                        match tx.try_reserve(n) {
                            Ok(mut slots) => {
                                assert!(n <= capacity && !closed);
                                let fill = random.below(n + 1);
                                for _ in 0..fill {
                                    slots.push(make()).unwrap();
                                }
                                match random.below(3) {
                                    0 => { slots.commit(); queue.extend(made.get() - fill..made.get()); }
                                    1 => drop(slots),
                                    _ => mem::forget(slots),
                                }
                            }
                            Err(ReserveError::TooFew { free }) => assert!(!closed && free < n && free + queue.len() <= capacity),
                            Err(ReserveError::TooLarge) => assert!(n > capacity),
                            Err(ReserveError::Disconnected) => assert!(closed),
                        }
                    }
                    5..8 => match rx.try_recv() {
                        Ok(value) => assert_eq!(Some(value.number), queue.pop_front()),
                        Err(TryRecvError::Empty) => assert!(queue.is_empty() && !closed),
                        Err(TryRecvError::Disconnected) => assert!(queue.is_empty() && closed),
                    },
                    8 => {
                        let taken = rx.drain(random.below(5), |value| assert_eq!(Some(value.number), queue.pop_front()));
                        assert!(taken <= capacity);
                    }
                    9 | 10 => if let Ok(mut batch) = rx.try_batch(1 + random.below(8)) {
                        assert!(batch.len() <= queue.len());
                        let (first, second) = batch.as_slices();
                        assert!(first.iter().chain(second).map(|value| &value.number).eq(queue.iter().take(batch.len())));
                        for value in batch.by_ref().take(random.below(3)) {
                            assert_eq!(Some(value.number), queue.pop_front());
                        }
                        let commit = random.below(batch.len() + 1);
                        batch.commit(commit);
                        queue.drain(..commit);
                        if random.below(4) == 0 {
                            mem::forget(batch);
                        }
                    },
                    _ => if random.below(40) == 0 {
                        assert_eq!(tx.close(), !closed);
                        closed = true;
                    },
                }
                // Forgotten slots are settled by the next call; made now, so that the receiver sees it.
                let _ = tx.try_reserve(0);
                assert!(rx.len() <= capacity && tx.len() >= queue.len());
            }
            let left = queue.len() as u64;
            let stats = tx.stats();
            assert_eq!(stats.sent - stats.received, stats.in_flight());
            assert!(stats.in_flight() >= left, "a forgotten batch is not told yet");
            drop((tx, rx));
            let dropped = drops.all();
            assert!(dropped[..made.get()].iter().all(|&n| n == 1) && dropped[made.get()..].iter().all(|&n| n == 0));
        }
    }
}
