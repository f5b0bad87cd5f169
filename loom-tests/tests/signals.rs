//! Signals: a history that is read while it is written, inboxes that refuse, tables that change under a sender, and the close.

use loom_tests::{Arc, Note, model, thread};
use ringway::Wait;
use ringway::coord::Overflow;
use ringway::coord::signals::{
    HistoryFilter, Signal, SignalError, SignalHub, SignalPayload, SignalStream, Subscription, TryRecvError,
};
use ringway::ids::{AgentId, CoordId, CorrelationId, SignalKind, SignalMask};

const C: CoordId = CoordId::new(1);

fn hub(history: usize, capacity: usize, overflow: Overflow) -> SignalHub {
    let builder = SignalHub::builder().history(history).subscriber_capacity(capacity).metrics(false);
    let hub = builder.wait(Wait::park()).overflow(overflow).build().expect("a valid hub");
    hub.open(C).expect("there is memory");
    hub
}

fn subscribe(hub: &SignalHub) -> SignalStream {
    let agent = AgentId { index: 0, generation: 0 };
    hub.subscribe_with(C, agent, &Subscription { kinds: SignalMask::ALL, ..Subscription::default() })
        .expect("it is open")
}

/// Says its number in the first word and in the last.
fn numbered(n: u64) -> Signal {
    let mut body = [0; 56];
    body[..8].copy_from_slice(&n.to_le_bytes());
    let mut signal = Signal::new(SignalKind::FIRST_CUSTOM, SignalPayload::Custom(body));
    signal.meta.correlation = CorrelationId::new(!n);
    signal
}

fn number(signal: &Signal) -> u64 {
    let SignalPayload::Custom(body) = signal.payload else { panic!("{signal:?}") };
    let n = u64::from_le_bytes(body[..8].try_into().expect("eight bytes"));
    assert_eq!(signal.meta.correlation.get(), !n, "torn");
    n
}

fn newest(hub: &SignalHub) -> Vec<u64> {
    let mut out = [Signal::default(); 2];
    let found = hub.history(C, &HistoryFilter::default(), 2, &mut out).expect("it is open");
    out[..found].iter().map(number).collect()
}

/// Torn copies of a record of sixteen words would be 2^16 executions: in models nothing is overwritten here, and `lossy` tears
/// records of two words instead. Real threads do both.
const HISTORY: usize = if cfg!(ringway_loom) { 2 } else { 1 };

#[test]
fn history_append_against_read() {
    model("signals: two appends to a history against a read", 3, || {
        let hub = hub(HISTORY, 1, Overflow::DropOldest);
        let writer = {
            let hub = hub.clone();
            thread::spawn(move || (1..=2).for_each(|n| assert!(hub.signal(C, &numbered(n)).is_ok())))
        };
        assert!([&[][..], &[1], &[2], &[2, 1]].contains(&&*newest(&hub)));
        writer.join().unwrap();
        assert!(newest(&hub).starts_with(&[2]));
    });
}

/// An inbox of one place: the next signal never lands on one that is being read, and whoever finds room finds all that the reader
/// did before it made it.
#[test]
fn an_inbox_that_refuses_loses_nothing() {
    model("signals: an inbox of one that refuses, two signals", 3, || {
        let (hub, note) = (hub(1, 1, Overflow::Reject), Arc::new(Note::new()));
        let stream = subscribe(&hub);
        hub.signal(C, &numbered(0)).expect("there is room");
        let sender = {
            let (hub, note) = (hub.clone(), Arc::clone(&note));
            thread::spawn(move || {
                let sent = hub.signal(C, &numbered(1)).is_ok();
                assert!(!sent || note.read() == 7);
                sent
            })
        };
        note.write(7);
        assert_eq!(stream.try_recv().as_ref().map(number), Ok(0));
        let sent = sender.join().unwrap();
        let next = stream.try_recv().as_ref().map(number).map_err(|error| *error);
        assert_eq!(next, if sent { Ok(1) } else { Err(TryRecvError::Empty) });
        assert_eq!(stream.lagged(), 0);
        // It is the reader that makes room.
        assert!(hub.signal(C, &numbered(2)).is_ok());
        assert!(matches!(hub.signal(C, &numbered(3)), Err(SignalError::Full { .. })));
    });
}

/// Two senders, one place: one of them is refused.
#[test]
fn two_senders_share_what_room_there_is() {
    model("signals: an inbox of one that refuses, two senders", 2, || {
        let hub = hub(2, 1, Overflow::Reject);
        let stream = subscribe(&hub);
        let other = {
            let hub = hub.clone();
            thread::spawn(move || hub.signal(C, &numbered(1)).is_ok())
        };
        let mine = hub.signal(C, &numbered(2)).is_ok();
        let theirs = other.join().unwrap();
        assert!(mine != theirs);
        assert_eq!(stream.try_recv().as_ref().map(number), Ok(if mine { 2 } else { 1 }));
        assert_eq!((stream.try_recv(), stream.lagged()), (Err(TryRecvError::Empty), 0));
    });
}

/// Who is in the table gets the signal; who subscribed before the sender looked is in it.
#[test]
fn subscribing_against_sending() {
    model("signals: a subscription against a signal", 2, || {
        let hub = hub(2, 1, Overflow::DropOldest);
        let sender = {
            let hub = hub.clone();
            thread::spawn(move || hub.signal(C, &numbered(1)).expect("it is open").n)
        };
        let stream = subscribe(&hub);
        let delivered = sender.join().unwrap();
        assert_eq!(stream.entered(), delivered as u64);
        assert_eq!(hub.signal(C, &numbered(2)).expect("it is open").n, 1);
        let received = stream.drain(2, drop_it) as u64;
        assert_eq!(received + stream.lagged(), delivered as u64 + 1);
    });
}

/// Neither of two subscriptions is lost.
#[test]
fn two_subscriptions() {
    model("signals: two subscriptions", 3, || {
        let hub = hub(1, 1, Overflow::DropOldest);
        let other = {
            let hub = hub.clone();
            thread::spawn(move || subscribe(&hub))
        };
        let streams = [subscribe(&hub), other.join().unwrap()];
        assert_eq!(hub.signal(C, &numbered(1)).expect("it is open").n, 2);
        assert!(streams.iter().all(|stream| stream.drain(2, drop_it) == 1));
    });
}

fn drop_it(signal: Signal) {
    number(&signal);
}

/// A signal is refused and nowhere, or in the history; its subscriber has it then, or was disconnected first.
#[test]
fn closing_against_sending() {
    model("signals: the close against a signal", 2, || {
        let hub = hub(1, 1, Overflow::DropOldest);
        let stream = subscribe(&hub);
        let sender = {
            let hub = hub.clone();
            thread::spawn(move || hub.signal(C, &numbered(1)))
        };
        let closed = hub.close(C);
        let received = stream.drain(2, drop_it);
        let sent = sender.join().unwrap();
        // The subscription, and what the history had.
        assert_eq!(closed.dropped, 1 + usize::from(sent.is_ok()));
        match sent {
            Ok(delivered) => assert_eq!(received + stream.drain(2, drop_it), delivered.n),
            Err(error) => assert_eq!((error, received), (SignalError::UnknownCoordination, 0)),
        }
        assert_eq!(stream.try_recv(), Err(TryRecvError::Disconnected));
    });
}
