//! One message in flight, there and back: what a hand-over costs when somebody waits for it.

use super::latency::{Latencies, Recording};
use super::threads::{StartLine, joined};
use super::turns::{Contender, Role};
use crate::process::now_ns;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::line;
    use crate::measure::partners::{Parked, Polled, Rings};

    #[test]
    fn everybody_answers() {
        let short = Duration::from_millis(2);
        for turn in [
            contender("", Role::Ceiling, Parked::pair),
            contender("", Role::Ceiling, line::sides),
            contender("", Role::Ringway, || Rings::pair(ringway::Wait::park())),
            contender("", Role::Ringway, || Polled::pair(|| ringway::spsc::channel(8))),
        ] {
            (turn.turn)(short).unwrap();
        }
    }

    #[test]
    fn whoever_is_left_alone_hears_of_it() {
        let (mut here, there) = Parked::pair();
        here.prepare();
        drop(there);
        assert_eq!(here.recv(), None);
        let (mut here, there) = Rings::pair(ringway::Wait::park());
        drop(there);
        assert_eq!((here.send(1), here.recv()), (false, None));
    }
}
