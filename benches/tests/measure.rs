//! The measuring subcommands from outside: that every message is accounted for, and what is printed. Figures are not judged here.

use serde_json::Value;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringway-bench")).args(arguments).output().expect("the command starts")
}

/// The one object on standard output, of a run that passed.
fn json(arguments: &[&str]) -> Value {
    let output = run(arguments);
    let (text, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{told}"));
    assert!(output.status.success() && result["verdict"] == "pass", "{result}");
    assert!(!told.contains("panicked"), "{told}");
    result
}

fn list(value: &Value) -> &Vec<Value> {
    value.as_array().expect("a list")
}

/// The names of the contenders of each workload, all of which got something through.
fn contenders(result: &Value) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().expect("a name").to_owned();
    let mut total = 0;
    let all = list(&result["workloads"])
        .iter()
        .map(|workload| {
            let names = list(&workload["contenders"]).iter().map(|contender| {
                let messages = contender["messages"].as_u64();
                assert!(messages > Some(0), "{workload}");
                total += messages.unwrap_or_default();
                text(&contender["name"])
            });
            (text(&workload["name"]), names.collect())
        })
        .collect();
    assert_eq!(result["messages_verified"].as_u64(), Some(total));
    all
}

#[test]
fn throughput_verifies_all_it_sends() {
    let result = json(&["throughput", "--rounds", "1", "--millis", "2", "--json"]);
    let workloads = contenders(&result);
    // Styles, of sizes: of the large ring, of spsc, and of the other shapes.
    assert_eq!(workloads.len(), 3 * (1 + 3 + 7 * 2));
    for (workload, names) in &workloads {
        assert!(
            names.iter().any(|name| name == "ringway") && names.iter().any(|name| name == "raw hand-over"),
            "{workload}"
        );
        assert_eq!(names.iter().any(|name| name == "copy on one core"), !workload.ends_with(" 8 B"), "{workload}");
        let peers = cfg!(feature = "peers");
        let shared = workload.starts_with("broadcast");
        assert_eq!(names.iter().any(|name| name == "crossbeam ArrayQueue"), peers && !shared, "{workload}");
        assert_eq!(names.iter().any(|name| name == "rtrb"), peers && workload.starts_with("spsc"), "{workload}");
        assert_eq!(names.iter().any(|name| name == "disruptor"), peers && !workload.starts_with("mpmc"), "{workload}");
    }
    for workload in list(&result["workloads"]) {
        assert!(
            list(&workload["contenders"]).iter().all(|one| one["ratio"]["median"].as_f64() > Some(0.0)),
            "{workload}"
        );
        assert!(workload["line_bounce_ns"]["median"].as_f64() > Some(0.0), "{workload}");
        for one in list(&workload["contenders"]) {
            assert!(one["ratio_per_round"]["median"].as_f64() > Some(0.0), "{one}");
            assert!(one["share_of_raw_hand_over"].as_f64() > Some(0.0), "{one}");
        }
    }
    // Without peers there is nobody to be ahead of. Options that this build does not have are not judged.
    let (met, of) = (result["goals"]["met"].as_u64(), result["goals"]["of"].as_u64());
    assert!(met <= of && (of >= Some(33)) == cfg!(feature = "peers"), "{}", result["goals"]);
}

#[test]
fn latency_verifies_all_it_sends() {
    let result = json(&["latency", "--rounds", "1", "--millis", "5", "--json"]);
    let workloads = contenders(&result);
    assert_eq!(workloads.len(), 5);
    for name in ["ringway, spin", "ringway, park", "std park and unpark", "line bounce"] {
        assert!(workloads[0].1.iter().any(|contender| contender == name), "{name}");
    }
    for contender in list(&result["workloads"]).iter().flat_map(|workload| list(&workload["contenders"])) {
        let quantile = |name: &str| contender["latency_ns"][name].as_u64().expect("a number");
        assert!(quantile("p50") <= quantile("p99") && quantile("p99") <= quantile("p999"), "{contender}");
        assert!(quantile("p999") <= quantile("max"), "{contender}");
    }
    // In open loop, what is due is sent.
    assert_eq!(list(&result["workloads"])[1]["contenders"][0]["messages"], 500);
}

