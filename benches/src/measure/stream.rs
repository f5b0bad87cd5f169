//! A turn of throughput: producers send as fast as they can for a while, consumers take and check.

use super::BATCH;
use super::ends::{Consuming, Producing};
use super::ledger::{Ledger, verify};
use super::payload::{Payload, tag};
use super::threads::{Patience, StartLine, joined};
use super::turns::{Contender, Role};
use super::workload::{Style, Workload};
use crate::process::now_ns;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Messages between two looks at the clock, which would be felt more often.
const STRETCH: u64 = 4 * BATCH as u64;

/// What went through in one turn, verified.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) messages: u64,
    pub(super) elapsed_ns: u64,
}

impl Sample {
    pub(super) fn per_second(&self) -> f64 {
        self.messages as f64 / self.elapsed_ns.max(1) as f64 * 1e9
    }
}

/// A contender with one end on each side.
pub(super) fn pair<M: Payload, P: Producing<M>, C: Consuming<M>>(
    name: &'static str,
    role: Role,
    &Workload { style, capacity, .. }: &Workload,
    ends: impl Fn(usize) -> (P, C) + 'static,
) -> Contender<Sample> {
    let turn = move |duration| {
        let (producer, consumer) = ends(capacity);
        turn_of::<M, P, C, 1>(vec![producer], vec![consumer], style, 1, duration)
    };
    Contender { name, role, turn: Box::new(turn) }
}

/// One whose sending end is cloned.
pub(super) fn to_one<M: Payload, P: Producing<M> + Clone, C: Consuming<M>>(
    name: &'static str,
    role: Role,
    workload: &Workload,
    ends: impl Fn(usize) -> (P, C) + 'static,
) -> Contender<Sample> {
    let (capacity, producers) = (workload.capacity, workload.producers);
    contender(name, role, workload, move || {
        let (producer, consumer) = ends(capacity);
        (vec![producer; producers], vec![consumer])
    })
}

/// One both of whose ends are cloned.
pub(super) fn shared<M: Payload, P: Producing<M> + Clone, C: Consuming<M> + Clone>(
    name: &'static str,
    role: Role,
    workload: &Workload,
    ends: impl Fn(usize) -> (P, C) + 'static,
) -> Contender<Sample> {
    let Workload { capacity, producers, consumers, .. } = *workload;
    contender(name, role, workload, move || {
        let (producer, consumer) = ends(capacity);
        (vec![producer; producers], vec![consumer; consumers])
    })
}

/// One of which every consumer sees every message.
pub(super) fn to_all<M: Payload, P: Producing<M>, C: Consuming<M>>(
    name: &'static str,
    role: Role,
    &Workload { style, capacity, consumers, .. }: &Workload,
    ends: impl Fn(usize, usize) -> (P, Vec<C>) + 'static,
) -> Contender<Sample> {
    let turn = move |duration| {
        let (producer, readers) = ends(capacity, consumers);
        turn_of::<M, P, C, 1>(vec![producer], readers, style, consumers as u64, duration)
    };
    Contender { name, role, turn: Box::new(turn) }
}

/// One of which nothing need be known but how to make its ends, producers' first.
pub(super) fn contender<M: Payload, P: Producing<M>, C: Consuming<M>>(
    name: &'static str,
    role: Role,
    &Workload { style, .. }: &Workload,
    ends: impl Fn() -> (Vec<P>, Vec<C>) + 'static,
) -> Contender<Sample> {
    let turn = move |duration| {
        let (producers, consumers) = ends();
        turn(producers, consumers, style, duration)
    };
    Contender { name, role, turn: Box::new(turn) }
}

fn turn<M: Payload, P: Producing<M>, C: Consuming<M>>(
    producers: Vec<P>,
    consumers: Vec<C>,
    style: Style,
    duration: Duration,
) -> Result<Sample, String> {
    match producers.len() {
        1 => turn_of::<M, P, C, 1>(producers, consumers, style, 1, duration),
        2 => turn_of::<M, P, C, 2>(producers, consumers, style, 1, duration),
        4 => turn_of::<M, P, C, 4>(producers, consumers, style, 1, duration),
        n => Err(format!("there is no ledger for {n} producers")),
    }
}

/// One turn, in which each message is to be seen `copies` times.
fn turn_of<M: Payload, P: Producing<M>, C: Consuming<M>, const PRODUCERS: usize>(
    producers: Vec<P>,
    consumers: Vec<C>,
    style: Style,
    copies: u64,
    duration: Duration,
) -> Result<Sample, String> {
    let line = StartLine::new(producers.len() + consumers.len());
    let finished = AtomicUsize::new(0);
    let (line, finished) = (&line, &finished);
    std::thread::scope(|scope| {
        let producing: Vec<_> = (0..)
            .zip(producers)
            .map(|(index, end)| {
                scope.spawn(move || {
                    let _finish = Finish(finished);
                    let patience = line.take_place(index);
                    let began = now_ns();
                    (began, produce(end, index, style, began + duration.as_nanos() as u64, patience))
                })
            })
            .collect();
        let consuming: Vec<_> = (PRODUCERS..)
            .zip(consumers)
            .map(|(index, end)| {
                scope.spawn(move || {
                    let patience = line.take_place(index);
                    let ledger = consume::<M, C, PRODUCERS>(end, style, finished, patience);
                    (now_ns(), ledger)
                })
            })
            .collect();
        let produced = producing.into_iter().map(joined).collect::<Result<Vec<_>, _>>()?;
        let consumed = consuming.into_iter().map(joined).collect::<Result<Vec<_>, _>>()?;
        let (began, sent): (Vec<_>, Vec<_>) = produced.into_iter().unzip();
        let (ended, ledgers): (Vec<_>, Vec<_>) = consumed.into_iter().unzip();
        let messages = verify::<M, PRODUCERS>(&ledgers, &sent, copies)?;
        let elapsed_ns = ended.iter().max().unwrap_or(&0).saturating_sub(*began.iter().min().unwrap_or(&0));
        Ok(Sample { messages: messages / copies, elapsed_ns })
    })
}

