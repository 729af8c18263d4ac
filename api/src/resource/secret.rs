//! Secrets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::age::age;
use super::config_map::{MAX_DATA_BYTES, base64_bytes, validate_frozen};
use super::fields::{ensure, entry, map, set_default, text};
use super::{Column, Resource, Strategy};
use crate::validation::{FieldError, names};

const SERVICE_ACCOUNT_NAME: &str = "kubernetes.io/service-account.name";

pub fn row() -> Resource {
    Resource::row("Secret", "secrets", SecretStrategy).selectable(&["type"]).columns(vec![
        Column::object_name(),
        Column::new("Type", "string", "What the secret is for."),
        Column::new("Data", "string", "Number of keys."),
        Column::age(),
    ])
}

struct SecretStrategy;

impl Strategy for SecretStrategy {
    /// `stringData` is for writing only: it goes into `data`, over what is there.
    fn default(&self, secret: &mut Value) {
        set_default(secret, "", "type", "Opaque");
        let Some(Value::Object(plain)) =
            secret.as_object_mut().and_then(|secret| secret.remove("stringData"))
        else {
            return;
        };
        if plain.is_empty() {
            return;
        }
        let Some(data) = ensure(secret, "data") else { return };
        for (key, value) in plain {
            let encoded = STANDARD.encode(value.as_str().unwrap_or_default());
            data.insert(key, encoded.into());
        }
    }

    fn validate(&self, secret: &Value) -> Vec<FieldError> {
        let mut errors = Vec::new();
        for (key, value) in map(secret, "data").into_iter().flatten() {
            let path = format!("data[{key}]");
            errors.extend(
                names::config_key(key)
                    .into_iter()
                    .map(|fault| FieldError::invalid(&path, key.as_str(), fault)),
            );
            if STANDARD.decode(value.as_str().unwrap_or_default()).is_err() {
                // The value is not shown: it was meant to be a secret.
                errors.push(FieldError::invalid(
                    &path,
                    "<contents redacted>",
                    "illegal base64 data",
                ));
            }
        }
        if base64_bytes(secret, "data") > MAX_DATA_BYTES {
            errors.push(FieldError::too_long("data", MAX_DATA_BYTES));
        }
        errors.extend(validate_type(secret));
        errors
    }

    fn validate_update(&self, secret: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = self.validate(secret);
        let kind = text(secret, "type");
        if kind != text(old, "type") {
            errors.push(FieldError::invalid("type", kind, "field is immutable"));
        }
        errors.extend(validate_frozen(secret, old, &["data"]));
        errors
    }

    fn selectable_values(&self, secret: &Value) -> Vec<String> {
        vec![text(secret, "type").to_owned()]
    }

    fn cells(&self, secret: &Value, now: i64) -> Vec<Value> {
        vec![
            text(secret, "metadata.name").into(),
            text(secret, "type").into(),
            map(secret, "data").map_or(0, serde_json::Map::len).into(),
            age(secret, now).into(),
        ]
    }
}

/// What each of the well-known types must hold.
fn validate_type(secret: &Value) -> Vec<FieldError> {
    let missing = |key: &str| map(secret, "data").is_none_or(|data| !data.contains_key(key));
    let required = |keys: &[&str]| {
        keys.iter()
            .filter(|key| missing(key))
            .map(|key| FieldError::required(format!("data[{key}]"), ""))
            .collect()
    };
    match text(secret, "type") {
        "kubernetes.io/dockerconfigjson" => validate_json(secret, ".dockerconfigjson"),
        "kubernetes.io/dockercfg" => validate_json(secret, ".dockercfg"),
        "kubernetes.io/tls" => required(&["tls.crt", "tls.key"]),
        "kubernetes.io/ssh-auth" => required(&["ssh-privatekey"]),
        "kubernetes.io/basic-auth" if missing("username") && missing("password") => {
            required(&["username", "password"])
        }
        "kubernetes.io/service-account-token"
            if entry(secret, "metadata.annotations", SERVICE_ACCOUNT_NAME)
                .unwrap_or_default()
                .is_empty() =>
        {
            vec![FieldError::required(format!("metadata.annotations[{SERVICE_ACCOUNT_NAME}]"), "")]
        }
        _ => Vec::new(),
    }
}

fn validate_json(secret: &Value, key: &str) -> Vec<FieldError> {
    let path = format!("data[{key}]");
    let Some(encoded) = entry(secret, "data", key) else {
        return vec![FieldError::required(path, "")];
    };
    let decoded = STANDARD.decode(encoded).unwrap_or_default();
    match serde_json::from_slice::<serde_json::Map<String, Value>>(&decoded) {
        Ok(_) => Vec::new(),
        Err(error) => {
            vec![FieldError::invalid(path, "<secret contents redacted>", error.to_string())]
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::validation::aggregate;

    #[test]
    fn string_data_becomes_data() {
        let mut secret = json!({"data": {"a": "MQ==", "b": "MQ=="}, "stringData": {"a": "hello"}});
        SecretStrategy.default(&mut secret);
        assert_eq!(secret, json!({"type": "Opaque", "data": {"a": "aGVsbG8=", "b": "MQ=="}}));
        assert_eq!(SecretStrategy.cells(&secret, 0)[1..3], [json!("Opaque"), json!(2)]);
    }

    #[test]
    fn validates() {
        let check = |object: Value| aggregate(&SecretStrategy.validate(&object));
        assert_eq!(check(json!({"type": "Opaque"})), "[]");
        assert_eq!(
            check(json!({"type": "kubernetes.io/tls", "data": {"tls.crt": ""}})),
            "data[tls.key]: Required value"
        );
        assert_eq!(
            check(json!({"type": "kubernetes.io/basic-auth"})),
            "[data[username]: Required value, data[password]: Required value]"
        );
        assert_eq!(
            check(json!({"data": {"a": "not base64"}})),
            "data[a]: Invalid value: \"<contents redacted>\": illegal base64 data"
        );
        assert_eq!(
            check(json!({"data": {"a": STANDARD.encode("x".repeat(1_048_577))}})),
            "data: Too long: may not be more than 1048576 bytes"
        );
        assert_eq!(
            check(json!({"type": "kubernetes.io/service-account-token"})),
            "metadata.annotations[kubernetes.io/service-account.name]: Required value"
        );
        assert!(
            check(json!({"type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": "MQ=="}}))
            .starts_with("data[.dockerconfigjson]: Invalid")
        );
        assert_eq!(
            aggregate(
                &SecretStrategy.validate_update(&json!({"type": "a"}), &json!({"type": "b"}))
            ),
            "type: Invalid value: \"a\": field is immutable"
        );
    }
}
