//! Those objects, as values.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

pub const NAMESPACES: [&str; 4] = ["default", "kube-system", "kube-public", "kube-node-lease"];

pub fn namespace(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })
}

/// `default/kubernetes`: how pods find the apiserver.
pub fn service(address: Ipv4Addr, target: u16) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": { "component": "apiserver", "provider": "kubernetes" },
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address.to_string(),
            "clusterIPs": [address.to_string()],
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
            "ports": [{ "name": "https", "port": 443, "protocol": "TCP", "targetPort": target }],
        },
    })
}

pub fn endpoints(advertise: SocketAddr) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            // Upstream's mark for "do not mirror me into an EndpointSlice": there is one below.
            "labels": { "endpointslice.kubernetes.io/skip-mirror": "true" },
        },
        "subsets": [{
            "addresses": [{ "ip": advertise.ip().to_string() }],
            "ports": [{ "name": "https", "port": advertise.port(), "protocol": "TCP" }],
        }],
    })
}

pub fn endpoint_slice(advertise: SocketAddr) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": { "kubernetes.io/service-name": "kubernetes" },
        },
        "addressType": match advertise.ip() {
            IpAddr::V4(_) => "IPv4",
            IpAddr::V6(_) => "IPv6",
        },
        "endpoints": [{
            "addresses": [advertise.ip().to_string()],
            "conditions": { "ready": true },
        }],
        "ports": [{ "name": "https", "port": advertise.port(), "protocol": "TCP" }],
    })
}

/// Whether an endpoint object can name this address: upstream forbids loopback and unspecified
/// addresses in Endpoints, and a pod could not use them.
pub fn is_reachable(ip: IpAddr) -> bool {
    !ip.is_loopback() && !ip.is_unspecified() && !ip.is_multicast()
}
