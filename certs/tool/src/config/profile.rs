//! One profile.

use certs::x509::{
    AuthorityConstraint, ExtendedKeyUsage, KeyUsages, ObjectIdentifier, Policy, Qualifier, Usage,
};
use regex::Regex;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::signing::Keys;
use crate::json::{Error, Node};
use crate::log;
use crate::remote::AuthKey;
use crate::request::{read_duration, read_path_len};

#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    /// `default`, or its name among the profiles.
    pub name: String,
    /// The words that are known, in their order.
    pub usages: Vec<String>,
    pub key_usages: KeyUsages,
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    pub expiry: Option<Duration>,
    /// As it was written.
    pub expiry_text: String,
    pub backdate: Option<Duration>,
    pub not_before: Option<OffsetDateTime>,
    pub not_after: Option<OffsetDateTime>,
    /// Whether it makes authorities.
    pub authority: Option<AuthorityConstraint>,
    pub ocsp_no_check: bool,
    /// None takes the default profile's.
    pub issuer_urls: Option<Vec<String>>,
    pub ocsp_url: Option<String>,
    pub crl_url: Option<String>,
    /// Who may have it signed by a server; anyone when none.
    pub auth_key: Option<AuthKey>,
    /// The key before that one, which is still taken.
    pub previous_auth_key: Option<AuthKey>,
    pub remote: Option<RemoteSigner>,
    pub name_whitelist: Option<Regex>,
    pub copy_extensions: bool,
    pub allowed_extensions: Vec<ObjectIdentifier>,
    pub policies: Vec<Policy>,
    pub csr_whitelist: Option<CsrWhitelist>,
    pub client_provides_serial_numbers: bool,
}

/// Who signs instead.
#[derive(Clone, Debug)]
pub(crate) struct RemoteSigner {
    pub address: String,
    pub key: Option<AuthKey>,
}

/// Which parts of a request are taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CsrWhitelist {
    pub subject: bool,
    pub public_key: bool,
    pub dns_names: bool,
    pub ip_addresses: bool,
    pub email_addresses: bool,
    pub uris: bool,
}

const FIELDS: [&str; 28] = [
    "usages",
    "issuer_urls",
    "ocsp_url",
    "crl_url",
    "ca_constraint",
    "ocsp_no_check",
    "expiry",
    "backdate",
    "auth_key",
    "copy_extensions",
    "prev_auth_key",
    "remote",
    "not_before",
    "not_after",
    "name_whitelist",
    "auth_remote",
    "ct_log_servers",
    "allowed_extensions",
    "cert_store",
    "lint_error_level",
    "ignored_lints",
    "ignored_lint_sources",
    "policies",
    "CSRWhitelist",
    "csr_whitelist",
    "ClientProvidesSerialNumbers",
    "client_provides_serial_numbers",
    "description",
];

impl Profile {
    /// What CFSSL signs by when there is no configuration: a year, for servers and clients.
    pub fn built_in() -> Self {
        let usages = ["signing", "key encipherment", "server auth", "client auth"];
        let mut profile = Self {
            name: "default".to_owned(),
            expiry: Some(Duration::hours(8760)),
            expiry_text: "8760h".to_owned(),
            ..Self::default()
        };
        usages.into_iter().for_each(|word| assert!(profile.add_usage(word)));
        profile
    }

    pub(super) fn read(name: &str, node: &Node<'_>, keys: &Keys) -> Result<Self, Error> {
        node.warn_unknown(&FIELDS);
        refuse_unsupported(node)?;
        let mut profile = Self {
            name: name.to_owned(),
            expiry: read_duration(node, "expiry")?,
            expiry_text: node.text_of("expiry")?.unwrap_or_default().to_owned(),
            backdate: read_duration(node, "backdate")?,
            not_before: read_time(node, "not_before")?,
            not_after: read_time(node, "not_after")?,
            authority: read_constraint(node)?,
            ocsp_no_check: node.boolean_of("ocsp_no_check")?,
            issuer_urls: match node.field("issuer_urls")? {
                Some(_) => Some(node.texts_of("issuer_urls")?),
                None => None,
            },
            ocsp_url: node.text_of("ocsp_url")?.map(str::to_owned),
            crl_url: node.text_of("crl_url")?.map(str::to_owned),
            auth_key: keys.named(node, "auth_key")?,
            previous_auth_key: keys.named(node, "prev_auth_key")?,
            remote: None,
            name_whitelist: read_pattern(node)?,
            copy_extensions: node.boolean_of("copy_extensions")?,
            allowed_extensions: read_identifiers(node)?,
            policies: read_policies(node)?,
            csr_whitelist: read_whitelist(node)?,
            client_provides_serial_numbers: node.boolean_of("ClientProvidesSerialNumbers")?
                || node.boolean_of("client_provides_serial_numbers")?,
            ..Self::default()
        };
        profile.read_usages(node)?;
        profile.remote = read_remote(node, keys, profile.auth_key.as_ref())?;
        profile.check(node)?;
        Ok(profile)
    }

