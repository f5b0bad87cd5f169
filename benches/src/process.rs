//! What the system knows of this process, and how it is told to stop.

use crate::output;
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// The exit code of a run that was interrupted.
const INTERRUPTED_CODE: u8 = 130;

/// What is wrong is told in any case; an interruption only if nothing else is.
pub(crate) fn exit_code(fine: bool, interrupted: bool) -> ExitCode {
    match (fine, interrupted) {
        (false, _) => ExitCode::FAILURE,
        (true, true) => ExitCode::from(INTERRUPTED_CODE),
        (true, false) => ExitCode::SUCCESS,
    }
}

/// Lets the first Ctrl-C end the run in good order, and the second one at once.
pub(crate) fn listen_for_ctrl_c() -> Result<(), String> {
    ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED_CODE.into());
        }
        output::note("\ninterrupted: finishing, with the accounting (once more ends at once)");
    })
    .map_err(|error| format!("cannot listen for Ctrl-C: {error}"))
}

pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Nanoseconds on the clock for measurements, since some moment of this process.
pub(crate) fn now_ns() -> u64 {
    static CLOCK: OnceLock<(quanta::Clock, u64)> = OnceLock::new();
    let (clock, start) = CLOCK.get_or_init(|| {
        let clock = quanta::Clock::new();
        let start = clock.raw();
        (clock, start)
    });
    clock.delta_as_nanos(*start, clock.raw())
}

/// Sleeps until `due` on that clock; false if the run was interrupted first.
pub(crate) fn sleep_until(due: u64) -> bool {
    const LONGEST: u64 = 50_000_000;
    loop {
        if is_interrupted() {
            return false;
        }
        match due.saturating_sub(now_ns()) {
            0 => return true,
            left => std::thread::sleep(Duration::from_nanos(left.min(LONGEST))),
        }
    }
}

/// Resident memory in bytes, where the system tells it.
pub(crate) fn resident_bytes() -> Option<u64> {
    const PAGE: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(statm.split_whitespace().nth(1)?.parse::<u64>().ok()? * PAGE)
}

/// Processor time that this process has used, where the system tells it.
pub(crate) fn cpu_time() -> Option<Duration> {
    const TICKS_PER_SECOND: u64 = 100;
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program may hold spaces: fields are counted from its closing parenthesis.
    let fields: Vec<_> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

/// Calls `each` about every `interval` until `done`.
pub(crate) fn watch(interval: Duration, done: impl Fn() -> bool, mut each: impl FnMut(Duration)) {
    let began = Instant::now();
    while !done() {
        std::thread::sleep(interval);
        each(began.elapsed());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_on_and_sleep_reaches_its_moment() {
        let due = now_ns() + 2_000_000;
        assert!(sleep_until(due));
        assert!(now_ns() >= due);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_tells_memory_and_time() {
        assert!(resident_bytes().unwrap() > 100_000);
        assert!(cpu_time().is_some());
    }
}
