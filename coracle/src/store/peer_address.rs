//! Whether another member comes from where its certificate says that it lives.
//!
//! etcd's check on its peer port: a certificate that names addresses or hosts is only taken from
//! one of them, so that one stolen from a member is of no use elsewhere.
//! `--peer-skip-client-san-verification` turns it off. For wildcards etcd asks the DNS for the name
//! of the address; here the known members' host names that fit the wildcard are resolved, which
//! needs no reverse zone.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use certs::AlternativeNames;
use store::Embedded;
use store::server::{Checked, PeerCertificates, PeerCheck};

use super::urls::Url;

/// A name that takes longer to resolve counts as unknown.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
/// Names of one certificate that are resolved.
const MAX_NAMES: usize = 32;

/// What the names of a certificate say of an address.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Taken,
    Refused,
    /// One of these hosts must have the address.
    Resolve(Vec<String>),
}

/// `members` are the host names of the members' peer URLs.
fn judge(names: &AlternativeNames, address: IpAddr, members: &[String]) -> Verdict {
    if names.hosts.is_empty() && names.addresses.is_empty() {
        return Verdict::Taken;
    }
    if names.addresses.contains(&address) {
        return Verdict::Taken;
    }
    let mut hosts = Vec::new();
    for name in &names.hosts {
        match name.strip_prefix('*') {
            None => hosts.push(name.clone()),
            Some(suffix) => {
                let fits = |host: &&String| {
                    let label = host.strip_suffix(suffix);
                    label.is_some_and(|label| !label.is_empty() && !label.contains('.'))
                };
                hosts.extend(members.iter().filter(fits).cloned());
            }
        }
    }
    hosts.dedup();
    hosts.truncate(MAX_NAMES);
    if hosts.is_empty() { Verdict::Refused } else { Verdict::Resolve(hosts) }
}

/// The check, with the members as the store knows them once it is open.
#[derive(Default)]
pub struct PeerAddresses {
    store: OnceLock<Weak<Embedded>>,
}

impl PeerAddresses {
    pub fn know(&self, store: &Arc<Embedded>) {
        // A member opens its store once.
        let _ = self.store.set(Arc::downgrade(store));
    }

    pub fn check(this: &Arc<Self>) -> PeerCheck {
        let this = Arc::clone(this);
        PeerCheck(Arc::new(move |certificates, address| {
            let this = Arc::clone(&this);
            Box::pin(async move { this.decide(&certificates, address).await })
        }))
    }

    fn member_hosts(&self) -> Vec<String> {
        let Some(store) = self.store.get().and_then(Weak::upgrade) else { return Vec::new() };
        let urls = store.known_members().into_iter().flat_map(|member| member.peer_urls);
        urls.filter_map(|url| url.parse::<Url>().ok()?.host().map(str::to_owned)).collect()
    }

    async fn decide(&self, certificates: &PeerCertificates, address: Option<IpAddr>) -> Checked {
        let (Some(certificate), Some(address)) = (certificates.0.first(), address) else {
            return Ok(());
        };
        let names = AlternativeNames::of(certificate);
        let refusal = || format!("tls: {address} does not match any of {names:?}");
        match judge(&names, address, &self.member_hosts()) {
            Verdict::Taken => Ok(()),
            Verdict::Refused => Err(refusal()),
            Verdict::Resolve(hosts) => {
                for host in &hosts {
                    let resolving = tokio::net::lookup_host((host.as_str(), 0));
                    let Ok(Ok(mut found)) = tokio::time::timeout(RESOLVE_TIMEOUT, resolving).await
                    else {
                        continue;
                    };
                    if found.any(|found| found.ip().to_canonical() == address) {
                        return Ok(());
                    }
                }
                Err(refusal())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(hosts: &[&str], addresses: &[&str]) -> AlternativeNames {
        AlternativeNames {
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            addresses: addresses.iter().map(|ip| ip.parse().expect("an address")).collect(),
            ..AlternativeNames::default()
        }
    }

    #[test]
    fn a_certificate_is_taken_from_where_it_says() {
        let address = "10.0.0.1".parse().expect("an address");
        let members = ["etcd-0.etcd.svc".to_owned(), "a.b.etcd.svc".to_owned()];
        let resolve = |hosts: &[&str]| {
            Verdict::Resolve(hosts.iter().map(|host| (*host).to_owned()).collect())
        };
        for (names, verdict) in [
            (names(&[], &[]), Verdict::Taken),
            (names(&["x"], &["10.0.0.1"]), Verdict::Taken),
            (names(&[], &["10.0.0.2"]), Verdict::Refused),
            (names(&["x"], &["10.0.0.2"]), resolve(&["x"])),
            (names(&["*.etcd.svc"], &[]), resolve(&["etcd-0.etcd.svc"])),
            (names(&["*.other.svc"], &[]), Verdict::Refused),
        ] {
            assert_eq!(judge(&names, address, &members), verdict, "{names:?}");
        }
    }
}
