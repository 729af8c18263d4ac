//! What becomes of running pods when `up` ends, well or badly. Needs root, but for one test.

use std::collections::BTreeMap;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tests::{
    Cluster, Follow, Up, container_processes, coracle, eventually, get, give_to_nobody, run, shims,
    until,
};

fn serving(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "terminationGracePeriodSeconds": 5,
            "containers": [{"name": "main", "image": "coracle/hello:1"}],
        },
    })
}

#[track_caller]
fn create(cluster: &Cluster, names: &[&str]) {
    for name in names {
        cluster.kubectl_with(&["create", "-f", "-"], &serving(name).to_string()).ok();
    }
    all_ready(cluster);
}

#[track_caller]
fn all_ready(cluster: &Cluster) {
    cluster.kubectl(&["wait", "--for=condition=Ready", "pods", "--all", "--timeout=80s"]).ok();
}

/// Container id, restart count and IP of each pod.
fn containers(cluster: &Cluster) -> BTreeMap<String, (String, i64, String)> {
    let list = cluster.kubectl(&["get", "pods", "-o", "json"]).json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    list["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|pod| {
            let container = &pod["status"]["containerStatuses"][0];
            let restarts = container["restartCount"].as_i64().unwrap_or(-1);
            let facts = (text(&container["containerID"]), restarts, text(&pod["status"]["podIP"]));
            (text(&pod["metadata"]["name"]), facts)
        })
        .collect()
}

fn end(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it runs");
}

#[test]
fn pods_outlive_kill_9_and_are_adopted() {
    let mut cluster = Up::containers().start();
    create(&cluster, &["one", "two"]);
    let before = containers(&cluster);
    cluster.kill();
    for (name, (_, _, ip)) in &before {
        let answer = get(&format!("{ip}:8080")).expect("it runs on");
        assert_eq!(answer.body, format!("hello from {name} at {ip}\n"));
    }
    cluster.restart();
    // The new kubelet has spoken once it has run a pod of its own.
    create(&cluster, &["three"]);
    let mut after = containers(&cluster);
    after.remove("three").expect("just made");
    assert_eq!(after, before, "same containers, same addresses, no restarts");
    assert_eq!(shims(&cluster.data_dir).len(), 3, "one for each pod");
    for (name, (id, _, ip)) in &before {
        assert_eq!(container_processes(id).len(), 1, "{name}");
        assert!(get(&format!("{ip}:8080")).is_ok());
    }
    let logs = cluster.kubectl(&["logs", "one"]).ok();
    assert_eq!(logs.matches("one listens on port 8080").count(), 1, "{logs}");
    assert!(logs.matches("GET / 200").count() >= 2, "what came in between too: {logs}");
    let follow = Follow::start(cluster.kubectl_command(&["logs", "-f", "--tail=0", "two"]));
    let address = format!("{}:8080", before["two"].2);
    until("a line of the adopted container", || {
        get(&address).expect("it serves");
        follow.try_line().ok_or("none yet")
    });
    cluster.kubectl(&["delete", "pod", "one", "--timeout=80s"]).ok();
    eventually("its shim's end", || shims(&cluster.data_dir).len() == 2);
}

#[test]
fn what_died_meanwhile_is_replaced() {
    let mut cluster = Up::containers().start();
    create(&cluster, &["container", "shim", "kept"]);
    let before = containers(&cluster);
    let shims_before = shims(&cluster.data_dir);
    cluster.kill();
    // The program of one pod, and everything of another down to its shim.
    for pid in container_processes(&before["container"].0) {
        end(pid);
    }
    let parent = container_processes(&before["shim"].0).first().copied().and_then(shim_above);
    end(parent.filter(|pid| shims_before.contains(pid)).expect("a container is its shim's child"));
    cluster.restart();
    until("replacements", || {
        let after = containers(&cluster);
        let replaced = ["container", "shim"].iter().all(|name| {
            let (id, _, ip) = &after[*name];
            *id != before[*name].0
                && get(&format!("{ip}:8080"))
                    .is_ok_and(|answer| answer.body == format!("hello from {name} at {ip}\n"))
        });
        replaced.then_some(()).ok_or(after)
    });
    all_ready(&cluster);
    let after = containers(&cluster);
    assert_eq!(after["kept"], before["kept"]);
    assert_eq!(after["container"].1, 1, "one restart");
    eventually("the end of what was replaced", || {
        container_processes(&before["shim"].0).is_empty() && shims(&cluster.data_dir).len() == 3
    });
}

/// The parent of a process.
fn shim_above(pid: i32) -> Option<i32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("PPid:"))?.trim().parse().ok()
}

#[test]
fn ctrl_c_ends_every_pod_and_leaves_nothing() {
    let mut cluster = Up::containers().start();
    create(&cluster, &["one", "two"]);
    let before = containers(&cluster);
    assert!(cluster.traces().len() > 4, "{:?}", cluster.traces());
    let stopped = cluster.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert_eq!(cluster.traces(), [""; 0]);
    // The pods are still asked for.
    cluster.restart();
    until("the pods' return", || {
        let after = containers(&cluster);
        let back = after
            .iter()
            .all(|(name, (id, _, ip))| *id != before[name].0 && get(&format!("{ip}:8080")).is_ok());
        back.then_some(()).ok_or(after)
    });
    all_ready(&cluster);
}

