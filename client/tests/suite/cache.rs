//! Caches against a scripted server. The clock is paused: back-off takes no time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::script::*;
use client::cache::Config;
use client::light::Pod;
use client::{Cache, Delta, ObjectKey};
use kube::{Api, ResourceExt};
use tokio_util::sync::{CancellationToken, DropGuard};

struct World {
    script: Script,
    cache: Cache<Pod>,
    told: Arc<Mutex<Vec<String>>>,
    changed: Arc<tokio::sync::Notify>,
    _cancel: DropGuard,
}

/// Starts a cache whose changes are told as `+name`, `~name`, `-name`.
fn start(answers: Vec<Answer>) -> World {
    let script = Script::new(answers);
    let cancel = CancellationToken::new();
    let cache = Cache::start(Api::all(script.client()), Config::default(), cancel.clone());
    let (told, changed) = (Arc::<Mutex<Vec<_>>>::default(), Arc::<tokio::sync::Notify>::default());
    cache.on_change({
        let (told, changed) = (told.clone(), changed.clone());
        move |delta| {
            told.lock().unwrap().push(describe(delta));
            changed.notify_one();
        }
    });
    World { script, cache, told, changed, _cancel: cancel.drop_guard() }
}

fn describe(delta: &Delta<Pod>) -> String {
    let sign = match delta {
        Delta::Added(_) => '+',
        Delta::Updated { .. } => '~',
        Delta::Deleted(_) => '-',
    };
    format!("{sign}{}", delta.object().name_any())
}

impl World {
    /// Waits until these changes, and no others, were told.
    async fn tells(&self, expected: &[&str]) {
        loop {
            let told = self.told.lock().unwrap().clone();
            assert!(told.len() <= expected.len(), "told {told:?}, expected {expected:?}");
            if told == expected {
                return;
            }
            assert!(
                expected.starts_with(&told.iter().map(|s| &**s).collect::<Vec<_>>()),
                "{told:?}"
            );
            // The clock is paused: this passes at once when nothing else is to be done.
            let change = tokio::time::timeout(Duration::from_secs(3600), self.changed.notified());
            change.await.expect("a change is told");
        }
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.cache.list().iter().map(|pod| pod.name_any()).collect();
        names.sort();
        names
    }
}

#[tokio::test(start_paused = true)]
async fn pages_then_watch() {
    let world = start(vec![
        page("5", "more", &[pod("ns", "a", "1")]),
        page("5", "", &[pod("ns", "b", "2")]),
        open_watch(&[
            event("ADDED", pod("other", "c", "6")),
            event("MODIFIED", pod("ns", "a", "7")),
            event("DELETED", pod("ns", "b", "8")),
        ]),
    ]);
    world.tells(&["+a", "+b", "+c", "~a", "-b"]).await;
    assert!(world.cache.is_synced());
    assert_eq!(world.names(), ["a", "c"]);
    assert_eq!(world.cache.len(), 2);
    assert_eq!(world.cache.list_namespace("other").len(), 1);
    let a = world.cache.get(&ObjectKey::new("ns", "a")).expect("a is there");
    assert_eq!(a.resource_version().as_deref(), Some("7"));
    let seen = world.script.seen();
    assert!(seen[1].query.contains("continue=more"), "{}", seen[1].query);
    assert!(seen[2].query.contains("watch=true"), "{}", seen[2].query);
    assert!(seen[2].query.contains("resourceVersion=5"), "{}", seen[2].query);
    assert_eq!(seen[0].identity.as_ref().map(|identity| &*identity.user), Some("somebody"));
}

#[tokio::test(start_paused = true)]
async fn a_lost_watch_resumes_from_the_last_bookmark() {
    let world = start(vec![
        page("5", "", &[pod("ns", "a", "1")]),
        ended_watch(&[event("ADDED", pod("ns", "b", "6")), bookmark("9")]),
        open_watch(&[event("ADDED", pod("ns", "c", "10"))]),
    ]);
    world.tells(&["+a", "+b", "+c"]).await;
    let seen = world.script.seen();
    assert_eq!(seen.len(), 3, "no second list: {seen:?}");
    assert!(seen[2].query.contains("resourceVersion=9"), "{}", seen[2].query);
}

