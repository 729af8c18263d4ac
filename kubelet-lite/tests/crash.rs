//! What is left when the runtime, a shim or both are gone. Needs root.

mod support;

use std::path::PathBuf;

use kubelet_lite::runtime::{ContainerState, Runtime, Sandbox, SandboxState};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Node, eventually, get, processes_with, text_of};

fn folder(node: &Node, sandbox: &Sandbox) -> PathBuf {
    node.config.root.join("sandboxes").join(&sandbox.id)
}

fn shim_of(node: &Node, sandbox: &Sandbox) -> Pid {
    let folder = folder(node, sandbox);
    let pids = processes_with(folder.to_str().expect("text"));
    assert_eq!(pids.len(), 1, "one shim for {}", folder.display());
    Pid::from_raw(pids[0])
}

fn pid_of(node: &Node, sandbox: &Sandbox, container: &str) -> Pid {
    let path = folder(node, sandbox).join("containers").join(container).join("status.json");
    let status: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).expect("a status")).expect("a document");
    Pid::from_raw(status["pid"].as_i64().expect("a pid") as i32)
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_live_on_without_the_runtime_and_are_adopted() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("survivor").await;
    let web = node.run(&sandbox, node.container_config("web", &[])).await;
    let brief = node.run(&sandbox, node.container_config("brief", &["sleep", "600"])).await;
    let brief_pid = pid_of(&node, &sandbox, &brief);
    let address = format!("{}:8080", sandbox.ips[0]);
    eventually("the pod answers", || async { get(&address).await.ok() }).await;

    node.crash().await;
    get(&address).await.expect("it answers without a runtime");
    kill(brief_pid, Signal::SIGKILL).unwrap();
    eventually("the shim has taken the end", || async {
        let path = folder(&node, &sandbox).join("containers").join(&brief).join("status.json");
        std::fs::read_to_string(path).ok()?.contains("Exited").then_some(())
    })
    .await;

    node.reopen().await;
    let sandboxes = node.runtime.list_pod_sandboxes().await.unwrap();
    assert_eq!(sandboxes.len(), 1);
    assert_eq!((sandboxes[0].state, &sandboxes[0].ips), (SandboxState::Ready, &sandbox.ips));
    assert_eq!(node.container(&web).await.state, ContainerState::Running);
    let ended = node.container(&brief).await;
    assert_eq!((ended.state, ended.exit_code), (ContainerState::Exited, 137));
    get(&address).await.expect("it still answers");
    // The log is written behind the answer.
    eventually("all answers are logged", || async {
        let log = text_of(&node.container(&web).await.log_path);
        (log.matches("GET / 200").count() == 3).then_some(())
    })
    .await;

    // Adopted means owned: it ends as any other, and a new pod gets another address.
    let other = node.sandbox("other").await;
    assert_ne!(other.ips, sandbox.ips);
    node.runtime.stop_container(&web, 30).await.unwrap();
    assert_eq!(node.container(&web).await.exit_code, 0);
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_whose_shim_dies_is_shown_as_ended() {
    let node = Node::start().await;
    let sandbox = node.sandbox("orphan").await;
    let mut events = node.runtime.subscribe();
    let id = node.run(&sandbox, node.container_config("main", &[])).await;
    let pid = pid_of(&node, &sandbox, &id);
    kill(shim_of(&node, &sandbox), Signal::SIGKILL).unwrap();
    let ended = node.ended(&id).await;
    assert_eq!((ended.exit_code, ended.reason.as_str()), (255, "Unknown"));
    assert_eq!(events.recv().await.expect("an event").pod_uid, "uid-orphan");
    let sandboxes = node.runtime.list_pod_sandboxes().await.unwrap();
    assert_eq!(sandboxes[0].state, SandboxState::NotReady);
    eventually("its processes are ended", || async { kill(pid, None).is_err().then_some(()) })
        .await;
    assert!(
        node.runtime.create_container(&sandbox.id, node.container_config("no", &[])).await.is_err()
    );
    node.runtime.remove_pod_sandbox(&sandbox.id).await.unwrap();
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_pod_is_found_at_the_next_start() {
    let mut node = Node::start().await;
    let sandbox = node.sandbox("dead").await;
    let ran = node.run(&sandbox, node.container_config("ran", &["exit", "5"])).await;
    node.ended(&ran).await;
    let ran_on = node.run(&sandbox, node.container_config("ran-on", &[])).await;
    let shim = shim_of(&node, &sandbox);
    node.crash().await;
    kill(shim, Signal::SIGKILL).unwrap();
    eventually("the shim is gone", || async { kill(shim, None).is_err().then_some(()) }).await;

    node.reopen().await;
    let sandboxes = node.runtime.list_pod_sandboxes().await.unwrap();
    assert_eq!(sandboxes[0].state, SandboxState::NotReady);
    assert_eq!(node.container(&ran).await.exit_code, 5);
    let lost = node.container(&ran_on).await;
    assert_eq!((lost.state, lost.exit_code), (ContainerState::Exited, 255));
    let left = network::leftovers(&node.names()).await.unwrap();
    assert_eq!((left.namespaces.len(), left.links), (0, vec![node.names().bridge()]));
    node.runtime.remove_pod_sandbox(&sandbox.id).await.unwrap();
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rubbish_with_our_name_is_swept() {
    let mut node = Node::start().await;
    let names = node.names();
    let healthy = node.sandbox("healthy").await;
    node.crash().await;
    // What a crash leaves between a record and what it names, and a folder without a record.
    network::netns::create(&names.netns("deadbeef")).unwrap();
    let stray = format!("/sys/fs/cgroup/memory/{}/stray", names.cgroup());
    let stray = match std::path::Path::new("/sys/fs/cgroup/memory").exists() {
        true => stray,
        false => format!("/sys/fs/cgroup/{}/stray", names.cgroup()),
    };
    std::fs::create_dir(&stray).unwrap();
    let unfinished = node.config.root.join("sandboxes/unfinished");
    std::fs::create_dir(&unfinished).unwrap();
    std::fs::write(unfinished.join("sandbox.json"), b"{").unwrap();

    node.reopen().await;
    let left = network::leftovers(&names).await.unwrap();
    assert_eq!(left.namespaces, [names.netns(&healthy.id)]);
    assert!(!std::path::Path::new(&stray).exists());
    assert!(!unfinished.exists());
    assert_eq!(node.runtime.list_pod_sandboxes().await.unwrap().len(), 1);
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sandbox_that_cannot_be_made_leaves_nothing() {
    let node = Node::start().await;
    let mut config = node.sandbox_config("impossible");
    config.sysctls.insert("kernel.no_such_thing".into(), "1".into());
    let error = node.runtime.run_pod_sandbox(config).await.unwrap_err().to_string();
    assert!(error.starts_with("create pod sandbox: "), "{error}");
    assert!(node.runtime.list_pod_sandboxes().await.unwrap().is_empty());
    let left = network::leftovers(&node.names()).await.unwrap();
    assert_eq!(left.namespaces.len(), 0);
    assert_eq!(std::fs::read_dir(node.config.root.join("sandboxes")).unwrap().count(), 0);
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_pods_at_once() {
    let node = Node::start().await;
    let sandboxes = futures::future::join_all((0..12).map(|number| {
        let node = &node;
        async move {
            let sandbox = node.sandbox(&format!("pod-{number}")).await;
            let config = node.container_config(&format!("c{number}"), &[]);
            let id = node.run(&sandbox, config).await;
            (sandbox, id)
        }
    }))
    .await;
    let mut addresses: Vec<_> = sandboxes.iter().map(|(sandbox, _)| &sandbox.ips[0]).collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 12);
    for address in addresses {
        let address = format!("{address}:8080");
        eventually("the pod answers", || async { get(&address).await.ok() }).await;
    }
    node.finish().await;
}
