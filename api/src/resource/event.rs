//! Events of the core group.

use serde_json::Value;

use super::age::since;
use super::fields::{at, number, text};
use super::{Column, Resource, Strategy};
use crate::validation::FieldError;

pub fn row() -> Resource {
    Resource::row("Event", "events", EventStrategy)
        .short_names(&["ev"])
        .selectable(&[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ])
        .columns(vec![
            Column::new("Last Seen", "string", "Time since it happened last."),
            Column::new("Type", "string", "Normal or Warning."),
            Column::new("Reason", "string", "Why it happened, in one word."),
            Column::new("Object", "string", "Kind and name of what it happened to."),
            Column::wide("Subobject", "string", "Part of the object."),
            Column::wide("Source", "string", "Who reported it."),
            Column::new("Message", "string", "What happened."),
            Column::wide("First Seen", "string", "Time since it happened first."),
            Column::wide("Count", "string", "How often it happened."),
            Column { priority: 1, ..Column::object_name() },
        ])
}

struct EventStrategy;

impl Strategy for EventStrategy {
    fn allows_create_on_update(&self) -> bool {
        true
    }

    /// As upstream, an event about a cluster-scoped object lives in `default`.
    fn validate(&self, event: &Value) -> Vec<FieldError> {
        let namespace = text(event, "metadata.namespace");
        let involved = text(event, "involvedObject.namespace");
        let agrees = match involved {
            "" => namespace == "default",
            involved => involved == namespace,
        };
        if agrees {
            return Vec::new();
        }
        vec![FieldError::invalid(
            "involvedObject.namespace",
            involved,
            "does not match event.namespace",
        )]
    }

    fn selectable_values(&self, event: &Value) -> Vec<String> {
        let involved = |field: &str| text(event, &format!("involvedObject.{field}")).to_owned();
        vec![
            involved("kind"),
            involved("namespace"),
            involved("name"),
            involved("uid"),
            involved("apiVersion"),
            involved("resourceVersion"),
            involved("fieldPath"),
            text(event, "reason").to_owned(),
            text(event, "reportingComponent").to_owned(),
            first(text(event, "source.component"), text(event, "reportingComponent")).to_owned(),
            text(event, "type").to_owned(),
        ]
    }

    fn cells(&self, event: &Value, now: i64) -> Vec<Value> {
        let first_seen = first(text(event, "firstTimestamp"), text(event, "eventTime"));
        let mut last_seen = first(text(event, "lastTimestamp"), first_seen);
        let mut count = number(event, "count").max(1);
        if let Some(series) = at(event, "series") {
            last_seen = text(series, "lastObservedTime");
            count = number(series, "count");
        }
        vec![
            since(last_seen, now).into(),
            text(event, "type").into(),
            text(event, "reason").into(),
            target(event).into(),
            text(event, "involvedObject.fieldPath").into(),
            source(event).into(),
            text(event, "message").trim().into(),
            since(first_seen, now).into(),
            count.into(),
            text(event, "metadata.name").into(),
        ]
    }
}

fn first<'a>(one: &'a str, other: &'a str) -> &'a str {
    if one.is_empty() { other } else { one }
}

fn target(event: &Value) -> String {
    let kind = text(event, "involvedObject.kind").to_lowercase();
    match text(event, "involvedObject.name") {
        "" => kind,
        name => format!("{kind}/{name}"),
    }
}

fn source(event: &Value) -> String {
    let component = first(text(event, "source.component"), text(event, "reportingComponent"));
    match first(text(event, "source.host"), text(event, "reportingInstance")) {
        "" => component.to_owned(),
        instance => format!("{component}, {instance}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_767_226_200; // 2026-01-01T00:10:00Z

    #[test]
    fn cells() {
        let event = json!({
            "metadata": {"name": "web.1", "namespace": "default"},
            "involvedObject": {"kind": "Pod", "name": "web", "fieldPath": "spec.containers{a}"},
            "type": "Normal", "reason": "Pulled", "message": " done\n", "count": 3,
            "source": {"component": "kubelet", "host": "n1"},
            "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:09:00Z"});
        assert_eq!(
            Value::from(EventStrategy.cells(&event, NOW)),
            json!([
                "60s",
                "Normal",
                "Pulled",
                "pod/web",
                "spec.containers{a}",
                "kubelet, n1",
                "done",
                "10m",
                3,
                "web.1"
            ])
        );
    }

    #[test]
    fn newer_events_have_a_time_and_a_series() {
        let event = json!({"eventTime": "2026-01-01T00:08:00.000001Z",
            "reportingComponent": "scheduler", "involvedObject": {"kind": "Node"}});
        let cells = EventStrategy.cells(&event, NOW);
        assert_eq!(
            (&cells[0], &cells[3], &cells[5]),
            (&json!("2m"), &json!("node"), &json!("scheduler"))
        );
        assert_eq!(cells[8], 1);
        let event = json!({"eventTime": "2026-01-01T00:08:00Z",
            "series": {"count": 9, "lastObservedTime": "2026-01-01T00:09:55.5Z"}});
        let cells = EventStrategy.cells(&event, NOW);
        assert_eq!((&cells[0], &cells[7], &cells[8]), (&json!("5s"), &json!("2m"), &json!(9)));
    }

    #[test]
    fn lives_beside_its_object() {
        let event = |namespace: &str, involved: &str| json!({"metadata": {"namespace": namespace}, "involvedObject": {"namespace": involved}});
        assert_eq!(EventStrategy.validate(&event("a", "a")), []);
        assert_eq!(EventStrategy.validate(&event("default", "")), []);
        assert_eq!(
            EventStrategy.validate(&event("a", "b"))[0].to_string(),
            "involvedObject.namespace: Invalid value: \"b\": does not match event.namespace"
        );
    }
}
