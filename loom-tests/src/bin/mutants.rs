//! Weakens every ordering, fence and guard of the library, one at a time, and expects a scenario to fail for each.
//!
//! ```text
//! cargo run -p loom-tests --bin mutants            all of them
//! cargo run -p loom-tests --bin mutants -- mpmc    those whose site or file contains this
//! cargo run -p loom-tests --bin mutants -- --list  only the sites
//! ```
//!
//! One build serves all: orderings are chosen at run time by their place in the source (`src/sync/mutant.rs`). The sites that the
//! scenarios come by are compared with the source, so that none is forgotten. Survivors that are explained in
//! `loom-tests/survivors.txt` are counted apart; any other makes this fail.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

const FLAGS: &str = "--cfg ringway_loom --cfg ringway_mutants";
/// A scenario that does not end is a failure too, told apart.
const LONGEST: Duration = Duration::from_secs(300);
/// Where loom's builds name atomics, and every strong ordering is a site.
const ROOMS: [&str; 4] = ["src/ring", "src/wait", "src/channel", "src/broadcast"];
/// Strong orderings that no model runs: sampling, and the parts of the barrier for the system's own threads.
const NOT_MODELLED: [(&str, usize); 2] = [("src/channel/probe.rs", 2), ("src/wait/barrier.rs", 3)];

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
    let scenarios = build()?;
    let sites = sites(&scenarios)?;
    let complete = check_completeness(&sites)?;
    let wanted = arguments.iter().find(|argument| !argument.starts_with("--"));
    let mutants: Vec<_> =
        sites.iter().flat_map(|site| variants(site)).filter(|m| wanted.is_none_or(|text| m.contains(text))).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        mutants.iter().for_each(|mutant| println!("{mutant}"));
        return Ok(complete);
    }
    let explained = Explained::read()?;
    let results = try_all(&mutants, &scenarios);
    Ok(tell(&results, &explained) && complete)
}

/// A test binary: its name, and where it is.
type Scenarios = BTreeMap<String, PathBuf>;

fn build() -> Result<Scenarios, String> {
    let mut scenarios = Scenarios::new();
    for arguments in [&["-p", "loom-tests", "--tests"][..], &["-p", "ringway", "--features", "loom", "--lib"]] {
        let output = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()))
            .args(["test", "--release", "--no-run", "--target-dir", "target/mutants"])
            .args(arguments)
            .env("RUSTFLAGS", FLAGS)
            .env_remove("CARGO_TARGET_DIR")
            .output()
            .map_err(|error| format!("cargo does not start: {error}"))?;
        let text = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            return Err(format!("the build fails:\n{text}"));
        }
        for line in text.lines().filter(|line| line.contains("Executable")) {
            let path = line.rsplit(['(', ')']).nth(1).ok_or("cargo names no executable")?;
            let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let name = name.rsplit_once('-').map_or(name, |(name, _)| name);
            scenarios.insert(name.to_owned(), PathBuf::from(path));
        }
    }
    scenarios.remove("loom_tests");
    scenarios.remove("mutants");
    scenarios.remove("soak");
    Ok(scenarios)
}

fn command(scenario: &str, path: &Path) -> Command {
    let mut command = Command::new(path);
    command.args(["--test-threads", "1"]).stderr(Stdio::null()).env_remove("RINGWAY_MUTANT");
    if scenario == "ringway" {
        // The models among the crate's own tests.
        command.arg("carry");
    }
    command
}

/// Every site that some scenario comes by, in the source's order.
fn sites(scenarios: &Scenarios) -> Result<BTreeSet<String>, String> {
    let list = Path::new("target/mutants/sites.txt");
    let _ = fs::remove_file(list);
    println!("running {} test programs unchanged, to see every site", scenarios.len());
    for (name, path) in scenarios {
        let status = command(name, path).env("RINGWAY_SITES", list).stdout(Stdio::null()).status();
        if !status.map_err(|error| error.to_string())?.success() {
            return Err(format!("{name} fails without any mutant"));
        }
    }
    let text = fs::read_to_string(list).map_err(|error| format!("no list of sites: {error}"))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Whether the source has no more strong orderings than the scenarios came by.
fn check_completeness(sites: &BTreeSet<String>) -> Result<bool, String> {
    let mut complete = true;
    for file in ROOMS.iter().flat_map(|room| files(Path::new(room))) {
        let name = file.display().to_string();
        let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let strong = ["Acquire", "Release", "AcqRel", "SeqCst"].map(|order| format!("Ordering::{order}"));
        let in_source: usize =
            code.map(|line| strong.iter().map(|order| line.matches(order).count()).sum::<usize>()).sum();
        let excepted = NOT_MODELLED.iter().find(|(file, _)| *file == name).map_or(0, |(_, count)| *count);
        let seen = sites.iter().filter(|site| site.starts_with(&format!("{name}:"))).count();
        if seen + excepted != in_source {
            println!("INCOMPLETE: {name} has {in_source} strong orderings, scenarios came by {seen}");
            complete = false;
        }
    }
    Ok(complete)
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let beside = folder.with_extension("rs");
    let mut found: Vec<_> = beside.exists().then_some(beside).into_iter().collect();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path).into_iter().filter(|file| file.starts_with(&path))),
            path if path.extension().is_some_and(|extension| extension == "rs") => found.push(path),
            _ => {}
        }
    }
    found.retain(|file| file.file_stem().is_none_or(|stem| stem != "tests"));
    found
}

