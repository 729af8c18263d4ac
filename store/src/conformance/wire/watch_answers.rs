//! What a watch stream answers.

use pb::watch_create_request::FilterType;

use super::watching::{Stream, create, create_all};
use super::*;

/// Types, keys and values of the events of an answer.
fn events(answer: &pb::WatchResponse) -> Vec<(mvccpb::event::EventType, String, String)> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let event = |event: &mvccpb::Event| {
        let kv = event.kv.as_ref().expect("an event has a key");
        (event.r#type(), text(&kv.key), text(&kv.value))
    };
    answer.events.iter().map(event).collect()
}

const PUT: mvccpb::event::EventType = mvccpb::event::EventType::Put;
const DELETE: mvccpb::event::EventType = mvccpb::event::EventType::Delete;

pub async fn created_comes_first(wire: &Wire) {
    put(wire, "a", "1").await; // 2
    put(wire, "a", "2").await; // 3
    let mut stream = Stream::open(wire);
    stream.create(pb::WatchCreateRequest { start_revision: 2, ..create("a") }).await;
    let created = stream.next().await;
    assert!(created.created && created.events.is_empty());
    assert_eq!(created.header.expect("a header").revision, 3);
    let mut told = Vec::new();
    while told.len() < 2 {
        let answer = stream.next().await;
        assert!(answer.header.expect("a header").revision >= 2);
        told.extend(events(&answer));
    }
    assert_eq!(told, [(PUT, "a".into(), "1".into()), (PUT, "a".into(), "2".into())]);
}

pub async fn puts_may_be_left_out(wire: &Wire) {
    let mut stream = Stream::open(wire);
    let filters = vec![FilterType::Noput.into()];
    stream.create(pb::WatchCreateRequest { filters, ..create("a") }).await;
    stream.next().await;
    put(wire, "a", "1").await;
    delete(wire, "a").await;
    assert_eq!(events(&stream.next().await), [(DELETE, "a".into(), String::new())]);
}

pub async fn deletes_may_be_left_out(wire: &Wire) {
    let mut stream = Stream::open(wire);
    let filters = vec![FilterType::Nodelete.into()];
    stream.create(pb::WatchCreateRequest { filters, ..create("a") }).await;
    stream.next().await;
    put(wire, "a", "1").await;
    delete(wire, "a").await;
    put(wire, "a", "2").await;
    let mut told = Vec::new();
    while told.len() < 2 {
        told.extend(events(&stream.next().await));
    }
    assert_eq!(told, [(PUT, "a".into(), "1".into()), (PUT, "a".into(), "2".into())]);
}

pub async fn leaving_out_both_tells_nothing(wire: &Wire) {
    let mut stream = Stream::open(wire);
    let filters = vec![FilterType::Nodelete.into(), FilterType::Noput.into()];
    stream.create(pb::WatchCreateRequest { filters, ..create("a") }).await;
    stream.create(create("a")).await;
    stream.next().await;
    stream.next().await;
    put(wire, "a", "1").await;
    put(wire, "a", "2").await;
    for _ in 0..2 {
        let answer = stream.next().await;
        assert_eq!((answer.watch_id, answer.events.len()), (1, 1));
    }
}

pub async fn previous_values_only_when_asked(wire: &Wire) {
    let mut stream = Stream::open(wire);
    stream.create(create("a")).await;
    stream.create(pb::WatchCreateRequest { prev_kv: true, ..create("a") }).await;
    stream.next().await;
    stream.next().await;
    put(wire, "a", "1").await;
    put(wire, "a", "2").await;
    let mut told = [Vec::new(), Vec::new()];
    while told.iter().map(Vec::len).sum::<usize>() < 4 {
        let answer = stream.next().await;
        let previous = answer.events.into_iter().map(|event| event.prev_kv.map(|kv| kv.value));
        told[answer.watch_id as usize].extend(previous);
    }
    assert_eq!(told[0], [None, None]);
    assert_eq!(told[1], [None, Some("1".to_owned().into())]);
}

