//! What tests of the whole store reach only by chance.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Hub;
use crate::command::Command;
use crate::mvcc::{Identity, Machine, State};
use crate::types::*;

/// A watch that begins between a revision's publication and the hub's hearing of it.
#[tokio::test]
async fn progress_is_owed_also_before_the_hub_hears_of_a_revision() {
    let published = Arc::new(ArcSwap::from_pointee(State::default()));
    let hub = Hub::new(Arc::clone(&published));
    let mut machine = Machine::new(Identity::default(), State::default());
    let put = PutRequest { key: "b".into(), ..PutRequest::default() };
    let applied = machine.apply(1, Command::Put(put));
    published.store(Arc::new(machine.state().clone()));
    let now = WatchRequest { range: KeyRange::prefix("a"), start_revision: 0 };
    let mut watcher = hub.watch(now);
    assert_eq!(watcher.created_revision, 2);
    watcher.progress().expect("a hub gives progress").request();
    assert_eq!(watcher.items.recv().await, Some(WatchItem::Progress { revision: 2 }));
    // What the hub hears late is nothing new to this watch, which goes on with what follows.
    hub.notify(2, &applied.changes.expect("a put changes something"));
    let put = PutRequest { key: "a".into(), ..PutRequest::default() };
    let applied = machine.apply(1, Command::Put(put));
    published.store(Arc::new(machine.state().clone()));
    hub.notify(3, &applied.changes.expect("a put changes something"));
    let item = watcher.items.recv().await;
    assert!(matches!(item, Some(WatchItem::Events { revision: 3, .. })), "{item:?}");
}

#[tokio::test]
async fn a_future_start_is_told_no_progress() {
    let hub = Hub::new(Arc::new(ArcSwap::from_pointee(State::default())));
    let range = KeyRange::prefix("a");
    let mut watcher = hub.watch(WatchRequest { range, start_revision: 3 });
    watcher.progress().expect("a hub gives progress").request();
    hub.close();
    assert_eq!(watcher.items.recv().await, None);
}
