//! Histories of concurrent calls on a channel, and a search for an order in which they could have happened one by one (after Wing
//! and Gong, with a memory of what was tried).
//!
//! # The specification
//!
//! A channel is a queue of `capacity` messages. Each call happens at one moment between its call and its answer:
//!
//! * A send appends the run of messages that it sent, no more than there is room for.
//! * A receive takes the run of messages that it got from the front.
//!
//! [`Rules`] says when a call may do less than it was asked to. Under the strict ones it does all that the queue allows at that
//! moment: `Empty` means an empty queue, `Full` a full one, and a batch is as long as room, or messages, suffice. Each other
//! rule lets a call do less behind or beside a call of another thread that has not answered at that moment.
#![allow(unreachable_pub, reason = "a part of a test file")]

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    TrySend,
    TrySendIter,
    TryRecv,
    Drain,
}

/// A call that has answered.
#[derive(Clone, Debug)]
pub struct Op {
    pub thread: usize,
    pub kind: Kind,
    /// How many messages it was to send, or to receive at most.
    pub asked: usize,
    /// What it has sent or received; nothing if the answer was `Full` or `Empty`. No message is sent twice.
    pub messages: Vec<u8>,
    /// The clock at the call and at the answer. All figures of a history differ.
    pub time: Range<u64>,
}

impl Op {
    pub fn sends(&self) -> bool {
        matches!(self.kind, Kind::TrySend | Kind::TrySendIter)
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.time.start < other.time.end && other.time.start < self.time.end
    }
}

/// When a call may do less than the queue allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// `Empty` may be answered while the send of the *first* message in the queue has not answered, and nothing of its run was
    /// received: it is claimed and not yet published, and hides what follows.
    pub empty_behind_a_send: bool,
    /// `Full` may be answered, or a batch send fewer, while the receive of the message whose slot would have come next has not
    /// answered: it was taken from the queue and its slot not yet released. (What was taken after it may be released long since.)
    pub full_behind_a_receive: bool,
    /// A batch may receive fewer if it ends where a sent run ends, and the send of the next message had not answered when it was
    /// called.
    pub short_drain_beside_a_send: bool,
    /// The same, if that send has not answered when the messages are taken.
    pub short_drain_behind_a_send: bool,
    /// A batch may receive fewer if it ends where a sent run ends, and either the run that comes next is longer than what was
    /// still asked for, or the first one was split: a part of it was taken before, or a receive of less than all of it was
    /// beside the batch.
    pub short_drain_between_runs: bool,
}

impl Rules {
    pub const STRICT: Self = Self {
        empty_behind_a_send: false,
        full_behind_a_receive: false,
        short_drain_beside_a_send: false,
        short_drain_behind_a_send: false,
        short_drain_between_runs: false,
    };

    /// These rules without one of them, for each that they have.
    pub fn without_one(self) -> impl Iterator<Item = (&'static str, Self)> {
        [
            ("Empty behind a send", Self { empty_behind_a_send: false, ..self }),
            ("Full behind a receive", Self { full_behind_a_receive: false, ..self }),
            ("a short drain beside a send", Self { short_drain_beside_a_send: false, ..self }),
            ("a short drain behind a send", Self { short_drain_behind_a_send: false, ..self }),
            ("a short drain between runs", Self { short_drain_between_runs: false, ..self }),
        ]
        .into_iter()
        .filter(move |(_, rules)| *rules != self)
    }
}

pub struct History {
    pub capacity: usize,
    pub ops: Vec<Op>,
}

/// Why a history is not linearizable: the longest beginning of an order that was found, as indices.
#[derive(Debug, PartialEq, Eq)]
pub struct Stuck(pub Vec<usize>);

impl History {
    /// An order in which the calls could have happened, as indices.
    pub fn linearize(&self, rules: Rules) -> Result<Vec<usize>, Stuck> {
        assert!(self.ops.len() < 64, "calls are kept as bits");
        let mut search = Search {
            history: self,
            rules,
            sends: [None; 256],
            receives: [None; 256],
            tried: HashSet::new(),
            order: Vec::new(),
            longest: Vec::new(),
            log: Vec::new(),
            taken: 0,
        };
        for (index, op) in self.ops.iter().enumerate() {
            let calls = if op.sends() { &mut search.sends } else { &mut search.receives };
            for &message in &op.messages {
                calls[message as usize] = Some(index);
            }
        }
        if search.run(0, 0) { Ok(search.order) } else { Err(Stuck(search.longest)) }
    }

    pub fn has_overlaps(&self) -> bool {
        let overlap = |(index, op): (usize, &Op)| self.ops[..index].iter().any(|other| other.overlaps(op));
        self.ops.iter().enumerate().any(overlap)
    }
}

struct Search<'a> {
    history: &'a History,
    rules: Rules,
    /// Which call has sent, and which has received, each message.
    sends: [Option<usize>; 256],
    receives: [Option<usize>; 256],
    /// Calls that have happened, and the last messages sent: from here on nothing was found.
    tried: HashSet<(u64, Vec<u8>)>,
    order: Vec<usize>,
    longest: Vec<usize>,
    /// What was sent so far, in order; the queue is what follows the first `taken`.
    log: Vec<u8>,
    taken: usize,
}

