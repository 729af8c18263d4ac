//! The row and the strategy of services.

use serde_json::{Map, Value, json};

use super::super::fields::{ensure, flag, has, items, items_mut, number, set_default, text};
use super::super::{Resource, Strategy};
use super::{cells, validate, warnings};
use crate::validation::FieldError;
use crate::validation::names::{self, NameCheck};

const CLIENT_IP_TIMEOUT_SECONDS: i64 = 10_800;

pub fn row() -> Resource {
    Resource::row("Service", "services", ServiceStrategy)
        .short_names(&["svc"])
        .in_all()
        .status()
        .stored_at("/registry/services/specs")
        .selectable(&["spec.clusterIP", "spec.type"])
        .columns(cells::columns())
}

struct ServiceStrategy;

impl Strategy for ServiceStrategy {
    fn has_status(&self) -> bool {
        true
    }

    fn name_check(&self) -> NameCheck {
        names::dns1035_label
    }

    fn default(&self, service: &mut Value) {
        if ensure(service, "spec").is_none() {
            return;
        }
        set_default(service, "spec", "sessionAffinity", "None");
        set_default(service, "spec", "type", "ClusterIP");
        if text(service, "spec.sessionAffinity") == "ClientIP" {
            default_affinity_timeout(service);
        }
        for port in items_mut(service, "spec.ports") {
            default_port(port);
        }
        let kind = text(service, "spec.type").to_owned();
        if matches!(kind.as_str(), "NodePort" | "LoadBalancer") {
            set_default(service, "spec", "externalTrafficPolicy", "Cluster");
        }
        if kind == "LoadBalancer" {
            set_default(service, "spec", "allocateLoadBalancerNodePorts", true);
        }
        if kind != "ExternalName" {
            set_default(service, "spec", "internalTrafficPolicy", "Cluster");
            default_families(service);
        }
    }

    fn prepare_for_create(&self, service: &mut Value) {
        service["status"] = json!({"loadBalancer": {}});
    }

    /// A client that leaves out what was allocated keeps it; one that changes the type loses
    /// what the new type has no use for.
    fn prepare_for_update(&self, service: &mut Value, old: &Value) {
        link_cluster_ips(service, old);
        keep_allocated(service, old);
        drop_useless(service, old);
    }

    fn validate(&self, service: &Value) -> Vec<FieldError> {
        validate::validate(service)
    }

    fn warnings(&self, service: &Value) -> Vec<String> {
        warnings::warnings(service)
    }

    /// A Service has no generation, and upstream repeats its warnings with every change.
    fn update_warnings(&self, service: &Value, _old: &Value) -> Vec<String> {
        warnings::warnings(service)
    }

    fn validate_update(&self, service: &Value, old: &Value) -> Vec<FieldError> {
        let mut errors = validate::validate(service);
        errors.extend(validate::cluster_ip_stays(service, old));
        errors
    }

    fn selectable_values(&self, service: &Value) -> Vec<String> {
        vec![text(service, "spec.clusterIP").to_owned(), text(service, "spec.type").to_owned()]
    }

    fn cells(&self, service: &Value, now: i64) -> Vec<Value> {
        cells::cells(service, now)
    }
}

fn default_affinity_timeout(service: &mut Value) {
    if let Some(client) = ensure(service, "spec.sessionAffinityConfig.clientIP") {
        client.entry("timeoutSeconds").or_insert_with(|| CLIENT_IP_TIMEOUT_SECONDS.into());
    }
}

/// The target port is the port itself unless it says otherwise.
fn default_port(port: &mut Value) {
    set_default(port, "", "protocol", "TCP");
    let target = port.get("targetPort");
    let unset = match target {
        None | Some(Value::Null) => true,
        Some(target) => target.as_i64() == Some(0) || target.as_str() == Some(""),
    };
    let number = number(port, "port");
    if unset && let Some(port) = port.as_object_mut() {
        port.insert("targetPort".to_owned(), number.into());
    }
}

