//! Real containers, from the README's example to every way a pod can end. Needs root.

use std::path::Path;

use serde_json::{Value, json};
use tests::{Cluster, Follow, Up, container_processes, eventually, get, until};

/// Long enough that nothing but SIGTERM explains why a container ended.
const FOREVER: i64 = 3600;

/// A pod of one container `main` of the built-in image.
fn pod(name: &str, args: &[&str], policy: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "restartPolicy": policy,
            "terminationGracePeriodSeconds": FOREVER,
            "containers": [{"name": "main", "image": "coracle/hello:1", "args": args}],
        },
    })
}

#[track_caller]
fn create(cluster: &Cluster, object: &Value) {
    cluster.kubectl_with(&["create", "-f", "-"], &object.to_string()).ok();
}

#[track_caller]
fn wait_phase(cluster: &Cluster, name: &str, phase: &str) {
    let condition = format!("--for=jsonpath={{.status.phase}}={phase}");
    cluster.kubectl(&["wait", "pod", name, &condition, "--timeout=80s"]).ok();
}

fn status(cluster: &Cluster, name: &str) -> Value {
    cluster.kubectl(&["get", "pod", name, "-o", "json"]).json()["status"].take()
}

/// The status of the pod's first container.
fn container(cluster: &Cluster, name: &str) -> Value {
    status(cluster, name)["containerStatuses"][0].take()
}

/// What `kubectl get pod` shows as READY, STATUS and RESTARTS.
fn row(cluster: &Cluster, name: &str) -> Vec<String> {
    let table = cluster.kubectl(&["get", "pod", name, "--no-headers"]).ok();
    table.split_whitespace().skip(1).take(3).map(str::to_owned).collect()
}

fn logs(cluster: &Cluster, name: &str, container: &str) -> String {
    cluster.kubectl(&["logs", name, "-c", container]).ok()
}

#[test]
fn the_example_runs_as_the_readme_says() {
    let cluster = Up::containers().start();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/hello.yaml");
    let example = example.to_str().expect("UTF-8");
    cluster.kubectl(&["apply", "-f", example]).ok();
    cluster.kubectl(&["rollout", "status", "deployment/hello", "--timeout=80s"]).ok();
    let list = cluster.kubectl(&["get", "pods", "-l", "app=hello", "-o", "json"]).json();
    let text = |pod: &Value, pointer: &str| {
        pod.pointer(pointer).and_then(Value::as_str).expect("a string").to_owned()
    };
    let pods: Vec<(String, String)> = list["items"]
        .as_array()
        .expect("a list")
        .iter()
        .inspect(|pod| assert_eq!(pod["status"]["phase"], "Running", "{pod}"))
        .map(|pod| (text(pod, "/metadata/name"), text(pod, "/status/podIP")))
        .collect();
    assert_eq!(pods.len(), 3);
    for (name, ip) in &pods {
        let answer = until("the pod's answer", || get(&format!("{ip}:8080")));
        assert_eq!((answer.code, answer.body), (200, format!("hello from {name} at {ip}\n")));
    }
    let all = cluster.kubectl(&["logs", "-l", "app=hello"]).ok();
    for (name, _) in &pods {
        assert!(all.contains(&format!("{name} listens on port 8080\n")), "{all}");
    }

    let (name, ip) = &pods[0];
    let follow = Follow::start(cluster.kubectl_command(&["logs", "-f", "--tail=1", name]));
    assert!(follow.next_line().expect("the request above").ends_with("GET / 200"));
    get(&format!("{ip}:8080")).expect("it answered before");
    assert!(follow.next_line().expect("the request now").ends_with("GET / 200"));

    eventually("three endpoints", || {
        let path = "{.items[0].endpoints[*].addresses[0]}";
        let found =
            cluster.field(&["endpointslices", "-l", "kubernetes.io/service-name=hello"], path);
        let mut found: Vec<&str> = found.split(' ').collect();
        let mut expected: Vec<&str> = pods.iter().map(|(_, ip)| ip.as_str()).collect();
        found.sort_unstable();
        expected.sort_unstable();
        found == expected
    });

    cluster.kubectl(&["delete", "-f", example, "--timeout=80s"]).ok();
    assert_eq!(follow.next_line(), None, "the log of a pod that is gone has ended");
    eventually("no pods", || cluster.kubectl(&["get", "pods", "-o", "name"]).ok().is_empty());
    for (_, ip) in &pods {
        eventually("no answer", || get(&format!("{ip}:8080")).is_err());
    }
}

