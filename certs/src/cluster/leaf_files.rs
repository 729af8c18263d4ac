//! One leaf of the table on disk, be it a pair of files or inside a kubeconfig: what is the matter
//! with it, and a new one in its place.

use std::path::Path;

use time::OffsetDateTime;

use super::authority::ClusterAuthority;
use super::condition::Condition;
use super::ensure::examine_pair;
use super::kubeconfigs;
use super::layout::{Layout, kubeconfig_path};
use super::leaves::{LeafSpec, Place};
use crate::error::Error;
use crate::files::Pair;
use crate::leaf::Leaf;

/// What is the matter with the leaf of `spec`, and its pair where it is whole. `directory` is that
/// of the PKI.
pub fn examine(
    directory: &Path,
    spec: &LeafSpec,
    authority: &ClusterAuthority,
    leaf: &Leaf,
    now: OffsetDateTime,
) -> Result<(Condition, Option<Pair>), Error> {
    match spec.place {
        Place::Pair(path) => examine_pair(directory, path, authority, leaf, now),
        Place::Kubeconfig(name) => {
            let path = kubeconfig_path(directory, name);
            let (condition, embedded) = kubeconfigs::examine(&path, authority, leaf, now);
            Ok((condition, embedded.map(|embedded| embedded.pair)))
        }
    }
}

/// Issues the leaf of `spec` with a new key and puts it in the place of what is there. A reader
/// finds the old files or the new, and at no time a certificate without its key for longer than
/// between two renames. A kubeconfig must be there.
pub fn issue(
    directory: &Path,
    spec: &LeafSpec,
    authority: &ClusterAuthority,
    leaf: &Leaf,
) -> Result<Pair, Error> {
    let pair = authority.issue(leaf)?;
    Layout::beside(directory).put(spec, authority, &pair)?;
    Ok(pair)
}
