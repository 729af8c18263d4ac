//! Tables of `meta.k8s.io`: columns, and one row of cells for each object.
//!
//! Rows are written straight into the answer's buffer, so a long list costs no tree of values for
//! the whole table: only the object at hand is parsed.

use std::io::Write;
use std::str::FromStr;

use api::resource::{Column, Plain, Resource};
use serde_json::{Map, Value, json};

/// What a row carries of its object, as `?includeObject=` asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    None,
    #[default]
    Metadata,
    Object,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid value: {0:?}: must be 'Metadata', 'Object', 'None', or empty")]
pub struct UnknownIncludeObject(pub String);

impl FromStr for IncludeObject {
    type Err = UnknownIncludeObject;

    fn from_str(text: &str) -> Result<Self, UnknownIncludeObject> {
        match text {
            "" | "Metadata" => Ok(Self::Metadata),
            "None" => Ok(Self::None),
            "Object" => Ok(Self::Object),
            other => Err(UnknownIncludeObject(other.to_owned())),
        }
    }
}

/// Writes tables of one resource for one request.
#[derive(Clone)]
pub struct Renderer<'a> {
    resource: &'a Resource,
    include: IncludeObject,
    /// `v1` or `v1beta1`, as the client asked.
    version: &'a str,
    /// Unix seconds, for ages.
    now: i64,
}

impl<'a> Renderer<'a> {
    pub fn new(resource: &'a Resource, include: IncludeObject, version: &'a str, now: i64) -> Self {
        Self { resource, include, version, now }
    }

    /// The same at a later time: a watch lives longer than an age.
    #[must_use]
    pub fn at(mut self, now: i64) -> Self {
        self.now = now;
        self
    }

    /// `columnDefinitions` as JSON.
    pub fn columns_json(&self) -> Value {
        match self.resource.columns.as_slice() {
            [] => Plain::columns().iter().map(column_json).collect(),
            columns => columns.iter().map(column_json).collect(),
        }
    }

    /// Everything of a list's table up to its first row. `metadata` is the JSON object of the
    /// list's metadata (`{"resourceVersion":"7"}`).
    pub fn begin_into(&self, out: &mut Vec<u8>, metadata: &str) {
        self.open(out, metadata, &self.columns_json());
    }

    /// One row, without a comma. `revision` becomes the object's resourceVersion.
    pub fn row_into(&self, out: &mut Vec<u8>, object: &Value, revision: i64) {
        let mut row = Map::new();
        row.insert("cells".into(), self.cells(object).into());
        let conditions = self.resource.strategy.row_conditions(object);
        if !conditions.is_empty() {
            row.insert("conditions".into(), conditions.into());
        }
        if let Some(included) = self.included(object, revision) {
            row.insert("object".into(), included);
        }
        write_json(out, &Value::Object(row));
    }

    /// What follows the last row.
    pub fn end_into(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"]}");
    }

    /// The table of a single object: the answer to a GET, or one event of a watch. A watch sends
    /// the columns with its first table only.
    pub fn one_into(&self, out: &mut Vec<u8>, object: &Value, revision: i64, with_columns: bool) {
        let columns = if with_columns { self.columns_json() } else { Value::Null };
        self.open(out, &json!({"resourceVersion": revision.to_string()}).to_string(), &columns);
        self.row_into(out, object, revision);
        self.end_into(out);
    }

    /// The table of a bookmark: it has a version and no row.
    pub fn bookmark_into(&self, out: &mut Vec<u8>, metadata: &str, with_columns: bool) {
        let columns = if with_columns { self.columns_json() } else { Value::Null };
        self.open(out, metadata, &columns);
        self.end_into(out);
    }

    fn open(&self, out: &mut Vec<u8>, metadata: &str, columns: &Value) {
        write!(
            out,
            "{{\"kind\":\"Table\",\"apiVersion\":\"meta.k8s.io/{}\",\"metadata\":{metadata},\
             \"columnDefinitions\":{columns},\"rows\":[",
            self.version
        )
        .expect("writing to memory cannot fail");
    }

    fn cells(&self, object: &Value) -> Vec<Value> {
        self.resource.strategy.cells(object, self.now)
    }

    fn included(&self, object: &Value, revision: i64) -> Option<Value> {
        let mut metadata = match object.get("metadata") {
            Some(Value::Object(metadata)) => metadata.clone(),
            _ => Map::new(),
        };
        metadata.insert("resourceVersion".into(), revision.to_string().into());
        match self.include {
            IncludeObject::None => None,
            IncludeObject::Metadata => Some(json!({
                "kind": "PartialObjectMetadata",
                "apiVersion": format!("meta.k8s.io/{}", self.version),
                "metadata": metadata,
            })),
            IncludeObject::Object => {
                let mut whole = object.clone();
                whole["metadata"] = Value::Object(metadata);
                Some(whole)
            }
        }
    }
}

