//! `robustness check`, as a process: what it prints and how it exits.

use std::path::Path;
use std::process::{Command, Output};

use robustness::history::{
    Body, KeyValue, Outcome, Put, Range, Recorder, Request, Response, write,
};

fn check(file: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_robustness"));
    command.arg("check").arg(file).args(more).output().unwrap()
}

/// A put, and a read that shows `version` of it.
fn put_and_read(file: &Path, version: i64) {
    let recorder = Recorder::new(|| 0);
    let key = "a".to_owned();
    let put = Put { key: key.clone(), value: "v1".to_owned(), ..Put::default() };
    let op = recorder.invoke(1, "m1", Request::Put(put));
    let body = Body::Put { prev_kv: None };
    recorder.returned(op, Outcome::Done(Response { revision: 2, body }));
    let range = Range { key: key.clone(), ..Range::default() };
    let op = recorder.invoke(1, "m1", Request::Range(range));
    let value = "v1".to_owned();
    let kv = KeyValue { key, value, create_revision: 2, mod_revision: 2, version, lease: 0 };
    let body = Body::Range { kvs: vec![kv], count: 1, more: false };
    recorder.returned(op, Outcome::Done(Response { revision: 2, body }));
    write(file, &recorder.finish().unwrap()).unwrap();
}

#[test]
fn a_fine_history_exits_with_0() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("fine.jsonl");
    put_and_read(&file, 1);
    let output = check(&file, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("verdict     fine"));
}

#[test]
fn a_violation_exits_with_1_and_is_told_in_json_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("wrong.jsonl");
    put_and_read(&file, 2);
    let output = check(&file, &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stdout).unwrap().contains("wrong-read"));
    let output = check(&file, &["-o", "json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let verdict: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(verdict["violations"][0]["kind"], "wrong-read");
    assert_eq!(verdict["violations"][0]["lines"], serde_json::json!([3, 4]));
    assert_eq!(verdict["search"], "violation");
}

#[test]
fn what_cannot_be_read_exits_with_2_and_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("torn.jsonl");
    put_and_read(&file, 1);
    let mut text = std::fs::read_to_string(&file).unwrap();
    text.push_str("{\"at\":");
    std::fs::write(&file, text).unwrap();
    let output = check(&file, &[]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("torn.jsonl line 5"), "{told}");
    assert_eq!(check(&directory.path().join("none"), &[]).status.code(), Some(2));
    assert_eq!(check(&file, &["--no-such"]).status.code(), Some(2));
}
