//! Turns in another process, which does without `membarrier`: the decision is one of the whole process.

use super::busy;
use crate::measure::stream::Sample;
use crate::output::print;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The process, and what is said to it and by it.
pub(super) struct Fenced(Mutex<Talk>);

struct Talk {
    process: Child,
    asks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Fenced {
    /// Starts it. It ends when it is dropped.
    pub(super) fn start() -> Result<Self, String> {
        let mut process = std::env::current_exe()
            .and_then(|program| {
                Command::new(program)
                    .args(["waiting", "--serve"])
                    .env("RINGWAY_MEMBARRIER", "off")
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .spawn()
            })
            .map_err(|error| format!("cannot start this program again: {error}"))?;
        match (process.stdin.take(), process.stdout.take()) {
            (Some(asks), Some(answers)) => {
                Ok(Self(Mutex::new(Talk { process, asks, answers: BufReader::new(answers) })))
            }
            _ => Err("the process that was started cannot be talked to".to_owned()),
        }
    }

    /// As [`busy::numbered`]'s.
    pub(super) fn turn(&self, workload: usize, wait: usize, duration: Duration) -> Result<Sample, String> {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Talk { asks, answers, .. } = &mut *guard;
        let mut answer = String::new();
        writeln!(asks, "{workload} {wait} {}", duration.as_nanos())
            .and_then(|()| answers.read_line(&mut answer))
            .map_err(|error| format!("the other process is gone: {error}"))?;
        match numbers(&answer)[..] {
            [messages, elapsed_ns] => Ok(Sample { messages, elapsed_ns }),
            _ => Err(format!("the other process says: {}", answer.trim())),
        }
    }
}

impl Drop for Fenced {
    fn drop(&mut self) {
        let talk = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        // It is between two turns, and has nothing to put in order.
        let _ = talk.process.kill();
        let _ = talk.process.wait();
    }
}

fn numbers(line: &str) -> Vec<u64> {
    line.split_whitespace().map_while(|word| word.parse().ok()).collect()
}

/// The other process: a turn for each line, an answer for each turn.
pub(super) fn serve() -> Result<ExitCode, String> {
    // Ctrl-C reaches both: who asked finishes its round and then ends this one.
    ctrlc::set_handler(|| ()).map_err(|error| error.to_string())?;
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let turn = match numbers(&line)[..] {
            [workload, wait, ns] => busy::numbered(workload as usize, wait as usize)
                .map(|contender| (contender.turn)(Duration::from_nanos(ns)))
                .ok_or_else(|| format!("there is no turn '{line}'"))?,
            _ => return Err(format!("'{line}' asks for nothing")),
        };
        match turn {
            Ok(Sample { messages, elapsed_ns }) => print(format_args!("{messages} {elapsed_ns}"))?,
            Err(failure) => print(failure)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}
