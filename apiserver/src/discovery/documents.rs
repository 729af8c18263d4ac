//! The discovery documents of one set of resources, and which of them a request gets.
//!
//! They are built once for a set of resources and served as shared bytes with an ETag; when the
//! set changes (a custom resource comes or goes), the owner builds a new `Documents` and swaps
//! it in.

use std::collections::HashMap;
use std::sync::Arc;

use api::resource::Resource;
use bytes::Bytes;
use serde_json::Value;

use super::{Versions, aggregated, legacy};

const JSON: &str = "application/json";
const AGGREGATED_V2: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const AGGREGATED_V2BETA1: &str =
    "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// One answer, ready to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub body: Bytes,
    /// With its quotes, as the header carries it.
    pub etag: String,
    pub content_type: &'static str,
}

impl Document {
    fn new(content_type: &'static str, value: &Value) -> Self {
        let mut body = value.to_string();
        body.push('\n');
        let etag = format!("\"{:016X}\"", fnv1a(body.as_bytes()));
        Self { body: body.into(), etag, content_type }
    }

    /// Whether the client's `If-None-Match` names this very document (then: 304).
    pub fn is_known(&self, if_none_match: Option<&str>) -> bool {
        if_none_match.is_some_and(|known| {
            known
                .split(',')
                .map(str::trim)
                .any(|tag| tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == self.etag)
        })
    }
}

/// The answer to a request for a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    Document(&'a Document),
    /// The path is there, in no form that the client accepts.
    NotAcceptable,
    NoSuchPath,
}

/// The forms of one path; only `/api` and `/apis` have the aggregated ones.
#[derive(Clone, Debug)]
struct Forms {
    legacy: Document,
    v2: Option<Document>,
    v2beta1: Option<Document>,
}

#[derive(Clone, Debug)]
pub struct Documents {
    paths: HashMap<String, Forms>,
}

impl Documents {
    /// `server_address` (`host:port`) is what `/api` tells clients to use.
    pub fn new(resources: &[Arc<Resource>], server_address: &str) -> Self {
        let groups = group(resources);
        let mut paths = HashMap::new();
        let (core, named): (Vec<_>, Vec<_>) =
            groups.into_iter().partition(|(name, _)| name.is_empty());
        let core_versions: Vec<&str> =
            core.iter().flat_map(|(_, versions)| versions).map(|(version, _)| *version).collect();
        let versions = legacy::api_versions(&core_versions, server_address);
        paths.insert("/api".to_owned(), Forms::list(&versions, &core));
        let summaries = named.iter().map(|(name, versions)| summary(name, versions)).collect();
        paths.insert("/apis".to_owned(), Forms::list(&legacy::group_list(summaries), &named));
        for (_, versions) in &core {
            for (version, resources) in versions {
                let list = legacy::resource_list(version, resources);
                paths.insert(format!("/api/{version}"), Forms::single(&list));
            }
        }
        for (name, versions) in &named {
            let single = legacy::single_group(summary(name, versions));
            paths.insert(format!("/apis/{name}"), Forms::single(&single));
            for (version, resources) in versions {
                let list = legacy::resource_list(&format!("{name}/{version}"), resources);
                paths.insert(format!("/apis/{name}/{version}"), Forms::single(&list));
            }
        }
        Self { paths }
    }

    /// What a GET of `path` with this Accept header gets. A slash at the end makes no difference.
    pub fn find(&self, path: &str, accept: Option<&str>) -> Found<'_> {
        let Some(forms) = self.paths.get(path.trim_end_matches('/')) else {
            return Found::NoSuchPath;
        };
        match forms.negotiate(accept.unwrap_or("*/*")) {
            Some(document) => Found::Document(document),
            None => Found::NotAcceptable,
        }
    }

    /// Every path there is, for the index at `/`.
    pub fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> = self.paths.keys().map(String::as_str).collect();
        paths.sort_unstable();
        paths
    }
}

