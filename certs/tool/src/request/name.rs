//! Entries of `names`, and the subject that they make.

use certs::x509::{ObjectIdentifier, Subject, oid};

use crate::json::{Error, Node};

/// One entry of `names`. Empty texts say nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NameEntry {
    pub country: String,
    pub province: String,
    pub locality: String,
    pub organization: String,
    pub organizational_unit: String,
    pub email: String,
    pub serial_number: String,
    pub others: Vec<(ObjectIdentifier, String)>,
}

impl NameEntry {
    const FIELDS: [&str; 8] = ["C", "ST", "L", "O", "OU", "E", "SerialNumber", "OID"];

    pub fn read(node: &Node<'_>) -> Result<Self, Error> {
        node.warn_unknown(&Self::FIELDS);
        let text = |name: &str| Ok(node.text_of(name)?.unwrap_or_default().to_owned());
        let mut others = Vec::new();
        if let Some(field) = node.field("OID")? {
            for (key, value) in field.fields()? {
                let identifier = key.parse().map_err(|error| value.error(format!("{error}")))?;
                others.push((identifier, value.text()?.to_owned()));
            }
        }
        Ok(Self {
            country: text("C")?,
            province: text("ST")?,
            locality: text("L")?,
            organization: text("O")?,
            organizational_unit: text("OU")?,
            email: text("E")?,
            serial_number: text("SerialNumber")?,
            others,
        })
    }

    pub fn read_all(field: Option<Node<'_>>) -> Result<Vec<Self>, Error> {
        let Some(field) = field else { return Ok(Vec::new()) };
        field.list()?.iter().map(Self::read).collect()
    }

    /// Whether it says nothing about who it is, as CFSSL counts.
    pub fn is_empty(&self) -> bool {
        let texts = [
            &self.country,
            &self.province,
            &self.locality,
            &self.organization,
            &self.organizational_unit,
        ];
        texts.into_iter().all(|text| text.trim().is_empty())
    }
}

/// The subject that Go makes of these: kinds in its order, all values of one kind in one set, and
/// the entries with identifiers of their own last.
pub(crate) fn subject(common_name: &str, entries: &[NameEntry], serial_number: &str) -> Subject {
    let email = oid::email_address();
    let others = entries.iter().flat_map(|entry| {
        let email = (!entry.email.is_empty()).then(|| (email.clone(), entry.email.clone()));
        entry.others.iter().cloned().chain(email)
    });
    let others: Vec<(ObjectIdentifier, String)> = others.collect();
    let serial_number = match serial_number {
        "" => {
            entries.iter().map(|entry| entry.serial_number.as_str()).find(|text| !text.is_empty())
        }
        text => Some(text),
    };
    let values = |of: fn(&NameEntry) -> &str| entries.iter().map(of).collect::<Vec<_>>();
    let rows = [
        (oid::country(), values(|entry| &entry.country)),
        (oid::province(), values(|entry| &entry.province)),
        (oid::locality(), values(|entry| &entry.locality)),
        (oid::organization(), values(|entry| &entry.organization)),
        (oid::organizational_unit(), values(|entry| &entry.organizational_unit)),
        (oid::common_name(), vec![common_name]),
        (oid::serial_number(), serial_number.into_iter().collect()),
    ];
    let mut subject = Subject::default();
    for (kind, values) in rows {
        if !others.iter().any(|(other, _)| *other == kind) {
            subject.push(kind, values);
        }
    }
    for (kind, value) in &others {
        subject.push(kind.clone(), [value.as_str()]);
    }
    subject
}
