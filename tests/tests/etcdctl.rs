//! Stock etcdctl against the store's port.

use tests::{Follow, Up, run};

#[test]
fn keys_are_put_read_and_deleted() {
    let cluster = Up::bare().start();
    assert_eq!(cluster.etcdctl(&["put", "a/1", "one"]).ok(), "OK\n");
    assert_eq!(cluster.etcdctl(&["put", "a/2", "two"]).ok(), "OK\n");
    assert_eq!(cluster.etcdctl(&["get", "a/1"]).ok(), "a/1\none\n");
    assert_eq!(cluster.etcdctl(&["get", "--prefix", "a/"]).ok(), "a/1\none\na/2\ntwo\n");
    assert_eq!(cluster.etcdctl(&["get", "--prefix", "--keys-only", "a/"]).ok(), "a/1\n\na/2\n\n");
    assert_eq!(cluster.etcdctl(&["get", "--prefix", "--limit=1", "a/"]).ok(), "a/1\none\n");
    assert_eq!(
        cluster.etcdctl(&["get", "--prefix", "--order=DESCEND", "a/"]).ok(),
        "a/2\ntwo\na/1\none\n"
    );
    assert_eq!(cluster.etcdctl(&["put", "--prev-kv", "a/1", "uno"]).ok(), "OK\na/1\none\n");
    assert_eq!(cluster.etcdctl(&["del", "--prefix", "a/"]).ok(), "2\n");
    assert_eq!(cluster.etcdctl(&["get", "a/1"]).ok(), "");
}

#[test]
fn old_revisions_are_read_until_they_are_compacted() {
    let cluster = Up::bare().start();
    let put = cluster.etcdctl(&["put", "-w", "json", "k", "old"]).json();
    let old = put["header"]["revision"].as_i64().expect("a revision");
    cluster.etcdctl(&["put", "k", "new"]).ok();
    assert_eq!(cluster.etcdctl(&["get", "k", &format!("--rev={old}")]).ok(), "k\nold\n");
    let revision = cluster.etcdctl(&["get", "k", "-w", "json"]).json();
    let revision = revision["kvs"][0]["mod_revision"].as_i64().expect("a revision");
    cluster.etcdctl(&["compaction", &revision.to_string()]).ok();
    let refusal = cluster.etcdctl(&["get", "k", &format!("--rev={old}")]).err();
    assert!(refusal.contains("required revision has been compacted"), "{refusal}");
    let refusal = cluster.etcdctl(&["get", "k", "--rev=999999"]).err();
    assert!(refusal.contains("required revision is a future revision"), "{refusal}");
}

#[test]
fn a_transaction_takes_one_branch() {
    let cluster = Up::bare().start();
    cluster.etcdctl(&["put", "flag", "up"]).ok();
    let script = "value(\"flag\") = \"up\"\n\nput flag down\nget flag\n\nput flag lost\n\n";
    let answer = run(&mut cluster.etcdctl_command(&["txn"]), script).ok();
    assert!(answer.contains("SUCCESS") && answer.contains("down"), "{answer}");
    let answer = run(&mut cluster.etcdctl_command(&["txn"]), script).ok();
    assert!(answer.contains("FAILURE"), "{answer}");
    assert_eq!(cluster.etcdctl(&["get", "flag", "--print-value-only"]).ok(), "lost\n");
}

#[test]
fn a_watch_sees_history_and_what_follows() {
    let cluster = Up::bare().start();
    let put = cluster.etcdctl(&["put", "-w", "json", "w/1", "first"]).json();
    let revision = put["header"]["revision"].to_string();
    let watch =
        Follow::start(cluster.etcdctl_command(&["watch", "--prefix", "w/", "--rev", &revision]));
    assert_eq!(watch.take(3), ["PUT", "w/1", "first"]);
    cluster.etcdctl(&["put", "w/2", "second"]).ok();
    assert_eq!(watch.take(3), ["PUT", "w/2", "second"]);
    cluster.etcdctl(&["del", "w/1"]).ok();
    assert_eq!(watch.take(3), ["DELETE", "w/1", ""]);
}

#[test]
fn a_lease_takes_its_keys_with_it() {
    let cluster = Up::bare().start();
    let granted = cluster.etcdctl(&["lease", "grant", "3600"]).ok();
    let id = granted.split_whitespace().nth(1).expect("lease ID granted …").to_owned();
    cluster.etcdctl(&["put", "--lease", &id, "mine", "v"]).ok();
    let left = cluster.etcdctl(&["lease", "timetolive", "--keys", &id]).ok();
    assert!(left.contains("granted with TTL(3600s)") && left.contains("[mine]"), "{left}");
    cluster.etcdctl(&["lease", "revoke", &id]).ok();
    assert_eq!(cluster.etcdctl(&["get", "mine"]).ok(), "");
}

#[test]
fn members_and_endpoints_tell_of_themselves() {
    let cluster = Up::bare().start();
    let members = cluster.etcdctl(&["member", "list", "-w", "json"]).json();
    let member = &members["members"][0];
    assert_eq!(member["clientURLs"][0], cluster.addresses()["client"]);
    assert_eq!(member["peerURLs"][0], cluster.addresses()["peer"]);
    let health = cluster.etcdctl(&["endpoint", "health"]);
    assert!(health.succeeded(), "{health:?}");
    let status = cluster.etcdctl(&["endpoint", "status", "-w", "json"]).json();
    let status = &status[0]["Status"];
    assert_eq!(status["leader"], member["ID"]);
    assert!(status["version"].as_str().is_some_and(|version| version.starts_with("3.")));
    assert!(status["dbSize"].as_i64().is_some_and(|size| size > 0));
    assert!(cluster.etcdctl(&["endpoint", "status", "-w", "table"]).ok().contains("IS LEADER"));
}

#[test]
fn a_saved_snapshot_is_whole() {
    let cluster = Up::bare().start();
    cluster.etcdctl(&["put", "k", "v"]).ok();
    let file = cluster.data_dir.with_file_name("backup.db");
    let path = file.to_str().expect("UTF-8");
    cluster.etcdctl(&["snapshot", "save", path]).ok();
    let status = cluster.ctl(&["snapshot", "status", path, "-w", "json"]).json();
    assert!(status["revision"].as_i64().is_some_and(|revision| revision >= 2), "{status}");
}

#[test]
fn strangers_are_not_let_in() {
    let cluster = Up::bare().start();
    let refusals = [
        // No certificate at all.
        vec!["--cert=", "--key=", "--insecure-skip-tls-verify=false"],
    ];
    for flags in refusals {
        let args: Vec<&str> =
            flags.into_iter().chain(["--command-timeout=2s", "get", "k"]).collect();
        assert!(!cluster.etcdctl(&args).succeeded());
    }
    // A certificate of another authority: the API's own.
    let pki = cluster.data_dir.join("pki");
    let cert = format!("--cert={}", pki.join("apiserver-kubelet-client.crt").display());
    let key = format!("--key={}", pki.join("apiserver-kubelet-client.key").display());
    let args = [cert.as_str(), key.as_str(), "--command-timeout=2s", "get", "k"];
    assert!(!cluster.etcdctl(&args).succeeded());
}
