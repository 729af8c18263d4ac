//! A kubeconfig with its certificates inside, as kubeadm writes `admin.conf`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::files::Pair;

/// Renders a kubeconfig for one cluster, one user and one context, all called `name`.
pub fn kubeconfig(name: &str, server: &str, ca_pem: &str, user: &Pair) -> String {
    let (ca, certificate, key) =
        (STANDARD.encode(ca_pem), STANDARD.encode(&user.certificate), STANDARD.encode(&user.key));
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: {name}\n\
         \x20 cluster:\n\
         \x20   certificate-authority-data: {ca}\n\
         \x20   server: {server}\n\
         contexts:\n\
         - name: {name}\n\
         \x20 context:\n\
         \x20   cluster: {name}\n\
         \x20   user: {name}\n\
         current-context: {name}\n\
         preferences: {{}}\n\
         users:\n\
         - name: {name}\n\
         \x20 user:\n\
         \x20   client-certificate-data: {certificate}\n\
         \x20   client-key-data: {key}\n"
    )
}
