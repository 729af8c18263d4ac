//! The OpenAPI v2 document of everything, for clients that know no v3: kubectl before 1.27, and
//! libraries of that age. Rewritten from the v3 parts, so that the two cannot disagree.

use serde_json::{Map, Value, json};

use super::components::Components;
use super::gnostic;
use super::paths::{self, Paths};
use super::v3::VERSION;
use crate::resource::Resource;

/// The document for `/openapi/v2` as JSON.
pub fn v2_document(resources: &[&Resource]) -> Vec<u8> {
    document(resources).to_string().into_bytes()
}

/// The same in the protobuf form that client-go asks for
/// (`application/com.github.proto-openapi.spec.v2@v1.0+protobuf`).
pub fn v2_document_protobuf(resources: &[&Resource]) -> Vec<u8> {
    gnostic::document(&document(resources))
}

fn document(resources: &[&Resource]) -> Value {
    let mut paths = Paths::new();
    let mut schemas = Map::new();
    let mut versions: Vec<(&str, &str)> =
        resources.iter().map(|resource| (&*resource.group, &*resource.version)).collect();
    versions.sort_unstable();
    versions.dedup();
    for (group, version) in versions {
        let mut components = Components::new(group, version);
        paths.extend(paths::discovery(group, version, &mut components));
        for resource in resources {
            if resource.group == group && resource.version == version {
                paths::add_resource(&mut paths, resource, &mut components);
            }
        }
        for (name, schema) in components.into_schemas() {
            merge_schema(&mut schemas, name, schema);
        }
    }
    let definitions: Map<String, Value> =
        schemas.into_iter().map(|(name, schema)| (name, downgrade_schema(schema))).collect();
    let paths: Map<String, Value> =
        paths.into_iter().map(|(path, item)| (path, downgrade_item(item))).collect();
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": VERSION},
        "paths": paths,
        "definitions": definitions,
    })
}

/// Definitions of two versions are the same but for the kinds of those that serve every version.
fn merge_schema(schemas: &mut Map<String, Value>, name: String, schema: Value) {
    const KINDS: &str = "x-kubernetes-group-version-kind";
    let Some(present) = schemas.get_mut(&name) else {
        schemas.insert(name, schema);
        return;
    };
    let Some(Value::Array(kinds)) = present.get_mut(KINDS) else { return };
    let Some(Value::Array(more)) = schema.get(KINDS) else { return };
    for kind in more {
        if !kinds.contains(kind) {
            kinds.push(kind.clone());
        }
    }
}

fn downgrade_schema(schema: Value) -> Value {
    let Value::Object(members) = schema else { return schema };
    let mut written = Map::new();
    for (name, value) in members {
        match name.as_str() {
            "$ref" => {
                written.insert(name, downgrade_reference(&value));
            }
            // A reference with something beside it; v2's readers look at both.
            "allOf" => {
                let reference = value.get(0).and_then(|first| first.get("$ref"));
                written.extend(
                    reference.map(|reference| ("$ref".to_owned(), downgrade_reference(reference))),
                );
            }
            // v2 has no alternatives: quantities and such are shown as strings.
            "oneOf" => {
                written.insert("type".into(), "string".into());
            }
            "properties" => {
                let Value::Object(properties) = value else { continue };
                let properties: Map<String, Value> = properties
                    .into_iter()
                    .map(|(name, property)| (name, downgrade_schema(property)))
                    .collect();
                written.insert(name, properties.into());
            }
            "items" | "additionalProperties" => {
                written.insert(name, downgrade_schema(value));
            }
            _ => {
                written.insert(name, value);
            }
        }
    }
    Value::Object(written)
}

fn downgrade_reference(reference: &Value) -> Value {
    let reference = reference.as_str().unwrap_or_default();
    Value::from(reference.replace("#/components/schemas/", "#/definitions/"))
}

fn downgrade_item(item: Value) -> Value {
    let Value::Object(members) = item else { return item };
    let downgraded = members.into_iter().map(|(name, value)| match name.as_str() {
        "parameters" => (name, downgrade_parameters(value).into()),
        _ => (name, downgrade_operation(value)),
    });
    Value::Object(downgraded.collect())
}

fn downgrade_operation(operation: Value) -> Value {
    let Value::Object(mut operation) = operation else { return operation };
    let mut parameters = downgrade_parameters(operation.remove("parameters").unwrap_or_default());
    let body = operation.remove("requestBody").unwrap_or_default();
    let consumes = media_types(&body["content"]);
    if let Some(first) = consumes.first() {
        let schema = downgrade_schema(body["content"][first]["schema"].clone());
        parameters
            .insert(0, json!({"name": "body", "in": "body", "required": true, "schema": schema}));
        operation.insert("consumes".into(), consumes.into());
    }
    if !parameters.is_empty() {
        operation.insert("parameters".into(), parameters.into());
    }
    let Some(Value::Object(responses)) = operation.remove("responses") else {
        return Value::Object(operation);
    };
    let mut written = Map::new();
    for (code, response) in responses {
        let types = media_types(&response["content"]);
        let mut shown = Map::new();
        shown.insert("description".into(), response["description"].clone());
        if let Some(first) = types.first() {
            let schema = response["content"][first]["schema"].clone();
            shown.insert("schema".into(), downgrade_schema(schema));
            operation.insert("produces".into(), types.into());
        }
        written.insert(code, shown.into());
    }
    operation.insert("responses".into(), written.into());
    Value::Object(operation)
}

fn downgrade_parameters(parameters: Value) -> Vec<Value> {
    let Value::Array(parameters) = parameters else { return Vec::new() };
    parameters
        .into_iter()
        .map(|mut parameter| {
            // v2 has a parameter's schema among its own members.
            if let Some(Value::Object(schema)) =
                parameter.as_object_mut().and_then(|p| p.remove("schema"))
                && let Some(members) = parameter.as_object_mut()
            {
                members.extend(schema);
            }
            parameter
        })
        .collect()
}

fn media_types(content: &Value) -> Vec<String> {
    content.as_object().map(|types| types.keys().cloned().collect()).unwrap_or_default()
}
