//! What commands read: files, standard input for `-`, and, as CFSSL has it, `env:VARIABLE` and
//! `file:FILE` where an authority is named.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, bail};
use certs::x509::{Certificate, Issuer, PrivateKey, Request};

use crate::json::Document;
use crate::log;

/// How an input is called in messages.
pub(crate) fn name_of(file: &str) -> &str {
    if file == "-" { "standard input" } else { file }
}

/// A file, or standard input for `-`.
pub(crate) fn read(file: &str) -> anyhow::Result<String> {
    String::from_utf8(read_bytes(file)?)
        .map_err(|_| anyhow::anyhow!("{} is not text: PEM or JSON is expected", name_of(file)))
}

pub(crate) fn read_bytes(file: &str) -> anyhow::Result<Vec<u8>> {
    if file == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).context("cannot read standard input")?;
        return Ok(bytes);
    }
    fs::read(file).with_context(|| format!("cannot read {file}"))
}

/// `FILE`, `file:FILE` or `env:VARIABLE`.
pub(crate) fn read_prefixed(place: &str) -> anyhow::Result<String> {
    match place.split_once(':') {
        None => read(place),
        Some(("file", file)) => read(file),
        Some(("env", variable)) => std::env::var(variable)
            .map_err(|_| anyhow::anyhow!("the environment variable {variable} is not set")),
        Some((prefix, _)) => {
            bail!("{place}: the prefix {prefix}: is not known, only file: and env: are")
        }
    }
}

pub(crate) fn read_json(file: &str) -> anyhow::Result<Document> {
    Ok(Document::parse(name_of(file), read(file)?)?)
}

pub(crate) fn read_certificate(place: &str) -> anyhow::Result<Certificate> {
    Certificate::from_pem(&read_prefixed(place)?).with_context(|| name_of(place).to_owned())
}

/// All certificates of a file, in PEM or one in DER; at least one.
pub(crate) fn read_certificates(file: &str) -> anyhow::Result<Vec<Certificate>> {
    let bytes = read_bytes(file)?;
    let certificates = match std::str::from_utf8(&bytes) {
        Ok(text) => Certificate::all_from_pem(text),
        Err(_) => Certificate::from_der(&bytes).map(|certificate| vec![certificate]),
    };
    let certificates = certificates.with_context(|| name_of(file).to_owned())?;
    if certificates.is_empty() {
        bail!("{}: no PEM block of a certificate is in it", name_of(file));
    }
    Ok(certificates)
}

pub(crate) fn read_request(file: &str) -> anyhow::Result<Request> {
    parse_request(file, &read(file)?)
}

/// The request in `text`, which came from `file`.
pub(crate) fn parse_request(file: &str, text: &str) -> anyhow::Result<Request> {
    Request::from_pem(text).with_context(|| name_of(file).to_owned())
}

/// A private key. That others may read its file is told, with what to do.
pub(crate) fn read_key(place: &str) -> anyhow::Result<PrivateKey> {
    warn_of_readers(place);
    PrivateKey::from_pem(&read_prefixed(place)?).with_context(|| name_of(place).to_owned())
}

/// An authority with its key, which must fit.
pub(crate) fn read_issuer(certificate: &str, key: &str) -> anyhow::Result<Issuer> {
    let issuer = Issuer::new(read_certificate(certificate)?, read_key(key)?);
    issuer.with_context(|| format!("{} and {}", name_of(certificate), name_of(key)))
}

fn warn_of_readers(place: &str) {
    const OTHERS: u32 = 0o004;
    let file = place.strip_prefix("file:").unwrap_or(place);
    if fs::metadata(file).is_ok_and(|metadata| metadata.is_file() && metadata.mode() & OTHERS != 0)
    {
        log::warning!("{file} is a private key that everyone can read: chmod 600 {file}");
    }
}
