//! `lock`: holds a lock until interrupted, or while a command runs.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::ExitStatusExt;

use bytes::Bytes;
use tokio::process::Command;

use super::Context;
use super::keep_alive::Held;
use super::queue::{Place, prefix_of};
use crate::arguments::concurrency::Lock;
use crate::failure::{Failure, Kind};
use crate::signals;

pub async fn run(run: &Context, arguments: Lock) -> anyhow::Result<()> {
    let session = run.session().await?;
    let lease = Held::grant(session.clone(), arguments.ttl, run.timeout).await?;
    let prefix = prefix_of(arguments.lock_name.as_bytes());
    let place = Place::take(session, prefix, lease.id, Bytes::new(), run.timeout).await?;
    let outcome = tokio::select! {
        outcome = hold(run, &arguments, &place) => outcome,
        () = lease.lost() => Err(anyhow::anyhow!("session expired")),
    };
    let left = place.leave().await;
    lease.let_go(run.timeout).await;
    outcome.and(left)
}

/// Waits for the lock and holds it for as long as it is wanted.
async fn hold(run: &Context, arguments: &Lock, place: &Place) -> anyhow::Result<()> {
    let waited = tokio::select! {
        waited = place.wait_first() => waited?,
        () = signals::ended() => {
            anyhow::bail!("context canceled: interrupted before the lock was held")
        }
    };
    let held = place.read().await?;
    anyhow::ensure!(!held.kvs.is_empty(), "lock lost on init");
    let Some((program, words)) = arguments.exec.split_first() else {
        run.printer.get(&held)?;
        signals::ended().await;
        return Ok(());
    };
    let key = std::ffi::OsString::from_vec(place.key.to_vec());
    let since = if waited { held.header.unwrap_or_default() } else { place.header };
    let status = Command::new(program)
        .args(words)
        .env("ETCD_LOCK_KEY", key)
        .env("ETCD_LOCK_REV", since.revision.to_string())
        .kill_on_drop(true)
        .status()
        .await?;
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => {
            let kind = Kind::Command(u8::try_from(code).unwrap_or(1));
            Err(Failure::new(kind, format!("exit status {code}")).into())
        }
        (None, signal) => anyhow::bail!("the command was ended by signal {}", signal.unwrap_or(0)),
    }
}
