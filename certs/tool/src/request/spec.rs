//! The request as a whole.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::x509::{
    self, AlternativeNames, BasicConstraints, Extension, KeyAlgorithm, ObjectIdentifier,
    PrivateKey, Request, Subject,
};
use time::Duration;

use super::name::{NameEntry, subject};
use crate::flag::parse_duration;
use crate::json::{Error, Node};
use crate::log;

/// Who wants a certificate.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestSpec {
    pub common_name: String,
    pub names: Vec<NameEntry>,
    /// The subject's serial number, not the certificate's.
    pub serial_number: String,
    hosts: Vec<String>,
    alternative_names: AlternativeNames,
    pub key: KeyAlgorithm,
    pub authority: Option<AuthoritySpec>,
    pub delegation: bool,
    pub extensions: Vec<Extension>,
    pub crl_url: Option<String>,
}

/// The section `ca`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AuthoritySpec {
    pub expiry: Option<Duration>,
    pub backdate: Option<Duration>,
    /// How many authorities may follow; any number when none.
    pub path_len: Option<u32>,
}

const FIELDS: [&str; 9] = [
    "CN",
    "names",
    "hosts",
    "key",
    "ca",
    "serialnumber",
    "delegation_enabled",
    "extensions",
    "crl_url",
];

impl RequestSpec {
    pub fn read(node: &Node<'_>) -> Result<Self, Error> {
        node.warn_unknown(&FIELDS);
        let mut spec = Self {
            common_name: node.text_of("CN")?.unwrap_or_default().to_owned(),
            names: NameEntry::read_all(node.field("names")?)?,
            serial_number: node.text_of("serialnumber")?.unwrap_or_default().to_owned(),
            key: read_key(node)?,
            authority: node.field("ca")?.map(|ca| AuthoritySpec::read(&ca)).transpose()?,
            delegation: node.boolean_of("delegation_enabled")?,
            extensions: read_extensions(node)?,
            crl_url: node.text_of("crl_url")?.map(str::to_owned),
            ..Self::default()
        };
        if let Some(hosts) = node.field("hosts")? {
            let mut texts = Vec::new();
            for host in hosts.list()? {
                let text = host.text()?;
                AlternativeNames::of_hosts([text])
                    .map_err(|error| host.error(error.to_string()))?;
                texts.push(text.to_owned());
            }
            let unusable = |error: x509::Error| hosts.error(error.to_string());
            spec.set_hosts(texts).map_err(unusable)?;
        }
        Ok(spec)
    }

    /// Replaces the hosts, as `-hostname` does.
    pub fn set_hosts(&mut self, hosts: Vec<String>) -> Result<(), x509::Error> {
        self.alternative_names = AlternativeNames::of_hosts(&hosts)?;
        self.hosts = hosts;
        Ok(())
    }

    pub fn hosts(&self) -> &[String] {
        &self.hosts
    }

    pub fn subject(&self) -> Subject {
        subject(&self.common_name, &self.names, &self.serial_number)
    }

    /// Whether the subject is enough for an authority: a common name, or entries that all say
    /// something.
    pub fn identifies_an_authority(&self) -> bool {
        !self.common_name.is_empty()
            || (!self.names.is_empty() && self.names.iter().all(|entry| !entry.is_empty()))
    }

    /// A new key and a request by it.
    pub fn generate(&self) -> Result<(PrivateKey, Request), x509::Error> {
        log::info!("received CSR");
        log::info!("generating key: {}-{}", self.key.name(), self.key.bits());
        let key = PrivateKey::generate(self.key)?;
        let request = self.request(&key)?;
        log::info!("encoded CSR");
        Ok((key, request))
    }

    /// A request by a key that exists.
    pub fn request(&self, key: &PrivateKey) -> Result<Request, x509::Error> {
        let mut extensions = Vec::new();
        if let Some(authority) = &self.authority {
            extensions.push(Extension::basic_constraints(BasicConstraints {
                is_authority: true,
                path_len: authority.path_len,
            }));
        }
        if self.delegation {
            extensions.push(Extension::delegation_usage());
        }
        extensions.extend(self.extensions.iter().cloned());
        Request::new(key, &self.subject(), &self.alternative_names, &extensions)
    }
}

fn read_key(node: &Node<'_>) -> Result<KeyAlgorithm, Error> {
    let Some(key) = node.field("key")? else { return Ok(KeyAlgorithm::default()) };
    key.warn_unknown(&["algo", "size"]);
    let algorithm = key.text_of("algo")?.unwrap_or("ecdsa");
    let size = key.integer_of("size")?.unwrap_or(256);
    KeyAlgorithm::named(algorithm, size).map_err(|error| key.error(error.to_string()))
}

/// Entries as Go writes them: `{"Id": [1, 2, 3], "Critical": false, "Value": "base64"}`.
fn read_extensions(node: &Node<'_>) -> Result<Vec<Extension>, Error> {
    let Some(field) = node.field("extensions")? else { return Ok(Vec::new()) };
    let mut extensions = Vec::new();
    for entry in field.list()? {
        entry.warn_unknown(&["Id", "Critical", "Value"]);
        let id = entry.field("Id")?.ok_or_else(|| entry.error("Id is missing"))?;
        let arcs = id.list()?;
        let arcs: Result<Vec<u64>, Error> = arcs
            .iter()
            .map(|arc| u64::try_from(arc.integer()?).map_err(|_| arc.error("it is negative")))
            .collect();
        let identifier = ObjectIdentifier::of(&arcs?);
        let identifier = identifier.ok_or_else(|| id.error("not an object identifier"))?;
        let value = entry.field("Value")?.ok_or_else(|| entry.error("Value is missing"))?;
        let bytes = STANDARD.decode(value.text()?);
        extensions.push(Extension {
            identifier,
            critical: entry.boolean_of("Critical")?,
            value: bytes.map_err(|error| value.error(format!("not base64: {error}")))?,
        });
    }
    Ok(extensions)
}

