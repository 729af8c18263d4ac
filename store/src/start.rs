//! What a member on disk starts from: the newer of its write-behind home and its snapshot.

use std::sync::Arc;

use crate::behind::{self, Behind, Home, Mailbox};
use crate::config::WriteBehind;
use crate::embedded::OnDisk;
use crate::open_error::OpenError;
use crate::published::Published;
use crate::raft::log::LogStore;
use crate::raft::machine::Start;
use crate::raft::types::log_id;
use crate::snapshot::{Meta, SnapshotError, check, load};
use crate::work;

/// Reads what the member starts from (`None`: nothing yet), and starts writing behind.
///
/// The log decides: it must continue whatever is started from. A home that it does not continue is
/// in doubt and not used; a snapshot that it does not continue is an error. So is a damaged
/// snapshot, used or not: without it the log is not enough, and a home may be lost any time.
pub(crate) fn prepare(
    disk: &OnDisk,
    log: &LogStore,
    published: &Published,
    tuning: WriteBehind,
) -> Result<Option<Start>, OpenError> {
    let newest = disk.snapshots.newest()?;
    if let Some((path, meta)) = &newest
        && meta.identity() != disk.dir.identity
    {
        return Err(SnapshotError::OtherMember { path: path.clone() }.into());
    }
    let reaches = newest.as_ref().and_then(|(_, meta)| meta.last_log);
    if let Some(purged) = log.purged_index()
        && reaches.is_none_or(|(_, index)| index < purged)
    {
        return Err(OpenError::MissingSnapshot { dir: disk.dir.wal(), purged });
    }
    let first = reaches.map_or(0, |(_, index)| index + 1);
    let (home, held) = if log.entries_from(first) < tuning.read_from_entries {
        (Some(unopened(log, reaches, tuning)), None)
    } else {
        let (engine, held) = behind::open(&disk.dir.sled(), disk.dir.identity);
        let held = held.filter(|held| continues(log, reaches, &held.meta));
        let state = held.as_ref().map(|held| (held.meta.clone(), held.state.clone()));
        (engine.map(|engine| Home::Open(engine, held.map(Box::new))), state)
    };
    let newer = held.filter(|(meta, _)| meta.last_log > reaches);
    let snapshot = newest.as_ref().map(|(path, meta)| (meta.raft_meta(), path.clone()));
    let start = match (newer, &newest) {
        (Some((meta, state)), newest) => {
            if let Some((path, _)) = newest {
                check(path)?;
            }
            Some(Start { applied: meta.raft_meta(), state, snapshot })
        }
        (None, Some((path, _))) => {
            let loaded = load(path, true)?;
            let applied = loaded.meta.raft_meta();
            Some(Start { applied, state: loaded.state, snapshot })
        }
        (None, None) => None,
    };
    if let Some(home) = home
        && !work::is_in_line()
    {
        start_behind(disk, published, home);
    }
    Ok(start)
}

/// A home that is not needed for the start: the thread opens it later.
fn unopened(log: &LogStore, snapshot: Option<(u64, u64)>, tuning: WriteBehind) -> Home {
    let log = log.clone();
    Home::Unopened(Box::new(move |meta| continues(&log, snapshot, meta)), tuning.open_delay)
}

/// Whether the home holds a state that this log went through.
fn continues(log: &LogStore, snapshot: Option<(u64, u64)>, home: &Meta) -> bool {
    let Some((term, index)) = home.last_log else { return false };
    let continues = log.may_have_held(&log_id(term, index))
        || snapshot.is_some_and(|reaches| (term, index) <= reaches);
    if !continues {
        tracing::warn!(term, index, "state on disk is ahead of the log and is written anew");
    }
    continues
}

fn start_behind(disk: &OnDisk, published: &Published, home: Home) {
    let mailbox = Arc::new(Mailbox::default());
    let identity = disk.dir.identity;
    match Behind::start(disk.dir.sled(), identity, home, Arc::clone(&mailbox)) {
        Ok(behind) => {
            // Set once: a member starts once.
            let _ = published.mailbox.set(mailbox);
            let _ = disk.behind.set(behind);
        }
        Err(error) => tracing::warn!(%error, "applied state is not kept on disk"),
    }
}
