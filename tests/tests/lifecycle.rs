//! Start, stop, crash, and what refuses to start.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tests::{Proxy, Up, coracle, eventually, give_to_nobody, run};

#[test]
fn a_cluster_says_where_it_is_and_stops_cleanly() {
    let mut cluster = Up::hollow().start();
    let addresses = cluster.addresses();
    assert_eq!(addresses["pid"], cluster.pid());
    for key in ["apiserver", "client", "peer"] {
        assert!(addresses[key].as_str().is_some_and(|url| url.starts_with("https://127.0.0.1:")));
    }
    assert_eq!(addresses["kubeconfig"], cluster.kubeconfig().to_str().expect("UTF-8"));
    assert_eq!(cluster.kubectl(&["config", "current-context"]).ok(), "coracle\n");
    let mode = fs::metadata(cluster.kubeconfig()).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let stopped = cluster.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert!(!cluster.data_dir.join("run.json").exists());
}

#[test]
fn every_object_is_there_after_a_restart() {
    let mut cluster = Up::hollow().start();
    cluster.kubectl(&["create", "configmap", "kept", "--from-literal=k=v"]).ok();
    let uid = cluster.field(&["configmap", "kept"], "{.metadata.uid}");
    let ca = fs::read(cluster.data_dir.join("pki/ca.crt")).expect("written");
    cluster.stop();
    cluster.restart();
    assert_eq!(cluster.field(&["configmap", "kept"], "{.metadata.uid}"), uid);
    assert_eq!(fs::read(cluster.data_dir.join("pki/ca.crt")).expect("kept"), ca);
}

#[test]
fn an_acknowledged_write_survives_kill_9() {
    let mut cluster = Up::bare().start();
    for round in 0..3 {
        for number in 0..5 {
            let name = format!("kept-{round}-{number}");
            cluster.kubectl(&["create", "configmap", &name]).ok();
        }
        cluster.kill();
        cluster.restart();
    }
    let names = cluster.kubectl(&["get", "configmaps", "-o", "name"]).ok();
    assert_eq!(names.lines().filter(|name| name.contains("/kept-")).count(), 15, "{names}");
}

#[test]
fn what_was_acknowledged_under_load_survives_kill_9() {
    let mut cluster = Up::bare().start();
    let acknowledged = std::sync::Mutex::new(Vec::new());
    let count = || acknowledged.lock().expect("no writer panics").len();
    let proxy = Proxy::start(&cluster);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let (proxy, acknowledged) = (&proxy, &acknowledged);
            scope.spawn(move || {
                for number in 0.. {
                    let name = format!("load-{writer}-{number}");
                    let body = format!(
                        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}"}}}}"#
                    );
                    let path = "/api/v1/namespaces/default/configmaps";
                    let json = "application/json";
                    match proxy.try_send("POST", path, json, body.as_bytes()) {
                        Ok(answer) if answer.code == 201 => {
                            acknowledged.lock().expect("no writer panics").push(name);
                        }
                        // The cluster is gone.
                        _ => return,
                    }
                }
            });
        }
        eventually("some writes", || count() > 100);
        cluster.kill();
    });
    cluster.restart();
    let names = cluster.kubectl(&["get", "configmaps", "-o", "jsonpath={.items[*].metadata.name}"]);
    let names = names.ok();
    let found: std::collections::HashSet<&str> = names.split(' ').collect();
    for name in acknowledged.into_inner().expect("no writer panics") {
        assert!(found.contains(name.as_str()), "{name} is lost");
    }
}

#[test]
fn a_torn_end_of_the_log_is_no_obstacle() {
    let mut cluster = Up::bare().start();
    cluster.kubectl(&["create", "configmap", "kept"]).ok();
    cluster.kill();
    let wal = first_log_segment(&cluster.data_dir.join("store"));
    let mut bytes = fs::read(&wal).expect("readable");
    // As a power failure leaves a write that was under way: one sector of a record, behind all that
    // was acknowledged, which may itself end with zeros.
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("records") + 1;
    let begun = end.next_multiple_of(512) + 512;
    bytes[begun..begun + 100].fill(0x5a);
    fs::write(&wal, &bytes).expect("writable");
    cluster.restart();
    cluster.kubectl(&["create", "configmap", "after"]).ok();
    cluster.stop();
    cluster.restart();
    assert_eq!(cluster.field(&["configmap", "after"], "{.metadata.name}"), "after");
}

#[test]
fn an_ephemeral_cluster_leaves_nothing() {
    let temporary = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = coracle();
    command
        .args(["up", "--ephemeral", "--bind-address", "127.0.0.1", "--runtime", "none"])
        .args(["--secure-port", "0", "--client-port", "0", "--peer-port", "0"])
        .env("TMPDIR", temporary.path());
    let left = || fs::read_dir(temporary.path()).expect("readable").count();
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("built");
    let mut ready = String::new();
    let mut stdout = std::io::BufReader::new(child.stdout.take().expect("piped"));
    std::io::BufRead::read_line(&mut stdout, &mut ready).expect("readable");
    assert!(ready.starts_with("ready in"), "{ready}");
    assert_eq!(left(), 1);
    let pid = nix::unistd::Pid::from_raw(child.id().try_into().expect("small"));
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("our own child");
    assert_eq!(child.wait().expect("our own child").code(), Some(0));
    assert_eq!(left(), 0);
}

#[test]
fn memory_keeps_no_store_on_disk() {
    let cluster = Up::bare().arg("--memory").start();
    cluster.kubectl(&["create", "configmap", "fleeting"]).ok();
    assert!(!cluster.data_dir.join("store").exists());
}

