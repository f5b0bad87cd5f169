//! Where series are written to: on a thread of its own, so that no exporter holds up whoever records.

use super::error::MetricError;
use super::registry::{MetricsSnapshot, Registry, SeriesReading};
use super::text;
use crate::sync::{JoinHandle, spawn_thread};
use core::fmt;
use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One series as it is exported.
pub type Sample = SeriesReading;

/// Takes what is exported: a file, a database, a network.
pub trait Exporter: Send {
    /// Writes what some series say, all of them read at about one time.
    ///
    /// # Errors
    ///
    /// What was not written is counted as dropped; the next batch is tried again.
    fn write(&mut self, batch: &[Sample]) -> Result<(), ExportError>;
}

/// A batch was not written.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExportError {
    /// For a reason of the system's.
    Io(io::Error),
    /// The other side takes nothing now.
    Unavailable,
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Unavailable => f.write_str("the exporter takes nothing now"),
        }
    }
}

impl Error for ExportError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Unavailable => None,
        }
    }
}

impl From<io::Error> for ExportError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Appends batches to a file, in the text format of Prometheus, an empty line after each.
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
    fn write(&mut self, batch: &[Sample]) -> Result<(), ExportError> {
        let mut text = String::new();
        // A string refuses nothing.
        let _ = text::prometheus(&mut batch.to_vec(), &mut text);
        text.push('\n');
        Ok(self.file.write_all(text.as_bytes())?)
    }
}

/// Takes an exporter off its registry: see [`Registry::unexport`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportHandle(u64);

/// What exports have come to, since the registry was built.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlushReport {
    /// Samples that an exporter wrote.
    pub written: u64,
    /// Samples that an exporter failed to write, or panicked over.
    pub dropped: u64,
}

#[derive(Default)]
struct Targets {
    exporters: Vec<(ExportHandle, Box<dyn Exporter>)>,
    given: u64,
    snapshot: MetricsSnapshot,
    report: FlushReport,
}

struct Running {
    thread: JoinHandle<()>,
    /// Dropping it ends the thread.
    stop: SyncSender<()>,
}

#[derive(Default)]
pub(super) struct Exports {
    targets: Mutex<Targets>,
    running: Mutex<Option<Running>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Exporters' panics are caught; nothing else in here leaves anything half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Registry {
    /// Exports to `exporter` too, at each flush.
    pub fn export(&self, exporter: Box<dyn Exporter>) -> ExportHandle {
        let mut targets = lock(&self.shared.exports.targets);
        let handle = ExportHandle(targets.given);
        targets.given += 1;
        targets.exporters.push((handle, exporter));
        handle
    }

    /// Exports to it no more, and gives it back; none if that was done before.
    pub fn unexport(&self, handle: ExportHandle) -> Option<Box<dyn Exporter>> {
        let mut targets = lock(&self.shared.exports.targets);
        let at = targets.exporters.iter().position(|(known, _)| *known == handle)?;
        Some(targets.exporters.remove(at).1)
    }

    /// Writes all series to all exporters now, on the calling thread. A failing exporter keeps nothing from the others.
    pub fn flush(&self) -> FlushReport {
        let mut targets = lock(&self.shared.exports.targets);
        let Targets { exporters, snapshot, report, .. } = &mut *targets;
        self.snapshot(snapshot);
        for (_, exporter) in exporters {
            for batch in snapshot.series.chunks(self.shared.settings.batch) {
                let write = core::panic::AssertUnwindSafe(|| exporter.write(batch));
                match std::panic::catch_unwind(write) {
                    Ok(Ok(())) => report.written += batch.len() as u64,
                    Ok(Err(_)) | Err(_) => report.dropped += batch.len() as u64,
                }
            }
        }
        *report
    }

    /// Begins to flush, on a thread of its own, as often as the builder said.
    ///
    /// # Errors
    ///
    /// [`AlreadyStarted`](MetricError::AlreadyStarted). [`NotStarted`](MetricError::NotStarted) if the system has no thread.
    pub fn start(&self) -> Result<(), MetricError> {
        let mut running = lock(&self.shared.exports.running);
        if running.is_some() {
            return Err(MetricError::AlreadyStarted);
        }
        let (stop, stopped) = sync_channel(0);
        let weak = std::sync::Arc::downgrade(&self.shared);
        let every = self.shared.settings.flush;
        let run = move || {
            while stopped.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
                // A registry that nobody has any more is not flushed.
                let Some(shared) = weak.upgrade() else { return };
                Registry { shared }.flush();
            }
        };
        let thread = spawn_thread("ringway-metrics".to_owned(), run).map_err(|_| MetricError::NotStarted)?;
        *running = Some(Running { thread, stop });
        Ok(())
    }

    /// Ends the thread, and flushes once more.
    ///
    /// # Errors
    ///
    /// [`NotStarted`](MetricError::NotStarted).
    pub fn stop(&self) -> Result<FlushReport, MetricError> {
        let running = lock(&self.shared.exports.running).take().ok_or(MetricError::NotStarted)?;
        drop(running.stop);
        // It catches the panics of exporters and has none of its own.
        let _ = running.thread.join();
        Ok(self.flush())
    }
}