fn column_json(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": column.kind,
        "format": column.format,
        "description": column.description,
        "priority": column.priority,
    })
}

fn write_json(out: &mut Vec<u8>, value: &Value) {
    serde_json::to_writer(out, value).expect("a JSON value writes to memory without fail");
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn resource(plural: &str) -> Arc<Resource> {
        api::resource::builtin()
            .into_iter()
            .find(|resource| resource.plural == plural)
            .expect("in the table")
    }

    fn read(bytes: &[u8]) -> Value {
        serde_json::from_slice(bytes).expect("a table is JSON")
    }

    fn namespace() -> Value {
        json!({"apiVersion": "v1", "kind": "Namespace",
               "metadata": {"name": "a", "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"},
               "status": {"phase": "Active"}})
    }

    const NOW: i64 = 1_767_225_605; // 2026-01-01T00:00:05Z

    #[test]
    fn a_list() {
        let resource = resource("namespaces");
        let renderer = Renderer::new(&resource, IncludeObject::Metadata, "v1", NOW);
        let mut out = Vec::new();
        renderer.begin_into(&mut out, r#"{"resourceVersion":"9"}"#);
        renderer.row_into(&mut out, &namespace(), 7);
        out.push(b',');
        renderer.row_into(&mut out, &namespace(), 8);
        renderer.end_into(&mut out);
        let table = read(&out);
        assert_eq!(table["kind"], "Table");
        assert_eq!(table["apiVersion"], "meta.k8s.io/v1");
        assert_eq!(table["metadata"], json!({"resourceVersion": "9"}));
        assert_eq!(
            table["columnDefinitions"][0],
            json!({"name": "Name", "type": "string", "format": "name",
                   "description": "Name of the object.", "priority": 0})
        );
        assert_eq!(
            table["rows"][0],
            json!({"cells": ["a", "Active", "5s"], "object": {
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                "metadata": {"name": "a", "uid": "u", "resourceVersion": "7",
                             "creationTimestamp": "2026-01-01T00:00:00Z"}}})
        );
        assert_eq!(table["rows"][1]["object"]["metadata"]["resourceVersion"], "8");
    }

    #[test]
    fn included_objects() {
        let resource = resource("namespaces");
        let row = |include| {
            let mut out = Vec::new();
            Renderer::new(&resource, include, "v1beta1", NOW).row_into(&mut out, &namespace(), 7);
            read(&out)
        };
        assert_eq!(row(IncludeObject::None).get("object"), None);
        let whole = row(IncludeObject::Object);
        assert_eq!(whole["object"]["kind"], "Namespace");
        assert_eq!(whole["object"]["metadata"]["resourceVersion"], "7");
        assert_eq!(whole["object"]["status"], json!({"phase": "Active"}));
        assert_eq!(row(IncludeObject::Metadata)["object"]["apiVersion"], "meta.k8s.io/v1beta1");
        assert_eq!("".parse(), Ok(IncludeObject::Metadata));
        assert_eq!(
            "All".parse::<IncludeObject>().map_err(|error| error.to_string()),
            Err("Invalid value: \"All\": must be 'Metadata', 'Object', 'None', or empty".into())
        );
    }

    #[test]
    fn a_watch_sends_columns_once() {
        let resource = resource("pods");
        let renderer = Renderer::new(&resource, IncludeObject::None, "v1", NOW);
        let pod = json!({"metadata": {"name": "p"}, "status": {"phase": "Succeeded"}});
        let (mut first, mut second, mut bookmark) = (Vec::new(), Vec::new(), Vec::new());
        renderer.one_into(&mut first, &pod, 4, true);
        renderer.one_into(&mut second, &pod, 5, false);
        renderer.bookmark_into(&mut bookmark, r#"{"resourceVersion":"6"}"#, false);
        assert_eq!(read(&first)["columnDefinitions"].as_array().map(Vec::len), Some(9));
        let second = read(&second);
        assert_eq!(second["columnDefinitions"], Value::Null);
        assert_eq!(second["metadata"]["resourceVersion"], "5");
        assert_eq!(second["rows"][0]["conditions"][0]["type"], "Completed");
        assert_eq!(read(&bookmark)["rows"], json!([]));
    }

    #[test]
    fn every_resource_has_as_many_cells_as_columns() {
        for resource in api::resource::builtin() {
            let mut out = Vec::new();
            Renderer::new(&resource, IncludeObject::None, "v1", NOW).one_into(
                &mut out,
                &namespace(),
                1,
                true,
            );
            let table = read(&out);
            assert_eq!(
                table["columnDefinitions"].as_array().map(Vec::len),
                table["rows"][0]["cells"].as_array().map(Vec::len),
                "{}",
                resource.plural
            );
        }
    }
}
