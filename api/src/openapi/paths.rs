//! The paths of a group and version, from the rows of the resource table.

use serde_json::{Map, Value, json};

use super::components::Components;
use super::operations::{Kind, Operation};
use super::parameters as parameter;
use crate::resource::{Resource, Subresource, Verb};

pub(super) type Paths = Map<String, Value>;

/// The path that lists the group and version's resources.
pub(super) fn discovery(group: &str, version: &str, components: &mut Components) -> Paths {
    let list = components.meta("APIResourceList");
    let kind = Kind { group: "", version: "v1", kind: "APIResourceList" };
    let title = title(group, version);
    let operation =
        Operation::new("get", format!("get{title}APIResources"), &tag(group, version), &kind)
            .answers(&[200], &list);
    let mut paths = Paths::new();
    paths.insert(format!("{}/", root(group, version)), json!({"get": operation.build()}));
    paths
}

/// Adds a resource's collection, its objects and their subresources.
pub(super) fn add_resource(paths: &mut Paths, resource: &Resource, components: &mut Components) {
    let row = Row::new(resource, components);
    let root = root(&resource.group, &resource.version);
    let plural = &resource.plural;
    let collection = if resource.namespaced {
        format!("{root}/namespaces/{{namespace}}/{plural}")
    } else {
        format!("{root}/{plural}")
    };
    let mut within = vec![];
    if resource.namespaced {
        within.push("namespace");
        if row.has(Verb::List) {
            let everywhere = row.list(&row.id_for_all_namespaces("list"));
            add(paths, format!("{root}/{plural}"), &[], vec![("get", everywhere)]);
        }
    }
    add(paths, collection.clone(), &within, row.collection_operations(components));
    within.insert(0, "name");
    let object = format!("{collection}/{{name}}");
    add(paths, object.clone(), &within, row.object_operations(components));
    for subresource in &resource.subresources {
        let operations = row.subresource_operations(subresource, components);
        add(paths, format!("{object}/{}", subresource.name), &within, operations);
    }
}

/// Adds a path unless nothing answers there.
fn add(paths: &mut Paths, path: String, within: &[&str], operations: Vec<(&str, Value)>) {
    if operations.is_empty() {
        return;
    }
    let mut item = Map::new();
    let mut parameters: Vec<Value> = within.iter().map(|name| parameter::path(name)).collect();
    parameters.extend(parameter::query(&parameter::COMMON));
    item.insert("parameters".into(), parameters.into());
    item.extend(operations.into_iter().map(|(method, operation)| (method.to_owned(), operation)));
    paths.insert(path, item.into());
}

/// A resource with what its operations have in common.
struct Row<'a> {
    resource: &'a Resource,
    tag: String,
    /// `AppsV1`.
    title: String,
    object: Value,
    list: Value,
}

impl<'a> Row<'a> {
    fn new(resource: &'a Resource, components: &mut Components) -> Self {
        let (group, version) = (&resource.group, &resource.version);
        Row {
            resource,
            tag: tag(group, version),
            title: title(group, version),
            object: components.kind(group, version, &resource.kind),
            list: components.kind(group, version, &resource.list_kind()),
        }
    }

    fn has(&self, verb: Verb) -> bool {
        self.resource.verbs.contains(&verb)
    }

