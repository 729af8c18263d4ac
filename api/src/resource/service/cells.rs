//! What `kubectl get services` shows of a service.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::Column;
use super::super::age::age;
use super::super::fields::{items, number, text, text_or};
use super::super::labels::{NONE, format_labels};

pub(super) fn columns() -> Vec<Column> {
    vec![
        Column::object_name(),
        Column::new("Type", "string", "How the service is reached."),
        Column::new("Cluster-IP", "string", "Address inside the cluster."),
        Column::new("External-IP", "string", "Addresses from outside the cluster."),
        Column::new("Port(s)", "string", "Ports, node ports and protocols."),
        Column::age(),
        Column::wide("Selector", "string", "Labels of the pods behind the service."),
    ]
}

pub(super) fn cells(service: &Value, now: i64) -> Vec<Value> {
    vec![
        text(service, "metadata.name").into(),
        text(service, "spec.type").into(),
        cluster_ip(service).into(),
        external_ip(service).into(),
        ports(service).into(),
        age(service, now).into(),
        format_labels(service, "spec.selector").into(),
    ]
}

fn cluster_ip(service: &Value) -> &str {
    match items(service, "spec.clusterIPs").first().and_then(Value::as_str) {
        Some(ip) if !ip.is_empty() => ip,
        _ => text_or(service, "spec.clusterIP", NONE),
    }
}

fn external_ip(service: &Value) -> String {
    let external = strings(service, "spec.externalIPs");
    match text(service, "spec.type") {
        "ClusterIP" | "NodePort" if external.is_empty() => NONE.to_owned(),
        "ClusterIP" | "NodePort" => external.join(","),
        "LoadBalancer" => {
            let mut all = balancer_addresses(service);
            all.extend(external);
            if all.is_empty() { "<pending>".to_owned() } else { all.join(",") }
        }
        "ExternalName" => text(service, "spec.externalName").to_owned(),
        _ => "<unknown>".to_owned(),
    }
}

fn strings<'a>(service: &'a Value, path: &str) -> Vec<&'a str> {
    items(service, path).iter().filter_map(Value::as_str).collect()
}

/// Sorted, each once. A table has one width for all, so upstream's wide form is used.
fn balancer_addresses(service: &Value) -> Vec<&str> {
    let addresses: BTreeSet<&str> = items(service, "status.loadBalancer.ingress")
        .iter()
        .map(|ingress| match text(ingress, "ip") {
            "" => text(ingress, "hostname"),
            ip => ip,
        })
        .filter(|address| !address.is_empty())
        .collect();
    addresses.into_iter().collect()
}

fn ports(service: &Value) -> String {
    let ports: Vec<String> = items(service, "spec.ports")
        .iter()
        .map(|port| {
            let (number_, protocol) = (number(port, "port"), text(port, "protocol"));
            match number(port, "nodePort") {
                0 => format!("{number_}/{protocol}"),
                node_port => format!("{number_}:{node_port}/{protocol}"),
            }
        })
        .collect();
    if ports.is_empty() { NONE.to_owned() } else { ports.join(",") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(spec: Value, status: Value) -> Vec<Value> {
        let service = json!({"metadata": {"name": "s"}, "spec": spec, "status": status});
        let mut cells = cells(&service, 0);
        cells.remove(5);
        cells
    }

    #[test]
    fn each_type() {
        assert_eq!(
            Value::from(shown(
                json!({"type": "ClusterIP", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"],
                       "selector": {"b": "2", "a": "1"},
                       "ports": [{"port": 80, "protocol": "TCP"}, {"port": 53, "protocol": "UDP"}]}),
                json!({})
            )),
            json!(["s", "ClusterIP", "10.0.0.1", "<none>", "80/TCP,53/UDP", "a=1,b=2"])
        );
        assert_eq!(
            Value::from(shown(
                json!({"type": "NodePort", "externalIPs": ["1.1.1.1"],
                       "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}]}),
                json!({})
            )),
            json!(["s", "NodePort", "<none>", "1.1.1.1", "80:30080/TCP", "<none>"])
        );
        let balancer = json!({"type": "LoadBalancer", "clusterIPs": ["10.0.0.1"]});
        assert_eq!(shown(balancer.clone(), json!({}))[3], "<pending>");
        let status = json!({"loadBalancer": {"ingress": [{"hostname": "z"}, {"ip": "1.2.3.4"}]}});
        assert_eq!(shown(balancer, status)[3], "1.2.3.4,z");
        assert_eq!(
            Value::from(shown(json!({"type": "ExternalName", "externalName": "a.b"}), json!({}))),
            json!(["s", "ExternalName", "<none>", "a.b", "<none>", "<none>"])
        );
        let headless = json!({"type": "ClusterIP", "clusterIP": "None", "clusterIPs": ["None"]});
        assert_eq!(shown(headless, json!({}))[2], "None");
    }
}
