//! Which requests are approved without a person.
//!
//! Client certificates of kubelets as upstream: one that joins asks for any node, a node for
//! itself. Serving certificates are left to people upstream, because a node says itself which
//! addresses it has. Here a node's own request is approved if it names nothing but the node and the
//! addresses that its Node object has by then, and no name by which others find the API: who runs a
//! node can already answer for these addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use api::resource::certificate_signing_request::{APISERVER_CLIENT_KUBELET, KUBELET_SERVING};
use client::light::Node;

use super::kubelet::{check_client, check_serving, node_of};
use super::request::Asked;

const NODES: &str = "system:nodes";
/// Who may ask for a certificate of any node.
const INTRODUCERS: [&str; 2] = ["system:bootstrappers", "system:masters"];

/// Why a request is approved, for its condition; `None` leaves it pending.
///
/// `node` finds the Node object of a name.
pub fn approval(asked: &Asked<'_>, node: impl Fn(&str) -> Option<Node>) -> Option<&'static str> {
    match asked.signer {
        APISERVER_CLIENT_KUBELET => client_approval(asked),
        KUBELET_SERVING => serving_approval(asked, node),
        _ => None,
    }
}

fn client_approval(asked: &Asked<'_>) -> Option<&'static str> {
    check_client(&asked.request, &asked.usages).ok()?;
    if is_own(asked) {
        return Some("Auto approving self kubelet client certificate: a node asks for itself.");
    }
    let introduces = INTRODUCERS.iter().any(|group| asked.is_in(group));
    introduces.then_some("Auto approving kubelet client certificate: asked for by who may join.")
}

fn serving_approval(
    asked: &Asked<'_>,
    node: impl Fn(&str) -> Option<Node>,
) -> Option<&'static str> {
    check_serving(&asked.request, &asked.usages).ok()?;
    let name = node_of(&asked.request).filter(|_| is_own(asked))?;
    let addresses = addresses_of(&node(name)?);
    let names = asked.request.alternative_names();
    let is_the_nodes = names.hosts.iter().all(|host| host == name && !finds_the_api(host))
        && names.addresses.iter().all(|address| addresses.contains(address));
    is_the_nodes.then_some("Auto approving kubelet serving certificate: it names its node alone.")
}

/// A node that asks for itself.
fn is_own(asked: &Asked<'_>) -> bool {
    asked.is_in(NODES) && asked.request.subject().common_name() == Some(asked.user)
}

fn addresses_of(node: &Node) -> BTreeSet<IpAddr> {
    let addresses = node.status.addresses.iter();
    addresses.filter_map(|address| address.address.parse().ok()).collect()
}

fn finds_the_api(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    host == "localhost" || host == "kubernetes" || host.starts_with("kubernetes.")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::NodeAddress;

    use super::super::fixtures::csr;
    use super::*;

    const CLIENT: [&str; 2] = ["digital signature", "client auth"];
    const SERVING: [&str; 2] = ["digital signature", "server auth"];

    fn node(name: &str) -> Option<Node> {
        if name == "unknown" {
            return None;
        }
        let mut node = Node::default();
        node.status.addresses =
            vec![NodeAddress { type_: "InternalIP".to_owned(), address: "10.0.0.1".to_owned() }];
        Some(node)
    }

    /// Whether it is approved: signer, who asks (user and group), for which node, names.
    fn approved(signer: &str, by: (&str, &str), name: &str, names: &[&str]) -> bool {
        let usages = if signer == KUBELET_SERVING { SERVING } else { CLIENT };
        let subject = format!("system:node:{name}");
        let csr = csr(signer, by.0, &[by.1], &subject, &["system:nodes"], names, &usages);
        approval(&Asked::read(&csr).expect("readable"), node).is_some()
    }

    #[test]
    fn client_certificates() {
        let approved = |by, name| approved(APISERVER_CLIENT_KUBELET, by, name, &[]);
        assert!(approved(("system:bootstrap:abcdef", "system:bootstrappers"), "n"));
        assert!(approved(("admin", "system:masters"), "n"));
        assert!(approved(("system:node:n", "system:nodes"), "n"));
        assert!(!approved(("system:node:n", "system:nodes"), "m"), "of another node");
        assert!(!approved(("system:node:n", "others"), "n"), "a name without the group");
        assert!(!approved(("jane", "system:authenticated"), "n"));
    }

    #[test]
    fn serving_certificates() {
        let own = ("system:node:n", "system:nodes");
        let approved_for = |by, name, names: &[&str]| approved(KUBELET_SERVING, by, name, names);
        assert!(approved_for(own, "n", &["n", "10.0.0.1"]));
        assert!(!approved_for(own, "n", &["n", "10.0.0.2"]));
        assert!(!approved_for(own, "n", &["m"]));
        assert!(!approved_for(own, "n", &["localhost"]));
        assert!(!approved_for(own, "m", &["m"]));
        assert!(!approved_for(("a", "system:bootstrappers"), "n", &["n"]));
        let imposter = ("system:node:kubernetes.default", "system:nodes");
        assert!(!approved_for(imposter, "kubernetes.default", &["kubernetes.default"]));
        let early = ("system:node:unknown", "system:nodes");
        assert!(!approved_for(early, "unknown", &["unknown"]), "before its Node is there");
    }

    #[test]
    fn other_signers_are_left_alone() {
        let own = ("system:node:n", "system:nodes");
        for signer in ["kubernetes.io/kube-apiserver-client", "example.com/s"] {
            assert!(!approved(signer, own, "n", &[]));
        }
    }
}
