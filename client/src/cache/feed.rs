//! The loop that keeps a cache: list, watch from there, resume, list again when told to.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::handle::Cache;
use crate::backoff::{Backoff, Bounds};

/// Objects per LIST request: bounds the memory of a list as client-go's pager does.
const PAGE: u32 = 500;

/// The server ends a watch after 290 s (kube's default); one that is silent for longer is dead.
const SILENCE: Duration = Duration::from_secs(300);

/// A list and watch that lived this long was a good one, so the next may start at once. What ends
/// sooner, in peace or not, is backed off from: else a server that ends every watch is hammered.
const GOOD_STEP: Duration = Duration::from_secs(1);

/// From quick enough not to be felt at start-up to client-go's reflector maximum.
const BACKOFF: Bounds = Bounds { base: Duration::from_millis(50), max: Duration::from_secs(30) };

/// What a cache holds of its kind. The default is everything.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub label_selector: Option<String>,
    pub field_selector: Option<String>,
}

impl Config {
    pub fn labels(selector: &str) -> Self {
        Self { label_selector: Some(selector.to_owned()), ..Self::default() }
    }

    pub fn fields(selector: &str) -> Self {
        Self { field_selector: Some(selector.to_owned()), ..Self::default() }
    }
}

#[derive(Debug, thiserror::Error)]
enum FeedError {
    #[error("the server no longer has the history to go on from resourceVersion {0}")]
    Gone(String),
    #[error("the server gave an object without a resourceVersion")]
    NoResourceVersion,
    #[error("the server ended the watch: {0}")]
    Ended(Box<kube::core::Status>),
    #[error(transparent)]
    Request(#[from] kube::Error),
}

struct Source<K> {
    api: Api<K>,
    config: Config,
    prune: fn(&mut K),
}

/// Never returns.
pub(super) async fn feed<K>(api: Api<K>, config: Config, prune: fn(&mut K), cache: Cache<K>)
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let source = Source { api, config, prune };
    let mut backoff = Backoff::new(BACKOFF);
    let mut position = None;
    loop {
        let started = Instant::now();
        if let Err(error) = step(&source, &cache, &mut position).await {
            tracing::debug!(resource = source.api.resource_url(), %error, "cache feed interrupted");
            if let FeedError::Gone(_) = error {
                position = None;
            }
        }
        if started.elapsed() >= GOOD_STEP {
            backoff.reset();
        } else {
            tokio::time::sleep(backoff.next(rand::random())).await;
        }
    }
}

/// Lists if there is no position to watch from, then watches until the watch ends. Keeps in
/// `position` the resourceVersion up to which the cache is complete.
async fn step<K>(
    source: &Source<K>,
    cache: &Cache<K>,
    position: &mut Option<String>,
) -> Result<(), FeedError>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let version = match position {
        Some(version) => version,
        None => {
            let (objects, version) = list(source).await?;
            cache.replace(objects);
            position.insert(version)
        }
    };
    watch(source, cache, version).await
}

async fn list<K>(source: &Source<K>) -> Result<(Vec<Arc<K>>, String), FeedError>
where
    K: Resource + Clone + Debug + DeserializeOwned,
{
    let Source { api, config, prune } = source;
    let mut params = ListParams {
        label_selector: config.label_selector.clone(),
        field_selector: config.field_selector.clone(),
        limit: Some(PAGE),
        ..ListParams::default()
    };
    let mut objects = Vec::new();
    loop {
        let page = api.list(&params).await.map_err(gone_or_failed("the list"))?;
        objects.extend(page.items.into_iter().map(|mut object| {
            prune(&mut object);
            Arc::new(object)
        }));
        params.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if params.continue_token.is_none() {
            let version = page.metadata.resource_version.filter(|version| !version.is_empty());
            return Ok((objects, version.ok_or(FeedError::NoResourceVersion)?));
        }
    }
}

async fn watch<K>(
    source: &Source<K>,
    cache: &Cache<K>,
    version: &mut String,
) -> Result<(), FeedError>
where
    K: Resource + Clone + Debug + DeserializeOwned + Send + Sync + 'static,
{
    let Source { api, config, prune } = source;
    let params = WatchParams {
        label_selector: config.label_selector.clone(),
        field_selector: config.field_selector.clone(),
        bookmarks: true,
        ..WatchParams::default()
    };
    let events = api.watch(&params, version).await.map_err(gone_or_failed(version))?;
    let mut events = events.map_err(FeedError::from).boxed();
    while let Ok(Some(event)) = tokio::time::timeout(SILENCE, events.next()).await {
        match event? {
            WatchEvent::Added(mut object) | WatchEvent::Modified(mut object) => {
                *version = version_of(&object)?;
                prune(&mut object);
                cache.upsert(object);
            }
            WatchEvent::Deleted(mut object) => {
                *version = version_of(&object)?;
                prune(&mut object);
                cache.remove(object);
            }
            WatchEvent::Bookmark(bookmark) => *version = bookmark.metadata.resource_version,
            WatchEvent::Error(status) if is_gone(status.code) => {
                return Err(FeedError::Gone(version.clone()));
            }
            WatchEvent::Error(status) => return Err(FeedError::Ended(status)),
        }
    }
    Ok(())
}

fn version_of(object: &impl Resource) -> Result<String, FeedError> {
    object.meta().resource_version.clone().ok_or(FeedError::NoResourceVersion)
}

fn is_gone(code: u16) -> bool {
    code == http::StatusCode::GONE.as_u16()
}

fn gone_or_failed(version: &str) -> impl Fn(kube::Error) -> FeedError + '_ {
    move |error| match error {
        kube::Error::Api(status) if is_gone(status.code) => FeedError::Gone(version.to_owned()),
        error => FeedError::Request(error),
    }
}
