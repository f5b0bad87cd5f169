//! What came of a load, for people and for programs.

use super::LoadArgs;
use super::recorder::Record;
use crate::html::{Page, Series};
use crate::process::{self, resident_bytes};
use crate::stats::{QUANTILES, human, to_json};
use comfy_table::Table;
use hdrhistogram::Histogram;
use ringway::Report;
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The promise: 95 of 100 messages are handled this soon after they were due.
const PROMISED_P95: Duration = Duration::from_millis(10);

/// Resident memory during a run.
#[derive(Debug)]
pub(crate) struct Resident {
    began: Instant,
    warm_up: Duration,
    warm: Option<u64>,
    end: Option<u64>,
}

impl Resident {
    /// Everything is in place after ten seconds, or half of a shorter run.
    pub(crate) fn new(duration: f64) -> Self {
        let warm_up = Duration::from_secs_f64((duration / 2.0).min(10.0));
        Self { began: Instant::now(), warm_up, warm: None, end: None }
    }

    pub(crate) fn look(&mut self) {
        if self.warm.is_none() && self.began.elapsed() >= self.warm_up {
            self.warm = resident_bytes();
        }
    }

    pub(crate) fn end(&mut self) {
        self.end = resident_bytes();
    }

    fn growth(&self) -> Option<i64> {
        Some(self.end? as i64 - self.warm? as i64)
    }
}

#[derive(Debug)]
pub(crate) struct Outcome {
    /// Messages that were to be sent, unless the run is interrupted.
    pub(crate) scheduled: u64,
    /// Messages that agents have sent.
    pub(crate) sent: u64,
    /// Sends that the bus refused; it does so only when it is closed.
    pub(crate) refused: u64,
    /// Sends that had to wait for room.
    pub(crate) full: u64,
    pub(crate) elapsed: Duration,
    pub(crate) record: Record,
    pub(crate) report: Report,
    pub(crate) allocations: u64,
    pub(crate) resident: Resident,
    /// How late timers alone are.
    pub(crate) baseline: Histogram<u64>,
    pub(crate) interrupted: bool,
}

impl Outcome {
    pub(crate) fn lost(&self) -> u64 {
        self.sent.saturating_sub(self.record.received)
    }

    fn p95(&self) -> Duration {
        Duration::from_nanos(self.record.due.value_at_quantile(0.95))
    }

