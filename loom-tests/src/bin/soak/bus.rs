//! A bus whose publishers come and go and whose handlers misbehave, shut down at some moment.

use crate::handler::{Order, Unruly};
use crate::ledger::{Author, Ledger, Message, calm};
use crate::plan::{BusPlan, LONG, Plan, Random};
use crate::{Outcome, nap_until};
use ringway::{Bus, Publisher, Report, SendError, SendTimeoutError, TrySendError};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::{Scope, scope, sleep};
use std::time::{Duration, Instant};

struct Press {
    ledger: Arc<Ledger>,
    plan: BusPlan,
    /// Threads that publish now.
    live: AtomicUsize,
}

pub(crate) fn run(plan: &Plan, bus_plan: BusPlan, ledger: &Arc<Ledger>) -> Outcome {
    let mut random = plan.random.clone();
    let BusPlan { workers, capacity, batch, wait, send_wait, policy, manners, .. } = bus_plan;
    let bus = Bus::builder()
        .workers(workers)
        .capacity(capacity)
        .batch(batch)
        .wait(wait.wait())
        .send_wait(send_wait.wait())
        .on_panic(policy)
        .name("soak")
        .spawn(|_worker| Unruly::new(ledger, Order::Gapless, manners, random.fork(), false));
    let bus = match bus {
        Ok(bus) => bus,
        Err(error) => {
            ledger.violation(format!("the bus does not start: {error}"));
            return Outcome::default();
        }
    };
    let press = Press { ledger: Arc::clone(ledger), plan: bus_plan, live: AtomicUsize::new(0) };
    let report = scope(|scope| {
        let ends = Instant::now() + plan.lasts;
        let mut author = ledger.author(bus_plan.keys, bus_plan.bombs, &mut random);
        while Instant::now() < ends {
            if random.one_in(4) {
                press.one_by_one(&bus, &mut author, &mut random);
            }
            if press.live.load(Relaxed) < bus_plan.publishers {
                let Ok(publisher) = bus.publisher() else { break };
                press.publish(scope, publisher, random.fork());
            }
            sleep(
                Duration::from_millis(random.between(1, 40) as u64).min(ends.saturating_duration_since(Instant::now())),
            );
        }
        if !bus_plan.while_sending {
            ledger.over.store(true, Relaxed);
            nap_until(|| press.live.load(Relaxed) == 0);
        }
        // A message that nobody has taken may go with the bus, and be a bomb.
        let report = calm(|| bus.shutdown(bus_plan.deadline));
        ledger.over.store(true, Relaxed);
        report
    });
    nap_until(|| ledger.handlers_gone.load(std::sync::atomic::Ordering::Acquire) == workers as u64);
    let audit = ledger.audit();
    let mut outcome = Outcome { messages: audit.sent, unseen: audit.unseen, ..Outcome::default() };
    if let Some(report) = report {
        outcome.rescued = report.rescued_wakeups;
        outcome.unsettled = report.unsettled;
        check(&bus_plan, ledger, &report, &outcome);
    }
    outcome
}

fn check(plan: &BusPlan, ledger: &Ledger, report: &Report, outcome: &Outcome) {
    let handled = ledger.handled.load(Relaxed);
    let (panics, bombs) = (ledger.panics.load(Relaxed), ledger.bombs.load(Relaxed));
    let told = || format!("{report:?}; {outcome:?}, handled {handled}, panics {panics}, bombs {bombs}");
    // Percentiles are known of workers that have ended.
    let all_ended = report.workers.iter().all(|worker| worker.residence.is_some());
    let early = plan.ends_early();
    if plan.deadline >= LONG && (!early || !plan.while_sending) {
        ledger.expect(all_ended, || format!("workers go on after a long deadline: {}", told()));
        // A send that meets the end of its worker may leave its message in the inbox.
        ledger.expect(early || report.is_balanced(), || format!("not balanced: {}", told()));
        let discarded = ledger.discarded.load(Relaxed);
        ledger.expect(early || report.dropped == discarded, || format!("dropped without a panic: {}", told()));
    }
    if all_ended && (!plan.while_sending || report.unsettled == 0) {
        ledger.expect(report.sent == report.received + report.dropped + report.unsettled, || {
            format!("not conserved: {}", told())
        });
        ledger.expect(report.sent == outcome.messages, || format!("sends that returned: {}", told()));
        ledger.expect(report.dropped + report.unsettled == outcome.unseen, || format!("unseen messages: {}", told()));
    }
    if all_ended {
        ledger.expect(report.received == handled, || format!("handled messages: {}", told()));
        ledger.expect((panics..=panics + bombs).contains(&report.faults), || format!("faults: {}", told()));
    }
    let ended: u64 = report.workers.iter().map(|worker| worker.received).sum();
    ledger.expect(report.received == ended, || format!("the workers' parts: {}", told()));
}

