//! The files of a report. They are opened before there is anything to write, so that a long run does not end with a path
//! that was wrong from the start.

use crate::html::{self, Page};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const PERCENTILES: &str = "hgrm";

/// The page, and the percentiles as text beside it.
#[derive(Debug)]
pub(crate) struct Files {
    page: Opened,
    percentiles: Opened,
}

impl Files {
    /// Opens both. What is in them stays until there is something new.
    pub(crate) fn open(path: &Path) -> Result<Self, String> {
        // In any case of letters: some systems tell no difference.
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(PERCENTILES)) {
            return Err(format!(
                "--report {}: a page cannot be called .{PERCENTILES}, because the percentiles go beside it under that name; \
                 for example .html",
                path.display()
            ));
        }
        Ok(Self { page: Opened::new(path)?, percentiles: Opened::new(&path.with_extension(PERCENTILES))? })
    }

    pub(crate) fn write(self, page: &Page, percentiles: &str) -> Result<(), String> {
        self.page.write(&html::render(page)?)?;
        self.percentiles.write(percentiles)
    }
}

/// A file that can be written.
#[derive(Debug)]
struct Opened {
    path: PathBuf,
    file: File,
    /// It is empty, and was not there before: it goes, unless it is written.
    made: bool,
}

impl Opened {
    fn new(path: &Path) -> Result<Self, String> {
        let open = |made: bool| OpenOptions::new().write(true).create_new(made).open(path);
        let (opened, made) = match open(true) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => (open(false), false),
            opened => (opened, true),
        };
        let file = opened.map_err(|error| cannot_write(path, &error))?;
        Ok(Self { path: path.to_owned(), file, made })
    }

    fn write(mut self, text: &str) -> Result<(), String> {
        let written = self.replace(text);
        self.made &= written.is_err();
        written.map_err(|error| cannot_write(&self.path, &error))
    }

    fn replace(&mut self, text: &str) -> std::io::Result<()> {
        // A pipe or a device has no length.
        if self.file.metadata()?.is_file() {
            self.file.set_len(0)?;
        }
        self.file.write_all(text.as_bytes())
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if self.made {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        Page {
            title: "a title".to_owned(),
            verdict: "pass".to_owned(),
            explanation: String::new(),
            facts: Vec::new(),
            series: Vec::new(),
        }
    }

    #[test]
    fn files_are_there_only_once_they_are_written_and_replace_what_was_longer() {
        let path = std::env::temp_dir().join(format!("ringway-report-{}.html", std::process::id()));
        let beside = path.with_extension("hgrm");
        drop(Files::open(&path).unwrap());
        assert!(!path.exists() && !beside.exists());

        std::fs::write(&beside, "x".repeat(1000)).unwrap();
        drop(Files::open(&path).unwrap());
        assert_eq!(std::fs::read(&beside).unwrap().len(), 1000);

        Files::open(&path).unwrap().write(&page(), "percentiles").unwrap();
        assert_eq!(std::fs::read_to_string(&beside).unwrap(), "percentiles");
        assert!(std::fs::read_to_string(&path).unwrap().contains("a title"));
        std::fs::remove_file(&path).unwrap();
        std::fs::remove_file(&beside).unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        for (path, says) in [
            ("x.hgrm", "a page cannot be called .hgrm"),
            ("x.HGRM", "a page cannot be called .hgrm"),
            ("no/such/folder/x.html", "cannot write no/such/folder/x.html"),
            ("", "cannot write"),
            ("..", "cannot write"),
        ] {
            assert!(Files::open(Path::new(path)).unwrap_err().contains(says), "{path}");
        }
    }
}
