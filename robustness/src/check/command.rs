//! `robustness check FILE`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::judge::check;
use super::options::Options;
use super::verdict::Verdict;
use crate::history::{FileError, read};

/// What was asked for is wrong, or cannot be read.
const UNREADABLE: u8 = 2;

/// What `robustness check` is told.
#[derive(Args)]
pub struct Arguments {
    /// The history: one JSON object a line
    file: PathBuf,
    /// How the verdict is printed
    #[arg(short, long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Let leases run out at any time, as where members' clocks were tampered with
    #[arg(long)]
    ignore_lease_times: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Output {
    Table,
    Json,
}

/// Judges a file and prints the verdict. Exit codes: 0 fine, 1 violated, 2 unreadable.
pub fn run(arguments: &Arguments) -> ExitCode {
    let options = Options { lease_times: !arguments.ignore_lease_times, ..Options::default() };
    match judge_file(&arguments.file, &options) {
        Ok(verdict) => {
            println!("{}", printed(&verdict, arguments.output));
            if verdict.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("robustness: {error}");
            ExitCode::from(UNREADABLE)
        }
    }
}

fn judge_file(path: &Path, options: &Options) -> Result<Verdict, FileError> {
    Ok(check(&read(path)?, options))
}

fn printed(verdict: &Verdict, output: Output) -> String {
    match output {
        Output::Table => verdict.to_string(),
        Output::Json => serde_json::to_string_pretty(verdict)
            .expect("a verdict has nothing but text and figures"),
    }
}
