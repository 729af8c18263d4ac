//! The scheduler at work. The clock is paused: what has to wait takes no time.

use futures::FutureExt;
use scheduler::{Config, run};
use serde_json::{Value, json};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::fake::Fake;
use crate::world::*;

fn start(fake: &Fake) -> DropGuard {
    let cancel = CancellationToken::new();
    tokio::spawn(run(Config::new(fake.connector()), cancel.clone()));
    cancel.drop_guard()
}

fn pending(name: &str, cpu: &str) -> Value {
    let mut pod = requesting(name, json!({"cpu": cpu}));
    pod["status"] = json!({"phase": "Pending"});
    pod
}

#[tokio::test(start_paused = true)]
async fn a_pod_is_bound_and_told_of() {
    let fake = Fake::default();
    fake.put("nodes", node("n"));
    fake.put("pods", pending("web", "1"));
    let _running = start(&fake);
    assert_eq!(fake.until(|fake| fake.node_of("web")).await, "n");
    let events = fake.until(|fake| Some(fake.events_of("web")).filter(|all| !all.is_empty())).await;
    assert_eq!(events, ["Normal Scheduled Successfully assigned default/web to n"]);
    fake.put("pods", pending("later", "1"));
    assert_eq!(fake.until(|fake| fake.node_of("later")).await, "n");
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_fits_nowhere_says_so_and_waits_for_room() {
    let fake = Fake::default();
    let _running = start(&fake);
    fake.put("pods", pending("big", "3"));
    let none = ("Unschedulable".to_owned(), "no nodes available to schedule pods".to_owned());
    assert_eq!(fake.until(|fake| fake.refusal_of("big")).await, none);
    let mut taken = pending("taken", "2");
    taken["spec"]["nodeName"] = "n".into();
    fake.put("pods", taken);
    fake.put("nodes", node("n"));
    let message = "0/1 nodes are available: 1 Insufficient cpu. preemption: 0/1 nodes are \
                   available: 1 No preemption victims found for incoming pod.";
    fake.until(|fake| (fake.refusal_of("big")?.1 == message).then_some(())).await;
    let warning = format!("Warning FailedScheduling {message}");
    fake.until(|fake| fake.events_of("big").contains(&warning).then_some(())).await;
    fake.delete("pods", "taken");
    assert_eq!(fake.until(|fake| fake.node_of("big")).await, "n");
}

#[tokio::test(start_paused = true)]
async fn a_refused_binding_is_tried_again() {
    let fake = Fake::default();
    fake.put("nodes", node("n"));
    fake.put("pods", pending("web", "4"));
    fake.refuse_bindings(&[500, 409]);
    let _running = start(&fake);
    let (reason, message) = fake.until(|fake| fake.refusal_of("web")).await;
    assert_eq!(reason, "SchedulerError");
    assert!(message.starts_with("binding rejected: "), "{message}");
    // Its room was given back: else it would not fit a second time.
    assert_eq!(fake.until(|fake| fake.node_of("web")).await, "n");
    assert_eq!(fake.bindings(), [("web".to_owned(), "n".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn the_less_important_make_way() {
    let fake = Fake::default();
    fake.put("nodes", node("n"));
    let mut low = pending("low", "3");
    low["spec"]["nodeName"] = "n".into();
    fake.put("pods", low);
    let mut high = pending("high", "2");
    high["spec"]["priority"] = 100.into();
    fake.put("pods", high);
    let _running = start(&fake);
    assert_eq!(fake.until(|fake| fake.node_of("high")).await, "n");
    let preempted = "Normal Preempted Preempted by pod high on node n";
    fake.until(|fake| fake.events_of("low").contains(&preempted.to_owned()).then_some(())).await;
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_spread_and_bound_once_each() {
    let fake = Fake::default();
    for index in 0..10 {
        fake.put("nodes", node(&format!("n{index}")));
    }
    let _running = start(&fake);
    for index in 0..1000 {
        fake.put("pods", pending(&format!("p{index}"), "40m"));
    }
    fake.until(|fake| (fake.bindings().len() >= 1000).then_some(())).await;
    let mut counts = std::collections::BTreeMap::new();
    for (_, node) in fake.bindings() {
        *counts.entry(node).or_insert(0) += 1;
    }
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [100; 10]);
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_told() {
    let fake = Fake::default();
    let cancel = CancellationToken::new();
    let mut running = Box::pin(run(Config::new(fake.connector()), cancel.clone()));
    assert!(futures::poll!(&mut running).is_pending());
    cancel.cancel();
    running.now_or_never().expect("ends at once");
}
