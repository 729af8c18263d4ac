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
    // clap does not parse what stands after `store`; the shell shall know it all the same.
    let mut command = Cli::command().mut_subcommand("store", |store| {
        crate::store::command(store.mut_arg("_flags", |flags| flags.hide(true)))
    });
    generate(shell, &mut command, "coracle", &mut script);
    stdout().write_all(&script)?;
    Ok(())
}
