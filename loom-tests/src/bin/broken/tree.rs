//! A copy of the tree in which one thing at a time is broken.

use crate::list::Variant;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A test that has not ended by then has noticed in its own way.
const LONGEST: Duration = Duration::from_secs(120);
const BUILDING: Duration = Duration::from_secs(600);

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Noticed,
    Hung,
    Passed,
}

impl std::fmt::Display for Fate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Noticed => "noticed",
            Self::Hung => "hung   ",
            Self::Passed => "PASSED ",
        })
    }
}

pub(crate) struct Tree {
    root: PathBuf,
}

impl Tree {
    /// Files that did not change keep their times, so that a copy is built once; those that are gone go here too.
    pub(crate) fn copied(worker: usize) -> Result<Self, String> {
        let root = Path::new("target/broken").join(worker.to_string());
        let files = output(Command::new("git").args(["ls-files", "-co", "--exclude-standard"]))?;
        let files = String::from_utf8_lossy(&files.stdout);
        let files: BTreeSet<&Path> = files.lines().map(Path::new).filter(|file| file.exists()).collect();
        remove_others(&root, &root, &files).map_err(|error| error.to_string())?;
        for file in files {
            let to = root.join(file);
            let text = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            if fs::read(&to).is_ok_and(|there| there == text) {
                continue;
            }
            let folder = to.parent().ok_or("a file lies in a folder")?;
            fs::create_dir_all(folder).and_then(|()| fs::write(&to, text)).map_err(|error| error.to_string())?;
        }
        let root = root.canonicalize().map_err(|error| error.to_string())?;
        Ok(Self { root })
    }

    pub(crate) fn try_one(&self, variant: &Variant) -> Result<Fate, String> {
        let mut whole = Vec::new();
        for change in variant.changes() {
            let path = self.root.join(&change.file);
            let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", change.file))?;
            fs::write(&path, change.apply(&text)?).map_err(|error| format!("{}: {error}", change.file))?;
            whole.push((path, text));
        }
        let fate = self.test(&variant.test, LONGEST).map_err(|error| format!("{variant}: {error}"));
        for (path, text) in whole.iter().rev() {
            fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        fate
    }

    /// Whether the test passes on the library as it is, and soon: otherwise its failure would tell nothing.
    pub(crate) fn try_whole(&self, test: &str) -> Result<(), String> {
        let fate = self.test(test, LONGEST / 2).map_err(|error| format!("{test}: {error}"))?;
        if fate == Fate::Passed { Ok(()) } else { Err(format!("{test}: {fate} on the library as it is")) }
    }

    fn test(&self, test: &str, limit: Duration) -> Result<Fate, String> {
        let (file, name) = test.split_once("::").ok_or("FILE::NAME is the form of a test")?;
        // Documentation is built by its own test; the library must be sound before.
        let mut build = if file == "doc" { self.cargo("lib", "") } else { self.cargo(file, name) };
        let built = output(build.arg("--no-run"))?;
        if !built.status.success() {
            return Err(format!("it does not build:\n{}", String::from_utf8_lossy(&built.stderr)));
        }
        let limit = if file == "doc" { BUILDING } else { limit };
        let Some(run) = within(limit, &mut self.cargo(file, name))? else { return Ok(Fate::Hung) };
        if !run.status.success() {
            return Ok(Fate::Noticed);
        }
        let said = String::from_utf8_lossy(&run.stdout);
        let any_ran = said.lines().any(|line| line.starts_with("test result: ok.") && !line.contains(" 0 passed"));
        if any_ran { Ok(Fate::Passed) } else { Err("there is no such test".to_owned()) }
    }

    fn cargo(&self, file: &str, name: &str) -> Command {
        let mut cargo = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
        cargo.current_dir(&self.root).arg("test").env_remove("CARGO_TARGET_DIR").env_remove("RUSTFLAGS");
        // Built often and run briefly.
        cargo.envs([("CARGO_PROFILE_RELEASE_LTO", "off"), ("CARGO_PROFILE_RELEASE_DEBUG", "false")]);
        cargo.env("CARGO_INCREMENTAL", "1");
        match file.split_once('/') {
            Some(("loom", file)) => {
                cargo.env("RUSTFLAGS", "--cfg ringway_loom");
                cargo.args(["--release", "-p", "loom-tests", "--target-dir", "target/loom", "--test", file])
            }
            _ if file == "doc" => cargo.args(["-p", "ringway", "--doc"]),
            _ if file == "lib" => cargo.args(["-p", "ringway", "--release", "--lib"]),
            _ => cargo.args(["-p", "ringway", "--release", "--test", file]),
        };
        cargo.arg(name);
        cargo
    }
}

fn remove_others(root: &Path, folder: &Path, files: &BTreeSet<&Path>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        let inside = path.strip_prefix(root).unwrap_or(&path);
        if path.is_dir() && inside != Path::new("target") {
            remove_others(root, &path, files)?;
        } else if path.is_file() && !files.contains(inside) {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn output(command: &mut Command) -> Result<Output, String> {
    command.output().map_err(|error| format!("{command:?}: {error}"))
}

/// What it printed, or nothing when it takes longer. It is killed with all that it has started.
fn within(limit: Duration, command: &mut Command) -> Result<Option<Output>, String> {
    use std::os::unix::process::CommandExt;
    command.process_group(0).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let group = child.id();
    let (done, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(child.wait_with_output()));
    let began = Instant::now();
    if let Ok(output) = end.recv_timeout(limit.saturating_sub(began.elapsed())) {
        return output.map(Some).map_err(|error| error.to_string());
    }
    output(Command::new("kill").args(["-KILL", &format!("-{group}")]))?;
    Ok(None)
}
