//! `robustness simulate`, `robustness chaos`, `robustness check`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use robustness::{chaos, check, simulation};

#[derive(Parser)]
#[command(about = "Tries to make the store lose a write or tell a lie, and judges what it saw")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Judge a recorded history
    Check(check::Arguments),
    /// Run whole clusters in one thread each, from seeds
    Simulate(simulation::Arguments),
    /// Run real members under faults, and judge what their clients saw
    Chaos(chaos::Arguments),
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Simulate(arguments) => simulation::run(&arguments),
        Command::Chaos(arguments) => chaos::run(&arguments),
    }
}