impl Search<'_> {
    /// Goes on after the calls in `done`, the last of which happened at `now` at the earliest. Earliest moments suffice: what has
    /// to come before something else is the later the worse.
    fn run(&mut self, done: u64, now: u64) -> bool {
        let ops = &self.history.ops;
        if self.order.len() > self.longest.len() {
            self.longest.clone_from(&self.order);
        }
        if self.order.len() == ops.len() {
            return true;
        }
        let last = self.log.len().saturating_sub(self.history.capacity);
        if !self.tried.insert((done, self.log[last..].to_vec())) {
            return false;
        }
        let open = |index: usize| done >> index & 1 == 0;
        let first_answer = (0..ops.len()).filter(|&index| open(index)).map(|index| ops[index].time.end).min();
        for (index, op) in ops.iter().enumerate().filter(|(index, _)| open(*index)) {
            let now = now.max(op.time.start);
            if Some(op.time.start) > first_answer || !self.allows(op, now) {
                continue;
            }
            let n = op.messages.len();
            self.order.push(index);
            if op.sends() {
                self.log.extend(&op.messages);
            } else {
                self.taken += n;
            }
            if self.run(done | 1 << index, now) {
                return true;
            }
            self.order.pop();
            if op.sends() {
                self.log.truncate(self.log.len() - n);
            } else {
                self.taken -= n;
            }
        }
        false
    }

    /// Whether `op` may happen now.
    fn allows(&self, op: &Op, now: u64) -> bool {
        let (capacity, rules, n) = (self.history.capacity, self.rules, op.messages.len());
        let queue = &self.log[self.taken..];
        let answers = |call: Option<usize>| call.map_or(0, |call| self.history.ops[call].time.end);
        let send_of = |message: u8| self.sends[message as usize];
        if op.sends() {
            let room = capacity - queue.len();
            if n > room {
                return false;
            }
            if n == op.asked.min(room) {
                return true;
            }
            // The message whose slot would have been the next; there is room, so it is not in the queue any more.
            let Some(next) = (self.log.len() + n).checked_sub(capacity) else { return false };
            rules.full_behind_a_receive && answers(self.receives[self.log[next] as usize]) > now
        } else {
            if !queue.starts_with(&op.messages) {
                return false;
            }
            if n == op.asked.min(queue.len()) {
                return true;
            }
            let runs_on = |at: usize| at > 0 && send_of(self.log[at]) == send_of(self.log[at - 1]);
            if runs_on(self.taken + n) {
                return false;
            }
            let sent = answers(send_of(queue[n]));
            if n == 0 {
                return rules.empty_behind_a_send && sent > now;
            }
            let run = |message| send_of(message).map_or(0, |call| self.history.ops[call].messages.len());
            let splits = |other: &Op| !other.sends() && other.asked < run(queue[0]) && other.overlaps(op);
            let split = || {
                runs_on(self.taken) || self.history.ops.iter().any(|other| !std::ptr::eq(other, op) && splits(other))
            };
            rules.short_drain_beside_a_send && sent > op.time.start
                || rules.short_drain_behind_a_send && sent > now
                || rules.short_drain_between_runs && (n + run(queue[n]) > op.asked || split())
        }
    }
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { asked, messages, .. } = self;
        match (self.kind, messages.as_slice()) {
            (Kind::TrySend, [message]) => write!(f, "try_send({message})"),
            (Kind::TrySend, _) => write!(f, "try_send: Full"),
            (Kind::TrySendIter, _) => write!(f, "try_send_iter({asked}): {} sent {messages:?}", messages.len()),
            (Kind::TryRecv, [message]) => write!(f, "try_recv: {message}"),
            (Kind::TryRecv, _) => write!(f, "try_recv: Empty"),
            (Kind::Drain, _) => write!(f, "drain({asked}): {} got {messages:?}", messages.len()),
        }
    }
}

/// A line for each call, in the order of the calls, with a bar from call to answer; a column for each tick of the clock.
impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ticks: Vec<_> = self.ops.iter().flat_map(|op| [op.time.start, op.time.end]).collect();
        ticks.sort_unstable();
        let column = |time| ticks.partition_point(|&tick| tick < time);
        let mut ops: Vec<_> = self.ops.iter().enumerate().collect();
        ops.sort_unstable_by_key(|(_, op)| op.time.start);
        writeln!(f, "capacity {}", self.capacity)?;
        for (index, op) in ops {
            let (call, answer) = (column(op.time.start), column(op.time.end));
            let bar = format!("{}|{}|", " ".repeat(call), "-".repeat(answer - call - 1));
            writeln!(f, "{index:>3}  thread {}  {bar:<width$}  {op}", op.thread, width = ticks.len())?;
        }
        Ok(())
    }
}
