//! Random keys for what encrypts certificates on their way between control planes.

use aws_lc_rs::rand;

use crate::error::Error;

/// Of AES-256.
const BYTES: usize = 32;

/// A new key, in hexadecimal.
pub fn certificate_key() -> Result<String, Error> {
    let mut bytes = [0; BYTES];
    rand::fill(&mut bytes).map_err(|_| Error::Generate {
        subject: "the encryption of certificates".to_owned(),
        reason: "the random source failed".to_owned(),
    })?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
