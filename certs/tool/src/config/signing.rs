//! The configuration as a whole.

use std::collections::BTreeMap;

use super::profile::Profile;
use crate::json::{Document, Error, Node};
use crate::remote::AuthKey;

#[derive(Clone, Debug)]
pub(crate) struct SigningConfig {
    pub default: Profile,
    pub profiles: BTreeMap<String, Profile>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no profile {profile:?}: {known}")]
pub(crate) struct UnknownProfile {
    profile: String,
    known: String,
}

impl SigningConfig {
    /// Without a file: one profile for everything.
    pub fn built_in() -> Self {
        Self { default: Profile::built_in(), profiles: BTreeMap::new() }
    }

    pub fn read(document: &Document) -> Result<Self, Error> {
        let root = document.root();
        root.warn_unknown(&["signing", "ocsp", "auth_keys", "remotes"]);
        let signing = root.field("signing")?.ok_or_else(|| {
            root.error("signing is missing: `print-defaults config` shows what belongs into it")
        })?;
        signing.warn_unknown(&["default", "profiles"]);
        let keys = Keys::read(&root)?;
        let default = match signing.field("default")? {
            Some(node) => Profile::read("default", &node, &keys)?,
            None => Profile::built_in(),
        };
        let mut profiles = BTreeMap::new();
        if let Some(field) = signing.field("profiles")? {
            for (name, node) in field.fields()? {
                profiles.insert(name.to_owned(), Profile::read(name, &node, &keys)?);
            }
        }
        Ok(Self { default, profiles })
    }

    /// The profile called `name`; the default one when it is empty. CFSSL takes the default one for
    /// a name that it does not know, too: a certificate with other usages than those asked for.
    pub fn profile(&self, name: &str) -> Result<&Profile, UnknownProfile> {
        if name.is_empty() || (name == "default" && !self.profiles.contains_key(name)) {
            return Ok(&self.default);
        }
        self.profiles.get(name).ok_or_else(|| {
            let names: Vec<&str> = self.profiles.keys().map(String::as_str).collect();
            let known = match names.as_slice() {
                [] => "no profiles are configured (-config names the file)".to_owned(),
                names => format!("the profiles are {}", names.join(", ")),
            };
            UnknownProfile { profile: name.to_owned(), known }
        })
    }
}

/// The sections that profiles refer to by name.
pub(super) struct Keys {
    keys: BTreeMap<String, AuthKey>,
    remotes: BTreeMap<String, String>,
}

impl Keys {
    fn read(root: &Node<'_>) -> Result<Self, Error> {
        let mut keys = BTreeMap::new();
        if let Some(field) = root.field("auth_keys")? {
            for (name, node) in field.fields()? {
                node.warn_unknown(&["type", "key"]);
                let kind = node.text_of("type")?.unwrap_or_default();
                let key = node.text_of("key")?.unwrap_or_default();
                let key = AuthKey::new(kind, key).map_err(|error| node.error(error.to_string()))?;
                keys.insert(name.to_owned(), key);
            }
        }
        let mut remotes = BTreeMap::new();
        if let Some(field) = root.field("remotes")? {
            for (name, node) in field.fields()? {
                remotes.insert(name.to_owned(), node.text()?.to_owned());
            }
        }
        Ok(Self { keys, remotes })
    }

    /// The key that the field `name` refers to.
    pub fn named(&self, node: &Node<'_>, name: &str) -> Result<Option<AuthKey>, Error> {
        let Some(field) = node.field(name)? else { return Ok(None) };
        let wanted = field.text()?;
        if wanted.is_empty() {
            return Ok(None);
        }
        let key = self.keys.get(wanted);
        key.cloned().map(Some).ok_or_else(|| missing(&field, wanted, "auth_keys", self.keys.keys()))
    }