/// One family, that of the address if one is given; `clusterIPs` repeats `clusterIP`.
fn default_families(service: &mut Value) {
    let ip = text(service, "spec.clusterIP").to_owned();
    let families = items(service, "spec.ipFamilies").len();
    let policy = if families > 1 { "RequireDualStack" } else { "SingleStack" };
    set_default(service, "spec", "ipFamilyPolicy", policy);
    let family = if ip.contains(':') { "IPv6" } else { "IPv4" };
    set_default(service, "spec", "ipFamilies", json!([family]));
    if !ip.is_empty() && items(service, "spec.clusterIPs").is_empty() {
        service["spec"]["clusterIPs"] = json!([ip]);
    }
    let first = items(service, "spec.clusterIPs").first().cloned();
    if let Some(first) = first {
        set_default(service, "spec", "clusterIP", first);
    }
}

fn uses_cluster_ip(service: &Value) -> bool {
    matches!(text(service, "spec.type"), "ClusterIP" | "NodePort" | "LoadBalancer")
}

fn uses_node_ports(service: &Value) -> bool {
    match text(service, "spec.type") {
        "NodePort" => true,
        "LoadBalancer" => {
            !has(service, "spec.allocateLoadBalancerNodePorts")
                || flag(service, "spec.allocateLoadBalancerNodePorts")
        }
        _ => false,
    }
}

fn spec_mut(service: &mut Value) -> Option<&mut Map<String, Value>> {
    service.get_mut("spec")?.as_object_mut()
}

/// A client that changed `clusterIP` and left `clusterIPs` as it was meant both, as upstream.
fn link_cluster_ips(service: &mut Value, old: &Value) {
    let ip = text(service, "spec.clusterIP").to_owned();
    let plural = |service: &Value| items(service, "spec.clusterIPs").to_vec();
    if ip.is_empty() || ip == text(old, "spec.clusterIP") || plural(service) != plural(old) {
        return;
    }
    if let Some(first) = items_mut(service, "spec.clusterIPs").first_mut() {
        *first = ip.into();
    }
}

fn keep_allocated(service: &mut Value, old: &Value) {
    if uses_cluster_ip(service)
        && uses_cluster_ip(old)
        && text(service, "spec.clusterIP").is_empty()
        && items(service, "spec.clusterIPs").is_empty()
        && let Some(spec) = spec_mut(service)
    {
        for field in ["clusterIP", "clusterIPs"] {
            if let Some(value) = old["spec"].get(field) {
                spec.insert(field.to_owned(), value.clone());
            }
        }
    }
    if !(uses_node_ports(service) && uses_node_ports(old)) {
        return;
    }
    let same = |a: &Value, b: &Value| {
        number(a, "port") == number(b, "port") && text(a, "protocol") == text(b, "protocol")
    };
    let taken: Vec<i64> =
        items(service, "spec.ports").iter().map(|port| number(port, "nodePort")).collect();
    for port in items_mut(service, "spec.ports") {
        if number(port, "nodePort") != 0 {
            continue;
        }
        let before = items(old, "spec.ports").iter().find(|before| same(before, port));
        let node_port = before.map_or(0, |before| number(before, "nodePort"));
        if node_port != 0
            && !taken.contains(&node_port)
            && let Some(port) = port.as_object_mut()
        {
            port.insert("nodePort".to_owned(), node_port.into());
        }
    }
}

