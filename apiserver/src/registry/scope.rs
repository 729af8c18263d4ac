//! What one write is about.

use api::Identity;
use api::status::{Status, Target};
use bytes::Bytes;

use super::Kind;
use super::options::WriteOptions;

/// The object a request names, who asks, and how.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    pub kind: &'a Kind,
    /// Empty for cluster-scoped resources.
    pub namespace: &'a str,
    /// Empty for a create, whose object names itself.
    pub name: &'a str,
    /// Empty for the object itself.
    pub subresource: &'a str,
    pub identity: &'a Identity,
    pub options: &'a WriteOptions,
}

impl<'a> Scope<'a> {
    pub fn key(&self) -> Bytes {
        self.kind.key(self.namespace, self.name)
    }

    pub fn target(&self) -> Target<'a> {
        self.kind.target(self.name)
    }

    pub fn not_found(&self) -> Status {
        Status::not_found(self.target())
    }
}

/// A stored (or, in a dry run, only computed) object.
#[derive(Clone, Debug)]
pub struct Written {
    /// Canonical bytes, without the version.
    pub value: Bytes,
    /// 0 where there is none: a dry-run create.
    pub revision: i64,
    pub created: bool,
}
