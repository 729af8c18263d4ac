//! kubeconfigs with their certificates inside, as kubeadm writes `admin.conf`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::files::Pair;

/// A kubeconfig of one cluster, one user and one context.
#[derive(Debug)]
pub struct Kubeconfig<'a> {
    pub cluster: &'a str,
    pub user: &'a str,
    pub context: &'a str,
    pub server: &'a str,
    /// PEM of whom the server is trusted by.
    pub authorities: &'a str,
    pub credentials: Credentials<'a>,
}

/// How a kubeconfig's user shows who they are. Never printed.
pub enum Credentials<'a> {
    Certificate(&'a Pair),
    /// A key whose certificate is yet to be signed.
    Key(&'a str),
    Token(&'a str),
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Certificate(_) => "Certificate",
            Self::Key(_) => "Key",
            Self::Token(_) => "Token",
        })
    }
}

impl Kubeconfig<'_> {
    pub fn render(&self) -> String {
        let (cluster, user, context) =
            (scalar(self.cluster), scalar(self.user), scalar(self.context));
        let authorities = match self.authorities {
            "" => String::new(),
            pem => format!("    certificate-authority-data: {}\n", STANDARD.encode(pem)),
        };
        let credentials = match &self.credentials {
            Credentials::Certificate(pair) => format!(
                "    client-certificate-data: {}\n    client-key-data: {}\n",
                STANDARD.encode(&pair.certificate),
                STANDARD.encode(&pair.key)
            ),
            Credentials::Key(key) => format!("    client-key-data: {}\n", STANDARD.encode(key)),
            Credentials::Token(token) => format!("    token: {}\n", scalar(token)),
        };
        format!(
            "apiVersion: v1\n\
             kind: Config\n\
             clusters:\n\
             - name: {cluster}\n\
             \x20 cluster:\n\
             {authorities}\
             \x20   server: {server}\n\
             contexts:\n\
             - name: {context}\n\
             \x20 context:\n\
             \x20   cluster: {cluster}\n\
             \x20   user: {user}\n\
             current-context: {context}\n\
             preferences: {{}}\n\
             users:\n\
             - name: {user}\n\
             \x20 user:\n\
             {credentials}",
            server = scalar(self.server),
        )
    }
}

/// Renders a kubeconfig for one cluster, one user and one context, all called `name`.
pub fn kubeconfig(name: &str, server: &str, ca_pem: &str, user: &Pair) -> String {
    let kubeconfig = Kubeconfig {
        cluster: name,
        user: name,
        context: name,
        server,
        authorities: ca_pem,
        credentials: Credentials::Certificate(user),
    };
    kubeconfig.render()
}

