//! Signals: who gets which, what is remembered, what is refused.
#![cfg(feature = "coord")]

use ringway::coord::signals::{
    Delivered, HistoryFilter, Meta, Recipients, RecvTimeoutError, Score, SenderId, Signal, SignalError, SignalHub,
    SignalPayload, SignalStream, Subscription, TryRecvError,
};
use ringway::coord::{CloseError, Coordination, Overflow, Stage};
use ringway::ids::{AgentId, CoordId, CorrelationId, SessionId, SignalKind, SignalMask, SymId, TraceId};
use ringway::metrics::{Health, Reading, Registry};
use ringway::value::{BlobRef, ScoreError, SetRef, Value};
use ringway::{BuildError, Event, Wait};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const C: CoordId = CoordId::new(7);
const FAR: Duration = Duration::from_secs(60);

fn agent(index: u32) -> AgentId {
    AgentId { index, generation: 1 }
}

fn kind(n: u8) -> SignalKind {
    SignalKind::new(n).unwrap()
}

/// The n-th signal, of the kind `n % 4`, which says so.
fn numbered(n: u64) -> Signal {
    let payload = SignalPayload::custom(&n.to_le_bytes()).unwrap();
    let meta = Meta { correlation: CorrelationId::new(n), trace: TraceId::new(!n) };
    Signal { meta, ..Signal::new(kind((n % 4) as u8), payload) }
}

fn send(hub: &SignalHub, n: u64) {
    hub.signal(C, &numbered(n)).unwrap();
}

fn number(signal: &Signal) -> u64 {
    let SignalPayload::Custom(body) = signal.payload else { panic!("{signal:?}") };
    let n = u64::from_le_bytes(body[..8].try_into().unwrap());
    assert_eq!((signal.meta.correlation.get(), signal.meta.trace.get()), (n, !n), "torn");
    n
}

fn open(hub: SignalHub) -> SignalHub {
    hub.open(C).unwrap();
    hub
}

/// Tells the others to end, whatever happened.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn hub(history: usize, capacity: usize) -> SignalHub {
    open(SignalHub::builder().history(history).subscriber_capacity(capacity).build().unwrap())
}

fn all(hub: &SignalHub, index: u32) -> SignalStream {
    hub.subscribe(C, agent(index), SignalMask::ALL, None).unwrap()
}

fn numbers(stream: &SignalStream) -> Vec<u64> {
    let mut found = vec![];
    stream.drain(usize::MAX, |signal| found.push(number(&signal)));
    found
}

fn newest(hub: &SignalHub, filter: &HistoryFilter, limit: usize) -> Vec<u64> {
    let mut out = vec![Signal::default(); limit];
    let found = hub.history(C, filter, limit, &mut out).unwrap();
    out[..found].iter().map(number).collect()
}

/// What entered, went or waits; and nothing else.
fn assert_accounted(stream: &SignalStream, waiting: u64) {
    assert_eq!(stream.entered(), stream.received() + stream.lagged() + waiting, "{stream:?}");
}

#[test]
fn s_d1_every_subscriber_gets_what_it_asked_for_and_nothing_else() {
    let hub = hub(1_000, 128);
    let streams: Vec<_> = (0..10).map(|index| all(&hub, index)).collect();
    let one_kind = hub.subscribe(C, agent(10), kind(2).mask(), None).unwrap();
    for n in 0..100 {
        let expected = if n % 4 == 2 { (11, 0) } else { (10, 1) };
        let Delivered { n, filtered, lagging } = hub.signal(C, &numbered(n)).unwrap();
        assert_eq!(((n, filtered), lagging), (expected, 0));
    }
    assert_eq!(one_kind.entered(), 25);
    assert_eq!(numbers(&one_kind), (0..100).filter(|n| n % 4 == 2).collect::<Vec<_>>());
    for stream in &streams {
        assert_eq!(numbers(stream), (0..100).collect::<Vec<_>>());
        assert_accounted(stream, 0);
    }
    let metrics = hub.metrics(C).unwrap();
    assert_eq!((metrics.sent, metrics.received, metrics.filtered, metrics.lagged), (100, 1_025, 75, 0));
    assert_eq!(metrics.by_kind[..5].each_count(), [(25, 250), (25, 250), (25, 275), (25, 250), (0, 0)]);
    assert!(metrics.avg_ns <= metrics.max_ns && metrics.p99_ns <= metrics.max_ns && metrics.max_ns > 0);
    assert_eq!((metrics.history_len, metrics.subscribers), (100, 11));
}

trait Counts {
    fn each_count(&self) -> Vec<(u64, u64)>;
}

