//! Options of a request, from its query and (for deletes) its body.

use api::Status;
use api::resource::fields::{at, items, text};
use serde_json::Value;

use super::deletion::{DeleteOptions, Preconditions, Propagation};

/// What becomes of fields that the schema does not know and of keys given twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FieldValidation {
    Ignore,
    #[default]
    Warn,
    Strict,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    pub dry_run: bool,
    pub field_validation: FieldValidation,
}

/// A request's query, decoded, in order.
#[derive(Clone, Debug, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    pub fn parse(query: Option<&str>) -> Self {
        let decode = |text: &str| {
            let spaced = text.replace('+', " ");
            percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        };
        let pairs = query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                (decode(key), decode(value))
            })
            .collect();
        Self(pairs)
    }

    /// The first value; an empty one counts as absent, as upstream's conversion has it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, v)| v.as_str())
            .filter(|v| !v.is_empty())
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// Absent is false; present and empty, `true` or `1` is true.
    pub fn flag(&self, name: &str) -> bool {
        self.has(name) && self.get(name).is_none_or(|value| value != "false" && value != "0")
    }

    pub fn integer(&self, name: &str) -> Result<Option<i64>, Status> {
        self.get(name)
            .map(|value| {
                value.parse().map_err(|_| {
                    Status::bad_request(format!(
                        "invalid value {value:?} for parameter {name}: not an integer"
                    ))
                })
            })
            .transpose()
    }

    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl WriteOptions {
    pub fn parse(query: &Query, kind: &str) -> Result<Self, Status> {
        let field_validation = match query.get("fieldValidation") {
            None | Some("Warn") => FieldValidation::Warn,
            Some("Ignore") => FieldValidation::Ignore,
            Some("Strict") => FieldValidation::Strict,
            Some(other) => {
                return Err(invalid_option(
                    kind,
                    "fieldValidation",
                    other,
                    &["Ignore", "Strict", "Warn"],
                ));
            }
        };
        let dry_run = dry_run(query.all("dryRun").filter(|value| !value.is_empty()), kind)?;
        Ok(Self { dry_run, field_validation })
    }
}

fn dry_run<'a>(values: impl Iterator<Item = &'a str>, kind: &str) -> Result<bool, Status> {
    let mut dry = false;
    for value in values {
        if value != "All" {
            return Err(invalid_option(kind, "dryRun", value, &["All"]));
        }
        dry = true;
    }
    Ok(dry)
}

fn invalid_option(kind: &str, field: &str, value: &str, supported: &[&str]) -> Status {
    let error = api::validation::FieldError::not_supported(field, value, supported);
    Status::invalid("meta.k8s.io", kind, "", &[error])
}

/// Options of a delete: the body where there is one, otherwise the query.
pub fn delete_options(query: &Query, body: Option<&Value>) -> Result<DeleteOptions, Status> {
    const KIND: &str = "DeleteOptions";
    let Some(body) = body else {
        return Ok(DeleteOptions {
            grace_period_seconds: grace(query.integer("gracePeriodSeconds")?)?,
            preconditions: Preconditions::default(),
            propagation: propagation(
                query.get("propagationPolicy"),
                query.get("orphanDependents").map(|value| value == "true" || value == "1"),
            )?,
            dry_run: dry_run(query.all("dryRun").filter(|value| !value.is_empty()), KIND)?,
        });
    };
    let kind = text(body, "kind");
    if !kind.is_empty() && kind != KIND {
        return Err(Status::bad_request(format!(
            "decoded object cannot be converted to DeleteOptions: kind is {kind:?}"
        )));
    }
    let precondition =
        |name: &str| at(body, "preconditions").and_then(|p| p.get(name)).and_then(Value::as_str);
    Ok(DeleteOptions {
        grace_period_seconds: grace(at(body, "gracePeriodSeconds").and_then(Value::as_i64))?,
        preconditions: Preconditions {
            uid: precondition("uid").map(str::to_owned),
            resource_version: precondition("resourceVersion").map(str::to_owned),
        },
        propagation: propagation(
            Some(text(body, "propagationPolicy")).filter(|policy| !policy.is_empty()),
            at(body, "orphanDependents").and_then(Value::as_bool),
        )?,
        dry_run: dry_run(items(body, "dryRun").iter().filter_map(Value::as_str), KIND)?
            || dry_run(query.all("dryRun").filter(|value| !value.is_empty()), KIND)?,
    })
}

