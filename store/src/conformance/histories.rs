//! Random histories, held against a model that keeps the whole key space of every revision.
//!
//! A seed is a case: the same seed gives the same requests everywhere. The model is etcd's
//! documentation written down without regard for cost, and running the seeds against a real etcd
//! proves it.

mod model;
mod requests;

use self::model::Model;
use self::requests::{Request, Requests};
use super::case::Case;
use super::*;
use crate::error::Error;

/// How many histories there are.
const SEEDS: u64 = 60;
/// Requests of one history.
const LENGTH: usize = 80;

pub(super) fn cases() -> Vec<Case> {
    let case = |seed| {
        Case::new(format!("histories::seed_{seed}"), move |store| {
            Box::pin(async move { run(&*store, seed).await })
        })
    };
    (0..SEEDS).map(case).collect()
}

async fn run(store: &dyn Store, seed: u64) {
    let mut requests = Requests::new(seed);
    let mut model = Model::default();
    let everything = WatchRequest { range: prefix(""), start_revision: 1 };
    let mut all = store.watch(everything).await.expect("a watch is accepted");
    for step in 0..LENGTH {
        let request = requests.next(model.revision(), model.compacted());
        let at = format!("seed {seed}, step {step}: {request:?}");
        perform(store, &mut model, &request, &at).await;
        assert_eq!(revision(store).await, model.revision(), "{at}");
    }
    // Every revision that is still readable, as the model has it.
    for revision in model.compacted().max(1)..=model.revision() {
        let found = get_at(store, prefix(""), revision).await;
        assert_eq!(found.kvs, model.range(&prefix(""), revision), "seed {seed}, at {revision}");
    }
    let mut told = Vec::new();
    while told.len() < model.events_from(1).len() {
        match all.items.recv().await.expect("the watch goes on") {
            WatchItem::Events { events, .. } => {
                told.extend(
                    events.iter().map(|event| (event.event_type, KeyValue::clone(&event.kv))),
                );
            }
            WatchItem::Progress { .. } => {}
            WatchItem::Compacted { .. } => return, // It was still behind when history was forgotten.
        }
    }
    assert_eq!(told, model.events_from(1), "seed {seed}: what the watch was told");
    resume(store, &model, seed).await;
}

/// A watch from the middle of what is left of history is told the rest of it.
async fn resume(store: &dyn Store, model: &Model, seed: u64) {
    let start_revision = model.compacted().max(1).midpoint(model.revision()).max(1) + 1;
    let expected = model.events_from(start_revision);
    let request = WatchRequest { range: prefix(""), start_revision };
    let mut watcher = store.watch(request).await.expect("a watch is accepted");
    let mut told = Vec::new();
    while told.len() < expected.len() {
        match watcher.items.recv().await.expect("the watch goes on") {
            WatchItem::Events { events, .. } => {
                told.extend(
                    events.iter().map(|event| (event.event_type, KeyValue::clone(&event.kv))),
                );
            }
            WatchItem::Progress { .. } => {}
            WatchItem::Compacted { compact_revision } => panic!("compacted at {compact_revision}"),
        }
    }
    assert_eq!(told, expected, "seed {seed}: a watch from {start_revision}");
}

async fn perform(store: &dyn Store, model: &mut Model, request: &Request, at: &str) {
    match request {
        Request::Put(request) => {
            let expected = model.put(request);
            let answer = store.put(request.clone()).await;
            assert_eq!(answer.map(|answer| answer.prev_kv), expected, "{at}");
        }
        Request::Delete(request) => {
            let expected = model.delete(request);
            let answer = store.delete_range(request.clone()).await.expect("a delete is accepted");
            assert_eq!((answer.deleted, answer.prev_kvs), expected, "{at}");
        }
        Request::Txn(txn) => {
            let expected = model.txn(txn);
            let answer = store.txn(txn.clone()).await;
            assert_eq!(answer.map(|answer| answer.succeeded), expected, "{at}");
        }
        Request::Range(request) => {
            let mut expected = model.answer(request);
            let mut answer = store.range(request.clone()).await;
            if request.keys_only {
                // Up to 3.6 etcd tells the lease beside a key alone; 3.7 does not.
                let forget = |kvs: &mut Vec<KeyValue>| kvs.iter_mut().for_each(|kv| kv.lease = 0);
                expected.iter_mut().for_each(|(kvs, ..)| forget(kvs));
                answer.iter_mut().for_each(|answer| forget(&mut answer.kvs));
            }
            let told = answer.map(|answer| (answer.kvs, answer.count, answer.more));
            assert_eq!(told.map_err(kind), expected.map_err(kind), "{at}");
        }
        Request::Compact(revision) => {
            let expected = model.compact(*revision);
            let told = store.compact(*revision).await.map(drop);
            // Only embedded stores tell the compact revision with the refusal.
            assert_eq!(told.map_err(kind), expected.map_err(kind), "{at}");
        }
        Request::Grant(id) => {
            let expected = model.grant(*id);
            assert_eq!(store.lease_grant(*id, 600).await.map(drop), expected, "{at}");
        }
        Request::Revoke(id) => {
            let expected = model.revoke(*id);
            assert_eq!(store.lease_revoke(*id).await.map(drop), expected, "{at}");
        }
    }
}

/// A refusal without what differs between faces.
fn kind(error: Error) -> String {
    error.to_string()
}
