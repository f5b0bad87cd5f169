//! Ids, names and values.

use ringway::clock::{Clock, ManualClock, Monotonic, Stamp};
use ringway::ids::*;
use ringway::value::*;
use std::time::Duration;

#[test]
fn names_are_numbered_once() {
    let topics = Interner::<TopicId>::new(3);
    let [a, b] = ["a", "b"].map(|name| topics.intern(name).unwrap());
    assert_eq!((a.get(), b.get(), topics.intern("a")), (0, 1, Ok(a)));
    assert_eq!((topics.name(b), topics.find("b"), topics.find("c")), ("b", Some(b), None));
    assert_eq!((topics.len(), topics.capacity()), (2, 3));
}

#[test]
fn bad_names_are_errors() {
    let keys = Interner::<KeyId>::new(1);
    assert_eq!(keys.intern(""), Err(InternError::Empty));
    assert_eq!(keys.intern(&"x".repeat(65)), Err(InternError::TooLong { max: 64 }));
    let longest = keys.intern(&"x".repeat(64)).unwrap();
    assert_eq!(keys.intern("y"), Err(InternError::Full));
    // A full interner still knows its names, and an id of nobody's has none.
    assert_eq!(keys.intern(&"x".repeat(64)), Ok(longest));
    assert_eq!((keys.name(KeyId::new(9)), keys.contains(longest), keys.contains(KeyId::new(9))), ("", true, false));
    assert_eq!(Interner::<KeyId>::new(0).intern("x"), Err(InternError::Full));
}

#[test]
fn there_are_no_more_names_than_ids() {
    let rules = Interner::<RuleId>::new(usize::MAX);
    assert_eq!(rules.capacity(), 1 << 16);
    for number in 0..1 << 16 {
        assert_eq!(rules.intern(&number.to_string()).map(InternedId::index), Ok(number));
    }
    assert_eq!(rules.intern("one more"), Err(InternError::Full));
}

#[test]
fn threads_agree_about_names() {
    let symbols = Interner::<SymId>::new(100);
    let of_a_thread = || (0..100).map(|n| symbols.intern(&format!("name {n}")).unwrap()).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let [one, two] = [scope.spawn(of_a_thread), scope.spawn(of_a_thread)];
        assert_eq!(one.join().unwrap(), two.join().unwrap());
    });
    assert_eq!(symbols.len(), 100);
}

#[test]
fn ids_are_shown_by_their_kind() {
    assert_eq!(CoordId::new(1).to_string(), "coord_1");
    assert_eq!(WorkItem::new(1_700_000_000_000_000_001).to_string(), "work_1700000000000000001");
    let agent = AgentId { index: 3, generation: u32::MAX };
    assert_eq!((agent.to_string(), AgentId::from_bits(agent.to_bits())), (format!("agent_3_{}", u32::MAX), agent));
}

#[test]
fn masks_are_sets_of_kinds() {
    let [first, last] = [0, 63].map(|kind| SignalKind::new(kind).unwrap());
    assert_eq!((SignalKind::new(64), SignalKind::new(255)), (None, None));
    let both: SignalMask = [first, last].into_iter().collect();
    assert_eq!(both, first.mask() | last.mask());
    assert_eq!(both.iter().collect::<Vec<_>>(), [first, last]);
    assert!(SignalMask::ALL.contains(last) && !(!both).contains(last) && SignalMask::NONE.is_empty());
    assert_eq!(SignalMask::ALL.iter().count(), 64);
}

#[test]
fn values_are_sixteen_bytes_and_survive_as_words() {
    assert_eq!((size_of::<Value>(), align_of::<Value>()), (16, 8));
    let set = SetRef { index: 1, generation: u32::MAX };
    let blob = BlobRef { index: u32::MAX, generation: 1 };
    let mut values =
        vec![Value::Null, true.into(), false.into(), Value::Sym(SymId::new(u32::MAX)), set.into(), blob.into()];
    values.extend([0, 1, -1, i64::MIN, i64::MAX].map(Value::Int));
    values.extend([0.0, -0.0, f64::MIN_POSITIVE, f64::MAX, f64::MIN].map(|number| Value::float(number).unwrap()));
    for value in values {
        let words = value.to_words();
        assert_ne!(words, ABSENT);
        assert_eq!((Value::from_words(words), Value::words_of(Some(value))), (Some(value), words));
    }
    assert_eq!((Value::from_words(ABSENT), Value::words_of(None)), (None, ABSENT));
    assert_eq!(Value::from_words([8, 0]), None);
}

#[test]
fn numbers_are_finite() {
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Value::float(number), Err(NotFinite));
        assert!(!Value::Float(number).is_finite());
        assert_eq!(Score::new(number), Err(ScoreError::NotFinite));
    }
    assert!(Value::Null.is_finite() && Value::Float(1.0).is_finite());
}

#[test]
fn scores_lie_between_nothing_and_all() {
    assert_eq!([-0.001, 1.001].map(Score::new), [Err(ScoreError::OutOfRange); 2]);
    assert_eq!(Score::new(-0.0).map(Score::to_bits), Ok(0));
    let scores = [0.0, 0.5, 1.0].map(|score| Score::new(score).unwrap());
    assert!(scores.is_sorted() && scores.map(Score::to_bits).is_sorted());
    assert_eq!(scores.map(|score| Score::from_bits(score.to_bits())), scores.map(Ok));
    assert_eq!(Score::from_bits(u64::MAX), Err(ScoreError::NotFinite));
}

#[test]
fn a_manual_clock_moves_when_it_is_told() {
    let clock = ManualClock::new();
    let same = clock.clone();
    assert_eq!(same.fine_ns(), 0);
    clock.advance(Duration::from_micros(1_500));
    assert_eq!((same.fine_ns(), same.coarse_ms()), (1_500_000, 1));
    // 49.7 days later the milliseconds begin again.
    clock.advance(Duration::from_millis(1 << 32));
    assert_eq!(same.coarse_ms(), 1);
    // It stops at its end rather than begin again.
    clock.advance(Duration::MAX);
    assert_eq!(same.fine_ns(), u64::MAX);
}

#[test]
fn clocks_and_stamps_do_not_go_back() {
    let clock = Monotonic::new();
    let (start, stamp) = (clock.fine_ns(), Stamp::now());
    std::thread::sleep(Duration::from_millis(2));
    assert!(clock.fine_ns() - start >= 2_000_000);
    let later = Stamp::now();
    assert!(stamp.ns_until(later) > 1_000_000);
    assert_eq!((later.ns_until(stamp), Stamp::from_bits(stamp.to_bits())), (0, stamp));
}
