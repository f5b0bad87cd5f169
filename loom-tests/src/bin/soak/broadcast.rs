//! A broadcast whose readers join, leave, follow others and stop for a while, until the sender goes; a lossy one beside it.

use crate::feed::{one, several};
use crate::ledger::{Author, Ledger, Message, calm, locked};
use crate::plan::{BroadcastPlan, Plan, Random};
use crate::{Outcome, lossy};
use ringway::broadcast::{Receiver, Sender, Subscriber, TryRecvError};
use ringway::{Builder, Worker};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{Scope, scope, sleep};
use std::time::{Duration, Instant};

struct Hall {
    ledger: Arc<Ledger>,
    plan: BroadcastPlan,
    subscriber: Subscriber<Message>,
    /// Sends that have begun, and that have returned.
    begun: AtomicU64,
    done: AtomicU64,
    /// What was sent before the last send that sent anything.
    before_last: AtomicU64,
    live: AtomicUsize,
    /// Somebody stops for a while.
    stop: AtomicBool,
    /// A reader is to close the channel.
    close: AtomicBool,
    /// What those who read to the end would have read next.
    ends: Mutex<Vec<u64>>,
}

/// How far a reader is, for those who follow it.
#[derive(Default)]
struct Progress {
    read_to: AtomicU64,
    gone: AtomicBool,
}

/// A place in the sequence, and what must hold there.
struct Place {
    ledger: Arc<Ledger>,
    /// What may come first.
    earliest: u64,
    latest: u64,
    next: Option<u64>,
    after: Option<Arc<Progress>>,
    progress: Arc<Progress>,
}

impl Place {
    fn see(&mut self, message: &Message) {
        message.look();
        let sequence = message.sequence;
        match self.next {
            None => self.ledger.expect((self.earliest..=self.latest).contains(&sequence), || {
                format!("joined between {} and {}, but begins at {sequence}", self.earliest, self.latest)
            }),
            Some(next) => self.ledger.expect(sequence == next, || format!("a gap: {sequence} instead of {next}")),
        }
        if let Some(leader) = &self.after {
            // Gone first: it may read on before it goes.
            let (gone, read_to) = (leader.gone.load(Relaxed), leader.read_to.load(Relaxed));
            self.ledger
                .expect(gone || sequence < read_to, || format!("{sequence} read before its leader, at {read_to}"));
        }
        self.next = Some(sequence + 1);
        self.progress.read_to.store(sequence + 1, Relaxed);
        self.ledger.received.fetch_add(1, Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.progress.gone.store(true, Relaxed);
    }
}

pub(crate) fn run(plan: &Plan, broadcast: BroadcastPlan, ledger: &Arc<Ledger>) -> Outcome {
    let mut random = plan.random.clone();
    let channel = Builder::new(broadcast.capacity).wait(broadcast.wait.wait()).name("soak").broadcast::<Message>();
    let (tx, first) = match channel {
        Ok(channel) => channel,
        Err(error) => {
            ledger.violation(format!("the channel is not built: {error}"));
            return Outcome::default();
        }
    };
    let hall = Hall {
        ledger: Arc::clone(ledger),
        plan: broadcast,
        subscriber: tx.subscriber(),
        begun: AtomicU64::new(0),
        done: AtomicU64::new(0),
        before_last: AtomicU64::new(0),
        live: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
        close: AtomicBool::new(false),
        ends: Mutex::default(),
    };
    let (mut rescued, mut observer) = (0, None);
    if let Some(panics) = broadcast.observer {
        let (mut place, mut random) = (hall.place(0, None), random.fork());
        let observe = move |message: &Message| {
            place.see(message);
            if random.one_in(panics) {
                place.ledger.panic();
            }
        };
        match Worker::builder().wait(broadcast.wait.wait()).observe(first, observe).start() {
            Ok(worker) => observer = Some(worker),
            Err(error) => ledger.violation(format!("the observer does not start: {error}")),
        }
    } else {
        drop(first);
    }
    let lossy = scope(|scope| {
        let lossy = scope.spawn({
            let (mut random, lasts) = (random.fork(), plan.lasts);
            move || lossy::run(lasts, broadcast, ledger, &mut random)
        });
        let sender = {
            let (hall, random) = (&hall, random.fork());
            scope.spawn(move || hall.send(tx, random))
        };
        (0..broadcast.stayers).for_each(|_| hall.join(scope, random.fork(), true));
        let (began, mut stops) = (Instant::now(), 0);
        while began.elapsed() < plan.lasts {
            if hall.live.load(Relaxed) < broadcast.readers + broadcast.stayers {
                hall.join(scope, random.fork(), false);
            }
            if broadcast.stop_ms > 0 && stops < 3 && random.one_in(30) {
                stops += 1;
                hall.stop.store(true, Relaxed);
            }
            sleep(Duration::from_millis(random.between(1, 20) as u64));
        }
        hall.close.store(broadcast.reader_closes, Relaxed);
        if broadcast.reader_closes {
            sleep(Duration::from_millis(20));
        }
        ledger.over.store(true, Relaxed);
        rescued = sender.join().unwrap_or_default();
        lossy.join().unwrap_or_default()
    });
    let (panics, received) = (ledger.panics.load(Relaxed), ledger.received.load(Relaxed));
    if let Some(worker) = observer {
        let report = worker.join();
        ledger.expect(report.faults == panics, || format!("{panics} panics, but {report:?}"));
    }
    let ends = std::mem::take(&mut *locked(&hall.ends));
    let before_last = hall.before_last.load(Relaxed);
    calm(|| drop(hall));
    let audit = ledger.audit();
    for end in ends {
        // Of a send that was under way when a reader closed, whoever was told the end before it was done gets nothing.
        let raced = broadcast.reader_closes && end == before_last;
        ledger.expect(end == audit.sent || raced, || {
            format!("{before_last} were sent, then {} in all; a reader's end is {end}", audit.sent)
        });
    }
    ledger.expect(received > 0, || "nobody has read anything".to_owned());
    let messages = audit.sent + lossy.messages;
    Outcome { messages, rescued: rescued + lossy.rescued, lost: lossy.lost, ..Outcome::default() }
}

impl Hall {
    /// Of somebody who is about to subscribe.
    fn place(&self, earliest: u64, after: Option<Arc<Progress>>) -> Place {
        let progress = Arc::default();
        Place { ledger: Arc::clone(&self.ledger), earliest, latest: u64::MAX, next: None, after, progress }
    }

