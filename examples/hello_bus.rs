//! A bus of two workers that add up payments for each account.
//!
//! `cargo run --example hello_bus`

use ringway::{Batch, Bus, Cycle, Handler, Pin};
use std::collections::HashMap;
use std::error::Error;
use std::sync::mpsc;
use std::time::Duration;

#[derive(Clone, Copy, Debug)]
struct Payment {
    account: u64,
    cents: u64,
}

/// One for each worker. Payments of an account always come to the same one, in order.
struct Ledger {
    balances: HashMap<u64, u64>,
    results: mpsc::Sender<HashMap<u64, u64>>,
}

impl Handler<Payment> for Ledger {
    fn on_batch(&mut self, batch: &mut Batch<'_, Payment>, _cx: &mut Cycle) {
        for payment in batch {
            *self.balances.entry(payment.account).or_default() += payment.cents;
        }
    }

    fn on_stop(&mut self, cx: &mut Cycle) {
        println!("{} on core {:?} kept {} accounts", cx.worker(), cx.core(), self.balances.len());
        // Nobody listens any more if main has failed.
        let _ = self.results.send(std::mem::take(&mut self.balances));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let (results, ledgers) = mpsc::channel();
    let bus = Bus::<Payment>::builder()
        .workers(2)
        .pin(Pin::spread())
        .spawn(|_worker| Ledger { balances: HashMap::with_capacity(100), results: results.clone() })?;
    drop(results);

    let tellers: Vec<_> = (1..=4u64)
        .map(|cents| {
            let mut publisher = bus.publisher()?;
            Ok::<_, ringway::Disconnected>(std::thread::spawn(move || {
                for n in 0..25_000 {
                    let account = n % 100;
                    publisher.send(account, Payment { account, cents }).expect("the bus is open");
                }
            }))
        })
        .collect::<Result<_, _>>()?;
    for teller in tellers {
        teller.join().expect("a teller finishes");
    }

    let report = bus.shutdown(Duration::from_secs(5));
    println!("{} sent, {} received, balanced: {}", report.sent, report.received, report.is_balanced());

    let balances: HashMap<u64, u64> = ledgers.iter().flatten().collect();
    assert_eq!(balances.len(), 100);
    assert!(balances.values().all(|&cents| cents == 250 * (1 + 2 + 3 + 4)));
    assert!(report.is_balanced());
    Ok(())
}
