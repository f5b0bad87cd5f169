//! What a round does: all of it from the seed and the round's number.

use ringway::{PanicPolicy, Wait};
use std::time::Duration;

/// A small deterministic generator (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// 0 to `limit - 1`.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 16) as usize % limit.max(1)
    }

    /// From `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most + 1 - least)
    }

    /// True once in `n` times; never for 0.
    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        n > 0 && self.below(n) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    /// A generator for somebody else.
    pub(crate) fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

/// A [`Wait`] by its name.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Waits {
    Spin,
    Yielding,
    Backoff,
    Park,
    Adaptive,
}

impl Waits {
    fn any(random: &mut Random) -> Self {
        // Those that sleep more often: they have more to go wrong.
        random.pick(&[
            Self::Spin,
            Self::Yielding,
            Self::Backoff,
            Self::Park,
            Self::Park,
            Self::Adaptive,
            Self::Adaptive,
        ])
    }

    pub(crate) fn wait(self) -> Wait {
        match self {
            Self::Spin => Wait::spin(),
            Self::Yielding => Wait::yielding(),
            Self::Backoff => Wait::backoff(),
            Self::Park => Wait::park(),
            Self::Adaptive => Wait::adaptive(),
        }
    }
}

/// How a handler behaves: each is once in so many batches, 0 for never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manners {
    pub(crate) panics: usize,
    pub(crate) stalls: usize,
    pub(crate) leaves: usize,
    /// It stops its own worker.
    pub(crate) stops: usize,
}

