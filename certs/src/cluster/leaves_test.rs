//! The table against what kubeadm 1.35 makes.

use super::leaves::{LEAVES, LeafSpec, Place};
use super::{AuthorityKind, HostNames};
use crate::leaf::Usage;

fn host() -> HostNames {
    HostNames {
        node_name: "n1".to_owned(),
        addresses: vec!["192.0.2.7".parse().expect("literal")],
        service_address: Some("10.96.0.1".parse().expect("literal")),
    }
}

#[test]
fn subjects_and_usages_are_kubeadm_s() {
    use AuthorityKind::{Etcd, FrontProxy, Kubernetes};
    use Usage::{Both, Client, Server};
    let admins = Some("kubeadm:cluster-admins");
    let masters = Some("system:masters");
    let nodes = Some("system:nodes");
    let rows = [
        ("admin.conf", Kubernetes, "kubernetes-admin", masters, Client),
        ("apiserver", Kubernetes, "kube-apiserver", None, Server),
        ("apiserver-etcd-client", Etcd, "kube-apiserver-etcd-client", None, Client),
        ("apiserver-kubelet-client", Kubernetes, "kube-apiserver-kubelet-client", admins, Client),
        ("controller-manager.conf", Kubernetes, "system:kube-controller-manager", None, Client),
        ("etcd-healthcheck-client", Etcd, "kube-etcd-healthcheck-client", None, Client),
        ("etcd-peer", Etcd, "n1", None, Both),
        ("etcd-server", Etcd, "n1", None, Both),
        ("front-proxy-client", FrontProxy, "front-proxy-client", None, Client),
        ("kubelet-server", Kubernetes, "system:node:n1", nodes, Server),
        ("kubelet.conf", Kubernetes, "system:node:n1", nodes, Client),
        ("scheduler.conf", Kubernetes, "system:kube-scheduler", None, Client),
        ("super-admin.conf", Kubernetes, "kubernetes-super-admin", masters, Client),
    ];
    assert_eq!(rows.len(), LEAVES.len());
    for (spec, (name, authority, common_name, organization, usage)) in LEAVES.iter().zip(rows) {
        let leaf = spec.leaf(&host());
        assert_eq!((spec.name, spec.authority), (name, authority));
        assert_eq!(leaf.common_name, common_name, "{name}");
        assert_eq!(leaf.organization.as_deref(), organization, "{name}");
        assert_eq!(leaf.usage, usage, "{name}");
    }
}

#[test]
fn only_the_administrator_s_kubeconfigs_are_of_the_masters() {
    let masters = |spec: &&LeafSpec| spec.organizations.contains(&super::leaves::MASTERS);
    let names: Vec<&str> = LEAVES.iter().filter(masters).map(|spec| spec.name).collect();
    assert_eq!(names, ["admin.conf", "super-admin.conf"]);
}

#[test]
fn files_lie_where_kubeadm_puts_them() {
    let paths = LEAVES.iter().filter_map(|spec| match spec.place {
        Place::Pair(path) => Some(path),
        Place::Kubeconfig(_) => None,
    });
    let expected = [
        "apiserver",
        "apiserver-etcd-client",
        "apiserver-kubelet-client",
        "etcd/healthcheck-client",
        "etcd/peer",
        "etcd/server",
        "front-proxy-client",
        "kubelet-server",
    ];
    assert_eq!(paths.collect::<Vec<_>>(), expected);
    let authorities = AuthorityKind::ALL.map(|kind| (kind.name(), kind.path(), kind.common_name()));
    let expected = [
        ("ca", "ca", "kubernetes"),
        ("etcd-ca", "etcd/ca", "etcd-ca"),
        ("front-proxy-ca", "front-proxy-ca", "front-proxy-ca"),
    ];
    assert_eq!(authorities, expected);
}

#[test]
fn the_apiserver_has_its_service_names() {
    let leaf = LeafSpec::named("apiserver").expect("in the table").leaf(&host());
    for name in [
        "n1",
        "localhost",
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ] {
        assert!(leaf.dns_names.iter().any(|known| known == name), "{name}");
    }
    let addresses: Vec<String> = leaf.ip_addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["127.0.0.1", "::1", "192.0.2.7", "10.96.0.1"]);
}
