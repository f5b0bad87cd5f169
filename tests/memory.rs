//! Memory: what goes in comes out or is dropped, once; whatever was allocated goes back as it came. Faults s01 to s28, x01 to x04.

mod common;

use common::{Drops, leave_behind};
use ringway::{Builder, TryRecvError, broadcast, mpmc, mpsc, spsc};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::mem::forget;
use std::sync::Mutex;
use std::time::Duration;

/// The system's allocator, with a note of its layout before each piece.
struct Checking;

thread_local! {
    static CALLS: Cell<u64> = const { Cell::new(0) };
    /// Bytes that this thread has allocated and not given back.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static WRONG: Cell<u64> = const { Cell::new(0) };
}

fn note(bytes: isize, wrong: bool) {
    // A thread that is ending counts no more.
    let _ = CALLS.try_with(|calls| calls.set(calls.get() + 1));
    let _ = LIVE.try_with(|live| live.set(live.get() + bytes));
    let _ = WRONG.try_with(|count| count.set(count.get() + u64::from(wrong)));
}

/// Room for the note, as aligned as what follows it; and the layout of both.
fn with_note(layout: Layout) -> Option<(usize, Layout)> {
    let room = layout.align().max(align_of::<Layout>()).max(size_of::<Layout>());
    let whole = Layout::from_size_align(layout.size().checked_add(room)?, room.next_power_of_two()).ok()?;
    Some((room, whole))
}

// SAFETY: each piece is one of the system's, with room before it that is a multiple of its alignment; it goes back with the layout
// that it was asked for with.
unsafe impl GlobalAlloc for Checking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((room, whole)) = with_note(layout) else { return std::ptr::null_mut() };
        // SAFETY: the size is not 0.
        let piece = unsafe { System.alloc(whole) };
        if piece.is_null() {
            return piece;
        }
        note(layout.size() as isize, false);
        // SAFETY: the note and what follows it lie within the piece.
        unsafe {
            let asked = piece.add(room);
            asked.cast::<Layout>().sub(1).write_unaligned(layout);
            asked
        }
    }

    unsafe fn dealloc(&self, asked: *mut u8, layout: Layout) {
        // SAFETY: `alloc` has written it there.
        let noted = unsafe { asked.cast::<Layout>().sub(1).read_unaligned() };
        note(-(noted.size() as isize), noted != layout);
        if let Some((room, whole)) = with_note(noted) {
            // SAFETY: this is the piece that `alloc` had of the system.
            unsafe { System.dealloc(asked.sub(room), whole) };
        }
    }
}

#[global_allocator]
static ALLOCATOR: Checking = Checking;

/// How many bytes this thread keeps after `f`, more than before.
fn kept(f: impl FnOnce()) -> isize {
    let before = LIVE.get();
    f();
    LIVE.get() - before
}

#[test]
fn the_allocator_checks() {
    // Kept within reach, so that a leak check does not mind.
    static KEPT: Mutex<Option<Box<u64>>> = Mutex::new(None);
    assert_eq!(kept(|| drop(vec![1_u64; 9])), 0);
    assert_eq!(kept(|| *KEPT.lock().unwrap() = Some(Box::new(1))), 8);
    let (before, layout) = (WRONG.get(), Layout::new::<[u8; 24]>());
    // SAFETY: this allocator frees by its own note.
    unsafe { std::alloc::dealloc(black_box(std::alloc::alloc(Layout::new::<[u8; 32]>())), layout) };
    assert_eq!(WRONG.replace(before), before + 1);
}

/// One way for a channel of four slots to end.
#[derive(Clone, Copy, Debug)]
struct End {
    sent: usize,
    taken: usize,
    /// A batch is forgotten of which one message was taken.
    batch: bool,
    /// Slots are forgotten into which one message was pushed.
    slots: bool,
    /// Closed by the sender, the receiver, both.
    closed: [bool; 2],
    receiver_first: bool,
}