#[test]
fn a_container_gets_what_its_pod_says() {
    let cluster = Up::containers().start();
    let literals = ["--from-literal=color=green", "--from-literal=size=9"];
    cluster.kubectl(&["create", "configmap", "settings", literals[0], literals[1]]).ok();
    cluster.kubectl(&["create", "secret", "generic", "keys", "--from-literal=door=1234"]).ok();
    let mut given = pod("given", &["env"], "Never");
    let spec = &mut given["spec"];
    spec["volumes"] = json!([
        {"name": "settings", "configMap": {"name": "settings"}},
        {"name": "keys", "secret": {"secretName": "keys"}},
        {"name": "scratch", "emptyDir": {}},
        {"name": "memory", "emptyDir": {"medium": "Memory"}},
        {"name": "info", "downwardAPI": {"items": [
            {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}},
        ]}},
        {"name": "optional", "configMap": {"name": "nobody", "optional": true}},
    ]);
    let mount = |name: &str| json!({"name": name, "mountPath": format!("/{name}")});
    spec["initContainers"] = json!([
        {"name": "first", "image": "coracle/hello:1", "args": ["write", "/scratch/note", "from first"],
         "volumeMounts": [mount("scratch")]},
        {"name": "second", "image": "coracle/hello:1", "args": ["cat", "/scratch/note"],
         "volumeMounts": [mount("scratch")]},
    ]);
    spec["containers"][0]["envFrom"] =
        json!([{"configMapRef": {"name": "settings"}, "prefix": "C_"}]);
    spec["containers"][0]["env"] = json!([
        {"name": "PLAIN", "value": "a b"},
        {"name": "JOINED", "value": "$(PLAIN)-$(C_color)-$$(PLAIN)-$(NOBODY)"},
        {"name": "DOOR", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "door"}}},
        {"name": "SIZE", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "size"}}},
        {"name": "NONE", "valueFrom": {"configMapKeyRef":
            {"name": "settings", "key": "none", "optional": true}}},
        {"name": "MY_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "MY_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        {"name": "MEMORY", "valueFrom": {"resourceFieldRef": {"resource": "limits.memory"}}},
    ]);
    spec["containers"][0]["resources"] = json!({"limits": {"memory": "32Mi"}});
    let cat =
        ["cat", "/settings/color", "/keys/door", "/scratch/note", "/info/labels", "/etc/hostname"];
    let volumes = ["settings", "keys", "scratch", "memory", "info", "optional"].map(mount);
    spec["containers"].as_array_mut().expect("a list").extend([
        json!({"name": "files", "image": "coracle/hello:1", "volumeMounts": volumes,
               "args": cat}),
        json!({"name": "memory", "image": "coracle/hello:1", "volumeMounts": [mount("memory")],
               "workingDir": "/memory", "command": ["/hello", "write"],
               "args": ["$(FILE)", "x"], "env": [{"name": "FILE", "value": "relative"}]}),
        json!({"name": "sealed", "image": "coracle/hello:1", "args": ["write", "/file", "x"],
               "securityContext": {"readOnlyRootFilesystem": true, "runAsUser": 1000}}),
    ]);
    create(&cluster, &given);
    // One of its containers fails, and only when all have ended is the pod's phase a last one.
    wait_phase(&cluster, "given", "Failed");

    let ip = status(&cluster, "given")["podIP"].as_str().expect("an address").to_owned();
    let env = logs(&cluster, "given", "main");
    let my_ip = format!("MY_IP={ip}");
    for line in [
        "PLAIN=a b",
        "JOINED=a b-green-$(PLAIN)-$(NOBODY)",
        "DOOR=1234",
        "SIZE=9",
        "MY_NAME=given",
        &my_ip,
        "MEMORY=33554432",
        "C_color=green",
        "C_size=9",
        "HOSTNAME=given",
        "KUBERNETES_SERVICE_HOST=10.96.0.1",
    ] {
        assert!(env.lines().any(|found| found == line), "{line}: {env}");
    }
    assert!(!env.contains("NONE="), "{env}");
    assert_eq!(logs(&cluster, "given", "second"), "from first");
    assert_eq!(logs(&cluster, "given", "files"), "green1234from firstapp=\"given\"given\n");
    assert!(logs(&cluster, "given", "sealed").contains("Read-only file system"));
    let path = "{.status.containerStatuses[?(@.name=='memory')].state.terminated.reason}";
    assert_eq!(cluster.field(&["pod", "given"], path), "Completed");
}