    fn kind(&self) -> Kind<'_> {
        let Resource { group, version, kind, .. } = self.resource;
        Kind { group, version, kind }
    }

    /// `listCoreV1NamespacedPod`.
    fn id(&self, verb: &str) -> String {
        let scope = if self.resource.namespaced { "Namespaced" } else { "" };
        format!("{verb}{}{scope}{}", self.title, self.resource.kind)
    }

    fn id_for_all_namespaces(&self, verb: &str) -> String {
        format!("{verb}{}{}ForAllNamespaces", self.title, self.resource.kind)
    }

    fn operation(&self, action: &str, id: String) -> Operation {
        Operation::new(action, id, &self.tag, &self.kind())
    }

    fn list(&self, id: &str) -> Value {
        self.operation("list", id.to_owned())
            .parameters(&parameter::LIST)
            .answers_list(&self.list)
            .build()
    }

    fn collection_operations(&self, components: &mut Components) -> Vec<(&'static str, Value)> {
        let mut operations = Vec::new();
        if self.has(Verb::List) {
            operations.push(("get", self.list(&self.id("list"))));
        }
        if self.has(Verb::Create) {
            let create = self
                .operation("post", self.id("create"))
                .parameters(&parameter::WRITE)
                .takes(self.object.clone())
                .answers(&[200, 201, 202], &self.object);
            operations.push(("post", create.build()));
        }
        if self.has(Verb::DeleteCollection) {
            let delete = self
                .operation("deletecollection", self.id("deletecollection"))
                .parameters(&parameter::DELETE_COLLECTION)
                .takes(components.meta("DeleteOptions"))
                .answers(&[200], &components.meta("Status"));
            operations.push(("delete", delete.build()));
        }
        operations
    }

    fn object_operations(&self, components: &mut Components) -> Vec<(&'static str, Value)> {
        let mut operations = Vec::new();
        if self.has(Verb::Get) {
            let get = self.operation("get", self.id("read")).answers(&[200], &self.object);
            operations.push(("get", get.build()));
        }
        if self.has(Verb::Update) {
            let put = self
                .operation("put", self.id("replace"))
                .parameters(&parameter::WRITE)
                .takes(self.object.clone())
                .answers(&[200, 201], &self.object);
            operations.push(("put", put.build()));
        }
        if self.has(Verb::Patch) {
            let patch = self
                .operation("patch", self.id("patch"))
                .parameters(&parameter::PATCH)
                .takes_patch(&components.patch())
                .answers(&[200, 201], &self.object);
            operations.push(("patch", patch.build()));
        }
        if self.has(Verb::Delete) {
            let delete = self
                .operation("delete", self.id("delete"))
                .parameters(&parameter::DELETE)
                .takes(components.meta("DeleteOptions"))
                .answers(&[200, 202], &components.meta("Status"));
            operations.push(("delete", delete.build()));
        }
        operations
    }

    fn subresource_operations(
        &self,
        subresource: &Subresource,
        components: &mut Components,
    ) -> Vec<(&'static str, Value)> {
        let kind = match &subresource.response_kind {
            Some((group, version, kind)) => Kind { group, version, kind },
            None => self.kind(),
        };
        let schema = components.kind(kind.group, kind.version, kind.kind);
        let operation = |action: &str, verb: &str| {
            let id = format!("{}{}", self.id(verb), capitalised(&subresource.name));
            Operation::new(action, id, &self.tag, &kind)
        };
        let mut operations = Vec::new();
        for verb in &subresource.verbs {
            operations.push(match verb {
                Verb::Get if subresource.name == "log" => {
                    let get = operation("get", "read").parameters(&parameter::LOG).answers_text();
                    ("get", get.build())
                }
                Verb::Get => ("get", operation("get", "read").answers(&[200], &schema).build()),
                Verb::Create => {
                    let post = operation("post", "create")
                        .parameters(&parameter::WRITE)
                        .takes(schema.clone())
                        .answers(&[200, 201, 202], &schema);
                    ("post", post.build())
                }
                Verb::Update => {
                    let put = operation("put", "replace")
                        .parameters(&parameter::WRITE)
                        .takes(schema.clone())
                        .answers(&[200, 201], &schema);
                    ("put", put.build())
                }
                Verb::Patch => {
                    let patch = operation("patch", "patch")
                        .parameters(&parameter::PATCH)
                        .takes_patch(&components.patch())
                        .answers(&[200, 201], &schema);
                    ("patch", patch.build())
                }
                Verb::Delete => {
                    let delete = operation("delete", "delete")
                        .parameters(&parameter::DELETE)
                        .takes(components.meta("DeleteOptions"))
                        .answers(&[200, 202], &components.meta("Status"));
                    ("delete", delete.build())
                }
                // A subresource is of one object.
                Verb::DeleteCollection | Verb::List | Verb::Watch => continue,
            });
        }
        operations
    }
}

/// `/api/v1` or `/apis/apps/v1`.
fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// `core_v1`, `rbacAuthorization_v1`.
fn tag(group: &str, version: &str) -> String {
    let mut words = group_words(group);
    let first = words.next().unwrap_or_default().to_owned();
    format!("{}_{version}", words.fold(first, |tag, word| tag + &capitalised(word)))
}

/// `CoreV1`, `RbacAuthorizationV1`.
fn title(group: &str, version: &str) -> String {
    group_words(group).map(capitalised).collect::<String>() + &capitalised(version)
}

fn group_words(group: &str) -> impl Iterator<Item = &str> {
    let group = if group.is_empty() { "core" } else { group };
    group.trim_end_matches(".k8s.io").split('.')
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