fn every_end() -> impl Iterator<Item = End> {
    let bits = |n: usize, bit: usize| n >> bit & 1 == 1;
    (0..4).flat_map(move |sent| {
        (0..=sent).flat_map(move |taken| {
            (0..32).map(move |n| End {
                sent,
                taken,
                batch: bits(n, 0),
                slots: bits(n, 1),
                closed: [bits(n, 2), bits(n, 3)],
                receiver_first: bits(n, 4),
            })
        })
    })
}

/// Lives and ends like that; `$value` makes the values 0 to `sent`.
macro_rules! live_and_end {
    ($channel:expr, $end:expr, $value:expr) => {{
        let ((mut tx, mut rx), end, value) = ($channel, $end, $value);
        for n in 0..end.sent {
            assert!(tx.try_send(value(n)).is_ok());
        }
        if end.slots {
            let mut slots = tx.try_reserve(1).unwrap();
            assert!(slots.push(value(end.sent)).is_ok());
            forget(slots);
        } else {
            drop(value(end.sent));
        }
        for _ in 0..end.taken {
            drop(rx.try_recv().unwrap());
        }
        if end.batch
            && let Ok(mut batch) = rx.try_batch(4)
        {
            drop(batch.next());
            forget(batch);
        }
        assert!(!end.closed[0] || tx.close());
        assert!(!end.closed[1] || rx.close() != end.closed[0]);
        if end.receiver_first {
            drop(rx);
            drop(tx);
        } else {
            drop(tx);
            drop(rx);
        }
    }};
}

