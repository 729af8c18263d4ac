//! `robustness simulate`, `robustness chaos`, `robustness check`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use robustness::{chaos, simulation};

#[derive(Parser)]
#[command(about = "Tries to make the store lose a write or tell a lie, and judges what it saw")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Simulate(simulation::Arguments),
    Chaos(chaos::Arguments),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Simulate(arguments) => simulation::run(&arguments),
        Command::Chaos(arguments) => chaos::run(&arguments),
    }
}