    fn add_usage(&mut self, word: &str) -> bool {
        match Usage::of_word(word) {
            Some(Usage::Key(usage)) => self.key_usages |= usage,
            Some(Usage::Extended(usage)) => self.extended_key_usages.push(usage),
            None => return false,
        }
        self.usages.push(word.to_owned());
        true
    }

    /// As in CFSSL unknown words do nothing as long as one is known; here they are told.
    fn read_usages(&mut self, node: &Node<'_>) -> Result<(), Error> {
        let Some(field) = node.field("usages")? else { return Ok(()) };
        for entry in field.list()? {
            let word = entry.text()?;
            if !self.add_usage(word) {
                let error =
                    entry.error(format!("{word:?} is no usage: the usages are {}", words()));
                if field.list()?.len() == 1 {
                    return Err(error);
                }
                log::warning!("{error}");
            }
        }
        if self.usages.is_empty() && !field.list()?.is_empty() {
            return Err(field.error(format!("none of these is a usage: those are {}", words())));
        }
        Ok(())
    }

    fn check(&self, node: &Node<'_>) -> Result<(), Error> {
        if self.remote.is_some() {
            return Ok(());
        }
        if self.expiry.is_none() {
            return Err(node.error("expiry is missing: write how long it signs for, as in 8760h"));
        }
        if self.name != "default" && self.usages.is_empty() {
            return Err(node.error(format!("usages is missing: it is a list of {}", words())));
        }
        match (self.not_before, self.not_after) {
            (Some(before), Some(after)) if after < before => {
                Err(node.error("not_after is earlier than not_before"))
            }
            _ => Ok(()),
        }
    }
}

/// All usage words, for people.
pub(super) fn words() -> String {
    let words: Vec<&str> = Usage::WORDS.iter().map(|(word, _)| *word).collect();
    words.join(", ")
}

fn refuse_unsupported(node: &Node<'_>) -> Result<(), Error> {
    if let Some(field) = node.field("ct_log_servers")?
        && !field.list()?.is_empty()
    {
        return Err(field.error("certificate transparency logs are not written: remove it"));
    }
    if let Some(field) = node.field("lint_error_level")?
        && field.integer()? != 0
    {
        return Err(field.error("certificates are not linted here: remove it"));
    }
    Ok(())
}

fn read_time(node: &Node<'_>, name: &str) -> Result<Option<OffsetDateTime>, Error> {
    let Some(field) = node.field(name)? else { return Ok(None) };
    let text = field.text()?;
    let refuse = || field.error(format!("{text:?} is not a time such as 2030-01-31T00:00:00Z"));
    parse_time(text).map(Some).ok_or_else(refuse)
}

/// A time as RFC 3339 has it, in UTC.
pub(crate) fn parse_time(text: &str) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    time.checked_to_offset(time::UtcOffset::UTC)
}

fn read_constraint(node: &Node<'_>) -> Result<Option<AuthorityConstraint>, Error> {
    let Some(field) = node.field("ca_constraint")? else { return Ok(None) };
    field.warn_unknown(&["is_ca", "max_path_len", "max_path_len_zero"]);
    let path_len = read_path_len(&field, "max_path_len", "max_path_len_zero")?;
    Ok(field.boolean_of("is_ca")?.then_some(AuthorityConstraint { path_len }))
}