/// Values that only the old type needed go, unless the client changed them on purpose (then
/// validation says that they may not be there).
fn drop_useless(service: &mut Value, old: &Value) {
    if uses_cluster_ip(old) && !uses_cluster_ip(service) {
        let unchanged = |field: &str| service["spec"].get(field) == old["spec"].get(field);
        if unchanged("clusterIP")
            && unchanged("clusterIPs")
            && let Some(spec) = spec_mut(service)
        {
            for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                spec.remove(field);
            }
        }
    }
    if uses_node_ports(old) && !uses_node_ports(service) {
        let before: Vec<i64> =
            items(old, "spec.ports").iter().map(|port| number(port, "nodePort")).collect();
        for port in items_mut(service, "spec.ports") {
            if before.contains(&number(port, "nodePort"))
                && let Some(port) = port.as_object_mut()
            {
                port.remove("nodePort");
            }
        }
    }
    let external =
        |service: &Value| matches!(text(service, "spec.type"), "NodePort" | "LoadBalancer");
    if external(old) && !external(service) {
        let same = service["spec"].get("externalTrafficPolicy")
            == old["spec"].get("externalTrafficPolicy");
        if same && let Some(spec) = spec_mut(service) {
            spec.remove("externalTrafficPolicy");
        }
    }
    let was_balancer = text(old, "spec.type") == "LoadBalancer";
    if was_balancer
        && text(service, "spec.type") != "LoadBalancer"
        && let Some(spec) = spec_mut(service)
    {
        spec.remove("allocateLoadBalancerNodePorts");
        spec.remove("healthCheckNodePort");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaulted(spec: Value) -> Value {
        let mut service = json!({"spec": spec});
        ServiceStrategy.default(&mut service);
        let once = service.clone();
        ServiceStrategy.default(&mut service);
        assert_eq!(service, once, "defaulting twice changes nothing");
        service["spec"].take()
    }

    #[test]
    fn defaults() {
        assert_eq!(
            defaulted(json!({"ports": [{"port": 80}, {"port": 81, "targetPort": "web"}]})),
            json!({
                "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster",
                "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
                "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP"},
                          {"port": 81, "targetPort": "web", "protocol": "TCP"}]})
        );
        let headless = defaulted(json!({"clusterIP": "None"}));
        assert_eq!(headless["clusterIPs"], json!(["None"]));
        assert_eq!(
            defaulted(json!({"type": "ExternalName", "externalName": "a.b"})),
            json!({"type": "ExternalName", "externalName": "a.b", "sessionAffinity": "None"})
        );
        let sticky = defaulted(json!({"sessionAffinity": "ClientIP"}));
        assert_eq!(sticky["sessionAffinityConfig"], json!({"clientIP": {"timeoutSeconds": 10800}}));
        let balancer = defaulted(json!({"type": "LoadBalancer"}));
        assert_eq!(balancer["externalTrafficPolicy"], "Cluster");
        assert_eq!(balancer["allocateLoadBalancerNodePorts"], true);
    }

    #[test]
    fn a_replace_keeps_what_was_allocated() {
        let old = json!({"spec": {"type": "NodePort", "clusterIP": "10.0.0.1",
            "clusterIPs": ["10.0.0.1"],
            "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30000}]}});
        let mut new = json!({"spec": {"type": "NodePort",
            "ports": [{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "TCP"}]}});
        ServiceStrategy.prepare_for_update(&mut new, &old);
        assert_eq!(new["spec"]["clusterIP"], "10.0.0.1");
        assert_eq!(new["spec"]["clusterIPs"], json!(["10.0.0.1"]));
        assert_eq!(new["spec"]["ports"][0]["nodePort"], 30000);
        assert_eq!(new["spec"]["ports"][1].get("nodePort"), None);
    }

    #[test]
    fn an_address_changed_in_one_field_is_changed_in_both() {
        let old = json!({"spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1",
            "clusterIPs": ["10.0.0.1"]}});
        let mut new = old.clone();
        new["spec"]["clusterIP"] = json!("10.0.0.2");
        ServiceStrategy.prepare_for_update(&mut new, &old);
        assert_eq!(new["spec"]["clusterIPs"], json!(["10.0.0.2"]));
        let errors = crate::validation::aggregate(&ServiceStrategy.validate_update(&new, &old));
        assert!(
            errors.contains(
                "spec.clusterIPs[0]: Invalid value: [\"10.0.0.2\"]: may not change once set"
            ),
            "{errors}"
        );
        assert!(!errors.contains("first value must match"), "{errors}");
    }

    #[test]
    fn a_change_of_type_drops_what_it_has_no_use_for() {
        let old = json!({"spec": {"type": "NodePort", "clusterIP": "10.0.0.1",
            "clusterIPs": ["10.0.0.1"], "externalTrafficPolicy": "Cluster",
            "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30000}]}});
        let mut new = old.clone();
        new["spec"]["type"] = json!("ClusterIP");
        ServiceStrategy.prepare_for_update(&mut new, &old);
        assert_eq!(
            new,
            json!({"spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1",
                "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80, "protocol": "TCP"}]}})
        );
        let mut new = old.clone();
        new["spec"]["type"] = json!("ExternalName");
        ServiceStrategy.prepare_for_update(&mut new, &old);
        assert_eq!(new["spec"].get("clusterIP"), None);
    }
}