impl Manners {
    fn any(random: &mut Random) -> Self {
        Self {
            panics: random.pick(&[0, 50, 500, 5000]),
            stalls: random.pick(&[0, 100, 1000]),
            leaves: random.pick(&[0, 20, 200]),
            stops: random.pick(&[0, 0, 0, 0, 0, 10_000]),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct BusPlan {
    pub(crate) workers: usize,
    pub(crate) capacity: usize,
    pub(crate) batch: usize,
    pub(crate) wait: Waits,
    pub(crate) send_wait: Waits,
    pub(crate) policy: PanicPolicy,
    pub(crate) publishers: usize,
    pub(crate) keys: usize,
    pub(crate) manners: Manners,
    /// One message in so many panics when it is dropped.
    pub(crate) bombs: usize,
    pub(crate) while_sending: bool,
    pub(crate) deadline: Duration,
}

impl BusPlan {
    /// Whether a worker may end before the bus does.
    pub(crate) fn ends_early(&self) -> bool {
        self.policy == PanicPolicy::Stop || self.manners.stops > 0
    }
}

/// From here on a deadline is long: everything is to be done within it.
pub(crate) const LONG: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closes {
    Sender,
    Pool,
    Receiver,
    /// The workers are stopped, and the channel is closed a little later.
    StopsAll,
    /// All senders go.
    Nobody,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct PoolPlan {
    pub(crate) workers: usize,
    pub(crate) capacity: usize,
    pub(crate) batch: usize,
    pub(crate) wait: Waits,
    pub(crate) channel_wait: Waits,
    pub(crate) policy: PanicPolicy,
    /// The first so many workers are ill-mannered, the others merely slow.
    pub(crate) clumsy: usize,
    pub(crate) manners: Manners,
    pub(crate) senders: usize,
    pub(crate) bombs: usize,
    /// Workers that are stopped one by one, at random moments.
    pub(crate) stopped: usize,
    /// Receivers beside the pool.
    pub(crate) beside: usize,
    /// One receive in so many drops the receiver for a clone of it, whatever it has claimed.
    pub(crate) replaced: usize,
    pub(crate) closes: Closes,
}

impl PoolPlan {
    /// Whether a worker may end before the channel does.
    pub(crate) fn ends_early(&self) -> bool {
        self.policy == PanicPolicy::Stop
            || self.stopped > 0
            || self.manners.stops > 0
            || self.closes == Closes::StopsAll
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct BroadcastPlan {
    pub(crate) capacity: usize,
    pub(crate) wait: Waits,
    pub(crate) readers: usize,
    /// Those that stay until the end.
    pub(crate) stayers: usize,
    pub(crate) bombs: usize,
    /// How long one of the readers stops, in milliseconds.
    pub(crate) stop_ms: usize,
    /// A worker observes, and panics at one message in so many.
    pub(crate) observer: Option<usize>,
    pub(crate) reader_closes: bool,
    pub(crate) lossy_capacity: usize,
    pub(crate) lossy_senders: usize,
    pub(crate) lossy_readers: usize,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Does {
    Bus(BusPlan),
    Pool(PoolPlan),
    Broadcast(BroadcastPlan),
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) lasts: Duration,
    pub(crate) does: Does,
    /// For everybody who takes part.
    pub(crate) random: Random,
}

impl Plan {
    pub(crate) fn new(seed: u64, round: u64) -> Self {
        let mut random = Random::new(Random::new(seed).next() ^ Random::new(!round).next());
        let lasts = Duration::from_millis(random.between(1000, 3000) as u64);
        let does = match round % 3 {
            0 => Does::Bus(bus(&mut random)),
            1 => Does::Pool(pool(&mut random)),
            _ => Does::Broadcast(broadcast(&mut random)),
        };
        Self { lasts, does, random }
    }
}

fn capacity(random: &mut Random) -> usize {
    let most = 2 << random.below(12);
    random.between(2, most)
}

fn policy(random: &mut Random) -> PanicPolicy {
    random.pick(&[PanicPolicy::Continue, PanicPolicy::Continue, PanicPolicy::Stop])
}

fn bus(random: &mut Random) -> BusPlan {
    let policy = policy(random);
    let mut manners = Manners::any(random);
    if policy == PanicPolicy::Stop {
        // Rarer, so that something happens before.
        manners.panics *= 20;
    }
    BusPlan {
        workers: random.between(1, 4),
        capacity: capacity(random),
        batch: random.pick(&[1, 2, 7, 64, 256]),
        wait: Waits::any(random),
        send_wait: Waits::any(random),
        policy,
        publishers: random.between(1, 6),
        keys: random.between(1, 64),
        manners,
        bombs: random.pick(&[0, 0, 10_000]),
        while_sending: random.one_in(2),
        deadline: match random.below(4) {
            0 => Duration::ZERO,
            1 => Duration::from_millis(random.between(1, 50) as u64),
            _ => LONG,
        },
    }
}

fn pool(random: &mut Random) -> PoolPlan {
    let workers = random.between(1, 4);
    let policy = policy(random);
    let mut manners = Manners::any(random);
    if policy == PanicPolicy::Stop {
        manners.panics *= 20;
    }
    PoolPlan {
        workers,
        capacity: capacity(random),
        batch: random.pick(&[1, 2, 7, 64, 256]),
        wait: Waits::any(random),
        channel_wait: Waits::any(random),
        policy,
        clumsy: random.between(0, workers),
        manners,
        senders: random.between(1, 4),
        bombs: random.pick(&[0, 0, 10_000]),
        stopped: random.pick(&[0, 0, 1, 2]),
        beside: random.between(0, 3),
        replaced: random.pick(&[0, 100, 1000]),
        closes: random.pick(&[Closes::Sender, Closes::Pool, Closes::Receiver, Closes::StopsAll, Closes::Nobody]),
    }
}

fn broadcast(random: &mut Random) -> BroadcastPlan {
    BroadcastPlan {
        capacity: capacity(random),
        wait: Waits::any(random),
        readers: random.between(1, 5),
        stayers: random.between(0, 2),
        bombs: random.pick(&[0, 0, 10_000]),
        stop_ms: random.pick(&[0, 20, 250]),
        observer: random.pick(&[None, Some(0), Some(2000)]),
        reader_closes: random.one_in(6),
        lossy_capacity: random.pick(&[1, 2, 5, 16, 100, 1024]),
        lossy_senders: random.between(1, 3),
        lossy_readers: random.between(1, 3),
    }
}
