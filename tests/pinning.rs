//! Pinning where not every core is allowed: each test runs in a process of its own, because what a process may use is
//! looked at once.

use ringway::{Batch, BuildError, Bus, Cycle, Handler, Pin, Worker, allowed_cores, each, mpsc};
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Runs this test again, alone in a process; true in that process.
fn alone(test: &str) -> bool {
    const ALONE: &str = "RINGWAY_TEST_ALONE";
    if std::env::var(ALONE).is_ok_and(|alone| alone == test) {
        return true;
    }
    let this = std::env::current_exe().expect("a test is a program");
    let status = Command::new(this).args(["--exact", test]).env(ALONE, test).status().expect("which can be run again");
    assert!(status.success(), "{test}, alone: {status}");
    false
}

/// Leaves this thread, and those it starts, one core: the last of those it has. Gives it, and all that it had.
fn keep_one_core() -> (usize, Vec<usize>) {
    let cores = core_affinity::get_core_ids().expect("this system has masks");
    let last = *cores.iter().max_by_key(|core| core.id).expect("there is a core");
    assert!(core_affinity::set_for_current(last));
    (last.id, cores.into_iter().map(|core| core.id).collect())
}

fn core_of(pin: Pin) -> Result<Option<usize>, BuildError> {
    let (_tx, rx) = mpsc::channel::<u32>(2);
    let worker = Worker::builder().pin(pin).spawn(rx, each(drop))?;
    worker.close();
    Ok(worker.join().core)
}

/// The n-th core is the n-th of those allowed, whatever the system calls it; others cannot be named.
#[test]
fn x35_cores_are_counted_among_the_allowed() {
    if !alone("x35_cores_are_counted_among_the_allowed") {
        return;
    }
    let (kept, had) = keep_one_core();
    let allowed = vec![kept];
    assert_eq!(core_of(Pin::nth(0)), Ok(Some(kept)));
    assert_eq!(core_of(Pin::core(kept)), Ok(Some(kept)));
    assert_eq!(core_of(Pin::spread()), Ok(Some(kept)));
    assert_eq!(core_of(Pin::nth(1)), Err(BuildError::NoSuchCore { index: 1, allowed: allowed.clone() }));
    assert_eq!(allowed_cores(), allowed);
    for core in had.into_iter().filter(|core| *core != kept) {
        assert_eq!(core_of(Pin::core(core)), Err(BuildError::CoreNotAllowed { core, allowed: allowed.clone() }));
    }
    // Spreading goes round among what there is.
    let bus = Bus::<u32>::builder().workers(3).pin(Pin::spread()).spawn(|_| each(drop)).unwrap();
    assert!(bus.workers().iter().all(|worker| worker.core() == Some(kept)));
}

/// What was allowed before anything was pinned is what counts, also for a worker that a pinned worker starts.
#[test]
fn x34_the_mask_is_that_from_before_the_first_pin() {
    if !alone("x34_the_mask_is_that_from_before_the_first_pin") {
        return;
    }
    struct StartsAnother(Sender<Result<Option<usize>, BuildError>>);
    impl Handler<usize> for StartsAnother {
        fn on_batch(&mut self, batch: &mut Batch<'_, usize>, cx: &mut Cycle) {
            assert_eq!(core_affinity::get_core_ids().unwrap().len(), 1, "{:?} is pinned", cx.core());
            batch.for_each(|index| self.0.send(core_of(Pin::nth(index))).unwrap());
        }
    }
    let (told, cores) = channel();
    let (mut tx, rx) = mpsc::channel(64);
    let worker = Worker::builder().pin(Pin::nth(0)).spawn(rx, StartsAnother(told)).unwrap();
    let had: Vec<_> = core_affinity::get_core_ids().unwrap().into_iter().map(|core| core.id).collect();
    for (index, core) in had.into_iter().enumerate().take(64) {
        tx.send(index).unwrap();
        assert_eq!(cores.recv_timeout(Duration::from_secs(60)).unwrap(), Ok(Some(core)));
    }
    drop(tx);
    assert_eq!(worker.join().faults, 0);
}

/// Who asks for no core gets none: two programs that share a machine do not meet on its first core by default.
#[test]
fn x36_nobody_is_pinned_by_default() {
    assert_eq!(core_of(Pin::default()), Ok(None));
    let bus = Bus::<u32>::builder().workers(2).spawn(|_| each(drop)).unwrap();
    assert!(bus.workers().iter().all(|worker| worker.core().is_none() && worker.warnings().is_empty()));
}
