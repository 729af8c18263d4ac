//! Real containers of the built-in image. Needs root.

mod support;

use kubelet_lite::runtime::{ContainerState, Runtime, SandboxState};
use support::{Node, eventually, get, text_of};

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_answers_at_its_address_and_leaves_nothing() {
    let node = Node::start().await;
    let sandbox = node.sandbox("web-0").await;
    assert_eq!(sandbox.state, SandboxState::Ready);
    let id = node.run(&sandbox, node.container_config("web", &[])).await;
    let running = node.container(&id).await;
    assert_eq!(running.state, ContainerState::Running);
    assert!(running.started_at > 0 && running.image_ref.contains("sha256:"));

    let address = format!("{}:8080", sandbox.ips[0]);
    let answer = eventually("the pod answers", || async { get(&address).await.ok() }).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.ends_with(&format!("hello from web-0 at {}\n", sandbox.ips[0])), "{answer}");
    let log = eventually("the request is logged", || async {
        let log = text_of(&running.log_path);
        log.contains("GET / 200").then_some(log)
    })
    .await;
    assert!(log.starts_with("web-0 listens on port 8080\n"), "{log}");

    node.runtime.stop_container(&id, 30).await.unwrap();
    let ended = node.container(&id).await;
    assert_eq!((ended.state, ended.exit_code), (ContainerState::Exited, 0));
    assert_eq!(ended.reason, "Completed");
    assert!(ended.finished_at >= ended.started_at);
    node.runtime.remove_container(&id).await.unwrap();
    assert!(node.runtime.list_containers(None).await.unwrap().is_empty());

    node.runtime.stop_pod_sandbox(&sandbox.id).await.unwrap();
    node.runtime.stop_pod_sandbox(&sandbox.id).await.unwrap();
    let stopped = node.runtime.list_pod_sandboxes().await.unwrap();
    assert_eq!(stopped[0].state, SandboxState::NotReady);
    node.runtime.remove_pod_sandbox(&sandbox.id).await.unwrap();
    node.runtime.remove_pod_sandbox(&sandbox.id).await.unwrap();
    assert!(node.runtime.list_pod_sandboxes().await.unwrap().is_empty());
    node.finish().await;
}