impl Counts for [ringway::coord::signals::KindCount] {
    fn each_count(&self) -> Vec<(u64, u64)> {
        self.iter().map(|count| (count.sent, count.received)).collect()
    }
}

#[test]
fn s_d1_filters_by_sender() {
    let hub = hub(16, 16);
    let from_3 = hub.subscribe(C, agent(0), SignalMask::ALL, Some(SenderId::agent(agent(3)))).unwrap();
    let from_system = hub.subscribe(C, agent(1), kind(0).mask() | kind(1).mask(), Some(SenderId::SYSTEM)).unwrap();
    for n in 0..8 {
        let sender = if n % 2 == 0 { agent(3).into() } else { SenderId::SYSTEM };
        hub.signal(C, &Signal { sender, ..numbered(n) }).unwrap();
    }
    assert_eq!((numbers(&from_3), numbers(&from_system)), (vec![0, 2, 4, 6], vec![1, 5]));
    assert_eq!((from_3.entered(), from_system.entered()), (4, 2));
}

#[test]
fn s_d2_directed_signals_reach_whom_they_are_for() {
    let hub = hub(16, 16);
    let streams: Vec<_> = (0..10).map(|index| all(&hub, index)).collect();
    let pair = hub.recipients(C, &[agent(7), agent(2), agent(7)]).unwrap();
    assert_eq!(hub.recipients(C, &[agent(2), agent(7)]), Ok(pair), "the same set");
    let to = |to, n| hub.signal(C, &Signal { to, ..numbered(n) });
    assert_eq!(to(Recipients::Mask(pair), 1), Ok(Delivered { n: 2, filtered: 8, lagging: 0 }));
    assert_eq!(to(Recipients::One(agent(4)), 2).unwrap().n, 1);
    assert_eq!(to(Recipients::All, 3).unwrap().n, 10);
    for (index, stream) in streams.iter().enumerate() {
        let expected = match index {
            2 | 7 => vec![1, 3],
            4 => vec![2, 3],
            _ => vec![3],
        };
        assert_eq!(numbers(stream), expected, "{index}");
    }
}

#[test]
fn s_d2_unknown_recipients_are_errors_and_nothing_is_sent() {
    let hub = hub(16, 16);
    let _known = all(&hub, 0);
    let to = |to| hub.signal(C, &Signal { to, ..numbered(0) });
    assert_eq!(to(Recipients::One(agent(1))), Err(SignalError::UnknownRecipient { agent: agent(1) }));
    let stale = AgentId { generation: 0, ..agent(0) };
    assert_eq!(to(Recipients::One(stale)), Err(SignalError::UnknownRecipient { agent: stale }));
    let set = hub.recipients(C, &[agent(0), agent(9)]).unwrap();
    assert_eq!(to(Recipients::Mask(set)), Err(SignalError::UnknownRecipient { agent: agent(9) }));
    for wrong in [SetRef { index: 1, ..set }, SetRef { generation: set.generation + 1, ..set }] {
        assert_eq!(to(Recipients::Mask(wrong)), Err(SignalError::UnknownSet));
    }
    assert_eq!(hub.metrics(C).unwrap().sent, 0);
    // Sets belong to their coordination.
    let other = CoordId::new(8);
    hub.open(other).unwrap();
    let signal = Signal { to: Recipients::Mask(set), ..numbered(0) };
    assert_eq!(hub.signal(other, &signal), Err(SignalError::UnknownSet));
}

#[test]
fn s_d2_who_left_is_unknown() {
    let hub = hub(16, 16);
    let (gone, twice) = (all(&hub, 0), [all(&hub, 1), all(&hub, 1)]);
    let to = |index| hub.signal(C, &Signal { to: Recipients::One(agent(index)), ..numbered(0) });
    assert_eq!((to(0).unwrap().n, to(1).unwrap().n), (1, 2));
    drop(gone);
    let [one, other] = twice;
    drop(one);
    assert_eq!(to(0), Err(SignalError::UnknownRecipient { agent: agent(0) }));
    assert_eq!(to(1), Ok(Delivered { n: 1, filtered: 0, lagging: 0 }));
    assert_eq!(other.entered(), 2);
}

