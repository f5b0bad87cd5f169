//! Atomics whose orderings can be weakened one at a time, to see whether the models notice.
//!
//! Only in builds with `--cfg ringway_mutants` (and loom's). A site is the place in the source that calls the atomic, so that the
//! source itself says nothing of mutants and no site can be forgotten. `RINGWAY_MUTANT=file:line:column:argument=Ordering` weakens
//! one; `RINGWAY_MUTANT=guard:name` switches one guard off (see [`guard`]); several of them are parted by `;`.
//! `RINGWAY_SITES=file` appends what was come by. The driver is `loom-tests/src/bin/mutants`.

use loom::sync::atomic as real;
use std::collections::HashSet;
use std::io::Write;
use std::panic::Location;
use std::sync::{Mutex, OnceLock, PoisonError};

pub(crate) use loom::sync::atomic::Ordering;

/// What is weaker in this run.
#[derive(Default)]
struct Chosen {
    orders: Vec<(String, Ordering)>,
    guards: Vec<String>,
}

fn chosen() -> &'static Chosen {
    static CHOSEN: OnceLock<Chosen> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let mut chosen = Chosen::default();
        for part in std::env::var("RINGWAY_MUTANT").unwrap_or_default().split(';').filter(|part| !part.is_empty()) {
            match part.strip_prefix("guard:") {
                Some(name) => chosen.guards.push(name.to_owned()),
                None => {
                    let (site, order) = part.rsplit_once('=').expect("a site and an ordering");
                    chosen.orders.push((site.to_owned(), ordering(order)));
                }
            }
        }
        chosen
    })
}

fn ordering(name: &str) -> Ordering {
    match name {
        "Relaxed" => Ordering::Relaxed,
        "Acquire" => Ordering::Acquire,
        "Release" => Ordering::Release,
        "AcqRel" => Ordering::AcqRel,
        _ => panic!("no weaker ordering is called {name}"),
    }
}

/// Appends a site to the list, once.
fn note(site: impl FnOnce() -> String) {
    static NOTED: Mutex<Option<HashSet<String>>> = Mutex::new(None);
    static FILE: OnceLock<Option<String>> = OnceLock::new();
    let Some(file) = FILE.get_or_init(|| std::env::var("RINGWAY_SITES").ok()) else { return };
    let mut noted = NOTED.lock().unwrap_or_else(PoisonError::into_inner);
    let site = site();
    if noted.get_or_insert_default().insert(site.clone()) {
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
    let site = || format!("{}:{}:{}:{argument}", place.file(), place.line(), place.column());
    note(|| format!("{}={strong:?}", site()));
    if chosen().orders.is_empty() {
        return strong;
    }
    let site = site();
    chosen().orders.iter().find(|(chosen, _)| *chosen == site).map_or(strong, |(_, weaker)| *weaker)
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
    note(|| format!("guard:{name}"));
    !chosen().guards.iter().any(|off| off == name)
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
    AtomicU64: u64 { fetch_add fetch_sub fetch_or fetch_and fetch_max }
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
