//! What is asked to be signed, and CFSSL's JSON of it, which servers take and remotes are sent.

use certs::x509::{Extension, Request, Serial, Subject};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::config::parse_time;
use crate::json::{Error, Node};
use crate::request::{NameEntry, subject};

#[derive(Clone, Debug)]
pub(crate) struct SignRequest {
    pub request: Request,
    /// Instead of the request's alternative names.
    pub hosts: Option<Vec<String>>,
    pub subject: Option<SubjectOverride>,
    /// Empty is the default profile.
    pub profile: String,
    /// Which of a server's keys signs.
    pub label: String,
    pub crl_url: Option<String>,
    pub serial: Option<Serial>,
    pub extensions: Vec<Extension>,
    pub not_before: Option<OffsetDateTime>,
    pub not_after: Option<OffsetDateTime>,
    /// Whether a server shall answer with a bundle.
    pub bundle: bool,
    pub metadata: Value,
}

/// What replaces the request's subject. What is empty in it is the request's still.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SubjectOverride {
    pub common_name: String,
    pub names: Vec<NameEntry>,
    pub serial_number: String,
}

const FIELDS: [&str; 15] = [
    "hosts",
    "hostname",
    "certificate_request",
    "subject",
    "profile",
    "label",
    "crl_override",
    "serial",
    "serial_sequence",
    "extensions",
    "NotBefore",
    "NotAfter",
    "ReturnPrecert",
    "bundle",
    "metadata",
];

impl SignRequest {
    pub fn new(request: Request) -> Self {
        Self {
            request,
            hosts: None,
            subject: None,
            profile: String::new(),
            label: String::new(),
            crl_url: None,
            serial: None,
            extensions: Vec::new(),
            not_before: None,
            not_after: None,
            bundle: false,
            metadata: Value::Null,
        }
    }

    /// The body of `sign` and of what `authsign` wraps.
    pub fn read(node: &Node<'_>) -> Result<Self, Error> {
        node.warn_unknown(&FIELDS);
        let field = node.field("certificate_request")?;
        let field = field.ok_or_else(|| node.error("certificate_request is missing"))?;
        let request = Request::from_pem(field.text()?);
        let mut ask = Self::new(request.map_err(|error| field.error(error.to_string()))?);
        if node.boolean_of("ReturnPrecert")? {
            return Err(node.error("precertificates are not made here"));
        }
        // One host may stand in `hostname`, as before there were several.
        ask.hosts = match (node.text_of("hostname")?, node.texts_of("hosts")?) {
            (Some(host), hosts) if hosts.is_empty() => Some(split_hosts(host)),
            (_, hosts) => (!hosts.is_empty()).then_some(hosts),
        };
        let subject = node.field("subject")?;
        ask.subject = subject.map(|subject| SubjectOverride::read(&subject)).transpose()?;
        ask.profile = node.text_of("profile")?.unwrap_or_default().to_owned();
        ask.label = node.text_of("label")?.unwrap_or_default().to_owned();
        ask.crl_url = node.text_of("crl_override")?.map(str::to_owned);
        ask.serial = node.field("serial")?.map(|serial| read_serial(&serial)).transpose()?;
        ask.extensions = read_extensions(node)?;
        ask.not_before = read_time(node, "NotBefore")?;
        ask.not_after = read_time(node, "NotAfter")?;
        ask.bundle = node.boolean_of("bundle")?;
        ask.metadata =
            node.field("metadata")?.map(|field| field.value().clone()).unwrap_or_default();
        Ok(ask)
    }

    /// What a remote server is sent.
    pub fn to_json(&self) -> Value {
        let mut body = Map::new();
        body.insert("certificate_request".to_owned(), self.request.to_pem().into());
        body.insert("hosts".to_owned(), json!(self.hosts));
        body.insert("profile".to_owned(), self.profile.clone().into());
        body.insert("label".to_owned(), self.label.clone().into());
        body.insert("crl_override".to_owned(), self.crl_url.clone().unwrap_or_default().into());
        if let Some(subject) = &self.subject {
            body.insert("subject".to_owned(), subject.to_json());
        }
        body.insert("bundle".to_owned(), self.bundle.into());
        Value::Object(body)
    }
}

