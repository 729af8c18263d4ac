//! The write pipeline's pure half: from a wanted object to the one that is stored.
//!
//! Order, as upstream: defaults → mutating and validating admission → what the server owns →
//! strategy → validation → encoding. Nothing here waits; a lost race runs it again on the newer
//! object.

use api::Status;
use api::resource::fields::{restore, text};
use api::status::ResourceName;
use api::validation::{FieldError, metadata as checks};
use bytes::Bytes;
use serde_json::Value;

use super::admission::{self, Operation};
use super::certificates;
use super::core::Registry;
use super::metadata::{
    carry_over, count_generation, deletion_is_due, keep_all_but_status, metadata_mut, stamp_new,
};
use super::scope::Scope;

/// Which part of an object an update may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// The object; its status where the resource has a `/status` is left alone.
    Main,
    /// Status and metadata only.
    Status,
    /// The same, by the way that takes the right to approve.
    Approval,
    /// A subresource that has computed the change itself (binding, finalize): no strategy, since
    /// it changes exactly what the strategy forbids.
    Internal,
}

/// What an update comes to.
#[derive(Clone, Debug)]
pub struct Settled {
    pub object: Value,
    /// The update took away the last thing that held a deletion back: remove, do not store.
    pub remove: bool,
}

impl Registry {
    /// Makes the object of a create complete and valid. `object` has the schema's form; its name
    /// is final.
    pub(super) fn settle_new(
        &self,
        scope: &Scope<'_>,
        mut object: Value,
        warnings: &mut Vec<String>,
    ) -> Result<Value, Status> {
        let strategy = &scope.kind.row.strategy;
        set_defaults(scope, &mut object);
        admission::admit(self, scope, Operation::Create, Some(&mut object), None, warnings)?;
        strategy.prepare_for_create(&mut object);
        if certificates::are_of(scope) {
            certificates::name_requester(&mut object, scope.identity);
        }
        stamp_new(&mut object, strategy.has_generation(), self.sources.now(), self.sources.uid());
        set_defaults(scope, &mut object);
        let mut errors =
            checks::validate(&object, scope.kind.row.namespaced, strategy.name_check());
        errors.extend(strategy.validate(&object));
        if certificates::are_of(scope) {
            errors.extend(certificates::validate_request(&object));
        }
        refuse_if_any(scope, &object, errors)?;
        warnings.extend(strategy.warnings(&object));
        Ok(object)
    }

    /// Makes the object of an update complete and valid against the stored one.
    pub(super) fn settle_update(
        &self,
        scope: &Scope<'_>,
        endpoint: Endpoint,
        old: &Value,
        mut object: Value,
        warnings: &mut Vec<String>,
    ) -> Result<Settled, Status> {
        let strategy = &scope.kind.row.strategy;
        carry_over(&mut object, old);
        match endpoint {
            Endpoint::Internal => {}
            Endpoint::Main => {
                if strategy.has_status() {
                    restore(&mut object, old, "status");
                }
                set_defaults(scope, &mut object);
            }
            Endpoint::Status | Endpoint::Approval => {
                keep_all_but_status(&mut object, old);
                set_defaults(scope, &mut object);
            }
        }
        if endpoint != Endpoint::Internal {
            admission::admit(
                self,
                scope,
                Operation::Update,
                Some(&mut object),
                Some(old),
                warnings,
            )?;
        }
        match endpoint {
            Endpoint::Internal => {}
            Endpoint::Main => strategy.prepare_for_update(&mut object, old),
            Endpoint::Status => strategy.prepare_for_status_update(&mut object, old),
            Endpoint::Approval => strategy.prepare_for_approval(&mut object, old),
        }
        if certificates::are_of(scope) {
            certificates::stamp_conditions(&mut object, old, self.sources.now());
        }
        if strategy.has_generation() && matches!(endpoint, Endpoint::Main | Endpoint::Internal) {
            count_generation(&mut object, old);
        }
        metadata_mut(&mut object).remove("resourceVersion");
        let mut errors = checks::validate_update(&object, old);
        errors.extend(match endpoint {
            Endpoint::Internal => Vec::new(),
            Endpoint::Main => strategy.validate_update(&object, old),
            Endpoint::Status => strategy.validate_status_update(&object, old),
            Endpoint::Approval => strategy.validate_approval(&object, old),
        });
        if certificates::are_of(scope) {
            errors.extend(certificates::validate_issued(&object));
        }
        refuse_if_any(scope, &object, errors)?;
        if endpoint == Endpoint::Main {
            warnings.extend(strategy.update_warnings(&object, old));
        }
        let remove = deletion_is_due(&object);
        Ok(Settled { object, remove })
    }
}

