//! The embedded member as a whole.

use std::sync::Arc;

use crate::conformance;
use crate::*;

async fn in_memory() -> Arc<Embedded> {
    Embedded::open(Config::default()).await.expect("a store in memory opens")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_member_in_memory_conforms() {
    let mut differ = Vec::new();
    for case in conformance::cases() {
        let store = in_memory().await;
        if !case.holds_for(store.clone()).await {
            differ.push(case.name);
        }
        store.shutdown().await;
    }
    assert!(differ.is_empty(), "the embedded store differs in {differ:?}");
}

#[tokio::test(start_paused = true)]
async fn leases_expire_unless_kept_alive() {
    let store = in_memory().await;
    for id in [1, 2] {
        store.lease_grant(id, 10).await.expect("a lease is granted");
        let key = format!("key{id}").into();
        let put = PutRequest { key, lease: id, ..PutRequest::default() };
        store.put(put).await.expect("a leased put is accepted");
    }
    let range = KeyRange::prefix("");
    let mut watcher =
        store.watch(WatchRequest { range, start_revision: 0 }).await.expect("a watch is accepted");
    tokio::time::sleep(std::time::Duration::from_secs(6)).await;
    store.lease_keep_alive(2).await.expect("the lease is alive");
    let Some(WatchItem::Events { events, .. }) = watcher.items.recv().await else {
        panic!("the expiry deletes a key")
    };
    assert_eq!(events[0].kv.key, "key1");
    assert_eq!(store.leases().await, Ok(vec![2]));
    let left = store.lease_time_to_live(2, false).await.expect("the lease is alive");
    assert!((5..=6).contains(&left.ttl), "{left:?}");
    store.shutdown().await;
}

#[tokio::test]
async fn progress_follows_the_events_before_it() {
    let store = in_memory().await;
    let range = KeyRange::prefix("a");
    let request = WatchRequest { range, start_revision: 0 };
    let mut watcher = store.watch(request).await.expect("a watch is accepted");
    for key in ["a", "b", "c"] {
        let put = PutRequest { key: key.into(), ..PutRequest::default() };
        store.put(put).await.expect("a put is accepted");
    }
    watcher.progress().expect("the embedded store gives progress").request();
    let first = watcher.items.recv().await;
    assert!(matches!(first, Some(WatchItem::Events { revision: 2, .. })), "{first:?}");
    assert_eq!(watcher.items.recv().await, Some(WatchItem::Progress { revision: 4 }));
    store.shutdown().await;
}

#[tokio::test]
async fn a_stopped_store_says_so() {
    let store = in_memory().await;
    let request = WatchRequest { range: KeyRange::prefix(""), start_revision: 0 };
    let mut watcher = store.watch(request.clone()).await.expect("a watch is accepted");
    store.shutdown().await;
    store.shutdown().await;
    let put = PutRequest { key: "a".into(), ..PutRequest::default() };
    assert_eq!(store.put(put).await, Err(Error::Stopped));
    assert_eq!(store.watch(request).await.err(), Some(Error::Stopped));
    assert_eq!(watcher.items.recv().await, None);
}

#[tokio::test]
async fn members_and_status_describe_the_member() {
    let config = Config {
        name: "one".into(),
        client_urls: vec!["https://127.0.0.1:2379".into()],
        ..Config::default()
    };
    let store = Embedded::open(config).await.expect("a store in memory opens");
    let members = store.members().await.expect("members are told");
    let status = store.status().await.expect("status is told");
    assert_eq!(members.len(), 1);
    assert_eq!((members[0].name.as_str(), members[0].is_learner), ("one", false));
    assert_eq!(members[0].client_urls, ["https://127.0.0.1:2379"]);
    assert_eq!(status.leader, members[0].id);
    assert_eq!(status.header.member_id, members[0].id);
    assert!(status.header.raft_term > 0 && status.raft_applied_index > 0);
    store.shutdown().await;
}

#[tokio::test]
async fn a_request_above_the_limit_is_refused() {
    let config = Config { max_request_bytes: 1000, ..Config::default() };
    let store = Embedded::open(config).await.expect("a store in memory opens");
    let put =
        |size| PutRequest { key: "a".into(), value: vec![0; size].into(), ..PutRequest::default() };
    assert_eq!(store.put(put(1000)).await, Err(Error::RequestTooLarge));
    store.put(put(900)).await.expect("a put below the limit is accepted");
    store.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_is_purged_as_it_grows() {
    let store = in_memory().await;
    let writers = (0..64).map(|writer| {
        let store = Arc::clone(&store);
        async move {
            for _ in 0..400 {
                let key = format!("key{writer}").into();
                let put = PutRequest { key, ..PutRequest::default() };
                store.put(put).await.expect("a put is accepted");
            }
        }
    });
    futures::future::join_all(writers).await;
    let purged = |metrics: &openraft::RaftMetrics<crate::raft::types::TypeConfig>| {
        metrics.purged.as_ref().is_some_and(|purged| purged.index >= 20_000)
    };
    let wait = store.raft.wait(Some(std::time::Duration::from_secs(30)));
    wait.metrics(purged, "the log is purged").await.expect("a snapshot was taken unasked");
    assert_eq!(store.current_revision(), 1 + 64 * 400);
    store.shutdown().await;
}

#[tokio::test]
async fn an_entry_that_cannot_be_applied_fails_the_member() {
    let store = in_memory().await;
    let mut failed = store.failed();
    let unreadable = crate::raft::types::Proposal(bytes::Bytes::from_static(b"\xff"));
    let outcome = store.raft.client_write(unreadable).await;
    assert!(outcome.is_err(), "{outcome:?}");
    let reason = failed.wait_for(Option::is_some).await.expect("the member lives").clone();
    assert!(reason.is_some_and(|reason| reason.contains("format 255")), "the reason is told");
    let put = PutRequest { key: "a".into(), ..PutRequest::default() };
    assert!(matches!(store.put(put).await, Err(Error::Fatal { .. })));
    store.shutdown().await;
}
