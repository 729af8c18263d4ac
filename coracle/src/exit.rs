//! Exit codes: 0 done, 1 failed, 2 wrong usage.

use std::process::ExitCode;

/// A mistake in the arguments that clap cannot see.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Usage(pub String);

/// Prints clap's answer: help and versions are results (standard output, 0), anything else is a
/// wrong usage (standard error, 2).
pub fn of_usage(error: &clap::Error) -> ExitCode {
    // A closed pipe under `--help | head` is no failure.
    let _ = error.print();
    if error.use_stderr() { usage() } else { ExitCode::SUCCESS }
}

pub fn usage() -> ExitCode {
    ExitCode::from(2)
}

/// Prints an error with its causes and turns it into an exit code.
pub fn of_result(result: anyhow::Result<()>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    eprintln!("error: {error:#}");
    if error.is::<Usage>() { usage() } else { ExitCode::FAILURE }
}
