//! Instructions of the hot paths, counted by valgrind and held against those that the repository keeps. Counts repeat
//! exactly where times do not: they show a regression on the noisiest machine, though not what it costs.

mod baseline;
mod paths;

use baseline::{Baseline, Counts};
use clap::Parser;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Counts the instructions of ringway's hot paths under valgrind, and compares them with the baseline.
#[derive(Debug, Parser)]
#[command(name = "instructions", version)]
struct Args {
    /// Only paths whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Write what was counted into the baseline instead of comparing
    #[arg(long, conflicts_with = "only")]
    update: bool,
    /// Where the baseline is
    #[arg(long, value_name = "FILE", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/instructions/baseline.json"))]
    baseline: PathBuf,
    /// Walk this path once: how the program calls itself under valgrind
    #[arg(long, hide = true)]
    walk: Option<String>,
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(fine) => ExitCode::from(u8::from(!fine)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(2)
        }
    }
}

/// False if a count has grown.
fn run(args: &Args) -> Result<bool, String> {
    if let Some(name) = &args.walk {
        let path =
            paths::ALL.iter().find(|path| path.name == name).ok_or_else(|| format!("there is no path '{name}'"))?;
        (path.walk)();
        return Ok(true);
    }
    if cfg!(debug_assertions) {
        return Err(
            "counts of a debug build mean nothing: cargo run --release -p ringway-bench --bin instructions".to_owned()
        );
    }
    let wanted = args.only.as_deref().unwrap_or("");
    let mut counts = Counts::new();
    for path in paths::ALL.iter().filter(|path| path.name.contains(wanted)) {
        counts.insert(path.name.to_owned(), count(path)?);
    }
    if counts.is_empty() {
        let names: Vec<_> = paths::ALL.iter().map(|path| path.name).collect();
        return Err(format!("no path's name contains '{wanted}'; there are: {}", names.join(", ")));
    }
    let counted = Baseline::of_this_build(counts);
    if args.update {
        counted.write(&args.baseline)?;
        println!("{} counts written to {}", counted.counts.len(), args.baseline.display());
        return Ok(true);
    }
    let comparison = Baseline::read(&args.baseline)?.compare(&counted, |name| name.contains(wanted));
    println!("{comparison}");
    Ok(!comparison.fails())
}

/// Instructions of a call, to the hundredth.
fn count(path: &paths::Path) -> Result<f64, String> {
    let out = std::env::temp_dir().join(format!("ringway-callgrind-{}", std::process::id()));
    let total = under_valgrind(path.name, &out);
    let _ = std::fs::remove_file(&out);
    Ok((total? as f64 / path.calls as f64 * 100.0).round() / 100.0)
}

fn under_valgrind(name: &str, out: &Path) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| format!("cannot find this program: {error}"))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*instructions*counted*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(program)
        .args(["--walk", name])
        .output()
        .map_err(|error| {
            format!("cannot start valgrind ({error}); install it: apt-get install valgrind, or dnf install valgrind")
        })?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name} failed under valgrind: {told}"));
    }
    let text = std::fs::read_to_string(out).map_err(|error| format!("cannot read what valgrind wrote: {error}"))?;
    match baseline::total(&text) {
        Some(total) if total > 0 => Ok(total),
        _ => Err(format!("{name}: valgrind has counted nothing; was the program stripped? {told}")),
    }
}
