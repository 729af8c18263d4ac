//! Why there is no certificate.

use std::path::PathBuf;

use certs::x509;
use client::https::KubeconfigError;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    #[error(transparent)]
    Files(#[from] certs::Error),
    #[error("cannot write {path}")]
    Write { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Certificate(#[from] x509::Error),
    #[error("cannot ask for a certificate")]
    Request(#[source] kube::Error),
    #[error("the request {name} was denied: {message}")]
    Denied { name: String, message: String },
    #[error("the request {name} was not signed: {message}")]
    Failed { name: String, message: String },
    #[error(
        "the request {name} was not answered in time: `kubectl get csr` shows it, `kubectl \
         certificate approve {name}` approves it"
    )]
    Unanswered { name: String },
    #[error("the request {name} was removed before it was answered")]
    Removed { name: String },
    #[error("{server} does not take the token of {path}: it is wrong, has expired or was removed")]
    Token { server: String, path: PathBuf },
    #[error(
        "{kubeconfig} is missing or its client certificate has ended, and there is no \
         --bootstrap-kubeconfig to join with"
    )]
    NothingToJoinWith { kubeconfig: PathBuf },
}

impl Error {
    /// Whether asking again with the same credentials can help.
    pub fn is_refused_credentials(&self) -> bool {
        matches!(self, Self::Request(kube::Error::Api(status)) if status.code == 401)
    }

    /// The message with those of its causes, for one line of a log.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            text.push_str(&format!(": {error}"));
            cause = error.source();
        }
        text
    }
}
