//! The rows of the benchmark, and what each measures.

use std::rc::Rc;

use bytes::Bytes;
use serde::Serialize;
use store_proto::etcdserverpb as pb;

use super::recorder::Recorder;
use super::unary::{self, Workload};
use super::watchers::Fan;
use super::workloads::*;
use super::{leases, watchers};
use crate::wire::{Connection, Endpoint};

/// One row of one run. Latencies are in milliseconds, CPU in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    pub row: String,
    pub per_second: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
    /// Seconds of the server's CPU per 1,000 operations, where the server's process is known.
    pub cpu_per_1000: Option<f64>,
    pub peak_mib: Option<f64>,
}

#[derive(Clone, Copy, Debug)]
pub enum Work {
    Put { size: usize },
    Get { serializable: bool },
    Range,
    Update,
    Mixed,
    Watch(Fan),
    KeepAlive,
}

/// A row: what is done, by how many clients, how often.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub name: &'static str,
    pub clients: usize,
    pub count: u64,
    pub work: Work,
}

const fn row(name: &'static str, clients: usize, count: u64, work: Work) -> Row {
    Row { name, clients, count, work }
}

const fn fan(streams: usize, watchers_per_stream: usize, in_flight: usize, puts: u64) -> Work {
    Work::Watch(Fan { connections: 10, streams, watchers_per_stream, in_flight, puts })
}

const SMALL: Work = Work::Put { size: 256 };
const LARGE: Work = Work::Put { size: 4096 };
const GET: Work = Work::Get { serializable: false };
const LOCAL: Work = Work::Get { serializable: true };

/// All of them, in the order of a run. Counts are chosen so that a row takes etcd some seconds.
pub const ROWS: &[Row] = &[
    row("put-1-256B", 1, 10_000, SMALL),
    row("put-100-256B", 100, 60_000, SMALL),
    row("put-1000-256B", 1000, 80_000, SMALL),
    row("put-1-4KiB", 1, 5_000, LARGE),
    row("put-100-4KiB", 100, 20_000, LARGE),
    row("put-1000-4KiB", 1000, 30_000, LARGE),
    row("get-1", 1, 20_000, GET),
    row("get-100", 100, 100_000, GET),
    row("get-1000", 1000, 100_000, GET),
    row("get-serializable-1", 1, 20_000, LOCAL),
    row("get-serializable-100", 100, 100_000, LOCAL),
    row("get-serializable-1000", 1000, 100_000, LOCAL),
    row("range-of-1000-1", 1, 1_000, Work::Range),
    row("range-of-1000-10", 10, 2_000, Work::Range),
    row("txn-1", 1, 5_000, Work::Update),
    row("txn-100", 100, 40_000, Work::Update),
    row("txn-1000", 1000, 60_000, Work::Update),
    row("mixed-100", 100, 80_000, Work::Mixed),
    row("mixed-1000", 1000, 80_000, Work::Mixed),
    row("watch-1000", 1000, 0, fan(10, 10, 16, 1_000)),
    row("watch-1000-one-by-one", 1000, 0, fan(10, 10, 1, 300)),
    row("keepalive-1000", 1000, 200_000, Work::KeepAlive),
];

/// Keys that the reading rows read, and the size of their values.
const DATA_KEYS: u64 = 10_000;
const DATA_SIZE: usize = 256;
/// Keys that the writing rows write.
const PUT_KEYS: u64 = 50_000;
/// Keys of one range.
const SPAN: u64 = 1_000;
/// The size of a small Kubernetes object.
const OBJECT_SIZE: usize = 1024;

/// Connections that so many clients share.
pub const fn connections(clients: usize) -> usize {
    match clients {
        0..4 => 1,
        4..500 => 4,
        _ => 10,
    }
}

impl Row {
    /// The row with its operations scaled.
    pub fn scaled(mut self, scale: f64) -> Self {
        let scaled = |count: u64| ((count as f64 * scale) as u64).max(20);
        self.count = scaled(self.count);
        if let Work::Watch(fan) = &mut self.work {
            fan.puts = scaled(fan.puts);
            self.count = fan.puts * fan.watchers() as u64;
        }
        self
    }