/// A YAML string: plain where that is beyond doubt, else quoted.
fn scalar(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./@:".contains(character);
    let begins = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_word = !["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .contains(&text.to_lowercase().as_str());
    if begins && is_word && text.chars().all(plain) && !text.ends_with(':') {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control.is_control() => {
                quoted.push_str(&format!("\\U{:08x}", u32::from(control)));
            }
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

/// What the current context of a kubeconfig holds inside.
pub struct Embedded {
    text: String,
    /// Base64, as in the text.
    written: Written,
    pub server: String,
    /// PEM; empty when the kubeconfig has none.
    pub authorities: String,
    pub pair: Pair,
}

struct Written {
    authorities: Option<String>,
    certificate: String,
    key: String,
}

impl std::fmt::Debug for Embedded {
    /// The key is never printed.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Embedded").field("server", &self.server).finish_non_exhaustive()
    }
}

impl Embedded {
    /// Reads the current context. Its user must have a certificate and a key inside.
    pub fn parse(text: &str) -> Result<Self, String> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let missing = |what: &str, name: &str| format!("it has no {what} called {name:?}");
        let current = file.current_context;
        let context = find(file.contexts, &current).ok_or_else(|| missing("context", &current))?;
        let context = context.context.unwrap_or_default();
        let cluster = find(file.clusters, &context.cluster)
            .and_then(|entry| entry.cluster)
            .ok_or_else(|| missing("cluster", &context.cluster))?;
        let user = find(file.users, &context.user)
            .and_then(|entry| entry.user)
            .ok_or_else(|| missing("user", &context.user))?;
        let certificate =
            user.certificate.ok_or("its user has no client-certificate-data".to_owned())?;
        let key = user.key.ok_or("its user has no client-key-data".to_owned())?;
        let authorities =
            cluster.authorities.as_deref().map(|data| decode("certificate-authority-data", data));
        Ok(Self {
            text: text.to_owned(),
            server: cluster.server.unwrap_or_default(),
            authorities: authorities.transpose()?.unwrap_or_default(),
            pair: Pair {
                certificate: decode("client-certificate-data", &certificate)?,
                key: decode("client-key-data", &key)?,
            },
            written: Written { authorities: cluster.authorities, certificate, key },
        })
    }

    /// The same text with another certificate and key, and other authorities where it had some.
    /// Whatever else it says, and how, stays.
    pub fn replaced(&self, pair: &Pair, authorities: &str) -> String {
        let encode = |pem: &str| STANDARD.encode(pem);
        let text = self.text.replace(&self.written.certificate, &encode(&pair.certificate));
        let text = text.replace(&self.written.key, &encode(&pair.key));
        match &self.written.authorities {
            Some(written) => text.replace(written, &encode(authorities)),
            None => text,
        }
    }
}

fn decode(field: &str, data: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(data).map_err(|error| format!("{field}: {error}"))?;
    String::from_utf8(bytes).map_err(|_| format!("{field} is not PEM"))
}

fn find(entries: Vec<Entry>, name: &str) -> Option<Entry> {
    entries.into_iter().find(|entry| entry.name == name)
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    #[serde(default)]
    current_context: String,
    #[serde(default)]
    clusters: Vec<Entry>,
    #[serde(default)]
    contexts: Vec<Entry>,
    #[serde(default)]
    users: Vec<Entry>,
}

/// An entry of one of the three lists; only one of the last three fields is there.
#[derive(Deserialize)]
struct Entry {
    name: String,
    cluster: Option<Cluster>,
    context: Option<Context>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct Cluster {
    server: Option<String>,
    #[serde(rename = "certificate-authority-data")]
    authorities: Option<String>,
}

#[derive(Default, Deserialize)]
struct Context {
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    user: String,
}

#[derive(Deserialize)]
struct User {
    #[serde(rename = "client-certificate-data")]
    certificate: Option<String>,
    #[serde(rename = "client-key-data")]
    key: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(number: u8) -> Pair {
        Pair { certificate: format!("certificate {number}"), key: format!("key {number}") }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = kubeconfig("coracle", "https://127.0.0.1:6443", "authorities", &pair(1));
        let read = Embedded::parse(&text).expect("a kubeconfig");
        assert_eq!(read.server, "https://127.0.0.1:6443");
        assert_eq!(read.authorities, "authorities");
        assert_eq!(read.pair.certificate, "certificate 1");
        assert_eq!(read.pair.key, "key 1");
        assert!(!format!("{read:?}").contains("key 1"));
    }

    #[test]
    fn only_what_is_new_changes() {
        let text = kubeconfig("coracle", "https://127.0.0.1:6443", "old", &pair(1));
        let text = text.replace("kind: Config", "kind: Config # of mine");
        let anew = Embedded::parse(&text).expect("a kubeconfig").replaced(&pair(2), "new");
        assert!(anew.contains("# of mine"));
        let read = Embedded::parse(&anew).expect("a kubeconfig");
        assert_eq!((read.pair.key.as_str(), read.authorities.as_str()), ("key 2", "new"));
    }

    #[test]
    fn names_that_yaml_reads_otherwise_are_quoted() {
        for (text, expected) in [
            ("kubernetes-admin@kubernetes", "kubernetes-admin@kubernetes"),
            ("system:node:n1", "system:node:n1"),
            ("yes", "\"yes\""),
            ("12", "\"12\""),
            ("a: b", "\"a: b\""),
            ("say \"hi\"", "\"say \\\"hi\\\"\""),
            ("", "\"\""),
        ] {
            assert_eq!(scalar(text), expected);
            let document = format!("name: {}\n", scalar(text));
            let read: Entry = serde_saphyr::from_str(&document).expect("YAML");
            assert_eq!(read.name, text);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        for (text, reason) in [
            ("current-context: a", "context called \"a\""),
            ("{current-context: a, contexts: [{name: a, context: {cluster: c}}]}", "cluster"),
            ("[", ""),
        ] {
            let error = Embedded::parse(text).expect_err("refused");
            assert!(error.contains(reason), "{error}");
        }
        let text = kubeconfig("c", "https://h", "ca", &pair(1));
        let error =
            Embedded::parse(&text.replace("client-key-data", "token")).expect_err("refused");
        assert!(error.contains("client-key-data"), "{error}");
    }
}
