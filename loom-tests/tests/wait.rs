//! The park and wake handshake. A lost wake-up shows as a deadlock, which loom reports: its sleeps have no safety net.

use loom_tests::{Arc, Mint, Token, model, thread};
use ringway::{Builder, Event, RecvTimeoutError, SendTimeoutError, Sink, Source, Wait, mpsc, spsc};
use std::time::Duration;

fn spsc<T>(capacity: usize) -> (spsc::Sender<T>, spsc::Receiver<T>) {
    Builder::new(capacity).wait(Wait::park()).spsc().expect("a valid channel")
}

fn mpsc<T>(capacity: usize) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    Builder::new(capacity).wait(Wait::park()).mpsc().expect("a valid channel")
}

/// A receiver that sleeps, or is about to, is woken by a send.
#[test]
fn f27_send_wakes_receiver() {
    model("send wakes receiver", 3, || {
        let (mut tx, mut rx) = spsc(1);
        let receiver = thread::spawn(move || rx.recv());
        tx.try_send(7).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(7));
    });
}

/// Both directions: a sender that sleeps over a full channel is woken by a receive, and the other way round.
#[test]
fn receive_wakes_sender() {
    model("receive wakes sender", 3, || {
        let (mut tx, mut rx) = spsc(1);
        let sender = thread::spawn(move || (0..3).try_for_each(|n| tx.send(n)));
        assert_eq!([rx.recv(), rx.recv(), rx.recv()], [Ok(0), Ok(1), Ok(2)]);
        sender.join().unwrap().unwrap();
    });
}

/// Two senders sleep over a full channel; two receives wake both.
#[test]
fn two_sleeping_senders() {
    model("two sleeping senders", 2, || {
        let (mut tx, mut rx) = mpsc(1);
        let mut other = tx.clone();
        tx.try_send(0).unwrap();
        let one = thread::spawn(move || tx.send(1));
        let two = thread::spawn(move || other.send(2));
        let sum = rx.recv().unwrap() + rx.recv().unwrap() + rx.recv().unwrap();
        assert_eq!(sum, 3);
        one.join().unwrap().unwrap();
        two.join().unwrap().unwrap();
    });
}

/// Slots that are given up wake the receiver, who makes room for a sender that sleeps.
#[test]
fn skip_mark_makes_room() {
    model("skip mark makes room", 2, || {
        let (mut tx, mut rx) = mpsc(1);
        let mut other = tx.clone();
        drop(tx.try_reserve(1).unwrap());
        let sender = thread::spawn(move || other.send(7));
        assert_eq!(rx.recv(), Ok(7));
        sender.join().unwrap().unwrap();
    });
}

/// The same while the receiver is falling asleep.
#[test]
fn abort_wakes_receiver() {
    model("abort wakes receiver", 2, || {
        let (mut tx, mut rx) = mpsc(1);
        let receiver = thread::spawn(move || rx.recv());
        drop(tx.try_reserve(1).unwrap());
        // Room is made by the receiver alone.
        tx.send(7).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(7));
    });
}

/// Closing releases a receiver that sleeps over an empty channel.
#[test]
fn f10_close_wakes_receiver() {
    model("close wakes receiver", 3, || {
        let (tx, mut rx) = mpsc::<u32>(1);
        let receiver = thread::spawn(move || rx.recv());
        assert!(tx.close());
        assert!(receiver.join().unwrap().is_err());
    });
}

/// Dropping the receiver releases a sender that sleeps over a full channel, with its message; or the message went in just before
/// and is dropped with the channel.
#[test]
fn f08_receivers_drop_wakes_sender() {
    model("receiver's drop wakes sender, spsc", 3, || {
        let (tx, rx) = spsc(1);
        receiver_drops(tx, rx);
    });
    model("receiver's drop wakes sender, mpsc", 3, || {
        let (tx, rx) = mpsc(1);
        // The seal comes before the slots are given back: nothing can slip in.
        assert!(!receiver_drops(tx, rx));
    });
}

/// Whether the message that had to wait went in.
fn receiver_drops(mut tx: impl Sink<Token> + Send + 'static, rx: impl Source<Item = Token>) -> bool {
    let mint = Mint::new();
    assert!(tx.try_send(mint.token(0)).is_ok());
    let token = mint.token(7);
    let sender = thread::spawn(move || tx.send(token).map_err(|error| error.into_inner().number));
    drop(rx);
    let sent = sender.join().unwrap();
    assert!(matches!(sent, Ok(()) | Err(7)));
    assert_eq!(mint.alive(), 0);
    sent.is_ok()
}

/// A sender whose time is up leaves with its message or without it, and takes nobody else's wake-up along.
#[test]
fn timeout_passes_the_wakeup_on() {
    model("timeout passes the wake-up on", 2, || {
        let (mut tx, mut rx) = mpsc(1);
        let mut other = tx.clone();
        tx.try_send(0).unwrap();
        let hasty = thread::spawn(move || tx.send_timeout(1, Duration::ZERO));
        let patient = thread::spawn(move || other.send(2));
        assert_eq!(rx.recv(), Ok(0));
        let second = rx.recv().unwrap();
        match hasty.join().unwrap() {
            Ok(()) => assert_eq!(second + rx.recv().unwrap(), 3),
            Err(SendTimeoutError::Timeout(1)) => assert_eq!(second, 2),
            Err(error) => panic!("{error}"),
        }
        patient.join().unwrap().unwrap();
    });
}

