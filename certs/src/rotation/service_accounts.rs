//! The key that signs service-account tokens, in the steps of a rollover. `sa.pub` holds a public
//! key for each that tokens in use may be signed by.

use std::path::Path;

use crate::cluster::{new_key, parse_key};
use crate::error::Error;
use crate::files::{move_into_place, read_optional, write_private, write_public};
use crate::x509::{KeyAlgorithm, decode_pem, encode_pem};

const SUBJECT: &str = "service-account tokens";
const PRIVATE: &str = "sa.key";
const PUBLIC: &str = "sa.pub";
const NEXT: &str = "sa.next.key";
const LABEL: &str = "PUBLIC KEY";

/// Those that tokens may be verified with, in DER. Empty where tokens are made elsewhere.
pub fn public_keys(directory: &Path) -> Result<Vec<Vec<u8>>, Error> {
    let path = directory.join(PUBLIC);
    let Some(text) = read_optional(&path)? else { return Ok(Vec::new()) };
    let blocks = decode_pem(&text).map_err(|error| Error::Malformed {
        path,
        expected: "public keys",
        reason: error.to_string(),
    })?;
    let keys = blocks.into_iter().filter(|block| block.label == LABEL);
    Ok(keys.map(|block| block.contents).collect())
}

/// Makes the next key and tells its public half.
pub(super) fn announce(directory: &Path, algorithm: KeyAlgorithm) -> Result<(), Error> {
    if read_optional(&directory.join(PRIVATE))?.is_none() {
        return Ok(());
    }
    let path = directory.join(NEXT);
    let next = match read_optional(&path)?.map(|pem| parse_key(&path, &pem)) {
        Some(Ok(key)) => key,
        _ => {
            let (key, pem) = new_key(algorithm, SUBJECT)?;
            write_private(&path, pem.as_bytes())?;
            key
        }
    };
    let mut keys = public_keys(directory)?;
    let own = next.public_key_der();
    if !keys.iter().any(|known| known == own) {
        keys.push(own.to_vec());
        write(directory, &keys)?;
    }
    Ok(())
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
    let Some(text) = read_optional(&path)? else { return Ok(()) };
    write(directory, &[parse_key(&path, &text)?.public_key_der().to_vec()])
}

fn write(directory: &Path, keys: &[Vec<u8>]) -> Result<(), Error> {
    let text: String = keys.iter().map(|key| encode_pem(LABEL, key)).collect();
    write_public(&directory.join(PUBLIC), text.as_bytes())
}