impl AuthoritySpec {
    fn read(node: &Node<'_>) -> Result<Self, Error> {
        node.warn_unknown(&["pathlen", "pathlenzero", "expiry", "backdate"]);
        Ok(Self {
            expiry: read_duration(node, "expiry")?,
            backdate: read_duration(node, "backdate")?,
            path_len: read_path_len(node, "pathlen", "pathlenzero")?,
        })
    }
}

/// A duration; none when it is absent or zero.
pub(crate) fn read_duration(node: &Node<'_>, name: &str) -> Result<Option<Duration>, Error> {
    let Some(field) = node.field(name)? else { return Ok(None) };
    let text = field.text()?;
    if text.is_empty() {
        return Ok(None);
    }
    let duration = parse_duration(text).map_err(|error| field.error(error))?;
    Ok((!duration.is_zero()).then_some(duration))
}

/// Go tells zero from nothing by a second field.
pub(crate) fn read_path_len(
    node: &Node<'_>,
    length: &str,
    zero: &str,
) -> Result<Option<u32>, Error> {
    let is_zero = node.boolean_of(zero)?;
    let Some(field) = node.field(length)? else { return Ok(is_zero.then_some(0)) };
    match field.integer()? {
        0 | -1 => Ok(is_zero.then_some(0)),
        given => {
            if is_zero {
                log::info!("{}", field.error(format!("{zero} is ignored beside a length")));
            }
            let given = u32::try_from(given).ok();
            given.map(Some).ok_or_else(|| field.error("a path length is zero or more"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Document;

    fn read(text: &str) -> Result<RequestSpec, String> {
        let document = Document::parse("csr.json", text.to_owned()).expect("valid JSON");
        RequestSpec::read(&document.root()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_field_is_honoured() {
        let spec = read(
            r#"{
              "CN": "a.example", "hosts": ["a.example", "10.0.0.1", ""],
              "key": {"algo": "rsa", "size": 2048},
              "names": [
                {"C": "DE", "O": "one", "OU": "x", "L": "l", "ST": "s", "E": "a@b.c"},
                {"O": "two", "OID": {"1.2.3.4": "v"}, "SerialNumber": "17"}
              ],
              "ca": {"expiry": "1h", "pathlen": 2, "backdate": "1m"},
              "delegation_enabled": true, "crl_url": "http://crl",
              "extensions": [{"Id": [1, 2, 3], "Critical": true, "Value": "BQA="}]
            }"#,
        )
        .expect("read");
        let subject = spec.subject().to_string();
        let expected = "C=DE, ST=s, L=l, O=one, O=two, OU=x, CN=a.example, serialNumber=17, \
                        emailAddress=a@b.c, 1.2.3.4=v";
        assert_eq!(subject, expected);
        assert_eq!(spec.authority.as_ref().and_then(|ca| ca.path_len), Some(2));
        let (key, request) = spec.generate().expect("generated");
        assert_eq!(key.algorithm(), KeyAlgorithm::Rsa(2048));
        assert_eq!(request.alternative_names().hosts, ["a.example"]);
        assert_eq!(request.extensions().len(), 4);
        assert_eq!(spec.crl_url.as_deref(), Some("http://crl"));
    }

    #[test]
    fn a_request_without_anything_is_one() {
        let spec = read("{}").expect("read");
        assert_eq!(spec.key, KeyAlgorithm::EcdsaP256);
        assert!(spec.subject().is_empty() && !spec.identifies_an_authority());
        assert!(!read(r#"{"names": [{"O": " "}]}"#).expect("read").identifies_an_authority());
        assert!(read(r#"{"names": [{"O": "x"}]}"#).expect("read").identifies_an_authority());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let rows = [
            (r#"{"hosts": "a"}"#, "csr.json:1:11: hosts: a list is expected"),
            (r#"{"hosts": ["a", 1]}"#, "csr.json:1:17: hosts[1]: a string is expected"),
            (r#"{"hosts": ["ü"]}"#, "hosts[0]: \"ü\" cannot be used as a host"),
            (r#"{"key": {"algo": "rsa"}}"#, "key: cannot generate keys of the kind \"rsa\""),
            (r#"{"key": {"algo": "dsa", "size": 1}}"#, "rsa, ecdsa and ed25519"),
            (r#"{"ca": {"expiry": "5y"}}"#, "ca.expiry: \"5y\" is not a duration"),
            (r#"{"ca": {"pathlen": -7}}"#, "ca.pathlen: a path length is zero or more"),
            (r#"{"names": [{"OID": {"x": "y"}}]}"#, "names[0].OID.x: "),
            (r#"{"names": {}}"#, "names: a list is expected, not an object"),
        ];
        for (text, expected) in rows {
            let refused = read(text).expect_err(text);
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[test]
    fn path_lengths_are_read_as_go_means_them() {
        let rows = [
            ("{}", None),
            (r#"{"pathlen": 0}"#, None),
            (r#"{"pathlenzero": true}"#, Some(0)),
            (r#"{"pathlen": 0, "pathlenzero": true}"#, Some(0)),
            (r#"{"pathlen": 3}"#, Some(3)),
            (r#"{"pathlen": 3, "pathlenzero": true}"#, Some(3)),
            (r#"{"pathlen": -1}"#, None),
        ];
        for (text, expected) in rows {
            let spec = read(&format!(r#"{{"ca": {text}}}"#)).expect(text);
            assert_eq!(spec.authority.expect("given").path_len, expected, "{text}");
        }
    }
}
