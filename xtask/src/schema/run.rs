//! The `schema` command.

use std::path::PathBuf;

use anyhow::{Context, bail};

use super::{defaults, definitions, emit, fetch, golang, proto};

#[derive(clap::Args)]
pub struct Arguments {
    /// `_definitions.json` of kubernetes-validate; downloaded with pip when not given
    #[arg(long)]
    definitions: Option<PathBuf>,
    /// Go's module cache; asked of `go env` when not given. Missing modules are downloaded
    #[arg(long)]
    module_cache: Option<PathBuf>,
    /// The file to write
    #[arg(long, default_value = "api/src/schema/v1_35.txt")]
    out: PathBuf,
    /// Write nothing; fail if the file differs from what would be written
    #[arg(long)]
    check: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let definitions = match &arguments.definitions {
        Some(path) => definitions::read(path)?,
        None => fetch::definitions()?,
    };
    let modules = fetch::modules(arguments.module_cache.as_deref())?;
    let structs = golang::Structs::read(&modules)?;
    let messages = proto::Messages::read(&modules)?;
    let defaults = defaults::Defaults::parse(include_str!("defaults.txt"))?;

    let text = emit::table(&definitions, &structs, &messages, defaults)?;
    if arguments.check {
        let present = std::fs::read_to_string(&arguments.out)
            .with_context(|| format!("cannot read {}", arguments.out.display()))?;
        if present != text {
            bail!("{} is not what its sources give; run without --check", arguments.out.display());
        }
        return Ok(());
    }
    std::fs::write(&arguments.out, &text)
        .with_context(|| format!("cannot write {}", arguments.out.display()))?;
    println!(
        "{}: {} definitions, {} bytes",
        arguments.out.display(),
        definitions.len(),
        text.len()
    );
    Ok(())
}
