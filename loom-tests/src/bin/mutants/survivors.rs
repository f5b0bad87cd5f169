//! Survivors that are understood: `loom-tests/survivors.txt`.

use super::source::Mutant;
use std::fs;

const FILE: &str = "loom-tests/survivors.txt";

/// `file | part of the function and line | weaker`, or `guard:name`: how people name a mutant.
pub(crate) struct Name(Vec<String>);

impl Name {
    pub(crate) fn parse(text: &str) -> Self {
        Self(text.split(" | ").map(|part| part.trim().to_owned()).collect())
    }

    pub(crate) fn names(&self, mutant: &Mutant) -> bool {
        let parts: Vec<_> = mutant.known_as.splitn(2, " | ").collect();
        match (&self.0[..], &parts[..]) {
            ([guard], [name]) => guard == name,
            ([file, line, weaker], [in_file, rest]) => {
                // The source itself may hold a bar.
                let (shown, change) = rest.rsplit_once(" | ").unwrap_or_default();
                file == in_file
                    && shown.contains(line.as_str())
                    && (change == weaker || change.ends_with(&format!("> {weaker}")))
            }
            _ => false,
        }
    }
}

pub(crate) struct Explained(Vec<(Name, String)>);

impl Explained {
    pub(crate) fn read() -> Result<Self, String> {
        let text = fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?;
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        let entry = |line: &str| {
            let (name, why) = line.rsplit_once(" | ").ok_or_else(|| format!("{FILE}: no reason in: {line}"))?;
            Ok((Name::parse(name), why.trim().to_owned()))
        };
        lines.map(entry).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn why(&self, mutant: &Mutant) -> Option<&str> {
        self.0.iter().find(|(name, _)| name.names(mutant)).map(|(_, why)| why.as_str())
    }

    /// Whether each entry explains a mutant, which it says.
    pub(crate) fn all_match(&self, mutants: &[Mutant]) -> bool {
        let mut all = true;
        for (name, _) in &self.0 {
            if !mutants.iter().any(|mutant| name.names(mutant)) {
                println!("NO SUCH MUTANT: {FILE} explains {}", name.0.join(" | "));
                all = false;
            }
        }
        all
    }
}