every_kind! {
    fn s02_nothing_is_installed_later(channel, _at) {
        let (mut tx, mut rx) = channel!(4);
        let before = CALLS.get();
        tx.try_send(1).unwrap();
        assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(1), Err(TryRecvError::Empty)));
        drop(tx.try_reserve(2).unwrap());
        tx.send(2).unwrap();
        drop(rx.try_batch(4));
        drop(rx);
        assert!(tx.try_send(3).is_err());
        assert_eq!(CALLS.get(), before, "calls of the allocator from the first send on");
    }

    fn s03_every_end_gives_all_memory_back(channel, _at) {
        let value = Box::new;
        // Once in vain: something may be prepared for ever.
        live_and_end!(channel!(4), every_end().next().unwrap(), value);
        for end in every_end() {
            assert_eq!(kept(|| live_and_end!(channel!(4), end, value)), 0, "{end:?}");
        }
    }

    fn s04_memory_goes_back_as_it_came(channel, _at) {
        #[repr(align(256))]
        struct Aligned;
        let before = WRONG.get();
        for capacity in 1..70 {
            drop(channel!(capacity) as (_, ringway::Receiver<u8, _>));
            drop(channel!(capacity) as (_, ringway::Receiver<[u16; 9], _>));
            drop(channel!(capacity) as (_, ringway::Receiver<Aligned, _>));
            drop(channel!(capacity) as (_, ringway::Receiver<(), _>));
        }
        assert_eq!(WRONG.get(), before);
    }

    fn s05_what_was_popped_is_not_dropped_again(channel, _at) {
        let drops = Drops::new(32);
        let (mut tx, mut rx) = channel!(32);
        assert_eq!(tx.try_send_iter(&mut drops.values(32)), Ok(32));
        // Every way to take a message, each value kept until the channel has gone.
        let mut popped = vec![rx.try_recv().unwrap(), rx.recv().unwrap()];
        popped.push(rx.recv_timeout(Duration::ZERO).unwrap());
        assert_eq!(rx.drain(2, |value| popped.push(value)), 2);
        let mut batch = rx.try_batch(3).unwrap();
        popped.extend(batch.next());
        batch.take_all(|value| popped.push(value));
        drop(batch);
        popped = rx.try_batch(3).unwrap().fold(popped, |mut popped, value| { popped.push(value); popped });
        popped.extend(rx.try_iter().take(2));
        popped.extend(rx.iter().take(2));
        popped.extend((&mut rx).into_iter().take(2));
        rx.try_batch(2).unwrap().commit(2);
        tx.close();
        popped.extend(rx.into_iter().take(4));
        drop(tx);
        let dropped = 32 - popped.len();
        assert_eq!(drops.all().iter().sum::<usize>(), dropped, "those that were committed, and the last");
        assert!(popped.iter().all(|value| drops.of(value.number) == 0));
        drop(popped);
        drops.assert_each_once();
    }

    fn s06_a_forgotten_slot_is_never_ready(channel, _at) {
        let (mut tx, mut rx) = channel!(4);
        // Old numbers in every slot, which nobody must find again.
        for n in 0..8 {
            tx.try_send(n).unwrap();
            assert_eq!(rx.try_recv(), Ok(n));
        }
        for pushed in 0..3 {
            let mut slots = tx.try_reserve(3).unwrap();
            (0..pushed).for_each(|_| slots.push(99).unwrap());
            forget(slots);
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            tx.try_send(7).unwrap();
            assert_eq!(rx.try_iter().collect::<Vec<_>>(), [7]);
        }
        // Handles as well: what is forgotten with them stays for ever, and everybody else goes on.
        leave_behind(tx);
        assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
        leave_behind(rx);
        let (mut tx, rx) = channel!(2);
        tx.try_send(1).unwrap();
        leave_behind(rx);
        tx.try_send(2).unwrap();
        assert!(tx.try_send(3).unwrap_err().is_full());
        assert!(tx.close());
    }

    fn s23_guards_outlive_a_close(channel, _at) {
        for n in 0..8_usize {
            let [close_first, commit, receiver_stays] = [0, 1, 2].map(|bit| n >> bit & 1 == 1);
            let drops = Drops::new(4);
            let (mut tx, mut rx) = channel!(4);
            assert_eq!(tx.try_send_iter(&mut drops.values(2)), Ok(2));
            let mut slots = tx.try_reserve(2).unwrap();
            let mut batch = rx.try_batch(2).unwrap();
            slots.push(drops.value(2)).unwrap();
            assert_eq!(batch.next().unwrap().number, 0);
            // The other receiver's close; its memory is there until the last guard's handle has gone.
            if receiver_stays {
                drop(batch);
                assert!(!close_first || rx.close());
            } else {
                forget(batch);
                drop(rx);
                rx = channel!(1).1;
            }
            slots.push(drops.value(3)).unwrap();
            if commit { slots.commit() } else { drop(slots) }
            if receiver_stays {
                let rest: Vec<_> = rx.try_iter().map(|value| value.number).collect();
                assert_eq!(rest, if commit { vec![1, 2, 3] } else { vec![1] });
            }
            drop((rx, tx));
            drops.assert_each_once();
        }
    }

    fn s28_every_end_drops_each_message_once(channel, _at) {
        for end in every_end() {
            let drops = Drops::new(end.sent + 1);
            live_and_end!(channel!(4), end, |n| drops.value(n));
            assert_eq!(drops.all(), vec![1; end.sent + 1], "{end:?}");
        }
    }
}

/// The same ends where values are only lent, and where they are plain bytes.
#[test]
fn s03_broadcasts_give_all_memory_back() {
    let wrong = WRONG.get();
    for n in 0..64_usize {
        let [second, behind, forgotten, close, receivers_first, slots] =
            [0, 1, 2, 3, 4, 5].map(|bit| n >> bit & 1 == 1);
        let run = || {
            let drops = Drops::new(6);
            let (mut tx, mut rx) = broadcast::channel(2);
            let mut other = second.then(|| tx.subscribe().unwrap());
            for number in 0..5 {
                tx.try_send(drops.value(number)).unwrap();
                if number < 4 || !behind {
                    assert_eq!(rx.drain(1, |value| assert_eq!(value.number, number)), 1);
                    assert_eq!(other.iter_mut().map(|rx| rx.drain(1, |_| ())).sum::<usize>(), usize::from(second));
                }
            }
            if let Ok(mut batch) = rx.try_batch(1) {
                batch.advance();
                if forgotten { forget(batch) } else { drop(batch) }
            }
            if slots && let Ok(mut slots) = tx.try_reserve(1) {
                slots.push(drops.value(5)).unwrap();
                forget(slots);
            } else {
                drop(drops.value(5));
            }
            assert!(!close || tx.close());
            if receivers_first {
                drop((rx, other, tx));
            } else {
                drop((tx, rx, other));
            }
            drops.assert_each_once();
            let (mut tx, rx) = broadcast::lossy::<u64>(2);
            (0..5).for_each(|n| tx.send(n).unwrap());
            drop((rx.clone(), tx, rx));
        };
        run();
        assert_eq!(kept(run), 0, "{n:b}");
    }
    assert_eq!(WRONG.get(), wrong);
}