#[test]
fn s_d2_a_slow_subscriber_learns_exactly_what_it_lost_and_nobody_else_does() {
    let hub = hub(1_000, 8);
    let (slow, quick) = (all(&hub, 0), all(&hub, 1));
    for n in 0..50 {
        let delivered = hub.signal(C, &numbered(n)).unwrap();
        assert_eq!((delivered.n, delivered.lagging), (2, usize::from(n >= 8)));
        assert_eq!(numbers(&quick), [n]);
    }
    assert_eq!(slow.try_recv(), Err(TryRecvError::Lagged(42)));
    assert_eq!(numbers(&slow), (42..50).collect::<Vec<_>>());
    assert_eq!((slow.lagged(), quick.lagged(), hub.metrics(C).unwrap().lagged), (42, 0, 42));
    assert_accounted(&slow, 0);
    // A drain passes over what was lost, and counts it.
    (0..10).for_each(|n| send(&hub, n));
    assert_eq!((numbers(&slow), slow.lagged()), ((2..10).collect(), 44));
    assert_eq!(hub.signal(C, &numbered(10)).unwrap().lagging, 1, "the quick one has not read since");
}

#[test]
fn s_d2_unknown_coordinations_are_errors() {
    let hub = SignalHub::builder().build().unwrap();
    let unknown = SignalError::UnknownCoordination;
    let mut out = [Signal::default(); 1];
    assert_eq!(hub.signal(C, &numbered(0)), Err(unknown));
    assert_eq!(hub.signal_batch(C, &[numbered(0)]), Err(unknown));
    assert_eq!(hub.signal_batch(C, &[]), Err(unknown));
    assert_eq!(hub.subscribe(C, agent(0), SignalMask::ALL, None).unwrap_err(), unknown);
    assert_eq!(hub.sender(C).unwrap_err(), unknown);
    assert_eq!(hub.recipients(C, &[]), Err(unknown));
    assert_eq!(hub.history(C, &HistoryFilter::default(), 1, &mut out), Err(unknown));
    assert_eq!(hub.archive_to(C, &mut |_| ()), Err(unknown));
    assert_eq!(hub.metrics(C).unwrap_err(), unknown);
    assert_eq!(hub.health(C).unwrap_err(), unknown);
    assert_eq!(hub.close(C).scopes, 0);
}

#[test]
fn s_d3_history_is_newest_first_and_as_long_as_asked() {
    let hub = hub(100, 16);
    (1..=250).for_each(|n| send(&hub, n));
    assert_eq!(newest(&hub, &HistoryFilter::default(), 1_000), (151..=250).rev().collect::<Vec<_>>());
    assert_eq!(newest(&hub, &HistoryFilter::default(), 10), (241..=250).rev().collect::<Vec<_>>());
    let of_a_kind = HistoryFilter { kinds: kind(3).mask(), ..HistoryFilter::default() };
    assert_eq!(newest(&hub, &of_a_kind, 10), (151..=250).rev().filter(|n| n % 4 == 3).take(10).collect::<Vec<_>>());
    let correlated = HistoryFilter { correlation: Some(CorrelationId::new(200)), ..HistoryFilter::default() };
    assert_eq!(newest(&hub, &correlated, 10), [200]);
    let of_a_sender = HistoryFilter { sender: Some(agent(1).into()), ..HistoryFilter::default() };
    assert_eq!(newest(&hub, &of_a_sender, 10), [] as [u64; 0]);
    assert_eq!(hub.metrics(C).unwrap().history_len, 100);
}

#[test]
fn s_d3_history_of_every_size() {
    for size in [1, 100, 1_000, 10_000, 50_000] {
        let hub = hub(size, 16);
        let sent = size as u64 + size as u64 / 2 + 1;
        let signals: Vec<_> = (0..sent).map(numbered).collect();
        assert_eq!(hub.signal_batch(C, &signals).unwrap().accepted, signals.len());
        let expected: Vec<_> = (sent - size as u64..sent).rev().collect();
        assert_eq!(newest(&hub, &HistoryFilter::default(), size + 10), expected);
        assert_eq!(hub.metrics(C).unwrap().history_torn, 0);
    }
}

#[test]
fn s_d3_four_writers_leave_no_entry_torn() {
    let hub = written_by_four(100);
    assert_eq!(newest(&hub, &HistoryFilter::default(), 100).len(), 100);
    // Read and overwritten in the same place most of the time.
    let hub = written_by_four(2);
    assert!(newest(&hub, &HistoryFilter::default(), 100).len() <= 2);
}

/// A hub with this history, read while four threads send; the reader finds each entry whole, and each writer's in order.
fn written_by_four(history: usize) -> SignalHub {
    let hub = hub(history, 64);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let done_at_last = Done(&done);
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let hub = &hub;
                scope.spawn(move || {
                    let mut sender = hub.sender(C).unwrap();
                    (0..5_000).for_each(|n| assert!(sender.signal(&numbered(writer << 32 | n)).is_ok()));
                })
            })
            .collect();
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // `number` checks that each is whole. Each writer's come in its order, whatever was left out.
                let mut last = [u64::MAX; 4];
                for n in newest(&hub, &HistoryFilter::default(), 100) {
                    let writer = (n >> 32) as usize;
                    assert!(n < last[writer]);
                    last[writer] = n;
                }
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        drop(done_at_last);
        reader.join().unwrap();
    });
    assert_eq!(hub.metrics(C).unwrap().sent, 20_000);
    hub
}