#[test]
fn an_ephemeral_cluster_takes_its_pods_along() {
    let temporary = tempfile::tempdir().expect("a temporary directory can be made");
    let mut command = coracle();
    command
        .args(["up", "--ephemeral", "--bind-address", "127.0.0.1", "--runtime", "containers"])
        .args(["--secure-port", "0", "--client-port", "0", "--peer-port", "0"])
        .env("TMPDIR", temporary.path());
    let mut child = command.stdout(Stdio::piped()).spawn().expect("built");
    let mut stdout = std::io::BufReader::new(child.stdout.take().expect("piped"));
    let mut lines = [String::new(), String::new()];
    for line in &mut lines {
        std::io::BufRead::read_line(&mut stdout, line).expect("readable");
    }
    let kubeconfig = lines[1].trim().trim_start_matches("export KUBECONFIG=").to_owned();
    let data_dir = std::path::Path::new(&kubeconfig).parent().expect("in the data directory");
    let tag = tests::tag(data_dir).expect("a node with a pod network");
    let cache = tempfile::tempdir().expect("a temporary directory can be made");
    let kubectl = |args: &[&str], input: &str| {
        run(&mut tests::kubectl(kubeconfig.as_ref(), cache.path(), args), input)
    };
    let created = kubectl(&["create", "-f", "-"], &serving("brief").to_string());
    let ready = kubectl(&["wait", "--for=condition=Ready", "pod/brief", "--timeout=80s"], "");
    kill(Pid::from_raw(child.id().try_into().expect("small")), Signal::SIGTERM).expect("our child");
    assert_eq!(child.wait().expect("our own child").code(), Some(0));
    created.ok();
    ready.ok();
    assert_eq!(tests::traces(data_dir, &tag), [""; 0]);
    assert_eq!(std::fs::read_dir(temporary.path()).expect("readable").count(), 0);
}

#[test]
fn clusters_of_one_machine_keep_apart() {
    let clusters: Vec<Cluster> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..3).map(|_| scope.spawn(|| Up::containers().start())).collect();
        starting.into_iter().map(|one| one.join().expect("it starts")).collect()
    });
    let mut addresses = Vec::new();
    for cluster in &clusters {
        create(cluster, &["same"]);
        addresses.push(containers(cluster)["same"].2.clone());
    }
    for ip in &addresses {
        let answer = get(&format!("{ip}:8080")).expect("it serves");
        assert_eq!(answer.body, format!("hello from same at {ip}\n"));
    }
    let ranges: std::collections::BTreeSet<_> =
        addresses.iter().map(|ip| ip.rsplit_once('.').expect("an IPv4 address").0).collect();
    assert_eq!(ranges.len(), 3, "{addresses:?}");
}

#[test]
fn a_range_that_was_taken_meanwhile_is_chosen_anew() {
    let mut first = Up::containers().start();
    create(&first, &["same"]);
    let before = containers(&first)["same"].2.clone();
    first.stop();
    // Nothing else on the machine keeps the second from the range that is free now.
    let second = Up::containers().start();
    create(&second, &["same"]);
    first.restart();
    until("the pod's return", || {
        let (_, _, ip) = containers(&first)["same"].clone();
        get(&format!("{ip}:8080"))
    });
    all_ready(&first);
    let (ours, theirs) =
        (containers(&first)["same"].2.clone(), containers(&second)["same"].2.clone());
    assert_ne!(ours, theirs, "{before}");
}

#[test]
fn without_rights_pods_only_pretend_and_the_log_says_so() {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    give_to_nobody(directory.path());
    let mut refused = Up::containers().command_as_nobody(&directory.path().join("refused"));
    let answer = run(&mut refused, "");
    assert_eq!(answer.code, Some(1), "{answer:?}");
    assert!(answer.stderr.contains("root"), "{answer:?}");

    let data_dir = directory.path().join("data");
    let mut command = Up::auto().command_as_nobody(&data_dir);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("built");
    let mut stdout = std::io::BufReader::new(child.stdout.take().expect("piped"));
    let mut ready = String::new();
    std::io::BufRead::read_line(&mut stdout, &mut ready).expect("readable");
    let cache = tempfile::tempdir().expect("a temporary directory can be made");
    let runtime = run(
        &mut tests::kubectl(
            &data_dir.join("admin.kubeconfig"),
            cache.path(),
            &["get", "nodes", "-o", "jsonpath={.items[0].status.nodeInfo.containerRuntimeVersion}"],
        ),
        "",
    );
    kill(Pid::from_raw(child.id().try_into().expect("small")), Signal::SIGINT).expect("our child");
    let output = child.wait_with_output().expect("our own child");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(ready.starts_with("ready in"), "{ready} {log}");
    assert!(runtime.ok().starts_with("hollow"), "{log}");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("runtime: hollow")).collect();
    assert!(lines.len() == 1 && lines[0].contains("root"), "{log}");
}
