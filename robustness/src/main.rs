//! `robustness simulate`, `robustness chaos`, `robustness check`.

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Tries to make the store lose a write or tell a lie, and judges what it saw")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {}
}
