//! The commands that measure what ringway's own duties cost, and the report, from outside. Figures are not judged here.

use serde_json::Value;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringway-bench")).args(arguments).output().expect("the command starts")
}

/// The one object on standard output, of a run in which nothing was lost.
fn json(arguments: &[&str]) -> Value {
    let output = run(&[arguments, &["--json"]].concat());
    let (text, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let result: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{told}"));
    assert!(!told.contains("panicked"), "{told}");
    assert!(result["machine"]["rustc"].is_string(), "{result}");
    result
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|one| one["name"].as_str().expect("a name")).collect()
}

#[test]
fn both_sides_wait_in_every_way_and_nothing_is_lost() {
    let result = json(&["waiting", "--rounds", "2", "--millis", "2", "--only", "spsc 1/1 one"]);
    assert_eq!(result["failures"], Value::Array(Vec::new()), "{result}");
    let row = &result["busy"][0];
    let mut expected = vec!["spin", "park", "adaptive"];
    if cfg!(target_os = "linux") {
        expected.extend(["spin, fences", "park, fences", "adaptive, fences"]);
    }
    assert_eq!(names(&row["contenders"]), expected);
    assert_eq!(row["contenders"][0]["ratio_to_spin"], 1.0);
    assert!(row["contenders"].as_array().unwrap().iter().all(|one| one["messages"].as_u64() > Some(0)), "{row}");
    assert!(result["wake"].is_null());
}

#[test]
fn sleepers_wake_up() {
    let result = json(&["waiting", "--rounds", "1", "--only", "wake", "--pause", "100"]);
    assert_eq!(result["failures"], Value::Array(Vec::new()), "{result}");
    let names = names(&result["wake"]["contenders"]);
    for name in ["ringway receiver, park", "ringway worker, park", "std park and unpark"] {
        assert!(names.contains(&name), "{names:?}");
    }
    assert_eq!(names.contains(&"kanal"), cfg!(feature = "peers"));
}

#[test]
fn percentiles_are_kept_in_one_half_of_a_round() {
    let result = json(&["instrumentation", "--rounds", "2", "--millis", "100"]);
    // Nothing was lost in either half, and there were samples in one of them only.
    assert!(result["samples"].as_u64() > Some(0) && result["verdict"] != Value::Null, "{result}");
    assert_eq!((&result["rounds"], &result["balanced"]), (&Value::from(2), &Value::from(true)), "{result}");
}

#[test]
fn a_report_is_made_of_what_was_measured() {
    let folder = std::env::temp_dir().join(format!("ringway-comparison-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = |name: &str| folder.join(name).to_str().expect("a plain path").to_owned();
    let (rates, times, page, picture) = (path("t.json"), path("l.json"), path("page.html"), path("picture.svg"));
    for (command, only, file) in [("throughput", "spsc 1/1 batch 8 B", &rates), ("latency", "ping-pong", &times)] {
        std::fs::write(file, json(&[command, "--rounds", "1", "--millis", "2", "--only", only]).to_string()).unwrap();
    }
    let output = run(&["report", &rates, &times, "--output", &page]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("spsc 1/1 batch 8 B") && html.contains("ping-pong") && html.contains("<svg"), "{html}");

    let drawn = run(&["report", &rates, "--output", &page, "--picture", &picture]).status.success();
    assert_eq!(drawn, cfg!(feature = "peers"), "without peers there is nothing to compare with");
    assert_eq!(std::fs::read_to_string(&picture).is_ok_and(|svg| svg.contains("spsc 1/1 batch 8 B")), drawn);

    let output = run(&["report", &page]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("page.html"));
    std::fs::remove_dir_all(&folder).unwrap();
}
