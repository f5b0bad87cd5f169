//! Which core a worker runs on.

use crate::sync::parallelism;
use core_affinity::CoreId;
use std::sync::OnceLock;

/// Which core a worker runs on, of those that this process may use.
///
/// ```
/// use ringway::{BuildError, Pin, Worker, allowed_cores, each, spsc};
///
/// let (_tx, rx) = spsc::channel::<u32>(8);
/// let refused = Worker::builder().pin(Pin::core(100_000)).spawn(rx, each(|_| ())).unwrap_err();
/// assert_eq!(refused, BuildError::CoreNotAllowed { core: 100_000, allowed: allowed_cores().to_vec() });
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pin(Choice);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Choice {
    #[default]
    None,
    Core(usize),
    Nth(usize),
    Spread,
}

impl Pin {
    /// The core that the system numbers so. Building fails where it is not one of [`allowed_cores`]. Several workers that
    /// are built with it share the core.
    pub const fn core(id: usize) -> Self {
        Self(Choice::Core(id))
    }

    /// The `index`-th of [`allowed_cores`], from 0. Building fails where there are not so many. In a container this is
    /// what is meant by "the first core".
    pub const fn nth(index: usize) -> Self {
        Self(Choice::Nth(index))
    }

    /// Worker 0 to the first of [`allowed_cores`], worker 1 to the second, and round again. Where the system refuses, the
    /// worker runs unpinned, with a warning.
    pub const fn spread() -> Self {
        Self(Choice::Spread)
    }

    /// Wherever the system puts it. The default.
    pub const fn none() -> Self {
        Self(Choice::None)
    }

    /// Where the `worker`-th goes.
    pub(crate) fn resolve(&self, worker: usize) -> Result<Placement, PinError> {
        self.among(allowed_cores(), worker)
    }

    fn among(&self, allowed: &[usize], worker: usize) -> Result<Placement, PinError> {
        match self.0 {
            Choice::None => Ok(Placement { core: None, strict: false }),
            Choice::Spread => {
                let core = allowed.get(worker % allowed.len().max(1)).copied();
                Ok(Placement { core, strict: false })
            }
            Choice::Core(core) if allowed.contains(&core) => Ok(Placement { core: Some(core), strict: true }),
            Choice::Core(core) => Err(PinError::CoreNotAllowed { core, allowed: allowed.to_vec() }),
            Choice::Nth(index) => match allowed.get(index) {
                Some(&core) => Ok(Placement { core: Some(core), strict: true }),
                None => Err(PinError::NoSuchIndex { index, allowed: allowed.to_vec() }),
            },
        }
    }

    /// Whether a core is wanted at all.
    pub(crate) fn is_some(&self) -> bool {
        self.0 != Choice::None
    }
}

/// The cores that this process may use, in ascending order: a snapshot, taken once.
///
/// It is taken by whoever asks first, from the asking thread. Builders of workers ask before they pin anything; a program
/// that pins threads by itself should ask before it does so, since a pinned thread and its children see one core only. Empty
/// where the system cannot tell.
pub fn allowed_cores() -> &'static [usize] {
    &Cores::of_process().allowed
}

/// What this process has to run on: a snapshot, taken once, before anything is pinned.
#[derive(Debug)]
pub(crate) struct Cores {
    allowed: Vec<usize>,
    /// How many threads can run at the same time; 0 where the system cannot tell.
    pub(crate) at_once: usize,
}

impl Cores {
    pub(crate) fn of_process() -> &'static Self {
        static SNAPSHOT: OnceLock<Cores> = OnceLock::new();
        SNAPSHOT.get_or_init(|| Self::new(this_threads_cores(), parallelism()))
    }

    /// A quota (that of a container, say) may let fewer threads run than there are cores to run on.
    fn new(allowed: Vec<usize>, parallelism: Option<usize>) -> Self {
        let at_once = match (allowed.len(), parallelism) {
            (0, at_once) => at_once.unwrap_or(0),
            (cores, at_once) => at_once.map_or(cores, |at_once| at_once.min(cores)),
        };
        Self { allowed, at_once }
    }
}

/// The cores that the calling thread may use now.
fn this_threads_cores() -> Vec<usize> {
    let mut cores: Vec<_> = core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect();
    cores.sort_unstable();
    cores
}

