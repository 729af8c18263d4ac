//! Benchmarks of the whole binary, from outside.
//!
//! `cargo run --release -p bench -- all` measures what `docs/benchmarks.md` lists. Every figure is a
//! distribution over runs; machines are noisy, so quote medians.

mod api;
mod cluster;
mod objects;
mod pods;
mod process;
mod report;
mod startup;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

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
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Arguments { binary, command } = Arguments::parse();
    let binary = std::path::absolute(&binary)?;
    anyhow::ensure!(
        binary.is_file(),
        "{} is missing: cargo build --release -p coracle",
        binary.display()
    );
    match command {
        Command::Startup(options) => startup::run(&binary, &options).await,
        Command::Pods(options) => pods::run(&binary, &options).await,
        Command::Objects(options) => objects::run(&binary, &options).await,
        Command::All => {
            startup::run(&binary, &startup::Options::default()).await?;
            pods::run(&binary, &pods::Options::default()).await?;
            objects::run(&binary, &objects::Options::default()).await
        }
    }
}
