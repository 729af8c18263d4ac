//! Opens the home, and reads back what it holds.

use std::collections::BTreeMap;
use std::io;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::engine::{Engine, SledEngine};
use super::layout::*;
use super::plan::Written;
use crate::mvcc::{Identity, Rebuild, State};
use crate::snapshot::Meta;
use crate::snapshot::format::Item;

/// Entries read from the engine at a time.
const SCAN: usize = 1024;

/// A home and what it holds.
pub struct Held {
    pub meta: Meta,
    pub state: State,
    pub(super) written: Written,
}

/// Opens the home in `dir` and reads all of it. A home that cannot be trusted, or is another
/// member's, is wiped. `None` in place of the engine: this disk does not take a home.
pub fn open(dir: &Path, identity: Identity) -> (Option<Box<dyn Engine>>, Option<Held>) {
    open_with(dir, |engine| read_home(engine, identity))
}

/// As [`open`], but reads only how far the home reaches, and keeps it if `fits` says that the log
/// went through there.
pub(super) fn open_unread(
    dir: &Path,
    identity: Identity,
    fits: &dyn Fn(&Meta) -> bool,
) -> (Option<Box<dyn Engine>>, Option<Written>) {
    open_with(dir, |engine| {
        let reach = read_reach(engine, identity)?.filter(|reach| fits(&reach.meta));
        let Some(reach) = reach else { return Ok(None) };
        let leases = read_leases(engine)?;
        Ok(Some(Written { revision: reach.meta.revision, folded: reach.folded, leases }))
    })
}

fn open_with<T>(
    dir: &Path,
    read: impl FnOnce(&dyn Engine) -> io::Result<Option<T>>,
) -> (Option<Box<dyn Engine>>, Option<T>) {
    let existed = dir.exists();
    let opened = caught(|| {
        // One in doubt is left as it is: dropped, sled tidies what it holds, and ends the process
        // where that is damaged.
        let engine = ManuallyDrop::new(SledEngine::open(dir)?);
        let found = read(&*engine)?;
        // One that holds nothing for us, yet is not new, is another's.
        let trusted = found.is_some() || !existed;
        Ok(trusted.then(|| (ManuallyDrop::into_inner(engine), found)))
    });
    match opened {
        Ok(Some((engine, found))) => return (Some(Box::new(engine)), found),
        Ok(None) => tracing::info!(dir = %dir.display(), "state on disk does not fit the log"),
        Err(error) => tracing::warn!(%error, dir = %dir.display(), "state on disk is written anew"),
    }
    let fresh = caught(|| {
        if dir.exists() {
            remove(dir)?;
        }
        SledEngine::open(dir)
    });
    match fresh {
        Ok(engine) => (Some(Box::new(engine)), None),
        Err(error) => {
            tracing::warn!(%error, dir = %dir.display(), "applied state is not kept on disk");
            (None, None)
        }
    }
}

/// Removes a home. Its files are emptied first: an engine that was left as it is keeps them open,
/// and with them the space.
pub(super) fn remove(dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        match entry.file_type()?.is_dir() {
            true => remove(&path)?,
            false => {
                // What cannot be emptied can still be removed.
                let _ = std::fs::OpenOptions::new().write(true).truncate(true).open(&path);
                std::fs::remove_file(&path)?;
            }
        }
    }
    std::fs::remove_dir(dir)
}

/// Runs `work`, with a panic inside the engine as an error.
pub(super) fn caught<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(io::Error::other("the storage engine panicked")))
}

fn doubtful(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// How far the home reaches; `None` if it is empty or not this member's.
fn read_reach(engine: &dyn Engine, identity: Identity) -> io::Result<Option<Reach>> {
    let Some(reach) = engine.get(META)? else { return Ok(None) };
    let reach = Reach::decode(&reach).ok_or_else(|| doubtful("its description is unreadable"))?;
    let owner = Identity { cluster_id: reach.meta.cluster_id, member_id: reach.meta.member_id };
    Ok((owner == identity).then_some(reach))
}

fn read_leases(engine: &dyn Engine) -> io::Result<BTreeMap<i64, LeaseTimes>> {
    let mut leases = BTreeMap::new();
    each(engine, b'l', |key, value| {
        let (Some(id), Some(times)) = (number_of(key), LeaseTimes::decode(value)) else {
            return Err(doubtful("a lease is unreadable"));
        };
        leases.insert(id, times);
        Ok(())
    })?;
    Ok(leases)
}

/// What the home holds; `None` if it is empty or not this member's.
pub(super) fn read_home(engine: &dyn Engine, identity: Identity) -> io::Result<Option<Held>> {
    let Some(reach) = read_reach(engine, identity)? else { return Ok(None) };
    let meta = reach.meta;
    let mut rebuild = Rebuild::new(meta.revision, reach.folded, meta.side.clone());
    let leases = read_leases(engine)?;
    for (id, times) in &leases {
        rebuild.lease_with_remaining(*id, times.ttl, times.remaining_ttl);
    }
    each(engine, b'b', |_, value| match read_item(value) {
        Some(Item::Base(kv)) => {
            rebuild.base(kv);
            Ok(())
        }
        _ => Err(doubtful("a key is unreadable")),
    })?;
    let mut last = reach.folded.max(1);
    each(engine, b'c', |_, value| match read_item(value) {
        // Written, and not claimed: the rest of that batch never came.
        Some(Item::Changes { revision, .. }) if revision > meta.revision => Ok(()),
        Some(Item::Changes { revision, events })
            if revision <= reach.folded || revision == last + 1 =>
        {
            last = last.max(revision);
            rebuild.changes(revision, events);
            Ok(())
        }
        _ => Err(doubtful("a change is unreadable")),
    })?;
    if last != meta.revision {
        return Err(doubtful("changes are missing"));
    }
    let mut state = rebuild.finish();
    state.compact_loaded(meta.compacted);
    if state.key_count() as u64 != meta.keys {
        return Err(doubtful("keys are missing"));
    }
    let written = Written { revision: meta.revision, folded: reach.folded, leases };
    Ok(Some(Held { meta, state, written }))
}

fn each(
    engine: &dyn Engine,
    kind: u8,
    mut visit: impl FnMut(&[u8], &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let end = end_of(kind);
    let mut from = vec![kind];
    loop {
        let entries = engine.scan(&from, &end, SCAN)?;
        for (key, value) in &entries {
            visit(key, value)?;
        }
        match entries.last() {
            Some((last, _)) if entries.len() == SCAN => {
                from = last.clone();
                from.push(0); // The first key after the last one read.
            }
            _ => return Ok(()),
        }
    }
}