impl Press {
    fn one_by_one(&self, bus: &Bus<Message>, author: &mut Author, random: &mut Random) {
        let Ok(mut publisher) = bus.publisher() else { return };
        // What is sent to a worker that ends may stay in its inbox.
        let patience = if self.plan.ends_early() { Duration::from_millis(300) } else { Duration::MAX };
        let began = Instant::now();
        let is_done = || (began.elapsed() < patience).then(|| bus.report().unsettled == 0);
        self.ledger.one_by_one(random, || one(&mut publisher, author, 2), is_done);
        calm(|| drop(publisher));
    }

    fn publish<'s>(&'s self, scope: &'s Scope<'s, '_>, mut publisher: Publisher<Message>, mut random: Random) {
        self.live.fetch_add(1, Relaxed);
        scope.spawn(move || {
            while self.session(&mut publisher, &mut random) {
                // A clone is another publisher.
                let clone = publisher.clone();
                if random.one_in(2) && self.live.load(Relaxed) < self.plan.publishers {
                    self.publish(scope, clone, random.fork());
                } else {
                    calm(|| publisher = clone);
                }
            }
            calm(|| drop(publisher));
            self.live.fetch_sub(1, Relaxed);
        });
    }

    /// Sends for a while under one name; false if this publisher leaves.
    fn session(&self, publisher: &mut Publisher<Message>, random: &mut Random) -> bool {
        let mut author = self.ledger.author(self.plan.keys, self.plan.bombs, random);
        let mut refused = 0;
        for _ in 0..random.between(1, 20_000) {
            self.ledger.respect_silence();
            if self.ledger.is_over() || refused > 20 {
                return false;
            }
            if author.is_done() {
                break;
            }
            let open = match random.below(100) {
                0 => {
                    sleep(Duration::from_micros(random.pick(&[10, 100, 2000])));
                    true
                }
                1..20 => several(publisher, &mut author, random),
                way => one(publisher, &mut author, way),
            };
            refused = if open { 0 } else { refused + 1 };
            if !open {
                sleep(Duration::from_micros(100));
            }
        }
        random.one_in(2)
    }
}

/// Sends one message; false if its inbox is closed.
fn one(publisher: &mut Publisher<Message>, author: &mut Author, way: usize) -> bool {
    let (key, first) = (author.any_key(), author.made());
    let message = author.write(key);
    let (message, open) = match way % 3 {
        0 => match publisher.try_send(key as u64, message) {
            Ok(()) => (None, true),
            Err(TrySendError::Full((_, message))) => (Some(message), true),
            Err(TrySendError::Disconnected((_, message))) => (Some(message), false),
        },
        1 => match publisher.send_timeout(key as u64, message, Duration::from_micros(way as u64 * 20)) {
            Ok(()) => (None, true),
            Err(SendTimeoutError::Timeout((_, message))) => (Some(message), true),
            Err(SendTimeoutError::Disconnected((_, message))) => (Some(message), false),
        },
        _ => match publisher.send(key as u64, message) {
            Ok(()) => (None, true),
            Err(SendError((_, message))) => (Some(message), false),
        },
    };
    match message {
        None => author.sent(first, 1),
        Some(message) => author.came_back(message),
    }
    open
}

/// Sends many from an iterator, which may panic, and may not know its length; false if an inbox is closed.
fn several(publisher: &mut Publisher<Message>, author: &mut Author, random: &mut Random) -> bool {
    let (first, number) = (author.made(), random.between(1, 300));
    let (panics_at, honest) = (random.one_in(50).then(|| random.below(number)), random.one_in(2));
    let sent = calm(|| {
        let mut pairs = (0..number).map(|n| {
            if Some(n) == panics_at {
                std::panic::panic_any(crate::ledger::Planned);
            }
            let key = author.any_key();
            (key as u64, author.write(key))
        });
        if honest { publisher.try_send_iter(&mut pairs) } else { publisher.try_send_iter(&mut pairs.filter(|_| true)) }
    });
    match sent {
        // What it gave before is sent.
        None => author.sent(first, author.made() - first),
        Some((sent, refused)) => {
            author.sent(first, sent);
            let closed = matches!(refused, Some(TrySendError::Disconnected(_)));
            if let Some(refused) = refused {
                author.came_back(refused.into_inner().1);
            }
            return !closed;
        }
    }
    true
}
