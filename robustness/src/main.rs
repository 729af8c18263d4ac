//! `robustness simulate`, `robustness chaos`, `robustness check`.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use robustness::chaos;

#[derive(Parser)]
#[command(about = "Tries to make the store lose a write or tell a lie, and judges what it saw")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Chaos(chaos::Settings),
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().command {
        Command::Chaos(settings) => run_chaos(&settings),
    }
}

fn run_chaos(settings: &chaos::Settings) -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let report = chaos::run(settings)?;
    match settings.output {
        chaos::Format::Text => println!("{report}"),
        chaos::Format::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    Ok(if report.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
