//! One message in flight, there and back: what a hand-over costs when somebody waits for it.

use super::ends::{Consuming, Producing};
use super::latency::{Latencies, Recording};
use super::threads::{Patience, StartLine, joined};
use super::turns::{Contender, Role};
use crate::process::now_ns;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

/// Round trips before the first that is timed. A turn has one more at least, however slow.
const WARM_UP: u64 = 16;

/// The last question.
const STOP: u64 = u64::MAX - 1;

/// One of two who talk: it hears what the other one sends. False and nothing mean that the other one is gone.
pub(super) trait Partner: Send {
    /// What is to be done on the partner's own thread before the first word.
    fn prepare(&mut self) {}

    fn send(&mut self, number: u64) -> bool;

    fn recv(&mut self) -> Option<u64>;
}

pub(super) fn contender<A: Partner, B: Partner>(
    name: &'static str,
    role: Role,
    partners: impl Fn() -> (A, B) + 'static,
) -> Contender<Latencies> {
    let turn = move |duration| {
        let (asking, answering) = partners();
        turn(asking, answering, duration)
    };
    Contender { name, role, turn: Box::new(turn) }
}

fn turn(asking: impl Partner, answering: impl Partner, duration: Duration) -> Result<Latencies, String> {
    let line = &StartLine::new(2);
    let (asked, answered) = std::thread::scope(|scope| {
        let asking = scope.spawn(move || ask(asking, line, duration));
        let answering = scope.spawn(move || answer(answering, line));
        (joined(asking), joined(answering))
    });
    let (latencies, asked) = asked??;
    match answered? {
        answered if answered == asked => Ok(latencies),
        answered => Err(format!("{asked} questions, {answered} answers")),
    }
}

fn ask(mut partner: impl Partner, line: &StartLine, duration: Duration) -> Result<(Latencies, u64), String> {
    let mut recording = Recording::new();
    partner.prepare();
    line.take_place(0);
    let (mut asked, mut sent) = (0, now_ns());
    let until = sent + duration.as_nanos() as u64;
    while sent < until || asked <= WARM_UP {
        let question = 2 * asked + 1;
        let answer = if partner.send(question) { partner.recv() } else { None };
        let received = now_ns();
        if answer != Some(question + 1) {
            return Err(format!("the answer to {question} was {answer:?}"));
        }
        asked += 1;
        if asked > WARM_UP {
            recording.note(received.saturating_sub(sent));
        }
        sent = now_ns();
    }
    let stopped = partner.send(STOP) && partner.recv() == Some(STOP + 1);
    if stopped { Ok((recording.latencies(asked), asked + 1)) } else { Err("the last answer did not come".to_owned()) }
}

fn answer(mut partner: impl Partner, line: &StartLine) -> u64 {
    partner.prepare();
    line.take_place(1);
    let mut answered = 0;
    while let Some(question) = partner.recv() {
        if !partner.send(question + 1) {
            break;
        }
        answered += 1;
        if question == STOP {
            break;
        }
    }
    answered
}

/// Two rings of this crate, with waiting sends and receives.
#[derive(Debug)]
pub(super) struct Rings(ringway::spsc::Sender<u64>, ringway::spsc::Receiver<u64>);

impl Rings {
    pub(super) fn pair(wait: ringway::Wait) -> (Self, Self) {
        let ring = || ringway::Builder::new(super::CAPACITY).wait(wait).spsc().expect("the capacity is fine");
        let ((there, from_here), (back, from_there)) = (ring(), ring());
        (Self(there, from_there), Self(back, from_here))
    }
}

impl Partner for Rings {
    #[inline]
    fn send(&mut self, number: u64) -> bool {
        self.0.send(number).is_ok()
    }

    #[inline]
    fn recv(&mut self) -> Option<u64> {
        self.1.recv().ok()
    }
}

/// Two rings of any make, looked at again and again.
#[derive(Debug)]
pub(super) struct Polled<P, C>(P, C, Patience);

impl<P: Producing<u64>, C: Consuming<u64>> Polled<P, C> {
    pub(super) fn pair(ring: impl Fn() -> (P, C)) -> (Self, Self) {
        let ((there, from_here), (back, from_there)) = (ring(), ring());
        let patience = Patience::new(2);
        (Self(there, from_there, patience), Self(back, from_here, patience))
    }
}

impl<P: Producing<u64>, C: Consuming<u64>> Partner for Polled<P, C> {
    #[inline]
    fn send(&mut self, number: u64) -> bool {
        self.0.one(number).is_ok()
    }

    #[inline]
    fn recv(&mut self) -> Option<u64> {
        let (mut heard, mut waiting) = (None, self.2);
        while !self.1.one(|&number| heard = Some(number)) && waiting.go_on() {}
        heard
    }
}

/// A word, and the thread that sleeps until it is there.
#[derive(Debug, Default)]
struct Mailbox {
    /// 0 while there is none.
    word: AtomicU64,
    owner: OnceLock<Thread>,
}

/// What the standard library's `park` and `unpark` make of it, with no ring at all.
#[derive(Debug)]
pub(super) struct Parked {
    own: Arc<Mailbox>,
    other: Arc<Mailbox>,
}

impl Parked {
    pub(super) fn pair() -> (Self, Self) {
        let (here, there) = (Arc::new(Mailbox::default()), Arc::new(Mailbox::default()));
        (Self { own: Arc::clone(&here), other: Arc::clone(&there) }, Self { own: there, other: here })
    }
}

impl Partner for Parked {
    fn prepare(&mut self) {
        self.own.owner.get_or_init(std::thread::current);
    }

    fn send(&mut self, number: u64) -> bool {
        self.other.word.store(number, Ordering::Release);
        self.other.owner.get().map(Thread::unpark).is_some()
    }

    fn recv(&mut self) -> Option<u64> {
        loop {
            match self.own.word.swap(0, Ordering::Acquire) {
                0 => std::thread::park(),
                number => return Some(number),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_answers() {
        let short = Duration::from_millis(2);
        for turn in [
            contender("", Role::Ceiling, Parked::pair),
            contender("", Role::Ceiling, crate::measure::line::sides),
            contender("", Role::Ringway, || Rings::pair(ringway::Wait::park())),
            contender("", Role::Ringway, || Polled::pair(|| ringway::spsc::channel(8))),
        ] {
            (turn.turn)(short).unwrap();
        }
    }
}
