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
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
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
    let cores = std::thread::available_parallelism().map_or(1, usize::from).min(variants.len());
    let trees = (0..cores).map(Tree::copied).collect::<Result<Vec<_>, _>>()?;
    let tests: Vec<&str> =
        variants.iter().map(|variant| variant.test.as_str()).collect::<BTreeSet<_>>().into_iter().collect();
    println!("running {} tests on the library as it is", tests.len());
    in_trees(&trees, &tests, |tree, test| tree.try_whole(test))?;
    let fates = in_trees(&trees, variants, |tree, variant| {
        let began = Instant::now();
        let fate = tree.try_one(variant)?;
        println!("{fate} {variant} ({} s)", began.elapsed().as_secs());
        Ok(fate)
    })?;
    let count = |is: fn(&Fate) -> bool| fates.iter().filter(|fate| is(fate)).count();
    let (noticed, hung) = (count(|fate| *fate != Fate::Passed), count(|fate| *fate == Fate::Hung));
    println!(
        "{noticed} of {} broken variants noticed ({hung} by a test that hung), {} s",
        fates.len(),
        began.elapsed().as_secs()
    );
    Ok(noticed == variants.len())
}

/// Does `work` with each item in whichever tree is free.
fn in_trees<T: Sync, R: Send>(
    trees: &[Tree],
    items: &[T],
    work: impl Fn(&Tree, &T) -> Result<R, String> + Sync,
) -> Result<Vec<R>, String> {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let in_one =
            |tree| std::iter::from_fn(|| items.get(next.fetch_add(1, Relaxed))).map(|item| work(tree, item)).collect();
        let workers: Vec<_> = trees.iter().map(|tree| scope.spawn(move || in_one(tree))).collect();
        let results = workers.into_iter().map(|worker| worker.join().expect("a worker reports, and does not panic"));
        results.collect::<Result<Vec<Vec<R>>, String>>().map(|results| results.into_iter().flatten().collect())
    })
}
