//! A pool whose workers panic and are stopped, receivers beside it that come and go, and a channel that is closed at some moment.

use crate::feed::{one, several};
use crate::handler::{Order, Unruly, Witness};
use crate::ledger::{Author, Ledger, Message, calm};
use crate::plan::{Closes, Manners, Plan, PoolPlan, Random};
use crate::{Outcome, nap_until};
use ringway::{Batch, Builder, ChannelStats, PoolReport, RecvTimeoutError, ReserveError, TryRecvError, Worker, mpmc};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

struct Yard {
    ledger: Arc<Ledger>,
    plan: PoolPlan,
    /// A receiver is to close the channel.
    close: AtomicBool,
}

pub(crate) fn run(plan: &Plan, pool_plan: PoolPlan, ledger: &Arc<Ledger>) -> Outcome {
    let mut random = plan.random.clone();
    let PoolPlan { workers, capacity, batch, wait, channel_wait, policy, clumsy, manners, .. } = pool_plan;
    let channel = Builder::new(capacity).wait(channel_wait.wait()).name("soak").mpmc::<Message>();
    let (tx, rx) = match channel {
        Ok(channel) => channel,
        Err(error) => {
            ledger.violation(format!("the channel is not built: {error}"));
            return Outcome::default();
        }
    };
    let others: Vec<_> = (0..pool_plan.beside).map(|_| rx.clone()).collect();
    let pool = Worker::pool(workers).batch(batch).wait(wait.wait()).on_panic(policy).name("soak").spawn(rx, |worker| {
        let manners =
            if worker.index() < clumsy { manners } else { Manners { panics: 0, leaves: 0, stops: 0, ..manners } };
        Unruly::new(ledger, Order::Rising, manners, random.fork(), pool_plan.ends_early())
    });
    let pool = match pool {
        Ok(pool) => pool,
        Err(error) => {
            ledger.violation(format!("the pool does not start: {error}"));
            return Outcome::default();
        }
    };
    let yard = &Yard { ledger: Arc::clone(ledger), plan: pool_plan, close: AtomicBool::new(false) };
    let (report, mut tx) = scope(|scope| {
        for _ in 0..pool_plan.senders {
            let (tx, random) = (tx.clone(), random.fork());
            scope.spawn(move || yard.send(tx, random));
        }
        for rx in others {
            let mut random = random.fork();
            scope.spawn(move || {
                yard.receive(rx, &mut random);
            });
        }
        let (began, mut stopped) = (Instant::now(), 0);
        let mut tx = Some(tx);
        let mut author = ledger.author(1, pool_plan.bombs, &mut random);
        while began.elapsed() < plan.lasts && !pool.is_finished() {
            if let Some(tx) = tx.as_mut().filter(|_| random.one_in(4)) {
                let looked = tx.clone();
                let is_done = || (!looked.is_disconnected()).then(|| looked.is_empty());
                ledger.one_by_one(&mut random, || one(tx, &mut author, 2), is_done);
            }
            if stopped < pool_plan.stopped && random.one_in(20) {
                pool.workers()[random.below(workers)].stop();
                stopped += 1;
            }
            sleep(Duration::from_millis(random.between(1, 20) as u64));
        }
        match pool_plan.closes {
            Closes::Sender => _ = tx.as_ref().map(|tx| tx.close()),
            Closes::Pool => pool.close(),
            Closes::Receiver => yard.close.store(true, Relaxed),
            Closes::StopsAll => pool.stop(),
            Closes::Nobody => {
                tx = None;
                ledger.over.store(true, Relaxed);
            }
        }
        sleep(Duration::from_millis(50));
        ledger.over.store(true, Relaxed);
        // Whoever was to close it may have gone.
        tx.as_ref().map(|tx| tx.close());
        (pool.join(), tx)
    });
    nap_until(|| ledger.handlers_gone.load(std::sync::atomic::Ordering::Acquire) == workers as u64);
    let stats = tx.as_ref().map(|tx| tx.stats());
    calm(|| drop(tx.take()));
    let audit = ledger.audit();
    let mut outcome = Outcome { messages: audit.sent, unseen: audit.unseen, ..Outcome::default() };
    if let Some(stats) = stats {
        outcome.rescued = stats.rescued_wakeups;
        outcome.unsettled = stats.in_flight();
    }
    check(&pool_plan, ledger, &report, stats.as_ref(), &outcome);
    outcome
}

fn check(plan: &PoolPlan, ledger: &Ledger, report: &PoolReport, stats: Option<&ChannelStats>, outcome: &Outcome) {
    let (handled, received) = (ledger.handled.load(Relaxed), ledger.received.load(Relaxed));
    let (panics, bombs) = (ledger.panics.load(Relaxed), ledger.bombs.load(Relaxed));
    let told = || {
        let counted = format!("handled {handled}, received beside {received}, panics {panics}, bombs {bombs}");
        format!("{report:?}; {stats:?}; {outcome:?}; {counted}")
    };
    ledger.expect(report.received == handled, || format!("handled messages: {}", told()));
    ledger.expect((panics..=panics + bombs).contains(&report.faults), || format!("faults: {}", told()));
    ledger.expect(outcome.messages == handled + received + outcome.unseen, || format!("not conserved: {}", told()));
    // Somebody was there until the end: only what a handler panicked over may be gone.
    let stays = !plan.ends_early() || plan.beside > 0;
    let (stayed, discarded) = (ledger.stayed.load(Relaxed) > 0, ledger.discarded.load(Relaxed));
    ledger.expect(!stayed || outcome.unseen == discarded, || format!("dropped without a panic: {}", told()));
    if let Some(stats) = stats {
        ledger.expect(stats.sent == outcome.messages, || format!("sends that returned: {}", told()));
        ledger.expect(stats.received == handled + received, || format!("received messages: {}", told()));
        ledger.expect(stats.dropped + stats.in_flight() == outcome.unseen, || format!("unseen messages: {}", told()));
        ledger.expect(!stays || stats.in_flight() == 0, || format!("something is left: {}", told()));
    }
}

