//! `coracle ctl`: our own etcdctl, and the way of a backup.

use std::fs;

use tests::{Up, coracle, run};

#[test]
fn it_prints_what_etcdctl_prints() {
    let cluster = Up::bare().start();
    cluster.ctl(&["put", "a/1", "one"]).ok();
    cluster.ctl(&["put", "a/2", "two"]).ok();
    let granted = cluster.ctl(&["lease", "grant", "3600", "-w", "json"]).json();
    let lease = format!("{:x}", granted["ID"].as_i64().expect("an id"));
    cluster.ctl(&["put", "--lease", &lease, "a/3", "three"]).ok();
    let commands: [&[&str]; 11] = [
        &["get", "a/1"],
        &["get", "a/1", "a/3"],
        &["get", "--prefix", "a/"],
        &["get", "--prefix", "--keys-only", "a/"],
        &["get", "--prefix", "--print-value-only", "a/"],
        &["get", "--from-key", "a/2", "--limit", "2"],
        &["get", "--prefix", "a/", "-w", "json"],
        &["get", "missing"],
        &["member", "list"],
        &["member", "list", "-w", "json"],
        &["lease", "list"],
    ];
    for command in commands {
        let (theirs, ours) = (cluster.etcdctl(command).ok(), cluster.ctl(command).ok());
        if command.contains(&"json") {
            let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
            assert_eq!(parse(&theirs), parse(&ours), "{command:?}");
        } else {
            assert_eq!(theirs, ours, "{command:?}");
        }
    }
}

#[test]
fn a_transaction_is_read_from_standard_input() {
    let cluster = Up::bare().start();
    let script = "create(\"new\") = \"0\"\n\nput new \"a b\"\n\nget new\n\n";
    assert_eq!(cluster.ctl_with(&["txn"], script).ok(), "SUCCESS\n\nOK\n");
    assert_eq!(cluster.ctl_with(&["txn"], script).ok(), "FAILURE\n\nnew\na b\n");
    let refusal = cluster.ctl_with(&["txn"], "size(\"a\") = \"1\"\n").err();
    assert!(refusal.contains("line 1"), "{refusal}");
}

#[test]
fn tables_are_drawn_for_people() {
    let cluster = Up::bare().start();
    let status = cluster.ctl(&["endpoint", "status", "-w", "table"]).ok();
    for heading in ["ENDPOINT", "DB SIZE", "IS LEADER", "RAFT APPLIED INDEX"] {
        assert!(status.contains(heading), "{status}");
    }
    assert!(cluster.ctl(&["member", "list", "-w", "table"]).ok().contains("CLIENT ADDRS"));
    assert!(cluster.ctl(&["endpoint", "health"]).ok().contains("is healthy"));
}

#[test]
fn a_backup_brings_the_cluster_back_elsewhere() {
    let cluster = Up::bare().start();
    cluster.kubectl(&["create", "configmap", "precious", "--from-literal=k=v"]).ok();
    let backup = cluster.data_dir.with_file_name("backup.db");
    let backup_path = backup.to_str().expect("UTF-8");
    cluster.ctl(&["snapshot", "save", backup_path]).ok();
    // What comes after the backup is not in it.
    cluster.kubectl(&["create", "configmap", "late", "--from-literal=k=v"]).ok();

    let restored = cluster.data_dir.with_file_name("restored");
    let restored_path = restored.to_str().expect("UTF-8");
    let restore = ["ctl", "snapshot", "restore", backup_path, "--data-dir", restored_path];
    run(coracle().args(restore), "").ok();
    let second = Up::bare().start_in(&restored);
    assert_eq!(second.field(&["configmap", "precious"], "{.data.k}"), "v");
    assert!(second.kubectl(&["get", "configmap", "late"]).err().contains("NotFound"));
    second.kubectl(&["create", "configmap", "later", "--from-literal=k=v"]).ok();
    drop(second);

    let refusal = run(coracle().args(restore), "").err();
    assert!(refusal.contains(restored_path) && refusal.contains("empty"), "{refusal}");
}

#[test]
fn a_damaged_backup_is_refused() {
    let cluster = Up::bare().start();
    let backup = cluster.data_dir.with_file_name("backup.db");
    let path = backup.to_str().expect("UTF-8");
    cluster.ctl(&["snapshot", "save", path]).ok();
    let mut bytes = fs::read(&backup).expect("saved");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&backup, &bytes).expect("writable");
    let target = cluster.data_dir.with_file_name("restored");
    let target_path = target.to_str().expect("UTF-8");
    for command in [
        vec!["ctl", "snapshot", "status", path],
        vec!["ctl", "snapshot", "restore", path, "--data-dir", target_path],
    ] {
        let refusal = run(coracle().args(&command), "").err();
        assert!(refusal.contains(path), "{command:?}: {refusal}");
    }
    assert!(!target.join("store").exists(), "nothing is half restored");
}

#[test]
fn mistakes_say_what_to_do() {
    let missing = tempfile::tempdir().expect("a temporary directory can be made");
    let directory = missing.path().to_str().expect("UTF-8");
    let answer = run(coracle().args(["ctl", "--cluster-dir", directory, "get", "k"]), "");
    assert_eq!(answer.code, Some(1));
    assert!(answer.stderr.contains(directory) && answer.stderr.contains("run.json"));
    assert_eq!(run(coracle().args(["ctl", "frobnicate"]), "").code, Some(2));
    assert_eq!(run(coracle().args(["ctl", "get"]), "").code, Some(2));
}
