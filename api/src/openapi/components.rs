//! Definitions as JSON schemas, with whatever they refer to.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::schema::{Field, ListType, Presence, Schema, Type, definition, lookup};

const PREFIX: &str = "io.k8s.";
const META: &str = "apimachinery.pkg.apis.meta.v1";
const API_EXTENSIONS: &str = "apiextensions-apiserver.pkg.apis.apiextensions.v1";

/// The definitions that a document uses, each once.
pub(super) struct Components {
    group: String,
    version: String,
    schemas: Map<String, Value>,
    /// Named by a definition but not written yet.
    pending: BTreeSet<&'static str>,
}

impl Components {
    pub(super) fn new(group: &str, version: &str) -> Self {
        Components {
            group: group.to_owned(),
            version: version.to_owned(),
            schemas: Map::new(),
            pending: BTreeSet::new(),
        }
    }

    /// A reference to the definition of a kind; any object when no built-in kind is meant.
    pub(super) fn kind(&mut self, group: &str, version: &str, kind: &str) -> Value {
        match lookup(group, version, kind) {
            Some(schema) => self.refer(schema),
            None => json!({"type": "object"}),
        }
    }

    /// A reference to a definition of `meta/v1`.
    pub(super) fn meta(&mut self, name: &str) -> Value {
        match definition(&format!("{META}.{name}")) {
            Some(schema) => self.refer(schema),
            None => json!({"type": "object"}),
        }
    }

    /// A reference to the body of a PATCH, whose form is the media type's.
    pub(super) fn patch(&mut self) -> Value {
        self.special(&format!("{META}.Patch"), json!({"type": "object"}))
    }

    pub(super) fn into_schemas(mut self) -> Map<String, Value> {
        while let Some(name) = self.pending.pop_first() {
            let Some(schema) = definition(name) else { continue };
            let written = self.write(schema);
            self.schemas.insert(format!("{PREFIX}{name}"), written);
        }
        self.schemas
    }

    fn refer(&mut self, schema: &'static Schema) -> Value {
        if !self.schemas.contains_key(&format!("{PREFIX}{}", schema.name)) {
            self.pending.insert(schema.name);
        }
        reference(schema.name)
    }

    fn write(&mut self, schema: &Schema) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in &schema.fields {
            properties.insert(field.name.to_owned(), self.property(field));
            if field.required {
                required.push(field.name);
            }
        }
        let mut written = Map::new();
        written.insert("type".into(), "object".into());
        if !properties.is_empty() {
            written.insert("properties".into(), properties.into());
        }
        if !required.is_empty() {
            written.insert("required".into(), required.into());
        }
        if schema.atomic {
            written.insert("x-kubernetes-map-type".into(), "atomic".into());
        }
        let kinds: Vec<Value> = schema
            .kinds
            .iter()
            .map(|kind| match kind.group {
                "*" => (self.group.as_str(), self.version.as_str(), kind.kind),
                group => (group, kind.version, kind.kind),
            })
            .map(|(group, version, kind)| json!({"group": group, "kind": kind, "version": version}))
            .collect();
        if !kinds.is_empty() {
            written.insert("x-kubernetes-group-version-kind".into(), kinds.into());
        }
        Value::Object(written)
    }

    fn property(&mut self, field: &Field) -> Value {
        let mut written = self.value(&field.kind);
        let Value::Object(members) = &mut written else { return written };
        if let Some(reference) = members.remove("$ref") {
            // Beside `$ref` other members would not count.
            members.insert("allOf".into(), json!([{ "$ref": reference }]));
        }
        let default = field.default.as_ref().filter(|default| default.condition.is_none());
        match default {
            Some(default) => {
                members.insert("default".into(), default.value.clone());
            }
            None if field.presence != Presence::Pointer
                && matches!(field.kind, Type::Object(_)) =>
            {
                members.insert("default".into(), json!({}));
            }
            None => {}
        }
        add_list_type(field, members);
        if let Some(merge) = field.merge {
            members.insert("x-kubernetes-patch-strategy".into(), merge.strategy.into());
            if let Some(key) = merge.key {
                members.insert("x-kubernetes-patch-merge-key".into(), key.into());
            }
        }
        written
    }

    fn value(&mut self, kind: &Type) -> Value {
        match kind {
            Type::String => json!({"type": "string"}),
            Type::Bytes => json!({"type": "string", "format": "byte"}),
            Type::Bool => json!({"type": "boolean"}),
            Type::Int32 => json!({"type": "integer", "format": "int32"}),
            Type::Int64 => json!({"type": "integer", "format": "int64"}),
            Type::Double => json!({"type": "number", "format": "double"}),
            Type::Time => self
                .special(&format!("{META}.Time"), json!({"type": "string", "format": "date-time"})),
            Type::MicroTime => self.special(
                &format!("{META}.MicroTime"),
                json!({"type": "string", "format": "date-time"}),
            ),
            Type::Quantity => self.special(
                "apimachinery.pkg.api.resource.Quantity",
                json!({"oneOf": [{"type": "string"}, {"type": "number"}]}),
            ),
            Type::IntOrString => self.special(
                "apimachinery.pkg.util.intstr.IntOrString",
                json!({
                    "format": "int-or-string",
                    "oneOf": [{"type": "integer"}, {"type": "string"}],
                }),
            ),
            Type::RawExtension => {
                self.special("apimachinery.pkg.runtime.RawExtension", json!({"type": "object"}))
            }
            Type::Fields => self.special(&format!("{META}.FieldsV1"), json!({"type": "object"})),
            Type::Json => self.special(&format!("{API_EXTENSIONS}.JSON"), json!({})),
            Type::SchemaOrArray => self.api_extensions("JSONSchemaPropsOrArray"),
            Type::SchemaOrBool => self.api_extensions("JSONSchemaPropsOrBool"),
            Type::SchemaOrStrings => self.api_extensions("JSONSchemaPropsOrStringArray"),
            Type::Object(entry) => {
                let schema = entry.schema();
                self.refer(schema)
            }
            Type::List(element) => json!({"type": "array", "items": self.value(element)}),
            Type::Map(value) => {
                json!({"type": "object", "additionalProperties": self.value(value)})
            }
        }
    }

    fn api_extensions(&mut self, name: &str) -> Value {
        self.special(&format!("{API_EXTENSIONS}.{name}"), json!({}))
    }

    /// A reference to a definition that the schema table has as a type of its own.
    fn special(&mut self, name: &str, schema: Value) -> Value {
        self.schemas.entry(format!("{PREFIX}{name}")).or_insert(schema);
        reference(name)
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{PREFIX}{name}")})
}

fn add_list_type(field: &Field, members: &mut Map<String, Value>) {
    let Some(list_type) = field.list_type else { return };
    let (word, keys) = match list_type {
        ListType::Atomic => ("atomic", None),
        ListType::Granular => ("granular", None),
        ListType::Set => ("set", None),
        ListType::Map(_) => ("map", Some(list_type.map_keys().collect::<Vec<_>>())),
    };
    let extension = match field.kind {
        Type::List(_) => "x-kubernetes-list-type",
        _ => "x-kubernetes-map-type",
    };
    members.insert(extension.into(), word.into());
    if let Some(keys) = keys {
        members.insert("x-kubernetes-list-map-keys".into(), keys.into());
    }
}
