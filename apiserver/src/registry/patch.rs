//! PATCH: a change computed on the stored object.

use std::collections::BTreeMap;

use api::Status;
use api::decode::{Format, decode};
use api::patch::PatchError;
use api::status::Reason;
use serde_json::Value;

use super::body::fit_patched;
use super::core::Registry;
use super::pipeline::Endpoint;
use super::scope::{Scope, Written};
use crate::negotiation::PatchType;

/// A patch as sent, read as far as it can be without the object.
#[derive(Clone, Debug)]
pub enum Patch {
    Json(Vec<u8>),
    Merge(Value),
    Strategic(Value),
}

impl Patch {
    pub fn read(patch_type: PatchType, body: &[u8]) -> Result<Self, Status> {
        if patch_type == PatchType::Json {
            return Ok(Self::Json(body.to_vec()));
        }
        // kubectl sends YAML here when the user typed it, and JSON is YAML's subset, but upstream
        // reads JSON only.
        let patch = decode(Format::Json, body)
            .map_err(|error| Status::bad_request(format!("cannot read the patch: {error}")))?
            .object;
        if !patch.is_object() {
            return Err(Status::bad_request("cannot read the patch: it is not an object"));
        }
        Ok(if patch_type == PatchType::Merge { Self::Merge(patch) } else { Self::Strategic(patch) })
    }

    /// What a refusal of the outcome shows as the invalid value, as upstream: the patch itself when
    /// it is a strategic one, else the patched object.
    fn shown(&self, patched: &Value) -> String {
        match self {
            Self::Strategic(patch) => go_format(patch),
            Self::Json(_) | Self::Merge(_) => patched.to_string(),
        }
    }

    /// Applies it to an object of the scope's kind.
    pub fn apply(&self, scope: &Scope<'_>, target: &Value) -> Result<Value, Status> {
        self.apply_with(scope.kind.schema, target)
    }

    pub fn apply_with(
        &self,
        schema: Option<&api::schema::Schema>,
        target: &Value,
    ) -> Result<Value, Status> {
        match self {
            Self::Json(patch) => api::patch::json(target, patch).map_err(refused),
            Self::Merge(patch) => Ok(api::patch::merge(target, patch)),
            Self::Strategic(patch) => {
                let Some(schema) = schema else {
                    return Err(Status::unsupported_media_type(&[
                        "application/json-patch+json",
                        "application/merge-patch+json",
                    ]));
                };
                api::patch::strategic(schema, target, patch).map_err(refused)
            }
        }
    }
}

/// A value as Go prints its maps and slices (`map[spec:map[replicas:3]]`), keys in order.
fn go_format(value: &Value) -> String {
    match value {
        Value::Null => "<nil>".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(go_format).collect();
            format!("[{}]", items.join(" "))
        }
        Value::Object(fields) => {
            let sorted: BTreeMap<_, _> = fields.iter().collect();
            let fields: Vec<_> = sorted
                .into_iter()
                .map(|(key, value)| format!("{key}:{}", go_format(value)))
                .collect();
            format!("map[{}]", fields.join(" "))
        }
    }
}

/// As upstream: a patch that cannot be read is 400, one that does not fit the object 422.
fn refused(error: PatchError) -> Status {
    use PatchError as E;
    match error {
        E::TestFailed { .. } | E::Operation { .. } => {
            Status::new(422, Reason::Invalid, format!("the patch does not apply: {error}"))
        }
        E::TooManyOperations(_) | E::TooLarge => {
            Status::new(413, Reason::RequestEntityTooLarge, error.to_string())
        }
        E::MalformedJsonPatch(_)
        | E::NotAnObject(_)
        | E::UnknownDirective { .. }
        | E::NoMergeKey { .. }
        | E::NoMergeKeyDeclared { .. }
        | E::WrongType { .. }
        | E::ListOfLists { .. }
        | E::MergeInList { .. }
        | E::RetainKeys { .. }
        | E::ElementOrder { .. } => Status::bad_request(error.to_string()),
    }
}

impl Registry {
    pub async fn patch(
        &self,
        scope: &Scope<'_>,
        endpoint: Endpoint,
        patch: &Patch,
        warnings: &mut Vec<String>,
    ) -> Result<Written, Status> {
        self.modify(scope, endpoint, warnings, &mut |current, notes| {
            let patched = patch.apply(scope, current)?;
            let shown = |object: &Value| patch.shown(object);
            fit_patched(scope.kind, patched, shown, scope.options.field_validation, notes)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_print_as_go_prints_them() {
        let rows = [
            (
                json!({"spec": {"replicas": "x", "paused": true}}),
                "map[spec:map[paused:true replicas:x]]",
            ),
            (json!({"a": [1, null, "b"], "c": {}}), "map[a:[1 <nil> b] c:map[]]"),
        ];
        for (value, expected) in rows {
            assert_eq!(go_format(&value), expected);
        }
    }
}
