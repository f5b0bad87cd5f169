//! Atomics whose orderings can be weakened one at a time, to see whether the models notice.
//!
//! Only in builds with `--cfg ringway_mutants` (and loom's). A site is the place in the source that calls the atomic, so that the
//! source itself says nothing of mutants and no site can be forgotten. `RINGWAY_MUTANT=file:line:column:argument=Ordering` weakens
//! one; `RINGWAY_MUTANT=guard:name` switches one guard off (see [`guard`]); `RINGWAY_SITES=file` appends what was come by. The
//! driver is `loom-tests/src/bin/mutants.rs`.

use loom::sync::atomic as real;
use std::collections::HashSet;
use std::io::Write;
use std::panic::Location;
use std::sync::{Mutex, OnceLock, PoisonError};

pub(crate) use loom::sync::atomic::Ordering;

fn chosen() -> &'static str {
    static CHOSEN: OnceLock<String> = OnceLock::new();
    CHOSEN.get_or_init(|| std::env::var("RINGWAY_MUTANT").unwrap_or_default())
}

/// Appends a site to the list, once.
fn note(site: &str) {
    static NOTED: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    static FILE: OnceLock<Option<String>> = OnceLock::new();
    let Some(file) = FILE.get_or_init(|| std::env::var("RINGWAY_SITES").ok()) else { return };
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    if noted.get_or_insert_default().insert(site.to_owned()) {
        let mut file =
            std::fs::OpenOptions::new().append(true).create(true).open(file).expect("the list can be written");
        writeln!(file, "{site}").expect("the list can be written");
    }
}

/// The ordering at the caller's site; `argument` tells apart the two of a compare-and-swap.
#[track_caller]
fn at(strong: Ordering, argument: usize) -> Ordering {
    if strong == Ordering::Relaxed {
        return strong;
    }
    let place = Location::caller();
    let site = format!("{}:{}:{}:{argument}", place.file(), place.line(), place.column());
    note(&format!("{site}={strong:?}"));
    match chosen().strip_prefix(&site).and_then(|rest| rest.strip_prefix('=')) {
        Some("Relaxed") => Ordering::Relaxed,
        Some("Acquire") => Ordering::Acquire,
        Some("Release") => Ordering::Release,
        Some("AcqRel") => Ordering::AcqRel,
        _ => strong,
    }
}

#[track_caller]
pub(crate) fn fence(strong: Ordering) {
    match at(strong, 0) {
        // There is no relaxed fence: none at all.
        Ordering::Relaxed => {}
        order => real::fence(order),
    }
}

/// Whether a guard is on: always, but for the one that was chosen.
pub(crate) fn guard(name: &str) -> bool {
    note(&format!("guard:{name}"));
    chosen().strip_prefix("guard:") != Some(name)
}

macro_rules! atomic {
    ($($name:ident: $value:ty { $($fetch:ident)* })+) => {$(
        #[derive(Debug)]
        pub(crate) struct $name(real::$name);

        #[allow(dead_code, reason = "not every kind needs every call")]
        impl $name {
            pub(crate) fn new(value: $value) -> Self {
                Self(real::$name::new(value))
            }

            #[track_caller]
            pub(crate) fn load(&self, order: Ordering) -> $value {
                self.0.load(at(order, 0))
            }

            #[track_caller]
            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, at(order, 0));
            }

            #[track_caller]
            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                self.0.swap(value, at(order, 0))
            }

            #[track_caller]
            pub(crate) fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.0.compare_exchange(current, new, at(success, 0), at(failure, 1))
            }

            #[track_caller]
            pub(crate) fn compare_exchange_weak(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                self.0.compare_exchange_weak(current, new, at(success, 0), at(failure, 1))
            }

            $(
                #[track_caller]
                pub(crate) fn $fetch(&self, value: $value, order: Ordering) -> $value {
                    self.0.$fetch(value, at(order, 0))
                }
            )*
        }
    )+};
}

atomic! {
    AtomicBool: bool { fetch_or fetch_and }
    AtomicU64: u64 { fetch_add fetch_sub fetch_or fetch_and }
    AtomicUsize: usize { fetch_add fetch_sub }
}

#[derive(Debug)]
pub(crate) struct AtomicPtr<T>(real::AtomicPtr<T>);

impl<T> AtomicPtr<T> {
    pub(crate) fn new(value: *mut T) -> Self {
        Self(real::AtomicPtr::new(value))
    }

    #[track_caller]
    pub(crate) fn load(&self, order: Ordering) -> *mut T {
        self.0.load(at(order, 0))
    }

    #[track_caller]
    pub(crate) fn compare_exchange(
        &self,
        current: *mut T,
        new: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        self.0.compare_exchange(current, new, at(success, 0), at(failure, 1))
    }
}
