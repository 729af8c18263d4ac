//! Decides whether an event is new or one more of a known one. No clock, no IO.

use std::collections::{HashMap, VecDeque};

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::jiff::Timestamp;

/// Known events, as many as upstream's correlator keeps. Beyond it the oldest is forgotten and
/// would be created anew.
const KNOWN: usize = 4096;

/// What makes two events the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub uid: String,
    pub field_path: String,
    pub kind_of_event: &'static str,
    pub reason: String,
    pub message: String,
}

impl Key {
    pub fn new(
        regarding: &ObjectReference,
        kind: &'static str,
        reason: &str,
        message: &str,
    ) -> Self {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        Self {
            kind: text(&regarding.kind),
            namespace: text(&regarding.namespace),
            name: text(&regarding.name),
            uid: text(&regarding.uid),
            field_path: text(&regarding.field_path),
            kind_of_event: kind,
            reason: reason.to_owned(),
            message: message.to_owned(),
        }
    }
}

/// One event object of the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Series {
    pub event_name: String,
    pub count: i32,
    pub first: Timestamp,
}

#[derive(Default)]
pub(super) struct Correlator {
    known: HashMap<Key, Series>,
    /// Oldest first; each known key once.
    order: VecDeque<Key>,
}

impl Correlator {
    /// Counts one occurrence. A count of 1 asks for a creation, a higher one for a patch.
    pub fn observe(&mut self, key: &Key, now: Timestamp) -> Series {
        if let Some(series) = self.known.get_mut(key) {
            series.count = series.count.saturating_add(1);
            return series.clone();
        }
        self.forget_oldest();
        let event_name = event_name(&key.name, now);
        let series = Series { event_name, count: 1, first: now };
        self.known.insert(key.clone(), series.clone());
        self.order.push_back(key.clone());
        series
    }

    /// The event object is gone (expired or deleted): the next occurrence is a new one.
    pub fn forget(&mut self, key: &Key) {
        if self.known.remove(key).is_some() {
            self.order.retain(|known| known != key);
        }
    }

    fn forget_oldest(&mut self) {
        while self.known.len() >= KNOWN {
            let Some(oldest) = self.order.pop_front() else { return };
            self.known.remove(&oldest);
        }
    }
}

/// `<object>.<hexadecimal nanoseconds>`, upstream's way to a unique name.
fn event_name(object: &str, now: Timestamp) -> String {
    format!("{object}.{:x}", now.as_nanosecond())
}
