//! Pulls from a registry.

use std::net::IpAddr;

use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference as Address};

use super::config::{
    Descriptor, INDEX_TYPES, Index, MANIFEST_TYPES, Manifest, OCI_MANIFEST, architecture,
};
use super::error::Error;
use super::reference::Reference;
use super::store::{Draft, Found, ImageRecord, Store, parse};

/// What a registry is told about who asks.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

/// Pulls an image for this machine and unpacks nothing yet.
///
/// Registries are spoken to by https; one on this machine by http if it has no https.
pub async fn pull(
    store: &Store,
    reference: &Reference,
    credentials: Option<Credentials>,
) -> Result<ImageRecord, Error> {
    let address = Address::try_from(reference.to_string()).map_err(|error| Error::Registry {
        registry: reference.registry().to_owned(),
        reason: format!("{reference}: {error}"),
    })?;
    let session = Session {
        reference,
        address,
        auth: credentials.map_or(RegistryAuth::Anonymous, |known| {
            RegistryAuth::Basic(known.username, known.password)
        }),
    };
    let store = store.clone();
    match session.pull(&store, ClientProtocol::Https).await {
        Err(Error::Unreachable { .. }) if is_loopback(reference.registry()) => {
            session.pull(&store, ClientProtocol::Http).await
        }
        other => other,
    }
}

struct Session<'a> {
    reference: &'a Reference,
    address: Address,
    auth: RegistryAuth,
}

impl Session<'_> {
    async fn pull(&self, store: &Store, protocol: ClientProtocol) -> Result<ImageRecord, Error> {
        let client = Client::new(ClientConfig { protocol, ..ClientConfig::default() });
        let draft = Draft::begin(store)?;
        let (descriptor, named_digest) = self.manifest(&client, &draft).await?;
        let manifest: Manifest = parse(&draft.read(&descriptor.digest)?, &descriptor.digest)?;
        for content in [&manifest.config].into_iter().chain(&manifest.layers) {
            self.content(&client, &draft, content).await?;
        }
        let names = match self.reference.tag() {
            Some(_) => vec![self.tagged()],
            None => vec![],
        };
        let found: Found = (descriptor, names, vec![self.reference.at(&named_digest).to_string()]);
        draft.sync()?;
        let mut images = draft.commit(&[found])?;
        Ok(images.pop().expect("one image was committed"))
    }

    /// The reference by its tag alone: what `name:tag@digest` is listed under.
    fn tagged(&self) -> String {
        let full = self.reference.to_string();
        full.split('@').next().unwrap_or(&full).to_owned()
    }

    /// The manifest for this machine, and the digest that the name itself stands for: the index's
    /// where there is one.
    async fn manifest(
        &self,
        client: &Client,
        draft: &Draft<'_>,
    ) -> Result<(Descriptor, String), Error> {
        let (bytes, digest) = self.document(client, &self.address).await?;
        let media_type = media_type(&bytes);
        if !INDEX_TYPES.contains(&media_type.as_str()) {
            let descriptor = draft.add_bytes(&bytes, OCI_MANIFEST)?;
            return Ok((descriptor, digest));
        }
        let index: Index = parse(&bytes, &digest)?;
        let ours = index
            .manifests
            .iter()
            .find(|manifest| manifest.platform.as_ref().is_some_and(|p| p.is_ours()));
        let Some(ours) = ours else {
            let platforms =
                index.manifests.iter().filter_map(|manifest| manifest.platform.as_ref());
            let platforms: Vec<String> = platforms.map(ToString::to_string).collect();
            return Err(self.registry(format!(
                "{} is there for {} but not for linux/{}",
                self.reference,
                platforms.join(", "),
                architecture()
            )));
        };
        let at = self.address.clone_with_digest(ours.digest.clone());
        let (bytes, _) = self.document(client, &at).await?;
        let descriptor = draft.add_bytes(&bytes, OCI_MANIFEST)?;
        match descriptor.digest == ours.digest {
            true => Ok((descriptor, digest)),
            false => Err(Error::DigestMismatch {
                expected: ours.digest.clone(),
                actual: descriptor.digest,
            }),
        }
    }

    async fn document(
        &self,
        client: &Client,
        address: &Address,
    ) -> Result<(Vec<u8>, String), Error> {
        let accepted: Vec<&str> = MANIFEST_TYPES.into_iter().chain(INDEX_TYPES).collect();
        let pulled = client.pull_manifest_raw(address, &self.auth, &accepted).await;
        let (bytes, digest) = pulled.map_err(|error| self.translate(error))?;
        Ok((bytes.to_vec(), digest))
    }

    /// Fetches a blob that the store lacks. Its digest is checked on the way by the client and once
    /// more by the name it gets here.
    async fn content(
        &self,
        client: &Client,
        draft: &Draft<'_>,
        content: &Descriptor,
    ) -> Result<(), Error> {
        if draft.has(&content.digest)? {
            return Ok(());
        }
        let path = draft.path().join("blob");
        let file = tokio::fs::File::create(&path).await.map_err(Error::io("create", &path))?;
        client
            .pull_blob(&self.address, content.digest.as_str(), file)
            .await
            .map_err(|error| self.translate(error))?;
        let taken = draft.add_file(&path, &content.media_type)?;
        match taken.digest == content.digest {
            true => Ok(()),
            false => Err(Error::DigestMismatch {
                expected: content.digest.clone(),
                actual: taken.digest,
            }),
        }
    }

    /// Says what happened in the user's terms.
    fn translate(&self, error: OciDistributionError) -> Error {
        let registry = self.reference.registry().to_owned();
        let reference = self.reference.to_string();
        match error {
            OciDistributionError::RequestError(error) => {
                Error::Unreachable { registry, reason: innermost(&error) }
            }
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_) => {
                Error::Denied { registry, reference }
            }
            OciDistributionError::ImageManifestNotFoundError(_) => {
                Error::Unknown { registry, reference }
            }
            OciDistributionError::RegistryError { ref envelope, .. }
                if envelope.errors.iter().any(|error| {
                    use oci_client::errors::OciErrorCode::{
                        ManifestUnknown, NameUnknown, NotFound,
                    };
                    matches!(error.code, ManifestUnknown | NameUnknown | NotFound)
                }) =>
            {
                Error::Unknown { registry, reference }
            }
            OciDistributionError::ServerError { code: 404, .. } => {
                Error::Unknown { registry, reference }
            }
            other => self.registry(other.to_string()),
        }
    }

    fn registry(&self, reason: String) -> Error {
        Error::Registry { registry: self.reference.registry().to_owned(), reason }
    }
}

/// The cause that says something: `dns error`, `connection refused`.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// What the document says it is; an index tells itself by its list as well.
fn media_type(bytes: &[u8]) -> String {
    let document: serde_json::Value = serde_json::from_slice(bytes).unwrap_or_default();
    match document["mediaType"].as_str() {
        Some(media_type) => media_type.to_owned(),
        None if document["manifests"].is_array() => INDEX_TYPES[0].to_owned(),
        None => OCI_MANIFEST.to_owned(),
    }
}

/// Whether this registry is on this machine.
fn is_loopback(registry: &str) -> bool {
    let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        for (registry, expected) in [
            ("localhost:5000", true),
            ("localhost", true),
            ("127.0.0.1:5000", true),
            ("127.9.9.9", true),
            ("[::1]:5000", true),
            ("docker.io", false),
            ("10.0.0.1:5000", false),
            ("localhost.example.com", false),
        ] {
            assert_eq!(is_loopback(registry), expected, "{registry}");
        }
    }
}
