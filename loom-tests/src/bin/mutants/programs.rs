//! The scenarios: one build of them all, what each comes by, and how each ends when something is weaker.
//!
//! Whatever was found out is written down under the program's own hash, so that a run that was stopped goes on where it was, and
//! a new scenario costs no more than itself. A change in the library makes new programs of all.

use super::source::Mutant;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const FLAGS: &str = "--cfg ringway_loom --cfg ringway_mutants";
const TARGET: &str = "target/mutants";
const REACH: &str = "target/mutants/reach.tsv";
const OUTCOMES: &str = "target/mutants/outcomes.tsv";
/// The models among the library's own tests.
const OWN_MODELS: [&str; 3] = ["carry", "wait::event", "worker::handle"];

/// One scenario, as the test runner knows it.
#[derive(Clone, Debug)]
pub(crate) struct Test {
    program: PathBuf,
    /// The program's content.
    hash: u64,
    name: String,
    /// `program::name`.
    pub(crate) full: String,
    pub(crate) took: Duration,
    pub(crate) sites: BTreeSet<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Passed,
    Failed,
    /// Stopped: weaker orderings make some models larger than anybody waits for.
    TooLong,
}

pub(crate) struct Memory {
    outcomes: Mutex<HashMap<(u64, String, String), Outcome>>,
    /// Which test failed last time, by what the mutant is known as.
    killers: HashMap<String, String>,
}

impl Test {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["--exact", &self.name, "--test-threads", "1"]);
        // The bounds are the scenarios' own: what is kept was found out with them.
        for variable in ["RINGWAY_MUTANT", "RINGWAY_SITES", "LOOM_MAX_PREEMPTIONS", "RINGWAY_MORE_PREEMPTIONS"] {
            command.env_remove(variable);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs it unchanged, to see by what it comes; `quick` with few preemptions.
    fn explore(&mut self, quick: bool) -> Result<(), String> {
        let list = Path::new(TARGET).join(format!("sites-{}.txt", self.full.replace("::", "-")));
        let _ = fs::remove_file(&list);
        let began = Instant::now();
        let mut command = self.command();
        if quick {
            command.env("LOOM_MAX_PREEMPTIONS", "1");
        }
        let status = command.env("RINGWAY_SITES", &list).status();
        if !status.map_err(|error| error.to_string())?.success() {
            return Err(format!("{} fails without any mutant", self.full));
        }
        self.took = began.elapsed();
        // Some scenarios are for other configurations, and come by nothing.
        self.sites = fs::read_to_string(&list).unwrap_or_default().lines().map(str::to_owned).collect();
        let _ = fs::remove_file(&list);
        Ok(())
    }

    fn run(&self, mutants: &str) -> Result<Outcome, String> {
        let limit = Duration::from_secs(90).max(self.took * 20);
        let began = Instant::now();
        let mut child = self.command().env("RINGWAY_MUTANT", mutants).spawn().map_err(|error| error.to_string())?;
        loop {
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) if status.success() => return Ok(Outcome::Passed),
                // Killed from outside, or for want of memory: that tells nothing, and must not be kept.
                Some(status) if matches!(status.signal(), Some(2 | 9 | 15)) => {
                    return Err(format!("{}: {status}", self.full));
                }
                Some(_) => return Ok(Outcome::Failed),
                None if began.elapsed() > limit => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Ok(Outcome::TooLong);
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        }
    }
}

/// Builds all scenarios and explores those that were not explored before. What was explored quickly is not kept.
pub(crate) fn explored(jobs: usize, quick: bool) -> Result<Vec<Test>, String> {
    let mut tests = Vec::new();
    for (name, path) in build()? {
        tests.extend(tests_of(&name, &path)?);
    }
    let mut known = BTreeMap::new();
    for line in fs::read_to_string(REACH).unwrap_or_default().lines() {
        let mut parts = line.split('\t');
        if let (Some(hash), Some(full), Some(millis)) = (parts.next(), parts.next(), parts.next()) {
            let sites: BTreeSet<_> = parts.map(str::to_owned).collect();
            known.insert((hash.to_owned(), full.to_owned()), (millis.parse().unwrap_or(0), sites));
        }
    }
    let mut new = Vec::new();
    for test in &mut tests {
        match known.get(&(test.hash.to_string(), test.full.clone())) {
            Some((millis, sites)) => (test.took, test.sites) = (Duration::from_millis(*millis), sites.clone()),
            None => new.push(test),
        }
    }
    println!("running {} scenarios unchanged, to see every site", new.len());
    in_parallel(jobs, new, |test| {
        test.explore(quick)?;
        if quick {
            return Ok(());
        }
        let sites: Vec<_> = test.sites.iter().cloned().collect();
        append(REACH, &format!("{}\t{}\t{}\t{}", test.hash, test.full, test.took.as_millis(), sites.join("\t")))
    })?;
    Ok(tests)
}