/// A receiver whose time is up has looked once more: it has the message, or leaves it.
#[test]
fn receive_timeout() {
    model("receive timeout", 3, || {
        let (mut tx, mut rx) = spsc(1);
        let sender = thread::spawn(move || {
            tx.try_send(7).unwrap();
            tx
        });
        let received = rx.recv_timeout(Duration::ZERO);
        let _tx = sender.join().unwrap();
        match received {
            Ok(7) => assert!(rx.try_recv().is_err()),
            Err(RecvTimeoutError::Timeout) => assert_eq!(rx.try_recv(), Ok(7)),
            other => panic!("{other:?}"),
        }
    });
}

/// One thread sleeps over two channels; each wakes it.
#[test]
fn one_event_for_two_channels() {
    model("one event for two channels", 2, || {
        let event = Event::new();
        let channel = || Builder::new(1).event(&event).spsc::<u32>().unwrap();
        let ((mut tx_a, mut rx_a), (mut tx_b, mut rx_b)) = (channel(), channel());
        let a = thread::spawn(move || {
            tx_a.try_send(1).unwrap();
            tx_a
        });
        let b = thread::spawn(move || {
            tx_b.try_send(2).unwrap();
            tx_b
        });
        let mut sum = 0;
        while sum < 3 {
            let ready = || rx_a.try_recv().map(|n| sum += n).is_ok() || rx_b.try_recv().map(|n| sum += n).is_ok();
            assert!(event.wait_until(None, ready));
        }
        drop((a.join().unwrap(), b.join().unwrap()));
    });
}

/// Two sleepers and two single notifications: both wake.
#[test]
fn v01_two_sleepers_two_notifications() {
    model("two sleepers, two notifications", 2, || {
        let event = Event::new();
        let flag = Arc::new(Flag::default());
        let sleep = || {
            let (event, flag) = (event.clone(), Arc::clone(&flag));
            thread::spawn(move || event.wait_until(None, || flag.take()))
        };
        let sleepers = [sleep(), sleep()];
        for _ in 0..2 {
            flag.give();
            event.notify_one();
        }
        for sleeper in sleepers {
            assert!(sleeper.join().unwrap());
        }
    });
}

/// Everybody is woken at once.
#[test]
fn notify_all() {
    model("notify all", 2, || {
        let event = Event::new();
        let flag = Arc::new(Flag::default());
        let sleep = || {
            let (event, flag) = (event.clone(), Arc::clone(&flag));
            thread::spawn(move || event.wait_until(None, || flag.is_given()))
        };
        let sleepers = [sleep(), sleep()];
        flag.give();
        event.notify_all();
        for sleeper in sleepers {
            assert!(sleeper.join().unwrap());
        }
    });
}

use flag::Flag;

mod flag {
    #[cfg(ringway_loom)]
    use loom::sync::atomic::{AtomicU32, Ordering};
    #[cfg(not(ringway_loom))]
    use std::sync::atomic::{AtomicU32, Ordering};

    /// A number of things to take. Relaxed on purpose: the handshake alone has to order them.
    #[derive(Default)]
    pub(crate) struct Flag(AtomicU32);

    impl Flag {
        pub(crate) fn give(&self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }

        pub(crate) fn is_given(&self) -> bool {
            self.0.load(Ordering::Relaxed) > 0
        }

        pub(crate) fn take(&self) -> bool {
            let mut given = self.0.load(Ordering::Relaxed);
            while given > 0 {
                match self.0.compare_exchange(given, given - 1, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => return true,
                    Err(seen) => given = seen,
                }
            }
            false
        }
    }
}

/// A receiver moves to another event, as a worker does with its inboxes, and sleeps there; a send in the meantime wakes it.
#[test]
fn a_moved_bell_wakes_its_sleeper() {
    model("a moved bell wakes its sleeper", 3, || {
        let (mut tx, mut rx) = spsc(1);
        let worker = thread::spawn(move || {
            let event = Event::new();
            assert!(rx.set_event(&event));
            assert!(event.wait_until(None, || !rx.is_empty()));
            rx.try_recv()
        });
        tx.try_send(7).unwrap();
        assert_eq!(worker.join().unwrap(), Ok(7));
    });
}

/// Two threads sleep on one event, each for a channel of its own: a message wakes the one that it is for.
#[test]
fn one_event_for_two_threads() {
    model("one event for two threads", 2, || {
        let event = Event::new();
        let channel = || Builder::new(1).wait(Wait::park()).event(&event).spsc::<u32>().unwrap();
        let ((tx_a, mut rx_a), (mut tx_b, mut rx_b)) = (channel(), channel());
        let a = thread::spawn(move || rx_a.recv());
        let b = thread::spawn(move || rx_b.recv());
        tx_b.try_send(2).unwrap();
        assert_eq!(b.join().unwrap(), Ok(2));
        drop(tx_a);
        assert!(a.join().unwrap().is_err());
    });
}