/// Counts a producer as finished, also when it panics: consumers wait for that.
struct Finish<'a>(&'a AtomicUsize);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}

/// Sends until the clock says `until`, and once at least, however late the thread gets a core. Gives how many went in.
fn produce<M: Payload>(
    mut end: impl Producing<M>,
    producer: usize,
    style: Style,
    until: u64,
    patience: Patience,
) -> u64 {
    let mut sent = 0;
    loop {
        let stretch = sent + STRETCH;
        sent = match style {
            Style::Batch => send_in_bursts(&mut end, producer, sent..stretch, patience),
            Style::One | Style::Mixed => send_one_by_one(&mut end, producer, sent..stretch, patience),
        };
        if sent < stretch || now_ns() >= until {
            return sent;
        }
    }
}

/// Gives the number of the first message that did not go in.
fn send_one_by_one<M: Payload>(
    end: &mut impl Producing<M>,
    producer: usize,
    numbers: std::ops::Range<u64>,
    patience: Patience,
) -> u64 {
    for number in numbers.clone() {
        let mut waiting = patience;
        // A refused message is made anew: one that is kept for another try goes through memory each time, with all contenders.
        while end.one(M::new(tag(producer, number))).is_err() {
            if !waiting.go_on() {
                return number;
            }
        }
    }
    numbers.end
}

/// As above, a batch at a time.
fn send_in_bursts<M: Payload>(
    end: &mut impl Producing<M>,
    producer: usize,
    numbers: std::ops::Range<u64>,
    patience: Patience,
) -> u64 {
    let (mut next, mut burst) = (numbers.start, numbers.start);
    let mut waiting = patience;
    while next < numbers.end {
        burst = if next == burst { next + BATCH as u64 } else { burst };
        match end.many(next..burst, |number| M::new(tag(producer, number))) {
            0 if !waiting.go_on() => break,
            0 => {}
            went => {
                next += went;
                waiting = patience;
            }
        }
    }
    next
}

/// Takes and notes until all producers have finished and nothing is left.
fn consume<M: Payload, C: Consuming<M>, const PRODUCERS: usize>(
    mut end: C,
    style: Style,
    finished: &AtomicUsize,
    patience: Patience,
) -> Ledger<PRODUCERS> {
    match style {
        Style::One => take_all(|ledger| usize::from(end.one(|message| ledger.note(message))), finished, patience),
        Style::Batch | Style::Mixed => {
            take_all(|ledger| end.many(BATCH, |message| ledger.note(message)), finished, patience)
        }
    }
}

fn take_all<const PRODUCERS: usize>(
    mut take: impl FnMut(&mut Ledger<PRODUCERS>) -> usize,
    finished: &AtomicUsize,
    patience: Patience,
) -> Ledger<PRODUCERS> {
    let (mut ledger, mut waiting) = (Ledger::new(), patience);
    let mut ending = false;
    loop {
        match take(&mut ledger) {
            0 if ending || !waiting.go_on() => return ledger,
            // Looked at before the ring is looked at again: what was sent before the end is found after it.
            0 => ending = finished.load(Ordering::Acquire) == PRODUCERS,
            taken => {
                ledger.count(taken);
                waiting = patience;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringway::mpsc;

    const SHORT: Duration = Duration::from_millis(1);

    /// Keeps a message back, or tells of one twice.
    struct Liar<C> {
        end: C,
        times: usize,
        taken: usize,
    }

    impl<C: Consuming<u64>> Consuming<u64> for Liar<C> {
        fn one(&mut self, _see: impl FnOnce(&u64)) -> bool {
            false
        }

        fn many(&mut self, max: usize, mut see: impl FnMut(&u64)) -> usize {
            let (before, wrong) = (self.taken, 700);
            self.end.many(max, |message| {
                (0..if self.taken == wrong { self.times } else { 1 }).for_each(|_| see(message));
                self.taken += 1;
            });
            let told_more = if before <= wrong && wrong < self.taken { self.times } else { 1 };
            self.taken - before + told_more - 1
        }
    }

    fn through(style: Style, times: usize) -> Result<Sample, String> {
        let (tx, end) = mpsc::channel(1024);
        turn::<u64, _, _>(vec![tx.clone(), tx], vec![Liar { end, times, taken: 0 }], style, SHORT)
    }

    #[test]
    fn a_message_lost_or_doubled_is_found() {
        assert!(through(Style::Mixed, 1).unwrap().messages > 0);
        assert!(through(Style::Mixed, 0).unwrap_err().contains("received"));
        assert!(through(Style::Batch, 2).unwrap_err().contains("received"));
    }

    #[test]
    fn every_style_gets_through() {
        for style in [Style::One, Style::Batch, Style::Mixed] {
            let (tx, rx) = mpsc::channel(1024);
            let sample = turn::<[u64; 8], _, _>(vec![tx.clone(), tx], vec![rx], style, SHORT).unwrap();
            assert_eq!(sample.messages % STRETCH, 0);
        }
    }
}