#[test]
fn every_end_has_its_code_and_reason() {
    let cluster = Up::containers().start();
    let mut hungry = pod("hungry", &["allocate", "256"], "Never");
    hungry["spec"]["containers"][0]["resources"] = json!({"limits": {"memory": "32Mi"}});
    let mut missing = pod("missing", &[], "Never");
    missing["spec"]["containers"][0]["command"] = json!(["/no/such/program"]);
    let mut late = pod("late", &["sleep", "3600"], "Never");
    late["spec"]["activeDeadlineSeconds"] = json!(1);
    let mut blocked = pod("blocked", &["print", "never"], "Never");
    blocked["spec"]["initContainers"] =
        json!([{"name": "init", "image": "coracle/hello:1", "args": ["exit", "4"]}]);
    create(&cluster, &pod("fine", &["print", "done"], "Never"));
    create(&cluster, &pod("broken", &["exit", "3"], "Never"));
    create(&cluster, &pod("patient", &["print", "done"], "OnFailure"));
    for object in [&hungry, &missing, &late, &blocked] {
        create(&cluster, object);
    }
    for (name, phase, code, reason) in [
        ("fine", "Succeeded", 0, "Completed"),
        ("patient", "Succeeded", 0, "Completed"),
        ("broken", "Failed", 3, "Error"),
        ("hungry", "Failed", 137, "OOMKilled"),
        ("missing", "Failed", 128, "StartError"),
    ] {
        wait_phase(&cluster, name, phase);
        let end = container(&cluster, name)["state"]["terminated"].take();
        assert_eq!((&end["exitCode"], &end["reason"]), (&json!(code), &json!(reason)), "{end}");
        assert_eq!(row(&cluster, name), ["0/1", reason, "0"], "{name}");
    }
    assert_eq!(logs(&cluster, "fine", "main"), "done\n");
    let message = container(&cluster, "missing")["state"]["terminated"]["message"].take();
    assert!(message.as_str().is_some_and(|text| text.contains("/no/such/program")), "{message}");
    wait_phase(&cluster, "late", "Failed");
    assert_eq!(status(&cluster, "late")["reason"], "DeadlineExceeded");
    wait_phase(&cluster, "blocked", "Failed");
    assert_eq!(row(&cluster, "blocked"), ["0/1", "Init:Error", "0"]);
}

