//! Metrics in a file.

use super::export::{ExportError, Exporter, Sample};
use super::registry::MetricsSnapshot;
use super::slo::Violation;
use super::text;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

/// Appends snapshots to a file, in the text format of Prometheus, an empty line after each. Takes no single samples.
///
/// ```
/// use ringway::metrics::{FileExporter, Registry};
/// # let path = std::env::temp_dir().join(format!("ringway-file-{}.txt", std::process::id()));
/// let registry = Registry::builder().build();
/// registry.counter("sent", &[])?.add(2);
/// registry.export(Box::new(FileExporter::append(&path)?));
/// registry.flush();
/// assert!(std::fs::read_to_string(&path)?.ends_with("# TYPE sent counter\nsent 2\n\n"));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct FileExporter {
    file: File,
}

impl FileExporter {
    /// Appends to the file, which is made if there is none.
    ///
    /// # Errors
    ///
    /// Those of opening it.
    pub fn append(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self { file: File::options().append(true).create(true).open(path)? })
    }
}

impl Exporter for FileExporter {
    fn write(&mut self, _batch: &[Sample]) -> Result<(), ExportError> {
        Ok(())
    }

    fn takes_samples(&self) -> bool {
        false
    }

    fn snapshot(&mut self, snapshot: &MetricsSnapshot, _violations: &[Violation]) -> Result<(), ExportError> {
        let mut text = String::new();
        // A string refuses nothing.
        let _ = text::prometheus(&mut snapshot.series.clone(), &mut text);
        text.push('\n');
        Ok(self.file.write_all(text.as_bytes())?)
    }
}
