//! Requests for what an authority elsewhere has to sign.
//!
//! A request is always for the key that lies where the certificate will lie: it may be written
//! again at each start, and a certificate that was signed for an earlier one still fits.

use std::path::{Path, PathBuf};

use super::condition::Condition;
use super::files::{parse_key, read_key};
use super::key_algorithm::KeyAlgorithm;
use crate::error::Error;
use crate::files::{pair_paths, read_optional, write_private, write_public};
use crate::leaf::Leaf;

/// One certificate that has to be signed elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    /// As in the table of leaves.
    pub name: &'static str,
    pub condition: Condition,
    pub request: PathBuf,
    /// Where the signed certificate goes.
    pub certificate: PathBuf,
    /// Of the authority that has to sign.
    pub authority: PathBuf,
}

/// All of a start, told as one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnsignedList(pub Vec<Unsigned>);

impl std::fmt::Display for UnsignedList {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let count = self.0.len();
        let noun = if count == 1 { "certificate has" } else { "certificates have" };
        writeln!(
            formatter,
            "{count} {noun} to be signed by an authority whose key is not here. Have each request \
             signed, put the certificate where it says (with intermediates after it, if any), and \
             start again:"
        )?;
        for unsigned in &self.0 {
            writeln!(
                formatter,
                "  {} {}: sign {} by {}, put it at {}",
                unsigned.name,
                unsigned.condition,
                unsigned.request.display(),
                unsigned.authority.display(),
                unsigned.certificate.display()
            )?;
        }
        formatter.write_str("the key of each lies beside it already")
    }
}

/// Writes the request for `leaf` at `path` under `directory`, and a key where there is none.
/// Returns the paths of the request and of the certificate to come.
pub(super) fn write_request(
    directory: &Path,
    path: &str,
    leaf: &Leaf,
    algorithm: KeyAlgorithm,
) -> Result<(PathBuf, PathBuf), Error> {
    let (certificate, key_path) = pair_paths(directory, path);
    let request_path = directory.join(format!("{path}.csr"));
    let key = match read_optional(&key_path)? {
        Some(pem) => parse_key(&key_path, &pem)?.serialize_pem(),
        None => {
            let key = algorithm.generate(&leaf.common_name)?.serialize_pem();
            write_private(&key_path, key.as_bytes())?;
            key
        }
    };
    write_public(&request_path, request(leaf, &key)?.as_bytes())?;
    Ok((request_path, certificate))
}

/// PEM of a request for `leaf`, with its usages and names.
pub(super) fn request(leaf: &Leaf, key: &str) -> Result<String, Error> {
    let failed = |reason: String| Error::Sign { subject: leaf.common_name.clone(), reason };
    let key = read_key(key).map_err(failed)?;
    let mut params = leaf.params()?;
    // These are for whoever signs to say.
    (params.is_ca, params.use_authority_key_identifier_extension) = (rcgen::IsCa::NoCa, false);
    let request = params.serialize_request(&key);
    let pem = request.and_then(|request| request.pem());
    pem.map_err(|error| failed(error.to_string()))
}
