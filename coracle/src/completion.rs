//! Shell completion scripts.

use std::io::{Write, stdout};

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::cli::Cli;

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SupportedShell {
    Bash,
    Zsh,
    Fish,
}

/// What `coracle completion` is told. Its help text stands with the command, in `cli.rs`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[arg(value_enum)]
    shell: SupportedShell,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let shell = match arguments.shell {
        SupportedShell::Bash => Shell::Bash,
        SupportedShell::Zsh => Shell::Zsh,
        SupportedShell::Fish => Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "coracle", &mut script);
    stdout().write_all(&script)?;
    Ok(())
}
