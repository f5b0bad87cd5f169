//! Sites and their weaker forms, as the source shows them.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Where loom's builds name atomics, and every strong ordering is a site.
const ROOMS: [&str; 13] = [
    "src/ring",
    "src/wait",
    "src/channel",
    "src/broadcast",
    "src/sync/futex",
    "src/worker",
    "src/bus",
    "src/metrics",
    "src/clock",
    "src/slab",
    "src/slot",
    "src/coord",
    "src/value",
];
/// Strong orderings that no model runs: sampling, the parts of the barrier for the system's own threads, and the end of a worker.
const NOT_MODELLED: [(&str, usize); 3] =
    [("src/channel/probe.rs", 2), ("src/wait/barrier.rs", 4), ("src/worker/handle.rs", 2)];

/// One thing made weaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// What the library's build of mutants is told: `file:line:column:argument=Ordering`, or `guard:name`.
    pub(crate) id: String,
    /// The place in the list of sites.
    pub(crate) site: String,
    /// What people, and `survivors.txt`, know it by: `file | function: line of the source | strong -> weaker`, or `guard:name`.
    pub(crate) known_as: String,
}

impl fmt::Display for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.id.split(':').nth(1).filter(|_| !self.id.starts_with("guard:"));
        write!(f, "{}{}", line.map_or(String::new(), |line| format!("{line}: ")), self.known_as)
    }
}

/// The weaker forms of a site (`file:line:column:argument=Ordering`, or `guard:name`).
pub(crate) fn variants(site: &str) -> Vec<Mutant> {
    let Some((place, strong)) = site.rsplit_once('=') else {
        let site = site.to_owned();
        return vec![Mutant { id: site.clone(), known_as: site.clone(), site }];
    };
    let weaker: &[&str] = match strong {
        "SeqCst" => &["AcqRel", "Relaxed"],
        "AcqRel" => &["Acquire", "Release", "Relaxed"],
        _ => &["Relaxed"],
    };
    let weaken = |weaker: &&str| Mutant {
        id: format!("{place}={weaker}"),
        site: site.to_owned(),
        known_as: format!("{} | {strong} -> {weaker}", shown(place)),
    };
    weaker.iter().map(weaken).collect()
}

/// `file | function: line of the source` of a place.
fn shown(place: &str) -> String {
    let mut parts = place.split(':');
    let file = parts.next().unwrap_or_default();
    let line: usize = parts.next().and_then(|line| line.parse().ok()).unwrap_or_default();
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines: Vec<_> = text.lines().take(line).map(str::trim).collect();
    let function = lines.iter().rev().find_map(|line| line.split_once("fn ").filter(|_| !line.starts_with("//")));
    let name = function.map_or("", |(_, rest)| rest.split(['(', '<']).next().unwrap_or_default());
    format!("{file} | {name}: {}", lines.last().unwrap_or(&""))
}

/// Whether the source has no more strong orderings, and guards, than the scenarios came by.
pub(crate) fn is_complete(sites: &BTreeSet<String>) -> Result<bool, String> {
    let mut complete = true;
    for file in ROOMS.iter().flat_map(|room| files(Path::new(room))) {
        let name = file.display().to_string();
        let text = fs::read_to_string(&file).map_err(|error| format!("{name}: {error}"))?;
        let code = text.split("\nmod tests {").next().unwrap_or_default();
        let code = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let strong = ["Acquire", "Release", "AcqRel", "SeqCst"].map(|order| format!("Ordering::{order}"));
        let mut in_source = 0;
        for line in code {
            in_source += strong.iter().map(|order| line.matches(order).count()).sum::<usize>();
            for guard in line.split("guard(\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                if !sites.contains(&format!("guard:{guard}")) {
                    println!("INCOMPLETE: {name}: no scenario came by the guard \"{guard}\"");
                    complete = false;
                }
            }
        }
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
