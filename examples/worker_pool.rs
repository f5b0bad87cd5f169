//! Four workers price options that one thread feeds them: each option goes to whoever is free.
//!
//! `cargo run --release --example worker_pool`

use ringway::{Batch, Cycle, Handler, Pin, Worker, mpmc};
use std::error::Error;
use std::sync::mpsc;

/// A European call, to be priced on a binomial tree: the more steps, the longer it takes.
#[derive(Clone, Copy, Debug)]
struct Task {
    strike: f64,
    steps: usize,
}

impl Task {
    fn price(self, tree: &mut Vec<f64>) -> f64 {
        const SPOT: f64 = 100.0;
        const RATE: f64 = 0.03;
        const VOLATILITY: f64 = 0.2;
        let step = 1.0 / self.steps as f64;
        let up = (VOLATILITY * step.sqrt()).exp();
        let chance = ((RATE * step).exp() - 1.0 / up) / (up - 1.0 / up);
        let discount = (-RATE * step).exp();
        tree.clear();
        let moves = |ups: usize| 2 * ups as i32 - self.steps as i32;
        tree.extend((0..=self.steps).map(|ups| (SPOT * up.powi(moves(ups)) - self.strike).max(0.0)));
        for level in (0..self.steps).rev() {
            for node in 0..=level {
                tree[node] = discount * (chance * tree[node + 1] + (1.0 - chance) * tree[node]);
            }
        }
        tree[0]
    }
}

/// One for each worker, with its own scratch memory.
struct Pricer {
    tree: Vec<f64>,
    results: mpsc::Sender<(f64, f64)>,
}

impl Handler<Task> for Pricer {
    fn on_batch(&mut self, batch: &mut Batch<'_, Task>, _cx: &mut Cycle) {
        for task in batch {
            let price = task.price(&mut self.tree);
            // Nobody listens any more if main has failed.
            let _ = self.results.send((task.strike, price));
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    const TASKS: u32 = 2_000;
    let (mut tasks, from_tasks) = mpmc::channel(64);
    let (results, prices) = mpsc::channel();
    // Small batches: a task takes long, and a worker should not hold many while others are free.
    let pool = Worker::pool(4)
        .name("pricer")
        .pin(Pin::spread())
        .batch(4)
        .spawn(from_tasks, |_worker| Pricer { tree: Vec::with_capacity(400), results: results.clone() })?;
    drop(results);

    for n in 0..TASKS {
        let strike = 80.0 + 40.0 * f64::from(n) / f64::from(TASKS);
        tasks.send(Task { strike, steps: 50 + 50 * (n % 7) as usize })?;
    }
    drop(tasks); // the workers price what is left, and end

    let mut prices: Vec<_> = prices.iter().collect();
    let report = pool.join();
    for worker in &report.workers {
        println!("{} priced {}, busy {:.0} % of the time", worker.id, worker.received, 100.0 * worker.utilization);
    }
    prices.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!((prices.len(), report.received), (TASKS as usize, u64::from(TASKS)));
    let at_the_money = prices.iter().find(|(strike, _)| *strike >= 100.0).expect("one of the strikes").1;
    println!("at the money: {at_the_money:.2}");
    // The formula of Black and Scholes says 9.41.
    assert!((at_the_money - 9.41).abs() < 0.1);
    Ok(())
}