    fn send(&self, mut tx: Sender<Message>, mut random: Random) -> u64 {
        let mut author = self.ledger.author(1, self.plan.bombs, &mut random);
        let mut alone = 0;
        while !self.ledger.is_over() && !author.is_done() {
            self.begun.store(author.next_of(0) + 300, Relaxed);
            if random.one_in(5000) {
                self.one_by_one(&mut tx, &mut author, &mut random);
            }
            let before = author.next_of(0);
            let open = match random.below(100) {
                0 => {
                    sleep(Duration::from_micros(random.pick(&[10, 100, 2000])));
                    true
                }
                1..20 => several(&mut tx, &mut author, &mut random),
                way => one(&mut tx, &mut author, way),
            };
            self.sent(before, &author);
            if !open {
                // Nobody reads, until somebody joins; or the channel is closed.
                alone += 1;
                sleep(Duration::from_micros(200));
            }
        }
        let stats = tx.stats();
        let sent = author.next_of(0);
        self.ledger.expect(stats.sent == sent && stats.received <= sent, || {
            format!("sends that returned: {sent}, of the channel: {stats:?}; {alone} times without readers")
        });
        calm(|| drop(tx));
        stats.rescued_wakeups
    }

    fn sent(&self, before: u64, author: &Author) {
        let now = author.next_of(0);
        if now > before {
            self.before_last.store(before, Relaxed);
        }
        self.done.store(now, Relaxed);
    }

    fn one_by_one(&self, tx: &mut Sender<Message>, author: &mut Author, random: &mut Random) {
        let tx = std::cell::RefCell::new(tx);
        let is_done = || Some(tx.borrow().is_empty());
        let send = || {
            let before = author.next_of(0);
            let open = one(&mut **tx.borrow_mut(), author, 2);
            self.sent(before, author);
            open
        };
        self.ledger.one_by_one(random, send, is_done);
    }

    fn join<'s>(&'s self, scope: &'s Scope<'s, '_>, random: Random, stays: bool) {
        let mut place = self.place(self.done.load(Relaxed), None);
        let Ok(rx) = self.subscriber.subscribe() else { return };
        place.latest = self.begun.load(Relaxed);
        self.live.fetch_add(1, Relaxed);
        scope.spawn(move || self.read(scope, rx, place, random, stays));
    }

    fn read<'s>(
        &'s self,
        scope: &'s Scope<'s, '_>,
        mut rx: Receiver<Message>,
        mut place: Place,
        mut random: Random,
        stays: bool,
    ) {
        let turns = if stays { usize::MAX } else { random.between(1, 20_000) };
        for _ in 0..turns {
            if random.one_in(3000) && self.live.load(Relaxed) < 12 {
                let mut follower = self.place(self.done.load(Relaxed), Some(Arc::clone(&place.progress)));
                if let Ok(rx) = self.subscriber.subscribe_after(&[&rx]) {
                    follower.latest = self.begun.load(Relaxed);
                    let (random, stays) = (random.fork(), random.one_in(4));
                    self.live.fetch_add(1, Relaxed);
                    scope.spawn(move || self.read(scope, rx, follower, random, stays));
                }
            }
            if self.stop.swap(false, Relaxed) {
                sleep(Duration::from_millis(self.plan.stop_ms as u64));
            }
            if self.close.swap(false, Relaxed) {
                rx.close();
            }
            if !read_some(&mut rx, &mut place, &mut random) {
                locked(&self.ends).extend(place.next);
                break;
            }
        }
        // Gone before it is: those who follow may go on from now on.
        drop(place);
        calm(|| drop(rx));
        self.live.fetch_sub(1, Relaxed);
    }
}

/// Reads in one of many ways; false at the end.
fn read_some(rx: &mut Receiver<Message>, place: &mut Place, random: &mut Random) -> bool {
    let max = random.between(1, 100);
    match random.below(4) {
        0 => return rx.recv_with(|message| place.see(message)).is_ok(),
        1 => {
            if rx.drain(max, |message| place.see(message)) == 0 {
                std::thread::yield_now();
            }
        }
        2 => {
            let Ok(mut batch) = rx.try_batch(max) else { return true };
            for _ in 0..random.below(batch.len() + 1) {
                batch.advance().into_iter().for_each(|message| place.see(message));
            }
            if random.one_in(100) {
                std::mem::forget(batch);
            }
        }
        _ => match rx.try_batch(max) {
            Ok(mut batch) => {
                let done = random.below(batch.len() + 1);
                batch.iter().take(done).for_each(|message| place.see(message));
                batch.commit(done);
            }
            Err(TryRecvError::Disconnected) => return false,
            Err(_) => std::thread::yield_now(),
        },
    }
    true
}
