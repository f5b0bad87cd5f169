//! A diamond: every order is written to a journal and to a replica, by two threads at the same time, and only then applied, by
//! a third. All three work on the same slots; nothing is copied or passed on.
//!
//! ```text
//!            ,-> journal --.
//!   orders -<               >-> apply
//!            `-> replica --'
//! ```
//!
//! `cargo run --example diamond`

use ringway::{Worker, broadcast};
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

/// Readers share an order, so what they note on it is atomic. Relaxed is enough: whoever follows a reader sees what that one
/// did before it let go of the message.
struct Order {
    account: usize,
    cents: u64,
    journal_line: AtomicU64,
    replica_line: AtomicU64,
}

const ORDERS: u64 = 20_000;
const ACCOUNTS: usize = 16;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut orders, journal) = broadcast::channel::<Order>(1024);
    let replica = orders.subscribe()?;
    // Gets an order when both of these are done with it.
    let apply = orders.subscribe_after(&[&journal, &replica])?;

    let mut lines = 0;
    let journal = Worker::builder()
        .name("journal")
        .observe(journal, move |order| {
            lines += 1;
            order.journal_line.store(lines, Ordering::Relaxed);
        })
        .start()?;
    let mut lines = 0;
    let replica = Worker::builder()
        .name("replica")
        .batch(16) // lets go of its slots more often
        .observe(replica, move |order| {
            lines += 1;
            order.replica_line.store(lines, Ordering::Relaxed);
        })
        .start()?;

    let (results, balances) = mpsc::channel();
    let mut book = Book { applied: 0, balances: [0; ACCOUNTS], results };
    let apply = Worker::builder().name("apply").observe(apply, move |order| book.apply(order)).start()?;

    for n in 0..ORDERS {
        let (journal_line, replica_line) = (AtomicU64::new(0), AtomicU64::new(0));
        let order = Order { account: n as usize % ACCOUNTS, cents: n, journal_line, replica_line };
        if orders.send(order).is_err() {
            return Err("nobody reads any more".into());
        }
    }
    drop(orders); // each stage reads what is left for it, and ends

    for worker in [journal, replica, apply] {
        let report = worker.join();
        assert_eq!((report.received, report.faults), (ORDERS, 0), "{report:?}");
    }
    let balances = balances.recv()?;
    println!("{ORDERS} orders applied, each after journal and replica: {balances:?}");
    assert_eq!(balances.iter().sum::<u64>(), ORDERS * (ORDERS - 1) / 2);
    Ok(())
}

/// What the third stage keeps. It goes with its worker, and tells its result then.
struct Book {
    applied: u64,
    balances: [u64; ACCOUNTS],
    results: mpsc::Sender<[u64; ACCOUNTS]>,
}

impl Book {
    fn apply(&mut self, order: &Order) {
        self.applied += 1;
        // A panic here would be counted as a fault of the worker.
        assert_eq!(order.journal_line.load(Ordering::Relaxed), self.applied);
        assert_eq!(order.replica_line.load(Ordering::Relaxed), self.applied);
        self.balances[order.account] += order.cents;
    }
}

impl Drop for Book {
    fn drop(&mut self) {
        // Nobody listens any more if main has failed.
        let _ = self.results.send(self.balances);
    }
}
