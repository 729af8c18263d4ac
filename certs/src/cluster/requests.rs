//! Keys and requests for all that a cluster needs, for an authority elsewhere: kubeadm's
//! `generate-csr`.

use std::path::PathBuf;

use super::files::new_key;
use super::host::HostNames;
use super::layout::Layout;
use super::leaves::{LEAVES, LeafSpec, Place};
use super::request::request;
use super::settings::Settings;
use crate::error::Error;
use crate::files::{pair_paths, write_private, write_public};
use crate::kubeconfig::{Credentials, Kubeconfig};

/// Writes a key and a request for each leaf: `NAME.key` and `NAME.csr` in the PKI directory, and
/// for each kubeconfig one with the key inside and, beside it, `NAME.conf.csr`. What is there
/// already is not touched without `force`: one such file and nothing is written. Returns the
/// requests.
pub fn write_all_requests(
    layout: &Layout,
    host: &HostNames,
    server: &str,
    settings: &Settings,
    force: bool,
) -> Result<Vec<PathBuf>, Error> {
    if !force {
        let paths: Vec<PathBuf> = LEAVES.iter().flat_map(|spec| paths(layout, spec)).collect();
        Error::refuse_existing(&paths)?;
    }
    LEAVES.iter().map(|spec| write(layout, spec, host, server, settings)).collect()
}

/// The key's file, then the request's.
fn paths(layout: &Layout, spec: &LeafSpec) -> [PathBuf; 2] {
    match spec.place {
        Place::Pair(path) => {
            [pair_paths(&layout.pki, path).1, layout.pki.join(format!("{path}.csr"))]
        }
        Place::Kubeconfig(name) => {
            [layout.kubeconfigs.join(name), layout.kubeconfigs.join(format!("{name}.csr"))]
        }
    }
}

fn write(
    layout: &Layout,
    spec: &LeafSpec,
    host: &HostNames,
    server: &str,
    settings: &Settings,
) -> Result<PathBuf, Error> {
    let leaf = spec.leaf(host);
    let [key_path, request_path] = paths(layout, spec);
    let (key, key_pem) = new_key(settings.key_algorithm, &leaf.common_name)?;
    let request = request(&leaf, &key)?;
    let contents = match spec.place {
        Place::Pair(_) => key_pem,
        Place::Kubeconfig(_) => {
            let kubeconfig = Kubeconfig {
                cluster: &settings.cluster_name,
                user: &leaf.common_name,
                context: &format!("{}@{}", leaf.common_name, settings.cluster_name),
                server,
                authorities: "",
                credentials: Credentials::Key(&key_pem),
            };
            kubeconfig.render()
        }
    };
    write_private(&key_path, contents.as_bytes())?;
    write_public(&request_path, request.as_bytes())?;
    Ok(request_path)
}
