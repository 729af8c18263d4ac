//! How the files of the built-in resources write their row.

use std::sync::Arc;

use super::{Column, Resource, Strategy, Subresource, Verb};

const ALL_VERBS: [Verb; 8] = [
    Verb::Create,
    Verb::Delete,
    Verb::DeleteCollection,
    Verb::Get,
    Verb::List,
    Verb::Patch,
    Verb::Update,
    Verb::Watch,
];

impl Resource {
    /// A row with every verb and nothing else; namespaced, of the core group, stored under
    /// `/registry/<plural>`. The singular is the kind in lower case, as everywhere upstream.
    pub(super) fn row(
        kind: &'static str,
        plural: &'static str,
        strategy: impl Strategy + 'static,
    ) -> Self {
        Self {
            group: "".into(),
            version: "v1".into(),
            kind: kind.into(),
            plural: plural.into(),
            singular: kind.to_ascii_lowercase().into(),
            short_names: Vec::new(),
            categories: Vec::new(),
            namespaced: true,
            verbs: ALL_VERBS.to_vec(),
            subresources: Vec::new(),
            columns: Vec::new(),
            selectable_fields: Vec::new(),
            deprecation: None,
            storage_prefix: format!("/registry/{plural}").into(),
            strategy: Arc::new(strategy),
        }
    }

    pub(super) fn in_group(mut self, group: &'static str) -> Self {
        self.group = group.into();
        self
    }

    pub(super) fn short_names(mut self, names: &[&'static str]) -> Self {
        self.short_names = names.iter().map(|name| (*name).into()).collect();
        self
    }

    /// Listed by `kubectl get all`.
    pub(super) fn in_all(mut self) -> Self {
        self.categories = vec!["all".into()];
        self
    }

    pub(super) fn cluster_scoped(mut self) -> Self {
        self.namespaced = false;
        self
    }

    pub(super) fn verbs(mut self, verbs: &[Verb]) -> Self {
        self.verbs = verbs.to_vec();
        self
    }

    pub(super) fn without(mut self, verb: Verb) -> Self {
        self.verbs.retain(|kept| *kept != verb);
        self
    }

    pub(super) fn columns(mut self, columns: Vec<Column>) -> Self {
        self.columns = columns;
        self
    }

    pub(super) fn selectable(mut self, fields: &[&'static str]) -> Self {
        self.selectable_fields = fields.iter().map(|field| (*field).into()).collect();
        self
    }

    pub(super) fn deprecated(mut self, warning: &'static str) -> Self {
        self.deprecation = Some(warning.into());
        self
    }

    pub(super) fn stored_at(mut self, prefix: &'static str) -> Self {
        self.storage_prefix = prefix.into();
        self
    }

    pub(super) fn status(self) -> Self {
        self.sub("status", None, &[Verb::Get, Verb::Patch, Verb::Update])
    }

    pub(super) fn scale(self) -> Self {
        let kind = ("autoscaling", "v1", "Scale");
        self.sub("scale", Some(kind), &[Verb::Get, Verb::Patch, Verb::Update])
    }

    pub(super) fn sub(
        mut self,
        name: &'static str,
        response_kind: Option<(&'static str, &'static str, &'static str)>,
        verbs: &[Verb],
    ) -> Self {
        self.subresources.push(Subresource {
            name: name.into(),
            response_kind: response_kind
                .map(|(group, version, kind)| (group.into(), version.into(), kind.into())),
            verbs: verbs.to_vec(),
        });
        self
    }
}

impl Column {
    pub fn new(name: &'static str, kind: &'static str, description: &'static str) -> Self {
        Self {
            name: name.into(),
            kind: kind.into(),
            format: "".into(),
            description: description.into(),
            priority: 0,
        }
    }

    /// Shown with `-o wide` only.
    pub fn wide(name: &'static str, kind: &'static str, description: &'static str) -> Self {
        Self { priority: 1, ..Self::new(name, kind, description) }
    }

    pub fn object_name() -> Self {
        Self { format: "name".into(), ..Self::new("Name", "string", "Name of the object.") }
    }

    pub fn age() -> Self {
        Self::new("Age", "string", "Time since the object was created.")
    }
}
