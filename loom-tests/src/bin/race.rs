//! Plain memory handed through every kind of channel by plain threads, for a race detector: `.ci/sanitizers` runs it under
//! ThreadSanitizer, without any suppression.
//!
//! ```text
//! cargo run --release -p loom-tests --bin race -- 10        so many rounds of every kind
//! ```
//!
//! ThreadSanitizer knows neither stand-alone fences nor what the standard library does inside, which is compiled without it. So
//! this program does without what it would misreport: it takes no lock, joins no thread, and drops no `Arc` for the last time
//! (the standard library orders that by a fence), but forgets one handle of each channel, and learns that threads are done by
//! an atomic. Of ringway's own fences (the handshake's, the gates', the lossy ring's) none orders plain memory: what is handed
//! over is ordered by the word that was acquired. They need no excuse.

use loom_tests::Note;
use ringway::{Builder, Slots, Wait, broadcast, mpmc, mpsc, spsc};
use std::mem::forget;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

const STARTS: [u64; 4] = [0, (1 << 32) - 8, (1 << 63) - 8, u64::MAX - 7];
const EACH: u64 = 2_000;

/// Plain words in the slot, and plain words behind a pointer.
struct Message {
    words: [u64; 6],
    behind: Box<[u64; 2]>,
}

impl Message {
    fn new(n: u64) -> Self {
        Self { words: [n; 6], behind: Box::new([n; 2]) }
    }

    fn read(&self) -> u64 {
        let n = self.words[0];
        assert!(self.words == [n; 6] && *self.behind == [n; 2], "torn");
        n
    }
}

/// A small random number generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }

    fn split(&mut self) -> Self {
        Self(self.below(usize::MAX) as u64 | 1)
    }

    fn builder(&mut self) -> Builder {
        let wait = [Wait::park(), Wait::adaptive(), Wait::yielding()][self.below(3)];
        Builder::new([1, 2, 8][self.below(3)]).wait(wait).start_at(STARTS[self.below(4)])
    }
}

/// Threads that are not joined.
#[derive(Default)]
struct Threads(usize);

static DONE: AtomicUsize = AtomicUsize::new(0);
static RECEIVED: AtomicU64 = AtomicU64::new(0);

impl Threads {
    fn start(&mut self, run: impl FnOnce() + Send + 'static) {
        self.0 += 1;
        forget(thread::spawn(|| {
            run();
            DONE.fetch_add(1, Ordering::Release);
        }));
    }

    fn wait(self) {
        while DONE.load(Ordering::Acquire) < self.0 {
            thread::yield_now();
        }
        DONE.store(0, Ordering::Relaxed);
    }
}

/// What is pushed is published, or given up.
fn fill(mut slots: Slots<'_, Message>, numbers: &mut std::ops::Range<u64>, commit: bool) {
    for n in numbers.take(slots.len()) {
        assert!(slots.push(Message::new(n)).is_ok());
    }
    if commit {
        slots.commit();
    }
}

/// Sends everything in every way, until it is told that nobody wants it.
macro_rules! send {
    ($tx:expr, $random:expr) => {{
        let (tx, random, mut numbers) = (&mut $tx, &mut $random, 0..EACH);
        while !numbers.is_empty() {
            match random.below(4) {
                0 => {
                    if numbers.by_ref().take(4).any(|n| tx.send(Message::new(n)).is_err()) {
                        break;
                    }
                }
                1 => match tx.try_send_iter(&mut numbers.by_ref().take(4).map(Message::new)) {
                    Ok(0) => thread::yield_now(),
                    Ok(_) => {}
                    Err(_) => break,
                },
                _ => match tx.try_reserve(1 + random.below(tx.capacity().min(4))) {
                    Ok(slots) => fill(slots, &mut numbers, random.below(4) > 0),
                    Err(ringway::ReserveError::TooFew { .. }) => thread::yield_now(),
                    Err(_) => break,
                },
            }
        }
    }};
}

/// Receives in every way: so many, or to the end.
macro_rules! receive {
    ($rx:expr, $random:expr, $limit:expr) => {{
        let (rx, random, mut received) = (&mut $rx, &mut $random, 0);
        while received < $limit {
            let max = 1 + random.below(4);
            match random.below(3) {
                0 => match rx.recv() {
                    Ok(message) => _ = (message.read(), received += 1),
                    Err(_) => break,
                },
                1 => received += rx.drain(max, |message| _ = message.read()),
                _ => match rx.try_batch(max) {
                    Ok(mut batch) => {
                        let (one, two) = batch.as_slices();
                        one.iter().chain(two).for_each(|message| _ = message.read());
                        let some = random.below(batch.len() + 1);
                        batch.commit(some);
                        received += some;
                    }
                    Err(ringway::TryRecvError::Empty) => thread::yield_now(),
                    Err(_) => break,
                },
            }
        }
        RECEIVED.fetch_add(received as u64, Ordering::Relaxed);
    }};
}

/// One round of a kind of queue. Either the senders go, or the receivers: the others' handles are forgotten.
macro_rules! queue {
    ($kind:ident, $senders:expr, $receivers:expr, $random:expr) => {{
        let random: &mut Random = $random;
        let (tx, rx): ($kind::Sender<Message>, $kind::Receiver<Message>) = random.builder().$kind().expect("a channel");
        let senders_go = random.below(2) == 0;
        let mut threads = Threads::default();
        for mut tx in $senders(tx) {
            let mut random = random.split();
            threads.start(move || {
                send!(tx, random);
                if senders_go {
                    drop(tx);
                } else {
                    forget(tx);
                }
            });
        }
        for mut rx in $receivers(rx) {
            let mut random = random.split();
            let limit = if senders_go { usize::MAX } else { random.below(EACH as usize / 4) };
            threads.start(move || {
                receive!(rx, random, limit);
                if senders_go {
                    forget(rx);
                } else {
                    drop(rx);
                }
            });
        }
        threads.wait();
    }};
}

