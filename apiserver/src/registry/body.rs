//! From a request's body to an object that fits its schema.

use api::Status;
use api::decode::{Decoded, Format, decode};
use api::object::drop_nulls;
use api::resource::Resource;
use api::resource::fields::text;
use api::validation::FieldError;
use serde_json::Value;

use super::Kind;
use super::options::FieldValidation;

/// Unknown and duplicate fields listed in one answer.
const MAX_NAMED_FIELDS: usize = 100;

/// Reads any object, without looking at its kind.
pub fn read(format: Format, body: &[u8]) -> Result<Decoded, Status> {
    let decoded = decode(format, body)
        .map_err(|error| Status::bad_request(format!("cannot read the request body: {error}")))?;
    if !decoded.object.is_object() {
        return Err(Status::bad_request("cannot read the request body: it is not an object"));
    }
    Ok(decoded)
}

/// Reads an object of `kind`: envelope, types, unknown fields. The result has the row's apiVersion
/// and kind, no nulls and no field that the schema does not know.
pub fn read_object(
    kind: &Kind,
    format: Format,
    body: &[u8],
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Value, Status> {
    let Decoded { mut object, duplicate_fields } = read(format, body)?;
    let row = &kind.row;
    check_envelope(&row.group, &row.version, &row.kind, &object)?;
    set_envelope(row, &mut object);
    let faults = fit_schema(kind, &mut object, duplicate_fields, validation)
        .map_err(|fault| Status::bad_request(cannot_be_handled(row, &fault)))?;
    report(faults, validation, warnings, |text| Status::bad_request(cannot_be_handled(row, text)))?;
    Ok(object)
}

/// The same for the outcome of a patch, whose faults are the patch's (422). `shown` is what the
/// answer names as the invalid value, computed from the patched object.
pub fn fit_patched(
    kind: &Kind,
    mut object: Value,
    shown: impl Fn(&Value) -> String,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
) -> Result<Value, Status> {
    let refuse = |object: &Value, fault: &str| {
        Status::invalid("", "", "", &[FieldError::invalid("patch", shown(object), fault)])
    };
    if !object.is_object() {
        return Err(Status::bad_request("the patch does not leave an object"));
    }
    let row = &kind.row;
    let (api_version, name) = (text(&object, "apiVersion"), text(&object, "kind"));
    if api_version != row.api_version() || name != row.kind {
        let fault = format!("a patch cannot change apiVersion or kind (to {api_version}, {name})");
        return Err(Status::bad_request(fault));
    }
    let faults = match fit_schema(kind, &mut object, Vec::new(), validation) {
        Ok(faults) => faults,
        Err(fault) => return Err(refuse(&object, &fault)),
    };
    report(faults, validation, warnings, |fault| refuse(&object, fault))?;
    Ok(object)
}

fn cannot_be_handled(row: &Resource, fault: &str) -> String {
    format!(
        "{} in version \"{}\" cannot be handled as a {}: {fault}",
        row.kind, row.version, row.kind
    )
}

/// An absent apiVersion or kind is taken as the one of the URL, as upstream does.
pub fn check_envelope(
    group: &str,
    version: &str,
    kind: &str,
    object: &Value,
) -> Result<(), Status> {
    let expected = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    let sent = text(object, "apiVersion");
    let sent_kind = text(object, "kind");
    if !sent_kind.is_empty() && sent_kind != kind {
        let version = sent.rsplit('/').next().unwrap_or_default();
        return Err(Status::bad_request(format!(
            "{sent_kind} in version \"{version}\" cannot be handled as a {kind}"
        )));
    }
    if !sent.is_empty() && sent != expected {
        return Err(Status::bad_request(format!(
            "the API version in the data ({sent}) does not match the expected API version ({expected})"
        )));
    }
    Ok(())
}

pub fn set_envelope(row: &Resource, object: &mut Value) {
    object["apiVersion"] = row.api_version().into();
    object["kind"] = Value::from(row.kind.as_ref());
}

/// Brings the object into the schema's form; the faults found are those that are only told.
fn fit_schema(
    kind: &Kind,
    object: &mut Value,
    duplicates: Vec<String>,
    validation: FieldValidation,
) -> Result<Vec<String>, String> {
    drop_nulls(object);
    let mut faults = Vec::new();
    if let Some(schema) = kind.schema {
        schema.check_types(object).map_err(|error| error.to_string())?;
        if validation != FieldValidation::Ignore {
            let unknown = schema.unknown_fields(object);
            faults.extend(unknown.into_iter().map(|path| format!("unknown field \"{path}\"")));
        }
        schema.prune(object);
    }
    if validation != FieldValidation::Ignore {
        faults.extend(duplicates.into_iter().map(|path| format!("duplicate field \"{path}\"")));
    }
    faults.truncate(MAX_NAMED_FIELDS);
    Ok(faults)
}

fn report(
    faults: Vec<String>,
    validation: FieldValidation,
    warnings: &mut Vec<String>,
    refuse: impl FnOnce(&str) -> Status,
) -> Result<(), Status> {
    match validation {
        FieldValidation::Strict if !faults.is_empty() => {
            Err(refuse(&format!("strict decoding error: {}", faults.join(", "))))
        }
        FieldValidation::Warn => {
            warnings.extend(faults);
            Ok(())
        }
        FieldValidation::Strict | FieldValidation::Ignore => Ok(()),
    }
}
