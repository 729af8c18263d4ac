//! `completion`: scripts that let a shell complete commands and flags.

use clap_complete::{Shell as Script, generate};

use crate::arguments::offline::{Completion, Shell};
use crate::arguments::{Called, program};
use crate::output::write;

/// Under `coracle` the script is for `etcdctl`: `coracle completion` knows of `coracle ctl`.
pub fn run(called: Called, arguments: &Completion) -> anyhow::Result<()> {
    let called = if called == Called::Ctl { Called::Etcdctl } else { called };
    let shell = match arguments.shell {
        Shell::Bash => Script::Bash,
        Shell::Zsh => Script::Zsh,
        Shell::Fish => Script::Fish,
        Shell::Powershell => Script::PowerShell,
    };
    let mut script = Vec::new();
    generate(shell, &mut program(called), called.name(), &mut script);
    write(&script)
}
