//! The lists of broken variants.

use serde::Deserialize;
use std::path::Path;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    #[serde(default, rename = "broken")]
    pub(crate) variants: Vec<Variant>,
}

/// A change of the library that a test must notice.
#[derive(Debug, Deserialize)]
pub(crate) struct Variant {
    /// The fault, by the short name that it has in docs/faults.md.
    pub(crate) row: String,
    /// What is broken.
    pub(crate) why: String,
    #[serde(flatten)]
    change: Change,
    #[serde(default)]
    also: Vec<Change>,
    pub(crate) test: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    pub(crate) file: String,
    pub(crate) from: String,
    pub(crate) to: String,
}

impl List {
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let mut all = Self::default();
        let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "toml")) {
            let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
            let text = std::fs::read_to_string(file).map_err(|error| told(&error))?;
            let list: Self = toml::from_str(&text).map_err(|error| told(&error))?;
            all.variants.extend(list.variants);
        }
        Ok(all)
    }
}

impl Variant {
    pub(crate) fn changes(&self) -> impl Iterator<Item = &Change> {
        std::iter::once(&self.change).chain(&self.also)
    }

    pub(crate) fn is_wanted(&self, parts: &[String]) -> bool {
        let texts = [&self.row, &self.test, &self.change.file];
        parts.is_empty() || parts.iter().any(|part| texts.iter().any(|text| text.contains(part.as_str())))
    }
}

impl std::fmt::Display for Variant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} [{}; {}]", self.row, self.why, self.change.file, self.test)
    }
}

impl Change {
    /// The file's text with this change.
    pub(crate) fn apply(&self, text: &str) -> Result<String, String> {
        match text.matches(&self.from).count() {
            1 => Ok(text.replacen(&self.from, &self.to, 1)),
            count => Err(format!("{}: found {count} times, not once: {}", self.file, self.from)),
        }
    }
}
