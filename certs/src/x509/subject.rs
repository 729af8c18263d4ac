//! Distinguished names: ordered, with repeated attributes, each value as it was encoded.

use std::fmt;

use x509_parser::prelude::FromDer;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};
use yasna::DERWriter;

use super::error::Error;
use super::identifier::{ObjectIdentifier, oid};

/// One attribute: what kind, what it says, and the DER of that.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Attribute {
    pub kind: ObjectIdentifier,
    pub text: String,
    encoded: Vec<u8>,
}

impl Attribute {
    pub fn new(kind: ObjectIdentifier, text: impl Into<String>) -> Self {
        let text = text.into();
        let encoded = yasna::construct_der(|writer| {
            if text.bytes().all(is_printable) {
                writer.write_printable_string(&text);
            } else {
                writer.write_utf8_string(&text);
            }
        });
        Self { kind, text, encoded }
    }

    fn parsed(attribute: &AttributeTypeAndValue<'_>) -> Self {
        let value = attribute.attr_value();
        let text = match attribute.as_str() {
            Ok(text) => text.to_owned(),
            // A BMPString is UTF-16; what is left is taken as Latin-1, as a T61String mostly is.
            Err(_) if value.tag().0 == BMP_STRING => {
                let units = value.data.chunks_exact(2);
                let units: Vec<u16> =
                    units.map(|unit| u16::from_be_bytes([unit[0], unit[1]])).collect();
                String::from_utf16_lossy(&units)
            }
            Err(_) => value.data.iter().map(|byte| char::from(*byte)).collect(),
        };
        Self {
            kind: ObjectIdentifier::from_bytes(attribute.attr_type().as_bytes()),
            text,
            encoded: tag_length_value(value.header.tag().0, value.data),
        }
    }

    fn write(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| {
            self.kind.write(writer.next());
            writer.next().write_der(&self.encoded);
        });
    }
}

const BMP_STRING: u32 = 30;

/// The characters of a PrintableString.
fn is_printable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte)
}

/// A primitive value of a universal tag below 31, as every string type is.
fn tag_length_value(tag: u32, value: &[u8]) -> Vec<u8> {
    let tag = yasna::Tag { tag_class: yasna::TagClass::Universal, tag_number: tag.into() };
    yasna::construct_der(|writer| {
        writer.write_tagged_implicit(tag, |writer| writer.write_bytes(value));
    })
}

/// A distinguished name: a sequence of sets of attributes. Most sets hold one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Subject {
    sets: Vec<Vec<Attribute>>,
}

impl Subject {
    /// With a common name and, before it, organizations: what Kubernetes reads as user and groups.
    pub fn new(common_name: &str, organizations: &[&str]) -> Self {
        let mut subject = Self::default();
        subject.push(oid::organization(), organizations.iter().copied());
        subject.push(oid::common_name(), [common_name]);
        subject
    }

    /// Adds one set with all `values` that are not empty, as Go lays out names that have several
    /// values of one kind. Without any, nothing is added.
    pub fn push<'a>(&mut self, kind: ObjectIdentifier, values: impl IntoIterator<Item = &'a str>) {
        let values = values.into_iter().filter(|value| !value.is_empty());
        let mut set: Vec<Attribute> =
            values.map(|value| Attribute::new(kind.clone(), value)).collect();
        // DER orders the elements of a set by their encodings.
        set.sort_by_cached_key(|attribute| yasna::construct_der(|writer| attribute.write(writer)));
        if !set.is_empty() {
            self.sets.push(set);
        }
    }

    pub fn from_der(der: &[u8]) -> Result<Self, Error> {
        let (_, name) = X509Name::from_der(der).map_err(|error| Error::malformed("name", error))?;
        Ok(Self::parsed(&name))
    }

    pub(super) fn parsed(name: &X509Name<'_>) -> Self {
        let sets = name.iter_rdn().map(|set| set.iter().map(Attribute::parsed).collect());
        Self { sets: sets.collect() }
    }

    pub fn to_der(&self) -> Vec<u8> {
        yasna::construct_der(|writer| self.write(writer))
    }

    pub fn write(&self, writer: DERWriter<'_>) {
        writer.write_sequence(|writer| {
            for set in &self.sets {
                // Not `write_set_of`, which would put a foreign name into another order.
                writer.next().write_set(|writer| {
                    for attribute in set {
                        attribute.write(writer.next());
                    }
                });
            }
        });
    }

    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// All attributes in the order of the name.
    pub fn attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.sets.iter().flatten()
    }

    pub fn values(&self, kind: &ObjectIdentifier) -> Vec<&str> {
        let found = self.attributes().filter(|attribute| attribute.kind == *kind);
        found.map(|attribute| attribute.text.as_str()).collect()
    }

    /// The last common name, which is the one that Go reads.
    pub fn common_name(&self) -> Option<&str> {
        self.values(&oid::common_name()).pop()
    }

    pub fn organizations(&self) -> Vec<&str> {
        self.values(&oid::organization())
    }
}

/// For people: `O=system:masters, CN=admin`.
impl fmt::Display for Subject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, attribute) in self.attributes().enumerate() {
            let separator = if position > 0 { ", " } else { "" };
            let kind = attribute.kind.to_string();
            let kind = short_name(&attribute.kind).unwrap_or(&kind);
            write!(formatter, "{separator}{kind}={}", attribute.text)?;
        }
        Ok(())
    }
}

fn short_name(kind: &ObjectIdentifier) -> Option<&'static str> {
    let rows = [
        (oid::common_name(), "CN"),
        (oid::organization(), "O"),
        (oid::organizational_unit(), "OU"),
        (oid::country(), "C"),
        (oid::province(), "ST"),
        (oid::locality(), "L"),
        (oid::serial_number(), "serialNumber"),
        (oid::email_address(), "emailAddress"),
    ];
    rows.into_iter().find(|(known, _)| known == kind).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_attributes_and_their_order_are_kept() {
        let subject = Subject::new("system:node:one", &["system:nodes", "extra"]);
        let again = Subject::from_der(&subject.to_der()).expect("read");
        assert_eq!(again, subject);
        assert_eq!(again.common_name(), Some("system:node:one"));
        // Within a set the shorter encoding comes first.
        assert_eq!(again.organizations(), ["extra", "system:nodes"]);
        assert_eq!(again.to_string(), "O=extra, O=system:nodes, CN=system:node:one");
    }

    #[test]
    fn a_foreign_name_is_written_as_it_was_read() {
        let mut subject = Subject::default();
        subject.push(oid::common_name(), ["first"]);
        subject.push(oid::organization(), ["b"]);
        subject.push(oid::organization(), ["a"]);
        subject.push(oid::email_address(), ["x@example.org"]);
        subject.push(oid::country(), [""]);
        let der = subject.to_der();
        let again = Subject::from_der(&der).expect("read");
        assert_eq!(again.to_der(), der);
        assert_eq!(again.organizations(), ["b", "a"]);
        assert_eq!(again.attributes().count(), 4);
    }

    #[test]
    fn values_that_are_not_utf8_are_read_and_kept() {
        let bmp = tag_length_value(BMP_STRING, &[0, b'a', 0x20, 0xac]);
        let attribute =
            Attribute { kind: oid::common_name(), text: "a€".to_owned(), encoded: bmp };
        let subject = Subject { sets: vec![vec![attribute]] };
        assert_eq!(Subject::from_der(&subject.to_der()), Ok(subject));
    }
}