#[test]
fn s_d3b_a_parked_subscriber_is_woken() {
    let hub = open(SignalHub::builder().wait(Wait::park()).build().unwrap());
    let stream = all(&hub, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| (0..200).for_each(|n| send(&hub, n)));
        (0..200).for_each(|n| assert_eq!(number(&stream.recv_timeout(FAR).unwrap()), n));
    });
    assert_eq!(stream.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
}

#[test]
fn s_d3b_metrics_off_measures_nothing_and_delivers_the_same() {
    let hub = open(SignalHub::builder().metrics(false).build().unwrap());
    let stream = all(&hub, 0);
    (0..10).for_each(|n| send(&hub, n));
    assert_eq!(numbers(&stream), (0..10).collect::<Vec<_>>());
    let metrics = hub.metrics(C).unwrap();
    assert_eq!((metrics.sent, metrics.received, metrics.max_ns), (10, 0, 0));
    assert_eq!(hub.health(C).unwrap().0, Health::Operational);
}

#[test]
fn s_d3c_every_signal_is_archived_once_and_in_order() {
    let hub = hub(4_096, 16);
    let mut archive = vec![];
    for burst in 0..10_u64 {
        let signals: Vec<_> = (burst * 1_200..(burst + 1) * 1_200).map(numbered).collect();
        hub.signal_batch(C, &signals).unwrap();
        assert_eq!(hub.archive_to(C, &mut |signal| archive.push(number(signal))), Ok(1_200));
    }
    assert_eq!(hub.archive_to(C, &mut |_| panic!("all is archived")), Ok(0));
    assert!(archive.iter().copied().eq(0..12_000));
    let metrics = hub.metrics(C).unwrap();
    assert_eq!((metrics.archived, metrics.archive_missed), (12_000, 0));
}

#[test]
fn s_d3c_what_was_overwritten_before_it_was_archived_is_told() {
    let hub = hub(16, 16);
    (0..50).for_each(|n| send(&hub, n));
    assert_eq!(hub.archive_to(C, &mut |_| panic!("told first")), Err(SignalError::Lagged { missed: 34 }));
    let mut archive = vec![];
    assert_eq!(hub.archive_to(C, &mut |signal| archive.push(number(signal))), Ok(16));
    assert!(archive.into_iter().eq(34..50));
    assert_eq!(hub.metrics(C).unwrap().archive_missed, 34);
}

#[test]
fn s_d3c_a_sink_may_use_the_hub_and_panic() {
    let hub = hub(16, 16);
    (0..3).for_each(|n| send(&hub, n));
    let result =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| hub.archive_to(C, &mut |_| panic!("planned"))));
    assert!(result.is_err());
    let mut archived = vec![];
    let found = hub.archive_to(C, &mut |signal| {
        archived.push(number(signal));
        hub.signal(C, &numbered(9)).unwrap();
        assert_eq!(hub.archive_to(C, &mut |_| ()), Ok(0), "one at a time");
        assert_eq!(hub.metrics(C).unwrap().archived, 1 + archived.len() as u64);
    });
    assert_eq!((found, archived), (Ok(2), vec![1, 2]));
    assert_eq!(hub.archive_to(C, &mut |_| assert_eq!(hub.close(C).faults, 0)), Ok(2));
}

#[test]
fn s_d3d_payloads_that_do_not_fit_are_refused() {
    let payload = |len| SignalPayload::custom(&vec![1; len]);
    assert_eq!(payload(65), Err(SignalError::PayloadTooLarge { max: 64 }));
    assert_eq!(payload(57), Err(SignalError::PayloadTooLarge { max: 64 }));
    assert_eq!(payload(56), Ok(SignalPayload::Custom([1; 56])));
    assert_eq!(SignalPayload::try_from(&[][..]), Ok(SignalPayload::Custom([0; 56])));
    assert_eq!(size_of_val(&Signal::default().to_words()), 128);
}

