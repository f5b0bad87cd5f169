//! The architecture, checked against the source: who imports whom, where `unsafe` may stand, how long a file may be.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the crate with those it may import, from the bottom up.
const LAYERS: &[(&str, &[&str])] = &[
    ("sync", &[]),
    ("error", &[]),
    ("ids", &[]),
    ("measure", &["sync"]),
    ("value", &["ids"]),
    ("clock", &["sync", "measure"]),
    ("slot", &["sync"]),
    ("slab", &["sync", "value"]),
    ("ring", &["sync", "error"]),
    ("wait", &["sync"]),
    ("channel", &["sync", "error", "measure", "ring", "wait", "spsc", "mpsc", "mpmc", "broadcast"]),
    ("spsc", &["channel"]),
    ("mpsc", &["channel"]),
    ("mpmc", &["channel"]),
    ("broadcast", &["sync", "error", "ring", "wait", "channel"]),
    ("worker", &["sync", "error", "measure", "wait", "channel", "broadcast"]),
    ("bus", &["error", "wait", "ring", "channel", "mpsc", "worker"]),
    // Public, and uses what is public, but for the door to atomics and the clock for measurements.
    ("metrics", &["sync", "measure", "ids", "clock", "broadcast"]),
    // What is public, and the door to atomics.
    ("coord", &["sync", "ids", "value", "clock", "metrics", "slot", "slab", "spsc", "mpsc", "mpmc", "broadcast"]),
];

/// The modules of `coord` that know others of them. All of them know what `coord.rs` itself gives out.
const SIBLINGS: &[(&str, &[&str])] = &[
    ("flow", &["permits", "retry"]),
    ("phases", &["flow", "cache"]),
    ("contexts", &["signals"]),
    ("dependencies", &["signals"]),
    ("agents", &["events"]),
];

/// The rooms for `unsafe`.
const UNSAFE: &[&str] = &["sync", "ring", "wait", "channel", "slab", "slot"];

const LONGEST_FILE: usize = 500;

fn sources() -> Vec<(String, PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the source folder can be read") {
            let path = entry.expect("so can its entries").path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    paths
        .into_iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).expect("found below it");
            let module = inside.components().next().expect("a file has a name").as_os_str().to_string_lossy();
            let text = fs::read_to_string(&path).expect("source is text");
            (module.trim_end_matches(".rs").to_owned(), path.clone(), text)
        })
        .collect()
}

/// The lines above a file's own tests. Tests that are a file of their own leave all of it.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| *line != "mod tests {")
}

/// The crate's modules that a line of code names.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    let code = line.split("//").next().unwrap_or("");
    code.split("crate::")
        .skip(1)
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(""))
}

#[test]
fn each_layer_uses_only_those_below_it() {
    let mut seen = 0;
    for (module, path, text) in sources().iter().filter(|(module, ..)| module != "lib") {
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| name == module) else {
            panic!("{} belongs to no layer: add it to the table", path.display());
        };
        for (number, line) in text.lines().enumerate() {
            for import in imports(line).filter(|import| LAYERS.iter().any(|(name, _)| name == import)) {
                seen += 1;
                assert!(
                    import == module || allowed.contains(&import),
                    "{}:{}: {module} may not use {import}: {line}",
                    path.display(),
                    number + 1
                );
            }
        }
    }
    assert!(seen > 50, "only {seen} imports were found: the check does not see the source");
}

/// The modules of `coord`, with the text of their files.
fn coordination() -> Vec<(String, PathBuf, String)> {
    let of_a_file = |(module, path, text): (String, PathBuf, String)| {
        let below = path.iter().skip_while(|part| *part != "src").nth(2)?.to_string_lossy();
        let part = below.trim_end_matches(".rs").to_owned();
        (module == "coord").then_some((part, path, text))
    };
    sources().into_iter().filter_map(of_a_file).collect()
}

/// The words after `path` in a line of code: those of a group, too.
fn named_after<'a>(line: &'a str, path: &'a str) -> impl Iterator<Item = &'a str> {
    let code = line.split("//").next().unwrap_or("");
    code.split(path).skip(1).flat_map(|rest| {
        let group = rest.strip_prefix('{').map_or("", |group| group.split('}').next().unwrap_or(""));
        let one = rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
        group.split(',').map(|word| word.trim().split("::").next().unwrap_or("")).chain([one])
    })
}

