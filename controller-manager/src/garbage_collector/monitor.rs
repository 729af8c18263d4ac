//! Follows one kind and tells the graph.

use std::collections::HashSet;
use std::sync::Arc;

use client::WorkQueue;
use futures::StreamExt;
use kube::Client;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::sync::watch;

use super::graph::{Uid, Work};
use super::start::Shared;
use crate::dynamic::{Item, Kind};

/// Never returns. Sets `synced` once the first complete list is in the graph.
pub async fn follow(
    client: Client,
    kind: Arc<Kind>,
    shared: Arc<Shared>,
    queue: WorkQueue<Work>,
    synced: watch::Sender<bool>,
) {
    let api_version: Arc<str> = kind.resource.api_version.as_str().into();
    let name: Arc<str> = kind.resource.kind.as_str().into();
    let mut events =
        watcher(kind.api(&client), watcher::Config::default()).default_backoff().boxed();
    let mut listed: HashSet<Uid> = HashSet::new();
    while let Some(event) = events.next().await {
        let work = match event {
            Ok(Event::Init) => {
                listed.clear();
                Vec::new()
            }
            Ok(Event::InitApply(item)) => {
                listed.extend(item.metadata.uid.as_deref().map(Uid::from));
                shared.graph().observe(&api_version, &name, &item)
            }
            Ok(Event::InitDone) => {
                let mut graph = shared.graph();
                let missing = graph.missing(&api_version, &name, &listed);
                listed = HashSet::new();
                synced.send_replace(true);
                missing.iter().flat_map(|uid| graph.forget(uid)).collect()
            }
            Ok(Event::Apply(item)) => shared.graph().observe(&api_version, &name, &item),
            Ok(Event::Delete(item)) => shared.graph().forget(uid_of(&item)),
            Err(error) => {
                tracing::debug!(resource = kind.group_resource(), %error, "watch interrupted");
                Vec::new()
            }
        };
        for work in work {
            queue.add(work);
        }
    }
}

fn uid_of(item: &Item) -> &str {
    item.metadata.uid.as_deref().unwrap_or_default()
}
