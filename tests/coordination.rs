//! The scope of a coordination: what is closed, when, in which order.
#![cfg(feature = "coord")]

use ringway::coord::{CloseError, Closed, Coordination, ScopeClosed, Scoped, Stage};
use ringway::ids::{CoordId, SessionId};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

type Log = Arc<Mutex<Vec<(Stage, CoordId)>>>;

struct Part {
    stage: Stage,
    log: Log,
    refs: Arc<AtomicUsize>,
    panics: bool,
}

impl Scoped for Part {
    fn close(&self, coordination: CoordId) -> ScopeClosed {
        assert!(!self.panics, "a part that panics");
        self.log.lock().unwrap().push((self.stage, coordination));
        ScopeClosed { dropped: 2 }
    }

    fn refs(&self, _coordination: CoordId) -> usize {
        self.refs.load(Ordering::Relaxed)
    }

    fn stage(&self) -> Stage {
        self.stage
    }
}

const ID: CoordId = CoordId::new(5);
const ORDER: [Stage; 5] = [Stage::Signals, Stage::Dependencies, Stage::Contexts, Stage::State, Stage::Other];

/// With its parts registered the wrong way round.
fn opened(log: &Log, refs: &Arc<AtomicUsize>, panics: Option<Stage>) -> Coordination {
    let mut coordination = Coordination::open(ID, SessionId::new(1));
    for stage in ORDER.into_iter().rev() {
        let part = Part { stage, log: Arc::clone(log), refs: Arc::clone(refs), panics: panics == Some(stage) };
        coordination.register(part);
    }
    coordination
}

fn stages(log: &Log) -> Vec<Stage> {
    let log = log.lock().unwrap();
    assert!(log.iter().all(|(_, id)| *id == ID));
    log.iter().map(|(stage, _)| *stage).collect()
}

#[test]
fn z4_parts_are_closed_once_and_in_order() {
    let (log, refs) = Default::default();
    let mut coordination = opened(&log, &refs, None);
    assert!(coordination.is_open());
    assert_eq!(coordination.close(), Ok(Closed { scopes: 5, dropped: 10, faults: 0 }));
    assert_eq!(coordination.close(), Err(CloseError::Closed));
    assert!(!coordination.is_open());
    drop(coordination);
    assert_eq!(stages(&log), ORDER);
}

#[test]
fn z4_held_handles_keep_it_open() {
    let (log, refs): (Log, Arc<AtomicUsize>) = Default::default();
    let mut coordination = opened(&log, &refs, None);
    refs.store(2, Ordering::Relaxed);
    assert_eq!(coordination.close(), Err(CloseError::Busy { refs: 10 }));
    assert_eq!((stages(&log), coordination.is_open()), (vec![], true));
    refs.store(0, Ordering::Relaxed);
    assert!(coordination.close().is_ok());
    assert_eq!(stages(&log), ORDER);
}

#[test]
fn z4_dropping_closes_whoever_holds_handles() {
    let (log, refs): (Log, Arc<AtomicUsize>) = Default::default();
    refs.store(1, Ordering::Relaxed);
    drop(opened(&log, &refs, None));
    assert_eq!(stages(&log), ORDER);
}

/// What it panics with may panic again when it is dropped; and a part may panic when it is asked for its stage.
#[test]
fn parts_that_panic_in_other_ways_keep_none_of_the_others_open() {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            panic!("again");
        }
    }
    struct Bad(AtomicUsize);
    impl Scoped for Bad {
        fn close(&self, _coordination: CoordId) -> ScopeClosed {
            std::panic::panic_any(Again)
        }

        fn stage(&self) -> Stage {
            assert_eq!(self.0.fetch_add(1, Ordering::Relaxed), 0, "asked once");
            Stage::Signals
        }
    }
    let (log, refs) = Default::default();
    let mut coordination = opened(&log, &refs, None);
    coordination.register(Bad(AtomicUsize::new(0))).register(Bad(AtomicUsize::new(0)));
    assert_eq!(coordination.close(), Ok(Closed { scopes: 7, dropped: 10, faults: 2 }));
    assert_eq!(stages(&log), ORDER);
}

#[test]
fn a_part_that_panics_keeps_none_of_the_others_open() {
    let (log, refs) = Default::default();
    let mut coordination = opened(&log, &refs, Some(Stage::Dependencies));
    assert_eq!(coordination.close(), Ok(Closed { scopes: 5, dropped: 8, faults: 1 }));
    assert_eq!(stages(&log), [Stage::Signals, Stage::Contexts, Stage::State, Stage::Other]);
}
