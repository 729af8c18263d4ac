//! The scanners, and running those of them that are asked for.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use certs::{ClientConfigFiles, Protocol, TlsVersion, Trust};
use regex::Regex;
use rustls::ClientConfig;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::{TcpStream, lookup_host};

use super::chain::{expiration, fetch, validation};
use super::report::{Finding, Grade, Report};

/// Families of CFSSL that are not here.
const MISSING: &str = "of CFSSL's scanners those of the families TLSHandshake, TLSSession \
    and Broad, and CloudFlareStatus, are not here";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scanner {
    DnsLookup,
    TcpDial,
    TlsDial,
    ChainExpiration,
    ChainValidation,
    MultipleCerts,
}

type Family = (&'static str, &'static str, &'static [(&'static str, &'static str, Scanner)]);

const FAMILIES: [Family; 2] = [
    (
        "Connectivity",
        "Scans for basic connectivity with the host through DNS and TCP/TLS dials",
        &[
            ("DNSLookup", "Host can be resolved through DNS", Scanner::DnsLookup),
            ("TCPDial", "Host accepts TCP connection", Scanner::TcpDial),
            ("TLSDial", "Host can perform TLS handshake", Scanner::TlsDial),
        ],
    ),
    (
        "PKI",
        "Scans for the Public Key Infrastructure",
        &[
            (
                "ChainExpiration",
                "Host's chain hasn't expired and won't expire in the next 30 days",
                Scanner::ChainExpiration,
            ),
            (
                "ChainValidation",
                "All certificates in host's chain are valid",
                Scanner::ChainValidation,
            ),
            (
                "MultipleCerts",
                "Host serves same certificate chain across all IPs",
                Scanner::MultipleCerts,
            ),
        ],
    ),
];

/// The families with their scanners, as `scan -list` and `scaninfo` tell them.
pub(crate) fn describe() -> Value {
    let families = FAMILIES.iter().map(|(name, description, scanners)| {
        let scanners: BTreeMap<_, _> = scanners
            .iter()
            .map(|(name, description, _)| (*name, json!({"description": description})))
            .collect();
        (*name, json!({"description": description, "scanners": scanners}))
    });
    json!(families.collect::<BTreeMap<_, _>>())
}

/// What to scan a host for.
pub(crate) struct Scan {
    pub families: Regex,
    pub scanners: Regex,
    /// Where the host is, when not where its name says.
    pub ip: Option<IpAddr>,
    pub trusting: Arc<ClientConfig>,
    pub verifying: Arc<ClientConfig>,
}

impl Scan {
    /// Empty expressions match everything; `ca_bundle` is whom to trust instead of the system's.
    pub fn new(
        families: &str,
        scanners: &str,
        ip: &str,
        ca_bundle: Option<PathBuf>,
    ) -> Result<Self, String> {
        let expression =
            |name: &str, text: &str| Regex::new(text).map_err(|error| format!("{name}: {error}"));
        let ip = match ip {
            "" => None,
            ip => Some(ip.parse().map_err(|_| format!("ip: {ip:?} is no address"))?),
        };
        let tls = |trust| {
            let protocol = Protocol::new(TlsVersion::Tls12, None, &[]);
            let protocol = protocol.map_err(|error| error.to_string())?;
            let files = ClientConfigFiles::open("a scan", None, trust, protocol);
            Ok::<_, String>(files.map_err(|error| error.to_string())?.current())
        };
        let scan = Self {
            families: expression("family", families)?,
            scanners: expression("scanner", scanners)?,
            ip,
            trusting: tls(Trust::Anyone)?,
            verifying: tls(ca_bundle
                .map(certs::Authorities::All)
                .map_or(Trust::System, Trust::Authorities))?,
        };
        if scan.chosen().next().is_none() {
            return Err(format!("no scanner is called so: {MISSING}"));
        }
        Ok(scan)
    }

    fn chosen(&self) -> impl Iterator<Item = (&'static str, &'static str, Scanner)> + '_ {
        let of_family = |(family, _, scanners): &'static Family| {
            scanners.iter().map(|(name, _, scanner)| (*family, *name, *scanner))
        };
        FAMILIES
            .iter()
            .filter(|(family, _, _)| self.families.is_match(family))
            .flat_map(of_family)
            .filter(|(_, name, _)| self.scanners.is_match(name))
    }

    /// Scans `host` (a name or address, with a port or 443).
    pub async fn run(&self, host: &str) -> Report {
        let target = Target::of(host, self.ip);
        let mut report = Report::new();
        for (family, name, scanner) in self.chosen() {
            let finding = match &target {
                Ok(target) => self.scan(scanner, target).await,
                Err(refused) => Finding::bad(refused),
            };
            report.entry(family).or_default().insert(name, finding);
        }
        report
    }

    async fn scan(&self, scanner: Scanner, target: &Target) -> Finding {
        let found = match scanner {
            Scanner::DnsLookup => target.look_up().await.map(|addresses| {
                let addresses: Vec<_> = addresses.iter().map(|at| at.ip().to_string()).collect();
                Finding::new(Grade::Good, addresses)
            }),
            Scanner::TcpDial => self.tcp_dial(target).await,
            Scanner::TlsDial => self.tls_dial(target).await,
            Scanner::ChainExpiration => {
                self.chain(target).await.map(|chain| expiration(&chain, OffsetDateTime::now_utc()))
            }
            Scanner::ChainValidation => self.chain(target).await.map(|chain| validation(&chain)),
            Scanner::MultipleCerts => self.multiple_certificates(target).await,
        };
        found.unwrap_or_else(Finding::bad)
    }

    async fn tcp_dial(&self, target: &Target) -> Result<Finding, String> {
        TcpStream::connect(target.dialed().await?).await.map_err(|error| error.to_string())?;
        Ok(Finding::good())
    }

    /// A warning where the handshake works but the certificate is not believed.
    async fn tls_dial(&self, target: &Target) -> Result<Finding, String> {
        self.chain(target).await?;
        let address = target.dialed().await?;
        Ok(match fetch(address, &target.host, Arc::clone(&self.verifying)).await {
            Ok(_) => Finding::good(),
            Err(error) => {
                Finding { grade: Grade::Warning, output: Value::Null, error: error.clone() }
            }
        })
    }

    async fn chain(&self, target: &Target) -> Result<Vec<certs::x509::Certificate>, String> {
        fetch(target.dialed().await?, &target.host, Arc::clone(&self.trusting)).await
    }

    async fn multiple_certificates(&self, target: &Target) -> Result<Finding, String> {
        let first = self.chain(target).await?;
        for address in target.look_up().await? {
            let chain = fetch(address, &target.host, Arc::clone(&self.trusting)).await?;
            if chain[0] != first[0] {
                let (one, other) = (chain[0].subject(), first[0].subject());
                return Err(format!("{one} at {address} not equal to {other}"));
            }
        }
        Ok(Finding::good())
    }
}