pub async fn a_compacted_start_is_cancelled(wire: &Wire) {
    for _ in 0..4 {
        put(wire, "a", "1").await; // 2 to 5
    }
    let compaction = pb::CompactionRequest { revision: 4, physical: true };
    accepted(wire.kv().compact(compaction).await);
    let mut stream = Stream::open(wire);
    stream.create(pb::WatchCreateRequest { start_revision: 2, ..create("a") }).await;
    assert!(stream.next().await.created);
    let answer = stream.next().await;
    assert!(answer.canceled && !answer.created, "{answer:?}");
    assert_eq!(answer.compact_revision, 4);
}

pub async fn large_revisions_are_cut_when_asked(wire: &Wire) {
    let mut stream = Stream::open(wire);
    stream.create(pb::WatchCreateRequest { fragment: true, ..create_all() }).await;
    stream.next().await;
    // Together more than the limit on a request, which bounds a piece as well.
    let value = "v".repeat(12_000);
    for start in 0..3 {
        let put = |at: usize| {
            let put = pb::request_op::Request::RequestPut(put_of(&format!("{start}/{at}"), &value));
            pb::RequestOp { request: Some(put) }
        };
        let success = (0..100).map(put).collect();
        accepted(wire.kv().txn(pb::TxnRequest { success, ..Default::default() }).await);
    }
    let mut revisions = std::collections::BTreeMap::<i64, usize>::new();
    while revisions.values().sum::<usize>() < 300 {
        for event in stream.next().await.events {
            *revisions.entry(event.kv.expect("a key").mod_revision).or_default() += 1;
        }
    }
    assert_eq!(revisions, [(2, 100), (3, 100), (4, 100)].into());
}

pub async fn progress_answers_with_the_revision(wire: &Wire) {
    let mut stream = Stream::open(wire);
    stream.create(create("a")).await;
    stream.next().await;
    put(wire, "b", "1").await; // 2, which the watch does not see
    // etcd may skip a request that comes before its watch is level.
    loop {
        stream.ask_progress().await;
        let answer = stream.next().await;
        assert_eq!((answer.watch_id, answer.events.len()), (-1, 0));
        if answer.header.expect("a header").revision == 2 {
            return;
        }
    }
}

pub async fn an_empty_key_watches_everything(wire: &Wire) {
    let mut stream = Stream::open(wire);
    let request = pb::WatchCreateRequest { range_end: vec![0].into(), ..create("") };
    stream.create(request).await;
    assert!(stream.next().await.created);
    put(wire, "anything", "1").await;
    assert_eq!(events(&stream.next().await), [(PUT, "anything".into(), "1".into())]);
}

pub async fn one_stream_carries_many_watches_in_order(wire: &Wire) {
    let mut stream = Stream::open(wire);
    for key in ["a", "b", "c"] {
        stream.create(create(key)).await;
        stream.next().await;
    }
    stream.create(create_all()).await;
    stream.next().await;
    for round in 0..5 {
        for key in ["a", "b", "c"] {
            put(wire, key, &round.to_string()).await; // 2 to 16
        }
    }
    let mut told = [const { Vec::new() }; 4];
    while told.iter().map(Vec::len).sum::<usize>() < 30 {
        let answer = stream.next().await;
        let revisions = answer.events.iter().map(|event| {
            let kv = event.kv.as_ref().expect("a key");
            kv.mod_revision
        });
        told[answer.watch_id as usize].extend(revisions);
    }
    assert_eq!(told[0], [2, 5, 8, 11, 14]);
    assert_eq!(told[1], [3, 6, 9, 12, 15]);
    assert_eq!(told[2], [4, 7, 10, 13, 16]);
    assert_eq!(told[3], (2..=16).collect::<Vec<_>>());
}

pub async fn a_put_by_transaction_arrives_in_one_answer(wire: &Wire) {
    let mut stream = Stream::open(wire);
    stream.create(create_all()).await;
    stream.next().await;
    let put = |key: &str| {
        let put = pb::request_op::Request::RequestPut(put_of(key, "1"));
        pb::RequestOp { request: Some(put) }
    };
    let success = vec![put("b"), put("a"), put("c")];
    accepted(wire.kv().txn(pb::TxnRequest { success, ..Default::default() }).await);
    let keys: Vec<String> =
        events(&stream.next().await).into_iter().map(|(_, key, _)| key).collect();
    assert_eq!(keys.len(), 3, "a revision is not split");
    assert_eq!(keys, ["b", "a", "c"]);
}
