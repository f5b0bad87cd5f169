//! `ringway-bench report`: one page, and one picture, of what `throughput --json` and `latency --json` have told.

mod figures;
mod page;
mod picture;

use crate::output;
use clap::Args;
use figures::Figures;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Clone, Debug, Args)]
pub(crate) struct ReportArgs {
    /// What `throughput --json` and `latency --json` printed
    #[arg(required = true, value_name = "JSON")]
    figures: Vec<PathBuf>,
    /// Where the page goes
    #[arg(long, value_name = "FILE", default_value = "ringway-report.html")]
    output: PathBuf,
    /// Draw the main workloads too, as one SVG picture
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

pub(crate) fn report(args: &ReportArgs) -> Result<ExitCode, String> {
    let mut figures = Figures::default();
    for path in &args.figures {
        let told = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let text = std::fs::read_to_string(path).map_err(|error| told(&error))?;
        let value = serde_json::from_str(&text).map_err(|error| told(&error))?;
        figures.add(&value).map_err(|error| told(&error))?;
    }
    write(&args.output, &page::render(&figures)?)?;
    if let Some(path) = &args.picture {
        write(path, &picture::render(&figures)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    output::print(format_args!("written: {}", path.display()))
}
