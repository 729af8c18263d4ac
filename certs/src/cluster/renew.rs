//! A new certificate and key for a leaf that exists, saying what the old one says.

use std::path::{Path, PathBuf};

use time::OffsetDateTime;

use super::authority::ClusterAuthority;
use super::bundle::Bundle;
use super::files::new_key;
use super::layout::Layout;
use super::leaves::LeafSpec;
use super::request::request_again;
use super::settings::{Settings, Validity};
use crate::error::Error;
use crate::files::{pair_paths, write_private, write_public};
use crate::rotation::Lock;
use crate::x509::{KeyAlgorithm, PrivateKey};

/// What became of a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    Renewed(Validity),
    /// There is nothing to renew.
    Missing,
    /// Whoever has the authority's key has to.
    External,
}

/// What a renewal is asked to be.
#[derive(Clone, Debug, Default)]
pub struct RenewalOptions {
    /// None keeps the kind of the present key.
    pub key_algorithm: Option<KeyAlgorithm>,
    /// None is the cluster's.
    pub lifetime: Option<time::Duration>,
}

/// Renews the leaf of `spec`: the same subject, names and usages, another key. Processes that
/// follow the files take it up; the old certificate stays valid to its end.
pub fn renew(layout: &Layout, spec: &LeafSpec, options: &RenewalOptions) -> Result<Renewal, Error> {
    let defaults = Settings::default();
    let settings =
        Settings { leaf_lifetime: options.lifetime.unwrap_or(defaults.leaf_lifetime), ..defaults };
    // A running cluster keeps the same files.
    let _lock = Lock::take(&layout.pki)?;
    let Some(present) = Present::read(layout, spec)? else { return Ok(Renewal::Missing) };
    let authority = ClusterAuthority::read(&layout.pki, spec.authority, &settings)?;
    let Some(authority) = authority else {
        let (path, _) = pair_paths(&layout.pki, spec.authority.path());
        return Err(Error::Read { path, source: std::io::ErrorKind::NotFound.into() });
    };
    if authority.is_external() {
        return Ok(Renewal::External);
    }
    authority.check(OffsetDateTime::now_utc())?;
    let algorithm = options.key_algorithm.or(present.key_algorithm);
    let algorithm = algorithm.unwrap_or(settings.key_algorithm);
    let pair = authority.reissue(present.file.first(), algorithm)?;
    layout.put(spec, &authority, &pair)?;
    let anew = Bundle::parse(&pair.certificate)
        .map_err(|reason| Error::Sign { subject: spec.name.to_owned(), reason })?;
    Ok(Renewal::Renewed(Validity::of(anew.first())))
}

/// Writes a new key and a request for what `spec` says today into `directory`, as `NAME.key` and
/// `NAME.csr`, to be signed elsewhere. `None` when there is nothing to renew.
pub fn write_renewal_request(
    layout: &Layout,
    spec: &LeafSpec,
    options: &RenewalOptions,
    directory: &Path,
    force: bool,
) -> Result<Option<PathBuf>, Error> {
    let Some(present) = Present::read(layout, spec)? else { return Ok(None) };
    let key_path = directory.join(format!("{}.key", spec.name));
    let request_path = directory.join(format!("{}.csr", spec.name));
    if !force {
        Error::refuse_existing([&key_path, &request_path])?;
    }
    let algorithm = options.key_algorithm.or(present.key_algorithm).unwrap_or_default();
    let (key, key_pem) = new_key(algorithm, spec.name)?;
    let request = request_again(present.file.first(), &key)?;
    write_private(&key_path, key_pem.as_bytes())?;
    write_public(&request_path, request.as_bytes())?;
    Ok(Some(request_path))
}

struct Present {
    file: Bundle,
    key_algorithm: Option<KeyAlgorithm>,
}

impl Present {
    fn read(layout: &Layout, spec: &LeafSpec) -> Result<Option<Self>, Error> {
        let found = layout.find(spec)?;
        let Some(certificate) = found.certificate else { return Ok(None) };
        let file = Bundle::parse(&certificate).map_err(|reason| Error::Malformed {
            path: layout.of(spec),
            expected: "certificate",
            reason,
        })?;
        let key = found.key.and_then(|key| PrivateKey::from_pem(&key).ok());
        Ok(Some(Self { file, key_algorithm: key.map(|key| key.algorithm()) }))
    }
}
