//! Weakens every ordering, fence and guard of the library, one at a time, and expects a scenario to fail for each.
//!
//! ```text
//! cargo run -p loom-tests --bin mutants                          all of them
//! cargo run -p loom-tests --bin mutants -- mpmc                  those whose place or line of source holds this
//! cargo run -p loom-tests --bin mutants -- "file | line | weaker" as survivors.txt names them
//! cargo run -p loom-tests --bin mutants -- --list                only what there is
//! cargo run -p loom-tests --bin mutants -- --quick               whether all sites are come by, and survivors.txt is true
//! cargo run -p loom-tests --bin mutants -- --under 10            only by scenarios that take less than 10 s: a first pass
//! cargo run -p loom-tests --bin mutants -- --jobs 1              one scenario at a time
//! ```
//!
//! One build serves all: orderings are chosen at run time by their place in the source (`src/sync/mutant.rs`). The sites that the
//! scenarios come by are compared with the source, so that none is forgotten. A mutant is tried against the scenarios that come by
//! its site, those of its own subject first. What was found out is kept (`programs`), so a run may be stopped and begun again.
//!
//! Under loom a notifier executes a real fence, which ships only where the system has no `membarrier`. It hides what is missing
//! elsewhere. So a mutant that survives what is quick is tried again without that fence, against scenarios that pass without it.
//!
//! Survivors that are explained in `loom-tests/survivors.txt` are counted apart; any other makes this fail.

mod programs;
mod source;
mod survivors;

use programs::{Memory, Outcome, Test, explored, in_parallel};
use source::{Mutant, is_complete, variants};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use survivors::{Explained, Name};

/// What hides others: the notifier's fence (W2).
const MASKS: [&str; 1] = ["src/wait/barrier.rs | light: fence(Ordering::SeqCst); | Relaxed"];

/// Scenarios that take longer come last.
const LONG: Duration = Duration::from_secs(10);

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

#[derive(Default)]
struct Arguments {
    list: bool,
    quick: bool,
    jobs: Option<usize>,
    under: Option<u64>,
    wanted: Vec<String>,
}

impl Arguments {
    fn read() -> Result<Self, String> {
        let mut read = Self::default();
        let mut arguments = std::env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--list" => read.list = true,
                "--quick" => read.quick = true,
                "--jobs" => read.jobs = Some(number(&argument, arguments.next())?).filter(|jobs| *jobs > 0),
                "--under" => read.under = Some(number(&argument, arguments.next())? as u64),
                unknown if unknown.starts_with("--") => return Err(format!("unknown: {unknown}")),
                _ => read.wanted.push(argument),
            }
        }
        Ok(read)
    }

    fn wants(&self, mutant: &Mutant) -> bool {
        let is_wanted = |text: &String| {
            mutant.id.contains(text) || mutant.known_as.contains(text) || Name::parse(text).names(mutant)
        };
        self.wanted.is_empty() || self.wanted.iter().any(is_wanted)
    }
}

fn number(option: &str, value: Option<String>) -> Result<usize, String> {
    let value = value.ok_or(format!("{option} wants a number"))?;
    value.parse().map_err(|_| format!("{option} wants a number, not {value}"))
}

fn run() -> Result<bool, String> {
    let began = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the crate lies in a workspace")?;
    std::env::set_current_dir(root).map_err(|error| error.to_string())?;
    let arguments = Arguments::read()?;
    let jobs = arguments.jobs.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    let mut tests = explored(jobs, arguments.quick)?;
    let sites: BTreeSet<_> = tests.iter().flat_map(|test| &test.sites).cloned().collect();
    let all: Vec<_> = sites.iter().flat_map(|site| variants(site)).collect();
    let explained = Explained::read()?;
    // Both tell what they find.
    let sound = [is_complete(&sites)?, explained.all_match(&all)].into_iter().all(|holds| holds);
    let wanted: Vec<_> = all.iter().filter(|mutant| arguments.wants(mutant)).collect();
    if arguments.list {
        wanted.iter().for_each(|mutant| println!("{mutant}"));
    }
    if arguments.list || arguments.quick {
        println!("{} sites, {} mutants, {} scenarios", sites.len(), all.len(), tests.len());
        return Ok(sound);
    }
    if wanted.is_empty() {
        return Err("no mutant is called so".to_owned());
    }
    let masks: Vec<_> = all.iter().filter(|mutant| MASKS.iter().any(|mask| Name::parse(mask).names(mutant))).collect();
    if masks.len() != MASKS.len() {
        return Err(format!("{} mutants are the {} masks", masks.len(), MASKS.len()));
    }
    tests.retain(|test| arguments.under.is_none_or(|seconds| test.took < Duration::from_secs(seconds)));
    let (memory, fates) = (Memory::read(), Mutex::new(Vec::new()));
    in_parallel(jobs, wanted, |mutant| {
        // Whoever is explained need not be hidden.
        let masks = if explained.why(mutant).is_some() { &[][..] } else { &masks[..] };
        let fate = fate(mutant, masks, &tests, &memory)?;
        println!("{fate:?} {mutant}");
        fates.lock().unwrap_or_else(PoisonError::into_inner).push((mutant, fate));
        Ok(())
    })?;
    let all_told = tell(&fates.into_inner().unwrap_or_else(PoisonError::into_inner), &explained);
    println!("{} s", began.elapsed().as_secs());
    Ok(all_told && sound)
}

