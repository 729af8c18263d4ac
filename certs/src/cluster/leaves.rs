//! The table of leaf certificates: every one that a control plane has, with kubeadm's names,
//! subjects and usages. Nothing else in this crate knows a leaf by name.

use super::authorities::AuthorityKind;
use super::host::HostNames;
use crate::leaf::{Leaf, Usage};

/// One leaf of the PKI.
#[derive(Debug, PartialEq, Eq)]
pub struct LeafSpec {
    /// As kubeadm's `check-expiration` and `renew` call it.
    pub name: &'static str,
    /// For whom, in words.
    pub description: &'static str,
    pub place: Place,
    pub authority: AuthorityKind,
    pub common_name: CommonName,
    pub organizations: &'static [&'static str],
    pub usage: Usage,
    pub names: Names,
}

/// Where a leaf is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `.crt` and `.key` under the PKI directory. These are what `coracle up` runs on.
    Pair(&'static str),
    /// Inside the kubeconfig of this name, beside the PKI directory. Only the administrator's is
    /// written unasked: the components of one process need none.
    Kubeconfig(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommonName {
    Fixed(&'static str),
    /// The name of the node, as etcd's members have it.
    NodeName,
    /// `system:node:` and the name of the node.
    Node,
}

/// Which names and addresses a leaf is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// A client's, that nobody dials.
    None,
    /// This host's.
    Host,
    /// This host's, and those under which pods find the API.
    Apiserver,
}

/// The group that may do everything, whatever the authorizer says. Only the administrator's
/// kubeconfigs have it.
pub const MASTERS: &str = "system:masters";
/// The group of kubeadm that RBAC makes administrators.
pub const CLUSTER_ADMINS: &str = "kubeadm:cluster-admins";
pub const NODES: &str = "system:nodes";

/// In the order of `check-expiration`: by name.
pub const LEAVES: [LeafSpec; 13] = [
    kubeconfig(
        "admin.conf",
        "the administrator's kubeconfig",
        CommonName::Fixed("kubernetes-admin"),
        &[MASTERS],
    ),
    LeafSpec {
        names: Names::Apiserver,
        ..server(
            "apiserver",
            "serving the Kubernetes API",
            "apiserver",
            AuthorityKind::Kubernetes,
            CommonName::Fixed("kube-apiserver"),
            Usage::Server,
        )
    },
    client(
        "apiserver-etcd-client",
        "the apiserver as a client of the store",
        "apiserver-etcd-client",
        AuthorityKind::Etcd,
        "kube-apiserver-etcd-client",
        &[],
    ),
    client(
        "apiserver-kubelet-client",
        "the apiserver as a client of kubelets",
        "apiserver-kubelet-client",
        AuthorityKind::Kubernetes,
        "kube-apiserver-kubelet-client",
        &[CLUSTER_ADMINS],
    ),
    kubeconfig(
        "controller-manager.conf",
        "the controller manager's kubeconfig",
        CommonName::Fixed("system:kube-controller-manager"),
        &[],
    ),
    client(
        "etcd-healthcheck-client",
        "probes of the store's health",
        "etcd/healthcheck-client",
        AuthorityKind::Etcd,
        "kube-etcd-healthcheck-client",
        &[],
    ),
    server(
        "etcd-peer",
        "members of the store among themselves",
        "etcd/peer",
        AuthorityKind::Etcd,
        CommonName::NodeName,
        Usage::Both,
    ),
    server(
        "etcd-server",
        "serving the store",
        "etcd/server",
        AuthorityKind::Etcd,
        CommonName::NodeName,
        Usage::Both,
    ),
    client(
        "front-proxy-client",
        "the apiserver as a client of extension apiservers",
        "front-proxy-client",
        AuthorityKind::FrontProxy,
        "front-proxy-client",
        &[],
    ),
    LeafSpec {
        organizations: &[NODES],
        ..server(
            "kubelet-server",
            "serving the kubelet's API",
            "kubelet-server",
            AuthorityKind::Kubernetes,
            CommonName::Node,
            Usage::Server,
        )
    },
    kubeconfig("kubelet.conf", "the kubelet's kubeconfig", CommonName::Node, &[NODES]),
    kubeconfig(
        "scheduler.conf",
        "the scheduler's kubeconfig",
        CommonName::Fixed("system:kube-scheduler"),
        &[],
    ),
    kubeconfig(
        "super-admin.conf",
        "the kubeconfig that needs no authorizer",
        CommonName::Fixed("kubernetes-super-admin"),
        &[MASTERS],
    ),
];

const fn client(
    name: &'static str,
    description: &'static str,
    path: &'static str,
    authority: AuthorityKind,
    common_name: &'static str,
    organizations: &'static [&'static str],
) -> LeafSpec {
    LeafSpec {
        name,
        description,
        place: Place::Pair(path),
        authority,
        common_name: CommonName::Fixed(common_name),
        organizations,
        usage: Usage::Client,
        names: Names::None,
    }
}

const fn server(
    name: &'static str,
    description: &'static str,
    path: &'static str,
    authority: AuthorityKind,
    common_name: CommonName,
    usage: Usage,
) -> LeafSpec {
    LeafSpec {
        name,
        description,
        place: Place::Pair(path),
        authority,
        common_name,
        organizations: &[],
        usage,
        names: Names::Host,
    }
}

const fn kubeconfig(
    name: &'static str,
    description: &'static str,
    common_name: CommonName,
    organizations: &'static [&'static str],
) -> LeafSpec {
    LeafSpec {
        name,
        description,
        place: Place::Kubeconfig(name),
        authority: AuthorityKind::Kubernetes,
        common_name,
        organizations,
        usage: Usage::Client,
        names: Names::None,
    }
}

const SERVICE_NAMES: [&str; 4] = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
];

impl LeafSpec {
    /// The leaf called `name`, as kubeadm calls it.
    pub fn named(name: &str) -> Option<&'static Self> {
        LEAVES.iter().find(|spec| spec.name == name)
    }

    pub fn admin() -> &'static Self {
        &LEAVES[0]
    }

    /// Whether a control plane can be without it: what only another layout of the cluster has.
    pub fn is_optional(&self) -> bool {
        match self.place {
            Place::Pair(path) => path == "kubelet-server",
            Place::Kubeconfig(_) => self != Self::admin(),
        }
    }

    /// Whether the kubelet itself renews it.
    pub fn is_kubelets_own(&self) -> bool {
        self.place == Place::Kubeconfig("kubelet.conf")
    }

    /// What a certificate of this kind says on `host`.
    pub fn leaf(&self, host: &HostNames) -> Leaf {
        let (dns_names, ip_addresses) = match self.names {
            Names::None => (Vec::new(), Vec::new()),
            Names::Host => (host.dns_names(&[]), host.ip_addresses()),
            Names::Apiserver => {
                let mut addresses = host.ip_addresses();
                addresses.extend(host.service_address);
                (host.dns_names(&SERVICE_NAMES), addresses)
            }
        };
        Leaf {
            common_name: match self.common_name {
                CommonName::Fixed(name) => name.to_owned(),
                CommonName::NodeName => host.node_name.clone(),
                CommonName::Node => format!("system:node:{}", host.node_name),
            },
            // No kind has more than one.
            organization: self.organizations.first().map(|name| (*name).to_owned()),
            usage: self.usage,
            dns_names,
            ip_addresses,
        }
    }
}
