//! One operation: what it takes and what it answers.

use serde_json::{Map, Value, json};

use super::parameters::query;

const OBJECT_TYPES: [&str; 4] = [
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/cbor",
];
const WATCH_TYPES: [&str; 3] = [
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
    "application/cbor-seq",
];
const PATCH_TYPES: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
];

/// Group, version and kind that an operation is about.
pub(super) struct Kind<'a> {
    pub(super) group: &'a str,
    pub(super) version: &'a str,
    pub(super) kind: &'a str,
}

pub(super) struct Operation {
    members: Map<String, Value>,
}

impl Operation {
    /// `action` is upstream's word: `list`, `get`, `post`, `put`, `patch`, `delete`,
    /// `deletecollection`, `connect`.
    pub(super) fn new(action: &str, id: String, tag: &str, kind: &Kind<'_>) -> Self {
        let mut members = Map::new();
        members.insert("tags".into(), json!([tag]));
        members.insert("operationId".into(), id.into());
        members.insert("x-kubernetes-action".into(), action.into());
        members.insert(
            "x-kubernetes-group-version-kind".into(),
            json!({"group": kind.group, "version": kind.version, "kind": kind.kind}),
        );
        Operation { members }
    }

    pub(super) fn parameters(mut self, parameters: &[(&str, &str)]) -> Self {
        if !parameters.is_empty() {
            self.members.insert("parameters".into(), query(parameters).into());
        }
        self
    }

    pub(super) fn takes(mut self, schema: Value) -> Self {
        let body = json!({"content": {"*/*": {"schema": schema}}});
        self.members.insert("requestBody".into(), body);
        self
    }

    pub(super) fn takes_patch(mut self, schema: &Value) -> Self {
        let body = json!({"content": content(&PATCH_TYPES, schema), "required": true});
        self.members.insert("requestBody".into(), body);
        self
    }

    /// Answers `schema` with each of these codes.
    pub(super) fn answers(self, codes: &[u16], schema: &Value) -> Self {
        let content = content(&OBJECT_TYPES, schema);
        self.answers_content(codes, content)
    }

    pub(super) fn answers_list(self, schema: &Value) -> Self {
        let mut types = content(&OBJECT_TYPES, schema);
        types.extend(content(&WATCH_TYPES, schema));
        self.answers_content(&[200], types)
    }

    pub(super) fn answers_text(self) -> Self {
        let mut text = content(&["text/plain"], &json!({"type": "string"}));
        text.extend(content(&OBJECT_TYPES, &json!({"type": "string"})));
        self.answers_content(&[200], text)
    }

    pub(super) fn build(self) -> Value {
        Value::Object(self.members)
    }

    fn answers_content(mut self, codes: &[u16], content: Map<String, Value>) -> Self {
        let mut responses = Map::new();
        for code in codes {
            let description = match code {
                201 => "Created",
                202 => "Accepted",
                _ => "OK",
            };
            let response = json!({"description": description, "content": content});
            responses.insert(code.to_string(), response);
        }
        responses.insert("401".into(), json!({"description": "Unauthorized"}));
        self.members.insert("responses".into(), responses.into());
        self
    }
}

fn content(types: &[&str], schema: &Value) -> Map<String, Value> {
    types.iter().map(|kind| ((*kind).to_owned(), json!({ "schema": schema }))).collect()
}
