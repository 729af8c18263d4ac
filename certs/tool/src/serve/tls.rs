//! The TLS of the server, from its flags.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail};
use certs::{
    Allowed, Authorities, ClientAuth, ClientFiles, PairFiles, Protocol, ServerFiles, TlsVersion,
};

use crate::failure::Usage;
use crate::flag::{Flags, catalog};
use crate::log;

/// What is offered, in this order.
const ALPN: [&str; 2] = ["h2", "http/1.1"];

/// None is plain HTTP: without `-tls-cert` and `-tls-key`. The files are followed: what replaces
/// them is used by the next handshake.
pub(super) fn tls(flags: &Flags) -> anyhow::Result<Option<Arc<ServerFiles>>> {
    let path = |flag| flags.text(flag).map(PathBuf::from);
    let (certificate, key) = match (path(catalog::TLS_CERT), path(catalog::TLS_KEY)) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) if flags.text(catalog::MUTUAL_TLS_CA).is_none() => return Ok(None),
        (None, None) => {
            return Err(Usage::error("-mutual-tls-ca needs TLS: name -tls-cert and -tls-key"));
        }
        _ => return Err(Usage::error("-tls-cert and -tls-key go together: name both")),
    };
    let clients = path(catalog::MUTUAL_TLS_CA).map(|authorities| ClientFiles {
        authorities: Authorities::All(authorities),
        revoked: None,
        allowed: Allowed::Anyone,
        demand: ClientAuth::Required,
    });
    let version = version(flags.text(catalog::MIN_TLS_VERSION).unwrap_or_default())
        .context("-min-tls-version")?;
    let protocol = Protocol::new(version, None, &[])?;
    let pair = PairFiles { certificate, key };
    Ok(Some(ServerFiles::open("the CA server", pair, clients, protocol, &ALPN)?))
}

fn version(text: &str) -> anyhow::Result<TlsVersion> {
    match text {
        "" | "1.2" => Ok(TlsVersion::Tls12),
        "1.3" => Ok(TlsVersion::Tls13),
        "1.0" | "1.1" => {
            log::warning!("TLS {text} is not spoken here: TLS 1.2 is the oldest");
            Ok(TlsVersion::Tls12)
        }
        other => bail!("{other}: it is 1.2 or 1.3"),
    }
}