/// Why a worker cannot be placed as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PinError {
    CoreNotAllowed { core: usize, allowed: Vec<usize> },
    NoSuchIndex { index: usize, allowed: Vec<usize> },
    Refused { core: usize },
}

/// A worker's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    core: Option<usize>,
    /// It was named: being elsewhere is an error.
    strict: bool,
}

impl Placement {
    /// Pins the calling thread. Gives the core it is pinned to, if it is.
    pub(crate) fn apply(self) -> Result<Option<usize>, PinError> {
        let Some(core) = self.core else { return Ok(None) };
        // The answer of the call says little on some systems; the thread's own mask says it all. Where there is no mask to
        // read, the answer has to do.
        let answer = core_affinity::set_for_current(CoreId { id: core });
        let mask = this_threads_cores();
        let pinned = if mask.is_empty() { answer } else { mask == [core] };
        match (pinned, self.strict) {
            (true, _) => Ok(Some(core)),
            (false, false) => Ok(None),
            (false, true) => Err(PinError::Refused { core }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f19_named_cores_must_be_allowed() {
        let allowed = allowed_cores().to_vec();
        let outside = allowed.iter().max().unwrap() + 1;
        assert_eq!(
            Pin::core(outside).resolve(0),
            Err(PinError::CoreNotAllowed { core: outside, allowed: allowed.clone() })
        );
        let index = allowed.len();
        assert_eq!(Pin::nth(index).resolve(0), Err(PinError::NoSuchIndex { index, allowed: allowed.clone() }));
        assert_eq!(Pin::nth(0).resolve(5), Ok(Placement { core: Some(allowed[0]), strict: true }));
    }

    #[test]
    fn spreading_goes_round() {
        let allowed = allowed_cores();
        let places = (0..2 * allowed.len()).map(|worker| Pin::spread().resolve(worker).unwrap().core.unwrap());
        assert!(places.eq(allowed.iter().chain(allowed).copied()));
    }

    #[test]
    fn pinning_is_the_threads_own_and_leaves_the_snapshot() {
        let before = (this_threads_cores(), allowed_cores());
        let core = *allowed_cores().last().unwrap();
        let pinned = std::thread::spawn(move || {
            let pinned = Placement { core: Some(core), strict: true }.apply();
            (pinned, this_threads_cores())
        });
        assert_eq!(pinned.join().unwrap(), (Ok(Some(core)), vec![core]));
        assert_eq!((this_threads_cores(), allowed_cores()), before);
    }

    /// Where the system has no masks: naming a core is an error, asking for any core is answered by running unpinned.
    #[test]
    fn x39_without_masks_workers_run_unpinned() {
        for worker in 0..3 {
            let placement = Pin::spread().among(&[], worker).unwrap();
            assert_eq!(placement, Placement { core: None, strict: false });
            assert_eq!(placement.apply(), Ok(None));
        }
        assert_eq!(Pin::nth(0).among(&[], 0), Err(PinError::NoSuchIndex { index: 0, allowed: Vec::new() }));
        assert_eq!(Pin::core(0).among(&[], 0), Err(PinError::CoreNotAllowed { core: 0, allowed: Vec::new() }));
    }

    /// A quota without a mask: there are cores to be seen, and time on fewer.
    #[test]
    fn x36_a_quota_counts_as_so_many_cores() {
        let at_once = |cores: usize, parallelism| Cores::new((0..cores).collect(), parallelism).at_once;
        assert_eq!(at_once(64, Some(2)), 2);
        assert_eq!(at_once(2, Some(64)), 2);
        assert_eq!((at_once(4, None), at_once(0, Some(8)), at_once(0, None)), (4, 8, 0));
    }

    /// The core was allowed when the snapshot was taken, and is no longer.
    #[test]
    fn x37_a_core_that_is_refused_is_an_error_only_where_it_was_named() {
        std::thread::spawn(|| {
            let nowhere = Some(1000);
            assert_eq!(Placement { core: nowhere, strict: true }.apply(), Err(PinError::Refused { core: 1000 }));
            assert_eq!(Placement { core: nowhere, strict: false }.apply(), Ok(None));
        })
        .join()
        .unwrap();
    }
}
