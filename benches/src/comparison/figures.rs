//! The figures of a comparison, as the measuring commands print them.

use serde_json::Value;

/// A ratio this near to 1.0 is a tie: two runs differ by as much.
const TIE: f64 = 0.1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Ringway,
    Peer,
    Ceiling,
}

/// Everything that goes onto a page.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Of each run, what is known of its machine, and how it was set.
    pub(super) runs: Vec<Run>,
    pub(super) throughput: Vec<Throughput>,
    pub(super) latency: Vec<Latency>,
    pub(super) failures: Vec<String>,
    /// Of throughput and latency, in the words of the commands: what was to be reached, the figures, the verdict.
    pub(super) goals: Vec<[String; 3]>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Run {
    /// Names and values.
    pub(super) machine: Vec<(String, String)>,
    pub(super) rounds: u64,
    pub(super) millis: u64,
    pub(super) verified: u64,
}

/// What is told of every workload.
#[derive(Debug)]
pub(super) struct Common {
    pub(super) name: String,
    pub(super) rounds: u64,
    pub(super) far_rounds: u64,
    pub(super) line_ns: f64,
}

#[derive(Debug)]
pub(super) struct Throughput {
    pub(super) common: Common,
    /// The best first.
    pub(super) contenders: Vec<Rate>,
    /// Whom the ratios compare with: the best peer, or a ceiling where there are none.
    pub(super) ratio_to: String,
}

#[derive(Debug)]
pub(super) struct Rate {
    pub(super) name: String,
    pub(super) role: Role,
    pub(super) median: f64,
    pub(super) p90: f64,
    pub(super) ratio: f64,
    /// The ratio that it should have.
    pub(super) goal: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Latency {
    pub(super) common: Common,
    /// The least p50 first.
    pub(super) contenders: Vec<Quantiles>,
}

#[derive(Debug)]
pub(super) struct Quantiles {
    pub(super) name: String,
    pub(super) role: Role,
    /// p50, p95, p99, p99.9 in ns.
    pub(super) ns: [u64; 4],
}

/// How a ratio to the best peer reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Ahead,
    Tie,
    Behind,
}

impl Outcome {
    pub(super) fn of(ratio: f64) -> Self {
        match ratio {
            ratio if ratio >= 1.0 + TIE => Self::Ahead,
            ratio if ratio >= 1.0 - TIE => Self::Tie,
            _ => Self::Behind,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ahead => "ahead",
            Self::Tie => "tie",
            Self::Behind => "behind",
        }
    }
}

impl Rate {
    /// Whether its goal is reached; where that is no more than 1.0, a tie will do.
    pub(super) fn reaches_goal(&self) -> Option<bool> {
        self.goal.map(|goal| self.ratio >= if goal <= 1.0 { goal * (1.0 - TIE) } else { goal })
    }
}

impl Throughput {
    /// The type as it comes, not whichever variant happened to be best in this run.
    pub(super) fn ours(&self) -> Option<&Rate> {
        let ours = || self.contenders.iter().filter(|one| one.role == Role::Ringway);
        ours().find(|one| one.name == "ringway").or_else(|| ours().next())
    }

    pub(super) fn best_peer(&self) -> Option<&Rate> {
        self.contenders.iter().find(|one| one.role == Role::Peer)
    }
}

impl Latency {
    /// The least of the peers' at this quantile.
    pub(super) fn best_peer(&self, quantile: usize) -> Option<u64> {
        self.contenders.iter().filter(|one| one.role == Role::Peer).map(|one| one.ns[quantile]).min()
    }
}

