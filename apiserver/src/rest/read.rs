//! Reading: one object from the store, many from the cache, each at the revision asked for.

use std::sync::Arc;
use std::time::Duration;

use api::Status;
use store::KeyRange;

use super::continue_token::ContinueToken;
use super::filter::Filter;
use super::list_options::ReadAt;
use crate::cache::{Entry, Objects, Snapshot};
use crate::registry::{Kind, Registry, refused};

/// How long a read waits for the cache to reach the version it needs, as upstream.
pub const FRESHNESS_PATIENCE: Duration = Duration::from_secs(3);

/// Keys of a read that the cache's window no longer covers, per request to the store.
const HISTORY_PAGE: i64 = 5_000;

/// Waits until the caches hold everything up to `revision`; 504 when that does not come.
pub async fn wait_for(registry: &Registry, revision: i64) -> Result<(), Status> {
    if registry.feed.reached(revision, FRESHNESS_PATIENCE).await {
        return Ok(());
    }
    Err(Status::too_large_resource_version(revision, registry.feed.revision()))
}

/// The resource's state at the revision that `at` asks for.
pub async fn snapshot(registry: &Registry, kind: &Kind, at: &ReadAt) -> Result<Snapshot, Status> {
    match at {
        ReadAt::Any => {}
        ReadAt::Latest => wait_for(registry, registry.storage.revision().await?).await?,
        ReadAt::NotOlderThan(revision) => wait_for(registry, *revision).await?,
        ReadAt::Exact(revision) => return exact(registry, kind, *revision, None).await,
        ReadAt::Continue(token) if token.revision < 0 => {
            wait_for(registry, registry.storage.revision().await?).await?;
        }
        ReadAt::Continue(token) => return exact(registry, kind, token.revision, Some(token)).await,
    }
    Ok(kind.cache.snapshot(registry.feed.revision()))
}

async fn exact(
    registry: &Registry,
    kind: &Kind,
    revision: i64,
    token: Option<&ContinueToken>,
) -> Result<Snapshot, Status> {
    wait_for(registry, revision).await?;
    if let Some(snapshot) = kind.cache.snapshot_at(revision) {
        return Ok(snapshot);
    }
    match history(registry, kind, revision).await {
        Ok(objects) => Ok(Snapshot { objects, revision }),
        Err(store::Error::Compacted { .. }) => Err(expired(token)),
        Err(error) => Err(refused(error)),
    }
}

/// All objects at a past revision, from the store's history.
async fn history(registry: &Registry, kind: &Kind, revision: i64) -> Result<Objects, store::Error> {
    let mut objects = Objects::new();
    let mut range = KeyRange::prefix(kind.cache.prefix().clone());
    loop {
        let answer = registry.storage.range_at(range.clone(), revision, HISTORY_PAGE).await?;
        for kv in &answer.kvs {
            if let Ok(entry) = Entry::read(&kind.row, kv) {
                objects.insert(kv.key.slice(kind.cache.prefix().len()..), Arc::new(entry));
            }
        }
        match answer.kvs.last() {
            Some(last) if answer.more => {
                let mut next = last.key.to_vec();
                next.push(0);
                range.key = next.into();
            }
            _ => return Ok(objects),
        }
    }
}

/// 410, and for a continued list the token with which it can go on inconsistently.
fn expired(token: Option<&ContinueToken>) -> Status {
    let Some(token) = token else {
        return Status::expired("The resourceVersion for the provided list is too old.");
    };
    let mut status = Status::expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.",
    );
    status.continue_token =
        Some(ContinueToken { revision: -1, start: token.start.clone() }.encode());
    status
}

/// One page of a list.
pub struct Page {
    pub entries: Vec<Arc<Entry>>,
    pub revision: i64,
    pub next: Option<String>,
    /// Known only without selectors, as upstream.
    pub remaining: Option<usize>,
}

/// Cuts a page out of a snapshot. Pure.
pub fn page(snapshot: &Snapshot, filter: &Filter, at: &ReadAt, limit: usize) -> Page {
    let (mut start, end) = filter.range();
    if let ReadAt::Continue(token) = at {
        let from = format!("{}{}", filter.key_prefix(), token.start).into_bytes();
        start = std::ops::Bound::Included(from);
    }
    let bounds = (as_slice(&start), as_slice(&end));
    let mut entries = Vec::new();
    let mut next = None;
    let mut remaining = None;
    if is_reversed(&bounds) {
        return Page { entries, revision: snapshot.revision, next, remaining };
    }
    let mut walk = snapshot.objects.range::<_, [u8]>(bounds);
    let mut last: &[u8] = &[];
    for (key, entry) in walk.by_ref() {
        if !filter.matches(entry) {
            continue;
        }
        if limit > 0 && entries.len() == limit {
            let shown = String::from_utf8_lossy(&last[filter.key_prefix().len()..]);
            let token = ContinueToken { revision: snapshot.revision, start: format!("{shown}\0") };
            next = Some(token.encode());
            if filter.is_everything() {
                remaining = Some(walk.count() + 1);
            }
            break;
        }
        last = key;
        entries.push(entry.clone());
    }
    Page { entries, revision: snapshot.revision, next, remaining }
}

fn as_slice(bound: &std::ops::Bound<Vec<u8>>) -> std::ops::Bound<&[u8]> {
    bound.as_ref().map(Vec::as_slice)
}

/// A token that lies behind the range (of another namespace, say) leaves nothing to show.
fn is_reversed(bounds: &(std::ops::Bound<&[u8]>, std::ops::Bound<&[u8]>)) -> bool {
    use std::ops::Bound::{Excluded, Included};
    match bounds {
        (Included(start), Included(end)) => start > end,
        (Included(start), Excluded(end)) => start >= end,
        _ => false,
    }
}
