//! Who may use the kubelet's server.
//!
//! Upstream asks the apiserver (`nodes/proxy` by SubjectAccessReview). Here it is those who hold
//! that right in every cluster: administrators and the apiserver itself. Everyone else with a
//! certificate of the cluster, another node for one, is refused.

use api::Identity;
use axum::Router;
use axum::http::StatusCode;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

/// The apiserver's own name in kubeadm's PKI.
const APISERVER: &str = "kube-apiserver-kubelet-client";
const ADMINISTRATORS: [&str; 2] = ["system:masters", "kubeadm:cluster-admins"];

/// The subject's CN is the user, of several the last as in Go, each O a group. `None` without a CN.
pub fn identity_of(certificate: &CertificateDer<'_>) -> Option<Identity> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let subject = certificate.subject();
    let user = subject.iter_common_name().last()?.as_str().ok()?.to_owned();
    let groups = subject.iter_organization().filter_map(|name| name.as_str().ok());
    Some(Identity { user, groups: groups.map(str::to_owned).collect() })
}

pub fn may_use(caller: &Identity) -> bool {
    caller.user == APISERVER || ADMINISTRATORS.iter().any(|group| caller.is_in(group))
}

/// Answers every request of a caller who may not.
pub fn refusal(caller: Option<&Identity>) -> Router {
    let user = caller.map_or("system:anonymous", |caller| caller.user.as_str());
    let message =
        format!("Forbidden (user={user}, verb=get, resource=nodes, subresource(s)=[proxy])");
    Router::new().fallback(move || std::future::ready((StatusCode::FORBIDDEN, message.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn administrators_and_the_apiserver_may() {
        assert!(may_use(&Identity::new(APISERVER, &[])));
        assert!(may_use(&Identity::new("admin", &["system:masters"])));
        assert!(!may_use(&Identity::node("n2")));
    }
}
