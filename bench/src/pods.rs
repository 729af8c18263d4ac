//! How long a pod takes, as its owner sees it: through stock kubectl.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, ensure};

use crate::cluster::Cluster;
use crate::report;

#[derive(clap::Args)]
pub struct Options {
    #[arg(long, default_value_t = 10)]
    runs: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { runs: 10 }
    }
}

pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<()> {
    report::heading("One pod, `kubectl apply` to Running");
    for runtime in ["containers", "hollow"] {
        let cluster = Cluster::start(binary, runtime, &[])?;
        // The first pod unpacks the image; it counts as "image not yet present".
        let first = one(&cluster, "first")?;
        let mut apply = Vec::new();
        let mut running = Vec::new();
        for number in 0..options.runs {
            let times = one(&cluster, &format!("pod-{number}"))?;
            apply.push(times.0);
            running.push(times.1);
        }
        report::value(&format!("first pod, {runtime}"), "s", first.1);
        report::row(&format!("kubectl apply alone, {runtime}"), "s", &apply);
        report::row(&format!("kubectl apply to Running, {runtime}"), "s", &running);
        cluster.stop()?;
    }
    Ok(())
}

/// Seconds until `kubectl apply` has returned, and until a watch that was open before it saw the
/// pod Running.
fn one(cluster: &Cluster, name: &str) -> anyhow::Result<(f64, f64)> {
    let manifest = pod(name, "default-scheduler");
    let kubectl = |args: &[&str]| {
        let mut command = Command::new("kubectl");
        command.args(args).env("KUBECONFIG", cluster.kubeconfig());
        command
    };
    let mut watch = kubectl(&[
        "get",
        "pods",
        "-w",
        "--no-headers",
        "-o",
        "custom-columns=N:.metadata.name,P:.status.phase",
    ])
    .stdout(Stdio::piped())
    .spawn()
    .context("kubectl must be on PATH")?;
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(watch.stdout.take().expect("piped")));
    // A pod that never runs tells when the watch is open.
    let marker = format!("marker-{name}");
    apply(kubectl(&["create", "-f", "-"]), &pod(&marker, "nobody"))?;
    wait_for(&mut lines, &marker, "Pending")?;

    let started = Instant::now();
    apply(kubectl(&["apply", "-f", "-"]), &manifest)?;
    let applied = started.elapsed().as_secs_f64();
    wait_for(&mut lines, name, "Running")?;
    let running = started.elapsed().as_secs_f64();
    watch.kill()?;
    watch.wait()?;
    Ok((applied, running))
}

fn pod(name: &str, scheduler: &str) -> String {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "schedulerName": scheduler,
            "terminationGracePeriodSeconds": 0,
            "containers": [{"name": "c", "image": "coracle/hello:1"}],
        },
    })
    .to_string()
}

fn wait_for(
    lines: &mut impl Iterator<Item = std::io::Result<String>>,
    name: &str,
    phase: &str,
) -> anyhow::Result<()> {
    for line in lines {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        if words.contains(&name) && words.contains(&phase) {
            return Ok(());
        }
    }
    anyhow::bail!("the watch ended before {name} was {phase}")
}

fn apply(mut command: Command, manifest: &str) -> anyhow::Result<()> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?;
    child.stdin.take().expect("piped").write_all(manifest.as_bytes())?;
    ensure!(child.wait()?.success(), "kubectl failed");
    Ok(())
}
