use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::v3_document;
use crate::resource::{Resource, builtin};
use crate::schema::all;

fn document(group: &str, version: &str) -> Value {
    let table = builtin();
    let resources: Vec<&Resource> = table.iter().map(AsRef::as_ref).collect();
    serde_json::from_slice(&v3_document(group, version, &resources)).expect("the document is JSON")
}

fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|value| references(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    for (group, version) in [("", "v1"), ("apps", "v1"), ("discovery.k8s.io", "v1")] {
        let document = document(group, version);
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        let found: BTreeSet<&str> = found
            .into_iter()
            .map(|reference| {
                reference.strip_prefix("#/components/schemas/").expect("references are local")
            })
            .collect();
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        assert_eq!(found, schemas.keys().map(String::as_str).collect(), "{group}/{version}");
    }
}

#[test]
fn the_whole_schema_table_can_be_written() {
    let mut components = super::components::Components::new("", "v1");
    let mut written = 0;
    for kind in all().flat_map(|schema| &schema.kinds) {
        components.kind(kind.group, kind.version, kind.kind);
        written += 1;
    }
    assert!(written > 150);
    assert!(components.into_schemas().len() > 700);
}

/// What kubectl's apply reads to decide on a strategic merge patch and on server-side validation.
#[test]
fn patch_operations_tell_kubectl_what_it_asks() {
    let document = document("apps", "v1");
    let patch =
        &document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"];
    let kind = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    assert_eq!(patch["x-kubernetes-group-version-kind"], kind);
    assert_eq!(patch["x-kubernetes-action"], "patch");
    assert_eq!(patch["operationId"], "patchAppsV1NamespacedDeployment");
    let content = &patch["requestBody"]["content"];
    assert!(content.get("application/strategic-merge-patch+json").is_some());
    let parameters = patch["parameters"].as_array().expect("parameters");
    for name in ["dryRun", "fieldManager", "fieldValidation", "force"] {
        let found = parameters.iter().find(|parameter| parameter["name"] == name);
        assert_eq!(found.expect(name)["in"], "query");
    }
    let schema = &document["components"]["schemas"]["io.k8s.api.apps.v1.Deployment"];
    assert_eq!(schema["x-kubernetes-group-version-kind"], json!([kind]));
    let reference = "#/components/schemas/io.k8s.api.apps.v1.DeploymentSpec";
    assert_eq!(schema["properties"]["spec"]["allOf"][0]["$ref"], reference);
}

#[test]
fn fields_carry_their_merge_and_list_facts() {
    let document = document("", "v1");
    let schemas = &document["components"]["schemas"];
    let container = &schemas["io.k8s.api.core.v1.Container"];
    assert_eq!(container["required"], json!(["name"]));
    assert_eq!(
        container["properties"]["ports"],
        json!({
            "type": "array",
            "items": {"$ref": "#/components/schemas/io.k8s.api.core.v1.ContainerPort"},
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["containerPort", "protocol"],
            "x-kubernetes-patch-strategy": "merge",
            "x-kubernetes-patch-merge-key": "containerPort",
        })
    );
    let port = &schemas["io.k8s.api.core.v1.ContainerPort"]["properties"];
    assert_eq!(port["protocol"], json!({"type": "string", "default": "TCP"}));
    assert_eq!(port["containerPort"], json!({"type": "integer", "format": "int32"}));
    let volumes = &schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["volumes"];
    assert_eq!(volumes["x-kubernetes-patch-strategy"], "merge,retainKeys");
    let limits = &schemas["io.k8s.api.core.v1.ResourceRequirements"]["properties"]["limits"];
    let quantity = "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity";
    assert_eq!(limits["additionalProperties"]["$ref"], quantity);
    let reference = &schemas["io.k8s.api.core.v1.ObjectReference"];
    assert_eq!(reference["x-kubernetes-map-type"], "atomic");
}

