//! Many writers, then one reader of everything.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::api::{Client, tls};
use crate::cluster::Cluster;
use crate::{process, report};

#[derive(clap::Args)]
pub struct Options {
    /// https connections that write at once
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// ConfigMaps to create
    #[arg(long, default_value_t = 10_000)]
    count: usize,
    /// Bytes of data in each
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// LISTs of all of them
    #[arg(long, default_value_t = 10)]
    lists: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { clients: 16, count: 10_000, size: 1024, lists: 10 }
    }
}

const PATH: &str = "/api/v1/namespaces/default/configmaps";

pub async fn run(binary: &Path, options: &Options) -> anyhow::Result<()> {
    report::heading(&format!(
        "{} ConfigMaps of {} bytes, {} https clients",
        options.count, options.size, options.clients
    ));
    for (name, extra) in [("on disk", &[][..]), ("--memory", &["--memory"][..])] {
        let cluster = Cluster::start(binary, "none", extra)?;
        create(&cluster, options, name).await?;
        if extra.is_empty() {
            list(&cluster, options).await?;
        }
        cluster.stop()?;
    }
    Ok(())
}

async fn create(cluster: &Cluster, options: &Options, name: &str) -> anyhow::Result<()> {
    let (host, tls) = (cluster.apiserver()?, tls(cluster)?);
    let next = Arc::new(AtomicUsize::new(0));
    let data = "x".repeat(options.size);
    let mut connected = Vec::new();
    for _ in 0..options.clients {
        connected.push(Client::connect(&host, tls.clone()).await?);
    }
    let started = Instant::now();
    let mut writers: JoinSet<anyhow::Result<Vec<Duration>>> = JoinSet::new();
    for mut client in connected {
        let (next, data, count) = (next.clone(), data.clone(), options.count);
        writers.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(latencies);
                }
                let body = format!(
                    r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"c{number}"}},"data":{{"k":"{data}"}}}}"#
                );
                let sent = Instant::now();
                client.request("POST", PATH, Bytes::from(body)).await?;
                latencies.push(sent.elapsed());
            }
        });
    }
    let mut latencies = Vec::new();
    while let Some(writer) = writers.join_next().await {
        latencies.extend(writer??);
    }
    let seconds = started.elapsed().as_secs_f64();
    latencies.sort();
    let at = |fraction: f64| {
        latencies[((latencies.len() - 1) as f64 * fraction) as usize].as_secs_f64() * 1000.0
    };
    report::value(&format!("creates, {name}"), "per s", options.count as f64 / seconds);
    report::value(&format!("create p50, {name}"), "ms", at(0.5));
    report::value(&format!("create p99, {name}"), "ms", at(0.99));
    report::value(&format!("memory after, {name}"), "MiB", process::resident(cluster.pid())?);
    Ok(())
}

async fn list(cluster: &Cluster, options: &Options) -> anyhow::Result<()> {
    let mut client = Client::connect(&cluster.apiserver()?, tls(cluster)?).await?;
    let before = process::resident(cluster.pid())?;
    process::reset_peak(cluster.pid())?;
    let mut milliseconds = Vec::new();
    let mut size = 0;
    for _ in 0..options.lists {
        let started = Instant::now();
        size = client.request("GET", PATH, Bytes::new()).await?;
        milliseconds.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    report::row("LIST of all", "ms", &milliseconds);
    report::value("LIST of all, body", "MiB", size as f64 / (1024.0 * 1024.0));
    let peak = process::peak(cluster.pid())?;
    report::value("peak memory during LIST, above before", "MiB", peak - before);
    Ok(())
}