    /// What is wrong, if anything is.
    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut expect = |fine: bool, complaint: String| {
            if !fine {
                complaints.push(complaint);
            }
        };
        let Self { scheduled, sent, refused, .. } = *self;
        let Record { received, order_breaks, damaged, .. } = self.record;
        expect(refused == 0, format!("{refused} sends refused"));
        // An agent that was refused sends no more; nor does one that is interrupted.
        expect(self.interrupted || sent == scheduled, format!("{scheduled} messages were due, {sent} were sent"));
        expect(sent == received, format!("{sent} sent, {received} received"));
        expect(order_breaks == 0, format!("{order_breaks} messages out of order"));
        expect(damaged == 0, format!("{damaged} messages damaged"));
        expect(self.report.is_balanced(), "the bus's report does not balance".to_owned());
        expect(self.p95() < PROMISED_P95, format!("P95 {:?} is not under {PROMISED_P95:?}", self.p95()));
        complaints
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        process::exit_code(self.complaints().is_empty(), self.interrupted)
    }

    fn throughput(&self) -> f64 {
        self.record.received as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn json(&self, args: &LoadArgs) -> Value {
        let workers = self.report.workers.iter().map(|worker| {
            json!({
                "core": worker.core, "received": worker.received, "utilization": worker.utilization,
                "parks": worker.parks, "cycles": worker.cycles,
            })
        });
        json!({
            "scheduled": self.scheduled,
            "sent": self.sent,
            "refused": self.refused,
            "received": self.record.received,
            "lost": self.lost(),
            "elapsed_s": self.elapsed.as_secs_f64(),
            "throughput_per_s": self.throughput(),
            "latency_ns": to_json(&self.record.due),
            "bus_latency_ns": to_json(&self.record.bus),
            "timer_baseline_ns": to_json(&self.baseline),
            "allocations_steady": self.allocations,
            "rss_bytes": { "after_warmup": self.resident.warm, "end": self.resident.end, "growth": self.resident.growth() },
            "order_breaks": self.record.order_breaks,
            "damaged": self.record.damaged,
            "backpressure": self.full,
            "faults": self.report.faults,
            "rescued_wakeups": self.report.rescued_wakeups,
            "balanced": self.report.is_balanced(),
            "workers": workers.collect::<Vec<_>>(),
            "settings": {
                "agents": args.agents, "rate": args.rate, "duration_s": args.duration, "payload_bytes": args.payload,
                "workers": args.bus.workers, "batch": args.bus.batch, "capacity": args.bus.capacity,
                "wait": format!("{:?}", args.bus.wait).to_lowercase(),
            },
            "interrupted": self.interrupted,
            "complaints": self.complaints(),
            "verdict": if self.complaints().is_empty() { "pass" } else { "fail" },
        })
    }

    /// Name and histogram of each latency that is shown.
    fn latencies(&self) -> [(&'static str, &Histogram<u64>); 3] {
        [
            ("from the moment it was due", &self.record.due),
            ("from the call of send (the bus)", &self.record.bus),
            ("timers alone, without a bus", &self.baseline),
        ]
    }

    pub(crate) fn table(&self) -> String {
        let mut latencies = Table::new();
        let mut header = vec!["latency"];
        header.extend(QUANTILES.iter().map(|&(_, name, _)| name));
        latencies.set_header(header);
        for (name, histogram) in self.latencies() {
            let mut row = vec![name.to_owned()];
            row.extend(QUANTILES.iter().map(|&(.., q)| human(histogram.value_at_quantile(q))));
            latencies.add_row(row);
        }
        let mut workers = Table::new();
        workers.set_header(["worker", "core", "received", "utilization", "parks", "waited in the inbox, p50 / p99"]);
        for worker in &self.report.workers {
            workers.add_row([
                worker.id.index().to_string(),
                worker.core.map_or("-".to_owned(), |core| core.to_string()),
                worker.received.to_string(),
                format!("{:.1} %", worker.utilization * 100.0),
                worker.parks.to_string(),
                worker.residence.map_or("-".to_owned(), |waited| format!("{:.1?} / {:.1?}", waited.p50, waited.p99)),
            ]);
        }
        format!("{latencies}\n{workers}\n{}\n{}", self.facts().join("\n"), self.verdict())
    }

    fn facts(&self) -> Vec<String> {
        let memory = |bytes: Option<u64>| {
            bytes.map_or("unknown".to_owned(), |bytes| format!("{:.1} MiB", bytes as f64 / 1048576.0))
        };
        vec![
            format!(
                "{} sent, {} received, {} lost, {} waited for room",
                self.sent,
                self.record.received,
                self.lost(),
                self.full
            ),
            format!("{:.0} messages a second for {:.1} s", self.throughput(), self.elapsed.as_secs_f64()),
            format!("{} allocations after the first tenth of the run", self.allocations),
            format!(
                "resident memory: {} after the warm-up, {} at the end",
                memory(self.resident.warm),
                memory(self.resident.end)
            ),
            format!("{} wake-ups rescued, {} handler panics", self.report.rescued_wakeups, self.report.faults),
        ]
    }

    fn verdict(&self) -> String {
        let complaints = self.complaints();
        let interrupted = if self.interrupted { " (interrupted)" } else { "" };
        match complaints.is_empty() {
            true => format!(
                "pass{interrupted}: nothing lost, P95 {} is under {PROMISED_P95:?}",
                human(self.p95().as_nanos() as u64)
            ),
            false => format!("FAIL{interrupted}: {}", complaints.join("; ")),
        }
    }

    pub(crate) fn page(&self, args: &LoadArgs) -> Page {
        let colours = ["#1f5fa8", "#2a9d5c", "#999999"];
        Page {
            title: "ringway: the reference load".to_owned(),
            verdict: self.verdict(),
            explanation: format!(
                "{} agents, each a thread of its own, sent {} messages of {} bytes at {} a second through a bus of {} workers. Every \
                 agent had a timetable; a message's latency is counted from the moment it was due, so that a stall counts for every \
                 message it delays. The grey line shows how late the same threads wake up when they only sleep: what lies above it \
                 is not the system's timers.",
                args.agents, self.sent, args.payload, args.rate, args.bus.workers
            ),
            facts: self.facts(),
            series: self
                .latencies()
                .into_iter()
                .zip(colours)
                .map(|((name, histogram), colour)| Series::new(name, colour, histogram))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::histogram;

    /// Everything sent and received.
    fn fine() -> Outcome {
        let mut record = Record::new();
        record.received = 10;
        Outcome {
            scheduled: 10,
            sent: 10,
            refused: 0,
            full: 0,
            elapsed: Duration::from_secs(1),
            record,
            report: Report::default(),
            allocations: 0,
            resident: Resident::new(1.0),
            baseline: histogram(),
            interrupted: false,
        }
    }

    #[test]
    fn a_fine_run_passes_and_an_interrupted_one_tells_so() {
        assert!(fine().complaints().is_empty());
        assert_eq!(fine().exit_code(), ExitCode::SUCCESS);
        let mut outcome = fine();
        (outcome.interrupted, outcome.scheduled) = (true, 1000);
        assert!(outcome.complaints().is_empty());
        assert_eq!(outcome.exit_code(), ExitCode::from(130));
    }

    #[test]
    fn whatever_is_missing_fails_interrupted_or_not() {
        let (mut lost, mut refused, mut damaged) = (fine(), fine(), fine());
        lost.record.received = 9;
        refused.refused = 1;
        damaged.record.damaged = 1;
        for (mut outcome, says) in
            [(lost, "10 sent, 9 received"), (refused, "1 sends refused"), (damaged, "1 messages damaged")]
        {
            for interrupted in [false, true] {
                outcome.interrupted = interrupted;
                assert_eq!(outcome.complaints(), [says]);
                assert_eq!(outcome.exit_code(), ExitCode::FAILURE);
            }
        }
        let mut outcome = fine();
        outcome.scheduled = 11;
        assert_eq!(outcome.complaints(), ["11 messages were due, 10 were sent"]);
        assert!(outcome.verdict().starts_with("FAIL: 11 messages"));
    }
}
