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
    // clap does not parse what stands after `store` or `certs`; the shell shall know it all the same.
    let mut command = Cli::command().mut_subcommand("store", |store| {
        crate::store::command(store.mut_arg("_flags", |flags| flags.hide(true)))
    });
    command = command.mut_subcommand("certs", certs);
    generate(shell, &mut command, "coracle", &mut script);
    stdout().write_all(&script)?;
    Ok(())
}

fn certs(command: clap::Command) -> clap::Command {
    let command = command.mut_arg("_words", |words| words.hide(true));
    certs_tool::overview().into_iter().fold(command, |command, told| {
        let flags = told.flags.iter().map(|flag| {
            let action = match flag.takes_value {
                true => clap::ArgAction::Set,
                false => clap::ArgAction::SetTrue,
            };
            clap::Arg::new(flag.name).long(flag.name).help(flag.help).action(action)
        });
        // Some have a flag `version` of their own, which clap would add too.
        let told = clap::Command::new(told.name).about(told.summary).disable_version_flag(true);
        command.subcommand(told.args(flags))
    })
}