/// Parts of coordination are joined by whoever uses them, not by each other.
#[test]
fn coordination_modules_know_no_siblings() {
    let parts: Vec<_> = coordination().into_iter().map(|(part, ..)| part).collect();
    assert!(parts.iter().any(|part| part == "coordination"), "the check does not see the source");
    // What `coord.rs` gives out is everybody's, and so is how one waits for one's turn.
    let own = ["coordination", "overflow", "turn"];
    for (part, path, text) in coordination() {
        let allowed = SIBLINGS.iter().find(|(name, _)| *name == part).map_or(&[][..], |(_, allowed)| allowed);
        // A file of a folder says `super::super::`, or `crate::coord::`.
        let paths: &[&str] = if path.ends_with(format!("coord/{part}.rs")) {
            &["coord::", "super::"]
        } else {
            &["coord::", "super::super::"]
        };
        for line in text.lines() {
            for named in paths.iter().flat_map(|path| named_after(line, path)) {
                let sibling = parts.iter().any(|part| part == named) && !own.contains(&named);
                assert!(
                    !sibling || named == part || allowed.contains(&named),
                    "{}: {part} may not use {named}: {line}",
                    path.display()
                );
            }
        }
    }
}

/// Whatever is written there could be written outside, but for the door to atomics.
#[test]
fn coordination_uses_the_public_interface() {
    let library = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).expect("source is text");
    let (_, allowed) = LAYERS.iter().find(|(name, _)| *name == "coord").expect("a layer");
    for module in allowed.iter().filter(|module| !["sync", "metrics"].contains(module)) {
        assert!(library.contains(&format!("pub mod {module};")), "{module} is not public");
    }
}

#[test]
fn only_sync_opens_the_door_to_atomics_and_threads() {
    // Written beside its use where it is a statistic, or a barrier that loom could not see anyway.
    const EXCEPTIONS: &[&str] = &["probe.rs", "barrier.rs", "builder.rs"];
    for (module, path, text) in sources().iter().filter(|(module, ..)| module != "sync") {
        let excepted = EXCEPTIONS.iter().any(|name| path.ends_with(name));
        for line in code(text).filter(|line| !line.trim_start().starts_with("//")) {
            let door = ["sync::atomic", "std::thread", "loom::"].iter().any(|door| line.contains(door));
            assert!(!door || excepted, "{module}, {}: {line}", path.display());
        }
    }
}

#[test]
fn unsafe_stays_in_its_rooms() {
    for (module, path, text) in sources().iter().filter(|(module, ..)| !UNSAFE.contains(&module.as_str())) {
        for line in text.lines().filter(|line| !line.contains("unsafe_code")) {
            let code = line.split("//").next().unwrap_or("");
            assert!(!code.contains("unsafe"), "{module}, {}: {line}", path.display());
        }
    }
}

/// Lines of code that hold one of `words`, with their module and file; tests inside the source do not count.
fn lines_with(words: &[&str]) -> Vec<(String, PathBuf, String)> {
    let mut found = Vec::new();
    for (module, path, text) in sources().into_iter().filter(|(_, path, _)| !path.ends_with("tests.rs")) {
        for line in code(&text).map(|line| line.split("//").next().unwrap_or("")) {
            if words.iter().any(|word| line.contains(word)) {
                found.push((module.clone(), path.clone(), line.to_owned()));
            }
        }
    }
    found
}

/// The calendar decides nothing.
#[test]
fn f12_no_wall_clock() {
    assert_eq!(lines_with(&["SystemTime", "UNIX_EPOCH"]), []);
    assert!(!lines_with(&["Instant::now"]).is_empty(), "the check does not see the source");
}

/// Rings know no time and do not park; whatever never waits therefore needs neither.
#[test]
fn x31_no_clock_in_rings() {
    let words = ["Instant", "Duration", "clock", "Deadline", "Event", "park", "nap(", "yield_now", "spin_loop"];
    let found: Vec<_> = lines_with(&words).into_iter().filter(|(module, ..)| module == "ring").collect();
    assert_eq!(found, []);
}

/// The processor's time stamps are for figures; deadlines are the system's monotonic clock.
#[test]
fn x33_measuring_and_waiting_have_clocks_of_their_own() {
    for (_, path, line) in lines_with(&["quanta"]) {
        assert!(path.ends_with("measure/clock.rs"), "{}: {line}", path.display());
    }
    for (_, path, line) in lines_with(&["measure::clock", "clock::now", "clock::between", "clock::calibrate"]) {
        let figures = ["channel/probe.rs", "worker/inbox.rs", "src/clock.rs"];
        let measures = path.iter().any(|part| part == "measure" || part == "metrics");
        assert!(measures || figures.iter().any(|file| path.ends_with(file)), "{}: {line}", path.display());
    }
}

/// What is no atomic may be aligned otherwise: nothing is made one by a cast.
#[test]
fn s25_nothing_is_cast_to_an_atomic() {
    assert_eq!(lines_with(&["cast::<Atomic", "as *const Atomic", "as *mut Atomic", "from_ptr(", "transmute"]), []);
}

#[test]
fn files_stay_short() {
    for (_, path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= LONGEST_FILE, "{} has {lines} lines: it wants to be two", path.display());
    }
}