#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Killed(String),
    /// By a scenario that passes with the mask alone.
    Unmasked(String),
    /// Not killed, but this scenario did not come to an end.
    Undecided(String),
    Survived,
}

fn fate(mutant: &Mutant, masks: &[&Mutant], tests: &[Test], memory: &Memory) -> Result<Fate, String> {
    let file = mutant.id.split(':').next().unwrap_or_default();
    let own = |test: &Test| match file.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs") {
        "runs" | "tail" => test.full.starts_with("mpsc") || test.full.starts_with("mpmc"),
        "gates" | "lend" => test.full.starts_with("broadcast"),
        _ if file.starts_with("src/wait/") => test.full.starts_with("wait"),
        subject => test.full.starts_with(subject),
    };
    let mut tests: Vec<_> = tests.iter().filter(|test| test.sites.contains(&mutant.site)).collect();
    tests.sort_by_key(|test| (memory.killer(mutant) != Some(&test.full), !own(test), test.took));
    // What is quick comes first, also without the fence. What a guard is for, no fence does.
    let (quick, slow): (Vec<_>, Vec<_>) =
        tests.into_iter().partition(|test| test.took < LONG || memory.killer(mutant) == Some(&test.full));
    let mut too_long = None;
    for test in &quick {
        match memory.outcome(test, &[mutant])? {
            Outcome::Passed => {}
            Outcome::Failed => return Ok(Fate::Killed(test.full.clone())),
            Outcome::TooLong => too_long = Some(test.full.clone()),
        }
    }
    for mask in masks.iter().filter(|mask| mask.site != mutant.site && mutant.site != mutant.id) {
        for test in quick.iter().filter(|test| test.sites.contains(&mask.site)) {
            if memory.outcome(test, &[mask])? == Outcome::Passed
                && memory.outcome(test, &[mutant, mask])? == Outcome::Failed
            {
                return Ok(Fate::Unmasked(test.full.clone()));
            }
        }
    }
    for test in &slow {
        match memory.outcome(test, &[mutant])? {
            Outcome::Passed => {}
            Outcome::Failed => return Ok(Fate::Killed(test.full.clone())),
            Outcome::TooLong => too_long = Some(test.full.clone()),
        }
    }
    Ok(too_long.map_or(Fate::Survived, Fate::Undecided))
}

fn tell(fates: &[(&Mutant, Fate)], explained: &Explained) -> bool {
    let (mut killed, mut unmasked, mut understood, mut open) = (0, 0, 0, 0);
    for (mutant, fate) in fates {
        match (fate, explained.why(mutant)) {
            (Fate::Killed(test) | Fate::Unmasked(test), Some(_)) => {
                println!("EXPLAINED, BUT KILLED by {test}: {mutant}");
                open += 1;
            }
            (Fate::Killed(_), None) => killed += 1,
            (Fate::Unmasked(_), None) => unmasked += 1,
            (_, Some(why)) => {
                println!("explained: {mutant}\n    {why}");
                understood += 1;
            }
            (Fate::Undecided(test), None) => {
                println!("UNDECIDED, {test} did not end: {mutant}");
                open += 1;
            }
            (Fate::Survived, None) => {
                println!("SURVIVED: {mutant}");
                open += 1;
            }
        }
    }
    println!(
        "{} of {} mutants killed ({unmasked} without the notifier's fence), {understood} survivors explained, {open} not",
        killed + unmasked,
        fates.len()
    );
    open == 0
}