/// Who is scanned, and where.
struct Target {
    host: String,
    port: u16,
    ip: Option<IpAddr>,
}

impl Target {
    fn of(host: &str, ip: Option<IpAddr>) -> Result<Self, String> {
        let bare = |host: &str| host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let (host, port) = match host.rsplit_once(':') {
            // An IPv6 address without brackets has no port.
            Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
                let port = port.parse().map_err(|_| format!("{host}: {port:?} is no port"))?;
                (bare(name), port)
            }
            _ => (bare(host), 443),
        };
        match host.is_empty() {
            true => Err("no host given".to_owned()),
            false => Ok(Self { host, port, ip }),
        }
    }

    async fn look_up(&self) -> Result<Vec<SocketAddr>, String> {
        let found = lookup_host((self.host.as_str(), self.port)).await;
        let found: Vec<_> = found.map_err(|error| error.to_string())?.collect();
        match found.is_empty() {
            true => Err("no addresses found for host".to_owned()),
            false => Ok(found),
        }
    }

    async fn dialed(&self) -> Result<SocketAddr, String> {
        match self.ip {
            Some(ip) => Ok(SocketAddr::new(ip, self.port)),
            None => Ok(self.look_up().await?[0]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_with_ports_and_without() {
        for (text, expected) in [
            ("a.example", Ok(("a.example", 443))),
            ("a.example:8443", Ok(("a.example", 8443))),
            ("[::1]:99", Ok(("::1", 99))),
            ("::1", Ok(("::1", 443))),
            ("a:x", Err(())),
            ("", Err(())),
        ] {
            let target = Target::of(text, None);
            let told = target.as_ref().map(|target| (target.host.as_str(), target.port));
            assert_eq!(told.map_err(|_| ()), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_here_is_said() {
        let refused = Scan::new("Broad", "", "", None).err().expect("no such family");
        assert!(refused.contains("TLSHandshake"), "{refused}");
        assert!(Scan::new("(", "", "", None).is_err());
        assert!(Scan::new("", "", "there", None).is_err());
        let scan = Scan::new("PKI|Conn", "Chain", "", None).expect("two scanners");
        assert_eq!(scan.chosen().count(), 2);
        assert_eq!(describe()["PKI"]["scanners"].as_object().map(serde_json::Map::len), Some(3));
    }
}
