//! A kubeconfig: which server, whom to trust, and who one is.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certs::{Authorities, ClientConfigFiles, LiveClient, Pair, PairFiles, Protocol, Trust};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Debug, thiserror::Error)]
pub enum KubeconfigError {
    #[error("cannot read kubeconfig {path}")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("kubeconfig {path}: {reason}")]
    Wrong { path: PathBuf, reason: String },
    #[error("the certificates of kubeconfig {path} cannot be used")]
    Certificates { path: PathBuf, source: certs::Error },
}

/// The current context of a kubeconfig.
#[derive(Clone, Debug)]
pub struct Kubeconfig {
    path: PathBuf,
    /// `https://host:port`.
    pub server: String,
    pub authority: Authority,
    pub credentials: Credentials,
}

/// Who signs the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    File(PathBuf),
    /// PEM.
    Inline(String),
}

/// Who the user is.
#[derive(Clone)]
pub enum Credentials {
    Nobody,
    Token(String),
    Files(PairFiles),
    Inline(Pair),
}

impl std::fmt::Debug for Credentials {
    /// Tokens and keys are never printed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nobody => "Nobody",
            Self::Token(_) => "Token",
            Self::Files(_) => "Files",
            Self::Inline(_) => "Inline",
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    current_context: Option<String>,
    #[serde(default)]
    contexts: Option<Vec<Named>>,
    #[serde(default)]
    clusters: Option<Vec<Named>>,
    #[serde(default)]
    users: Option<Vec<Named>>,
}

#[derive(Clone, Deserialize)]
struct Named {
    name: String,
    #[serde(alias = "context", alias = "cluster", alias = "user", default)]
    value: serde_json::Value,
}

#[derive(Deserialize)]
struct ContextEntry {
    cluster: String,
    user: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterEntry {
    server: String,
    certificate_authority: Option<PathBuf>,
    certificate_authority_data: Option<String>,
    #[serde(default)]
    insecure_skip_tls_verify: bool,
    proxy_url: Option<String>,
    tls_server_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct UserEntry {
    token: Option<String>,
    #[serde(rename = "tokenFile")]
    token_file: Option<PathBuf>,
    client_certificate: Option<PathBuf>,
    client_certificate_data: Option<String>,
    client_key: Option<PathBuf>,
    client_key_data: Option<String>,
    username: Option<String>,
    exec: Option<serde_json::Value>,
    auth_provider: Option<serde_json::Value>,
}

impl Kubeconfig {
    /// Reads the current context. Paths in the file are relative to it.
    pub fn read(path: &Path) -> Result<Self, KubeconfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| KubeconfigError::Read { path: path.to_owned(), source })?;
        Self::parse(path, &text)
            .map_err(|reason| KubeconfigError::Wrong { path: path.to_owned(), reason })
    }

    fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let file: File = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        let current = file.current_context.unwrap_or_default();
        if current.is_empty() {
            return Err("it has no current-context".to_owned());
        }
        let context: ContextEntry = find(file.contexts, "context", &current)?;
        let cluster: ClusterEntry = find(file.clusters, "cluster", &context.cluster)?;
        let user: UserEntry = find(file.users, "user", &context.user)?;
        let directory = path.parent().unwrap_or(Path::new("."));
        if !cluster.server.starts_with("https://") {
            let server = &cluster.server;
            return Err(format!("the server {server:?} of its cluster is no https:// address"));
        }
        for (is_there, field) in [
            (cluster.insecure_skip_tls_verify, "insecure-skip-tls-verify"),
            (cluster.proxy_url.is_some(), "proxy-url"),
            (cluster.tls_server_name.is_some(), "tls-server-name"),
            (user.username.is_some(), "username"),
            (user.exec.is_some(), "exec"),
            (user.auth_provider.is_some(), "auth-provider"),
        ] {
            if is_there {
                return Err(format!("{field} is not supported"));
            }
        }
        let authority = match (cluster.certificate_authority_data, cluster.certificate_authority) {
            (Some(data), _) => Authority::Inline(decode("certificate-authority-data", &data)?),
            (None, Some(file)) => Authority::File(directory.join(file)),
            (None, None) => return Err("its cluster has no certificate-authority".to_owned()),
        };
        Ok(Self {
            path: path.to_owned(),
            server: cluster.server.trim_end_matches('/').to_owned(),
            authority,
            credentials: credentials(user, directory)?,
        })
    }

    /// The PEM of whom to trust.
    pub fn authority_pem(&self) -> Result<String, KubeconfigError> {
        match &self.authority {
            Authority::Inline(pem) => Ok(pem.clone()),
            Authority::File(path) => std::fs::read_to_string(path)
                .map_err(|source| KubeconfigError::Read { path: path.clone(), source }),
        }
    }

    /// How to connect. What is in files is followed; a file beside something inline is read once.
    pub fn tls(&self) -> Result<LiveClient, KubeconfigError> {
        let refused = |source| KubeconfigError::Certificates { path: self.path.clone(), source };
        let pair = match &self.credentials {
            Credentials::Nobody | Credentials::Token(_) => None,
            Credentials::Files(files) => Some(files.clone()),
            Credentials::Inline(pair) => {
                let config = certs::client_config(&self.authority_pem()?, Some(pair));
                return Ok(config.map_err(refused)?.into());
            }
        };
        match (&self.authority, pair) {
            (Authority::File(authorities), pair) => {
                let trust = Trust::Authorities(Authorities::All(authorities.clone()));
                let files =
                    ClientConfigFiles::open("the API's client", pair, trust, Protocol::default());
                Ok(files.map_err(refused)?.into())
            }
            (Authority::Inline(pem), None) => {
                Ok(certs::client_config(pem, None).map_err(refused)?.into())
            }
            (Authority::Inline(pem), Some(files)) => {
                let read = |path: &Path| {
                    std::fs::read_to_string(path)
                        .map_err(|source| KubeconfigError::Read { path: path.to_owned(), source })
                };
                let pair = Pair { certificate: read(&files.certificate)?, key: read(&files.key)? };
                Ok(certs::client_config(pem, Some(&pair)).map_err(refused)?.into())
            }
        }
    }

    /// A client of that user. Must be called within a tokio runtime.
    pub fn client(&self) -> Result<kube::Client, KubeconfigError> {
        let token = match &self.credentials {
            Credentials::Token(token) => Some(token.as_str()),
            Credentials::Nobody | Credentials::Files(_) | Credentials::Inline(_) => None,
        };
        super::client(&self.server, self.tls()?, token)
            .map_err(|reason| KubeconfigError::Wrong { path: self.path.clone(), reason })
    }

    /// A connector for components that take one: whoever is asked for, it is this file's user.
    pub fn connector(&self) -> Result<crate::Connector, KubeconfigError> {
        let client = self.client()?;
        Ok(Arc::new(move |_identity| client.clone()))
    }
}

fn find<T: DeserializeOwned>(
    entries: Option<Vec<Named>>,
    kind: &str,
    name: &str,
) -> Result<T, String> {
    let found = entries.into_iter().flatten().find(|entry| entry.name == name);
    let found = found.ok_or_else(|| format!("it has no {kind} called {name:?}"))?;
    let value = if found.value.is_null() { serde_json::json!({}) } else { found.value };
    serde_json::from_value(value).map_err(|error| format!("{kind} {name:?}: {error}"))
}