#[test]
fn what_crashes_is_restarted_ever_later() {
    let cluster = Up::containers().start();
    create(&cluster, &pod("crash", &["exit", "1"], "Always"));
    until("CrashLoopBackOff", || {
        let found = container(&cluster, "crash");
        let waiting = &found["state"]["waiting"];
        let message = waiting["message"].as_str().unwrap_or_default();
        let is_backing_off = waiting["reason"] == "CrashLoopBackOff"
            && message
                .starts_with("back-off 10s restarting failed container=main pod=crash_default(")
            && found["lastState"]["terminated"]["exitCode"] == 1
            && found["lastState"]["terminated"]["reason"] == "Error"
            && found["restartCount"].as_i64() >= Some(1)
            && found["ready"] == false;
        is_backing_off.then_some(()).ok_or(found)
    });
    assert_eq!(status(&cluster, "crash")["phase"], "Running");
    assert_eq!(row(&cluster, "crash")[..2], ["0/1", "CrashLoopBackOff"]);
    let events = cluster.kubectl(&["events", "--for", "pod/crash"]).ok();
    assert!(events.contains("BackOff") && events.contains("Back-off restarting"), "{events}");
    until("the next attempt", || {
        let found = container(&cluster, "crash");
        (found["restartCount"].as_i64() >= Some(2)).then_some(()).ok_or(found)
    });
    // What it leaves to talk of is the last run that there was.
    create(&cluster, &pod("talker", &["print", "again"], "Always"));
    eventually("a log of the run before", || {
        let previous = cluster.kubectl(&["logs", "talker", "--previous"]);
        previous.succeeded() && previous.stdout == "again\n"
    });
}

#[test]
fn a_deleted_pod_gets_its_time_to_end() {
    let cluster = Up::containers().start();
    let held = |name: &str, args: &[&str]| {
        let mut held = pod(name, args, "Always");
        held["metadata"]["finalizers"] = json!(["tests.example/hold"]);
        create(&cluster, &held);
        cluster.kubectl(&["wait", "--for=condition=Ready", "pod", name, "--timeout=80s"]).ok();
    };
    held("polite", &["sleep", "7200"]);
    held("stubborn", &["sleep", "7200", "--ignore-term"]);
    let end = |name: &str| {
        until("the end of the container", || {
            let found = container(&cluster, name);
            let end = found["state"]["terminated"].clone();
            if end.is_object() { Ok(end) } else { Err(found) }
        })
    };
    // A grace period of an hour: SIGTERM alone can have ended it.
    cluster.kubectl(&["delete", "pod", "polite", "--wait=false"]).ok();
    let polite = end("polite");
    assert_eq!((&polite["exitCode"], &polite["reason"]), (&json!(0), &json!("Completed")));

    cluster.kubectl(&["delete", "pod", "stubborn", "--wait=false"]).ok();
    assert_eq!(row(&cluster, "stubborn")[1], "Terminating");
    assert!(container(&cluster, "stubborn")["state"]["running"].is_object());
    // A second, shorter grace period counts at once.
    cluster.kubectl(&["delete", "pod", "stubborn", "--grace-period=1", "--wait=false"]).ok();
    let stubborn = end("stubborn");
    assert_eq!((&stubborn["exitCode"], &stubborn["reason"]), (&json!(137), &json!("Error")));
    for name in ["polite", "stubborn"] {
        let free = r#"{"metadata":{"finalizers":null}}"#;
        cluster.kubectl(&["patch", "pod", name, "--type=merge", "-p", free]).ok();
        cluster.kubectl(&["wait", "--for=delete", "pod", name, "--timeout=80s"]).ok();
    }

    // Gone from the API at once; on the node it gets what its spec says, as upstream.
    let mut forced = pod("forced", &["sleep", "7200", "--ignore-term"], "Always");
    forced["spec"]["terminationGracePeriodSeconds"] = json!(1);
    create(&cluster, &forced);
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/forced", "--timeout=80s"]).ok();
    let id = container(&cluster, "forced")["containerID"].as_str().expect("an id").to_owned();
    assert_eq!(container_processes(&id).len(), 1);
    cluster.kubectl(&["delete", "pod", "forced", "--force", "--grace-period=0"]).ok();
    assert!(cluster.kubectl(&["get", "pod", "forced"]).err().contains("NotFound"));
    eventually("the end of its process", || container_processes(&id).is_empty());
}

