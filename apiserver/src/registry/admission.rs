//! Between the registry and the admission plug-ins: gathers what they need to know.

use api::Status;
use api::resource::fields::text;
use serde_json::Value;

pub use crate::admission::Operation;
use crate::admission::{self, Lister, Request};

use super::core::Registry;
use super::scope::Scope;

/// Other objects, as the caches have them. Writes wait for the caches first (see
/// [`Registry::catch_up`]), so whatever was acknowledged to a client is in here.
struct Cached<'a>(&'a Registry);

impl Lister for Cached<'_> {
    fn get(&self, group: &str, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let kind = self.0.resource(group, plural)?;
        let entry = kind.cache.get(&kind.suffix(namespace, name))?;
        serde_json::from_slice(&entry.value).ok()
    }
}

/// Runs the chain on one write; `object` is changed in place.
pub fn admit(
    registry: &Registry,
    scope: &Scope<'_>,
    operation: Operation,
    object: Option<&mut Value>,
    old: Option<&Value>,
    warnings: &mut Vec<String>,
) -> Result<(), Status> {
    let given = object.as_deref().map(|object| text(object, "metadata.name").to_owned());
    let name =
        if scope.name.is_empty() { given.unwrap_or_default() } else { scope.name.to_owned() };
    let mut request = Request {
        operation,
        resource: &scope.kind.row,
        subresource: scope.subresource,
        namespace: scope.namespace,
        name: &name,
        identity: scope.identity,
        authorizer: &*registry.authorizer,
        dry_run: scope.options.dry_run,
        object,
        old,
    };
    warnings.extend(admission::admit(&mut request, &Cached(registry))?);
    Ok(())
}