/// What a start that must fail says.
fn refusal(up: &Up, data_dir: &Path) -> String {
    let answer = run(&mut up.command(data_dir), "");
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(!answer.stderr.contains("panicked"), "{answer:?}");
    answer.stderr
}

#[test]
fn an_occupied_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("bound").port().to_string();
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    for flag in ["--secure-port", "--client-port", "--peer-port"] {
        let mut command = coracle();
        command
            .args(["up", "--bind-address", "127.0.0.1", "--runtime", "none", "--data-dir"])
            .arg(directory.path().join("data"));
        for other in ["--secure-port", "--client-port", "--peer-port"] {
            command.args([other, if other == flag { &port } else { "0" }]);
        }
        let answer = run(&mut command, "");
        assert_eq!(answer.code, Some(1), "{answer:?}");
        assert!(answer.stderr.contains(&port) && answer.stderr.contains(flag), "{answer:?}");
    }
}

#[test]
fn a_data_directory_has_one_owner() {
    let cluster = Up::bare().start();
    let message = refusal(&Up::bare(), &cluster.data_dir);
    assert!(message.contains(&cluster.pid().to_string()), "{message}");
    assert!(message.contains(cluster.data_dir.to_str().expect("UTF-8")), "{message}");
}

#[test]
fn a_foreign_directory_is_left_alone() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    fs::write(directory.path().join("letters.txt"), "dear").expect("writable");
    let message = refusal(&Up::bare(), directory.path());
    assert!(message.contains("letters.txt"), "{message}");
    assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 1);
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let named = |path: &Path, message: &str| {
        assert!(message.contains(path.to_str().expect("UTF-8")), "{message}");
    };
    let file = directory.path().join("file");
    fs::write(&file, "").expect("writable");
    named(&file, &refusal(&Up::bare(), &file));
    let below = file.join("data");
    named(&below, &refusal(&Up::bare(), &below));

    // Another layout, from a later version.
    let later = directory.path().join("later");
    fs::create_dir(&later).expect("writable");
    fs::write(later.join("lock"), "").expect("writable");
    fs::write(later.join("format"), "coracle data directory, layout 99\n").expect("writable");
    let message = refusal(&Up::bare(), &later);
    named(&later, &message);
    assert!(message.contains("99"), "{message}");
    assert_eq!(fs::read_dir(&later).expect("readable").count(), 2);

    // Somebody else's, which this user may not enter.
    let private = directory.path().join("private");
    fs::create_dir(&private).expect("writable");
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).expect("our own");
    give_to_nobody(directory.path());
    let answer = run(&mut Up::bare().command_as_nobody(&private), "");
    assert_eq!(answer.code, Some(1), "{answer:?}");
    named(&private, &answer.stderr);
    assert!(answer.stderr.contains("ermission denied"), "{answer:?}");
}

#[test]
fn damaged_certificates_are_named_and_kept() {
    let mut cluster = Up::bare().start();
    cluster.stop();
    let ca = cluster.data_dir.join("pki/ca.crt");
    fs::write(&ca, "not a certificate").expect("writable");
    let message = refusal(&Up::bare(), &cluster.data_dir);
    assert!(message.contains(ca.to_str().expect("UTF-8")), "{message}");
    assert_eq!(fs::read(&ca).expect("kept"), b"not a certificate");
}

#[test]
fn clients_of_a_cluster_that_died_are_told() {
    let mut cluster = Up::bare().start();
    let before = cluster.addresses();
    cluster.kill();
    let answer = cluster.ctl(&["get", "k"]);
    assert_eq!(answer.code, Some(1), "{answer:?}");
    let endpoint = before["client"].as_str().expect("an address").trim_start_matches("https://");
    assert!(answer.stderr.contains(endpoint), "{answer:?}");
}

#[test]
fn damage_in_the_middle_of_the_log_names_file_and_offset() {
    let mut cluster = Up::bare().start();
    for number in 0..20 {
        cluster.kubectl(&["create", "configmap", &format!("c{number}")]).ok();
    }
    cluster.kill();
    let wal = first_log_segment(&cluster.data_dir.join("store"));
    let mut bytes = fs::read(&wal).expect("readable");
    let written = bytes.iter().rposition(|byte| *byte != 0).expect("records");
    bytes[written / 2] ^= 0xff;
    fs::write(&wal, &bytes).expect("writable");
    let message = refusal(&Up::bare(), &cluster.data_dir);
    let name = wal.file_name().expect("a file").to_str().expect("UTF-8");
    assert!(message.contains(name), "{message}");
    assert!(message.contains("offset") && message.contains("restore"), "{message}");
}

/// The oldest segment of the write-ahead log.
fn first_log_segment(store: &Path) -> std::path::PathBuf {
    let mut segments: Vec<_> = fs::read_dir(store.join("wal"))
        .expect("a log")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wal"))
        .collect();
    segments.sort();
    segments.into_iter().next().expect("a segment")
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [
        vec!["up", "--runtime", "docker"],
        vec!["up", "--nodes", "3", "--runtime", "containers"],
        vec!["up", "--secure-port", "99999"],
        vec!["frobnicate"],
        vec!["completion", "tcsh"],
    ] {
        let answer = run(coracle().args(&args), "");
        assert_eq!(answer.code, Some(2), "{args:?}: {answer:?}");
        assert!(answer.stdout.is_empty() && !answer.stderr.is_empty(), "{args:?}: {answer:?}");
    }
}
