//! How fast it is there, and what it costs when nothing happens.

use std::path::Path;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::{process, report};

#[derive(clap::Args)]
pub struct Options {
    /// Starts to measure, of each kind
    #[arg(long, default_value_t = 10)]
    runs: usize,
    /// Seconds over which idle CPU is measured
    #[arg(long, default_value_t = 30)]
    idle_seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { runs: 10, idle_seconds: 30 }
    }
}

/// How long a cluster settles before it counts as idle.
const SETTLE: Duration = Duration::from_secs(5);

pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<()> {
    report::heading("Start");
    let mib = std::fs::metadata(binary)?.len() as f64 / (1024.0 * 1024.0);
    report::value("binary", "MiB", mib);
    let kinds: [(&str, &str, &[&str]); 4] = [
        ("on disk, containers", "containers", &[]),
        ("on disk, hollow", "hollow", &[]),
        ("--memory, containers", "containers", &["--memory"]),
        ("--memory, hollow", "hollow", &["--memory"]),
    ];
    for (name, runtime, extra) in kinds {
        let mut seconds = Vec::new();
        for _ in 0..options.runs {
            let cluster = Cluster::start(binary, runtime, extra)?;
            seconds.push(cluster.ready.as_secs_f64());
            cluster.stop()?;
        }
        report::row(&format!("process start to ready, {name}"), "s", &seconds);
    }
    idle(binary, options).await
}

async fn idle(binary: &Path, options: &Options) -> anyhow::Result<()> {
    let cluster = Cluster::start(binary, "containers", &[])?;
    tokio::time::sleep(SETTLE).await;
    let before = process::cpu(cluster.pid())?;
    let window = Duration::from_secs(options.idle_seconds);
    tokio::time::sleep(window).await;
    let used = process::cpu(cluster.pid())? - before;
    report::value("idle memory (RSS)", "MiB", process::resident(cluster.pid())?);
    report::value("idle CPU", "% of a core", used.as_secs_f64() / window.as_secs_f64() * 100.0);
    cluster.stop()
}
