//! The key that signs service-account tokens, in the steps of a rollover. `sa.pub` holds a public
//! key for each that tokens in use may be signed by.

use std::path::Path;

use rcgen::PublicKeyData;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

use crate::cluster::{KeyAlgorithm, parse_key};
use crate::error::Error;
use crate::files::{move_into_place, pem_of, read_optional, write_private, write_public};

const SUBJECT: &str = "service-account tokens";
const PRIVATE: &str = "sa.key";
const PUBLIC: &str = "sa.pub";
const NEXT: &str = "sa.next.key";

/// Those that tokens may be verified with, in DER. Empty where tokens are made elsewhere.
pub fn public_keys(directory: &Path) -> Result<Vec<SubjectPublicKeyInfoDer<'static>>, Error> {
    let path = directory.join(PUBLIC);
    let Some(pem) = read_optional(&path)? else { return Ok(Vec::new()) };
    let keys: Result<Vec<_>, _> = SubjectPublicKeyInfoDer::pem_slice_iter(pem.as_bytes()).collect();
    keys.map_err(|error| Error::Malformed {
        path,
        expected: "public keys",
        reason: error.to_string(),
    })
}

/// Makes the next key and tells its public half.
pub(super) fn announce(directory: &Path, algorithm: KeyAlgorithm) -> Result<(), Error> {
    if read_optional(&directory.join(PRIVATE))?.is_none() {
        return Ok(());
    }
    let path = directory.join(NEXT);
    let next = match read_optional(&path)?.map(|pem| parse_key(&path, &pem)) {
        Some(Ok(key)) => key,
        _ => algorithm.generate(SUBJECT)?,
    };
    write_private(&path, next.serialize_pem().as_bytes())?;
    let mut keys = public_keys(directory)?;
    let own = next.subject_public_key_info();
    if !keys.iter().any(|known| **known == *own) {
        keys.push(own.into());
    }
    write(directory, &keys)
}

pub(super) fn switch(directory: &Path) -> Result<(), Error> {
    if read_optional(&directory.join(NEXT))?.is_none() {
        return Ok(());
    }
    move_into_place(&directory.join(NEXT), &directory.join(PRIVATE))
}

/// Leaves the public half of the key that signs.
pub(super) fn retire(directory: &Path) -> Result<(), Error> {
    let path = directory.join(PRIVATE);
    let Some(pem) = read_optional(&path)? else { return Ok(()) };
    let key = parse_key(&path, &pem)?;
    write(directory, &[key.subject_public_key_info().into()])
}

fn write(directory: &Path, keys: &[SubjectPublicKeyInfoDer<'_>]) -> Result<(), Error> {
    let pem: String = keys.iter().map(|key| pem_of("PUBLIC KEY", key)).collect();
    write_public(&directory.join(PUBLIC), pem.as_bytes())
}
