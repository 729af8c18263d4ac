//! TLS of the cluster's listeners and clients, which follows the files of its PKI.

use std::path::Path;
use std::sync::Arc;

use certs::cluster::AuthorityKind;
use certs::rotation::REVOCATION_LISTS;
use certs::{
    Authorities, ClientAuth, ClientConfigFiles, ClientFiles, Error, LiveClient, LiveServer,
    PairFiles, Protocol, RevocationFile, Revocations, ServerFiles, Trust,
};

/// What is served here is gRPC, HTTP/2 or HTTP/1.1.
const ALPN: [&str; 2] = ["h2", "http/1.1"];

pub struct Tls {
    pub apiserver: LiveServer,
    pub kubelet: LiveServer,
    pub etcd_clients: LiveServer,
    pub etcd_peers: LiveServer,
    /// The apiserver towards kubelets.
    pub of_kubelets: LiveClient,
    revocations: Arc<Revocations>,
}

impl Tls {
    /// `pki` is whole.
    pub fn open(pki: &Path) -> Result<Self, Error> {
        let lists = RevocationFile::of_cluster(pki.join(REVOCATION_LISTS));
        let revocations = Revocations::open(lists.clone())?;
        let serve = |purpose, pair, kind: AuthorityKind, demand| {
            let clients = ClientFiles {
                authorities: Authorities::Signers(authority(pki, kind)),
                revoked: Some(lists.clone()),
                demand,
                ..ClientFiles::default()
            };
            let protocol = Protocol::default();
            let files =
                ServerFiles::open(purpose, files(pki, pair), Some(clients), protocol, &ALPN)?;
            Ok(LiveServer::new(files, Some(Arc::clone(&revocations))))
        };
        let (kubernetes, etcd) = (AuthorityKind::Kubernetes, AuthorityKind::Etcd);
        let (required, optional) = (ClientAuth::Required, ClientAuth::Optional);
        Ok(Self {
            apiserver: serve("the API", "apiserver", kubernetes, optional)?,
            kubelet: serve("the kubelet", "kubelet-server", kubernetes, required)?,
            etcd_clients: serve("the store's clients", "etcd/server", etcd, required)?,
            etcd_peers: serve("the store's peers", "etcd/peer", etcd, required)?,
            of_kubelets: ClientConfigFiles::open(
                "calls to kubelets",
                Some(files(pki, "apiserver-kubelet-client")),
                Trust::Authorities(Authorities::Signers(authority(pki, kubernetes))),
                Protocol::default(),
            )?
            .into(),
            revocations,
        })
    }

    /// Notices who is revoked, for as long as it is polled.
    pub async fn follow(&self) {
        self.revocations.follow().await;
    }
}

fn authority(pki: &Path, kind: AuthorityKind) -> std::path::PathBuf {
    pki.join(format!("{}.crt", kind.path()))
}

fn files(pki: &Path, name: &str) -> PairFiles {
    PairFiles { certificate: pki.join(format!("{name}.crt")), key: pki.join(format!("{name}.key")) }
}
