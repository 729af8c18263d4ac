//! Names of images, completed as Docker and CRI runtimes do.

use std::fmt;

/// A name in full: registry, repository, and a tag or a digest or both.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Why a name is none. Worded as Docker words it where it has words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    #[error("invalid reference format: the name is empty")]
    Empty,
    #[error("invalid reference format: repository name ({repository}) must be lowercase")]
    Uppercase { repository: String },
    #[error("invalid reference format: {part:?} is not a valid {kind}")]
    Invalid { kind: &'static str, part: String },
}

const DEFAULT_REGISTRY: &str = "docker.io";
/// Docker's older name for the same.
const LEGACY_REGISTRY: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
const DEFAULT_TAG: &str = "latest";
const TAG_LIMIT: usize = 128;
const NAME_LIMIT: usize = 255;

impl Reference {
    /// `nginx` is `docker.io/library/nginx:latest`; a name with a digest gets no tag.
    pub fn parse(name: &str) -> Result<Self, ReferenceError> {
        let (rest, digest) = match name.split_once('@') {
            Some((rest, digest)) => (rest, Some(checked_digest(digest)?)),
            None => (name, None),
        };
        if rest.is_empty() {
            return Err(ReferenceError::Empty);
        }
        let (path, tag) = match rest.rfind(':') {
            // A colon before the last slash is that of the registry's port.
            Some(at) if !rest[at..].contains('/') => {
                (&rest[..at], Some(checked_tag(&rest[at + 1..])?))
            }
            _ => (rest, None),
        };
        let (registry, repository) = split_registry(path);
        let repository = if registry == DEFAULT_REGISTRY && !repository.contains('/') {
            format!("{OFFICIAL}{repository}")
        } else {
            repository.to_owned()
        };
        check_repository(&registry, &repository)?;
        let tag = match (tag, &digest) {
            (None, None) => Some(DEFAULT_TAG.to_owned()),
            (tag, _) => tag,
        };
        Ok(Self { registry, repository, tag, digest })
    }

    pub fn registry(&self) -> &str {
        &self.registry
    }

    pub fn repository(&self) -> &str {
        &self.repository
    }

    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The same repository at a digest.
    pub fn at(&self, digest: &str) -> Self {
        Self {
            registry: self.registry.clone(),
            repository: self.repository.clone(),
            tag: None,
            digest: Some(digest.to_owned()),
        }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// The first component is a registry if it looks like a host: a dot, a port, or `localhost`.
fn split_registry(path: &str) -> (String, &str) {
    match path.split_once('/') {
        Some((LEGACY_REGISTRY, rest)) => (DEFAULT_REGISTRY.to_owned(), rest),
        Some((first, rest))
            if first.contains(['.', ':'])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (first.to_owned(), rest)
        }
        _ => (DEFAULT_REGISTRY.to_owned(), path),
    }
}

fn check_repository(registry: &str, repository: &str) -> Result<(), ReferenceError> {
    let host_is_sound =
        registry.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:[]".contains(&byte));
    if registry.is_empty() || !host_is_sound {
        return Err(invalid("registry", registry));
    }
    if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(ReferenceError::Uppercase { repository: repository.to_owned() });
    }
    if repository.len() > NAME_LIMIT || !repository.split('/').all(is_component) {
        return Err(invalid("repository", repository));
    }
    Ok(())
}

/// Letters and digits, joined by `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends_well = matches!((bytes.first(), bytes.last()), (Some(first), Some(last))
        if alphanumeric(*first) && alphanumeric(*last));
    let separators = text.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    ends_well
        && separators
            .filter(|run| !run.is_empty())
            .all(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|byte| byte == b'-'))
}

fn checked_tag(tag: &str) -> Result<String, ReferenceError> {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut bytes = tag.bytes();
    let sound = tag.len() <= TAG_LIMIT
        && bytes.next().is_some_and(word)
        && bytes.all(|byte| word(byte) || byte == b'.' || byte == b'-');
    match sound {
        true => Ok(tag.to_owned()),
        false => Err(invalid("tag", tag)),
    }
}

fn checked_digest(digest: &str) -> Result<String, ReferenceError> {
    match is_digest(digest) {
        true => Ok(digest.to_owned()),
        false => Err(invalid("digest", digest)),
    }
}

/// Whether this is `sha256:` and 64 lower-case hex digits.
pub(crate) fn is_digest(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

fn invalid(kind: &'static str, part: &str) -> ReferenceError {
    ReferenceError::Invalid { kind, part: part.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn names_are_completed_as_docker_does() {
        for (name, full) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.27", "docker.io/library/nginx:1.27"),
            ("coracle/hello:1", "docker.io/coracle/hello:1"),
            ("docker.io/coracle/hello:1", "docker.io/coracle/hello:1"),
            ("index.docker.io/nginx", "docker.io/library/nginx:latest"),
            ("registry.k8s.io/pause:3.10", "registry.k8s.io/pause:3.10"),
            ("localhost/a", "localhost/a:latest"),
            ("localhost:5000/a/b:x", "localhost:5000/a/b:x"),
            ("127.0.0.1:5000/a", "127.0.0.1:5000/a:latest"),
            ("gcr.io/a__b/c-d.e_f", "gcr.io/a__b/c-d.e_f:latest"),
            ("a/b--c", "docker.io/a/b--c:latest"),
        ] {
            let parsed = Reference::parse(name).map(|reference| reference.to_string());
            assert_eq!(parsed.as_deref(), Ok(full), "{name}");
        }
    }

    #[test]
    fn a_digest_stands_instead_of_a_tag_or_beside_it() {
        let bare = Reference::parse(&format!("nginx@{DIGEST}")).unwrap();
        assert_eq!(bare.to_string(), format!("docker.io/library/nginx@{DIGEST}"));
        assert_eq!(bare.tag(), None);
        let both = Reference::parse(&format!("nginx:1@{DIGEST}")).unwrap();
        assert_eq!((both.tag(), both.digest()), (Some("1"), Some(DIGEST)));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in [
            "",
            ":",
            "@",
            ":tag",
            "a:",
            "a@sha256:12",
            "a b",
            "a//b",
            "/a",
            "a/",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a:-x",
            "ex ample.com/a",
            "A/b:c d",
        ] {
            assert!(Reference::parse(name).is_err(), "{name:?}");
        }
        let upper = Reference::parse("library/Nginx").unwrap_err().to_string();
        assert!(upper.contains("must be lowercase"), "{upper}");
        assert!(Reference::parse(&format!("a:{}", "x".repeat(129))).is_err());
    }
}
