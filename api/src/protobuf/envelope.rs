//! The envelope: `k8s\0`, then a `runtime.Unknown` with the kind and the message.

use serde_json::{Map, Value};

use super::DecodeError;
use super::error::Problem;
use super::message::{Context, Fault};
use super::wire::fields;
use crate::schema;

const MAGIC: &[u8] = b"k8s\0";
const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// `runtime.Unknown`.
#[derive(Default)]
struct Unknown<'a> {
    api_version: &'a str,
    kind: &'a str,
    raw: &'a [u8],
    content_encoding: &'a str,
    content_type: &'a str,
}

/// Reads an enveloped message of a built-in kind into the JSON that Go would write for it, with
/// `apiVersion` and `kind` from the envelope. Field numbers that the kind does not have are passed
/// over, as protobuf demands.
pub fn decode(body: &[u8]) -> Result<Value, DecodeError> {
    let unknown = body.strip_prefix(MAGIC).ok_or(DecodeError::NoMagic)?;
    let unknown = read_unknown(unknown)
        .map_err(|problem| DecodeError::Malformed { place: "envelope".into(), problem })?;
    if !unknown.content_encoding.is_empty() {
        return Err(DecodeError::Encoding(unknown.content_encoding.to_owned()));
    }
    if !["", CONTENT_TYPE].contains(&unknown.content_type) {
        return Err(DecodeError::ContentType(unknown.content_type.to_owned()));
    }
    if unknown.kind.is_empty() {
        return Err(DecodeError::NoKind);
    }
    let (api_version, kind) = (unknown.api_version, unknown.kind);
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let schema = schema::lookup(group, version, kind).ok_or_else(|| DecodeError::UnknownKind {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
    })?;
    if schema.fields.iter().all(|field| field.numbers.is_empty()) {
        let (api_version, kind) = (api_version.to_owned(), kind.to_owned());
        return Err(DecodeError::NoForm { api_version, kind });
    }

    let mut object = Map::new();
    Context::default().message(schema, unknown.raw, &mut object).map_err(Fault::into_error)?;
    object.insert("apiVersion".into(), api_version.into());
    object.insert("kind".into(), kind.into());
    Ok(Value::Object(object))
}

fn read_unknown(message: &[u8]) -> Result<Unknown<'_>, Problem> {
    let mut unknown = Unknown::default();
    for field in fields(message) {
        let (number, wire) = field?;
        match number {
            1 => {
                for field in fields(wire.bytes()?) {
                    let (number, wire) = field?;
                    match number {
                        1 => unknown.api_version = wire.text()?,
                        2 => unknown.kind = wire.text()?,
                        _ => {}
                    }
                }
            }
            2 => unknown.raw = wire.bytes()?,
            3 => unknown.content_encoding = wire.text()?,
            4 => unknown.content_type = wire.text()?,
            _ => {}
        }
    }
    Ok(unknown)
}