/// A signal of every payload, with each of its fields somewhere.
fn of_every_payload() -> Vec<SignalPayload> {
    let data = [Value::Null, Value::Bool(true), Value::Int(-5), Value::Float(0.5), Value::Sym(SymId::new(9))];
    let resolved = data.map(|data| SignalPayload::DependencyResolved { kind: 250, id: u32::MAX, by: agent(3), data });
    let error = [None, Some(0), Some(u16::MAX)];
    let completed = error.map(|error| SignalPayload::Completed {
        summary: SymId::new(u32::MAX),
        quality: Score::new(0.75).unwrap(),
        execution_ms: 77,
        artifacts: u16::MAX,
        error,
    });
    let initialized =
        [true, false].map(|ready| SignalPayload::Initialized { capabilities: u64::MAX - 1, ready, init_ms: u32::MAX });
    let message = [true, false].map(|requires_response| SignalPayload::Message {
        topic: SymId::new(4),
        requires_response,
        response_timeout_ms: 5_000,
        body: std::array::from_fn(|index| index as u8 + 100),
    });
    let custom = [SignalPayload::Custom(std::array::from_fn(|index| 255 - index as u8))];
    [&resolved[..], &completed, &initialized, &message, &custom].concat()
}

#[test]
fn d8_payloads_arrive_as_they_were_sent() {
    let hub = hub(64, 64);
    let stream = all(&hub, 0);
    for payload in of_every_payload() {
        for reference in [None, Some(BlobRef { index: 0, generation: 0 }), Some(BlobRef { index: 5, generation: 6 })] {
            let signal = Signal { reference, sender: agent(8).into(), ..Signal::new(kind(63), payload) };
            hub.signal(C, &signal).unwrap();
            assert_eq!(stream.try_recv(), Ok(signal));
        }
    }
    let wrong_tag = |byte: usize| {
        let mut words = Signal::default().to_words();
        words[0] |= 0xff << (8 * byte);
        Signal::from_words(words)
    };
    assert_eq!([wrong_tag(0), wrong_tag(1), wrong_tag(2)], [None; 3]);
}

#[test]
fn d33_a_batch_is_what_its_signals_are() {
    let hub = hub(1_000, 128);
    let (all_kinds, one_kind) = (all(&hub, 0), hub.subscribe(C, agent(1), kind(1).mask(), None).unwrap());
    let mut signals: Vec<_> = (0..100).map(numbered).collect();
    signals[50].to = Recipients::One(agent(1)); // of a kind it did not ask for
    let sent = hub.signal_batch(C, &signals).unwrap();
    assert_eq!((sent.accepted, sent.n, sent.filtered, sent.lagging, sent.stopped), (100, 99 + 25, 76, 0, None));
    assert_eq!(numbers(&all_kinds), (0..100).filter(|n| *n != 50).collect::<Vec<_>>());
    assert_eq!(numbers(&one_kind), (0..100).filter(|n| n % 4 == 1).collect::<Vec<_>>());
    assert_eq!(newest(&hub, &HistoryFilter::default(), 100), (0..100).rev().collect::<Vec<_>>());
    let metrics = hub.metrics(C).unwrap();
    assert_eq!((metrics.sent, metrics.filtered, metrics.by_kind[1].sent), (100, 76, 25));
    assert_eq!(hub.signal_batch(C, &[]).unwrap().accepted, 0);
}

#[test]
fn d33_a_partly_accepted_batch_returns_its_count() {
    let hub = hub(100, 128);
    let stream = all(&hub, 0);
    let unknown = SignalError::UnknownRecipient { agent: agent(5) };
    let bad = Signal { to: Recipients::One(agent(5)), ..numbered(3) };
    let mut sender = hub.sender(C).unwrap();
    let sent = sender.signal_batch(&[numbered(0), numbered(1), bad, numbered(4)]).unwrap();
    assert_eq!((sent.accepted, sent.n, sent.stopped), (2, 2, Some(unknown)));
    assert_eq!(sender.signal_batch(&[bad, numbered(4)]), Err(unknown));
    assert_eq!((numbers(&stream), hub.metrics(C).unwrap().sent), (vec![0, 1], 2));
}

