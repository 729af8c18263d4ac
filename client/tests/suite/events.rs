//! Events against a scripted server.

use std::time::Duration;

use crate::script::*;
use client::light::Pod;
use client::{EventRecorder, EventType};
use serde_json::json;
use tokio_util::sync::CancellationToken;

fn web() -> Pod {
    serde_json::from_value(pod("ns", "web", "7")).expect("a pod")
}

async fn requests(script: &Script, count: usize) -> Vec<Seen> {
    while script.seen().len() < count {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    script.seen()
}

#[tokio::test(start_paused = true)]
async fn repeats_are_counted_in_one_event() {
    let echo = || ok(json!({"metadata": {}, "involvedObject": {}}));
    let script = Script::new([echo(), echo(), echo()]);
    let recorder =
        EventRecorder::start(script.client(), "kubelet", "node-1", CancellationToken::new());
    recorder.event(&web(), EventType::Warning, "BackOff", "again");
    recorder.event(&web(), EventType::Warning, "BackOff", "again");
    recorder.event(&web(), EventType::Normal, "Pulled", "there");
    let seen = requests(&script, 3).await;

    let first = &seen[0].body;
    assert_eq!((&*seen[0].method, &*seen[0].path), ("POST", "/api/v1/namespaces/ns/events"));
    let name = first["metadata"]["name"].as_str().expect("a name");
    let (object, hex) = name.split_once('.').expect("a dot");
    assert_eq!(object, "web");
    assert!(i128::from_str_radix(hex, 16).is_ok(), "{hex}");
    assert_eq!(first["involvedObject"]["uid"], "uid-web");
    assert_eq!(first["involvedObject"]["kind"], "Pod");
    assert_eq!(first["source"], json!({"component": "kubelet", "host": "node-1"}));
    assert_eq!(first["reportingComponent"], "kubelet");
    assert_eq!((&first["count"], &first["type"]), (&json!(1), &json!("Warning")));

    assert_eq!(seen[1].method, "PATCH");
    assert_eq!(seen[1].path, format!("/api/v1/namespaces/ns/events/{name}"));
    assert_eq!(seen[1].body["count"], 2);
    assert_eq!(seen[2].method, "POST");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_expired_is_created_anew() {
    let echo = || ok(json!({"metadata": {}, "involvedObject": {}}));
    let script = Script::new([echo(), status(404, "NotFound"), echo()]);
    let recorder = EventRecorder::start(script.client(), "kubelet", "", CancellationToken::new());
    recorder.event(&web(), EventType::Normal, "Pulled", "there");
    recorder.event(&web(), EventType::Normal, "Pulled", "there");
    let seen = requests(&script, 3).await;
    assert_eq!(seen[2].method, "POST");
    assert_eq!(seen[2].body["count"], 1);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_and_does_not_wait() {
    let script = Script::default();
    let recorder = EventRecorder::start(script.client(), "kubelet", "", CancellationToken::new());
    for _ in 0..3000 {
        recorder.event(&web(), EventType::Normal, "Pulled", "there");
    }
    assert!(recorder.dropped() >= 1999, "{}", recorder.dropped());
}