/// Both ways a server says 410; the second list tells what changed meanwhile.
#[tokio::test(start_paused = true)]
async fn gone_lists_again() {
    for gone in
        [status(410, "Expired"), ended_watch(&[event("ERROR", status_object(410, "Expired"))])]
    {
        let world = start(vec![
            page("5", "", &[pod("ns", "a", "1"), pod("ns", "b", "2"), pod("ns", "c", "3")]),
            gone,
            page("20", "", &[pod("ns", "a", "1"), pod("ns", "c", "15"), pod("ns", "d", "16")]),
        ]);
        world.tells(&["+a", "+b", "+c", "-b", "~c", "+d"]).await;
        assert_eq!(world.names(), ["a", "c", "d"]);
    }
}

#[tokio::test(start_paused = true)]
async fn errors_are_retried() {
    let world = start(vec![
        status(500, "InternalError"),
        status(403, "Forbidden"),
        page("5", "", &[pod("ns", "a", "1")]),
        status(503, "ServiceUnavailable"),
        ended_watch(&[event("ERROR", status_object(500, "InternalError"))]),
        open_watch(&[event("ADDED", pod("ns", "b", "6"))]),
    ]);
    world.cache.synced().await;
    world.tells(&["+a", "+b"]).await;
    assert!(world.script.seen()[5].query.contains("resourceVersion=5"));
}

#[tokio::test(start_paused = true)]
async fn a_name_taken_by_another_object_is_a_deletion_too() {
    let mut reborn = pod("ns", "a", "9");
    reborn["metadata"]["uid"] = "other".into();
    let world =
        start(vec![page("5", "", &[pod("ns", "a", "1")]), open_watch(&[event("ADDED", reborn)])]);
    world.tells(&["+a", "-a", "+a"]).await;
}

#[tokio::test(start_paused = true)]
async fn late_handlers_see_the_present() {
    let world = start(vec![page("5", "", &[pod("ns", "a", "1"), pod("ns", "b", "2")])]);
    world.cache.synced().await;
    let told = Arc::<Mutex<Vec<String>>>::default();
    let late = told.clone();
    world.cache.on_change(move |delta| late.lock().unwrap().push(describe(delta)));
    told.lock().unwrap().sort();
    assert_eq!(*told.lock().unwrap(), ["+a", "+b"]);
}

#[tokio::test]
async fn owners_are_indexed() {
    let owned = |name: &str, owner: &str| -> Pod {
        let mut pod = pod("ns", name, "1");
        pod["metadata"]["ownerReferences"] = serde_json::json!([{
            "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": owner}]);
        serde_json::from_value(pod).expect("a pod")
    };
    let cache = Cache::of([owned("a", "1"), owned("b", "1"), owned("c", "2")]);
    assert_eq!(cache.owned_by("1").len(), 2);
    assert_eq!(cache.owned_by("2").len(), 1);
    assert!(cache.owned_by("3").is_empty());
}

#[tokio::test(start_paused = true)]
async fn pruned_objects_are_kept_and_told_without_the_rest() {
    let script = Script::new(vec![
        page("5", "", &[pod("ns", "a", "1")]),
        open_watch(&[event("ADDED", pod("ns", "b", "6"))]),
    ]);
    let cancel = CancellationToken::new();
    let _guard = cancel.clone().drop_guard();
    let pods = Api::all(script.client());
    let cache = Cache::<Pod>::start_pruned(pods, Config::default(), cancel, |pod| {
        pod.spec.priority = Some(7);
    });
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    cache.on_change(move |delta| {
        let _ = sender.send(delta.object().spec.priority);
    });
    assert_eq!((told.recv().await, told.recv().await), (Some(Some(7)), Some(Some(7))));
    assert!(cache.list().iter().all(|pod| pod.spec.priority == Some(7)));
}
