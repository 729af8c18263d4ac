//! The names and addresses that a certificate is for.

use std::net::IpAddr;

use rustls::pki_types::CertificateDer;
use x509_parser::extensions::{GeneralName, SubjectAlternativeName};
use x509_parser::prelude::{FromDer, X509Certificate};
use yasna::{Tag, TagClass};

use super::error::Error;
use super::extensions::Extension;
use super::identifier::oid;

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct AlternativeNames {
    pub hosts: Vec<String>,
    pub addresses: Vec<IpAddr>,
    pub emails: Vec<String>,
    pub uris: Vec<String>,
}

impl AlternativeNames {
    /// Sorts out what CFSSL calls hosts: each is an address, an e-mail address, a URI or, if none of
    /// these, a DNS name. Empty ones, which example files are full of, say nothing and are skipped.
    pub fn of_hosts<S: AsRef<str>>(hosts: impl IntoIterator<Item = S>) -> Result<Self, Error> {
        let mut names = Self::default();
        for host in hosts {
            let host = host.as_ref();
            if host.is_empty() {
                continue;
            }
            if !host.is_ascii() || host.bytes().any(|byte| byte.is_ascii_control()) {
                return Err(Error::Unusable {
                    field: "a host",
                    value: host.to_owned(),
                    reason: "names in a certificate are ASCII: write it as punycode (xn--…)",
                });
            }
            if let Ok(address) = host.parse() {
                names.addresses.push(address);
            } else if let Some(email) = email_address(host) {
                names.emails.push(email.to_owned());
            } else if is_uri(host) {
                names.uris.push(host.to_owned());
            } else {
                names.hosts.push(host.to_owned());
            }
        }
        Ok(names)
    }

    /// Of a certificate that was verified; one that cannot be read has none.
    pub fn of(certificate: &CertificateDer<'_>) -> Self {
        let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
            return Self::default();
        };
        let extension = certificate.subject_alternative_name().ok().flatten();
        extension
            .map_or_else(Self::default, |extension| Self::parsed(&extension.value.general_names))
    }

    /// Of the value of the extension.
    pub(super) fn of_value(value: &[u8]) -> Result<Self, Error> {
        let (_, names) = SubjectAlternativeName::from_der(value)
            .map_err(|error| Error::malformed("list of alternative names", error))?;
        Ok(Self::parsed(&names.general_names))
    }

    pub(super) fn parsed(general_names: &[GeneralName<'_>]) -> Self {
        let mut names = Self::default();
        for name in general_names {
            match name {
                GeneralName::DNSName(host) => names.hosts.push((*host).to_owned()),
                GeneralName::RFC822Name(email) => names.emails.push((*email).to_owned()),
                GeneralName::URI(uri) => names.uris.push((*uri).to_owned()),
                GeneralName::IPAddress(bytes) => {
                    let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                    let v6 = || <[u8; 16]>::try_from(*bytes).map(IpAddr::from);
                    names.addresses.extend(v4.or_else(|_| v6()));
                }
                _ => {}
            }
        }
        names
    }

    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
            && self.addresses.is_empty()
            && self.emails.is_empty()
            && self.uris.is_empty()
    }

    /// The extension, none when there are no names. It is critical when the subject says nothing.
    pub(super) fn extension(&self, critical: bool) -> Option<Extension> {
        const EMAIL: u64 = 1;
        const DNS: u64 = 2;
        const URI: u64 = 6;
        const ADDRESS: u64 = 7;
        if self.is_empty() {
            return None;
        }
        let texts = (self.hosts.iter().map(|name| (DNS, name)))
            .chain(self.emails.iter().map(|name| (EMAIL, name)))
            .map(|(tag, name)| (tag, name.as_bytes().to_vec()));
        let addresses = self.addresses.iter().map(|address| match address {
            IpAddr::V4(address) => (ADDRESS, address.octets().to_vec()),
            IpAddr::V6(address) => (ADDRESS, address.octets().to_vec()),
        });
        let uris = self.uris.iter().map(|uri| (URI, uri.as_bytes().to_vec()));
        let value = yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                for (tag, bytes) in texts.chain(addresses).chain(uris) {
                    writer
                        .next()
                        .write_tagged_implicit(context(tag), |writer| writer.write_bytes(&bytes));
                }
            });
        });
        Some(Extension { identifier: oid::subject_alternative_name(), critical, value })
    }
}

pub(super) fn context(tag_number: u64) -> Tag {
    Tag { tag_class: TagClass::ContextSpecific, tag_number }
}

/// `user@host`, or that in `Name <user@host>`.
fn email_address(host: &str) -> Option<&str> {
    let address = match host.strip_suffix('>') {
        Some(named) => named.split_once('<')?.1,
        None => host,
    };
    let (user, domain) = address.rsplit_once('@')?;
    let plain = |text: &str| {
        !text.is_empty() && !text.contains([' ', '/', ':', '@', '<', '>', '(', ')', ',', '"'])
    };
    (plain(user) && plain(domain)).then_some(address)
}

/// A scheme and a colon, or an absolute path.
fn is_uri(host: &str) -> bool {
    if host.starts_with('/') {
        return true;
    }
    host.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_sorted_out_as_cfssl_does() {
        let rows: [(&str, &str); 10] = [
            ("example.org", "dns"),
            ("*.example.org", "dns"),
            ("localhost", "dns"),
            ("10.0.0.1", "address"),
            ("::1", "address"),
            ("a@example.org", "email"),
            ("A Name <a@example.org>", "email"),
            ("spiffe://cluster.local/ns/default", "uri"),
            ("urn:example:a", "uri"),
            ("", "nothing"),
        ];
        for (host, kind) in rows {
            let names = AlternativeNames::of_hosts([host]).expect(host);
            let found = match (&names.hosts[..], &names.addresses[..], &names.emails[..]) {
                ([_], [], []) => "dns",
                ([], [_], []) => "address",
                ([], [], [email]) => {
                    assert_eq!(email, "a@example.org");
                    "email"
                }
                _ if names.uris == [host] => "uri",
                _ => "nothing",
            };
            assert_eq!(found, kind, "{host}");
        }
        assert!(AlternativeNames::of_hosts(["bücher.example"]).is_err());
    }
}
