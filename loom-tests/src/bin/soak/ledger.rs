//! Messages that are accounted for one by one.

use crate::plan::Random;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

/// What every planned panic carries; the panic hook is silent about it.
pub(crate) struct Planned;

/// Calls `f`; `None` if it panicked as planned. Other panics go on.
pub(crate) fn calm<R>(f: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => Some(result),
        Err(payload) if is_planned(&*payload) => None,
        Err(payload) => resume_unwind(payload),
    }
}

pub(crate) fn is_planned(payload: &(dyn Any + Send)) -> bool {
    payload.is::<Planned>()
}

pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// What a round has come to; shared by everybody who takes part.
#[derive(Default)]
pub(crate) struct Ledger {
    books: Mutex<Vec<Arc<Book>>>,
    found: Mutex<Vec<String>>,
    /// Planned panics of handlers, and of messages that were dropped.
    pub(crate) panics: AtomicU64,
    pub(crate) bombs: AtomicU64,
    /// Messages that were dropped unseen because a handler panicked before it had taken any.
    pub(crate) discarded: AtomicU64,
    /// Messages that handlers took or committed, and receivers without handlers.
    pub(crate) handled: AtomicU64,
    pub(crate) received: AtomicU64,
    /// Handlers that have been dropped: their workers hold no message any more.
    pub(crate) handlers_gone: AtomicU64,
    /// Workers that ended with their channel: nothing can have been left then.
    pub(crate) stayed: AtomicU64,
    /// Nobody sends for a while.
    hush: AtomicBool,
    /// The round is over.
    pub(crate) over: AtomicBool,
}

impl Ledger {
    pub(crate) fn violation(&self, text: String) {
        let mut found = locked(&self.found);
        if found.len() < 8 {
            found.push(text);
        }
    }

    pub(crate) fn expect(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.violation(otherwise());
        }
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        locked(&self.found).clone()
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Relaxed)
    }

    /// Keeps a sender while it is to be quiet.
    pub(crate) fn respect_silence(&self) {
        while self.hush.load(Relaxed) && !self.is_over() {
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
    }

    /// Keeps all senders quiet, lets what was sent be done, then sends messages one by one, each when the one before it is done:
    /// what a lost wake-up leaves behind is not found by the next message. `send` and `is_done` answer no when it is no use.
    pub(crate) fn one_by_one(
        &self,
        random: &mut Random,
        mut send: impl FnMut() -> bool,
        mut is_done: impl FnMut() -> Option<bool>,
    ) {
        self.hush.store(true, Relaxed);
        for _ in 0..random.between(1, 50) {
            let mut looks = 0_u32;
            let goes_on = loop {
                match is_done() {
                    None => break false,
                    Some(true) => break true,
                    Some(false) if looks < 100 => std::thread::yield_now(),
                    Some(false) => std::thread::sleep(std::time::Duration::from_micros(100)),
                }
                looks += 1;
            };
            // At any moment of its falling asleep.
            let longest = random.pick(&[10, 100, 2000]);
            (0..random.below(longest)).for_each(|_| std::hint::spin_loop());
            if !goes_on || !send() {
                break;
            }
        }
        self.hush.store(false, Relaxed);
    }

    pub(crate) fn panic(&self) -> ! {
        self.panics.fetch_add(1, Relaxed);
        panic_any(Planned)
    }

    /// Who sends under a name of his own: messages in the order of each key.
    pub(crate) fn author(self: &Arc<Self>, keys: usize, bombs: usize, random: &mut Random) -> Author {
        let mut books = locked(&self.books);
        let pages = (0..PAGES).map(|_| OnceLock::new()).collect();
        let book = Arc::new(Book { number: books.len(), pages, ledger: Arc::downgrade(self) });
        books.push(Arc::clone(&book));
        Author { book, made: 0, sequences: vec![0; keys], bombs, random: random.fork() }
    }

    /// Every message of every book; to be asked when all channels are gone.
    pub(crate) fn audit(&self) -> Audit {
        let mut audit = Audit::default();
        for book in locked(&self.books).iter() {
            for (page, marks) in book.pages.iter().enumerate() {
                let Some(marks) = marks.get() else { break };
                for (line, mark) in marks.iter().enumerate() {
                    let mark = mark.load(Relaxed);
                    if mark == 0 {
                        continue;
                    }
                    let (sent, seen, drops) = (mark & SENT != 0, mark & SEEN != 0, mark / DROPPED);
                    audit.sent += u64::from(sent);
                    audit.unseen += u64::from(sent && !seen);
                    let id = page * LINES + line;
                    self.expect(drops == 1, || {
                        format!("message {id} of sender {}: dropped {drops} times, marks {mark:#x}", book.number)
                    });
                    self.expect(sent || !seen, || format!("message {id} of sender {} seen, not sent", book.number));
                }
            }
        }
        audit
    }
}

/// Sent messages: all, and those that nobody has seen.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Audit {
    pub(crate) sent: u64,
    pub(crate) unseen: u64,
}