impl Figures {
    /// Adds what one command has printed.
    pub(super) fn add(&mut self, value: &Value) -> Result<(), String> {
        let workloads =
            value["workloads"].as_array().ok_or("no 'workloads': not of throughput --json or latency --json")?;
        let number = |key: &str| value[key].as_u64().unwrap_or(0);
        let run = Run {
            machine: machine(&value["machine"]),
            rounds: number("rounds"),
            millis: number("millis"),
            verified: number("messages_verified"),
        };
        self.runs.push(run);
        let failures = value["failures"].as_array().into_iter().flatten().filter_map(Value::as_str);
        self.failures.extend(failures.map(str::to_owned));
        for goal in value["goals"]["all"].as_array().into_iter().flatten() {
            self.goals.push([text(goal, "what")?, text(goal, "figures")?, text(goal, "verdict")?]);
        }
        for workload in workloads {
            let first = &workload["contenders"][0];
            match (first["messages_per_s"].is_object(), first["latency_ns"].is_object()) {
                (true, _) => self.throughput.push(throughput(workload)?),
                (_, true) => self.latency.push(latency(workload)?),
                _ => return Err(format!("{}: neither rates nor latencies", workload["name"])),
            }
        }
        Ok(())
    }

    /// Workloads in which ringway is ahead of the best peer, as good, and behind.
    pub(super) fn outcomes(&self) -> [usize; 3] {
        let count = |wanted| {
            let with_peers = self.throughput.iter().filter(|one| one.best_peer().is_some());
            with_peers.filter_map(Throughput::ours).filter(|ours| Outcome::of(ours.ratio) == wanted).count()
        };
        [count(Outcome::Ahead), count(Outcome::Tie), count(Outcome::Behind)]
    }
}

fn machine(value: &Value) -> Vec<(String, String)> {
    let known = value.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    known.map(|(name, value)| (name.clone(), value.as_str().map_or(value.to_string(), str::to_owned))).collect()
}

fn text(value: &Value, key: &str) -> Result<String, String> {
    value[key].as_str().map(str::to_owned).ok_or_else(|| format!("no '{key}' in {value}"))
}

fn common(value: &Value) -> Result<Common, String> {
    let line = &value["line_bounce_ns"];
    Ok(Common {
        name: text(value, "name")?,
        rounds: value["rounds"].as_u64().unwrap_or(0),
        far_rounds: value["far_rounds"].as_u64().unwrap_or(0),
        line_ns: line.as_f64().or_else(|| line["median"].as_f64()).unwrap_or(f64::NAN),
    })
}

fn role(value: &Value) -> Result<Role, String> {
    match value["role"].as_str() {
        Some("ringway") => Ok(Role::Ringway),
        Some("peer") => Ok(Role::Peer),
        Some("ceiling") => Ok(Role::Ceiling),
        _ => Err(format!("no 'role' in {value}")),
    }
}

/// Those that have figures: a run that ended before its first round has none.
fn contenders<C>(workload: &Value, of: impl Fn(&Value) -> Result<C, String>) -> Result<Vec<C>, String> {
    workload["contenders"].as_array().ok_or("no 'contenders'")?.iter().map(of).collect()
}

fn throughput(workload: &Value) -> Result<Throughput, String> {
    let figure = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let goal = workload["goal"].as_f64();
    let mut contenders = contenders(workload, |one| {
        let role = role(one)?;
        Ok(Rate {
            name: text(one, "name")?,
            role,
            median: figure(&one["messages_per_s"]["median"]),
            p90: figure(&one["messages_per_s"]["p90"]),
            // Of the same round, where it is told: what both met.
            ratio: one["ratio_per_round"]["median"].as_f64().unwrap_or_else(|| figure(&one["ratio"]["median"])),
            goal: one["goal"].as_f64().or(goal.filter(|_| role == Role::Ringway)),
        })
    })?;
    contenders.retain(|one| one.median.is_finite());
    contenders.sort_by(|a, b| b.median.total_cmp(&a.median));
    Ok(Throughput { common: common(workload)?, contenders, ratio_to: text(workload, "ratio_to").unwrap_or_default() })
}

