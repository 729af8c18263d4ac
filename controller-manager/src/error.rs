//! Why a reconcile failed, and how to tell refusals apart.

use std::fmt;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action}")]
    Request {
        action: String,
        #[source]
        source: kube::Error,
    },
    #[error("the selector of {object} is invalid: {reason}")]
    Selector { object: String, reason: String },
    /// Everything was tried; the first failure of several requests.
    #[error("{failed} of {tried} requests failed")]
    Batch {
        failed: usize,
        tried: usize,
        #[source]
        source: kube::Error,
    },
    #[error("{kind} of {api_version} is not a resource that the server has")]
    UnknownKind { api_version: String, kind: String },
    #[error("cannot sign {name}: {reason}")]
    Sign { name: String, reason: String },
    #[error("another ReplicaSet has the name {name}; the next attempt takes a new hash")]
    HashCollision { name: String },
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Names the action of a failed request: `.map_err(failed(|| format!("create {name}")))`.
pub fn failed<A: Into<String>>(action: impl FnOnce() -> A) -> impl FnOnce(kube::Error) -> Error {
    move |source| Error::Request { action: action().into(), source }
}

impl Error {
    pub fn request(&self) -> Option<&kube::Error> {
        match self {
            Error::Request { source, .. } | Error::Batch { source, .. } => Some(source),
            Error::Selector { .. }
            | Error::UnknownKind { .. }
            | Error::Sign { .. }
            | Error::HashCollision { .. } => None,
        }
    }

    /// The object changed since it was read: the next attempt will see it.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Error::HashCollision { .. }) || self.request().is_some_and(is_conflict)
    }

    pub fn is_namespace_terminating(&self) -> bool {
        self.request().is_some_and(is_namespace_terminating)
    }
}

/// An error with its causes in one line, for logs.
pub struct Chain<'a>(pub &'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

fn status(error: &kube::Error) -> Option<&kube::core::Status> {
    match error {
        kube::Error::Api(status) => Some(status),
        _ => None,
    }
}

pub fn is_not_found(error: &kube::Error) -> bool {
    status(error).is_some_and(|status| status.is_not_found())
}

/// 409 for an outdated resourceVersion or a precondition that does not hold.
pub fn is_conflict(error: &kube::Error) -> bool {
    status(error).is_some_and(|status| status.is_conflict() && !status.is_already_exists())
}

pub fn is_already_exists(error: &kube::Error) -> bool {
    status(error).is_some_and(|status| status.is_already_exists())
}

/// Creation was refused because the namespace is going away: trying again is pointless.
pub fn is_namespace_terminating(error: &kube::Error) -> bool {
    let details = status(error).and_then(|status| status.details.as_ref());
    details.is_some_and(|details| {
        details.causes.iter().any(|cause| cause.reason == "NamespaceTerminating")
    })
}

/// What the server said, as event messages quote it.
pub fn message(error: &kube::Error) -> String {
    match status(error) {
        Some(status) => status.message.clone(),
        None => Chain(error).to_string(),
    }
}