/// The weaker forms of a site.
fn variants(site: &str) -> Vec<String> {
    let Some((place, strong)) = site.rsplit_once('=') else { return vec![site.to_owned()] };
    let weaker: &[&str] = match strong {
        "SeqCst" => &["AcqRel", "Relaxed"],
        "AcqRel" => &["Acquire", "Release", "Relaxed"],
        _ => &["Relaxed"],
    };
    weaker.iter().map(|order| format!("{place}={order}")).collect()
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    Killed(String),
    /// By a scenario that did not end.
    Endless(String),
    Survived,
}

fn try_all(mutants: &[String], scenarios: &Scenarios) -> Vec<(String, Fate)> {
    let next = Mutex::new(mutants.iter());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let Some(mutant) = next.lock().expect("nobody panics with it").next() else { return };
                    let fate = try_one(mutant, scenarios);
                    println!("{fate:?} {}", described(mutant));
                    results.lock().expect("nobody panics with it").push((mutant.clone(), fate));
                }
            });
        }
    });
    results.into_inner().expect("nobody panics with it")
}

/// The scenarios of the site's own subject first.
fn try_one(mutant: &str, scenarios: &Scenarios) -> Fate {
    let subject = |name: &str| match () {
        () if mutant.contains("runs.rs") || mutant.contains("tail.rs") => {
            ["mpsc", "mpmc"].iter().any(|ring| name.starts_with(ring))
        }
        () if mutant.contains("gates.rs") || mutant.contains("lend.rs") => name.starts_with("broadcast"),
        () if mutant.contains("wait/") => name == "wait",
        () => mutant.contains(&format!("{name}.rs")) || mutant.contains(&format!("{name}/")),
    };
    let mut order: Vec<_> = scenarios.iter().collect();
    order.sort_by_key(|(name, _)| !subject(name));
    for (name, path) in order {
        match fails(mutant, name, path) {
            Some(Fate::Survived) | None => {}
            Some(fate) => return fate,
        }
    }
    Fate::Survived
}

/// Runs a program until its first failure.
fn fails(mutant: &str, name: &str, path: &Path) -> Option<Fate> {
    let mut child = command(name, path).env("RINGWAY_MUTANT", mutant).stdout(Stdio::piped()).spawn().ok()?;
    let output = child.stdout.take()?;
    let (lines, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| lines.send(line))
    });
    let began = Instant::now();
    let fate = loop {
        match heard.recv_timeout(LONGEST.saturating_sub(began.elapsed())) {
            Ok(line) if line.contains("... FAILED") => {
                let test = line.split_whitespace().nth(1).unwrap_or_default();
                break Fate::Killed(format!("{name}::{test}"));
            }
            Ok(_) => {}
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => break Fate::Endless(name.to_owned()),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => match child.wait() {
                Ok(status) if status.success() => break Fate::Survived,
                // A panic while unwinding.
                _ => break Fate::Killed(format!("{name} (aborted)")),
            },
        }
    };
    let _ = child.kill();
    let _ = child.wait();
    Some(fate)
}

/// With the line of the source, which is what people know it by.
fn described(mutant: &str) -> String {
    let mut parts = mutant.splitn(3, ':');
    let (Some(file), Some(line)) = (parts.next(), parts.next().and_then(|line| line.parse::<usize>().ok())) else {
        return mutant.to_owned();
    };
    let text = fs::read_to_string(file).unwrap_or_default();
    format!("{mutant}  {}", text.lines().nth(line.saturating_sub(1)).unwrap_or_default().trim())
}

/// Survivors that are understood: `file | part of the line | weaker ordering | why`, or `guard:name | why`.
struct Explained(Vec<Vec<String>>);

impl Explained {
    fn read() -> Result<Self, String> {
        let text = fs::read_to_string("loom-tests/survivors.txt").map_err(|error| format!("survivors.txt: {error}"))?;
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        Ok(Self(lines.map(|line| line.split(" | ").map(|part| part.trim().to_owned()).collect()).collect()))
    }

    fn why(&self, mutant: &str) -> Option<&str> {
        let described = described(mutant);
        let explains = |entry: &&Vec<String>| match &entry[..] {
            [guard, _] => mutant == guard,
            [file, line, weaker, _] => {
                mutant.starts_with(file.as_str())
                    && described.contains(line.as_str())
                    && mutant.ends_with(&format!("={weaker}"))
            }
            _ => false,
        };
        self.0.iter().find(explains).and_then(|entry| entry.last()).map(String::as_str)
    }
}

fn tell(results: &[(String, Fate)], explained: &Explained) -> bool {
    let survivors: Vec<_> =
        results.iter().filter(|(_, fate)| *fate == Fate::Survived).map(|(mutant, _)| mutant).collect();
    let endless = results.iter().filter(|(_, fate)| matches!(fate, Fate::Endless(_))).count();
    let (understood, unexplained): (Vec<&String>, Vec<&String>) =
        survivors.into_iter().partition(|mutant| explained.why(mutant).is_some());
    for mutant in &understood {
        println!("explained: {}\n    {}", described(mutant), explained.why(mutant).unwrap_or_default());
    }
    for mutant in &unexplained {
        println!("SURVIVED: {}", described(mutant));
    }
    let killed = results.len() - understood.len() - unexplained.len();
    println!(
        "{killed} of {} mutants killed ({endless} by a scenario that did not end), {} survivors explained, {} not",
        results.len(),
        understood.len(),
        unexplained.len()
    );
    unexplained.is_empty()
}