fn latency(workload: &Value) -> Result<Latency, String> {
    let mut contenders = contenders(workload, |one| {
        let ns = ["p50", "p95", "p99", "p999"].map(|quantile| one["latency_ns"][quantile].as_u64().unwrap_or(0));
        Ok(Quantiles { name: text(one, "name")?, role: role(one)?, ns })
    })?;
    contenders.retain(|one| one.ns[0] > 0);
    contenders.sort_by_key(|one| one.ns[0]);
    Ok(Latency { common: common(workload)?, contenders })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use serde_json::json;

    /// A run with a win, a tie and a loss, and one of latency.
    pub(in crate::comparison) fn example() -> Figures {
        let one = |name: &str, role: &str, rate: f64, ratio: f64| {
            json!({ "name": name, "role": role, "messages_per_s": { "median": rate, "p90": rate },
                    "ratio": { "median": ratio, "p90": ratio } })
        };
        let workload = |name: &str, ours: f64| {
            json!({ "name": name, "rounds": 25, "far_rounds": 3, "line_bounce_ns": { "median": 99.0, "p90": 120.0 },
                    "ratio_to": "other <ring>", "goal": 1.3,
                    "contenders": [one("ringway", "ringway", ours * 1e6, ours / 100.0),
                                   one("other <ring>", "peer", 100e6, 1.0), one("slow", "peer", 1e6, 0.01),
                                   one("raw hand-over", "ceiling", 900e6, 9.0)] })
        };
        let workloads = [
            workload("spsc 1/1 batch 8 B", 150.0),
            workload("mpsc 2/1 batch 8 B", 95.0),
            workload("mpmc 2/2 one 8 B", 50.0),
        ];
        let mut figures = Figures::default();
        let machine = json!({ "cpu": "a processor", "cores": 2, "commit": null });
        figures
            .add(&json!({ "rounds": 25, "millis": 10, "messages_verified": 12, "machine": machine,
                          "workloads": workloads, "failures": ["spsc: a message was lost"] }))
            .unwrap();
        let quantiles = |p50: u64| json!({ "p50": p50, "p95": p50 * 2, "p99": p50 * 3, "p999": p50 * 10 });
        figures
            .add(&json!({ "rounds": 25,
                "goals": { "all": [{ "what": "ping-pong, p50", "figures": "160 ns, to be 150", "verdict": "miss" }] },
                "workloads": [{ "name": "ping-pong", "rounds": 25, "line_bounce_ns": 100.0,
                "contenders": [{ "name": "ringway, spin", "role": "ringway", "latency_ns": quantiles(160) },
                               { "name": "fast", "role": "peer", "latency_ns": quantiles(150) }] }] }))
            .unwrap();
        figures
    }

    #[test]
    fn wins_ties_and_losses_are_counted() {
        let figures = example();
        assert_eq!(figures.outcomes(), [1, 1, 1]);
        assert_eq!(figures.throughput[0].contenders[0].name, "raw hand-over");
        assert_eq!(figures.throughput[0].best_peer().unwrap().name, "other <ring>");
        assert_eq!(figures.throughput[0].ours().unwrap().reaches_goal(), Some(true));
        assert_eq!(figures.throughput[1].ours().unwrap().reaches_goal(), Some(false));
        assert_eq!(figures.latency[0].contenders[0].name, "fast");
        assert_eq!(figures.runs[0].machine.len(), 2);
    }

    #[test]
    fn the_named_variant_counts_and_not_the_best_one() {
        let rate = |name: &str, ratio| Rate {
            name: name.to_owned(),
            role: Role::Ringway,
            median: ratio,
            p90: ratio,
            ratio,
            goal: Some(1.0),
        };
        let common = Common { name: String::new(), rounds: 1, far_rounds: 0, line_ns: 1.0 };
        let contenders = vec![rate("ringway, streaming", 2.0), rate("ringway", 0.95)];
        let workload = Throughput { common, contenders, ratio_to: String::new() };
        assert_eq!(workload.ours().unwrap().ratio, 0.95);
        assert_eq!(workload.ours().unwrap().reaches_goal(), Some(true), "a tie will do");
    }

    #[test]
    fn what_is_something_else_is_refused() {
        for wrong in [json!({}), json!({ "workloads": [{ "name": "x", "contenders": [{}] }] }), json!([])] {
            assert!(Figures::default().add(&wrong).is_err(), "{wrong}");
        }
    }
}
