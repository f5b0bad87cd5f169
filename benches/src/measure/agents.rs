//! 100 agents, each a thread that sleeps until its next message is due, send to two workers; latency counts from the
//! moment a message was due.

#[cfg(feature = "peers")]
mod queue;

#[cfg(feature = "peers")]
pub(super) use queue::{Waiting, blocking, napping};

use super::latency::{Latencies, Recording};
use super::turns::{Contender, Role};
use crate::load::agents::{self, Schedule, Tick};
use crate::process::now_ns;
use ringway::{Batch, Bus, Cycle, Handler, Pin, Worker, mpmc};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const AGENTS: u32 = 100;

/// Messages a second of an agent.
const RATE: f64 = 1_000.0;

const WORKERS: usize = 2;

/// Messages that fit into a queue.
const CAPACITY: usize = 65_536;

/// Turns as short as those of other workloads would be over before all agents have woken up once or twice.
const LONGER: u32 = 50;

/// How long workers may take to handle what was sent before the end.
const DRAIN: Duration = Duration::from_secs(10);

/// When it was due, by whom it was sent, as which of his, and words that are to arrive, too.
pub(super) type Message = [u64; 8];

/// What one worker has seen.
struct Seen {
    count: u64,
    sum: u64,
    in_order: bool,
    /// By agent: the least number that its next message may have.
    next: Vec<u64>,
    recording: Recording,
}

impl Seen {
    fn new() -> Self {
        Self { count: 0, sum: 0, in_order: true, next: vec![0; AGENTS as usize], recording: Recording::new() }
    }

    fn note(&mut self, message: &Message) {
        let [due, agent, number, ..] = *message;
        self.recording.note(now_ns().saturating_sub(due));
        self.count += 1;
        self.sum = self.sum.wrapping_add(sum(message));
        let next = &mut self.next[agent as usize];
        self.in_order &= number >= *next;
        *next = number + 1;
    }
}

fn message(due: u64, agent: u64, number: u64) -> Message {
    let filling = due ^ number;
    [due, agent, number, filling, filling, filling, filling, filling]
}

/// Torn messages, and words in one another's place, do not add up.
fn sum(message: &Message) -> u64 {
    message.iter().fold(0, |sum, &word| sum.wrapping_mul(31).wrapping_add(word))
}

pub(super) fn contenders() -> Vec<Contender<Latencies>> {
    let all = vec![
        Contender { name: "ringway bus", role: Role::Ringway, turn: Box::new(through_bus) },
        Contender { name: "ringway pool", role: Role::Ringway, turn: Box::new(through_pool) },
    ];
    #[cfg(feature = "peers")]
    let all = all.into_iter().chain(super::peers::agents()).collect();
    all
}

fn through_bus(duration: Duration) -> Result<Latencies, String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let built = Bus::<Message>::builder().workers(WORKERS).pin(Pin::spread()).capacity(CAPACITY);
    let bus = built.spawn(|_| Noting::new(&seen)).map_err(|error| error.to_string())?;
    let publisher = bus.publisher().map_err(|error| error.to_string())?;
    let sent = send_all(duration, publisher, |publisher, message| publisher.send(message[1], message).is_ok())?;
    bus.shutdown(DRAIN);
    verify(sent, &taken(&seen)?)
}

fn through_pool(duration: Duration) -> Result<Latencies, String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (sender, receiver) = mpmc::channel(CAPACITY);
    let pool = Worker::pool(WORKERS).pin(Pin::spread());
    let pool = pool.spawn(receiver, |_| Noting::new(&seen)).map_err(|error| error.to_string())?;
    let sent = send_all(duration, sender, |sender, message| sender.send(message).is_ok())?;
    pool.close();
    pool.wait_timeout(DRAIN);
    pool.join();
    verify(sent, &taken(&seen)?)
}

/// A handler that hands over what it saw when it stops.
struct Noting {
    seen: Option<Seen>,
    all: Arc<Mutex<Vec<Seen>>>,
}

impl Noting {
    fn new(all: &Arc<Mutex<Vec<Seen>>>) -> Self {
        Self { seen: Some(Seen::new()), all: Arc::clone(all) }
    }
}

impl Handler<Message> for Noting {
    fn on_batch(&mut self, batch: &mut Batch<'_, Message>, _cx: &mut Cycle) {
        let Some(seen) = &mut self.seen else { return };
        let (first, second) = batch.as_slices();
        first.iter().chain(second).for_each(|message| seen.note(message));
        batch.commit_all();
    }

    fn on_stop(&mut self, _cx: &mut Cycle) {
        if let Ok(mut all) = self.all.lock() {
            all.extend(self.seen.take());
        }
    }
}

fn taken(seen: &Mutex<Vec<Seen>>) -> Result<Vec<Seen>, String> {
    seen.lock().map(|mut seen| std::mem::take(&mut *seen)).map_err(|_| "a worker panicked".to_owned())
}

/// Runs the agents, each with a clone of `end`. Gives how many messages were sent, and what they add up to.
fn send_all<P: Clone + Send>(
    duration: Duration,
    end: P,
    send: impl Fn(&mut P, Message) -> bool + Sync,
) -> Result<(u64, u64), String> {
    let duration = (duration * LONGER).as_secs_f64();
    let messages = (f64::from(AGENTS) * RATE * duration) as u64;
    let (count, total) = (AtomicU64::new(0), AtomicU64::new(0));
    agents::run(
        &Schedule { agents: AGENTS, messages, duration },
        |_| (end.clone(), 0_u64, 0_u64),
        |(end, sent, added), Tick { agent, sequence, due, .. }| {
            let message = message(due, u64::from(agent), u64::from(sequence));
            let went = send(end, message);
            *sent += u64::from(went);
            *added = added.wrapping_add(if went { sum(&message) } else { 0 });
            went
        },
        |(_, sent, added)| {
            count.fetch_add(sent, Ordering::Relaxed);
            total.fetch_add(added, Ordering::Relaxed);
        },
        || (),
    )?;
    Ok((count.into_inner(), total.into_inner()))
}

fn verify((sent, expected): (u64, u64), seen: &[Seen]) -> Result<Latencies, String> {
    let (count, sum) = seen.iter().fold((0, 0_u64), |all, one| (all.0 + one.count, all.1.wrapping_add(one.sum)));
    if count != sent {
        return Err(format!("{sent} messages sent, {count} received"));
    }
    if sum != expected || !seen.iter().all(|one| one.in_order) {
        return Err("an agent's messages were received out of order, or not as they were sent".to_owned());
    }
    let mut all = Recording::new();
    seen.iter().for_each(|one| all.add(&one.recording));
    Ok(all.latencies(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_due_is_handled() {
        for contender in contenders() {
            let latencies = (contender.turn)(Duration::from_millis(1));
            assert!(latencies.is_ok(), "{}: {latencies:?}", contender.name);
        }
    }

    #[test]
    fn what_is_lost_is_found() {
        let check = |sent: u64, numbers: &[u64]| {
            let (mut seen, mut total) = (Seen::new(), 0_u64);
            for message in numbers.iter().map(|&number| message(5, 1, number)) {
                seen.note(&message);
                total = total.wrapping_add(sum(&message));
            }
            verify((sent, total), &[seen]).map(|_| ())
        };
        assert_eq!(check(2, &[0, 1]), Ok(()));
        assert!(check(2, &[0]).is_err_and(|told| told.contains("received")));
        assert!(check(2, &[1, 0]).is_err_and(|told| told.contains("order")));
        assert!(check(2, &[0, 0]).is_err_and(|told| told.contains("order")));
    }
}
