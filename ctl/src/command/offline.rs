//! What works on files, for which the host of this program knows the formats: `hashkv`, `defrag
//! --data-dir`, `migrate`.

use anyhow::Context;

use crate::arguments::cluster::Defrag;
use crate::arguments::offline::{HashKv, Migrate};
use crate::output::{Answer, Printer};
use crate::{Host, Usage};

pub fn hash_kv(arguments: &HashKv, printer: &Printer, host: &Host<'_>) -> anyhow::Result<()> {
    let hash = host.snapshots.hash_kv(&arguments.file, arguments.rev)?;
    printer.print(&Answer::FileHash(&hash))
}

pub fn defrag(arguments: &Defrag, host: &Host<'_>) -> anyhow::Result<()> {
    let Some(data_dir) = &arguments.data_dir else {
        return Err(Usage(
            "required flag(s) \"data-dir\" not set: name the directory of a store that does not \
             run; a running one is defragmented by `etcdctl defrag`"
                .to_owned(),
        )
        .into());
    };
    host.snapshots
        .defragment(data_dir)
        .with_context(|| format!("Failed to defragment etcd data[{}]", data_dir.display()))
}

/// Refuses, after the checks that etcdutl makes.
pub fn migrate(arguments: &Migrate) -> anyhow::Result<()> {
    let version = &arguments.target_version;
    let wrong = || Usage(format!("wrong target version format, expected \"X.Y\", got {version:?}"));
    let (major, minor) = version.split_once('.').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
    let (major, minor) = (number(major)?, number(minor)?);
    if (major, minor) < (3, 5) {
        return Err(
            Usage(format!("target version {version:?} not supported. Minimal \"3.5\"")).into()
        );
    }
    anyhow::bail!(
        "nothing to migrate in {}: this store has one format, whatever etcd version it speaks as; \
         to go to an etcd of version {version}, save a snapshot with `snapshot save --format etcd` \
         and restore it with that etcd's etcdutl",
        arguments.data_dir.display()
    )
}
