//! What differs between resources on the write path, as plain synchronous decisions.
//!
//! Objects are JSON values here: a write is the one place where an object is parsed. The registry
//! has already checked the envelope (kind, apiVersion, name, namespace), pruned unknown fields and
//! applied the schema's defaults before it asks the strategy.

use serde_json::Value;

use crate::validation::FieldError;
use crate::validation::names::{self, NameCheck};

/// How a delete request proceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// Remove at once (unless finalizers hold it).
    Immediate,
    /// Set deletionTimestamp and deletionGracePeriodSeconds; a later delete with grace 0 removes it.
    Graceful { seconds: i64 },
}

pub trait Strategy: Send + Sync {
    /// Whether `metadata.generation` counts changes of the spec.
    fn has_generation(&self) -> bool {
        false
    }

    /// Whether the main endpoint ignores `status` and `/status` everything else.
    fn has_status(&self) -> bool {
        false
    }

    /// Whether a PUT to a name that does not exist creates it.
    fn allows_create_on_update(&self) -> bool {
        false
    }

    /// Whether a PUT without a resourceVersion is taken as "whatever is there".
    fn allows_unconditional_update(&self) -> bool {
        true
    }

    /// What `metadata.name` must look like.
    fn name_check(&self) -> NameCheck {
        names::dns1123_subdomain
    }

    /// Defaults that depend on other fields and so are not in the schema table
    /// (`imagePullPolicy` from the tag, `selector` from the template, …). Idempotent.
    fn default(&self, _object: &mut Value) {}

    /// Sets what only the server may set, and clears what a client may not (status, …).
    fn prepare_for_create(&self, _object: &mut Value) {}

    /// Carries over what a client may not change. `object` already has the old metadata's
    /// server-owned fields; status has been restored from `old` when `has_status`.
    fn prepare_for_update(&self, _object: &mut Value, _old: &Value) {}

    /// The same for `/status`; everything but status and metadata has been restored from `old`.
    fn prepare_for_status_update(&self, _object: &mut Value, _old: &Value) {}

    /// The same for `/approval`, which too leaves all but status and metadata alone.
    fn prepare_for_approval(&self, _object: &mut Value, _old: &Value) {}

    fn validate(&self, _object: &Value) -> Vec<FieldError> {
        Vec::new()
    }

    fn validate_update(&self, object: &Value, _old: &Value) -> Vec<FieldError> {
        self.validate(object)
    }

    fn validate_status_update(&self, _object: &Value, _old: &Value) -> Vec<FieldError> {
        Vec::new()
    }

    fn validate_approval(&self, _object: &Value, _old: &Value) -> Vec<FieldError> {
        Vec::new()
    }

    /// Warnings for `Warning: 299` headers about a new object (deprecated fields, …).
    fn warnings(&self, _object: &Value) -> Vec<String> {
        Vec::new()
    }

    /// The same about a changed object. As upstream, who changes only labels is not told again what
    /// is wrong with the rest: nothing is said unless the generation has changed.
    fn update_warnings(&self, _object: &Value, _old: &Value) -> Vec<String> {
        Vec::new()
    }

    /// Decides a delete of `object` with the client's `gracePeriodSeconds`, if it gave one.
    fn deletion(&self, _object: &Value, _grace_period_seconds: Option<i64>) -> Deletion {
        Deletion::Immediate
    }

    /// Values of the row's `selectable_fields`, in that order; absent fields are empty strings.
    fn selectable_values(&self, _object: &Value) -> Vec<String> {
        Vec::new()
    }

    /// `conditions` of the object's row in a Table (`Completed` of a finished pod).
    fn row_conditions(&self, _object: &Value) -> Vec<Value> {
        Vec::new()
    }

    /// Cells of the row's `columns`, in that order. `now` is Unix seconds, for ages.
    fn cells(&self, object: &Value, now: i64) -> Vec<Value>;
}
