//! The documents of one group version each: `/api/v1`, `/apis/{group}/{version}`, and the lists
//! that lead to them.

use api::resource::{Resource, Subresource, Verb};
use serde_json::{Map, Value, json};

pub(super) fn verb_name(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "create",
        Verb::Delete => "delete",
        Verb::DeleteCollection => "deletecollection",
        Verb::Get => "get",
        Verb::List => "list",
        Verb::Patch => "patch",
        Verb::Update => "update",
        Verb::Watch => "watch",
    }
}

pub(super) fn verb_names(verbs: &[Verb]) -> Vec<&'static str> {
    verbs.iter().map(|verb| verb_name(*verb)).collect()
}

/// `/api`.
pub(super) fn api_versions(versions: &[&str], server_address: &str) -> Value {
    json!({
        "kind": "APIVersions",
        "versions": versions,
        "serverAddressByClientCIDRs":
            [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}],
    })
}

/// A group with the versions it is served in; the first is preferred.
pub(super) fn group(name: &str, versions: &[&str]) -> Map<String, Value> {
    let version =
        |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let mut group = Map::new();
    group.insert("name".into(), name.into());
    group.insert("versions".into(), versions.iter().map(version).collect());
    group.insert("preferredVersion".into(), versions.first().map_or(Value::Null, version));
    group
}

/// `/apis`.
pub(super) fn group_list(groups: Vec<Map<String, Value>>) -> Value {
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
}

/// `/apis/{group}`.
pub(super) fn single_group(mut group: Map<String, Value>) -> Value {
    group.insert("kind".into(), "APIGroup".into());
    group.insert("apiVersion".into(), "v1".into());
    Value::Object(group)
}

/// `/api/v1` and `/apis/{group}/{version}`: resources and subresources, sorted by name.
pub(super) fn resource_list(group_version: &str, resources: &[&Resource]) -> Value {
    let mut entries: Vec<(String, Value)> = Vec::new();
    for resource in resources {
        entries.push((resource.plural.to_string(), resource_entry(resource)));
        for subresource in &resource.subresources {
            let name = format!("{}/{}", resource.plural, subresource.name);
            let entry = subresource_entry(resource, subresource, &name);
            entries.push((name, entry));
        }
    }
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let entries: Vec<Value> = entries.into_iter().map(|(_, entry)| entry).collect();
    let mut list = json!({
        "kind": "APIResourceList", "groupVersion": group_version, "resources": entries});
    if group_version.contains('/') {
        list["apiVersion"] = "v1".into();
    }
    list
}

fn resource_entry(resource: &Resource) -> Value {
    let mut entry = json!({
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": verb_names(&resource.verbs),
    });
    if !resource.short_names.is_empty() {
        entry["shortNames"] = json!(resource.short_names);
    }
    if !resource.categories.is_empty() {
        entry["categories"] = json!(resource.categories);
    }
    entry
}

fn subresource_entry(resource: &Resource, subresource: &Subresource, name: &str) -> Value {
    let mut entry = json!({
        "name": name,
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": verb_names(&subresource.verbs),
    });
    if let Some((group, version, kind)) = &subresource.response_kind {
        entry["kind"] = json!(kind);
        // Group and version stand there when they are not those of the list.
        if *group != resource.group || *version != resource.version {
            entry["group"] = json!(group);
            entry["version"] = json!(version);
        }
    }
    entry
}
