//! What an admission plug-in sees.

use api::resource::Resource;
use api::resource::certificate_signing_request::GROUP;
use api::resource::fields::text;
use api::status::Target;
use api::{Identity, Status};
use serde_json::Value;

use crate::chain::{Attributes, Authorizer, Path, ResourcePath};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    Create,
    Update,
    Delete,
}

/// One write. `object` is what is about to be stored (for a subresource of another kind, its
/// body), `old` what is stored now: a create has no `old`, a delete no `object`.
pub struct Request<'a> {
    pub operation: Operation,
    pub resource: &'a Resource,
    /// Empty for the resource itself.
    pub subresource: &'a str,
    /// Empty for cluster-scoped resources.
    pub namespace: &'a str,
    /// Empty for a create that has a generateName.
    pub name: &'a str,
    pub identity: &'a Identity,
    /// Answers what else the identity may do.
    pub authorizer: &'a dyn Authorizer,
    /// Whether nothing will be stored. Plug-ins with effects elsewhere must leave them out; those
    /// here have none.
    pub dry_run: bool,
    pub object: Option<&'a mut Value>,
    pub old: Option<&'a Value>,
}

impl Request<'_> {
    /// Whether it is about this resource itself, no subresource.
    pub fn is(&self, group: &str, plural: &str) -> bool {
        self.is_any(group, plural) && self.subresource.is_empty()
    }

    /// Whether it is about this resource or one of its subresources.
    pub fn is_any(&self, group: &str, plural: &str) -> bool {
        self.resource.group == group && self.resource.plural == plural
    }

    /// The name in the request, else that in the object, else what its name will begin with.
    pub fn object_name(&self) -> String {
        let object = self.object.as_deref();
        let of = |path| object.map_or("", |object| text(object, path));
        [self.name, of("metadata.name"), of("metadata.generateName")]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or("Unknown")
            .to_owned()
    }

    /// Whether the identity may `verb` (approve, sign) for a signer: by its name, or for all of its
    /// domain.
    pub fn may_for_signer(&self, verb: &str, signer: &str) -> bool {
        let domain = signer.split('/').next().unwrap_or_default();
        [signer.to_owned(), format!("{domain}/*")].into_iter().any(|name| {
            let path = Path::Resource(ResourcePath {
                group: GROUP.to_owned(),
                version: "*".to_owned(),
                plural: "signers".to_owned(),
                name,
                ..ResourcePath::default()
            });
            let identity = self.identity;
            self.authorizer.allows(&Attributes { identity, verb, path: &path, uri_path: "" })
        })
    }

    /// 403, worded as upstream: `pods "web" is forbidden: …`.
    pub fn forbid(&self, cause: &str) -> Status {
        Status::forbidden(Target::new(self.resource, &self.object_name()), cause)
    }
}

/// Other objects, by group, plural, namespace (empty for cluster-scoped ones) and name.
pub trait Lister {
    fn get(&self, group: &str, plural: &str, namespace: &str, name: &str) -> Option<Value>;
}
