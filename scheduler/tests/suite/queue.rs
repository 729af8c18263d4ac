//! The queue's rules. Time is a number here.

use std::time::Duration;

use scheduler::framework::{Events, Profile};
use scheduler::queue::SchedulingQueue;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::*;

struct Fixture {
    queue: SchedulingQueue,
    profile: Profile,
    now: Instant,
}

impl Fixture {
    fn new(pods: impl IntoIterator<Item = Value>) -> Self {
        let mut fixture = Self {
            queue: SchedulingQueue::default(),
            profile: Profile::default_plugins(),
            now: Instant::now(),
        };
        for pod in pods {
            fixture.set(pod);
        }
        fixture
    }

    fn set(&mut self, pod: Value) {
        self.queue.set(info(pod), &self.profile, self.now);
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn pop(&mut self) -> Option<String> {
        self.queue.pop(&self.profile, self.now).map(|popped| popped.pod.key.name.to_string())
    }

    /// Pops the next pod and finds no node for it.
    fn refuse(&mut self, waits_for: Events) {
        let popped = self.queue.pop(&self.profile, self.now).expect("a pod");
        self.queue.unschedulable(&popped, waits_for, &self.profile, self.now);
    }

    fn event(&mut self, event: Events, fits: bool) {
        self.queue.on_event(event, &self.profile, |_| fits);
    }
}

fn plain(name: &str) -> Value {
    pod(name, json!({}))
}

#[test]
fn priority_then_age() {
    let urgent = pod("urgent", json!({"priority": 100}));
    let mut fixture = Fixture::new([plain("a"), plain("b"), urgent]);
    assert_eq!(fixture.pop().as_deref(), Some("urgent"));
    assert_eq!(fixture.pop().as_deref(), Some("a"));
    assert_eq!(fixture.pop().as_deref(), Some("b"));
    assert_eq!(fixture.pop(), None);
}

#[test]
fn gated_pods_wait_for_their_change() {
    let gated = pod("p", json!({"schedulingGates": [{"name": "g"}]}));
    let mut fixture = Fixture::new([gated]);
    assert_eq!(fixture.pop(), None);
    fixture.event(Events::NODE_ADDED, true);
    fixture.pass(1000);
    assert_eq!(fixture.pop(), None);
    fixture.set(plain("p"));
    assert_eq!(fixture.pop().as_deref(), Some("p"));
}

#[test]
fn only_an_event_that_helps_wakes_a_pod() {
    let mut fixture = Fixture::new([plain("p")]);
    fixture.refuse(Events::NODE_LABELS | Events::NODE_ADDED);
    assert_eq!(fixture.pop(), None);
    fixture.event(Events::ROOM_FREED, true);
    assert_eq!(fixture.pop(), None, "not what it waits for");
    fixture.event(Events::NODE_LABELS, false);
    assert_eq!(fixture.pop(), None, "it still does not fit");
    fixture.event(Events::NODE_LABELS, true);
    assert_eq!(fixture.pop().as_deref(), Some("p"), "an idle queue does not make it back off");
}

#[test]
fn a_busy_queue_makes_a_failing_pod_back_off() {
    let mut fixture = Fixture::new([plain("p")]);
    fixture.refuse(Events::ROOM_FREED);
    fixture.event(Events::ROOM_FREED, true);
    fixture.set(plain("q"));
    assert_eq!(fixture.pop().as_deref(), Some("q"), "p has not waited its second yet");
    fixture.pass(1);
    fixture.set(plain("r"));
    assert_eq!(fixture.pop().as_deref(), Some("r"));
    assert_eq!(fixture.pop().as_deref(), Some("p"));
}

#[test]
fn errors_back_off_doubling() {
    let mut fixture = Fixture::new([plain("p")]);
    for seconds in [1, 2, 4, 8, 10, 10] {
        let popped = fixture.queue.pop(&fixture.profile, fixture.now).expect("p");
        fixture.queue.failed(&popped.pod.uid, fixture.now);
        assert_eq!(fixture.queue.next_due(), Some(fixture.now + Duration::from_secs(seconds)));
        fixture.pass(seconds - 1);
        assert_eq!(fixture.pop(), None, "{seconds} s are not over");
        fixture.pass(1);
    }
}

#[test]
fn a_forgotten_pod_is_tried_after_five_minutes() {
    let mut fixture = Fixture::new([plain("p")]);
    fixture.refuse(Events::NODE_LABELS);
    assert_eq!(fixture.queue.next_due(), Some(fixture.now + Duration::from_secs(300)));
    fixture.pass(299);
    assert_eq!(fixture.pop(), None);
    fixture.pass(1);
    assert_eq!(fixture.pop().as_deref(), Some("p"));
}

#[test]
fn a_change_matters_only_if_it_changes_the_decision() {
    let mut fixture = Fixture::new([plain("p")]);
    fixture.refuse(Events::NODE_LABELS);
    fixture.set(plain("p"));
    assert_eq!(fixture.pop(), None);
    fixture.set(requesting("p", json!({"cpu": "1"})));
    assert_eq!(fixture.pop().as_deref(), Some("p"));
}

#[test]
fn a_change_during_the_attempt_is_not_lost() {
    let mut fixture = Fixture::new([plain("p")]);
    let popped = fixture.queue.pop(&fixture.profile, fixture.now).expect("p");
    fixture.set(requesting("p", json!({"cpu": "1"})));
    assert_eq!(fixture.pop(), None, "one attempt at a time");
    fixture.queue.unschedulable(&popped, Events::NODE_LABELS, &fixture.profile, fixture.now);
    assert_eq!(fixture.pop().as_deref(), Some("p"));
}

#[test]
fn a_removed_pod_does_not_come_back() {
    let mut fixture = Fixture::new([plain("p"), plain("q")]);
    fixture.queue.remove("q");
    let popped = fixture.queue.pop(&fixture.profile, fixture.now).expect("p");
    fixture.queue.remove("p");
    fixture.queue.unschedulable(&popped, Events::ALL, &fixture.profile, fixture.now);
    fixture.queue.failed(&popped.pod.uid, fixture.now);
    fixture.pass(1000);
    assert_eq!(fixture.pop(), None);
    assert!(fixture.queue.is_empty());
}