fn credentials(user: UserEntry, directory: &Path) -> Result<Credentials, String> {
    let certificate_data = user
        .client_certificate_data
        .map(|data| decode("client-certificate-data", &data))
        .transpose()?;
    let key_data = user.client_key_data.map(|data| decode("client-key-data", &data)).transpose()?;
    match (certificate_data, key_data, user.client_certificate, user.client_key) {
        (Some(certificate), Some(key), _, _) => {
            return Ok(Credentials::Inline(Pair { certificate, key }));
        }
        (None, None, Some(certificate), Some(key)) => {
            let files =
                PairFiles { certificate: directory.join(certificate), key: directory.join(key) };
            return Ok(Credentials::Files(files));
        }
        (None, None, None, None) => {}
        _ => return Err("its user has only one of client certificate and key".to_owned()),
    }
    if let Some(token) = user.token.filter(|token| !token.is_empty()) {
        return Ok(Credentials::Token(token));
    }
    let Some(file) = user.token_file else { return Ok(Credentials::Nobody) };
    let file = directory.join(file);
    let token = std::fs::read_to_string(&file)
        .map_err(|error| format!("its tokenFile {}: {error}", file.display()))?;
    Ok(Credentials::Token(token.trim().to_owned()))
}

fn decode(field: &str, data: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(data.trim()).map_err(|error| format!("{field}: {error}"))?;
    String::from_utf8(bytes).map_err(|_| format!("{field} is no PEM"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cluster: &str, user: &str) -> String {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
             contexts:\n- name: c\n  context: {{cluster: k, user: u}}\n\
             clusters:\n- name: k\n  cluster: {{{cluster}}}\n\
             users:\n- name: u\n  user: {{{user}}}\n"
        )
    }

    fn parse(cluster: &str, user: &str) -> Result<Kubeconfig, String> {
        Kubeconfig::parse(Path::new("/etc/k/config"), &text(cluster, user))
    }

    const CLUSTER: &str = "server: 'https://a:1/', certificate-authority: ca.crt";

    #[test]
    fn who_is_told_by_token_files_or_inline() {
        let kubeconfig = parse(CLUSTER, "token: abc").expect("readable");
        assert_eq!(kubeconfig.server, "https://a:1");
        assert_eq!(kubeconfig.authority, Authority::File("/etc/k/ca.crt".into()));
        assert!(matches!(kubeconfig.credentials, Credentials::Token(token) if token == "abc"));
        let files = parse(CLUSTER, "client-certificate: a.pem, client-key: /b.pem");
        let Credentials::Files(files) = files.expect("readable").credentials else { panic!() };
        assert_eq!(files.certificate, Path::new("/etc/k/a.pem"));
        assert_eq!(files.key, Path::new("/b.pem"));
        let inline = parse(CLUSTER, "client-certificate-data: YQ==, client-key-data: Yg==");
        let Credentials::Inline(pair) = inline.expect("readable").credentials else { panic!() };
        assert_eq!((pair.certificate.as_str(), pair.key.as_str()), ("a", "b"));
        let nobody = parse("server: 'https://a', certificate-authority-data: YQ==", "");
        let nobody = nobody.expect("readable");
        assert!(matches!(nobody.credentials, Credentials::Nobody));
        assert_eq!(nobody.authority, Authority::Inline("a".to_owned()));
    }

    #[test]
    fn faults_name_their_field() {
        for (cluster, user, part) in [
            ("server: 'http://a', certificate-authority: b", "", "https://"),
            ("server: 'https://a'", "", "certificate-authority"),
            (&format!("{CLUSTER}, insecure-skip-tls-verify: true"), "", "insecure-skip"),
            (CLUSTER, "exec: {command: x}", "exec is not supported"),
            (CLUSTER, "client-key: a", "only one of"),
            (CLUSTER, "client-key-data: '%', client-certificate-data: YQ==", "client-key-data"),
            (CLUSTER, "tokenFile: /none/such", "/none/such"),
        ] {
            let fault = parse(cluster, user).err().unwrap_or_default();
            assert!(fault.contains(part), "{cluster} {user}: {fault}");
        }
        let parse = |text: &str| Kubeconfig::parse(Path::new("c"), text).err().unwrap_or_default();
        assert!(parse("kind: Config").contains("current-context"));
        assert!(parse("current-context: a").contains("no context called \"a\""));
    }
}
