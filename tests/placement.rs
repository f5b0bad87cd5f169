//! Whose memory it is: the slots of a bus's inbox are allocated, and so first touched, by the worker that reads them.

use ringway::{Batch, Bus, Cycle, Handler, Pin};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// No other allocation here is as large: 4,096 slots of a kilobyte.
const SLOTS: usize = 4096 * 1024;

/// Who allocated the slots, by `here`; how many times that was done.
static BY: AtomicUsize = AtomicUsize::new(0);
static TIMES: AtomicUsize = AtomicUsize::new(0);

thread_local! { static HERE: u8 = const { 0 } }

/// A number that no other running thread has.
fn here() -> usize {
    HERE.with(|here| (&raw const *here).addr())
}

struct Notes;

// SAFETY: the system's allocator does all of it.
unsafe impl GlobalAlloc for Notes {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() == SLOTS {
            BY.store(here(), Ordering::Relaxed);
            TIMES.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static NOTES: Notes = Notes;

struct Tells(Sender<usize>);

impl Handler<[u8; 1024]> for Tells {
    fn on_start(&mut self, _cx: &mut Cycle) {
        self.0.send(here()).unwrap();
    }

    fn on_batch(&mut self, batch: &mut Batch<'_, [u8; 1024]>, _cx: &mut Cycle) {
        batch.commit_all();
    }
}

#[test]
fn x41_workers_touch_their_ring_memory() {
    let (told, workers) = channel();
    let bus = Bus::builder().capacity(4096).pin(Pin::spread()).spawn(|_| Tells(told.clone())).unwrap();
    let worker = workers.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(TIMES.load(Ordering::Relaxed) > 0, "the slots are of that size");
    assert_ne!(worker, here());
    assert_eq!(BY.load(Ordering::Relaxed), worker, "the last to allocate them is who reads them");
    drop(bus);
}
