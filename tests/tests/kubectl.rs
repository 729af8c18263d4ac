//! Stock kubectl, verb by verb, on pods that only pretend.

use tests::{Cluster, Follow, Up, eventually, run};

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: web
        image: coracle/hello:1
        ports: [{name: http, containerPort: 8080}]
        env: [{name: A, value: '1'}]
";

fn config_map(name: &str, value: &str) -> String {
    // In block style: kubectl takes what begins with a brace for JSON.
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{k: '{value}'}}\n")
}

fn deployed() -> Cluster {
    let cluster = Up::hollow().start();
    cluster.kubectl_with(&["apply", "-f", "-"], DEPLOYMENT).ok();
    rolled_out(&cluster);
    cluster
}

fn rolled_out(cluster: &Cluster) {
    cluster.kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]).ok();
}

#[test]
fn a_deployment_rolls_out_and_back() {
    let cluster = deployed();
    let table = cluster.kubectl(&["get", "deployment", "web"]).ok();
    let mut words = table.lines().nth(1).expect("a row").split_whitespace();
    assert_eq!((words.next(), words.next()), (Some("web"), Some("2/2")), "{table}");

    cluster.kubectl(&["set", "image", "deployment/web", "web=coracle/hello:2"]).ok();
    rolled_out(&cluster);
    let image = "{.spec.template.spec.containers[0].image}";
    assert_eq!(cluster.field(&["deployment", "web"], image), "coracle/hello:2");
    let history = cluster.kubectl(&["rollout", "history", "deployment/web"]).ok();
    assert!(history.lines().any(|line| line.starts_with('2')), "{history}");
    cluster.kubectl(&["rollout", "undo", "deployment/web"]).ok();
    rolled_out(&cluster);
    assert_eq!(cluster.field(&["deployment", "web"], image), "coracle/hello:1");
    cluster.kubectl(&["rollout", "restart", "deployment/web"]).ok();
    rolled_out(&cluster);

    cluster.kubectl(&["scale", "deployment/web", "--replicas=4"]).ok();
    rolled_out(&cluster);
    eventually("four pods", || {
        let names = cluster.kubectl(&["get", "pods", "-l", "app=web", "-o", "name"]).ok();
        names.lines().count() == 4
    });
    cluster.kubectl(&["delete", "deployment", "web"]).ok();
    eventually("the garbage collector", || {
        cluster.kubectl(&["get", "replicasets,pods", "-o", "name"]).ok().is_empty()
    });
}

#[test]
fn apply_changes_only_what_changed() {
    let cluster = deployed();
    let version = cluster.field(&["deployment", "web"], "{.metadata.generation}");
    let again = cluster.kubectl_with(&["apply", "-f", "-"], DEPLOYMENT).ok();
    assert_eq!(again, "deployment.apps/web unchanged\n");
    assert_eq!(cluster.field(&["deployment", "web"], "{.metadata.generation}"), version);
    let changed = DEPLOYMENT.replace("{name: A, value: '1'}", "{name: B, value: '2'}");
    let diff = cluster.kubectl_with(&["diff", "-f", "-"], &changed);
    assert_eq!(diff.code, Some(1), "{diff:?}");
    cluster.kubectl_with(&["apply", "-f", "-"], &changed).ok();
    let names = "{.spec.template.spec.containers[0].env[*].name}";
    assert_eq!(cluster.field(&["deployment", "web"], names), "B");
}

