//! Chaos with real members, as CI has it: each fault at least once, and proof that the judges would
//! notice.
//!
//! Runs are processes of the binary, for a run enters namespaces of its own before it has threads.

use std::collections::BTreeSet;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use robustness::chaos::faults::Kind;
use serde_json::Value;

/// One run at a time: each is several processes with deadlines of their own.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn chaos(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_robustness"));
    command.arg("chaos").args(["--output", "json"]).args(arguments);
    command.output().expect("the binary runs")
}

/// A run's report and what it logged.
fn report(output: &Output) -> (Value, String) {
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let report = serde_json::from_slice(&output.stdout);
    (report.unwrap_or_else(|error| panic!("no report: {error}\n{log}")), log)
}

fn violations(report: &Value) -> Vec<&Value> {
    report["verdict"]["violations"].as_array().expect("a list").iter().collect()
}

#[test]
fn members_survive_every_fault_and_neither_lose_nor_lie() {
    let _alone = alone();
    let kept = tempfile::tempdir().expect("a directory");
    let keep = kept.path().to_str().expect("text");
    let output = chaos(&["--seed", "20", "--keep", keep]);
    let (report, log) = report(&output);
    assert!(output.status.success(), "{report:#}\n{log}");
    assert_eq!(violations(&report), Vec::<&Value>::new());
    assert_eq!(report["failure"], Value::Null);

    let faults = report["faults"].as_array().expect("a list");
    let struck: BTreeSet<&str> = faults.iter().filter_map(|fault| fault["kind"].as_str()).collect();
    assert_eq!(struck, Kind::ALL.map(Kind::name).into_iter().collect());
    let operations = &report["operations"]["by_kind"];
    for kind in ["range", "put", "delete", "txn", "compact", "lease grant", "lease keep-alive"] {
        assert!(operations[kind].as_u64() > Some(0), "no {kind} in {operations}");
    }
    assert!(report["verdict"]["events"].as_u64() > Some(0), "nothing was watched");
    assert!(report["agreement"]["keys"].as_u64() > Some(0), "nothing was left to agree on");
    assert!(!report["failovers"].as_array().expect("a list").is_empty(), "no fail-over was timed");

    let history = robustness::history::read(kept.path().join("history.jsonl"));
    let history = history.expect("it was kept");
    let again = robustness::check::check(&history, &robustness::check::Options::default());
    assert!(again.is_fine(), "{again}");
}

/// The same cluster, told not to sync, is convicted after a loss of power that this seed makes
/// total.
#[test]
fn members_that_do_not_sync_are_found_guilty() {
    let _alone = alone();
    let kept = tempfile::tempdir().expect("a directory");
    let keep = kept.path().to_str().expect("text");
    let faults = ["--seed", "1", "--faults", "power-loss-all", "--unsafe-no-fsync"];
    let output = chaos(&[&faults[..], &["--keep", keep]].concat());
    let (report, log) = report(&output);
    assert_eq!(output.status.code(), Some(1), "{report:#}\n{log}");
    let found: BTreeSet<&str> =
        violations(&report).iter().filter_map(|violation| violation["kind"].as_str()).collect();
    // A write that is lost shows as such, or as what took its revision, or as a read without it.
    let loss = ["lost-write", "revision-claimed-twice", "stale-read"];
    assert!(loss.iter().any(|kind| found.contains(kind)), "only {found:?}: {report:#}\n{log}");
}

#[test]
fn wrong_usage_is_told() {
    for (arguments, told) in [
        (&["--faults", "flood"][..], "\"flood\" is no fault; there are kill"),
        (&["--members", "2"], "2 is not in 3..=7"),
        (&["--duration", "soon"], "write 90s, 10m or 2h"),
    ] {
        let output = chaos(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(told), "{arguments:?}: {error}");
    }
    let missing = chaos(&["--binary", "/nowhere/coracle"]);
    let error = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert_eq!(missing.status.code(), Some(2), "{error}");
    assert!(error.contains("/nowhere/coracle is missing"), "{error}");
}