/// What cannot be refused in part is refused as a whole.
#[test]
fn a_subscription_that_rejects_refuses_for_all() {
    let hub = hub(100, 4);
    let lossy = all(&hub, 0);
    let rejecting = |index, kinds| {
        let subscription = Subscription { kinds, overflow: Some(Overflow::Reject), ..Subscription::default() };
        hub.subscribe_with(C, agent(index), &subscription).unwrap()
    };
    let (first, second) = (rejecting(1, SignalMask::ALL), rejecting(2, kind(0).mask()));
    let full = |index| SignalError::Full { agent: agent(index) };
    let sent = hub.signal_batch(C, &[0, 4, 8, 12, 16, 20].map(numbered)).unwrap();
    assert_eq!((sent.accepted, sent.n, sent.stopped), (4, 12, Some(full(1))));
    assert_eq!(hub.signal(C, &numbered(24)), Err(full(1)));
    // The first has room again, which it keeps when the second refuses.
    assert_eq!(number(&first.try_recv().unwrap()), 0);
    assert_eq!(hub.signal(C, &numbered(28)), Err(full(2)));
    assert_eq!(hub.signal(C, &numbered(33)).unwrap(), Delivered { n: 2, filtered: 1, lagging: 1 });
    assert_eq!(hub.signal(C, &numbered(37)), Err(full(1)));
    assert_eq!((numbers(&first), numbers(&second)), (vec![4, 8, 12, 33], vec![0, 4, 8, 12]));
    assert_eq!(newest(&hub, &HistoryFilter::default(), 10), [33, 12, 8, 4, 0]);
    assert_eq!((first.lagged(), second.lagged(), hub.metrics(C).unwrap().refused), (0, 0, 4));
    assert_accounted(&lossy, 4 + 1);
}

#[test]
fn subscriptions_that_reject_lose_nothing_under_load() {
    let hub = open(SignalHub::builder().history(64).subscriber_capacity(8).overflow(Overflow::Reject).build().unwrap());
    let streams = [all(&hub, 0), all(&hub, 1)];
    std::thread::scope(|scope| {
        for writer in 0..3_u64 {
            let mut sender = hub.sender(C).unwrap();
            scope.spawn(move || {
                for n in 0..2_000 {
                    while let Err(error) = sender.signal(&numbered(writer << 32 | n)) {
                        assert!(matches!(error, SignalError::Full { .. }), "{error}");
                        std::thread::yield_now();
                    }
                }
            });
        }
        for stream in streams {
            scope.spawn(move || {
                let mut next = [0; 3];
                for _ in 0..6_000 {
                    let n = number(&stream.recv_timeout(FAR).unwrap());
                    let writer = (n >> 32) as usize;
                    assert_eq!(n as u32, next[writer]);
                    next[writer] += 1;
                }
                assert_eq!(stream.lagged(), 0);
                stream
            });
        }
    });
}