#[test]
fn objects_are_created_changed_and_deleted() {
    let cluster = Up::hollow().start();
    cluster.kubectl_with(&["create", "-f", "-"], &config_map("c", "1")).ok();
    let refusal = cluster.kubectl_with(&["create", "-f", "-"], &config_map("c", "1")).err();
    assert!(refusal.contains(r#"configmaps "c" already exists"#), "{refusal}");
    cluster.kubectl(&["label", "configmap", "c", "tier=gold"]).ok();
    cluster.kubectl(&["annotate", "configmap", "c", "note=hello"]).ok();
    assert_eq!(cluster.field(&["configmap", "c"], "{.metadata.labels.tier}"), "gold");
    assert_eq!(cluster.field(&["configmap", "c"], "{.metadata.annotations.note}"), "hello");
    for (kind, patch) in [
        ("strategic", r#"{"data":{"a":"s"}}"#),
        ("merge", r#"{"data":{"b":"m"}}"#),
        ("json", r#"[{"op":"add","path":"/data/d","value":"j"}]"#),
    ] {
        cluster.kubectl(&["patch", "configmap", "c", "--type", kind, "-p", patch]).ok();
    }
    let data = cluster.field(&["configmap", "c"], "{.data.a}{.data.b}{.data.d}{.data.k}");
    assert_eq!(data, "smj1");
    cluster.kubectl_with(&["replace", "-f", "-"], &config_map("c", "2")).ok();
    assert_eq!(cluster.field(&["configmap", "c"], "{.data}"), r#"{"k":"2"}"#);
    let mut edit = cluster.kubectl_command(&["edit", "configmap", "c"]);
    run(edit.env("KUBE_EDITOR", "sed -i s/'k: \"2\"'/'k: \"3\"'/"), "").ok();
    assert_eq!(cluster.field(&["configmap", "c"], "{.data.k}"), "3");
    let dry = cluster.kubectl(&["delete", "configmap", "c", "--dry-run=server"]).ok();
    assert!(dry.contains("server dry run"), "{dry}");
    cluster.kubectl(&["delete", "configmap", "c"]).ok();
    assert!(cluster.kubectl(&["get", "configmap", "c"]).err().contains("NotFound"));
}

#[test]
fn a_watch_prints_changes_as_rows() {
    let cluster = Up::hollow().start();
    let watch = Follow::start(cluster.kubectl_command(&[
        "get",
        "configmaps",
        "-w",
        "--no-headers",
        "-l",
        "watched=yes",
    ]));
    cluster.kubectl(&["create", "configmap", "one", "--from-literal=k=v"]).ok();
    cluster.kubectl(&["label", "configmap", "one", "watched=yes"]).ok();
    let line = watch.next_line().expect("a row");
    assert!(line.starts_with("one ") && line.contains(" 1 "), "{line}");
}

#[test]
fn describe_tells_the_story_of_a_pod() {
    let cluster = deployed();
    let pods = cluster.kubectl(&["get", "pods", "-o", "name"]).ok();
    let pod = pods.lines().next().expect("a pod");
    let story = cluster.kubectl(&["describe", pod]).ok();
    for part in ["Status:", "Running", "Controlled By:  ReplicaSet/web-", "QoS Class:", "Scheduled"]
    {
        assert!(story.contains(part), "{part}: {story}");
    }
    let node = cluster.field(&["nodes"], "{.items[0].metadata.name}");
    let story = cluster.kubectl(&["describe", "node", &node]).ok();
    for part in ["Lease:", "Capacity:", "Non-terminated Pods:", "KubeletReady"] {
        assert!(story.contains(part), "{part}: {story}");
    }
    cluster.kubectl(&["expose", "deployment", "web", "--port=80", "--target-port=http"]).ok();
    eventually("endpoints", || {
        cluster.kubectl(&["describe", "service", "web"]).ok().contains(":8080")
    });
    for kind in ["deployment/web", "namespace/default", "serviceaccount/default"] {
        cluster.kubectl(&["describe", kind]).ok();
    }
}

#[test]
fn logs_are_read_and_followed() {
    let cluster = deployed();
    let pod = cluster.field(&["pods"], "{.items[0].metadata.name}");
    assert!(!cluster.kubectl(&["logs", &pod]).ok().is_empty());
    let follow = cluster.kubectl_command(&["logs", "-f", "--timestamps", &pod]);
    assert!(Follow::start(follow).next_line().expect("a line").starts_with("20"));
    let refusal = cluster.kubectl(&["logs", &pod, "-c", "nobody"]).err();
    assert!(refusal.contains("nobody"), "{refusal}");
}

#[test]
fn a_cordoned_node_takes_no_pods() {
    let cluster = Up::hollow().start();
    let node = cluster.field(&["nodes"], "{.items[0].metadata.name}");
    cluster.kubectl(&["cordon", &node]).ok();
    cluster.kubectl(&["run", "lonely", "--image=coracle/hello:1"]).ok();
    eventually("the scheduler's verdict", || {
        let events = cluster.kubectl(&["get", "events"]).ok();
        events.contains("0/1 nodes are available: 1 node(s) were unschedulable")
    });
    assert_eq!(cluster.field(&["pod", "lonely"], "{.status.phase}"), "Pending");
    cluster.kubectl(&["uncordon", &node]).ok();
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/lonely", "--timeout=60s"]).ok();
    cluster.kubectl(&["taint", "node", &node, "dedicated=me:NoSchedule"]).ok();
    cluster.kubectl(&["run", "second", "--image=coracle/hello:1"]).ok();
    eventually("the taint's verdict", || {
        let events = cluster.kubectl(&["get", "events"]).ok();
        events.contains("1 node(s) had untolerated taint")
    });
    cluster.kubectl(&["taint", "node", &node, "dedicated-"]).ok();
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/second", "--timeout=60s"]).ok();
}

#[test]
fn hollow_pods_get_past_their_init_containers_and_probes() {
    let cluster = Up::hollow().start();
    let pod = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {
        "initContainers": [{"name": "setup", "image": "i"}],
        "containers": [{"name": "c", "image": "i",
            "readinessProbe": {"httpGet": {"path": "/", "port": 8080}},
            "livenessProbe": {"exec": {"command": ["true"]}}}]}}"#;
    cluster.kubectl_with(&["create", "-f", "-"], pod).ok();
    cluster.kubectl(&["wait", "--for=condition=Ready", "pod/p", "--timeout=60s"]).ok();
    let refusal = cluster.kubectl(&["exec", "p", "--", "true"]).err();
    assert!(refusal.contains("pods/exec is not implemented yet"), "{refusal}");
}

#[test]
fn a_node_is_drained() {
    let cluster = Up::hollow().arg("--nodes").arg("2").start();
    cluster.kubectl_with(&["apply", "-f", "-"], DEPLOYMENT).ok();
    rolled_out(&cluster);
    let node = cluster.field(&["pods"], "{.items[0].spec.nodeName}");
    cluster.kubectl(&["drain", &node, "--ignore-daemonsets", "--timeout=60s"]).ok();
    rolled_out(&cluster);
    let placed = cluster.field(&["pods"], "{.items[*].spec.nodeName}");
    assert!(placed.split(' ').all(|other| other != node), "{node}: {placed}");
}

#[test]
fn a_namespace_goes_with_all_that_is_in_it() {
    let cluster = Up::hollow().start();
    cluster.kubectl(&["create", "namespace", "shop"]).ok();
    cluster.kubectl_with(&["apply", "-n", "shop", "-f", "-"], DEPLOYMENT).ok();
    cluster.kubectl(&["create", "-n", "shop", "secret", "generic", "s", "--from-literal=k=v"]).ok();
    cluster.kubectl(&["delete", "namespace", "shop", "--timeout=80s"]).ok();
    let refusal = cluster.kubectl(&["create", "-n", "shop", "configmap", "c"]).err();
    assert!(refusal.contains(r#"namespaces "shop" not found"#), "{refusal}");
    cluster.kubectl(&["create", "namespace", "shop"]).ok();
    assert_eq!(cluster.kubectl(&["get", "secrets,pods", "-n", "shop", "-o", "name"]).ok(), "");
}

#[test]
fn the_kubernetes_service_comes_back() {
    let cluster = Up::bare().start();
    let address = cluster.field(&["service", "kubernetes"], "{.spec.clusterIP}");
    cluster.kubectl(&["delete", "service", "--all"]).ok();
    assert!(cluster.kubectl(&["get", "service", "kubernetes"]).err().contains("NotFound"));
    eventually("its return", || cluster.kubectl(&["get", "service", "kubernetes"]).succeeded());
    assert_eq!(cluster.field(&["service", "kubernetes"], "{.spec.clusterIP}"), address);
}

#[test]
fn the_api_tells_of_itself() {
    let cluster = Up::bare().start();
    let resources = cluster.kubectl(&["api-resources"]).ok();
    for row in ["configmaps", "deployments", "endpointslices", "leases", "replicationcontrollers"] {
        assert!(resources.contains(row), "{row}: {resources}");
    }
    let versions = cluster.kubectl(&["api-versions"]).ok();
    for version in ["apps/v1", "coordination.k8s.io/v1", "discovery.k8s.io/v1", "v1"] {
        assert!(versions.lines().any(|line| line == version), "{version}: {versions}");
    }
    assert!(cluster.kubectl(&["cluster-info"]).ok().contains("control plane"));
    let version = cluster.kubectl(&["version", "-o", "json"]).json();
    let server = version["serverVersion"]["gitVersion"].as_str().expect("a version");
    assert!(server.starts_with("v1.35.") && server.ends_with("+coracle"), "{server}");
    for path in ["/", "/healthz", "/healthz/etcd", "/livez", "/readyz?verbose", "/metrics"] {
        assert!(!cluster.kubectl(&["get", "--raw", path]).ok().is_empty(), "{path}");
    }
    cluster.kubectl(&["explain", "deployment.spec.strategy"]).ok();
}

#[test]
fn bad_input_is_refused_in_words() {
    let cluster = Up::bare().start();
    let create = |text: &str| cluster.kubectl_with(&["create", "-f", "-"], text).err();
    let refusals = [
        (config_map("Upper_Case", "1"), "a lowercase RFC 1123 subdomain must consist of"),
        (config_map("c", "1").replace("'1'", "{nested: 1}"), "data.k"),
        (config_map("c", "1").replace("data:", "dta:"), r#"unknown field "dta""#),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {}\n".to_owned(),
            "spec.containers",
        ),
        (
            DEPLOYMENT.replace("matchLabels: {app: web}", "matchLabels: {app: other}"),
            "`selector` does not match template `labels`",
        ),
        (DEPLOYMENT.replace("replicas: 2", "replicas: -2"), "spec.replicas"),
        (DEPLOYMENT.replace("replicas: 2", "replicas: two"), "replicas"),
    ];
    for (text, expected) in refusals {
        let message = create(&text);
        assert!(message.contains(expected), "{expected}: {message}");
    }
    // With validation kubectl asks for custom resources first.
    let unknown = "apiVersion: v1\nkind: Nonsense\nmetadata: {name: odd}\n";
    let args = ["create", "--validate=false", "-f", "-"];
    let message = cluster.kubectl_with(&args, unknown).err();
    assert!(message.contains(r#"no matches for kind "Nonsense""#), "{message}");

    let patch = cluster.kubectl(&["patch", "configmap", "missing", "-p", "{}"]).err();
    assert!(patch.contains(r#"configmaps "missing" not found"#), "{patch}");

    cluster.kubectl_with(&["create", "-f", "-"], &config_map("c", "1")).ok();
    let stale = config_map("c", "2").replace("{name: c}", "{name: c, resourceVersion: '1'}");
    let conflict = cluster.kubectl_with(&["replace", "-f", "-"], &stale).err();
    assert!(conflict.contains("the object has been modified"), "{conflict}");
    assert_eq!(cluster.field(&["configmap", "c"], "{.data.k}"), "1");

    let huge = config_map("huge", &"x".repeat(4 << 20));
    let message = create(&huge);
    assert!(message.contains("too large") || message.contains("limit"), "{message}");
}
