//! How a kubelet becomes a node: with the kubeconfig that it has, or by joining.

use std::path::{Path, PathBuf};
use std::time::Duration;

use certs::x509::Certificate;
use client::backoff::{Backoff, Bounds};
use client::https::{Credentials, Kubeconfig};
use jiff::Timestamp;

use super::ask::ask;
use super::error::Error;
use super::plan::has_ended;
use super::store::Store;
use super::wanted::Wanted;

/// Between attempts to reach an API that is not there yet.
const RETRY: Bounds = Bounds { base: Duration::from_millis(200), max: Duration::from_secs(10) };

/// The files of `--kubeconfig`, `--bootstrap-kubeconfig` and `--cert-dir`.
#[derive(Clone, Debug)]
pub struct Paths {
    pub kubeconfig: PathBuf,
    pub bootstrap_kubeconfig: Option<PathBuf>,
    pub certificates: PathBuf,
}

impl Paths {
    /// Who signs the API's certificate, and clients of this kubelet.
    pub fn authority(&self) -> PathBuf {
        self.certificates.join("ca.crt")
    }
}

/// A node that may speak to the API.
pub struct Joined {
    pub kubeconfig: Kubeconfig,
    /// Whether the client certificate is ours to renew: it lies in the directory of certificates.
    pub renews: bool,
}

/// Takes the kubeconfig if its client certificate is good. Else asks for one with the bootstrap
/// kubeconfig, and writes the kubeconfig.
///
/// Waits for an API that cannot be reached; a token that is not taken is an error at once.
pub async fn join(paths: &Paths, node: &str) -> Result<Joined, Error> {
    let store = Store::client(&paths.certificates);
    if let Some(kubeconfig) = usable(&paths.kubeconfig, Timestamp::now()) {
        ensure_authority(paths, &kubeconfig)?;
        let current = store.current_path();
        let renews = matches!(
            &kubeconfig.credentials,
            Credentials::Files(files) if files.certificate == current
        );
        return Ok(Joined { kubeconfig, renews });
    }
    let Some(path) = &paths.bootstrap_kubeconfig else {
        return Err(Error::NothingToJoinWith { kubeconfig: paths.kubeconfig.clone() });
    };
    let bootstrap = Kubeconfig::read(path)?;
    tracing::info!(server = bootstrap.server, node, "joining");
    let (client, wanted) = (bootstrap.client()?, Wanted::client(node));
    let mut backoff = Backoff::new(RETRY);
    let (certificate, key) = loop {
        match ask(&client, &wanted).await {
            Ok(answer) => break answer,
            Err(error) if error.is_refused_credentials() => {
                return Err(Error::Token { server: bootstrap.server, path: path.clone() });
            }
            Err(error) => tracing::warn!(error = error.chain(), "not joined yet; trying again"),
        }
        tokio::time::sleep(backoff.next(rand::random())).await;
    };
    store.update(&certificate, &key, Timestamp::now())?;
    certs::write_public(&paths.authority(), bootstrap.authority_pem()?.as_bytes())?;
    let text = render(&bootstrap.server, &paths.authority(), &store.current_path());
    certs::write_private(&paths.kubeconfig, text.as_bytes())?;
    tracing::info!(kubeconfig = %paths.kubeconfig.display(), "joined");
    Ok(Joined { kubeconfig: Kubeconfig::read(&paths.kubeconfig)?, renews: true })
}

/// The kubeconfig, if it is there and its certificate, where it has one, is in its time.
fn usable(path: &Path, now: Timestamp) -> Option<Kubeconfig> {
    if !path.exists() {
        return None;
    }
    let unusable = |reason: String| {
        tracing::warn!(kubeconfig = %path.display(), reason, "joining anew");
        None
    };
    let kubeconfig = match Kubeconfig::read(path) {
        Ok(kubeconfig) => kubeconfig,
        Err(error) => return unusable(Error::from(error).chain()),
    };
    let pem = match &kubeconfig.credentials {
        Credentials::Files(files) => match std::fs::read_to_string(&files.certificate) {
            Ok(pem) => pem,
            Err(error) => return unusable(format!("{}: {error}", files.certificate.display())),
        },
        Credentials::Inline(pair) => pair.certificate.clone(),
        Credentials::Token(_) => return Some(kubeconfig),
        Credentials::Nobody => return unusable("it names no user".to_owned()),
    };
    match Certificate::from_pem(&pem) {
        Ok(certificate) if has_ended(&certificate, now) => {
            unusable("its client certificate has ended".to_owned())
        }
        Ok(_) => Some(kubeconfig),
        Err(error) => unusable(error.to_string()),
    }
}

/// The listener needs the authority in a file; a kubeconfig may have it inside.
fn ensure_authority(paths: &Paths, kubeconfig: &Kubeconfig) -> Result<(), Error> {
    let path = paths.authority();
    if !path.exists() {
        certs::write_public(&path, kubeconfig.authority_pem()?.as_bytes())?;
    }
    Ok(())
}

/// A kubeconfig that names its files, so that renewals need not write it again.
fn render(server: &str, authority: &Path, pair: &Path) -> String {
    // JSON's strings are YAML's.
    let quoted = |path: &Path| serde_json::Value::from(path.to_string_lossy()).to_string();
    let (authority, pair) = (quoted(authority), quoted(pair));
    let server = serde_json::Value::from(server);
    format!(
        "apiVersion: v1\n\
         kind: Config\n\
         clusters:\n\
         - name: default-cluster\n\
         \x20 cluster:\n\
         \x20   certificate-authority: {authority}\n\
         \x20   server: {server}\n\
         contexts:\n\
         - name: default-context\n\
         \x20 context:\n\
         \x20   cluster: default-cluster\n\
         \x20   namespace: default\n\
         \x20   user: default-auth\n\
         current-context: default-context\n\
         users:\n\
         - name: default-auth\n\
         \x20 user:\n\
         \x20   client-certificate: {pair}\n\
         \x20   client-key: {pair}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("kubelet.conf");
        let pair = Path::new("/var/lib/a \"b\"/current.pem");
        std::fs::write(&path, render("https://a:1", Path::new("/ca.crt"), pair)).expect("written");
        let kubeconfig = Kubeconfig::read(&path).expect("readable");
        assert_eq!(kubeconfig.server, "https://a:1");
        let Credentials::Files(files) = kubeconfig.credentials else { panic!("files") };
        assert_eq!((files.certificate.as_path(), files.key.as_path()), (pair, pair));
        assert!(usable(&path, Timestamp::now()).is_none(), "its certificate is not there");
        assert!(usable(&directory.path().join("none"), Timestamp::now()).is_none());
    }

    #[tokio::test]
    async fn without_anything_it_says_what_is_missing() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let paths = Paths {
            kubeconfig: directory.path().join("kubelet.conf"),
            bootstrap_kubeconfig: None,
            certificates: directory.path().join("pki"),
        };
        let error = join(&paths, "n").await.err().expect("refused").to_string();
        assert!(error.contains("kubelet.conf") && error.contains("--bootstrap-kubeconfig"));
    }
}