/// A list with commas between; nothing is no list.
pub(crate) fn split_hosts(text: &str) -> Vec<String> {
    text.split(',').map(|host| host.trim().to_owned()).filter(|host| !host.is_empty()).collect()
}

impl SubjectOverride {
    pub fn read(node: &Node<'_>) -> Result<Self, Error> {
        node.warn_unknown(&["CN", "names", "SerialNumber"]);
        Ok(Self {
            common_name: node.text_of("CN")?.unwrap_or_default().to_owned(),
            names: NameEntry::read_all(node.field("names")?)?,
            serial_number: node.text_of("SerialNumber")?.unwrap_or_default().to_owned(),
        })
    }

    fn to_json(&self) -> Value {
        let names = self.names.iter().map(|name| {
            json!({
                "C": name.country, "ST": name.province, "L": name.locality,
                "O": name.organization, "OU": name.organizational_unit,
            })
        });
        json!({
            "CN": self.common_name,
            "names": names.collect::<Vec<_>>(),
            "SerialNumber": self.serial_number,
        })
    }

    /// The subject with what is missing here taken from `requested`.
    pub fn complete(&self, requested: &Subject) -> Subject {
        use certs::x509::oid;
        let own = subject(&self.common_name, &self.names, &self.serial_number);
        let kinds = [
            oid::country(),
            oid::province(),
            oid::locality(),
            oid::organization(),
            oid::organizational_unit(),
            oid::common_name(),
            oid::serial_number(),
        ];
        let mut complete = Subject::default();
        for kind in &kinds {
            let values = match own.values(kind) {
                values if values.is_empty() => requested.values(kind),
                values => values,
            };
            complete.push(kind.clone(), values);
        }
        for attribute in own.attributes().filter(|attribute| !kinds.contains(&attribute.kind)) {
            complete.push(attribute.kind.clone(), [attribute.text.as_str()]);
        }
        complete
    }
}

/// A number, as Go writes big ones, or a string of digits.
fn read_serial(node: &Node<'_>) -> Result<Serial, Error> {
    let text = match node.value() {
        Value::Number(number) => number.to_string(),
        _ => node.text()?.to_owned(),
    };
    text.parse().map_err(|error| node.error(format!("{error}")))
}

/// Entries as a sign request has them: the value is hexadecimal.
fn read_extensions(node: &Node<'_>) -> Result<Vec<Extension>, Error> {
    let Some(field) = node.field("extensions")? else { return Ok(Vec::new()) };
    let mut extensions = Vec::new();
    for entry in field.list()? {
        let id = entry.field("id")?.ok_or_else(|| entry.error("id is missing"))?;
        let value = entry.field("value")?.ok_or_else(|| entry.error("value is missing"))?;
        let bytes = hexadecimal(value.text()?);
        extensions.push(Extension {
            identifier: id.text()?.parse().map_err(|error| id.error(format!("{error}")))?,
            critical: entry.boolean_of("critical")?,
            value: bytes.ok_or_else(|| value.error("hexadecimal digits are expected"))?,
        });
    }
    Ok(extensions)
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).map(|digit| digit as u8)).collect();
    let digits = digits?;
    let pairs = digits.chunks(2).map(|pair| Some(pair.first()? << 4 | pair.get(1)?));
    pairs.collect()
}

/// Go writes a time that is not set as the year 1.
fn read_time(node: &Node<'_>, name: &str) -> Result<Option<OffsetDateTime>, Error> {
    let Some(field) = node.field(name)? else { return Ok(None) };
    let time = parse_time(field.text()?);
    let time =
        time.ok_or_else(|| field.error("a time such as 2030-01-31T00:00:00Z is expected"))?;
    Ok((time.year() > 1).then_some(time))
}
