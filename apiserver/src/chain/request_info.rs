//! What a request is about, read from its method and path: the vocabulary of authorization,
//! routing and metrics.

use http::Method;
use percent_encoding::percent_decode_str;

/// A path under `/api/v1` or `/apis/{group}/{version}` that names a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourcePath {
    pub group: String,
    pub version: String,
    pub namespace: String,
    pub plural: String,
    pub name: String,
    pub subresource: String,
    /// The old form of a watch: `/api/v1/watch/pods` for `/api/v1/pods?watch=true`.
    pub watch: bool,
    /// Segments behind the subresource (`proxy/some/path`).
    pub rest: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Path {
    Resource(ResourcePath),
    Other,
}

impl Path {
    /// Reads a URI path. Segments are percent-decoded one by one, so an encoded slash stays part of
    /// its segment.
    pub fn parse(path: &str) -> Self {
        let segments: Vec<String> = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let (group, rest) = match segments.first().map(String::as_str) {
            Some("api") => ("", &segments[1..]),
            Some("apis") if segments.len() > 1 => (segments[1].as_str(), &segments[2..]),
            _ => return Self::Other,
        };
        let Some((version, rest)) = rest.split_first() else { return Self::Other };
        let (watch, rest) = match rest {
            [first, rest @ ..] if first == "watch" && !rest.is_empty() => (true, rest),
            rest => (false, rest),
        };
        let (namespace, rest) = match rest {
            // `namespaces/x` alone, or one of its own subresources, is the namespace itself.
            [first, _, sub, ..]
                if first == "namespaces" && sub != "status" && sub != "finalize" =>
            {
                (rest[1].clone(), &rest[2..])
            }
            [first, name, ..] if first == "namespaces" => (name.clone(), rest),
            _ => (String::new(), rest),
        };
        let Some((plural, rest)) = rest.split_first() else { return Self::Other };
        let mut rest = rest.iter().cloned();
        Self::Resource(ResourcePath {
            group: group.to_owned(),
            version: version.clone(),
            watch,
            namespace,
            plural: plural.clone(),
            name: rest.next().unwrap_or_default(),
            subresource: rest.next().unwrap_or_default(),
            rest: rest.collect(),
        })
    }
}

/// The verb that authorization and metrics know, as upstream names them.
pub fn verb(method: &Method, path: &Path, watch: bool) -> &'static str {
    let Path::Resource(resource) = path else {
        return match method.as_str() {
            "GET" => "get",
            "HEAD" => "head",
            "POST" => "post",
            "PUT" => "put",
            "PATCH" => "patch",
            "DELETE" => "delete",
            "OPTIONS" => "options",
            _ => "unknown",
        };
    };
    let collection = resource.name.is_empty();
    match method.as_str() {
        "POST" => "create",
        "GET" | "HEAD" if watch => "watch",
        "GET" | "HEAD" if collection => "list",
        "GET" | "HEAD" => "get",
        "PUT" => "update",
        "PATCH" => "patch",
        "DELETE" if collection => "deletecollection",
        "DELETE" => "delete",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(path: &str) -> (String, String, String, String, String, String) {
        let Path::Resource(found) = Path::parse(path) else { panic!("{path} names no resource") };
        (found.group, found.version, found.namespace, found.plural, found.name, found.subresource)
    }

    #[test]
    fn paths_name_resources() {
        let rows = [
            ("/api/v1/pods", ("", "v1", "", "pods", "", "")),
            ("/api/v1/namespaces/a/pods/b/log", ("", "v1", "a", "pods", "b", "log")),
            ("/api/v1/namespaces", ("", "v1", "", "namespaces", "", "")),
            ("/api/v1/namespaces/a", ("", "v1", "a", "namespaces", "a", "")),
            ("/api/v1/namespaces/a/finalize", ("", "v1", "a", "namespaces", "a", "finalize")),
            ("/api/v1/nodes/n/status", ("", "v1", "", "nodes", "n", "status")),
            ("/apis/apps/v1/namespaces/a/deployments/", ("apps", "v1", "a", "deployments", "", "")),
            ("/api/v1/nodes/a%2Fb", ("", "v1", "", "nodes", "a/b", "")),
        ];
        for (path, (group, version, namespace, plural, name, subresource)) in rows {
            let expected = [group, version, namespace, plural, name, subresource];
            let found = resource(path);
            let found = [found.0, found.1, found.2, found.3, found.4, found.5];
            assert_eq!(found, expected, "{path}");
        }
        for (path, watch) in [
            ("/api/v1/watch/namespaces/a/pods", true),
            ("/apis/apps/v1/watch/deployments", true),
            ("/api/v1/namespaces/watch/pods", false),
        ] {
            let Path::Resource(found) = Path::parse(path) else { panic!("{path}") };
            assert_eq!((found.watch, found.plural != "watch"), (watch, true), "{path}");
        }
        for path in ["/", "/api", "/apis", "/apis/apps", "/api/v1", "/apis/apps/v1", "/version"] {
            assert_eq!(Path::parse(path), Path::Other, "{path}");
        }
    }

    #[test]
    fn verbs_follow_method_and_scope() {
        let collection = Path::parse("/api/v1/pods");
        let object = Path::parse("/api/v1/namespaces/a/pods/b");
        let rows = [
            (Method::GET, &collection, false, "list"),
            (Method::GET, &collection, true, "watch"),
            (Method::GET, &object, false, "get"),
            (Method::DELETE, &collection, false, "deletecollection"),
            (Method::DELETE, &object, false, "delete"),
            (Method::PATCH, &object, false, "patch"),
            (Method::GET, &Path::Other, false, "get"),
        ];
        for (method, path, watch, expected) in rows {
            assert_eq!(verb(&method, path, watch), expected);
        }
    }
}
