//! Decides what becomes of an event: a new object, one more count of a known one, a part of a
//! combined one, or nothing. No clock, no IO. The rules and figures are client-go's.

use std::collections::HashSet;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::jiff::Timestamp;

use super::bounded::Bounded;

/// Entries of each of the tables.
const KNOWN: usize = 4096;

/// So many different messages of one object and reason are told apart; further ones are combined.
const SIMILAR: usize = 10;

/// Similar events further apart than this begin anew.
const SIMILAR_SECONDS: i64 = 600;

/// Events of one object that are written at once, and how long it takes to earn one more.
const BURST: f64 = 25.0;
const SECONDS_PER_EVENT: f64 = 300.0;

/// An object with one reason to tell something about it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Subject {
    object: Object,
    kind_of_event: &'static str,
    reason: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Object {
    kind: String,
    namespace: String,
    name: String,
    uid: String,
    field_path: String,
}

/// What one event object of the API counts. `None` counts the combined ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    subject: Subject,
    message: Option<String>,
}

/// One event object of the API, as it should be now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Series {
    pub event_name: String,
    /// 1 asks for a creation, more for a patch.
    pub count: i32,
    pub first: Timestamp,
    pub message: String,
}

struct Counted {
    event_name: String,
    count: i32,
    first: Timestamp,
}

struct Similar {
    messages: HashSet<String>,
    last: Timestamp,
}

struct Bucket {
    tokens: f64,
    filled: Timestamp,
}

pub(super) struct Correlator {
    counted: Bounded<Key, Counted>,
    similar: Bounded<Subject, Similar>,
    buckets: Bounded<Object, Bucket>,
}

impl Default for Correlator {
    fn default() -> Self {
        Self {
            counted: Bounded::new(KNOWN),
            similar: Bounded::new(KNOWN),
            buckets: Bounded::new(KNOWN),
        }
    }
}

impl Subject {
    pub fn new(regarding: &ObjectReference, kind_of_event: &'static str, reason: &str) -> Self {
        let text = |field: &Option<String>| field.clone().unwrap_or_default();
        let object = Object {
            kind: text(&regarding.kind),
            namespace: text(&regarding.namespace),
            name: text(&regarding.name),
            uid: text(&regarding.uid),
            field_path: text(&regarding.field_path),
        };
        Self { object, kind_of_event, reason: reason.to_owned() }
    }
}

impl Correlator {
    /// Counts one occurrence. `None`: the object has had too many, this one is not written.
    pub fn observe(
        &mut self,
        subject: &Subject,
        message: &str,
        now: Timestamp,
    ) -> Option<(Key, Series)> {
        let (key, message) = self.combine(subject, message, now);
        let series = self.count(&key, message, now);
        self.admit(&subject.object, now).then_some((key, series))
    }

    /// The server refused the event: the next occurrence begins anew.
    pub fn forget(&mut self, key: &Key) {
        self.counted.remove(key);
    }

    /// The event object is gone (expired or deleted): this occurrence is the first of a new one.
    pub fn restart(&mut self, key: &Key, message: String, now: Timestamp) -> Series {
        self.forget(key);
        self.count(key, message, now)
    }

    fn count(&mut self, key: &Key, message: String, now: Timestamp) -> Series {
        let counted = self.counted.get_or_insert_with(key, || Counted {
            event_name: event_name(&key.subject.object.name, now),
            count: 0,
            first: now,
        });
        counted.count = counted.count.saturating_add(1);
        let (event_name, count, first) = (counted.event_name.clone(), counted.count, counted.first);
        Series { event_name, count, first, message }
    }

    fn combine(&mut self, subject: &Subject, message: &str, now: Timestamp) -> (Key, String) {
        let fresh = || Similar { messages: HashSet::new(), last: now };
        let similar = self.similar.get_or_insert_with(subject, fresh);
        if seconds_between(similar.last, now) > SIMILAR_SECONDS as f64 {
            *similar = fresh();
        }
        similar.last = now;
        if similar.messages.len() >= SIMILAR && !similar.messages.contains(message) {
            let key = Key { subject: subject.clone(), message: None };
            return (key, format!("(combined from similar events): {message}"));
        }
        similar.messages.insert(message.to_owned());
        let key = Key { subject: subject.clone(), message: Some(message.to_owned()) };
        (key, message.to_owned())
    }

    fn admit(&mut self, object: &Object, now: Timestamp) -> bool {
        let full = || Bucket { tokens: BURST, filled: now };
        let bucket = self.buckets.get_or_insert_with(object, full);
        let earned = seconds_between(bucket.filled, now) / SECONDS_PER_EVENT;
        bucket.tokens = (bucket.tokens + earned).min(BURST);
        bucket.filled = now;
        if bucket.tokens < 1.0 {
            return false;
        }
        bucket.tokens -= 1.0;
        true
    }
}

/// Never negative: a clock set back earns nothing.
fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64().max(0.0)
}

/// `<object>.<hexadecimal nanoseconds>`, upstream's way to a unique name.
fn event_name(object: &str, now: Timestamp) -> String {
    format!("{object}.{:x}", now.as_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(reason: &str) -> Subject {
        let regarding =
            ObjectReference { name: Some("web".to_owned()), ..ObjectReference::default() };
        Subject::new(&regarding, "Normal", reason)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + seconds).expect("a time within range")
    }

    #[test]
    fn equal_events_are_counted() {
        let mut correlator = Correlator::default();
        let (_, first) = correlator.observe(&subject("A"), "m", at(0)).expect("written");
        let (key, second) = correlator.observe(&subject("A"), "m", at(5)).expect("written");
        assert_eq!((first.count, second.count), (1, 2));
        assert_eq!((second.event_name, second.first), (first.event_name.clone(), at(0)));
        let anew = correlator.restart(&key, "m".to_owned(), at(6));
        assert_eq!((anew.count, anew.first), (1, at(6)));
        assert_ne!(anew.event_name, first.event_name);
        let (_, again) = correlator.observe(&subject("A"), "m", at(7)).expect("written");
        assert_eq!((again.count, again.event_name), (2, anew.event_name));
    }

    #[test]
    fn the_eleventh_message_is_combined() {
        let mut correlator = Correlator::default();
        let mut observe = |message: &str, second| {
            let (_, series) =
                correlator.observe(&subject("A"), message, at(second)).expect("written");
            (series.message, series.count)
        };
        for index in 0..10 {
            let message = format!("m{index}");
            assert_eq!(observe(&message, index), (message, 1));
        }
        let combined = |message: &str| format!("(combined from similar events): {message}");
        assert_eq!(observe("m10", 10), (combined("m10"), 1));
        assert_eq!(observe("m11", 11), (combined("m11"), 2));
        assert_eq!(observe("m3", 12), ("m3".to_owned(), 2));
        assert_eq!(observe("m12", 12 + 601), ("m12".to_owned(), 1));
    }

    #[test]
    fn an_object_has_a_burst_and_then_one_in_five_minutes() {
        let mut correlator = Correlator::default();
        let mut written = |second| correlator.observe(&subject("A"), "m", at(second)).is_some();
        assert!((0..25).all(|_| written(0)));
        assert!(!written(0) && !written(299));
        assert!(written(300) && !written(301));
    }
}
