//! How long writes stand still when the leader's process is killed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use nix::sys::signal::Signal;
use store_proto::etcdserverpb as pb;

use super::servers::{Cluster, Pki, Program};
use super::workloads::PUT;
use crate::report;
use crate::wire::{Connection, Endpoint};

const STATUS: &str = "/etcdserverpb.Maintenance/Status";
const MEMBERS: usize = 3;

/// Between two puts to one member.
const PAUSE: Duration = Duration::from_millis(20);
/// How long a fail-over may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Args)]
pub struct Options {
    /// A real etcd to measure as well (`bench/peers/build etcd` makes one)
    #[arg(long, value_name = "FILE")]
    etcd: Option<PathBuf>,
    /// Leaders that are killed
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Milliseconds between the end of one round and the next kill
    #[arg(long, default_value_t = 500)]
    settle: u64,
    /// Stop the leader's process (SIGSTOP) in place of killing it: it falls silent, as one does
    /// whose machine lost its power
    #[arg(long)]
    silent: bool,
    /// Without TLS
    #[arg(long)]
    plain: bool,
    /// Where the data goes
    #[arg(long, default_value = "target/bench", value_name = "DIR")]
    dir: PathBuf,
}

pub async fn run(ours: &Path, options: &Options) -> anyhow::Result<()> {
    std::fs::create_dir_all(&options.dir)?;
    let dir = tempfile::Builder::new().prefix("failover-").tempdir_in(&options.dir)?;
    let pki = if options.plain { None } else { Some(Pki::create(&dir.path().join("pki"))?) };
    let coracle = Program {
        name: "coracle",
        binary: ours.to_owned(),
        leading: vec!["store"],
        own: vec!["--log-level=error".into()],
    };
    let etcd = options.etcd.as_ref().map(|binary| Program {
        name: "etcd",
        binary: binary.clone(),
        leading: vec![],
        own: vec!["--log-level=error".into()],
    });
    report::heading("Fail-over");
    for program in [Some(coracle), etcd].into_iter().flatten() {
        let seconds = measure(&program, pki.as_ref(), options, dir.path()).await?;
        let what = if options.silent { "stopped" } else { "killed" };
        let name = format!("{}: leader {what} to next write", program.name);
        report::row(&name, "s", &seconds);
    }
    Ok(())
}

async fn measure(
    program: &Program,
    pki: Option<&Pki>,
    options: &Options,
    dir: &Path,
) -> anyhow::Result<Vec<f64>> {
    let mut cluster = Cluster::start(program, MEMBERS, pki, dir).await?;
    let mut seconds = Vec::new();
    for _ in 0..options.rounds {
        tokio::time::sleep(Duration::from_millis(options.settle)).await;
        let leader = leader(&cluster.endpoints).await?;
        let others: Vec<Endpoint> = (0..MEMBERS)
            .filter(|member| *member != leader)
            .map(|member| cluster.endpoints[member].clone())
            .collect();
        // All is well before.
        for other in &others {
            put(&mut Connection::open(other).await?).await?;
        }
        let signal = if options.silent { Signal::SIGSTOP } else { Signal::SIGKILL };
        cluster.signal(leader, signal)?;
        let killed = Instant::now();
        tokio::time::timeout(PATIENCE, first_put(&others)).await.context("no write goes on")?;
        seconds.push(killed.elapsed().as_secs_f64());
        cluster.signal(leader, Signal::SIGKILL)?;
        cluster.restart(leader).await?;
    }
    Ok(seconds)
}

/// Which member leads.
async fn leader(endpoints: &[Endpoint]) -> anyhow::Result<usize> {
    for (number, endpoint) in endpoints.iter().enumerate() {
        let mut connection = Connection::open(endpoint).await?;
        let status: pb::StatusResponse =
            connection.ask(STATUS, &pb::StatusRequest::default()).await?;
        if status.header.is_some_and(|header| header.member_id == status.leader) {
            return Ok(number);
        }
    }
    anyhow::bail!("no member leads")
}

/// Returns when one of these members has acknowledged a put. New ones are sent all the while: a
/// server may hold one that came too early until its time is up, as etcd does.
async fn first_put(endpoints: &[Endpoint]) {
    let mut tasks = tokio::task::JoinSet::new();
    let mut next = tokio::time::interval(PAUSE);
    loop {
        tokio::select! {
            _ = next.tick() => for endpoint in endpoints.to_vec() {
                tasks.spawn_local(async move { put(&mut Connection::open(&endpoint).await?).await });
            },
            Some(Ok(Ok(()))) = tasks.join_next() => return,
        }
    }
}

async fn put(connection: &mut Connection) -> anyhow::Result<()> {
    let put =
        pb::PutRequest { key: "/bench/failover".into(), value: "1".into(), ..Default::default() };
    connection.ask::<pb::PutResponse>(PUT, &put).await.map(drop)
}
