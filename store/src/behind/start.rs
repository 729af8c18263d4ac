//! Opens the home, and reads back what it holds.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use bytes::Buf;

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

/// Opens the home in `dir` and reads it. A home that cannot be trusted, or is another member's, is
/// wiped. `None` in place of the engine: this disk does not take a home.
pub fn open(dir: &Path, identity: Identity) -> (Option<Box<dyn Engine>>, Option<Held>) {
    let existed = dir.exists();
    match caught(|| read(SledEngine::open(dir)?, identity)) {
        Ok((engine, Some(held))) => return (Some(engine), Some(held)),
        Ok((engine, None)) if !existed => return (Some(engine), None),
        Ok((engine, None)) => drop(caught(|| {
            drop(engine);
            Ok(())
        })),
        Err(error) => tracing::warn!(%error, dir = %dir.display(), "state on disk is written anew"),
    }
    let fresh = caught(|| {
        if dir.exists() {
            std::fs::remove_dir_all(dir)?;
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

/// Runs `work`, with a panic inside the engine as an error.
pub(super) fn caught<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(io::Error::other("the storage engine panicked")))
}

type Opened = (Box<dyn Engine>, Option<Held>);

fn read(engine: SledEngine, identity: Identity) -> io::Result<Opened> {
    let held = read_home(&engine, identity)?;
    Ok((Box::new(engine), held))
}

fn doubtful(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// What the home holds; `None` if it is empty or not this member's.
pub(super) fn read_home(engine: &dyn Engine, identity: Identity) -> io::Result<Option<Held>> {
    let Some(reach) = engine.get(META)? else { return Ok(None) };
    let reach = Reach::decode(&reach).ok_or_else(|| doubtful("its description is unreadable"))?;
    let meta = reach.meta;
    if (meta.cluster_id, meta.member_id) != (identity.cluster_id, identity.member_id) {
        return Ok(None);
    }
    let mut rebuild = Rebuild::new(meta.revision, reach.folded);
    let mut leases = std::collections::BTreeMap::new();
    each(engine, b'l', |key, mut value| {
        let (Some(id), Ok(ttl)) = (number_of(key), value.try_get_i64()) else {
            return Err(doubtful("a lease is unreadable"));
        };
        leases.insert(id, ttl);
        rebuild.lease(id, ttl);
        Ok(())
    })?;
    each(engine, b'b', |_, value| match read_item(value) {
        Some(Item::Base(kv)) => {
            rebuild.base(kv);
            Ok(())
        }
        _ => Err(doubtful("a key is unreadable")),
    })?;
    let mut last = reach.folded.max(1);
    each(engine, b'c', |_, value| match read_item(value) {
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
    if state.len() as u64 != meta.keys {
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
