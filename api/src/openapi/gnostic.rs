//! An OpenAPI v2 document in protobuf, as the messages of gnostic's `OpenAPIv2.proto` have it.
//!
//! Field numbers are those messages'; each function writes one of them. Members that our documents
//! do not have are not written.

use serde_json::Value;

/// Writes `openapi.v2.Document`.
pub(super) fn document(document: &Value) -> Vec<u8> {
    let mut message = Message::default();
    message.text(1, &document["swagger"]);
    message.nested(2, |info| {
        info.text(1, &document["info"]["title"]);
        info.text(2, &document["info"]["version"]);
    });
    message.nested(8, |paths| {
        for (name, item) in members(&document["paths"]) {
            paths.named(2, name, |value| path_item(value, item));
        }
    });
    message.nested(9, |definitions| {
        for (name, definition) in members(&document["definitions"]) {
            definitions.named(1, name, |value| schema(value, definition));
        }
    });
    message.0
}

fn path_item(message: &mut Message, item: &Value) {
    for (number, method) in [(2, "get"), (3, "put"), (4, "post"), (5, "delete"), (8, "patch")] {
        if item.get(method).is_some() {
            message.nested(number, |value| operation(value, &item[method]));
        }
    }
    parameters(message, 9, &item["parameters"]);
}

fn operation(message: &mut Message, operation: &Value) {
    message.texts(1, &operation["tags"]);
    message.text(5, &operation["operationId"]);
    message.texts(6, &operation["produces"]);
    message.texts(7, &operation["consumes"]);
    parameters(message, 8, &operation["parameters"]);
    message.nested(9, |responses| {
        for (code, answer) in members(&operation["responses"]) {
            responses.named(1, code, |value| value.nested(1, |value| response(value, answer)));
        }
    });
    extensions(message, 13, operation);
}

fn response(message: &mut Message, response: &Value) {
    message.text(1, &response["description"]);
    if response.get("schema").is_some() {
        message.nested(2, |item| item.nested(1, |value| schema(value, &response["schema"])));
    }
}

fn parameters(message: &mut Message, number: u32, parameters: &Value) {
    for parameter in items(parameters) {
        // ParametersItem, then Parameter.
        message.nested(number, |item| {
            item.nested(1, |value| match parameter["in"].as_str() {
                Some("body") => value.nested(1, |body| body_parameter(body, parameter)),
                Some("path") => {
                    value
                        .nested(2, |other| other.nested(4, |path| path_parameter(path, parameter)));
                }
                _ => {
                    value.nested(2, |other| {
                        other.nested(3, |query| query_parameter(query, parameter))
                    });
                }
            });
        });
    }
}

fn body_parameter(message: &mut Message, parameter: &Value) {
    message.text(2, &parameter["name"]);
    message.text(3, &parameter["in"]);
    message.flag(4, &parameter["required"]);
    message.nested(5, |value| schema(value, &parameter["schema"]));
}

fn path_parameter(message: &mut Message, parameter: &Value) {
    message.flag(1, &parameter["required"]);
    message.text(2, &parameter["in"]);
    message.text(4, &parameter["name"]);
    message.text(5, &parameter["type"]);
    message.flag(19, &parameter["uniqueItems"]);
}

fn query_parameter(message: &mut Message, parameter: &Value) {
    message.flag(1, &parameter["required"]);
    message.text(2, &parameter["in"]);
    message.text(4, &parameter["name"]);
    message.text(6, &parameter["type"]);
    message.flag(20, &parameter["uniqueItems"]);
}

fn schema(message: &mut Message, shown: &Value) {
    message.text(1, &shown["$ref"]);
    message.text(2, &shown["format"]);
    if let Some(default) = shown.get("default") {
        message.nested(5, |value| any(value, default));
    }
    message.texts(19, &shown["required"]);
    if let Some(values) = shown.get("additionalProperties") {
        message.nested(21, |item| item.nested(1, |value| schema(value, values)));
    }
    if shown.get("type").is_some() {
        message.nested(22, |value| value.text(1, &shown["type"]));
    }
    if let Some(element) = shown.get("items") {
        message.nested(23, |item| item.nested(1, |value| schema(value, element)));
    }
    if shown.get("properties").is_some() {
        message.nested(25, |properties| {
            for (name, property) in members(&shown["properties"]) {
                properties.named(1, name, |value| schema(value, property));
            }
        });
    }
    extensions(message, 31, shown);
}

/// `x-…` members.
fn extensions(message: &mut Message, number: u32, object: &Value) {
    for (name, extension) in members(object).filter(|(name, _)| name.starts_with("x-")) {
        message.named(number, name, |value| any(value, extension));
    }
}

/// `Any` holds YAML, which JSON is.
fn any(message: &mut Message, value: &Value) {
    message.bytes(2, value.to_string().as_bytes());
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A message being written.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.varint(u64::from(number) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Writes a string, if the value is one.
    fn text(&mut self, number: u32, value: &Value) {
        if let Some(text) = value.as_str() {
            self.bytes(number, text.as_bytes());
        }
    }

    fn texts(&mut self, number: u32, values: &Value) {
        items(values).for_each(|value| self.text(number, value));
    }

    fn flag(&mut self, number: u32, value: &Value) {
        if value.as_bool() == Some(true) {
            self.varint(u64::from(number) << 3);
            self.varint(1);
        }
    }

    fn nested(&mut self, number: u32, write: impl FnOnce(&mut Message)) {
        let mut inner = Message::default();
        write(&mut inner);
        self.bytes(number, &inner.0);
    }

    /// A message of a name and a value, as gnostic has for the entries of a map.
    fn named(&mut self, number: u32, name: &str, write: impl FnOnce(&mut Message)) {
        self.nested(number, |entry| {
            entry.bytes(1, name.as_bytes());
            entry.nested(2, write);
        });
    }
}
