//! Requests and a world for the tables of the plug-ins' tests.

use std::collections::HashMap;
use std::sync::Arc;

use api::resource::{Resource, builtin};
use api::{Identity, Status};
use serde_json::{Value, json};

use super::{Lister, Operation, Request, chain};
use crate::chain::BuiltinAuthorizer;

/// Objects by plural, namespace and name.
#[derive(Default)]
pub struct World(HashMap<(String, String, String), Value>);

impl World {
    pub fn with(mut self, plural: &str, namespace: &str, name: &str, object: Value) -> Self {
        self.0.insert((plural.into(), namespace.into(), name.into()), object);
        self
    }

    pub fn namespace(self, name: &str, phase: &str) -> Self {
        let namespace = json!({"metadata": {"name": name}, "status": {"phase": phase}});
        self.with("namespaces", "", name, namespace)
    }

    pub fn account(self, namespace: &str, name: &str) -> Self {
        self.with("serviceaccounts", namespace, name, json!({"metadata": {"name": name}}))
    }
}

impl Lister for World {
    fn get(&self, _group: &str, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        self.0.get(&(plural.into(), namespace.into(), name.into())).cloned()
    }
}

pub struct Case {
    resource: Arc<Resource>,
    operation: Operation,
    subresource: &'static str,
    namespace: &'static str,
    name: &'static str,
    identity: Identity,
    object: Option<Value>,
    old: Option<Value>,
}

impl Case {
    /// A create by an administrator, in `default` where the resource is namespaced.
    pub fn new(group: &str, plural: &str) -> Self {
        let resource = builtin()
            .into_iter()
            .find(|resource| resource.group == group && resource.plural == plural)
            .expect("in the table");
        Self {
            namespace: if resource.namespaced { "default" } else { "" },
            resource,
            operation: Operation::Create,
            subresource: "",
            name: "",
            identity: Identity::new("admin", &["system:masters"]),
            object: None,
            old: None,
        }
    }

    pub fn operation(mut self, operation: Operation) -> Self {
        self.operation = operation;
        self
    }

    pub fn subresource(mut self, subresource: &'static str) -> Self {
        self.subresource = subresource;
        self
    }

    pub fn namespace(mut self, namespace: &'static str) -> Self {
        self.namespace = namespace;
        self
    }

    pub fn name(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    pub fn by(mut self, identity: Identity) -> Self {
        self.identity = identity;
        self
    }

    pub fn object(mut self, object: Value) -> Self {
        self.object = Some(object);
        self
    }

    pub fn old(mut self, old: Value) -> Self {
        self.old = Some(old);
        self
    }

    /// The object after the whole chain (null for a delete), or the refusal.
    pub fn run(mut self, world: &World) -> Result<Value, Status> {
        let mut request = Request {
            operation: self.operation,
            resource: &self.resource,
            subresource: self.subresource,
            namespace: self.namespace,
            name: self.name,
            identity: &self.identity,
            authorizer: &BuiltinAuthorizer,
            dry_run: false,
            object: self.object.as_mut(),
            old: self.old.as_ref(),
        };
        chain::admit(&mut request, world)?;
        Ok(self.object.unwrap_or(Value::Null))
    }

    /// `code message` of the refusal; `admitted` where there is none.
    pub fn outcome(self, world: &World) -> String {
        match self.run(world) {
            Ok(_) => "admitted".to_owned(),
            Err(status) => format!("{} {}", status.code, status.message),
        }
    }
}
