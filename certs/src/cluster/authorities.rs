//! The three authorities of a cluster, by kubeadm's names.

/// Which authority: each is trusted for one purpose alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum AuthorityKind {
    /// Signs what talks to or listens as the Kubernetes API, and kubelets.
    Kubernetes,
    /// Signs what talks to or listens as the store.
    Etcd,
    /// Signs the apiserver where it speaks for users to extension apiservers.
    FrontProxy,
}

impl AuthorityKind {
    /// In the order of `check-expiration`.
    pub const ALL: [Self; 3] = [Self::Kubernetes, Self::Etcd, Self::FrontProxy];

    /// As kubeadm's `check-expiration` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kubernetes => "ca",
            Self::Etcd => "etcd-ca",
            Self::FrontProxy => "front-proxy-ca",
        }
    }

    /// Its files under the PKI directory, without `.crt` and `.key`.
    pub fn path(self) -> &'static str {
        match self {
            Self::Kubernetes => "ca",
            Self::Etcd => "etcd/ca",
            Self::FrontProxy => "front-proxy-ca",
        }
    }

    /// Subject of an authority that is made here.
    pub fn common_name(self) -> &'static str {
        match self {
            Self::Kubernetes => "kubernetes",
            Self::Etcd => "etcd-ca",
            Self::FrontProxy => "front-proxy-ca",
        }
    }
}
