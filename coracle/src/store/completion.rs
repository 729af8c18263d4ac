//! The command as completion scripts and `coracle --help` know it. It is never parsed by clap:
//! flags are read in Go's grammar.

use clap::{Arg, ArgAction, Command};

use super::flags::{self, Kind};

/// Flags that clap gives to every command of `coracle`.
const EVERYWHERE: [&str; 3] = ["log-level", "log-format", "version"];

/// `store` with all its flags.
pub fn command(command: Command) -> Command {
    let own = flags::all().filter(|flag| !EVERYWHERE.contains(&flag.name));
    own.fold(command, |command, flag| {
        let arg = Arg::new(flag.name).long(flag.name).help(flag.help);
        command.arg(match flag.kind {
            Kind::Switch => arg.action(ArgAction::SetTrue),
            Kind::Value if is_path(flag.name) => arg.value_hint(clap::ValueHint::AnyPath),
            Kind::Value => arg.action(ArgAction::Set),
        })
    })
}

fn is_path(name: &str) -> bool {
    name.ends_with("-file") || name.ends_with("-dir")
}