    /// The address that the text of `field` refers to.
    pub fn remote(&self, field: &Node<'_>) -> Result<String, Error> {
        let wanted = field.text()?;
        let address = self.remotes.get(wanted);
        address.cloned().ok_or_else(|| missing(field, wanted, "remotes", self.remotes.keys()))
    }
}

fn missing<'a>(
    field: &Node<'_>,
    wanted: &str,
    section: &str,
    known: impl Iterator<Item = &'a String>,
) -> Error {
    let known: Vec<&str> = known.map(String::as_str).collect();
    let known = if known.is_empty() { "nothing".to_owned() } else { known.join(", ") };
    field.error(format!("{wanted:?} is not in the section {section}, which holds {known}"))
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    fn read(text: &str) -> Result<SigningConfig, String> {
        let document = Document::parse("config.json", text.to_owned()).expect(text);
        SigningConfig::read(&document).map_err(|error| error.to_string())
    }

    fn profile(text: &str) -> Result<Profile, String> {
        let text = format!(
            r#"{{"signing": {{"profiles": {{"p": {text}}}}},
                "auth_keys": {{"k": {{"type": "standard", "key": "00ff"}}}},
                "remotes": {{"r": "ca.example:8888"}}}}"#
        );
        read(&text)?.profile("p").cloned().map_err(|error| error.to_string())
    }

    #[test]
    fn every_field_is_honoured() {
        let read = profile(
            r#"{"usages": ["signing", "cert sign", "server auth"], "expiry": "24h",
                "backdate": "1h", "not_before": "2020-01-02T03:04:05Z",
                "ca_constraint": {"is_ca": true, "max_path_len": 0, "max_path_len_zero": true},
                "issuer_urls": ["http://i"], "ocsp_url": "http://o", "crl_url": "http://c",
                "ocsp_no_check": true, "auth_key": "k", "prev_auth_key": "k",
                "name_whitelist": "^a$", "copy_extensions": true,
                "allowed_extensions": ["1.2.3"], "client_provides_serial_numbers": true,
                "Policies": [{"ID": "1.2.3", "Qualifiers": [
                    {"Type": "id-qt-cps", "Value": "http://x"}]}],
                "CSRWhitelist": {"Subject": true, "PublicKey": true}}"#,
        )
        .expect("read");
        assert_eq!(read.usages, ["signing", "cert sign", "server auth"]);
        assert_eq!(read.expiry, Some(Duration::hours(24)));
        assert_eq!(read.authority.expect("an authority").path_len, Some(0));
        assert!(read.auth_key.is_some() && read.previous_auth_key.is_some());
        assert!(read.name_whitelist.expect("a pattern").is_match("a"));
        assert_eq!(read.policies[0].qualifiers.len(), 1);
        let whitelist = read.csr_whitelist.expect("a whitelist");
        assert!(whitelist.subject && !whitelist.dns_names);
        assert!(read.client_provides_serial_numbers && read.copy_extensions);
    }

    #[test]
    fn remote_profiles_need_nothing_else() {
        let plain = profile(r#"{"remote": "r"}"#).expect("read").remote.expect("remote");
        assert!(plain.address == "ca.example:8888" && plain.key.is_none());
        let authenticated = profile(r#"{"auth_remote": {"remote": "r", "auth_key": "k"}}"#);
        assert!(authenticated.expect("read").remote.expect("remote").key.is_some());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let rows = [
            (r#"{"usages": ["signing"]}"#, "signing.profiles.p: expiry is missing"),
            (r#"{"expiry": "1h"}"#, "signing.profiles.p: usages is missing"),
            (r#"{"expiry": "1h", "usages": ["server"]}"#, "usages[0]: \"server\" is no usage"),
            (r#"{"expiry": "1h", "usages": ["a", "b"]}"#, "usages: none of these is a usage"),
            (r#"{"expiry": "1d", "usages": ["any"]}"#, "expiry: \"1d\" is not a duration"),
            (r#"{"expiry": "1h", "usages": ["any"], "auth_key": "x"}"#, "which holds k"),
            (r#"{"remote": "x"}"#, "remote: \"x\" is not in the section remotes"),
            (
                r#"{"expiry": "1h", "usages": ["any"], "name_whitelist": "("}"#,
                "name_whitelist: not a regular expression",
            ),
            (
                r#"{"expiry": "1h", "usages": ["any"], "not_after": "tomorrow"}"#,
                "not_after: \"tomorrow\" is not a time",
            ),
            (
                r#"{"expiry": "1h", "usages": ["any"], "ct_log_servers": ["x"]}"#,
                "ct_log_servers: certificate transparency",
            ),
            (r#"{"expiry": 5, "usages": ["any"]}"#, "expiry: a string is expected, not the number"),
        ];
        for (text, expected) in rows {
            let refused = profile(text).map(|_| ()).expect_err(text);
            assert!(refused.contains(expected), "{refused}");
            assert!(refused.starts_with("config.json:1:"), "{refused}");
        }
        assert!(read("{}").map(|_| ()).expect_err("refused").contains("signing is missing"));
    }

    #[test]
    fn an_unknown_profile_lists_the_known_ones() {
        let config = read(
            r#"{"signing": {"profiles": {
                "server": {"expiry": "1h", "usages": ["server auth"]},
                "peer": {"expiry": "1h", "usages": ["server auth"]}}}}"#,
        )
        .expect("read");
        assert_eq!(config.profile("").expect("default").name, "default");
        let refused = config.profile("clients").map(|_| ()).expect_err("unknown").to_string();
        assert_eq!(refused, "there is no profile \"clients\": the profiles are peer, server");
    }
}