#[test]
fn z4_closing_disconnects_and_late_signals_are_refused() {
    let hub = hub(100, 16);
    let mut flight = Coordination::open(C, SessionId::new(1));
    flight.register(hub.clone());
    let (stream, mut sender) = (all(&hub, 0), hub.sender(C).unwrap());
    (0..3).for_each(|n| send(&hub, n));
    assert_eq!(flight.close(), Err(CloseError::Busy { refs: 2 }));
    assert_eq!(hub.signal(C, &numbered(3)).unwrap().n, 1);
    drop(flight); // closes, whoever holds handles
    assert_eq!(sender.signal(&numbered(4)), Err(SignalError::Closed));
    assert_eq!(sender.signal_batch(&[numbered(4)]), Err(SignalError::Closed));
    assert_eq!(hub.signal(C, &numbered(4)), Err(SignalError::UnknownCoordination));
    assert_eq!(numbers(&stream), [0, 1, 2, 3]);
    assert_eq!(stream.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(stream.recv_timeout(FAR), Err(RecvTimeoutError::Disconnected));
    // Another coordination of this name knows nothing of it.
    hub.open(C).unwrap();
    assert_eq!(sender.signal(&numbered(4)), Err(SignalError::Closed));
    assert_eq!((newest(&hub, &HistoryFilter::default(), 1).len(), hub.metrics(C).unwrap().subscribers), (0, 0));
    drop((stream, sender));
    let (one, other) = (all(&hub, 0), all(&hub, 1));
    assert_eq!(hub.signal(C, &numbered(5)).unwrap().n, 2);
    let closed = hub.close(C);
    assert_eq!((closed.scopes, closed.dropped, closed.faults), (1, 3, 0));
    drop((one, other));
    assert_eq!(hub.close(C).dropped, 0);
    assert_eq!(ringway::coord::Scoped::stage(&hub), Stage::Signals);
}

/// Nobody is subscribed to what is closed, and no set is known there: but that is not why.
#[test]
fn z4_a_sender_to_some_learns_that_it_is_closed() {
    let hub = hub(16, 16);
    let (_stream, mut sender) = (all(&hub, 0), hub.sender(C).unwrap());
    let set = hub.recipients(C, &[agent(0)]).unwrap();
    let signals = [Recipients::One(agent(0)), Recipients::Mask(set)].map(|to| Signal { to, ..numbered(1) });
    assert!(signals.iter().all(|signal| sender.signal(signal).is_ok()));
    hub.close(C);
    for signal in signals {
        assert_eq!(sender.signal(&signal), Err(SignalError::Closed));
        assert_eq!(sender.signal_batch(&[signal]), Err(SignalError::Closed));
    }
}

#[test]
fn a_coordination_has_a_limit_of_sets() {
    let hub = open(SignalHub::builder().max_sets(2).build().unwrap());
    let set = |index| hub.recipients(C, &[agent(index)]);
    let (one, _two) = (set(1).unwrap(), set(2).unwrap());
    assert_eq!(set(3), Err(SignalError::SetLimit { max: 2 }));
    assert_eq!((set(1), hub.recipients(C, &[agent(1), agent(1)])), (Ok(one), Ok(one))); // known ones need no room
    // Another coordination has room of its own.
    hub.open(CoordId::new(9)).unwrap();
    assert!(hub.recipients(CoordId::new(9), &[agent(3)]).is_ok());
}

#[test]
fn opening_twice_changes_nothing() {
    let hub = hub(16, 16);
    let stream = all(&hub, 0);
    hub.open(C).unwrap();
    assert_eq!(hub.signal(C, &numbered(1)).unwrap().n, 1);
    assert_eq!(numbers(&stream), [1]);
    let others: Vec<_> = (0..50).map(|n| CoordId::new(n * 31 % 50 + 100)).collect();
    others.iter().for_each(|id| hub.open(*id).unwrap());
    assert!(others.iter().all(|id| hub.signal(*id, &numbered(0)) == Ok(Delivered::default())));
}

#[test]
fn bad_input_is_refused() {
    let hub = hub(16, 16);
    let subscribe = |kinds| hub.subscribe(C, agent(0), kinds, None).map(drop);
    assert_eq!(subscribe(SignalMask::NONE), Err(SignalError::EmptyMask));
    for overflow in [Overflow::DropNewest, Overflow::DeadLetter, Overflow::Block(FAR)] {
        let subscription = Subscription { overflow: Some(overflow), ..Subscription::default() };
        assert_eq!(hub.subscribe_with(C, agent(0), &subscription).unwrap_err(), SignalError::UnsupportedOverflow);
    }
    let mut out = [Signal::default(); 2];
    let filter = HistoryFilter::default();
    assert_eq!(hub.history(C, &filter, 0, &mut out), Err(SignalError::LimitZero));
    assert_eq!(hub.history(C, &filter, 3, &mut out), Err(SignalError::OutputTooSmall));
    assert_eq!(hub.history(C, &filter, usize::MAX, &mut []), Err(SignalError::OutputTooSmall));
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let data = Value::Float(number);
        let payload = SignalPayload::DependencyResolved { kind: 0, id: 0, by: agent(0), data };
        assert_eq!(hub.signal(C, &Signal::new(kind(2), payload)), Err(SignalError::NotFinite));
    }
    assert_eq!(SignalKind::try_from(63), Ok(kind(63)));
    assert_eq!(SignalKind::try_from(64), Err(SignalError::KindOutOfRange { got: 64 }));
    assert_eq!(SignalError::from(ScoreError::OutOfRange), SignalError::ScoreOutOfRange);
    assert_eq!(SignalError::from(ScoreError::NotFinite), SignalError::NotFinite);
    assert_eq!(hub.metrics(C).unwrap().sent, 0);
}

#[test]
fn a_coordination_has_a_limit_of_subscriptions() {
    let hub = open(SignalHub::builder().max_subscribers(2).build().unwrap());
    let (one, _two) = (all(&hub, 0), all(&hub, 1));
    let third = || hub.subscribe(C, agent(2), SignalMask::ALL, None);
    assert_eq!(third().unwrap_err(), SignalError::SubscriberLimit { max: 2 });
    drop(one);
    assert!(third().is_ok());
}

#[test]
fn mistakes_in_configuration_are_errors() {
    let builder = SignalHub::builder;
    assert_eq!(builder().history(0).build().unwrap_err(), BuildError::ZeroCapacity);
    assert_eq!(builder().subscriber_capacity(0).build().unwrap_err(), BuildError::ZeroCapacity);
    let capacity = usize::MAX;
    assert_eq!(builder().history(capacity).build().unwrap_err(), BuildError::CapacityTooLarge { capacity });
}

#[test]
fn d3_built_in_kinds_have_names() {
    let names: Vec<_> = SignalMask::ALL.iter().map_while(SignalKind::name).collect();
    assert_eq!(names.len(), 8);
    assert_eq!(SignalKind::AGENT_COMPLETED.to_string(), "agent_completed");
    assert_eq!((SignalKind::FIRST_CUSTOM.to_string(), SignalKind::FIRST_CUSTOM.name()), ("kind_8".into(), None));
    assert_eq!(
        (SenderId::SYSTEM.to_string(), SenderId::from(agent(2)).to_string()),
        ("system".into(), "agent_2_1".into())
    );
}

