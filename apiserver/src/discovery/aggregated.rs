//! The aggregated document: everything below `/api` or `/apis` at once (`apidiscovery.k8s.io`).

use api::resource::{Resource, Subresource};
use serde_json::{Map, Value, json};

use super::Versions;
use super::legacy::verb_names;

/// The list of groups. `groups` are name, then versions in order of preference, each with its
/// resources; the core group's name is empty.
pub(super) fn group_discovery_list(version: &str, groups: &[(&str, Versions<'_>)]) -> Value {
    let items: Vec<Value> = groups
        .iter()
        .map(|(name, versions)| {
            let mut metadata = Map::new();
            if !name.is_empty() {
                metadata.insert("name".into(), (*name).into());
            }
            metadata.insert("creationTimestamp".into(), Value::Null);
            let versions: Vec<Value> = versions
                .iter()
                .map(|(version, resources)| version_discovery(version, resources))
                .collect();
            json!({"metadata": metadata, "versions": versions})
        })
        .collect();
    json!({
        "kind": "APIGroupDiscoveryList",
        "apiVersion": format!("apidiscovery.k8s.io/{version}"),
        "metadata": {},
        "items": items,
    })
}

fn version_discovery(version: &str, resources: &[&Resource]) -> Value {
    let mut sorted = resources.to_vec();
    sorted.sort_by(|a, b| a.plural.cmp(&b.plural));
    let resources: Vec<Value> =
        sorted.iter().map(|resource| resource_discovery(resource)).collect();
    json!({"version": version, "resources": resources, "freshness": "Current"})
}

fn resource_discovery(resource: &Resource) -> Value {
    let mut entry = json!({
        "resource": resource.plural,
        "responseKind": {
            "group": resource.group, "version": resource.version, "kind": resource.kind},
        "scope": if resource.namespaced { "Namespaced" } else { "Cluster" },
        "singularResource": resource.singular,
        "verbs": verb_names(&resource.verbs),
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    if !resource.subresources.is_empty() {
        let mut sorted: Vec<&Subresource> = resource.subresources.iter().collect();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        entry["subresources"] =
            sorted.iter().map(|subresource| subresource_discovery(resource, subresource)).collect();
    }
    entry
}

fn subresource_discovery(resource: &Resource, subresource: &Subresource) -> Value {
    let (group, version, kind) = match &subresource.response_kind {
        Some((group, version, kind)) => (group, version, kind),
        None => (&resource.group, &resource.version, &resource.kind),
    };
    json!({
        "subresource": subresource.name,
        "responseKind": {"group": group, "version": version, "kind": kind},
        "verbs": verb_names(&subresource.verbs),
    })
}
