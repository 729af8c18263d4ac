//! What a member on disk starts from: the newer of its write-behind home and its snapshot.

use std::sync::Arc;

use crate::behind::{self, Behind, Held, Mailbox};
use crate::embedded::OnDisk;
use crate::open_error::OpenError;
use crate::published::Published;
use crate::raft::log::LogStore;
use crate::raft::machine::Start;
use crate::raft::types::log_id;
use crate::snapshot::{Meta, load};

/// Reads what the member starts from (`None`: nothing yet), and starts writing behind.
///
/// The log decides: it must continue whatever is started from. A home that it does not continue is
/// in doubt and not used; a snapshot that it does not continue is an error.
pub(crate) fn prepare(
    disk: &OnDisk,
    log: &LogStore,
    published: &Published,
) -> Result<Option<Start>, OpenError> {
    let newest = disk.snapshots.newest()?;
    let reaches = newest.as_ref().and_then(|(_, meta)| meta.last_log);
    if let Some(purged) = log.purged_index()
        && reaches.is_none_or(|(_, index)| index < purged)
    {
        return Err(OpenError::MissingSnapshot { dir: disk.dir.wal(), purged });
    }
    let (engine, held) = behind::open(&disk.dir.sled(), disk.dir.identity);
    let held = held.filter(|held| continues(log, reaches, held));
    let newer = held.as_ref().filter(|held| held.meta.last_log > reaches);
    let snapshot = newest.as_ref().map(|(path, meta)| (meta.raft_meta(), path.clone()));
    let start = match (newer, &newest) {
        (Some(held), _) => {
            let (applied, state) = (held.meta.raft_meta(), held.state.clone());
            Some(Start { applied, state, snapshot })
        }
        (None, Some((path, _))) => {
            let loaded = load(path, true)?;
            let applied = loaded.meta.raft_meta();
            Some(Start { applied, state: loaded.state, snapshot })
        }
        (None, None) => None,
    };
    if let Some(engine) = engine {
        start_behind(disk, published, engine, held);
    }
    Ok(start)
}

/// Whether the home holds a state that this log went through.
fn continues(log: &LogStore, snapshot: Option<(u64, u64)>, held: &Held) -> bool {
    let Meta { last_log: Some((term, index)), .. } = held.meta else { return false };
    let continues = log.may_have_held(&log_id(term, index))
        || snapshot.is_some_and(|reaches| (term, index) <= reaches);
    if !continues {
        tracing::warn!(term, index, "state on disk is ahead of the log and is written anew");
    }
    continues
}

fn start_behind(
    disk: &OnDisk,
    published: &Published,
    engine: Box<dyn behind::Engine>,
    held: Option<Held>,
) {
    let mailbox = Arc::new(Mailbox::default());
    let identity = disk.dir.identity;
    match Behind::start(disk.dir.sled(), identity, engine, held, Arc::clone(&mailbox)) {
        Ok(behind) => {
            // Set once: a member starts once.
            let _ = published.mailbox.set(mailbox);
            let _ = disk.behind.set(behind);
        }
        Err(error) => tracing::warn!(%error, "applied state is not kept on disk"),
    }
}
