//! Broadcasts whose receivers go, and receivers that hold others back on purpose.

use ringway::{Bus, Cycle, Duty, RecvError, TrySendError, Worker, broadcast, each};
use std::time::Duration;

/// The last receiver of a broadcast closes nothing: sends are refused while there is none, and go on with the next.
#[test]
fn x14_a_broadcast_survives_its_receivers() {
    let (mut tx, rx) = broadcast::channel(2);
    let subscriber = tx.subscriber();
    tx.try_send(0).unwrap();
    drop(rx);
    for round in 1..4 {
        assert_eq!(tx.try_send(round), Err(TrySendError::Disconnected(round)));
        assert!(!tx.is_disconnected(), "for the moment only");
        let mut rx = subscriber.subscribe().unwrap();
        tx.try_send(round).unwrap();
        assert_eq!(rx.try_recv(), Ok(round));
    }
    let (mut tx, rx) = broadcast::lossy::<u32>(2);
    drop(rx);
    assert!(tx.send(1).is_ok() && !tx.is_disconnected());
    let mut rx = tx.subscribe();
    tx.send(2).unwrap();
    assert_eq!(rx.try_recv(), Ok(2));
}

/// A bus lives by its handle: publishers go and come.
#[test]
fn x14_a_bus_survives_its_publishers() {
    let bus = Bus::builder().spawn(|_| each(|_: u32| ())).unwrap();
    for n in 0..3 {
        let mut publisher = bus.publisher().unwrap();
        publisher.send(n, 1).unwrap();
        drop(publisher);
    }
    let report = bus.shutdown(Duration::from_secs(60));
    assert_eq!((report.received, report.unsettled), (3, 0));
}

#[test]
fn v15_closing_a_full_broadcast_takes_no_slot() {
    let (mut tx, mut rx) = broadcast::channel(1);
    tx.try_send(7).unwrap();
    drop(tx);
    assert_eq!(rx.try_recv(), Ok(7));
    assert!(rx.is_disconnected());
    assert_eq!(rx.recv(), Err(broadcast::RecvError::Disconnected));
    let (mut tx, mut rx) = ringway::mpmc::channel(1);
    tx.try_send(7).unwrap();
    assert!(rx.close());
    assert_eq!((rx.recv(), rx.recv()), (Ok(7), Err(RecvError)));
}

/// A receiver that its owner moves by hand (what a journal has made durable, say) holds back those who run after it, and with
/// them, in the end, the sender.
#[test]
fn x47_a_gate_of_ones_own() {
    let (mut tx, mut durable) = broadcast::channel(4);
    let mut stage = tx.subscribe_after(&[&durable]).unwrap();
    tx.try_send_iter(&mut (0..4)).unwrap();
    assert!(stage.try_batch(4).is_err());
    for done in [1, 3] {
        durable.try_batch(4).unwrap().commit(done);
        let mut seen = 0;
        stage.drain(4, |_| seen += 1);
        assert_eq!(seen, done);
    }
    assert_eq!(tx.try_send_iter(&mut (4..12)), Ok(4));
    // Left without its gate it waits for nobody.
    drop(durable);
    assert!(std::iter::from_fn(|| stage.try_recv().ok()).eq(4..8));
}

/// Tells each turn.
struct Turns(std::sync::mpsc::Sender<()>);

impl Duty for Turns {
    fn run(&mut self, _cx: &mut Cycle) -> usize {
        // Nobody listens in the end.
        usize::from(self.0.send(()).is_ok())
    }
}

/// A worker that runs after another receiver, and is closed while that one is behind, still reads what was there.
#[test]
fn a_closed_follower_waits_for_those_before_it() {
    let (mut tx, mut first) = broadcast::channel::<u32>(8);
    let after = tx.subscribe_after(&[&first]).unwrap();
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    let (turns, turned) = std::sync::mpsc::channel();
    let worker = Worker::builder().observe(after, |_| ()).duty(Turns(turns)).start().unwrap();
    worker.close();
    // It has seen that it is closed, and gone round since, unless it has ended.
    turned.iter().take(1000).for_each(drop);
    assert_eq!(first.drain(2, |_| ()), 2);
    assert_eq!(worker.join().received, 2);
}
