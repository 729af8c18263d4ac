//! Images from archives: import, use, removal, and archives that are none. Needs root.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tests::{Answer, Cluster, Content, Up, coracle, hello_program, run, until, write_oci};

const NAME: &str = "registry.example/greeter:1";

/// `coracle image` on the cluster's data directory.
fn image(cluster: &Cluster, args: &[&str]) -> Answer {
    run(coracle().arg("image").args(args).arg("--data-dir").arg(&cluster.data_dir), "")
}

fn references(cluster: &Cluster) -> Vec<String> {
    let images = image(cluster, &["list", "-o", "json"]).json();
    let references = images.as_array().expect("a list").iter().flat_map(|image| {
        image["references"].as_array().expect("a list").iter().filter_map(Value::as_str)
    });
    references.map(str::to_owned).collect()
}

/// A cluster that has unpacked the built-in image, which it does with the first pod that needs it.
fn unpacked() -> Cluster {
    let cluster = Up::containers().start();
    let seed = ["run", "seed", "--image=coracle/hello:1", "--restart=Never", "--", "print", "x"];
    cluster.kubectl(&seed).ok();
    let done = "--for=jsonpath={.status.phase}=Succeeded";
    cluster.kubectl(&["wait", "pod/seed", done, "--timeout=80s"]).ok();
    cluster
}

/// An image that prints `greeting` unless its pod gives other arguments.
fn greeter(cluster: &Cluster, path: &Path, greeting: &str) {
    let program = hello_program(&cluster.data_dir);
    let config = json!({
        "Entrypoint": ["/bin/speak"],
        "Cmd": ["cat", "greeting"],
        "Env": ["PATH=/bin", "FROM=image", "BOTH=image"],
        "WorkingDir": "/texts",
        "User": "1000:1000",
    });
    let files = [
        Content { path: "bin/speak", mode: 0o755, bytes: &program },
        Content { path: "texts/greeting", mode: 0o644, bytes: greeting.as_bytes() },
    ];
    write_oci(path, NAME, &config, &files).expect("writable");
}

fn pod(name: &str, args: Option<&[&str]>) -> String {
    let mut container = json!({"name": "main", "image": NAME, "imagePullPolicy": "Never",
        "env": [{"name": "BOTH", "value": "pod"}]});
    if let Some(args) = args {
        container["args"] = json!(args);
    }
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    })
    .to_string()
}

#[track_caller]
fn output(cluster: &Cluster, name: &str, args: Option<&[&str]>) -> String {
    cluster.kubectl_with(&["create", "-f", "-"], &pod(name, args)).ok();
    let done = "--for=jsonpath={.status.phase}=Succeeded";
    cluster.kubectl(&["wait", "pod", name, done, "--timeout=80s"]).ok();
    cluster.kubectl(&["logs", name]).ok()
}

#[test]
fn an_imported_image_runs_until_it_is_removed() {
    let cluster = unpacked();
    let archive = cluster.data_dir.with_file_name("greeter.tar");
    greeter(&cluster, &archive, "greetings from the archive\n");
    let path = archive.to_str().expect("UTF-8");
    // The pod is there before its image is.
    cluster.kubectl_with(&["create", "-f", "-"], &pod("early", None)).ok();
    let reason = "{.status.containerStatuses[0].state.waiting.reason}";
    until("its complaint", || match cluster.field(&["pod", "early"], reason) {
        found if found == "ErrImageNeverPull" => Ok(()),
        found => Err(found),
    });

    let imported = image(&cluster, &["import", path]).ok();
    assert_eq!(imported, format!("imported {NAME}\n"));
    assert_eq!(references(&cluster).iter().filter(|name| *name == NAME).count(), 1);
    let table = image(&cluster, &["list"]).ok();
    assert!(
        table.contains("IMAGE") && table.contains(NAME) && table.contains("hello:1"),
        "{table}"
    );
    assert_eq!(output(&cluster, "plain", None), "greetings from the archive\n");
    let done = "--for=jsonpath={.status.phase}=Succeeded";
    cluster.kubectl(&["wait", "pod/early", done, "--timeout=80s"]).ok();
    let env = output(&cluster, "env", Some(&["env"]));
    for line in ["PATH=/bin", "FROM=image", "BOTH=pod"] {
        assert!(env.lines().any(|found| found == line), "{line}: {env}");
    }
    let id = output(&cluster, "id", Some(&["id"]));
    assert!(id.contains("Uid:\t1000\t1000\t1000\t1000"), "{id}");

    // Twice is once; another image of the same name takes it over.
    image(&cluster, &["import", path]).ok();
    assert_eq!(references(&cluster).iter().filter(|name| *name == NAME).count(), 1);
    greeter(&cluster, &archive, "a newer greeting\n");
    image(&cluster, &["import", path]).ok();
    assert_eq!(references(&cluster).iter().filter(|name| *name == NAME).count(), 1);
    assert_eq!(output(&cluster, "newer", None), "a newer greeting\n");

    cluster.kubectl(&["delete", "pods", "--all", "--timeout=80s"]).ok();
    assert_eq!(image(&cluster, &["remove", NAME]).ok(), format!("removed {NAME}\n"));
    assert!(!references(&cluster).contains(&NAME.to_owned()));
    let refusal = image(&cluster, &["remove", NAME]).err();
    assert!(refusal.contains(NAME), "{refusal}");
}

#[test]
fn archives_that_are_none_leave_the_store_as_it_was() {
    let cluster = unpacked();
    let before = references(&cluster);
    let file = |name: &str| cluster.data_dir.with_file_name(name);
    let whole = file("whole.tar");
    greeter(&cluster, &whole, "hello\n");
    let bytes = fs::read(&whole).expect("just written");

    fs::write(file("text.tar"), "no archive at all").expect("writable");
    fs::write(file("empty.tar"), "").expect("writable");
    fs::write(file("cut.tar"), &bytes[..bytes.len() / 2]).expect("writable");
    // One byte of a layer changes its digest.
    let mut changed = bytes.clone();
    let at = changed.windows(6).position(|six| six == b"hello\n").expect("the greeting");
    changed[at] = b'H';
    fs::write(file("changed.tar"), &changed).expect("writable");
    for name in ["text.tar", "empty.tar", "cut.tar", "changed.tar", "missing.tar"] {
        let path = file(name);
        let answer = image(&cluster, &["import", path.to_str().expect("UTF-8")]);
        assert_eq!(answer.code, Some(1), "{name}: {answer:?}");
        assert!(answer.stderr.contains(name) && !answer.stderr.contains("panicked"), "{answer:?}");
    }
    assert_eq!(references(&cluster), before);
    image(&cluster, &["import", whole.to_str().expect("UTF-8")]).ok();
    assert_eq!(references(&cluster).len(), before.len() + 1);
}
