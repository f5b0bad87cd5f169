//! Breaks the library on purpose, one place at a time, and expects the test that guards the place to fail.
//!
//! ```text
//! cargo run -p loom-tests --bin broken              all of them
//! cargo run -p loom-tests --bin broken -- f01 mpmc  those whose row, file or test contains one of these
//! cargo run -p loom-tests --bin broken -- --check   only whether the lists, docs/faults.md and the tests agree
//! ```
//!
//! What is broken stands in `loom-tests/broken/*.toml`. Each variant is a change of text in a copy of the tree, so that nothing of
//! it is in the library; orderings and guards, which need no rebuilding, are the business of the `mutants` program.

mod check;
mod list;
mod tree;

use list::{List, Variant};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;
use tree::{Fate, Tree};

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<bool, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the crate lies in a workspace")?;
    std::env::set_current_dir(root).map_err(|error| error.to_string())?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let list = List::read(Path::new("loom-tests/broken"))?;
    check::all(&list)?;
    if arguments.iter().any(|argument| argument == "--check") {
        return Ok(true);
    }
    let wanted: Vec<_> = list.variants.iter().filter(|variant| variant.is_wanted(&arguments)).collect();
    if wanted.is_empty() {
        return Err("no variant is called so".to_owned());
    }
    try_all(&wanted)
}

/// As many at once as there are cores, each in a copy of its own.
fn try_all(variants: &[&Variant]) -> Result<bool, String> {
    let began = Instant::now();
    let next = AtomicUsize::new(0);
    let fates = Mutex::new(Vec::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(variants.len());
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|worker| {
                let (next, fates) = (&next, &fates);
                scope.spawn(move || {
                    let tree = Tree::copied(worker)?;
                    while let Some(variant) = variants.get(next.fetch_add(1, Relaxed)) {
                        let began = Instant::now();
                        let fate = tree.try_one(variant)?;
                        println!("{fate} {variant} ({} s)", began.elapsed().as_secs());
                        fates.lock().expect("nobody panics with it").push(fate);
                    }
                    Ok::<_, String>(())
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("a worker reports, and does not panic"))
    })?;
    let fates = fates.into_inner().expect("nobody panics with it");
    let noticed = fates.iter().filter(|fate| matches!(fate, Fate::Noticed | Fate::Hung)).count();
    let hung = fates.iter().filter(|fate| matches!(fate, Fate::Hung)).count();
    println!(
        "{noticed} of {} broken variants noticed ({hung} by a test that hung), {} s",
        fates.len(),
        began.elapsed().as_secs()
    );
    Ok(noticed == fates.len())
}
