//! The counts that the repository keeps, and how others compare with them.

use comfy_table::{CellAlignment, Table, presets};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// Instructions of a call, by the name of the path.
pub(crate) type Counts = BTreeMap<String, f64>;

/// What a count may change by, either way, and still be called the same.
const TOLERANCE: f64 = 0.02;

/// Counts, and what made the program they were counted in.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Baseline {
    pub(crate) rustc: String,
    pub(crate) target: String,
    pub(crate) counts: Counts,
}

impl Baseline {
    pub(crate) fn of_this_build(counts: Counts) -> Self {
        Self { rustc: env!("RINGWAY_RUSTC").to_owned(), target: env!("RINGWAY_TARGET").to_owned(), counts }
    }

    pub(crate) fn read(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("cannot read {}: {error}; --update makes one", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{} is no baseline: {error}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let word = |key: &str| value[key].as_str().map(str::to_owned).ok_or_else(|| format!("it has no {key}"));
        let counts = value["instructions_per_call"].as_object().ok_or("it has no instructions_per_call")?;
        let counts = counts
            .iter()
            .map(|(name, count)| Some((name.clone(), count.as_f64()?)))
            .collect::<Option<_>>()
            .ok_or("a count is no number")?;
        Ok(Self { rustc: word("rustc")?, target: word("target")?, counts })
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), String> {
        std::fs::write(path, self.text()).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }

    fn text(&self) -> String {
        let counts: Map<_, _> = self.counts.iter().map(|(name, count)| (name.clone(), json!(count))).collect();
        let value = json!({ "rustc": self.rustc, "target": self.target, "instructions_per_call": counts });
        format!("{value:#}\n")
    }

    /// What has become of the baseline's counts, as far as `wanted`.
    pub(crate) fn compare(&self, counted: &Self, wanted: impl Fn(&str) -> bool) -> Comparison {
        let names = self.counts.keys().chain(counted.counts.keys()).filter(|name| wanted(name));
        let mut names: Vec<_> = names.collect();
        names.sort();
        names.dedup();
        let row = |name: &String| Row {
            name: name.clone(),
            before: self.counts.get(name).copied(),
            now: counted.counts.get(name).copied(),
        };
        let builders = [self, counted].map(|of| format!("{}, {}", of.rustc, of.target));
        Comparison { builders, rows: names.into_iter().map(row).collect() }
    }
}

/// The number of instructions in callgrind's output.
pub(crate) fn total(text: &str) -> Option<u64> {
    let of = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse().ok());
    of("totals:").or_else(|| of("summary:"))
}

#[derive(Debug)]
struct Row {
    name: String,
    before: Option<f64>,
    now: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Same,
    Grown,
    Shrunk,
    New,
    Gone,
}

impl Row {
    fn change(&self) -> Change {
        match (self.before, self.now) {
            (Some(before), Some(now)) if now > before * (1.0 + TOLERANCE) => Change::Grown,
            (Some(before), Some(now)) if now < before * (1.0 - TOLERANCE) => Change::Shrunk,
            (Some(_), Some(_)) => Change::Same,
            (None, _) => Change::New,
            (_, None) => Change::Gone,
        }
    }
}

/// The baseline beside what was counted now.
#[derive(Debug)]
pub(crate) struct Comparison {
    /// Compiler and target, then and now.
    builders: [String; 2],
    rows: Vec<Row>,
}

impl Comparison {
    fn is_like_with_like(&self) -> bool {
        self.builders[0] == self.builders[1]
    }

    fn has(&self, change: Change) -> bool {
        self.rows.iter().any(|row| row.change() == change)
    }