fn grace(seconds: Option<i64>) -> Result<Option<i64>, Status> {
    // Upstream takes a negative period as "one second".
    Ok(seconds.map(|seconds| if seconds < 0 { 1 } else { seconds }))
}

fn propagation(policy: Option<&str>, orphan: Option<bool>) -> Result<Option<Propagation>, Status> {
    match (policy, orphan) {
        (Some(_), Some(_)) => {
            let error = api::validation::FieldError::invalid(
                "propagationPolicy",
                policy.unwrap_or_default(),
                "orphanDependents and deletionPropagation cannot be both set",
            );
            Err(Status::invalid("meta.k8s.io", "DeleteOptions", "", &[error]))
        }
        (Some("Background"), None) => Ok(Some(Propagation::Background)),
        (Some("Foreground"), None) => Ok(Some(Propagation::Foreground)),
        (Some("Orphan"), None) => Ok(Some(Propagation::Orphan)),
        (Some(other), None) => Err(invalid_option(
            "DeleteOptions",
            "propagationPolicy",
            other,
            &["Background", "Foreground", "Orphan"],
        )),
        (None, Some(true)) => Ok(Some(Propagation::Orphan)),
        (None, Some(false)) => Ok(Some(Propagation::Background)),
        (None, None) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn queries_decode_and_default() {
        let query = Query::parse(Some("labelSelector=a%3Db%2Cc+in+(d)&watch=&limit=5&dryRun="));
        assert_eq!(query.get("labelSelector"), Some("a=b,c in (d)"));
        assert!(query.flag("watch") && !query.flag("follow"));
        assert_eq!(query.integer("limit"), Ok(Some(5)));
        assert_eq!(Query::parse(Some("limit=x")).integer("limit").unwrap_err().code, 400);
        assert_eq!(WriteOptions::parse(&query, "CreateOptions"), Ok(WriteOptions::default()));
    }

    #[test]
    fn unknown_option_values_are_refused() {
        for query in ["dryRun=Some", "fieldValidation=Loose"] {
            let refused =
                WriteOptions::parse(&Query::parse(Some(query)), "PatchOptions").unwrap_err();
            assert_eq!(refused.code, 422, "{query}");
        }
        let strict = Query::parse(Some("dryRun=All&fieldValidation=Strict"));
        assert_eq!(
            WriteOptions::parse(&strict, "PatchOptions"),
            Ok(WriteOptions { dry_run: true, field_validation: FieldValidation::Strict })
        );
    }

    #[test]
    fn delete_options_come_from_body_or_query() {
        let none = Query::default();
        let body = json!({
            "kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Foreground",
            "gracePeriodSeconds": 5, "preconditions": {"uid": "u"}, "dryRun": ["All"],
        });
        let options = delete_options(&none, Some(&body)).unwrap();
        assert_eq!(options.propagation, Some(Propagation::Foreground));
        assert_eq!(options.grace_period_seconds, Some(5));
        assert_eq!(options.preconditions.uid.as_deref(), Some("u"));
        assert!(options.dry_run);
        let query = Query::parse(Some("gracePeriodSeconds=0&propagationPolicy=Orphan"));
        let options = delete_options(&query, None).unwrap();
        assert_eq!(options.grace_period_seconds, Some(0));
        assert_eq!(options.propagation, Some(Propagation::Orphan));
        let both = json!({"propagationPolicy": "Orphan", "orphanDependents": true});
        assert_eq!(delete_options(&none, Some(&both)).unwrap_err().code, 422);
        let other = json!({"kind": "Pod"});
        assert_eq!(delete_options(&none, Some(&other)).unwrap_err().code, 400);
    }
}
