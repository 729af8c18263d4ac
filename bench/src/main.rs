//! Benchmarks of the whole binary, from outside, and of its store beside a real etcd.
//!
//! `cargo run --release -p bench -- all` and `… -- compare` measure what `docs/benchmarks.md`
//! lists. Every figure is a distribution over runs; machines are noisy, so quote medians.

mod api;
mod cluster;
mod kv;
mod objects;
mod pods;
mod process;
mod report;
mod startup;
mod wire;

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand};

/// The allocator of the measured binary, so that `serve` measures like it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Parser)]
#[command(
    name = "bench",
    about = "Benchmarks of the coracle binary",
    arg_required_else_help = true
)]
struct Arguments {
    /// The binary to measure
    #[arg(long, default_value = "target/release/coracle", value_name = "FILE")]
    binary: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start to `ready in`, with and without fsync; idle memory and CPU; size of the binary
    Startup(startup::Options),
    /// `kubectl apply` of one pod until it is Running, image present
    Pods(pods::Options),
    /// Creates of 1 KiB ConfigMaps by many https clients, then LIST of all of them
    Objects(objects::Options),
    /// All of the above with their defaults
    All,
    /// Rows of the store's benchmark against any etcd v3 endpoint that runs already
    Store(kv::Options),
    /// The store beside a real etcd, each started in turn on the same disk: figures and ratios
    Compare(kv::CompareOptions),
    /// Three members: from the leader's SIGKILL to the next write that another member acknowledges
    Failover(kv::FailoverOptions),
    /// In process: the store's puts beside what its write-ahead log alone can take
    Wal(kv::WalOptions),
    /// A lone member of the store, for profiling
    #[command(hide = true)]
    Serve(kv::ServeOptions),
}

fn main() -> anyhow::Result<()> {
    let Arguments { binary, command } = Arguments::parse();
    // The store's driver is one thread by intent: it shares the machine with the server.
    let mut builder = match command {
        Command::Store(_) | Command::Compare(_) | Command::Failover(_) => {
            tokio::runtime::Builder::new_current_thread()
        }
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, run(&binary, command))
}

async fn run(binary: &Path, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Startup(options) => startup::run(&present(binary)?, &options).await,
        Command::Pods(options) => pods::run(&present(binary)?, &options).await,
        Command::Objects(options) => objects::run(&present(binary)?, &options).await,
        Command::All => {
            let binary = present(binary)?;
            startup::run(&binary, &startup::Options::default()).await?;
            pods::run(&binary, &pods::Options::default()).await?;
            objects::run(&binary, &objects::Options::default()).await
        }
        Command::Store(options) => kv::run(&options).await,
        Command::Compare(options) => kv::compare(binary, &options).await,
        Command::Failover(options) => kv::failover(&present(binary)?, &options).await,
        Command::Wal(options) => kv::wal(&options).await,
        Command::Serve(options) => kv::serve(options).await,
    }
}

/// The binary, if it is there.
fn present(binary: &Path) -> anyhow::Result<PathBuf> {
    let binary = std::path::absolute(binary)?;
    anyhow::ensure!(
        binary.is_file(),
        "{} is missing: cargo build --release -p coracle",
        binary.display()
    );
    Ok(binary)
}
