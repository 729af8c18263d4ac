//! `version`.

use crate::command::{Call, Command, Group};
use crate::flag::Order;

pub(crate) const COMMAND: Command = Command {
    name: "version",
    group: Group::Inspect,
    summary: "Print the version of this tool",
    usage: &[""],
    help: "Example:\n  {name} version",
    flags: &[],
    order: Order::FlagsFirst,
    run,
};

fn run(_call: &Call<'_>) -> anyhow::Result<()> {
    print!("{}", text());
    Ok(())
}

/// Also what `cfssljson -version` prints.
pub(crate) fn text() -> String {
    format!("Version: coracle {}\nRuntime: Rust\n", env!("CARGO_PKG_VERSION"))
}