fn read_pattern(node: &Node<'_>) -> Result<Option<Regex>, Error> {
    let Some(field) = node.field("name_whitelist")? else { return Ok(None) };
    let text = field.text()?;
    if text.is_empty() {
        return Ok(None);
    }
    let refuse = |error| field.error(format!("not a regular expression: {error}"));
    Regex::new(text).map(Some).map_err(refuse)
}

fn read_identifiers(node: &Node<'_>) -> Result<Vec<ObjectIdentifier>, Error> {
    let Some(field) = node.field("allowed_extensions")? else { return Ok(Vec::new()) };
    field.list()?.iter().map(read_identifier).collect()
}

fn read_identifier(node: &Node<'_>) -> Result<ObjectIdentifier, Error> {
    node.text()?.parse().map_err(|error| node.error(format!("{error}")))
}

fn read_policies(node: &Node<'_>) -> Result<Vec<Policy>, Error> {
    let Some(field) = node.field("policies")? else { return Ok(Vec::new()) };
    let mut policies = Vec::new();
    for entry in field.list()? {
        entry.warn_unknown(&["ID", "Qualifiers"]);
        let id = entry.field("ID")?.ok_or_else(|| entry.error("ID is missing"))?;
        let mut qualifiers = Vec::new();
        if let Some(list) = entry.field("Qualifiers")? {
            for qualifier in list.list()? {
                qualifiers.push(read_qualifier(&qualifier)?);
            }
        }
        policies.push(Policy { identifier: read_identifier(&id)?, qualifiers });
    }
    Ok(policies)
}

fn read_qualifier(node: &Node<'_>) -> Result<Qualifier, Error> {
    let value = node.text_of("Value")?.unwrap_or_default().to_owned();
    match node.text_of("Type")? {
        Some("id-qt-cps") if value.is_ascii() => Ok(Qualifier::PracticeStatement(value)),
        Some("id-qt-cps") => Err(node.error("the address of a practice statement is ASCII")),
        Some("id-qt-unotice") => Ok(Qualifier::UserNotice(value)),
        _ => Err(node.error("Type is id-qt-cps or id-qt-unotice")),
    }
}

fn read_whitelist(node: &Node<'_>) -> Result<Option<CsrWhitelist>, Error> {
    let field = match node.field("CSRWhitelist")? {
        Some(field) => Some(field),
        None => node.field("csr_whitelist")?,
    };
    let Some(field) = field else { return Ok(None) };
    field.warn_unknown(&[
        "Subject",
        "PublicKeyAlgorithm",
        "PublicKey",
        "SignatureAlgorithm",
        "DNSNames",
        "IPAddresses",
        "EmailAddresses",
        "URIs",
    ]);
    let whitelist = CsrWhitelist {
        subject: field.boolean_of("Subject")?,
        public_key: field.boolean_of("PublicKey")?,
        dns_names: field.boolean_of("DNSNames")?,
        ip_addresses: field.boolean_of("IPAddresses")?,
        email_addresses: field.boolean_of("EmailAddresses")?,
        uris: field.boolean_of("URIs")?,
    };
    if !whitelist.public_key {
        return Err(field.error("PublicKey is not in it: no request could be signed"));
    }
    Ok(Some(whitelist))
}

fn read_remote(
    node: &Node<'_>,
    keys: &Keys,
    auth_key: Option<&AuthKey>,
) -> Result<Option<RemoteSigner>, Error> {
    let authenticated = node.field("auth_remote")?;
    match (node.field("remote")?.filter(|field| field.text() != Ok("")), authenticated) {
        (Some(field), Some(_)) => Err(field.error("beside auth_remote only one can be meant")),
        (Some(field), None) => {
            Ok(Some(RemoteSigner { address: keys.remote(&field)?, key: auth_key.cloned() }))
        }
        (None, Some(field)) => {
            field.warn_unknown(&["remote", "auth_key"]);
            let name = field.field("remote")?.ok_or_else(|| field.error("remote is missing"))?;
            let key = keys.named(&field, "auth_key")?;
            let key = key.ok_or_else(|| field.error("auth_key is missing"))?;
            Ok(Some(RemoteSigner { address: keys.remote(&name)?, key: Some(key) }))
        }
        (None, None) => Ok(None),
    }
}
