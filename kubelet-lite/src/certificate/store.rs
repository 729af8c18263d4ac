//! Where a certificate lies with its key: one file for each, and a link to the one that counts.
//!
//! ```text
//! kubelet-client-2026-01-31-12-00-00.pem     certificate, then key; mode 0600
//! kubelet-client-current.pem                 ─► the newest
//! ```

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use certs::x509::{Certificate, PrivateKey};
use jiff::Timestamp;

use super::error::Error;

/// Files of one kind that are kept: the current and the one before it.
const KEPT: usize = 2;

#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
    name: &'static str,
}

impl Store {
    pub fn client(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), name: "kubelet-client" }
    }

    pub fn server(directory: &Path) -> Self {
        Self { directory: directory.to_owned(), name: "kubelet-server" }
    }

    pub fn current_path(&self) -> PathBuf {
        self.directory.join(format!("{}-current.pem", self.name))
    }

    /// The current certificate, if its key fits. What cannot be used counts as missing: it is asked
    /// for anew.
    pub fn current(&self) -> Option<Certificate> {
        let path = self.current_path();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a certificate cannot be read");
                return None;
            }
        };
        let read = Certificate::from_pem(&text)
            .and_then(|certificate| Ok((certificate, PrivateKey::from_pem(&text)?)));
        match read {
            Ok((certificate, key)) if key.fits(&certificate) => Some(certificate),
            Ok(_) => {
                tracing::warn!(path = %path.display(), "the key does not fit the certificate");
                None
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a certificate cannot be used");
                None
            }
        }
    }

    /// Makes this pair the current one. A crash leaves the former one in place.
    pub fn update(&self, certificate: &str, key: &PrivateKey, now: Timestamp) -> Result<(), Error> {
        let name = format!("{}-{}.pem", self.name, now.strftime("%Y-%m-%d-%H-%M-%S"));
        let path = self.directory.join(&name);
        let mut text = certificate.trim_end().to_owned();
        text.push('\n');
        text.push_str(&key.to_pem()?);
        certs::write_private(&path, text.as_bytes())?;
        let link = self.directory.join(format!(".{}-current.{}", self.name, std::process::id()));
        let failed = |source| Error::Write { path: self.current_path(), source };
        match fs::remove_file(&link) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        symlink(&name, &link)
            .and_then(|()| fs::rename(&link, self.current_path()))
            .and_then(|()| File::open(&self.directory)?.sync_all())
            .map_err(failed)?;
        self.remove_old(&name);
        Ok(())
    }

    /// Best effort: a file too many is no reason to go without a certificate.
    fn remove_old(&self, current: &str) {
        let prefix = format!("{}-2", self.name);
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let mut dated: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.starts_with(&prefix) && name.ends_with(".pem") && name != current)
            .collect();
        dated.sort_unstable();
        dated.truncate((dated.len() + 1).saturating_sub(KEPT));
        for name in dated {
            let _ = fs::remove_file(self.directory.join(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use certs::x509::{KeyAlgorithm, Subject, Template, self_sign};
    use time::OffsetDateTime;

    use super::*;

    fn pair(name: &str) -> (String, PrivateKey) {
        let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).expect("a key");
        let now = OffsetDateTime::now_utc();
        let template = Template::new(Subject::new(name, &[]), now, now + time::Duration::hours(1));
        (self_sign(&template, &key).expect("a certificate").to_pem(), key)
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("readable").flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().into_string().expect("text")).collect();
        names.sort();
        names
    }

    #[test]
    fn the_newest_is_current_and_private() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let store = Store::client(directory.path());
        assert!(store.current().is_none());
        for (second, name) in [(0, "a"), (1, "b"), (2, "c")] {
            let (certificate, key) = pair(name);
            let now = Timestamp::from_second(1_767_225_600 + second).expect("a time");
            store.update(&certificate, &key, now).expect("written");
            let current = store.current().expect("a certificate");
            assert_eq!(current.subject().common_name(), Some(name));
        }
        let (dated, link) = ("kubelet-client-2026-01-01-00-00-0", "kubelet-client-current.pem");
        let kept = [format!("{dated}1.pem"), format!("{dated}2.pem"), link.to_owned()];
        assert_eq!(names(directory.path()), kept);
        let mode = fs::metadata(store.current_path()).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_link(store.current_path()).expect("a link"), Path::new(&kept[1]));
    }

    #[test]
    fn what_cannot_be_used_counts_as_missing() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let store = Store::server(directory.path());
        let ((certificate, _), (_, other)) = (pair("a"), pair("b"));
        for text in
            ["", "words", &certificate, &format!("{certificate}{}", other.to_pem().expect("a key"))]
        {
            fs::write(store.current_path(), text).expect("written");
            assert!(store.current().is_none(), "{text}");
        }
    }
}
