//! The reference for signals: what one would write with the standard library's locks. A queue behind a mutex for each subscriber,
//! bounded as ringway's are, with the same filter, stamps and counts; and the original's way, whose history is copied for each signal.

use ringway::coord::signals::{Recipients, Signal};
use ringway::ids::{AgentId, SignalKind, SignalMask};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

#[derive(Debug)]
struct Figures {
    sent: [u64; SignalKind::COUNT as usize],
    received: [u64; SignalKind::COUNT as usize],
    propagation: Duration,
    longest: Duration,
    /// How many took from so many nanoseconds, a power of two, to twice as many: what a percentile is told by.
    by_magnitude: [u64; 64],
}

impl Figures {
    fn receive(&mut self, signal: &Signal, sent: Instant) {
        let propagation = sent.elapsed();
        self.received[usize::from(signal.kind.get())] += 1;
        self.propagation += propagation;
        self.longest = self.longest.max(propagation);
        self.by_magnitude[(propagation.as_nanos() as u64 | 1).ilog2() as usize] += 1;
    }
}

#[derive(Debug, Default)]
struct Queue {
    signals: VecDeque<(Signal, Instant)>,
    /// Waking nobody costs a system call, too.
    sleeping: bool,
}

#[derive(Debug)]
pub(super) struct Subscriber {
    agent: AgentId,
    kinds: SignalMask,
    queue: Mutex<Queue>,
    arrived: Condvar,
    figures: Arc<Mutex<Figures>>,
}

#[derive(Debug)]
pub(super) struct PlainHub {
    subscribers: RwLock<Vec<Arc<Subscriber>>>,
    history: Mutex<VecDeque<Signal>>,
    remembered: usize,
    waiting: usize,
    figures: Arc<Mutex<Figures>>,
}

/// Nobody panics while holding one.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PlainHub {
    /// With a history, and a queue for each subscriber, of so many signals.
    pub(super) fn new(remembered: usize, waiting: usize) -> Self {
        let none = [0; SignalKind::COUNT as usize];
        let (propagation, longest) = (Duration::ZERO, Duration::ZERO);
        let figures = Figures { sent: none, received: none, propagation, longest, by_magnitude: [0; 64] };
        Self {
            subscribers: RwLock::default(),
            history: Mutex::new(VecDeque::with_capacity(remembered)),
            remembered,
            waiting,
            figures: Arc::new(Mutex::new(figures)),
        }
    }

    pub(super) fn subscribe(&self, agent: AgentId, kinds: SignalMask) -> Arc<Subscriber> {
        let queue = Queue { signals: VecDeque::with_capacity(self.waiting), sleeping: false };
        let figures = Arc::clone(&self.figures);
        let new = Subscriber { agent, kinds, queue: Mutex::new(queue), arrived: Condvar::new(), figures };
        let new = Arc::new(new);
        self.subscribers.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&new));
        new
    }

    /// Into the history and to all who want them, with one lock of each queue; into how many queues they went.
    pub(super) fn send(&self, signals: &[Signal]) -> usize {
        let now = Instant::now();
        let mut history = lock(&self.history);
        for signal in signals {
            push_bounded(&mut history, *signal, self.remembered);
        }
        drop(history);
        let subscribers = self.subscribers.read().unwrap_or_else(PoisonError::into_inner);
        let entered = subscribers.iter().map(|subscriber| subscriber.put(signals, now, self.waiting)).sum();
        let mut figures = lock(&self.figures);
        signals.iter().for_each(|signal| figures.sent[usize::from(signal.kind.get())] += 1);
        entered
    }

    pub(super) fn sent(&self) -> u64 {
        lock(&self.figures).sent.iter().sum()
    }

    pub(super) fn newest(&self) -> Option<Signal> {
        lock(&self.history).back().copied()
    }
}

fn push_bounded<T>(queue: &mut VecDeque<T>, value: T, most: usize) {
    if queue.len() == most {
        queue.pop_front();
    }
    queue.push_back(value);
}

impl Subscriber {
    fn wants(&self, signal: &Signal) -> bool {
        self.kinds.contains(signal.kind) && (signal.to == Recipients::All || signal.to == Recipients::One(self.agent))
    }

    fn put(&self, signals: &[Signal], now: Instant, most: usize) -> usize {
        let (mut queue, mut entered) = (lock(&self.queue), 0);
        for signal in signals.iter().filter(|signal| self.wants(signal)) {
            push_bounded(&mut queue.signals, (*signal, now), most);
            entered += 1;
        }
        let wake = entered > 0 && queue.sleeping;
        drop(queue);
        if wake {
            self.arrived.notify_one();
        }
        entered
    }

    pub(super) fn drain(&self, mut each: impl FnMut(&Signal)) {
        let (mut queue, mut figures) = (lock(&self.queue), lock(&self.figures));
        while let Some((signal, sent)) = queue.signals.pop_front() {
            figures.receive(&signal, sent);
            each(&signal);
        }
    }

    /// Sleeps until there is one.
    pub(super) fn recv(&self) -> Signal {
        let mut queue = lock(&self.queue);
        loop {
            if let Some((signal, sent)) = queue.signals.pop_front() {
                queue.sleeping = false;
                drop(queue);
                lock(&self.figures).receive(&signal, sent);
                return signal;
            }
            queue.sleeping = true;
            queue = self.arrived.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Looks again and again.
    pub(super) fn recv_spinning(&self) -> Signal {
        loop {
            let found = lock(&self.queue).signals.pop_front();
            if let Some((signal, sent)) = found {
                lock(&self.figures).receive(&signal, sent);
                return signal;
            }
            std::hint::spin_loop();
        }
    }
}

/// A history that is read, copied, appended to and put back.
#[derive(Debug)]
pub(super) struct DeepCopied(Mutex<Vec<Signal>>);

impl DeepCopied {
    pub(super) fn new(history: Vec<Signal>) -> Self {
        Self(Mutex::new(history))
    }

    pub(super) fn store(&self, signal: &Signal) {
        let mut history = lock(&self.0);
        let mut copy = Vec::with_capacity(history.len());
        copy.extend_from_slice(history.get(1..).unwrap_or_default());
        copy.push(*signal);
        *history = copy;
    }

    /// How many there are, and the last.
    pub(super) fn newest(&self) -> (usize, Option<Signal>) {
        let history = lock(&self.0);
        (history.len(), history.last().copied())
    }
}