#[test]
fn images_that_cannot_be_had_are_waited_for() {
    let cluster = Up::containers().start();
    let with_image = |name: &str, image: &str, policy: &str| {
        let mut pod = pod(name, &[], "Always");
        pod["spec"]["containers"][0]["image"] = json!(image);
        pod["spec"]["containers"][0]["imagePullPolicy"] = json!(policy);
        create(&cluster, &pod);
    };
    // Nobody listens on port 1 of this machine.
    with_image("nowhere", "127.0.0.1:1/no/such:1", "IfNotPresent");
    with_image("never", "127.0.0.1:1/no/such:1", "Never");
    with_image("misnamed", "Not/An:Image:Name", "IfNotPresent");
    let waiting = |name: &str, reasons: &[&str]| {
        until(&format!("{name} {reasons:?}"), || {
            let found = container(&cluster, name);
            let reason = found["state"]["waiting"]["reason"].as_str().unwrap_or_default();
            if reasons.contains(&reason) {
                Ok(found["state"]["waiting"].clone())
            } else {
                Err(found)
            }
        })
    };
    waiting("nowhere", &["ErrImagePull", "ImagePullBackOff"]);
    let back_off = waiting("nowhere", &["ImagePullBackOff"]);
    let message = back_off["message"].as_str().unwrap_or_default();
    assert!(message.starts_with(r#"Back-off pulling image "127.0.0.1:1/no/such:1""#), "{message}");
    waiting("never", &["ErrImageNeverPull"]);
    waiting("misnamed", &["InvalidImageName"]);
    eventually("the story in events", || {
        let events = cluster.kubectl(&["events", "--for", "pod/nowhere"]).ok();
        ["Pulling", "Failed", "ErrImagePull", "BackOff"].iter().all(|part| events.contains(part))
    });
    for name in ["nowhere", "never", "misnamed"] {
        assert_eq!(status(&cluster, name)["phase"], "Pending");
    }
    // One that never started is gone without a wait.
    cluster.kubectl(&["delete", "pods", "--all", "--timeout=80s"]).ok();
}

#[test]
fn probes_decide_over_readiness_and_restarts() {
    let cluster = Up::containers().start();
    let mut served = pod("served", &[], "Always");
    served["spec"]["containers"][0]["readinessProbe"] =
        json!({"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1});
    let mut deaf = pod("deaf", &[], "Always");
    deaf["spec"]["terminationGracePeriodSeconds"] = json!(5);
    deaf["spec"]["containers"][0]["livenessProbe"] =
        json!({"tcpSocket": {"port": 9}, "periodSeconds": 1, "failureThreshold": 1});
    let mut unready = pod("unready", &[], "Always");
    unready["spec"]["containers"][0]["readinessProbe"] =
        json!({"tcpSocket": {"port": 9}, "periodSeconds": 1});
    for object in [&served, &deaf, &unready] {
        create(&cluster, object);
    }
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/served", "--timeout=80s"]).ok();
    until("the restart of what does not answer", || {
        let found = container(&cluster, "deaf");
        (found["restartCount"].as_i64() >= Some(1)).then_some(()).ok_or(found)
    });
    eventually("the events of probes", || {
        let deaf = cluster.kubectl(&["events", "--for", "pod/deaf"]).ok();
        let unready = cluster.kubectl(&["events", "--for", "pod/unready"]).ok();
        deaf.contains("Container main failed liveness probe, will be restarted")
            && unready.contains("Readiness probe failed")
    });
    assert_eq!(row(&cluster, "unready"), ["0/1", "Running", "0"]);
    assert!(
        !cluster
            .kubectl(&["wait", "--for=condition=Ready", "pod/unready", "--timeout=1s"])
            .succeeded()
    );
}