fn build() -> Result<BTreeMap<String, PathBuf>, String> {
    let mut programs = BTreeMap::new();
    let scenarios = (&["-p", "loom-tests", "--test", "*"][..], "Executable tests/");
    let own = (&["-p", "ringway", "--features", "loom", "--lib"][..], "Executable unittests src/lib.rs");
    for (arguments, told) in [scenarios, own] {
        let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
            .args(["test", "--release", "--no-run", "--target-dir", TARGET])
            .args(arguments)
            .env("RUSTFLAGS", FLAGS)
            // They run for a moment each: the time goes into building them.
            .envs([("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_DEBUG", "none")])
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .map_err(|error| format!("cargo does not start: {error}"))?;
        let text = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("the build fails:\n{text}"));
        }
        for line in text.lines().filter(|line| line.contains(told)) {
            let path = line.rsplit(['(', ')']).nth(1).ok_or("cargo names no executable")?;
            let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
            programs.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    Ok(programs)
}

fn tests_of(program: &str, path: &Path) -> Result<Vec<Test>, String> {
    let mut hasher = DefaultHasher::new();
    fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?.hash(&mut hasher);
    let hash = hasher.finish();
    let mut command = Command::new(path);
    command.args(["--list", "--format", "terse"]);
    if program == "ringway" {
        command.args(OWN_MODELS);
    }
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    let test = |name: &str| Test {
        program: path.to_owned(),
        hash,
        name: name.to_owned(),
        full: format!("{program}::{name}"),
        took: Duration::ZERO,
        sites: BTreeSet::new(),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.strip_suffix(": test")).map(test).collect())
}

impl Memory {
    pub(crate) fn read() -> Self {
        let (mut outcomes, mut killers) = (HashMap::new(), HashMap::new());
        for line in fs::read_to_string(OUTCOMES).unwrap_or_default().lines() {
            let parts: Vec<_> = line.split('\t').collect();
            let [hash, test, outcome, id, known_as] = parts[..] else { continue };
            let outcome = match outcome {
                "failed" => Outcome::Failed,
                "passed" => Outcome::Passed,
                _ => Outcome::TooLong,
            };
            if outcome == Outcome::Failed {
                killers.insert(known_as.to_owned(), test.to_owned());
            }
            outcomes.insert((hash.parse().unwrap_or(0), test.to_owned(), id.to_owned()), outcome);
        }
        Self { outcomes: Mutex::new(outcomes), killers }
    }

    pub(crate) fn killer(&self, mutant: &Mutant) -> Option<&str> {
        self.killers.get(&mutant.known_as).map(String::as_str)
    }

    /// How the scenario ends with these mutants in it.
    pub(crate) fn outcome(&self, test: &Test, mutants: &[&Mutant]) -> Result<Outcome, String> {
        let ids: Vec<_> = mutants.iter().map(|mutant| mutant.id.as_str()).collect();
        let id = ids.join(";");
        let key = (test.hash, test.full.clone(), id.clone());
        let known = |outcomes: &HashMap<_, _>| outcomes.get(&key).copied();
        if let Some(outcome) = known(&self.outcomes.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(outcome);
        }
        let outcome = test.run(&id)?;
        let name = match outcome {
            Outcome::Failed => "failed",
            Outcome::Passed => "passed",
            Outcome::TooLong => "too long",
        };
        let known_as: Vec<_> = mutants.iter().map(|mutant| mutant.known_as.as_str()).collect();
        append(OUTCOMES, &format!("{}\t{}\t{name}\t{id}\t{}", test.hash, test.full, known_as.join(" + ")))?;
        self.outcomes.lock().unwrap_or_else(PoisonError::into_inner).insert(key, outcome);
        Ok(outcome)
    }
}

/// One call for each, `jobs` at a time; stops at the first error.
pub(crate) fn in_parallel<I: Send>(
    jobs: usize,
    items: Vec<I>,
    work: impl Fn(I) -> Result<(), String> + Sync,
) -> Result<(), String> {
    let next = Mutex::new(items.into_iter());
    let take = || next.lock().unwrap_or_else(PoisonError::into_inner).next();
    std::thread::scope(|scope| {
        let worker = || {
            while let Some(item) = take() {
                if let Err(error) = work(item) {
                    // Nothing is left for the others.
                    while take().is_some() {}
                    return Err(error);
                }
            }
            Ok(())
        };
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("it gives its errors back"))
    })
}

fn append(file: &str, line: &str) -> Result<(), String> {
    let told = |error| format!("{file}: {error}");
    let mut file = fs::OpenOptions::new().append(true).create(true).open(file).map_err(told)?;
    // In one call: others append too.
    file.write_all(format!("{line}\n").as_bytes()).map_err(told)
}