#[test]
fn unusual_workloads_and_single_peers_are_chosen_by_name() {
    let chosen = "mpsc-64k 2/1 one 64 B,spsc 1/1 one 256";
    let result =
        json(&["throughput", "--rounds", "1", "--millis", "1", "--only", chosen, "--peers", "Queue", "--json"]);
    let workloads = contenders(&result);
    let names: Vec<_> = workloads.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["spsc 1/1 one 256 B", "mpsc-64k 2/1 one 64 B"]);
    let peers = workloads[0].1.iter().filter(|name| name.contains("Array") || name.contains("rtrb"));
    assert_eq!(peers.collect::<Vec<_>>().len(), usize::from(cfg!(feature = "peers")), "{workloads:?}");
}

#[test]
fn workloads_are_chosen_by_name() {
    let table = run(&["throughput", "--rounds", "2", "--millis", "1", "--only", "mpsc 2/1 batch 8"]);
    let (text, told) = (String::from_utf8_lossy(&table.stdout), String::from_utf8_lossy(&table.stderr));
    assert!(
        table.status.success() && text.contains("mpsc 2/1 batch 8 B") && !text.contains("spsc 1/1"),
        "{text}{told}"
    );
    assert_eq!(told.contains("--features peers"), cfg!(not(feature = "peers")), "{told}");
    for command in ["throughput", "latency"] {
        let some =
            run(&[command, "--rounds", "1", "--millis", "1", "--only", "spsc-64k 1/1 one 8,ping", "--peers", "rtrb"]);
        assert_eq!(some.status.code(), Some(2), "one of the two texts names nothing of {command}");
        for (arguments, says) in [
            (["--only", "carrier pigeon"], "no workload"),
            (["--rounds", "0"], "not in 1.."),
            (["--millis", "0"], "not in 1.."),
        ] {
            let output = run(&[&[command], &arguments[..]].concat());
            let told = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{told}");
            assert!(told.contains(says) && output.stdout.is_empty(), "{told}");
        }
    }
}

/// What stands in the table does not fail here, on whatever machine this runs; what came out wrong would.
#[test]
fn coordination_verifies_all_it_does() {
    let result = json(&["coordination", "--rounds", "1", "--millis", "1", "--no-gates", "--json"]);
    let rows = list(&result["rows"]);
    let names: Vec<_> = rows.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!((names.len(), names.iter().filter(|name| name.starts_with("script: ")).count()), (19, 4), "{names:?}");
    let mut total = 0;
    for row in rows {
        let contenders = list(&row["contenders"]);
        assert_eq!(contenders[0]["name"], "ringway", "{row}");
        assert!(contenders.iter().any(|one| one["role"] == "reference"), "{row}");
        for one in contenders {
            assert!(one["operations"].as_u64() > Some(0) && one["p50_ns"].as_f64() > Some(0.0), "{row}");
            total += one["operations"].as_u64().unwrap_or_default();
        }
        let told_only = row["name"].as_str().is_some_and(|name| name.contains(", beside "));
        assert!(list(&row["gates"]).is_empty() == told_only && row["original_ns"].as_f64() > Some(0.0), "{row}");
    }
    assert_eq!(result["operations_verified"].as_u64(), Some(total));
    // One for each row but the two, and four that are ratios: to be woken up, twice, metrics, and events.
    assert_eq!((&result["gates"]["judged"], &result["gates"]["of"]), (&false.into(), &21.into()));
}

#[test]
fn rows_of_coordination_are_chosen_by_name() {
    let table =
        run(&["coordination", "--rounds", "2", "--millis", "1", "--only", "state get,context read", "--no-gates"]);
    let text = String::from_utf8_lossy(&table.stdout);
    assert!(table.status.success() && text.contains("state get") && !text.contains("state set"), "{text}");
    assert!(text.contains("of 2 gates hold, which are not judged"), "{text}");
    let nobody = run(&["coordination", "--only", "carrier pigeon"]);
    assert_eq!(nobody.status.code(), Some(2));
    assert!(nobody.stdout.is_empty() && String::from_utf8_lossy(&nobody.stderr).contains("carrier pigeon"));
}