/// Groups and their versions in the order of the table.
fn group(resources: &[Arc<Resource>]) -> Vec<(&str, Versions<'_>)> {
    let mut groups: Vec<(&str, Versions<'_>)> = Vec::new();
    for resource in resources {
        let group: &str = &resource.group;
        let index = groups.iter().position(|(name, _)| *name == group).unwrap_or_else(|| {
            groups.push((group, Vec::new()));
            groups.len() - 1
        });
        let versions = &mut groups[index].1;
        let version: &str = &resource.version;
        match versions.iter_mut().find(|(name, _)| *name == version) {
            Some((_, resources)) => resources.push(resource),
            None => versions.push((version, vec![resource])),
        }
    }
    groups
}

fn summary(name: &str, versions: &Versions<'_>) -> serde_json::Map<String, Value> {
    let versions: Vec<&str> = versions.iter().map(|(version, _)| *version).collect();
    legacy::group(name, &versions)
}

impl Forms {
    fn single(legacy: &Value) -> Self {
        Self { legacy: Document::new(JSON, legacy), v2: None, v2beta1: None }
    }

    fn list(legacy: &Value, groups: &[(&str, Versions<'_>)]) -> Self {
        let aggregated = |version| aggregated::group_discovery_list(version, groups);
        Self {
            legacy: Document::new(JSON, legacy),
            v2: Some(Document::new(AGGREGATED_V2, &aggregated("v2"))),
            v2beta1: Some(Document::new(AGGREGATED_V2BETA1, &aggregated("v2beta1"))),
        }
    }

    /// The first form in the client's list that there is. Clients write their wishes in order, so
    /// weights are not looked at beyond zero.
    fn negotiate(&self, accept: &str) -> Option<&Document> {
        accept.split(',').find_map(|range| self.form(range))
    }

    fn form(&self, range: &str) -> Option<&Document> {
        let mut parts = range.split(';').map(str::trim);
        let media = parts.next()?;
        if !matches!(media, "application/json" | "application/*" | "*/*" | "") {
            return None;
        }
        let (mut group, mut version, mut kind) = ("", "", "");
        for part in parts {
            match part.split_once('=') {
                Some(("g", value)) => group = value,
                Some(("v", value)) => version = value,
                Some(("as", value)) => kind = value,
                Some(("q", "0" | "0.0")) => return None,
                _ => {}
            }
        }
        match (group, kind, version) {
            ("", "", "") => Some(&self.legacy),
            ("apidiscovery.k8s.io", "APIGroupDiscoveryList", "v2") => self.v2.as_ref(),
            ("apidiscovery.k8s.io", "APIGroupDiscoveryList", "v2beta1") => self.v2beta1.as_ref(),
            _ => None,
        }
    }
}

/// FNV-1a, 64 bits: an ETag tells documents of one server apart, nothing more.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn documents() -> Documents {
        Documents::new(&api::resource::builtin(), "10.0.0.1:6443")
    }

    fn get(path: &str, accept: Option<&str>) -> Value {
        match documents().find(path, accept) {
            Found::Document(document) => {
                serde_json::from_slice(&document.body).expect("documents are JSON")
            }
            other => panic!("{path}: {other:?}"),
        }
    }

    fn entry(list: &Value, name: &str) -> Value {
        let resources = list["resources"].as_array().expect("a list of resources");
        resources.iter().find(|entry| entry["name"] == name).cloned().expect("listed")
    }

    #[test]
    fn legacy_lists() {
        assert_eq!(
            get("/api", None),
            json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs":
                [{"clientCIDR": "0.0.0.0/0", "serverAddress": "10.0.0.1:6443"}]})
        );
        let groups = get("/apis/", None);
        assert_eq!(
            groups["groups"][0],
            json!({"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}],
                   "preferredVersion": {"groupVersion": "apps/v1", "version": "v1"}})
        );
        assert_eq!(get("/apis/apps", None)["kind"], "APIGroup");
        let core = get("/api/v1", None);
        assert_eq!(core["groupVersion"], "v1");
        assert_eq!(
            entry(&core, "pods"),
            json!({"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod",
                "verbs": ["create", "delete", "deletecollection", "get", "list", "patch",
                          "update", "watch"],
                "shortNames": ["po"], "categories": ["all"]})
        );
        assert_eq!(
            entry(&core, "pods/eviction"),
            json!({"name": "pods/eviction", "singularName": "", "namespaced": true,
                "group": "policy", "version": "v1", "kind": "Eviction", "verbs": ["create"]})
        );
        assert_eq!(entry(&core, "pods/binding").get("group"), None);
        assert_eq!(entry(&core, "nodes")["namespaced"], false);
        let apps = get("/apis/apps/v1", None);
        assert_eq!(apps["apiVersion"], "v1");
        assert_eq!(entry(&apps, "deployments/scale")["group"], "autoscaling");
        assert_eq!(entry(&apps, "deployments/status")["kind"], "Deployment");
        assert_eq!(documents().find("/apis/batch/v1", None), Found::NoSuchPath);
    }

    #[test]
    fn aggregated_lists() {
        let kubectl = format!("{AGGREGATED_V2},{AGGREGATED_V2BETA1},application/json");
        let core = get("/api", Some(&kubectl));
        assert_eq!(core["apiVersion"], "apidiscovery.k8s.io/v2");
        assert_eq!(core["items"][0]["metadata"], json!({"creationTimestamp": null}));
        let version = &core["items"][0]["versions"][0];
        assert_eq!((&version["version"], &version["freshness"]), (&json!("v1"), &json!("Current")));
        let named = get("/apis", Some(AGGREGATED_V2BETA1));
        assert_eq!(named["apiVersion"], "apidiscovery.k8s.io/v2beta1");
        let apps = &named["items"][0];
        assert_eq!(apps["metadata"]["name"], "apps");
        assert_eq!(
            apps["versions"][0]["resources"][0],
            json!({
                "resource": "deployments", "singularResource": "deployment",
                "scope": "Namespaced",
                "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"},
                "verbs": ["create", "delete", "deletecollection", "get", "list", "patch",
                          "update", "watch"],
                "shortNames": ["deploy"], "categories": ["all"],
                "subresources": [
                    {"subresource": "scale", "verbs": ["get", "patch", "update"],
                     "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"}},
                    {"subresource": "status", "verbs": ["get", "patch", "update"],
                     "responseKind": {"group": "apps", "version": "v1", "kind": "Deployment"}}]})
        );
    }

    #[test]
    fn negotiation() {
        let documents = documents();
        let kind = |path: &str, accept: &str| match documents.find(path, Some(accept)) {
            Found::Document(document) => document.content_type,
            Found::NotAcceptable => "406",
            Found::NoSuchPath => "404",
        };
        assert_eq!(kind("/apis", AGGREGATED_V2), AGGREGATED_V2);
        assert_eq!(kind("/apis/apps/v1", AGGREGATED_V2), "406");
        assert_eq!(kind("/apis", "application/vnd.kubernetes.protobuf, */*"), JSON);
        assert_eq!(kind("/apis", "application/vnd.kubernetes.protobuf"), "406");
        assert_eq!(
            kind(
                "/apis",
                "application/json;as=APIGroupDiscoveryList;v=v9;g=apidiscovery.k8s.io, application/json"
            ),
            JSON
        );
    }

    #[test]
    fn etags_follow_the_content() {
        let (one, same) = (documents(), documents());
        let other = Documents::new(&api::resource::builtin()[..3], "10.0.0.1:6443");
        let tag = |documents: &Documents| match documents.find("/api/v1", None) {
            Found::Document(document) => document.clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(tag(&one), tag(&same));
        assert_ne!(tag(&one).etag, tag(&other).etag);
        assert!(tag(&one).is_known(Some(&format!("\"x\", W/{}", tag(&one).etag))));
        assert!(!tag(&one).is_known(Some("\"x\"")) && !tag(&one).is_known(None));
    }
}
