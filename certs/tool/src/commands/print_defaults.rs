//! `print-defaults`: files to begin with.

use crate::command::{Call, Command, Group};
use crate::failure::Usage;
use crate::flag::Order;

pub(crate) const COMMAND: Command = Command {
    name: "print-defaults",
    group: Group::Make,
    summary: "Print a signing configuration or a request to start from",
    usage: &["config|csr|list"],
    help: "config is a signing configuration, for -config; csr is a request, for gencert and genkey.\n\n\
           Example:\n  {name} print-defaults csr > csr.json",
    flags: &[],
    order: Order::FlagsFirst,
    run,
};

const DEFAULTS: [(&str, &str); 2] =
    [("config", include_str!("defaults/config.json")), ("csr", include_str!("defaults/csr.json"))];

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    let [wanted] = call.arguments.as_slice() else {
        return Err(Usage::error("print-defaults takes one argument: config, csr or list"));
    };
    if wanted == "list" {
        println!("Default configurations are available for:");
        DEFAULTS.iter().for_each(|(name, _)| println!("\t{name}"));
        return Ok(());
    }
    let found = DEFAULTS.iter().find(|(name, _)| name == wanted);
    let (_, text) = found.ok_or_else(|| {
        Usage::error(format!("there are no defaults for {wanted:?}, only for config and csr"))
    })?;
    println!("{text}");
    Ok(())
}