#[test]
fn paths_follow_the_rows() {
    let document = document("", "v1");
    let paths = document["paths"].as_object().expect("paths");
    let methods = |path: &str| {
        let item = paths.get(path).unwrap_or_else(|| panic!("no {path}"));
        let item = item.as_object().expect("a path item");
        item.keys().filter(|key| *key != "parameters").cloned().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(methods("/api/v1/"), "get");
    assert_eq!(methods("/api/v1/pods"), "get");
    assert_eq!(methods("/api/v1/nodes"), "delete get post");
    assert_eq!(methods("/api/v1/nodes/{name}"), "delete get patch put");
    assert_eq!(methods("/api/v1/namespaces/{namespace}/pods"), "delete get post");
    assert_eq!(methods("/api/v1/namespaces/{namespace}/pods/{name}/status"), "get patch put");
    assert_eq!(methods("/api/v1/namespaces/{namespace}/pods/{name}/log"), "get");
    assert!(!paths.keys().any(|path| path.contains("deployments")));
    let log = &paths["/api/v1/namespaces/{namespace}/pods/{name}/log"]["get"];
    assert_eq!(log["responses"]["200"]["content"]["text/plain"]["schema"]["type"], "string");
    let names: Vec<_> = paths["/api/v1/namespaces/{namespace}/pods/{name}"]["parameters"]
        .as_array()
        .expect("parameters")
        .iter()
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    assert_eq!(names, ["name", "namespace", "pretty"]);
    let ids: Vec<_> = paths
        .values()
        .flat_map(|item| item.as_object().expect("a path item").values())
        .filter_map(|operation| operation["operationId"].as_str())
        .collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "ids are unique");
}

#[test]
fn the_v2_document_says_the_same() {
    let table = builtin();
    let resources: Vec<&Resource> = table.iter().map(AsRef::as_ref).collect();
    let document: Value =
        serde_json::from_slice(&super::v2_document(&resources)).expect("the document is JSON");
    let definitions = document["definitions"].as_object().expect("definitions");
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    for reference in found {
        let name = reference.strip_prefix("#/definitions/").expect("references are local");
        assert!(definitions.contains_key(name), "{name}");
    }
    let deployment = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
    let patch = &document["paths"][deployment]["patch"];
    let consumes = patch["consumes"].as_array().expect("media types");
    assert!(consumes.contains(&json!("application/strategic-merge-patch+json")));
    let parameters = patch["parameters"].as_array().expect("parameters");
    assert_eq!(parameters[0]["in"], "body");
    let validation = json!({
        "name": "fieldValidation", "in": "query", "type": "string", "uniqueItems": true,
    });
    assert!(parameters.contains(&validation));
    let spec = &definitions["io.k8s.api.apps.v1.Deployment"]["properties"]["spec"];
    assert_eq!(spec["$ref"], "#/definitions/io.k8s.api.apps.v1.DeploymentSpec");
    let quantity = &definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"];
    assert_eq!(quantity, &json!({"type": "string"}));
    let options = &definitions["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"];
    let kinds = options["x-kubernetes-group-version-kind"].as_array().expect("kinds");
    assert!(kinds.len() > 2, "every version has its DeleteOptions: {kinds:?}");
}

/// The protobuf's fields, read with the reader of request bodies.
#[test]
fn the_v2_document_has_a_protobuf_form() {
    let table = builtin();
    let resources: Vec<&Resource> = table.iter().map(AsRef::as_ref).collect();
    let bytes = super::v2_document_protobuf(&resources);
    let json: Value =
        serde_json::from_slice(&super::v2_document(&resources)).expect("the document is JSON");
    let fields = |message: &[u8]| -> Vec<(u32, Vec<u8>)> {
        crate::protobuf::fields(message)
            .map(|field| {
                let (number, wire) = field.expect("well formed");
                (number, wire.bytes().expect("only messages and strings").to_vec())
            })
            .collect()
    };
    let document = fields(&bytes);
    assert_eq!(document[0], (1, b"2.0".to_vec()));
    let names = |number: u32, entry: u32| -> BTreeSet<String> {
        let (_, message) = document.iter().find(|(found, _)| *found == number).expect("written");
        fields(message)
            .into_iter()
            .filter(|(found, _)| *found == entry)
            .map(|(_, named)| String::from_utf8(fields(&named)[0].1.clone()).expect("a name"))
            .collect()
    };
    let keys = |member: &str| -> BTreeSet<String> {
        json[member].as_object().expect(member).keys().cloned().collect()
    };
    assert_eq!(names(8, 2), keys("paths"));
    assert_eq!(names(9, 1), keys("definitions"));
}