/// Forgotten receivers and guards of a broadcast keep their slots, and nobody reads what is not there.
#[test]
fn s06_forgotten_readers_only_gate() {
    let drops = Drops::new(3);
    let (mut tx, mut rx) = broadcast::channel(2);
    tx.try_send(drops.value(0)).unwrap();
    let mut batch = rx.try_batch(1).unwrap();
    assert_eq!(batch.advance().unwrap().number, 0);
    forget(batch);
    leave_behind(tx.subscribe().unwrap());
    tx.try_send(drops.value(1)).unwrap();
    // The forgotten batch is released by its receiver's next call; what the forgotten receiver keeps stays.
    assert_eq!(rx.drain(9, |value| assert_eq!(value.number, 1)), 1);
    tx.try_send(drops.value(2)).unwrap();
    let refused = tx.try_send(drops.value(0)).unwrap_err();
    assert!(refused.is_full() && drops.all() == [1, 0, 0]);
    drop((tx, rx));
    // The forgotten receiver holds the channel, and with it two values.
    assert_eq!((refused.into_inner().number, drops.all()), (0, vec![1, 0, 0]));
}

/// Hand-over goes through slots: no thread ever holds a pointer into another's stack. What waits is a claim for room, not a message.
#[test]
fn s22_no_pointer_into_a_peers_stack() {
    // Raw pointers: to slots, the futex's word, the bell's boxed event, and the arguments of system calls.
    const ROOMS: &[&str] = &[
        "src/sync",
        "src/slab",
        "src/ring/storage.rs",
        "src/ring/prefetch.rs",
        "src/channel/batch.rs",
        // Forbids unsafe code: pointers are compared there, not followed.
        "src/coord",
        "src/wait/bell.rs",
        "src/wait/barrier.rs",
        "src/worker/pin.rs",
    ];
    for (path, text) in sources() {
        for line in text.lines().map(|line| line.split("//").next().unwrap_or("")) {
            let pointer = ["*const ", "*mut ", "NonNull", "AtomicPtr"].iter().any(|word| line.contains(word));
            assert!(!pointer || ROOMS.iter().any(|room| path.starts_with(room)), "{path}: {line}");
        }
    }
    // A send that gives up has its message back, and nobody else has it.
    let drops = Drops::new(200);
    let (mut tx, mut rx) = mpsc::channel(1);
    let hasty = std::thread::spawn({
        let drops = drops.clone();
        move || {
            let send = |n| match tx.send_timeout(drops.value(n), Duration::from_micros(n as u64 % 50)) {
                Ok(()) => None,
                Err(refused) => Some(refused.into_inner().number),
            };
            (0..200).filter_map(send).collect::<Vec<_>>()
        }
    });
    let received: Vec<_> = rx.iter().map(|value| value.number).collect();
    let mut all = [received, hasty.join().unwrap()].concat();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..200));
    drops.assert_each_once();
}

