//! With what requests for certificates are signed: the cluster's authority, as its files are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use certs::x509::{Certificate, Issuer, PrivateKey};

/// `ca.crt` and `ca.key`, read for each certificate: they may be replaced while the cluster runs.
pub struct FilesAuthority {
    certificates: PathBuf,
    key: PathBuf,
}

impl FilesAuthority {
    pub fn new(pki: &Path) -> Self {
        Self { certificates: pki.join("ca.crt"), key: pki.join("ca.key") }
    }
}

impl controller_manager::Authority for FilesAuthority {
    /// While one authority takes the other's place the file holds both: the one that the key
    /// belongs to signs.
    fn current(&self) -> Result<Arc<Issuer>, String> {
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        let unreadable = |path: &Path, error| format!("{} is {error}", path.display());
        let bundle = Certificate::all_from_pem(&read(&self.certificates)?)
            .map_err(|error| unreadable(&self.certificates, error))?;
        let key = PrivateKey::from_pem(&read(&self.key)?)
            .map_err(|error| unreadable(&self.key, error))?;
        let own = bundle.into_iter().find(|certificate| key.fits(certificate));
        let own = own.ok_or_else(|| {
            let (key, certificates) = (self.key.display(), self.certificates.display());
            format!("the key in {key} belongs to no certificate in {certificates}")
        })?;
        Issuer::new(own, key).map(Arc::new).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use controller_manager::Authority;

    use super::*;

    #[test]
    fn the_one_with_the_key_signs() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let authority = FilesAuthority::new(directory.path());
        let missing = authority.current().err().unwrap_or_default();
        assert!(missing.contains("ca.crt"), "{missing}");
        let pki = |name| certs::Authority::generate(name).expect("an authority");
        let (old, new) = (pki("old"), pki("new"));
        let bundle = format!("{}{}", old.certificate_pem(), new.certificate_pem());
        let write = |name: &str, text: &str| {
            std::fs::write(directory.path().join(name), text).expect("written");
        };
        write("ca.crt", &bundle);
        write("ca.key", &new.pair().key);
        let issuer = authority.current().expect("an issuer");
        assert_eq!(issuer.certificate().subject().common_name(), Some("new"));
        write("ca.crt", old.certificate_pem());
        let wrong = authority.current().err().unwrap_or_default();
        assert!(wrong.contains("belongs to no certificate"), "{wrong}");
    }
}
