//! A component with shared state of its own beside ringway's, and how its concurrency is explored by loom.
//!
//! A [`Keeper`] sums up fills that arrive over a ring; a [`Position`] lets other threads look at the sum. The keeper publishes
//! the sum before the count, so that whoever sees a count sees at least the fills that it counts. That is what the models check.

use ringway::{TryRecvError, spsc};

// The component's own atomics and `Arc` come from loom in models; ringway's follow the same switch.
#[cfg(ringway_loom)]
use loom::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
#[cfg(not(ringway_loom))]
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

#[derive(Debug, Default)]
struct Shared {
    total: AtomicU64,
    count: AtomicU64,
}

/// Applies fills.
#[derive(Debug)]
pub struct Keeper {
    fills: spsc::Receiver<u64>,
    shared: Arc<Shared>,
}

/// Looks at what has been applied.
#[derive(Clone, Debug)]
pub struct Position(Arc<Shared>);

/// Who keeps the position that arrives by `fills`, and who looks at it.
pub fn keeper(fills: spsc::Receiver<u64>) -> (Keeper, Position) {
    let shared = Arc::new(Shared::default());
    (Keeper { fills, shared: Arc::clone(&shared) }, Position(shared))
}

impl Keeper {
    /// Applies one fill; tells when there is none.
    pub fn apply_one(&mut self) -> Result<(), TryRecvError> {
        let fill = self.fills.try_recv()?;
        // Only this thread writes: no read-modify-write is needed.
        self.shared.total.store(self.shared.total.load(Ordering::Relaxed) + fill, Ordering::Relaxed);
        // Pairs with `Position::look`: a count is seen after the total that it belongs to.
        self.shared.count.store(self.shared.count.load(Ordering::Relaxed) + 1, Ordering::Release);
        Ok(())
    }
}

impl Position {
    /// How many fills were applied, and a sum that holds them all.
    pub fn look(&self) -> (u64, u64) {
        let count = self.0.count.load(Ordering::Acquire);
        (count, self.0.total.load(Ordering::Relaxed))
    }

    /// The mistake that a model finds: the total may be older than the count.
    #[cfg(all(test, ringway_loom))]
    fn look_carelessly(&self) -> (u64, u64) {
        let total = self.0.total.load(Ordering::Relaxed);
        (self.0.count.load(Ordering::Acquire), total)
    }
}

#[cfg(all(test, not(ringway_loom)))]
mod tests {
    use super::*;

    #[test]
    fn fills_are_summed_up() {
        let (mut tx, rx) = spsc::channel(4);
        let (mut keeper, position) = keeper(rx);
        tx.send(5).unwrap();
        tx.send(7).unwrap();
        while keeper.apply_one().is_ok() {}
        assert_eq!(position.look(), (2, 12));
    }
}

/// `RUSTFLAGS="--cfg ringway_loom" cargo test --release`
#[cfg(all(test, ringway_loom))]
mod models {
    use super::*;
    use loom::thread;
    use ringway::Builder;

    /// Fills 1 and 2 while somebody looks. Two messages and a capacity of one: each reuse of a slot is explored.
    fn look_while_applying(look: fn(&Position) -> (u64, u64)) {
        let mut builder = loom::model::Builder::new();
        // Say the bound: an exploration that is bounded is no proof beyond it.
        builder.preemption_bound = Some(3);
        builder.check(move || {
            let (mut tx, rx) = Builder::new(1).spsc().unwrap();
            let (mut keeper, position) = keeper(rx);
            let applying = thread::spawn(move || {
                loop {
                    match keeper.apply_one() {
                        Ok(()) => {}
                        // loom has to be told that nothing happens until somebody else runs.
                        Err(TryRecvError::Empty) => thread::yield_now(),
                        Err(_) => return,
                    }
                }
            });
            // Blocking calls may be used too: in models they sleep without the safety net, so a lost wake-up is a deadlock.
            tx.send(1).unwrap();
            tx.send(2).unwrap();
            drop(tx);
            let (count, total) = look(&position);
            assert!(total >= [0, 1, 3][count as usize], "{count} fills make {total}");
            applying.join().unwrap();
            assert_eq!(position.look(), (2, 3));
        });
    }

    #[test]
    fn a_count_never_runs_ahead_of_the_total() {
        look_while_applying(Position::look);
    }

    /// A model is worth what it finds: it is seen to find the mistake.
    #[test]
    #[should_panic(expected = "fills make")]
    fn a_careless_look_is_found() {
        look_while_applying(Position::look_carelessly);
    }
}