/// The schema's defaults, then those that depend on other fields.
pub(super) fn set_defaults(scope: &Scope<'_>, object: &mut Value) {
    if let Some(schema) = scope.kind.schema {
        schema.default(object);
    }
    scope.kind.row.strategy.default(object);
}

fn refuse_if_any(scope: &Scope<'_>, object: &Value, errors: Vec<FieldError>) -> Result<(), Status> {
    if errors.is_empty() {
        return Ok(());
    }
    let row = &scope.kind.row;
    Err(Status::invalid(&row.group, &row.kind, text(object, "metadata.name"), &errors))
}

/// Name and namespace of a body must be those of the URL; where the body has none it takes them.
pub fn place(scope: &Scope<'_>, object: &mut Value) -> Result<(), Status> {
    let name = text(object, "metadata.name").to_owned();
    if !scope.name.is_empty() {
        if name.is_empty() {
            metadata_mut(object).insert("name".into(), scope.name.into());
        } else if name != scope.name {
            return Err(Status::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                scope.name
            )));
        }
    }
    let namespace = text(object, "metadata.namespace").to_owned();
    if !scope.kind.row.namespaced || namespace == scope.namespace {
        return Ok(());
    }
    if namespace.is_empty() {
        metadata_mut(object).insert("namespace".into(), scope.namespace.into());
        return Ok(());
    }
    Err(Status::bad_request(format!(
        "the namespace of the provided object does not match the namespace sent on the request ({namespace} does not match {})",
        scope.namespace
    )))
}

/// Checks the resourceVersion that a client sent with a changed object.
pub fn check_version(scope: &Scope<'_>, object: &Value, revision: i64) -> Result<(), Status> {
    match text(object, "metadata.resourceVersion") {
        "" | "0" => {
            if scope.kind.row.strategy.allows_unconditional_update() {
                return Ok(());
            }
            let row = &scope.kind.row;
            let error = FieldError::invalid(
                "metadata.resourceVersion",
                0,
                "must be specified for an update",
            );
            Err(Status::invalid(&row.group, &row.kind, scope.name, &[error]))
        }
        sent if sent.parse::<u64>().is_err() => {
            let row = &scope.kind.row;
            let error = FieldError::invalid(
                "metadata.resourceVersion",
                sent,
                "must be a resource version that this server gave out",
            );
            Err(Status::invalid(&row.group, &row.kind, scope.name, &[error]))
        }
        sent if sent == revision.to_string() => Ok(()),
        _ => Err(Status::modified(scope.target())),
    }
}

/// A client that sends a uid means that very object.
pub fn check_uid(scope: &Scope<'_>, object: &Value, old: &Value) -> Result<(), Status> {
    let (sent, stored) = (text(object, "metadata.uid"), text(old, "metadata.uid"));
    if sent.is_empty() || sent == stored {
        return Ok(());
    }
    let cause =
        format!("Precondition failed: UID in precondition: {sent}, UID in object meta: {stored}");
    Err(Status::conflict(scope.target(), &cause))
}

/// Parses a stored object. A value that is no object is corruption, not the client's fault.
pub fn parse(scope_resource: ResourceName<'_>, value: &Bytes) -> Result<Value, Status> {
    match serde_json::from_slice::<Value>(value) {
        Ok(object) if object.is_object() => Ok(object),
        Ok(_) => Err(Status::internal(format!("a stored {} is no object", scope_resource.plural))),
        Err(error) => Err(Status::internal(format!(
            "a stored {} cannot be read: {error}",
            scope_resource.plural
        ))),
    }
}