    /// Whether something has grown, as far as one can tell: another compiler makes other instructions.
    pub(crate) fn fails(&self) -> bool {
        self.is_like_with_like() && self.has(Change::Grown)
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new();
        table.load_style(presets::ASCII_FULL_CONDENSED);
        table.set_header(["instructions of a call", "baseline", "now", "change", ""]);
        for row in &self.rows {
            let count = |count: Option<f64>| count.map_or(String::new(), |count| format!("{count:.2}"));
            let part = row.before.zip(row.now).map(|(before, now)| format!("{:+.1} %", (now / before - 1.0) * 100.0));
            let told = match row.change() {
                Change::Same => "",
                Change::Grown => "GREW",
                Change::Shrunk => "shrank",
                Change::New => "new",
                Change::Gone => "gone",
            };
            table.add_row([&row.name, &count(row.before), &count(row.now), &part.unwrap_or_default(), told]);
        }
        for column in 1..4 {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(f, "{table}")?;
        if !self.is_like_with_like() {
            let [then, now] = &self.builders;
            writeln!(
                f,
                "the baseline is of another build ({then}; this is {now}): differences may be the compiler's, none fails"
            )?;
        }
        if [Change::Shrunk, Change::New, Change::Gone].iter().any(|&change| self.has(change)) {
            writeln!(f, "the baseline is out of date: write it anew with --update")?;
        }
        let verdict = match (self.fails(), self.has(Change::Grown)) {
            (true, _) => {
                "FAIL: a path has grown by more than 2 %; mend it, or say why in the commit that updates the baseline"
            }
            (false, true) => "undecided",
            (false, false) => "pass",
        };
        f.write_str(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(rustc: &str, counts: &[(&str, f64)]) -> Baseline {
        let counts = counts.iter().map(|&(name, count)| (name.to_owned(), count)).collect();
        Baseline { rustc: rustc.to_owned(), target: "here".to_owned(), counts }
    }

    #[test]
    fn what_grew_fails_and_what_shrank_is_told() {
        let before = baseline("1", &[("a", 100.0), ("b", 100.0), ("c", 100.0)]);
        for (now, says, fails) in [
            (&[("a", 102.0), ("b", 98.0), ("c", 100.0)][..], "pass", false),
            (&[("a", 102.1), ("b", 100.0), ("c", 100.0)], "GREW", true),
            (&[("a", 97.9), ("b", 100.0), ("c", 100.0)], "--update", false),
            (&[("a", 100.0), ("b", 100.0)], "gone", false),
            (&[("a", 100.0), ("b", 100.0), ("c", 100.0), ("d", 1.0)], "new", false),
        ] {
            let comparison = before.compare(&baseline("1", now), |_| true);
            assert!(comparison.to_string().contains(says), "{comparison}");
            assert_eq!(comparison.fails(), fails, "{comparison}");
        }
    }

    #[test]
    fn another_compiler_is_told_and_fails_nothing() {
        let comparison = baseline("1", &[("a", 100.0)]).compare(&baseline("2", &[("a", 200.0)]), |_| true);
        assert!(!comparison.fails());
        let text = comparison.to_string();
        assert!(text.contains("another build (1, here; this is 2, here)") && text.ends_with("undecided"), "{text}");
    }

    #[test]
    fn only_what_was_wanted_is_compared() {
        let comparison =
            baseline("1", &[("a", 1.0), ("b", 1.0)]).compare(&baseline("1", &[("a", 1.0)]), |name| name == "a");
        assert_eq!(comparison.rows.len(), 1);
    }

    #[test]
    fn a_baseline_reads_as_it_was_written() {
        let written = baseline("rustc 1", &[("a b", 12.34), ("c", 5.0)]);
        assert_eq!(Baseline::parse(&written.text()), Ok(written));
        assert!(Baseline::parse("{}").is_err() && Baseline::parse("x").is_err());
    }

    #[test]
    fn callgrind_tells_its_total() {
        assert_eq!(total("version: 1\nevents: Ir\nfn=(1)\nsummary: 12\ntotals: 12\n"), Some(12));
        assert_eq!(total("summary: 7\n"), Some(7));
        assert_eq!(total("events: Ir\n"), None);
    }
}
