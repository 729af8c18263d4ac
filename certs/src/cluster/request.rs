//! Requests for what an authority elsewhere has to sign.
//!
//! A request is always for the key that lies where the certificate will lie: it may be written
//! again at each start, and a certificate that was signed for an earlier one still fits.

use std::path::{Path, PathBuf};

use super::condition::Condition;
use super::files::{new_key, parse_key};
use super::template;
use crate::error::Error;
use crate::files::{pair_paths, read_optional, write_private, write_public};
use crate::leaf::Leaf;
use crate::x509::{
    AlternativeNames, Certificate, ExtendedKeyUsage, Extension, KeyAlgorithm, PrivateKey, Request,
    Subject,
};

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
        Some(pem) => parse_key(&key_path, &pem)?,
        None => {
            let (key, pem) = new_key(algorithm, &leaf.common_name)?;
            write_private(&key_path, pem.as_bytes())?;
            key
        }
    };
    write_public(&request_path, request(leaf, &key)?.as_bytes())?;
    Ok((request_path, certificate))
}

/// PEM of a request for `leaf`, with its usages and names.
pub(super) fn request(leaf: &Leaf, key: &PrivateKey) -> Result<String, Error> {
    let usages = template::extended_key_usages(leaf.usage);
    request_for(&template::subject(leaf), &template::alternative_names(leaf), &usages, key)
}

/// PEM of a request for what `certificate` says.
pub(super) fn request_again(certificate: &Certificate, key: &PrivateKey) -> Result<String, Error> {
    let usages = certificate.extended_key_usages();
    request_for(certificate.subject(), certificate.alternative_names(), usages, key)
}

fn request_for(
    subject: &Subject,
    names: &AlternativeNames,
    usages: &[ExtendedKeyUsage],
    key: &PrivateKey,
) -> Result<String, Error> {
    let usages = [
        Extension::key_usage(template::key_usages(key.algorithm())),
        Extension::extended_key_usage(usages),
    ];
    let extensions: Vec<Extension> = usages.into_iter().flatten().collect();
    let request = Request::new(key, subject, names, &extensions);
    request
        .map(|request| request.to_pem())
        .map_err(|error| Error::Sign { subject: subject.to_string(), reason: error.to_string() })
}