impl Yard {
    fn send(&self, mut tx: mpmc::Sender<Message>, mut random: Random) {
        let mut author = self.ledger.author(1, self.plan.bombs, &mut random);
        while !self.ledger.is_over() && !author.is_done() {
            self.ledger.respect_silence();
            let open = match random.below(100) {
                0 => {
                    sleep(Duration::from_micros(random.pick(&[10, 100, 2000])));
                    true
                }
                1 => {
                    // Another handle: another sender.
                    let clone = tx.clone();
                    calm(|| tx = clone);
                    author = self.ledger.author(1, self.plan.bombs, &mut random);
                    !tx.is_disconnected()
                }
                2..10 => reserved(&mut tx, &mut author, &mut random),
                10..25 => several(&mut tx, &mut author, &mut random),
                way => one(&mut tx, &mut author, way),
            };
            if !open {
                break;
            }
        }
        calm(|| drop(tx));
    }

    /// Receives until the channel has ended, by ever new receivers.
    fn receive(&self, mut rx: mpmc::Receiver<Message>, random: &mut Random) {
        let mut witness = Witness::new(&self.ledger, Order::Rising);
        loop {
            if self.close.swap(false, Relaxed) {
                rx.close();
            }
            if random.one_in(self.plan.replaced) {
                let clone = rx.clone();
                calm(|| rx = clone);
            }
            if random.one_in(500) {
                sleep(Duration::from_millis(random.between(1, 5) as u64));
            }
            // A bomb may end any of these.
            match calm(|| self.receive_some(&mut rx, &mut witness, random)) {
                Some(true) => {}
                Some(false) => break,
                // What it had claimed is still there.
                None => _ = rx.try_batch(usize::MAX).map(|batch| mark(&batch, 0)),
            }
        }
        calm(|| drop(rx));
    }

    fn receive_some(&self, rx: &mut mpmc::Receiver<Message>, witness: &mut Witness, random: &mut Random) -> bool {
        let mut take = |message: &Message| {
            message.see();
            witness.note(message);
            self.ledger.received.fetch_add(1, Relaxed);
        };
        let ways = if self.ledger.is_over() { 3 } else { 5 };
        match random.below(ways) {
            0 => match rx.try_recv() {
                Ok(message) => take(&message),
                Err(TryRecvError::Empty) => std::thread::yield_now(),
                Err(TryRecvError::Disconnected) => return false,
            },
            1 => match rx.recv_timeout(Duration::from_micros(300)) {
                Ok(message) => take(&message),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            },
            2 => _ = rx.drain(random.between(1, 64), |message| take(&message)),
            _ => {
                let max = random.between(1, 64);
                let Ok(mut batch) = rx.try_batch(max) else { return true };
                let taken = random.below(batch.len() + 1);
                mark(&batch, taken);
                let (by_value, in_place) = (taken / 2, taken - taken / 2);
                batch.by_ref().take(by_value).for_each(|message| take(&message));
                let (first, second) = batch.as_slices();
                first.iter().chain(second).take(in_place).for_each(&mut take);
                batch.commit(in_place);
                if random.one_in(20) {
                    std::mem::forget(batch);
                }
            }
        }
        true
    }
}

/// What is left of a batch, from the `kept`th on or after a bomb, may pass to another receiver.
pub(crate) fn mark(batch: &Batch<'_, Message>, kept: usize) {
    let (first, second) = batch.as_slices();
    let mut bomb = false;
    for (index, message) in first.iter().chain(second).enumerate() {
        if bomb || index >= kept {
            message.may_pass_on();
        }
        bomb |= message.is_bomb();
    }
}

/// Fills slots that were reserved, some of them, and commits, abandons or forgets them.
fn reserved(tx: &mut mpmc::Sender<Message>, author: &mut Author, random: &mut Random) -> bool {
    let number = random.between(1, 16).min(tx.capacity());
    let mut slots = match tx.try_reserve(number) {
        Ok(slots) => slots,
        Err(error) => return !matches!(error, ReserveError::Disconnected),
    };
    let (first, pushed) = (author.made(), random.below(number + 1));
    for _ in 0..pushed {
        if let Err(message) = slots.push(author.write(0)) {
            author.came_back(message);
            std::panic::panic_any("reserved slots are not there");
        }
    }
    match random.below(8) {
        0 => {
            author.not_sent(0, pushed);
            calm(|| drop(slots));
        }
        1 => {
            author.not_sent(0, pushed);
            std::mem::forget(slots);
            // Its next call settles them, whatever it is.
            calm(|| tx.try_reserve(0).is_ok());
        }
        _ => {
            slots.commit();
            author.sent(first, pushed);
        }
    }
    true
}
