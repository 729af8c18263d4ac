//! What a member presents and demands on its sockets, as settings: no file is read here.

use std::path::PathBuf;

use certs::{
    Allowed, Authorities, ClientAuth, ClientFiles, PairFiles, Protocol, RevocationFile, TlsVersion,
};

use super::reader::{Reader, SettingsError, invalid};

/// The names of one side's flags: those of clients and of peers differ by a prefix, mostly.
struct Names {
    certificate: &'static str,
    key: &'static str,
    client_certificate: &'static str,
    client_key: &'static str,
    authorities: &'static str,
    demand: &'static str,
    revoked: &'static str,
    common_names: &'static str,
    host_names: &'static str,
    automatic: &'static str,
}

const CLIENTS: Names = Names {
    certificate: "cert-file",
    key: "key-file",
    client_certificate: "client-cert-file",
    client_key: "client-key-file",
    authorities: "trusted-ca-file",
    demand: "client-cert-auth",
    revoked: "client-crl-file",
    common_names: "client-cert-allowed-cn",
    host_names: "client-cert-allowed-hostname",
    automatic: "auto-tls",
};

const PEERS: Names = Names {
    certificate: "peer-cert-file",
    key: "peer-key-file",
    client_certificate: "peer-client-cert-file",
    client_key: "peer-client-key-file",
    authorities: "peer-trusted-ca-file",
    demand: "peer-client-cert-auth",
    revoked: "peer-crl-file",
    common_names: "peer-cert-allowed-cn",
    host_names: "peer-cert-allowed-hostname",
    automatic: "peer-auto-tls",
};

/// The certificate of a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    None,
    Files(PairFiles),
    /// Made at the first start, below the data directory.
    Made,
}

/// One side of a member: towards clients, or towards the other members.
#[derive(Clone, Debug)]
pub struct Side {
    pub identity: Identity,
    /// What to call the other members with, where it differs from `identity`.
    pub caller: Option<PairFiles>,
    /// Who may connect; `None` asks for no certificate.
    pub clients: Option<ClientFiles>,
    /// The authorities named, whether or not they are asked of clients.
    pub authorities: Option<PathBuf>,
}

#[derive(Clone, Debug)]
pub struct Security {
    pub clients: Side,
    pub peers: Side,
    pub protocol: Protocol,
    /// Compare a member's address with its certificate.
    pub verify_peer_addresses: bool,
    /// Years.
    pub made_validity: u32,
}

impl Security {
    pub fn read(reader: &Reader<'_>, notes: &mut Vec<String>) -> Result<Self, SettingsError> {
        let protocol = protocol(reader)?;
        for name in protocol.left_out() {
            notes.push(format!("cipher suite {name} is weak and never used"));
        }
        let made_validity = reader.number("self-signed-cert-validity", 1)?;
        if made_validity == 0
            && let Some(given) = reader.given("self-signed-cert-validity")
        {
            return Err(invalid(given, "it must be greater than 0".to_owned()));
        }
        Ok(Self {
            clients: side(reader, &CLIENTS, notes)?,
            peers: side(reader, &PEERS, notes)?,
            protocol,
            verify_peer_addresses: !reader.switch("peer-skip-client-san-verification", false)?,
            made_validity,
        })
    }
}

fn side(
    reader: &Reader<'_>,
    names: &Names,
    notes: &mut Vec<String>,
) -> Result<Side, SettingsError> {
    let files = pair(reader, names.certificate, names.key)?;
    let caller = pair(reader, names.client_certificate, names.client_key)?;
    let authorities = reader.path(names.authorities);
    let identity = match (files, reader.switch(names.automatic, false)?) {
        (Some(files), automatic) => {
            if automatic {
                let (automatic, certificate) = (names.automatic, names.certificate);
                notes.push(format!("--{automatic} is ignored since --{certificate} is given"));
            }
            Identity::Files(files)
        }
        (None, true) => Identity::Made,
        (None, false) => Identity::None,
    };
    let demanded = reader.switch(names.demand, false)?;
    // etcd demands a certificate wherever it knows an authority, whatever the switch says.
    let clients = match (&authorities, demanded) {
        (Some(path), _) => Some(ClientFiles {
            authorities: Authorities::All(path.clone()),
            revoked: reader.path(names.revoked).map(RevocationFile::of_etcd),
            allowed: allowed(reader, names)?,
            demand: ClientAuth::Required,
        }),
        (None, true) => {
            let (demand, authorities) = (names.demand, names.authorities);
            return Err(SettingsError::Conflict(format!(
                "--{demand} needs --{authorities}: without it nothing tells a good certificate \
                 from another"
            )));
        }
        (None, false) => None,
    };
    if clients.is_none() {
        refuse_idle_checks(reader, names)?;
    }
    Ok(Side { identity, caller, clients, authorities })
}

/// A check that nothing performs would be a hole that looks like a wall.
fn refuse_idle_checks(reader: &Reader<'_>, names: &Names) -> Result<(), SettingsError> {
    for name in [names.revoked, names.common_names, names.host_names] {
        if let Some(given) = reader.given(name).filter(|given| !given.text.is_empty()) {
            let authorities = names.authorities;
            return Err(SettingsError::Conflict(format!(
                "{given} needs --{authorities}: no certificate is asked for without it"
            )));
        }
    }
    Ok(())
}

fn allowed(reader: &Reader<'_>, names: &Names) -> Result<Allowed, SettingsError> {
    let (common, hosts) = (reader.list(names.common_names), reader.list(names.host_names));
    match (common.is_empty(), hosts.is_empty()) {
        (true, true) => Ok(Allowed::Anyone),
        (false, true) => Ok(Allowed::CommonNames(common)),
        (true, false) => Ok(Allowed::HostNames(hosts)),
        (false, false) => Err(SettingsError::Conflict(format!(
            "--{} and --{} are mutually exclusive",
            names.common_names, names.host_names
        ))),
    }
}

fn pair(
    reader: &Reader<'_>,
    certificate: &'static str,
    key: &'static str,
) -> Result<Option<PairFiles>, SettingsError> {
    match (reader.path(certificate), reader.path(key)) {
        (Some(certificate), Some(key)) => Ok(Some(PairFiles { certificate, key })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(SettingsError::HalfPair(certificate, key, key)),
        (None, Some(_)) => Err(SettingsError::HalfPair(certificate, key, certificate)),
    }
}

fn protocol(reader: &Reader<'_>) -> Result<Protocol, SettingsError> {
    let version = |name: &str| match reader.given(name).filter(|given| !given.text.is_empty()) {
        None => Ok(None),
        Some(given) => match TlsVersion::parse(&given.text) {
            Some(version) => Ok(Some(version)),
            None => Err(invalid(given, "TLS1.2 or TLS1.3 is expected".to_owned())),
        },
    };
    let min = version("tls-min-version")?.unwrap_or(TlsVersion::Tls12);
    let max = version("tls-max-version")?;
    if max.is_some_and(|max| min > max) {
        return Err(SettingsError::Conflict(
            "min version (TLS1.3) is greater than max version (TLS1.2)".to_owned(),
        ));
    }
    let suites = reader.list("cipher-suites");
    if min == TlsVersion::Tls13 && !suites.is_empty() {
        return Err(SettingsError::Conflict(
            "cipher suites cannot be configured when only TLS1.3 is enabled".to_owned(),
        ));
    }
    Protocol::new(min, max, &suites).map_err(|error| match reader.given("cipher-suites") {
        Some(given) => invalid(given, error.to_string()),
        None => SettingsError::Conflict(error.to_string()),
    })
}