const MADE: u8 = 1;
const SENT: u8 = 2;
const SEEN: u8 = 4;
/// May come out of order: whoever had it may have passed it on.
const HANDED: u8 = 8;
/// Counted from here on.
const DROPPED: u8 = 16;

const LINES: usize = 8192;
const PAGES: usize = 512;

/// One byte for each message of one sender.
pub(crate) struct Book {
    number: usize,
    pages: Box<[OnceLock<Box<[AtomicU8]>>]>,
    ledger: std::sync::Weak<Ledger>,
}

impl Book {
    fn mark(&self, id: usize) -> &AtomicU8 {
        let page = self.pages[id / LINES].get_or_init(|| (0..LINES).map(|_| AtomicU8::new(0)).collect());
        &page[id % LINES]
    }

    fn ledger(&self) -> Arc<Ledger> {
        self.ledger.upgrade().expect("the round outlives its messages")
    }
}

pub(crate) struct Message {
    book: Arc<Book>,
    id: usize,
    pub(crate) key: usize,
    pub(crate) sequence: u64,
    bomb: bool,
    /// Of all the above: what is torn is found out.
    check: u64,
}

impl Message {
    pub(crate) fn sender(&self) -> usize {
        self.book.number
    }

    /// Somebody has taken it, or is done with it.
    pub(crate) fn see(&self) {
        self.look();
        let before = self.book.mark(self.id).fetch_or(SEEN, Relaxed);
        if before & SEEN != 0 {
            self.book.ledger().violation(format!("message {} of sender {} taken twice", self.id, self.sender()));
        }
    }

    /// Somebody reads it, and others may.
    pub(crate) fn look(&self) {
        if self.check != check(self.id, self.key, self.sequence) {
            self.book.ledger().violation(format!("message {} of sender {} is torn", self.id, self.sender()));
        }
        if self.book.mark(self.id).load(Relaxed) >= DROPPED {
            self.book.ledger().violation(format!("message {} of sender {} is dropped already", self.id, self.sender()));
        }
    }

    pub(crate) fn may_pass_on(&self) {
        self.book.mark(self.id).fetch_or(HANDED, Relaxed);
    }

    pub(crate) fn was_passed_on(&self) -> bool {
        self.book.mark(self.id).load(Relaxed) & HANDED != 0
    }

    pub(crate) fn is_bomb(&self) -> bool {
        self.bomb
    }

    /// Back with its sender: it is dropped without noise.
    pub(crate) fn defuse(mut self) {
        self.bomb = false;
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        let before = self.book.mark(self.id).fetch_add(DROPPED, Relaxed);
        if before / DROPPED != 0 || before & MADE == 0 {
            self.book.ledger().violation(format!("message {} of sender {} dropped twice", self.id, self.sender()));
        }
        if self.bomb && !std::thread::panicking() {
            self.book.ledger().bombs.fetch_add(1, Relaxed);
            panic_any(Planned);
        }
    }
}

fn check(id: usize, key: usize, sequence: u64) -> u64 {
    (id as u64).wrapping_mul(3) ^ (key as u64) << 40 ^ sequence.wrapping_mul(0x9E37_79B9)
}

/// Makes the messages of one sender; numbers of a key without gaps, for what was sent.
pub(crate) struct Author {
    book: Arc<Book>,
    made: usize,
    sequences: Vec<u64>,
    bombs: usize,
    random: Random,
}

impl Author {
    /// Whether it has used up its book.
    pub(crate) fn is_done(&self) -> bool {
        self.made + 2 * LINES > LINES * PAGES
    }

    pub(crate) fn made(&self) -> usize {
        self.made
    }

    /// The number of the key's next message: so many were sent.
    pub(crate) fn next_of(&self, key: usize) -> u64 {
        self.sequences[key]
    }

    pub(crate) fn any_key(&mut self) -> usize {
        self.random.below(self.sequences.len())
    }

    /// The next message of a key, as if it were sent for sure.
    pub(crate) fn write(&mut self, key: usize) -> Message {
        let (id, sequence) = (self.made, self.sequences[key]);
        self.made += 1;
        self.sequences[key] += 1;
        self.book.mark(id).fetch_or(MADE, Relaxed);
        let bomb = self.random.one_in(self.bombs);
        Message { book: Arc::clone(&self.book), id, key, sequence, bomb, check: check(id, key, sequence) }
    }

    /// Those made from `first` on, so many, were sent.
    pub(crate) fn sent(&mut self, first: usize, number: usize) {
        (first..first + number).for_each(|id| _ = self.book.mark(id).fetch_or(SENT, Relaxed));
    }

    /// The last message of the key came back.
    pub(crate) fn came_back(&mut self, message: Message) {
        self.not_sent(message.key, 1);
        message.defuse();
    }

    /// The last so many messages of the key were not sent, and are gone.
    pub(crate) fn not_sent(&mut self, key: usize, number: usize) {
        self.sequences[key] -= number as u64;
    }
}
