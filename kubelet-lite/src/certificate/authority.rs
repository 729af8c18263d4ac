//! Follows the cluster's authority: what namespaces are told of it (`kube-root-ca.crt`) is written
//! where this kubelet's connections and its listener read it. So an authority that rolls over finds
//! the node prepared.

use std::path::Path;

use certs::x509::Certificate;
use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};

const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-root-ca.crt";
const FIELD: &str = "ca.crt";

/// Never returns; what it reads comes over a connection that the present authority vouches for.
pub async fn follow(client: Client, path: &Path) {
    let api: Api<ConfigMap> = Api::namespaced(client, NAMESPACE);
    let selected = watcher::Config::default().fields(&format!("metadata.name={NAME}"));
    let mut events = std::pin::pin!(watcher(api, selected).default_backoff());
    while let Some(event) = events.next().await {
        let map = match event {
            Ok(watcher::Event::InitApply(map) | watcher::Event::Apply(map)) => map,
            Ok(_) => continue,
            Err(error) => {
                tracing::debug!(%error, "watch of the cluster's authority");
                continue;
            }
        };
        let pem = map.data.as_ref().and_then(|data| data.get(FIELD)).map_or("", String::as_str);
        match take(pem, path) {
            Ok(true) => tracing::info!(path = %path.display(), "the cluster's authority changed"),
            Ok(false) => {}
            Err(error) => tracing::warn!(error, "the cluster's authority cannot be taken up"),
        }
    }
}

/// Whether there was anything new.
fn take(pem: &str, path: &Path) -> Result<bool, String> {
    if std::fs::read_to_string(path).is_ok_and(|present| present == pem) {
        return Ok(false);
    }
    let certificates = Certificate::all_from_pem(pem).map_err(|error| error.to_string())?;
    if certificates.is_empty() || !certificates.iter().all(Certificate::is_authority) {
        return Err(format!("{NAME} holds something else than authorities"));
    }
    certs::write_public(path, pem.as_bytes()).map_err(|error| error.to_string())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_authorities_are_taken() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("ca.crt");
        let authority = certs::Authority::generate("ca").expect("an authority");
        let leaf = authority.issue(&certs::Leaf::client("a", None)).expect("a leaf");
        assert_eq!(take(authority.certificate_pem(), &path), Ok(true));
        assert_eq!(take(authority.certificate_pem(), &path), Ok(false));
        for bad in ["", "words", &leaf.certificate] {
            assert!(take(bad, &path).is_err(), "{bad}");
        }
        let kept = std::fs::read_to_string(&path).expect("there");
        assert_eq!(kept, authority.certificate_pem());
    }
}