/// A signal that waits for 60 ms has propagated for 60 ms, and the threshold is 50.
#[test]
fn d6_a_slow_propagation_is_an_alert() {
    let registry = Registry::builder().build();
    let hub = open(SignalHub::builder().registry(&registry).unwrap().build().unwrap());
    let stream = all(&hub, 0);
    let only_1 = hub.subscribe(C, agent(1), kind(1).mask(), None).unwrap();
    hub.signal(C, &numbered(0)).unwrap();
    assert_eq!(hub.health(C).unwrap().0, Health::Operational);
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(numbers(&stream), [0]);
    let (health, violations) = hub.health(C).unwrap();
    assert_eq!((health, violations.len()), (Health::Degraded, 1));
    assert!(hub.metrics(C).unwrap().avg_ns > 50_000_000);
    // The application's registry saw the same.
    assert_eq!(registry.health().0, Health::Degraded);
    let mut text = String::new();
    registry.prometheus(&mut text).unwrap();
    for line in
        ["signals_sent{kind=\"agent_initialized\"} 1", "signals_received{kind=\"kind_8\"} 0", "signals_filtered 1"]
    {
        assert!(text.contains(line), "{line} in {text}");
    }
    assert_eq!(registry.series("signal_propagation_time_ms", &[]).is_some(), only_1.entered() == 0);
    let mut snapshot = Default::default();
    registry.snapshot(&mut snapshot);
    let reading = &snapshot.find("signal_propagation_time_ms").unwrap().reading;
    assert!(matches!(reading, Reading::Histogram(summary) if summary.count == 1));
}

#[test]
fn one_event_wakes_for_several_subscriptions() {
    let hub = hub(16, 16);
    let event = Event::new();
    let subscribe = |index| {
        let subscription = Subscription { event: Some(event.clone()), ..Subscription::default() };
        hub.subscribe_with(C, agent(index), &subscription).unwrap()
    };
    let streams = [subscribe(0), subscribe(1)];
    std::thread::scope(|scope| {
        scope.spawn(|| hub.signal(C, &Signal { to: Recipients::One(agent(1)), ..numbered(4) }).unwrap());
        let mut found = vec![];
        assert!(event.wait_until(Some(FAR), || {
            streams.iter().for_each(|stream| found.extend(numbers(stream)));
            !found.is_empty()
        }));
        assert_eq!(found, [4]);
    });
}

/// Who handles a signal may send, and receive, and leave.
#[test]
fn handlers_may_use_their_stream() {
    let hub = hub(16, 16);
    let stream = all(&hub, 0);
    (0..4).for_each(|n| send(&hub, n));
    let mut seen = vec![];
    let taken = stream.drain(3, |signal| {
        seen.push(number(&signal));
        seen.extend(stream.try_recv().iter().map(number));
        hub.signal(C, &numbered(9)).unwrap();
    });
    assert_eq!((taken, seen), (3, vec![0, 1, 2, 3, 9, 9]));
}

#[test]
fn handles_go_to_other_threads() {
    fn is_send<T: Send>(_: &T) {}
    fn is_shared<T: Send + Sync + Clone>(_: &T) {}
    let hub = hub(16, 16);
    is_shared(&hub);
    let (stream, sender) = (all(&hub, 0), hub.sender(C).unwrap());
    is_send(&stream);
    is_send(&sender.clone());
    assert_eq!(ringway::coord::Scoped::refs(&hub, C), 2);
    let debug = format!("{hub:?} {stream:?} {sender:?} {:?}", SignalHub::builder());
    assert!(debug.contains("SignalHub") && debug.contains("received: 0"), "{debug}");
}

/// Subscriptions come and go while others send: whoever is there gets every signal, in order.
#[test]
fn subscribers_come_and_go() {
    let hub = hub(64, 4_096);
    let (done, steady) = (AtomicBool::new(false), all(&hub, 0));
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let _done = Done(&done);
            (0..3_000).for_each(|n| send(&hub, n));
        });
        for index in 1..3 {
            let (hub, done) = (&hub, &done);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let stream = all(hub, index);
                    let found = numbers(&stream);
                    assert!(found.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{found:?}");
                }
            });
        }
        sender.join().unwrap();
    });
    assert_eq!(numbers(&steady), (0..3_000).collect::<Vec<_>>());
    assert_eq!(hub.metrics(C).unwrap().subscribers, 1);
}
