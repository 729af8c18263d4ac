//! What a Service may say although nothing heeds it.

use serde_json::Value;

use super::super::fields::{entry, items, text};

const OLD_HINTS: &str = "service.kubernetes.io/topology-aware-hints";
const HINTS: &str = "service.kubernetes.io/topology-mode";

/// Warnings about a Service, worded as upstream.
pub(super) fn warnings(service: &Value) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut ignored =
        |field: &str, why: &str| warnings.push(format!("spec.{field} is ignored {why}"));
    let has_external_ips = !items(service, "spec.externalIPs").is_empty();
    let external_name = text(service, "spec.type") == "ExternalName";
    if text(service, "spec.type") == "ClusterIP" && text(service, "spec.clusterIP") == "None" {
        const WHY: &str = "for headless services";
        if !text(service, "spec.loadBalancerIP").is_empty() {
            ignored("loadBalancerIP", WHY);
        }
        if has_external_ips {
            ignored("externalIPs", WHY);
        }
        if text(service, "spec.sessionAffinity") != "None" {
            ignored("SessionAffinity", WHY);
        }
    }
    if external_name && has_external_ips {
        ignored("externalIPs", "when spec.type is \"ExternalName\"");
    }
    if !external_name && !text(service, "spec.externalName").is_empty() {
        ignored("externalName", "when spec.type is not \"ExternalName\"");
    }
    if entry(service, "metadata.annotations", OLD_HINTS).is_some() {
        let warning = format!("annotation {OLD_HINTS} is deprecated, please use {HINTS} instead");
        warnings.insert(0, warning);
    }
    warnings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn warns_of_what_is_ignored() {
        let rows = [
            (
                json!({"type": "ClusterIP", "clusterIP": "10.0.0.1", "sessionAffinity": "ClientIP"}),
                vec![],
            ),
            (json!({"type": "ClusterIP", "clusterIP": "None", "sessionAffinity": "None"}), vec![]),
            (
                json!({"type": "ClusterIP", "clusterIP": "None", "sessionAffinity": "ClientIP",
                       "externalIPs": ["1.2.3.4"], "loadBalancerIP": "1.2.3.4"}),
                vec![
                    "spec.loadBalancerIP is ignored for headless services",
                    "spec.externalIPs is ignored for headless services",
                    "spec.SessionAffinity is ignored for headless services",
                ],
            ),
            (
                json!({"type": "NodePort", "externalName": "a.b"}),
                vec!["spec.externalName is ignored when spec.type is not \"ExternalName\""],
            ),
            (
                json!({"type": "ExternalName", "externalName": "a.b", "externalIPs": ["1.2.3.4"]}),
                vec!["spec.externalIPs is ignored when spec.type is \"ExternalName\""],
            ),
        ];
        for (spec, expected) in rows {
            assert_eq!(warnings(&json!({ "spec": spec })), expected);
        }
        let hinted = json!({"metadata": {"annotations": {OLD_HINTS: "auto"}}});
        assert_eq!(
            warnings(&hinted),
            ["annotation service.kubernetes.io/topology-aware-hints is deprecated, please use \
              service.kubernetes.io/topology-mode instead"]
        );
    }
}
