//! The store's benchmark: any etcd v3 endpoint, and Coracle's store beside a real etcd.

mod compare;
mod failover;
mod figures;
mod histogram;
mod leases;
mod recorder;
mod row;
mod serve;
mod servers;
mod table;
mod unary;
mod wal;
mod watchers;
mod workloads;

use std::future::Future;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use self::row::{Measured, ROWS, Row};
use crate::wire::{Endpoint, client_tls};

pub use compare::Options as CompareOptions;
pub use failover::Options as FailoverOptions;
pub use serve::Options as ServeOptions;
pub use wal::Options as WalOptions;
pub use {
    compare::run as compare, failover::run as failover, serve::run as serve, wal::run as wal,
};

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    #[default]
    Table,
    Json,
}

/// Which rows, and how long.
#[derive(Args, Clone, Debug)]
pub struct Selection {
    /// Rows whose name contains one of these; all by default
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    rows: Vec<String>,
    /// Multiplies the operations of each row
    #[arg(long, default_value_t = 1.0, value_name = "FACTOR")]
    scale: f64,
    #[arg(short, long, value_enum, default_value_t)]
    output: Output,
}

impl Selection {
    fn rows(&self) -> anyhow::Result<Vec<Row>> {
        let chosen = |row: &&Row| {
            self.rows.is_empty() || self.rows.iter().any(|name| row.name.contains(name.as_str()))
        };
        let rows: Vec<_> = ROWS.iter().filter(chosen).map(|row| row.scaled(self.scale)).collect();
        anyhow::ensure!(!rows.is_empty(), "no such row; there are {}", names());
        Ok(rows)
    }
}

fn names() -> String {
    ROWS.iter().map(|row| row.name).collect::<Vec<_>>().join(", ")
}

#[derive(Args)]
pub struct Options {
    /// Where the server listens, http or https
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "http://127.0.0.1:2379",
        value_name = "URL"
    )]
    endpoints: Vec<String>,
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    #[arg(long, requires = "key", value_name = "FILE")]
    cert: Option<PathBuf>,
    #[arg(long, requires = "cert", value_name = "FILE")]
    key: Option<PathBuf>,
    /// The server's processes, to tell their CPU time and memory
    #[arg(long, value_delimiter = ',', value_name = "PID")]
    pid: Vec<u32>,
    #[command(flatten)]
    selection: Selection,
}

/// Drives a server that runs already.
pub async fn run(options: &Options) -> anyhow::Result<()> {
    let tls = match &options.cacert {
        None => None,
        Some(authority) => {
            let pair = options.cert.as_deref().zip(options.key.as_deref());
            Some(client_tls(authority, pair)?)
        }
    };
    let endpoints: Vec<_> = options
        .endpoints
        .iter()
        .map(|url| Endpoint::parse(url, tls.as_ref()))
        .collect::<Result<_, _>>()?;
    let measured = drive(&endpoints, &options.pid, &options.selection.rows()?, true).await?;
    table::runs(options.selection.output, &measured)
}

/// Runs the rows one after the other.
async fn drive(
    endpoints: &[Endpoint],
    pids: &[u32],
    rows: &[Row],
    tell: bool,
) -> anyhow::Result<Vec<Measured>> {
    row::prepare(endpoints).await?;
    let (mut measured, mut compacted) = (Vec::new(), 0);
    for row in rows {
        let one = row.run(endpoints, pids).await?;
        if tell {
            eprintln!("{:24} {:>10.0}/s  p99 {:.2} ms", one.row, one.per_second, one.p99);
        }
        measured.push(one);
        row::compact(&endpoints[0], &mut compacted).await?;
    }
    Ok(measured)
}

/// Runs futures side by side on this thread; the first failure ends the wait.
async fn all(
    futures: Vec<impl Future<Output = anyhow::Result<()>> + 'static>,
) -> anyhow::Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for future in futures {
        tasks.spawn_local(future);
    }
    while let Some(outcome) = tasks.join_next().await {
        outcome??;
    }
    Ok(())
}