    pub async fn run(&self, endpoints: &[Endpoint], pids: &[u32]) -> anyhow::Result<Measured> {
        let recorder = Rc::new(Recorder::new(self.count, pids));
        let seed = |connection: usize| Random::new(connection as u64 + 1);
        match self.work {
            Work::Put { size } => {
                let value = value(size);
                let puts = |connection| Puts {
                    random: seed(connection),
                    keys: PUT_KEYS,
                    value: value.clone(),
                };
                self.unary(endpoints, &recorder, puts).await?;
            }
            Work::Get { serializable } => {
                let gets = |connection| Gets {
                    random: seed(connection),
                    keys: DATA_KEYS,
                    serializable,
                    least: DATA_SIZE,
                };
                self.unary(endpoints, &recorder, gets).await?;
            }
            Work::Range => {
                let least = DATA_SIZE * SPAN as usize;
                let ranges = |connection| Ranges {
                    random: seed(connection),
                    keys: DATA_KEYS,
                    span: SPAN,
                    least,
                };
                self.unary(endpoints, &recorder, ranges).await?;
            }
            Work::Update => {
                // Objects of an earlier row would have revisions that this one does not know.
                delete(&endpoints[0], "/registry/").await?;
                let value = value(OBJECT_SIZE);
                let per = self.clients.div_ceil(connections(self.clients));
                let updates = |connection: usize| Updates {
                    value: value.clone(),
                    names: connection * per..(connection + 1) * per,
                    revisions: vec![0; per],
                };
                self.unary(endpoints, &recorder, updates).await?;
            }
            Work::Mixed => {
                let value = value(DATA_SIZE);
                let mixed = |connection| Mixed {
                    random: seed(connection),
                    keys: DATA_KEYS,
                    value: value.clone(),
                };
                self.unary(endpoints, &recorder, mixed).await?;
            }
            Work::Watch(fan) => watchers::run(endpoints, fan, recorder.clone()).await?,
            Work::KeepAlive => {
                let connections = connections(self.clients);
                leases::run(endpoints, connections, self.clients, recorder.clone()).await?;
            }
        }
        Ok(recorder.measured(self.name))
    }

    async fn unary<W: Workload>(
        &self,
        endpoints: &[Endpoint],
        recorder: &Rc<Recorder>,
        workload: impl Fn(usize) -> W,
    ) -> anyhow::Result<()> {
        spread(endpoints, self.clients, recorder, workload).await
    }
}

/// Runs clients, spread over their connections and these over the endpoints.
pub async fn spread<W: Workload>(
    endpoints: &[Endpoint],
    clients: usize,
    recorder: &Rc<Recorder>,
    workload: impl Fn(usize) -> W,
) -> anyhow::Result<()> {
    let connections = connections(clients);
    let runs = (0..connections).map(|connection| {
        let endpoint = endpoints[connection % endpoints.len()].clone();
        unary::run(endpoint, clients / connections, workload(connection), recorder.clone())
    });
    super::all(runs.collect()).await
}

/// Puts `count` distinct keys, each connection its share.
pub async fn fill(
    endpoints: &[Endpoint],
    count: u64,
    size: usize,
    key: fn(u64) -> Bytes,
    clients: usize,
) -> anyhow::Result<()> {
    let value = value(size);
    let step = connections(clients) as u64;
    let runs = (0..step).map(|next| {
        let endpoint = endpoints[next as usize % endpoints.len()].clone();
        let share = Rc::new(Recorder::new((count - next).div_ceil(step), &[]));
        let fill = Fill { key, value: value.clone(), next, step };
        unary::run(endpoint, clients / step as usize, fill, share)
    });
    super::all(runs.collect()).await
}

/// Puts what the reading rows read.
pub async fn prepare(endpoints: &[Endpoint]) -> anyhow::Result<()> {
    fill(endpoints, DATA_KEYS, DATA_SIZE, data_key, 100).await
}

async fn delete(endpoint: &Endpoint, prefix: &'static str) -> anyhow::Result<()> {
    let mut connection = Connection::open(endpoint).await?;
    let mut end = prefix.as_bytes().to_vec();
    *end.last_mut().expect("a prefix is not empty") += 1;
    let request =
        pb::DeleteRangeRequest { key: prefix.into(), range_end: end.into(), ..Default::default() };
    let path = "/etcdserverpb.KV/DeleteRange";
    connection.ask::<pb::DeleteRangeResponse>(path, &request).await.map(|_| ())
}

/// Forgets history, as kube-apiserver does every few minutes, so that rows do not carry each other's.
/// `compacted` is the revision of the last time.
pub async fn compact(endpoint: &Endpoint, compacted: &mut i64) -> anyhow::Result<()> {
    let mut connection = Connection::open(endpoint).await?;
    let get = pb::RangeRequest { key: "\0".into(), ..Default::default() };
    let answer: pb::RangeResponse = connection.ask(RANGE, &get).await?;
    let revision = answer.header.map_or(0, |header| header.revision);
    if std::mem::replace(compacted, revision) == revision {
        return Ok(()); // A row that only read.
    }
    let request = pb::CompactionRequest { revision, physical: true };
    let path = "/etcdserverpb.KV/Compact";
    connection.ask::<pb::CompactionResponse>(path, &request).await.map(|_| ())
}
