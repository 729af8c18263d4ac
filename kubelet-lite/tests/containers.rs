//! Real containers of the built-in image. Needs root.

mod support;

use std::time::Duration;

use kubelet_lite::runtime::{
    ContainerConfig, ContainerState, Error, Mount, Resources, Runtime, SandboxState, Security,
};
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

#[tokio::test(flavor = "multi_thread")]
async fn ends_are_told_with_code_and_reason() {
    let node = Node::start().await;
    let sandbox = node.sandbox("ends").await;
    for (args, code, signal, reason) in [
        (vec!["exit", "0"], 0, 0, "Completed"),
        (vec!["exit", "3"], 3, 0, "Error"),
        (vec!["complain", "oh no"], 0, 0, "Completed"),
        (vec!["dance"], 2, 0, "Error"),
    ] {
        let id = node.run(&sandbox, node.container_config(args[0], &args)).await;
        let ended = node.ended(&id).await;
        let found = (ended.exit_code, ended.signal, ended.reason.as_str());
        assert_eq!(found, (code, signal, reason), "{args:?}");
    }
    let mut terminal = node.container_config("terminal", &["print", "to a terminal"]);
    terminal.tty = true;
    assert_eq!(node.output(&sandbox, terminal).await, "to a terminal\n");
    let log = std::fs::read_to_string(node.path().join("logs/complain.log")).unwrap();
    assert!(log.ends_with(" stderr F oh no\n"), "{log}");
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_program_is_named() {
    let node = Node::start().await;
    let sandbox = node.sandbox("missing").await;
    let mut config = node.container_config("main", &[]);
    config.command = vec!["foo".to_owned()];
    let id = node.runtime.create_container(&sandbox.id, config).await.unwrap();
    let error = node.runtime.start_container(&id).await.unwrap_err().to_string();
    let reason = "exec: \"foo\": executable file not found in $PATH";
    assert_eq!(error, format!("start container: {reason}"));
    let failed = node.container(&id).await;
    assert_eq!(
        (failed.state, failed.exit_code, failed.reason.as_str(), failed.message.as_str()),
        (ContainerState::Exited, 128, "StartError", reason)
    );
    // A file that is no program fails at the very exec.
    let mut config = node.container_config("text", &[]);
    config.command = vec!["/proc/self/mounts".to_owned()];
    let id = node.runtime.create_container(&sandbox.id, config).await.unwrap();
    let error = node.runtime.start_container(&id).await.unwrap_err().to_string();
    assert!(error.contains("permission denied"), "{error}");
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_container_is_told_at_its_creation() {
    let node = Node::start().await;
    let sandbox = node.sandbox("wrong").await;
    let create = async |change: &dyn Fn(&mut ContainerConfig)| {
        let mut config = node.container_config("main", &[]);
        change(&mut config);
        node.runtime.create_container(&sandbox.id, config).await.unwrap_err().to_string()
    };
    assert_eq!(
        create(&|config| config.image = "no/such:image".into()).await,
        "image \"no/such:image\" is not present"
    );
    let name = create(&|config| config.image = "Not A Name".into()).await;
    assert!(name.starts_with("invalid image name \"Not A Name\""), "{name}");
    assert_eq!(
        create(&|config| config.security.run_as_non_root = true).await,
        "create container: container has runAsNonRoot and image will run as root"
    );
    assert_eq!(
        create(&|config| config.security.add_capabilities = vec!["FLY".into()]).await,
        "create container: unknown capability \"FLY\""
    );
    assert!(node.runtime.list_containers(None).await.unwrap().is_empty());
    let unknown = node.runtime.create_container("none", ContainerConfig::default()).await;
    assert!(matches!(unknown, Err(Error::SandboxNotFound { .. })));
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn environment_mounts_and_working_directory_are_the_pods() {
    let node = Node::start().await;
    let sandbox = node.sandbox("env-0").await;
    let mut config = node.container_config("env", &["env"]);
    config.env = vec![("B".into(), "2".into()), ("A".into(), "a=b c".into())];
    let env = node.output(&sandbox, config).await;
    assert_eq!(env, "PATH=/\nHOSTNAME=env-0\nHOME=/\nB=2\nA=a=b c\n");

    let volume = node.path().join("volume");
    std::fs::create_dir(&volume).unwrap();
    std::fs::write(volume.join("in"), "from the host").unwrap();
    let mount = |readonly| Mount {
        host_path: volume.clone(),
        container_path: "/data/deep".into(),
        readonly,
    };
    let mut config = node.container_config("read", &["cat", "/data/deep/in"]);
    config.mounts = vec![mount(true)];
    assert_eq!(node.output(&sandbox, config).await, "from the host");

    let mut config = node.container_config("write", &["write", "out", "from the pod"]);
    config.mounts = vec![mount(false)];
    config.working_dir = "/data/deep".into();
    node.output(&sandbox, config).await;
    assert_eq!(std::fs::read_to_string(volume.join("out")).unwrap(), "from the pod");

    let mut config = node.container_config("refused", &["write", "/data/deep/no", "x"]);
    config.mounts = vec![mount(true)];
    let id = node.run(&sandbox, config).await;
    assert_eq!(node.ended(&id).await.exit_code, 1);
    assert!(!volume.join("no").exists());

    let mut config = node.container_config("folder", &["write", "here", "x"]);
    config.working_dir = "/made/for/it".into();
    node.output(&sandbox, config).await;

    let resolv_conf = node.container_config("dns", &["cat", "/etc/resolv.conf"]);
    let host = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    assert_eq!(node.output(&sandbox, resolv_conf).await.trim_end(), host.trim_end());
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_capabilities_are_as_asked() {
    let node = Node::start().await;
    let sandbox = node.sandbox("users").await;
    let field = |id: &str, name: &str| -> String {
        let line = id.lines().find(|line| line.starts_with(name)).expect("the field");
        line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
    };
    let root = node.output(&sandbox, node.container_config("root", &["id"])).await;
    assert_eq!(field(&root, "Uid"), "0 0 0 0");
    assert_eq!(field(&root, "CapEff"), "00000000a80425fb", "containerd's default set");
    assert_eq!(field(&root, "NoNewPrivs"), "0");

    let mut config = node.container_config("user", &["id"]);
    config.security = Security {
        run_as_user: Some(1000),
        run_as_group: Some(2000),
        run_as_non_root: true,
        supplemental_groups: vec![3000],
        no_new_privs: true,
        drop_capabilities: vec!["ALL".into()],
        ..Security::default()
    };
    let user = node.output(&sandbox, config).await;
    assert_eq!(field(&user, "Uid"), "1000 1000 1000 1000");
    assert_eq!(field(&user, "Gid"), "2000 2000 2000 2000");
    assert_eq!(field(&user, "Groups"), "3000");
    assert_eq!(field(&user, "CapBnd"), "0000000000000000");
    assert_eq!(field(&user, "NoNewPrivs"), "1");

    let mut config = node.container_config("privileged", &["id"]);
    config.security.privileged = true;
    let privileged = node.output(&sandbox, config).await;
    let own = std::fs::read_to_string("/proc/self/status").unwrap();
    assert_eq!(field(&privileged, "CapEff"), field(&own, "CapBnd"));

    let mut config = node.container_config("readonly", &["write", "/file", "x"]);
    config.security.readonly_rootfs = true;
    let id = node.run(&sandbox, config).await;
    let ended = node.ended(&id).await;
    assert_eq!(ended.exit_code, 1);
    let said = text_of(&ended.log_path);
    assert!(said.contains("Read-only file system"), "{said}");
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_bite_and_the_killer_is_named() {
    let node = Node::start().await;
    let sandbox = node.sandbox("limits").await;
    let mut config = node.container_config("eater", &["allocate", "200"]);
    config.resources = Resources {
        memory_limit_bytes: Some(32 << 20),
        cpu_quota: Some(50_000),
        cpu_shares: Some(102),
        pids_limit: Some(16),
        oom_score_adj: Some(1000),
        ..Resources::default()
    };
    let id = node.run(&sandbox, config).await;
    let ended = node.ended(&id).await;
    assert_eq!(
        (ended.exit_code, ended.signal, ended.reason.as_str()),
        (137, 9, "OOMKilled"),
        "{ended:?}"
    );
    // Nobody lifts its own limit from within.
    let file = match std::path::Path::new("/sys/fs/cgroup/memory").exists() {
        true => "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        false => "/sys/fs/cgroup/memory.max",
    };
    let lift = node.container_config("lift", &["write", file, "99999744"]);
    let id = node.run(&sandbox, lift).await;
    assert_eq!(node.ended(&id).await.exit_code, 1);
    let said = text_of(&node.path().join("logs/lift.log"));
    assert!(said.contains("Read-only file system"), "{said}");
    let small = node.container_config("small", &["allocate", "8"]);
    assert_eq!(node.output(&sandbox, small).await, "allocated 8 MiB\n");
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_that_ignores_the_signal_is_killed_after_its_grace() {
    let node = Node::start().await;
    let sandbox = node.sandbox("stubborn").await;
    let config = node.container_config("main", &["sleep", "600", "--ignore-term"]);
    let id = node.run(&sandbox, config).await;
    // Signals that come before the program has set its handlers are another matter.
    eventually("the program runs", || async {
        let pids = support::processes_with("--ignore-term");
        let caught = |pid: &i32| -> Option<()> {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
            let mask = u64::from_str_radix(ignored.trim(), 16).ok()?;
            (mask & (1 << 14) != 0).then_some(())
        };
        pids.iter().find_map(caught)
    })
    .await;
    let begun = std::time::Instant::now();
    node.runtime.stop_container(&id, 1).await.unwrap();
    assert!(begun.elapsed().as_secs_f64() >= 1.0, "it was given its grace");
    let ended = node.container(&id).await;
    assert_eq!((ended.exit_code, ended.signal, ended.reason.as_str()), (137, 9, "Error"));
    node.runtime.stop_container(&id, 1).await.unwrap();
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn namespaces_are_shared_as_asked() {
    let node = Node::start().await;
    let first_process = ["cat", "/proc/1/cmdline"];
    let mut config = node.sandbox_config("shared");
    config.share_process_namespace = true;
    let shared = node.runtime.run_pod_sandbox(config).await.unwrap();
    let seen = node.output(&shared, node.container_config("shared", &first_process)).await;
    assert_eq!(seen, "/hello\0pause\0");
    let own = node.sandbox("own").await;
    let seen = node.output(&own, node.container_config("own", &first_process)).await;
    assert_eq!(seen, "/hello\0cat\0/proc/1/cmdline\0");

    let mut config = node.sandbox_config("on-host");
    config.host_network = true;
    config.host_pid = true;
    config.host_ipc = true;
    config.hostname = String::new();
    let host = node.runtime.run_pod_sandbox(config).await.unwrap();
    assert!(host.ips.is_empty());
    let routes = ["cat", "/proc/net/dev"];
    let seen = node.output(&host, node.container_config("host-net", &routes)).await;
    assert!(seen.contains(&node.names().bridge()), "the host's interfaces are seen: {seen}");
    let seen = node.output(&own, node.container_config("own-net", &routes)).await;
    assert!(!seen.contains(&node.names().bridge()) && seen.contains("eth0"), "{seen}");
    let hostname = ["cat", "/proc/sys/kernel/hostname"];
    let seen = node.output(&host, node.container_config("host-name", &hostname)).await;
    assert_eq!(seen, std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap());
    let seen = node.output(&host, node.container_config("host-pid", &first_process)).await;
    assert_eq!(seen.as_bytes(), std::fs::read("/proc/1/cmdline").unwrap());

    // Processes that outlive the first of a container that shares PIDs go with it.
    let id = node.run(&shared, node.container_config("last", &["sleep", "600"])).await;
    node.runtime.stop_container(&id, 10).await.unwrap();
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_run_beside_the_container() {
    let node = Node::start().await;
    let sandbox = node.sandbox("exec").await;
    let id = node.run(&sandbox, node.container_config("main", &["sleep", "600"])).await;
    let exec = async |words: &[&str], seconds: u64| {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        node.runtime.exec_sync(&id, &words, Duration::from_secs(seconds)).await
    };
    let printed = exec(&["/hello", "print", "beside"], 30).await.unwrap();
    assert_eq!((printed.exit_code, &printed.stdout[..]), (0, &b"beside\n"[..]));
    let failed = exec(&["hello", "complain", "so"], 30).await.unwrap();
    assert_eq!((failed.exit_code, &failed.stderr[..]), (0, &b"so\n"[..]));
    assert_eq!(exec(&["hello", "exit", "7"], 30).await.unwrap().exit_code, 7);
    let first = exec(&["hello", "cat", "/proc/1/cmdline"], 30).await.unwrap();
    assert_eq!(first.stdout, b"/hello\x00sleep\x00600\x00");
    let missing = exec(&["nothing"], 30).await.unwrap();
    assert_eq!(missing.exit_code, 126, "{missing:?}");
    let slow = exec(&["hello", "sleep", "600"], 1).await.unwrap_err().to_string();
    assert!(slow.contains("timed out"), "{slow}");
    node.runtime.stop_container(&id, 10).await.unwrap();
    assert!(exec(&["hello", "print"], 5).await.is_err());
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_container_keeps_its_image() {
    let node = Node::start().await;
    let sandbox = node.sandbox("image").await;
    let status = node.runtime.image_status(support::HELLO).await.unwrap().expect("it is built in");
    assert_eq!(status.tags, ["docker.io/coracle/hello:1"]);
    assert!(status.size_bytes > 100_000 && status.id.starts_with("sha256:"));
    let pulled = node.runtime.pull_image("docker.io/coracle/hello:1", None).await.unwrap();
    assert_eq!(pulled.id, status.id);
    let id = node.run(&sandbox, node.container_config("main", &[])).await;
    node.runtime.remove_image(support::HELLO).await.unwrap();
    assert!(node.runtime.list_images().await.unwrap().is_empty());
    let words = ["/hello".to_owned(), "print".to_owned(), "still here".to_owned()];
    let printed = node.runtime.exec_sync(&id, &words, support::PATIENCE).await.unwrap();
    assert_eq!(printed.stdout, b"still here\n");
    node.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_overlayfs_does_not_go_the_image_is_copied() {
    // A comma separates mount options, so overlayfs cannot be told of this folder.
    let node = Node::start_in("odd,folder").await;
    let sandbox = node.sandbox("copied").await;
    let printed = node.output(&sandbox, node.container_config("main", &["print", "copied"])).await;
    assert_eq!(printed, "copied\n");
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.lines().any(|line| line.contains("odd,folder") && line.contains("overlay")));
    node.finish().await;
}

/// What `docker save` writes for an image of the built-in program and so many layers more.
fn archive_with_layers(count: usize) -> Vec<u8> {
    let file = |tar: &mut tar::Builder<Vec<u8>>, path: &str, mode: u32, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, path, bytes).unwrap();
    };
    let layer = |path: &str, mode: u32, bytes: &[u8]| {
        let mut tar = tar::Builder::new(vec![]);
        file(&mut tar, path, mode, bytes);
        tar.into_inner().unwrap()
    };
    let mut layers = vec![layer("hello", 0o755, kubelet_lite::image::HELLO)];
    layers.extend((0..count).map(|n| layer("last", 0o644, n.to_string().as_bytes())));
    let digests = layers.iter().map(|layer| {
        use sha2::Digest;
        let hex: String =
            sha2::Sha256::digest(layer).iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256:{hex}")
    });
    let config = serde_json::json!({
        "os": "linux",
        "config": { "Entrypoint": ["/hello"], "Env": ["PATH=/"] },
        "rootfs": { "type": "layers", "diff_ids": digests.collect::<Vec<_>>() },
    });
    let names: Vec<String> = (0..layers.len()).map(|n| format!("{n}/layer.tar")).collect();
    let manifest = serde_json::json!([{ "Config": "c", "RepoTags": ["deep:1"], "Layers": names }]);
    let mut archive = tar::Builder::new(vec![]);
    file(&mut archive, "manifest.json", 0o644, manifest.to_string().as_bytes());
    file(&mut archive, "c", 0o644, config.to_string().as_bytes());
    for (name, layer) in names.iter().zip(&layers) {
        file(&mut archive, name, 0o644, layer);
    }
    archive.into_inner().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_of_many_layers_is_mounted() {
    let node = Node::start().await;
    // Their paths take three pages; a mount's options may take one.
    let archive = node.path().join("deep.tar");
    std::fs::write(&archive, archive_with_layers(100)).unwrap();
    node.runtime.images().import(&archive, |_| ()).unwrap();
    let sandbox = node.sandbox("deep").await;
    let mut config = node.container_config("main", &["cat", "/last"]);
    config.image = "deep:1".to_owned();
    assert_eq!(node.output(&sandbox, config).await, "99", "the topmost layer wins");
    let mounted = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let ours = node.path().to_str().unwrap();
    assert!(mounted.lines().any(|line| line.contains(ours) && line.contains(" overlay ")));
    node.finish().await;
}
