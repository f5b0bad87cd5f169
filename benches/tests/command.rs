//! The command from outside: what it prints, and how it ends. Figures are not judged here, only counts.

use serde_json::Value;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const FLIGHTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights-2013-01.csv");

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringway-bench")).args(arguments).output().expect("the command starts")
}

fn start(arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringway-bench"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts")
}

fn json(output: &Output) -> Value {
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// A file that goes when the test does.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str, text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringway-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("a temporary file");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain path")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn mistakes_are_told_and_nothing_else_is_printed() {
    let no_columns = Scratch::new("columns.csv", "a,b\n1,2\n");
    for (arguments, says) in [
        (&["--agents", "0"][..], "not in 1.."),
        (&["load", "--rate", "0"], "not in 1.."),
        (&["load", "--duration", "-1"], "a number of seconds"),
        (&["load", "--payload", "65"], "32, 64 and 256"),
        (&["load", "--wait", "sit"], "possible values"),
        (&["load", "--pin", "moon"], "spread, none"),
        (&["load", "--nonsense"], "--nonsense"),
        (&["nonsense"], "nonsense"),
        (&["load", "--duration", "0.1", "--workers", "0", "--no-report"], "0 workers"),
        (&["load", "--duration", "0.1", "--batch", "0", "--no-report"], "batch is 0"),
        (&["load", "--duration", "0.1", "--batch", "257", "--no-report"], "more than the 256"),
        (&["load", "--duration", "0.1", "--capacity", "0", "--no-report"], "capacity is 0"),
        (&["load", "--duration", "0.1", "--capacity", "18446744073709551615", "--no-report"], "more than memory"),
        (&["load", "--duration", "0.1", "--pin", "9999", "--no-report"], "core 9999"),
        (&["load", "--duration", "0.1", "--pin", "nth:9999", "--no-report"], "index 9999"),
        (&["load", "--rate", "1000000000", "--agents", "1", "--no-report"], "more messages than an agent can count"),
        (&["load", "--compare", "array-queue", "--rounds", "0"], "not in 1.."),
        (&["replay", "no/such/file.csv"], "no/such/file.csv"),
        (&["replay", no_columns.path()], "lacks the columns"),
        (&["replay", FLIGHTS, "--speed", "0"], "a number from 0.000001 to 1000000000"),
        (&["replay", FLIGHTS, "--speed", "-1"], "a number from 0.000001 to 1000000000"),
        (&["replay", FLIGHTS, "--speed", "1e-300"], "a number from 0.000001 to 1000000000"),
        (&["replay", FLIGHTS, "--speed", "1e300"], "a number from 0.000001 to 1000000000"),
        (&["replay", FLIGHTS, "--speed", "NaN"], "a number from 0.000001 to 1000000000"),
        (&["replay", FLIGHTS, "--loop-to", "18446744073709551615"], "18446744073709534332 rows at most"),
        (&["bus", "--publishers", "0"], "not in 1.."),
        (&["idle", "--workers", "0"], "0 workers"),
    ] {
        let output = run(arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {told}");
        assert!(told.contains(says), "{arguments:?}: {told}");
        assert!(!told.contains("panicked"), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_short_load_accounts_for_every_message() {
    let output = run(&["--agents", "10", "--rate", "2000", "--duration", "1", "--json", "--no-report"]);
    let result = json(&output);
    for (key, expected) in [
        ("scheduled", 2000),
        ("sent", 2000),
        ("refused", 0),
        ("received", 2000),
        ("lost", 0),
        ("order_breaks", 0),
        ("allocations_steady", 0),
    ] {
        assert_eq!(result[key], expected, "{key} in {result}");
    }
    for latency in ["latency_ns", "bus_latency_ns", "timer_baseline_ns"] {
        assert!(["p50", "p95", "p99", "p999", "max"].iter().all(|q| result[latency][q].as_u64() > Some(0)), "{result}");
    }
    assert_eq!(result["workers"].as_array().map(Vec::len), Some(2));
    // On a busy machine the promise may be missed; the code and the word agree in any case.
    let verdict = if output.status.success() { "pass" } else { "fail" };
    assert_eq!(result["verdict"], verdict);
}

#[test]
fn a_load_writes_its_report() {
    let page = Scratch::new("load.html", "");
    let output = run(&["load", "--agents", "5", "--rate", "500", "--duration", "0.5", "--report", page.path()]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("500 messages a second") || !output.stdout.is_empty());
    let html = std::fs::read_to_string(&page.0).expect("the report is written");
    assert!(html.contains("<svg") && html.contains("250 received"), "{html}");
    let hgrm = Scratch(page.0.with_extension("hgrm"));
    assert!(std::fs::read_to_string(&hgrm.0).expect("so are the percentiles").contains("#[Mean"));
}

/// A long load that cannot come to a good end ends before its first part, the baseline of five seconds.
#[test]
fn mistakes_are_told_before_the_load_begins() {
    let page = Scratch::new("early.hgrm", "kept");
    for (arguments, says) in [
        (["--report", "no/such/folder/x.html"], "cannot write no/such/folder/x.html"),
        (["--report", page.path()], "cannot be called .hgrm"),
        (["--workers", "0"], "0 workers"),
        (["--pin", "9999"], "core 9999"),
    ] {
        let began = Instant::now();
        let output = run(&[&["load", "--agents", "1", "--rate", "10", "--duration", "60"], &arguments[..]].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(began.elapsed() < Duration::from_secs(4), "{arguments:?} took {:?}", began.elapsed());
        assert!(output.status.code() == Some(2) && told.contains(says), "{arguments:?}: {told}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(!std::path::Path::new("ringway-load.html").exists(), "{arguments:?}");
    }
    assert_eq!(std::fs::read_to_string(&page.0).expect("it is still there"), "kept");
}

/// A disk that is full at the end costs the report, not the result.
#[cfg(target_os = "linux")]
#[test]
fn the_result_is_printed_even_if_the_report_cannot_be_written() {
    let page = Scratch::new("full.html", "");
    std::fs::remove_file(&page.0).expect("it was just made");
    std::os::unix::fs::symlink("/dev/full", &page.0).expect("a link");
    let output =
        run(&["load", "--agents", "1", "--rate", "100", "--duration", "0.1", "--json", "--report", page.path()]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(json(&output)["received"], 10);
    assert!(output.status.code() == Some(2) && told.contains("cannot write"), "{told}");
    assert!(!page.0.with_extension("hgrm").exists());
}

#[test]
fn the_replay_equals_a_single_thread() {
    for more in [&[][..], &["--loop-to", "100000"], &["--workers", "3", "--batch", "7", "--capacity", "16"]] {
        let mut arguments = vec!["replay", FLIGHTS, "--json"];
        arguments.extend(more);
        let output = run(&arguments);
        let result = json(&output);
        assert!(output.status.success(), "{result}");
        assert_eq!((&result["rows"], &result["bad_rows"], &result["keys"]), (&27_004.into(), &0.into(), &3_247.into()));
        assert_eq!((&result["per_key_order_breaks"], &result["aggregates_match"]), (&0.into(), &true.into()));
        assert_eq!(result["sent"], result["received"]);
        assert_eq!(result["sent"].as_u64().map(|sent| sent % 27_004), Some(0));
    }
}

#[test]
fn bad_rows_are_told_by_line_and_counted() {
    let header = "year,month,day,dep_time,sched_dep_time,dep_delay,carrier,flight,tailnum,distance";
    let rows = format!(
        "{header}\n2013,1,1,517,515,2,UA,1545,N1,1400\n2013,1,1,517,515,late,UA,1,N1,1\n2013,1\n2013,1,1,NA,600,NA,UA,7,NA,10\n"
    );
    let file = Scratch::new("bad.csv", &rows);
    let output = run(&["replay", file.path(), "--json"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("line 3: dep_delay is 'late'") && told.contains("line 4: 2 fields instead of 10"), "{told}");
    let result = json(&output);
    assert_eq!((&result["rows"], &result["bad_rows"], &result["keys"]), (&2.into(), &2.into(), &2.into()));
    assert!(output.status.success());

    let empty = Scratch::new("empty.csv", &format!("{header}\n"));
    let output = run(&["replay", empty.path(), "--json"]);
    assert!(output.status.success());
    assert_eq!(json(&output)["rows"], 0);
}

#[test]
fn a_file_of_bad_rows_alone_fails() {
    let header = "year,month,day,dep_time,sched_dep_time,dep_delay,carrier,flight,tailnum,distance";
    let file = Scratch::new("unusable.csv", &format!("{header}\n2013,1\n2013,1,1,517,515,late,UA,1,N1,1\n"));
    for more in [&["--json"][..], &["--json", "--loop-to", "100"]] {
        let output = run(&[&["replay", file.path()], more].concat());
        let result = json(&output);
        assert_eq!(output.status.code(), Some(1), "{result}");
        assert_eq!((&result["verdict"], &result["bad_rows"]), (&"fail".into(), &2.into()));
        assert_eq!(result["complaints"][0], "no usable row was found, 2 are bad");
    }
}

#[test]
fn speed_follows_the_timetable() {
    let header = "year,month,day,dep_time,sched_dep_time,dep_delay,carrier,flight,tailnum,distance";
    let rows: String = (0..10).map(|n| format!("2013,1,1,1,{n},0,UA,{n},N{n},1\n")).collect();
    let file = Scratch::new("speed.csv", &format!("{header}\n{rows}"));
    // Nine minutes at 3600 times real time: 150 ms.
    let output = run(&["replay", file.path(), "--speed", "3600", "--json"]);
    let result = json(&output);
    assert!(output.status.success() && result["received"] == 10, "{result}");
    assert!(result["elapsed_s"].as_f64() >= Some(0.149), "{result}");
}

#[test]
fn the_bus_and_the_idle_bus() {
    let result = json(&run(&["bus", "--rounds", "1", "--duration", "0.2", "--json"]));
    assert_eq!((&result["verdict"], &result["broken"]), (&"pass".into(), &0.into()));
    assert!(result["received"].as_u64() > Some(0));
    if cfg!(target_os = "linux") {
        let result = json(&run(&["idle", "--duration", "0.3", "--json"]));
        assert!(result["parks"].as_u64() > Some(0));
    }
}

/// As with `| head -1`: what is left to print goes nowhere, and the run ends as it would have ended.
#[test]
fn a_reader_that_leaves_changes_nothing() {
    let load = ["load", "--agents", "5", "--rate", "500", "--duration", "0.2", "--no-report"];
    for (arguments, codes) in [
        (&load[..], &[0, 1][..]),
        (&["replay", FLIGHTS], &[0]),
        (&["replay", FLIGHTS, "--json"], &[0]),
        (&["replay", "no/such/file.csv"], &[2]),
        (&["bus", "--rounds", "1", "--duration", "0.05"], &[0]),
        (&["idle", "--duration", "0.1"], if cfg!(target_os = "linux") { &[0, 1] } else { &[2] }),
    ] {
        let mut child = start(arguments);
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code().is_some_and(|code| codes.contains(&code)), "{arguments:?}: {told}");
        assert!(!told.contains("panicked"), "{arguments:?}: {told}");
        // Nor does it matter whether anybody reads the errors.
        let mut child = start(arguments);
        drop((child.stdout.take(), child.stderr.take()));
        let status = child.wait().expect("it ends");
        assert!(status.code().is_some_and(|code| codes.contains(&code)), "{arguments:?}: {status}");
    }
}

#[cfg(unix)]
fn interrupt(child: &Child) {
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill is there");
    assert!(interrupted.success());
}

/// So does it a replay, however long that was to go on.
#[cfg(unix)]
#[test]
fn an_interrupted_replay_is_accounted_for() {
    for more in [["--loop-to", "1000000000000000000"], ["--speed", "0.000001"]] {
        let child = start(&[&["replay", FLIGHTS, "--json"], &more[..]].concat());
        std::thread::sleep(Duration::from_secs(2));
        interrupt(&child);
        let output = child.wait_with_output().expect("it ends");
        let result = json(&output);
        assert_eq!(output.status.code(), Some(130), "{result}");
        assert_eq!((&result["interrupted"], &result["aggregates_match"]), (&true.into(), &true.into()));
        assert!(result["sent"].as_u64() > Some(0) && result["sent"] == result["received"], "{result}");
    }
}

/// Ctrl-C ends a load with its accounting.
#[cfg(unix)]
#[test]
fn an_interrupted_load_is_accounted_for() {
    let child = start(&["load", "--agents", "10", "--rate", "1000", "--duration", "600", "--json", "--no-report"]);
    // Its baseline takes five seconds; an interruption is in order at any moment.
    std::thread::sleep(Duration::from_secs(6));
    interrupt(&child);
    let output = child.wait_with_output().expect("it ends");
    let result = json(&output);
    // A late message on a busy machine is a complaint, and that comes first.
    let code = if result["complaints"] == Value::Array(Vec::new()) { 130 } else { 1 };
    assert_eq!(output.status.code(), Some(code), "{result}");
    assert_eq!((&result["interrupted"], &result["lost"], &result["balanced"]), (&true.into(), &0.into(), &true.into()));
    assert!(result["sent"].as_u64() > Some(0) && result["sent"] == result["received"], "{result}");
}