/// A sender, a reader that stays, two stages of which one runs after the other, and one that joins and leaves all the time.
fn broadcast(random: &mut Random) {
    let (mut tx, mut rx) = random.builder().broadcast::<Message>().expect("a channel");
    let subscriber = tx.subscriber();
    let mut first = tx.subscribe().expect("a lane");
    let mut follower = tx.subscribe_after(&[&first]).expect("a lane");
    // What the first stage did to each message, for who runs after it.
    let notes: &'static [Note] = Vec::leak((0..EACH).map(|_| Note::new()).collect());
    let mut threads = Threads::default();
    threads.start(move || {
        let mut read = 0;
        while rx.recv_with(|message| _ = message.read()).is_ok() {
            read += 1;
        }
        RECEIVED.fetch_add(read, Ordering::Relaxed);
        forget(rx);
    });
    threads.start(move || while first.recv_with(|message| notes[message.read() as usize].write(7)).is_ok() {});
    threads.start(
        move || {
            while follower.recv_with(|message| assert_eq!(notes[message.read() as usize].read(), 7)).is_ok() {}
        },
    );
    threads.start(move || {
        while let Ok(mut rx) = subscriber.subscribe() {
            let Ok(mut after) = subscriber.subscribe_after(&[&rx]) else { break };
            rx.drain(3, |message| _ = message.read());
            after.drain(2, |message| _ = message.read());
        }
        forget(subscriber);
    });
    let mut own = random.split();
    threads.start(move || send!(tx, own));
    threads.wait();
}

/// Two senders, and readers in every way.
fn lossy(random: &mut Random) {
    let (tx, rx) = random.builder().lossy::<[u64; 5]>().expect("a channel");
    let whole = |words: [u64; 5]| assert_eq!(words, [words[0]; 5]);
    let mut threads = Threads::default();
    for _ in 0..2 {
        let mut tx = tx.clone();
        threads.start(move || {
            for n in (0..EACH).step_by(4) {
                tx.send([n; 5]).expect("open");
                tx.send_all(&[n + 1, n + 2, n + 3].map(|n| [n; 5])).expect("open");
            }
        });
    }
    for _ in 0..2 {
        let mut rx = rx.clone();
        threads.start(move || {
            while !rx.is_disconnected() {
                _ = rx.drain(4, whole);
                rx.latest().into_iter().for_each(whole);
                rx.history().for_each(|(_, words)| whole(words));
            }
            rx.iter().filter_map(Result::ok).for_each(whole);
            RECEIVED.fetch_add(rx.received(), Ordering::Relaxed);
        });
    }
    drop(tx);
    threads.wait();
    forget(rx);
}

/// Who learns of the end reads what the closer wrote before.
fn note<C: Send + 'static, A: Send + 'static>(
    (closer, mut asker): (C, A),
    mut has_learnt: impl FnMut(&mut A) -> bool + Send + 'static,
) {
    let note: &'static Note = Box::leak(Box::new(Note::new()));
    let mut threads = Threads::default();
    threads.start(move || {
        note.write(7);
        drop(closer);
    });
    threads.start(move || {
        while !has_learnt(&mut asker) {
            thread::yield_now();
        }
        assert_eq!(note.read(), 7);
        forget(asker);
    });
    threads.wait();
}

fn notes() {
    fn swap<A, B>((a, b): (A, B)) -> (B, A) {
        (b, a)
    }
    note(spsc::channel::<u64>(1), |rx| rx.is_disconnected());
    note(spsc::channel::<u64>(1), |rx| rx.recv().is_err());
    note(swap(spsc::channel::<u64>(1)), |tx| tx.send(0).is_err());
    note(mpsc::channel::<u64>(1), |rx| rx.is_disconnected());
    note(mpsc::channel::<u64>(1), |rx| rx.recv().is_err());
    note(swap(mpsc::channel::<u64>(1)), |tx| tx.send(0).is_err());
    note(mpmc::channel::<u64>(1), |rx| rx.recv().is_err());
    note(swap(mpmc::channel::<u64>(1)), |tx| tx.send(0).is_err());
    note(broadcast::channel::<u64>(1), |rx| rx.recv().is_err());
    note(swap(broadcast::channel::<u64>(1)), |tx| tx.send(0).is_err());
    note(broadcast::lossy::<u64>(1), |rx| rx.recv().is_err());
}

fn main() {
    let rounds = std::env::args().nth(1).map_or(10, |rounds| rounds.parse().expect("a number of rounds"));
    let began = std::time::Instant::now();
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        std::process::exit(101); // nobody joins the thread
    }));
    let mut random = Random(0x5eed_1234_5678_9abd);
    for _ in 0..rounds {
        queue!(spsc, |tx| [tx], |rx| [rx], &mut random);
        queue!(mpsc, |tx: mpsc::Sender<Message>| [tx.clone(), tx], |rx| [rx], &mut random);
        queue!(
            mpmc,
            |tx: mpmc::Sender<Message>| [tx.clone(), tx],
            |rx: mpmc::Receiver<Message>| [rx.clone(), rx],
            &mut random
        );
        broadcast(&mut random);
        lossy(&mut random);
        notes();
    }
    let received = RECEIVED.load(Ordering::Relaxed);
    println!("{rounds} rounds, {received} messages received, {:.1} s", began.elapsed().as_secs_f64());
}
