//! What is to be done about one namespace's ConfigMap.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use serde_json::{Value, json};

use crate::objects::Light;
use crate::write::merge_difference;

pub const FIELD: &str = "ca.crt";

#[derive(Debug, PartialEq)]
pub enum Plan {
    Nothing,
    Create,
    /// The content differs (somebody edited it, or the CA is a new one): a merge patch of `data`.
    Correct(Value),
}

pub fn plan(namespace: Option<&Namespace>, existing: Option<&ConfigMap>, pem: &str) -> Plan {
    if namespace.is_none_or(Light::is_terminating) {
        return Plan::Nothing;
    }
    let Some(existing) = existing else { return Plan::Create };
    let data = existing.data.clone().unwrap_or_default();
    match merge_difference(&json!(data), &json!({FIELD: pem})) {
        Some(patch) => Plan::Correct(patch),
        None => Plan::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::at;

    #[test]
    fn each_live_namespace_has_exactly_the_ca() {
        let live = Namespace::default();
        let mut dying = Namespace::default();
        dying.metadata.deletion_timestamp = Some(crate::clock::stamp(at(1)));
        let holding = |entries: &[(&str, &str)]| ConfigMap {
            data: Some(
                entries.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
            ),
            ..ConfigMap::default()
        };
        let (good, other) = (holding(&[(FIELD, "pem")]), holding(&[(FIELD, "old")]));
        let more = holding(&[(FIELD, "pem"), ("extra", "")]);
        let cases = [
            (None, None, Plan::Nothing),
            (Some(&dying), None, Plan::Nothing),
            (Some(&live), None, Plan::Create),
            (Some(&live), Some(&good), Plan::Nothing),
            (Some(&live), Some(&other), Plan::Correct(json!({FIELD: "pem"}))),
            (Some(&live), Some(&more), Plan::Correct(json!({"extra": null}))),
            (Some(&live), Some(&ConfigMap::default()), Plan::Correct(json!({FIELD: "pem"}))),
        ];
        for (namespace, existing, expected) in cases {
            assert_eq!(plan(namespace, existing, "pem"), expected, "{existing:?}");
        }
    }
}