/// Handles and guards show no field that somebody could exchange; figures and settings, which are plain data, do.
#[test]
fn s10_no_public_state() {
    const PLAIN: &[&str] = &[
        "ChannelStats",
        "Slowest",
        "LossyStats",
        "Report",
        "PoolReport",
        "WorkerReport",
        "Percentiles",
        "Lagged",
        "SendError",
    ];
    // Coordination is made of plain records, and holds no slots.
    const RECORDS: [&str; 5] = ["src/coord", "src/ids", "src/value", "src/metrics", "src/slab.rs"];
    let mut structs = 0;
    for (path, text) in sources().into_iter().filter(|(path, _)| !RECORDS.iter().any(|room| path.starts_with(room))) {
        let mut inside = None;
        for line in text.lines() {
            if let Some(name) = line.strip_prefix("pub struct ") {
                let name = name.split(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
                structs += 1;
                assert!(PLAIN.contains(&name) || !line.contains("(pub ") && !line.contains("{ pub "), "{path}: {line}");
                inside = line.ends_with('{').then_some(name);
            } else if line == "}" {
                inside = None;
            }
            if let Some(name) = inside.filter(|name| !PLAIN.contains(name)) {
                assert!(!line.starts_with("    pub ") || line.contains(" fn "), "{path}: {name}: {line}");
            }
        }
    }
    assert!(structs > 20, "only {structs} were found: the check does not see the source");
}

/// The library's files, by their paths from its root.
fn sources() -> Vec<(String, String)> {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("the source folder can be read") {
            let path = entry.expect("so can its entries").path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join("src"), &mut paths);
    let inside = |path: &std::path::Path| path.strip_prefix(root).expect("found below it").display().to_string();
    paths.iter().map(|path| (inside(path), std::fs::read_to_string(path).expect("source is text"))).collect()
}

/// Time takes nothing away from a slow owner: neither claimed slots nor a batch.
#[test]
fn x04_no_timeout_takes_memory_from_its_owner() {
    // Longer than any wait of the library's own.
    let long = Duration::from_millis(150);
    let (mut tx, mut rx) = Builder::new(2).mpsc::<[u64; 8]>().unwrap();
    let mut other = tx.clone();
    let mut slots = tx.try_reserve(1).unwrap();
    other.try_send([2; 8]).unwrap();
    assert!(rx.recv_timeout(long).unwrap_err().is_timeout());
    assert!(other.send_timeout([3; 8], long).unwrap_err().is_timeout());
    slots.push([1; 8]).unwrap();
    slots.commit();
    assert_eq!(rx.try_iter().collect::<Vec<_>>(), [[1; 8], [2; 8]]);

    let (mut tx, mut rx) = Builder::new(2).mpmc::<[u64; 8]>().unwrap();
    let mut other = rx.clone();
    tx.try_send_iter(&mut [[1; 8], [2; 8]].into_iter()).unwrap();
    let batch = rx.try_batch(2).unwrap();
    assert!(other.recv_timeout(long).unwrap_err().is_timeout());
    assert!(tx.send_timeout([3; 8], long).unwrap_err().is_timeout());
    assert_eq!(batch.as_slices(), (&[[1; 8], [2; 8]][..], &[][..]));
    assert_eq!(batch.collect::<Vec<_>>(), [[1; 8], [2; 8]]);
}

/// Guards stay on their thread, whatever is in them; a subscriber is shared only over what may be shared.
#[test]
fn x02_no_guard_is_shared() {
    macro_rules! is_sync {
        ($type:ty) => {{
            #[allow(dead_code)]
            trait Fallback {
                const SYNC: bool = false;
            }
            impl<T> Fallback for T {}
            struct Probe<T>(std::marker::PhantomData<T>);
            #[allow(dead_code)]
            impl<T: Sync> Probe<T> {
                const SYNC: bool = true;
            }
            Probe::<$type>::SYNC
        }};
    }
    assert!(is_sync!(u32) && !is_sync!(Cell<u32>), "the probe sees");
    assert!(!is_sync!(ringway::Batch<'static, u32>) && !is_sync!(ringway::Slots<'static, u32>));
    assert!(!is_sync!(broadcast::Batch<'static, u32>));
    assert!(is_sync!(broadcast::Subscriber<u32>) && !is_sync!(broadcast::Subscriber<Cell<u32>>));
    assert!(!is_sync!(spsc::Receiver<u32>) && !is_sync!(mpmc::Receiver<u32>) && !is_sync!(broadcast::Receiver<u32>));
}
