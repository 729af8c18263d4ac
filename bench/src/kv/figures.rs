//! What a server costs apart from its rows: start, idle, and memory once it holds something.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use super::row;
use super::servers::{Cluster, Pki, Program};
use crate::process;

/// Rest after the start before memory and CPU count as idle, and how long they are watched.
const SETTLE: Duration = Duration::from_secs(3);
const IDLE: Duration = Duration::from_secs(10);

/// Figures of one server.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    pub ready_seconds: f64,
    pub idle_mib: f64,
    /// Percent of one core.
    pub idle_cpu: f64,
    /// After 100,000 puts of 1 KiB to as many keys, at rest, and at most on the way.
    pub full_mib: f64,
    pub full_peak_mib: f64,
    pub disk_mib: f64,
}

impl Figures {
    /// Names and values, in the order of the table; fewer is better in all.
    pub fn all(&self) -> [(&'static str, &'static str, f64); 6] {
        [
            ("start to first answer", "s", self.ready_seconds),
            ("idle memory", "MiB", self.idle_mib),
            ("idle CPU", "% of a core", self.idle_cpu),
            ("memory after 100,000 puts of 1 KiB", "MiB", self.full_mib),
            ("… greatest on the way", "MiB", self.full_peak_mib),
            ("… files", "MiB", self.disk_mib),
        ]
    }
}

fn key(number: u64) -> Bytes {
    format!("/bench/full/{number:08}").into()
}

pub async fn measure(
    program: &Program,
    members: usize,
    pki: Option<&Pki>,
    dir: &Path,
) -> anyhow::Result<Figures> {
    let cluster = Cluster::start(program, members, pki, dir).await?;
    let pids = cluster.pids();
    // Of each member, for members do not differ much.
    let each = |figure: fn(u32) -> anyhow::Result<f64>| -> anyhow::Result<f64> {
        let all: Vec<_> = pids.iter().map(|pid| figure(*pid)).collect::<Result<_, _>>()?;
        Ok(all.iter().sum::<f64>() / all.len() as f64)
    };
    let cpu = |pid| process::cpu(pid).map(|cpu| cpu.as_secs_f64());
    tokio::time::sleep(SETTLE).await;
    let before = each(cpu)?;
    tokio::time::sleep(IDLE).await;
    let idle_cpu = (each(cpu)? - before) / IDLE.as_secs_f64() * 100.0;
    let idle_mib = each(process::resident)?;
    row::fill(&cluster.endpoints, 100_000, 1024, key, 1000).await?;
    tokio::time::sleep(SETTLE).await;
    Ok(Figures {
        ready_seconds: cluster.ready_in.as_secs_f64(),
        idle_mib,
        idle_cpu,
        full_mib: each(process::resident)?,
        full_peak_mib: each(process::peak)?,
        disk_mib: cluster.disk() as f64 / (1024.0 * 1024.0) / members as f64,
    })
}
