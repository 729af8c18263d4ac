//! Who may do what.
//!
//! One small face, so that a role-based authorizer can take the place of [`BuiltinAuthorizer`]
//! without the chain noticing.

use api::Identity;
use api::resource::certificate_signing_request::{GROUP, PLURAL};
use api::status::{ResourceName, Status, Target};

use super::request_info::{Path, ResourcePath};

/// One question to an authorizer.
#[derive(Clone, Copy, Debug)]
pub struct Attributes<'a> {
    pub identity: &'a Identity,
    pub verb: &'a str,
    pub path: &'a Path,
    /// The request's path as text, for what is no resource.
    pub uri_path: &'a str,
}

pub trait Authorizer: Send + Sync {
    fn allows(&self, attributes: &Attributes<'_>) -> bool;
}

/// What everyone may read, certificate or not.
const PUBLIC_PATHS: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];

/// What every authenticated user may read besides, as upstream's `system:discovery` has it: without
/// it kubectl cannot even say that the rest is forbidden.
const DISCOVERY_PATHS: [&str; 3] = ["/api", "/apis", "/openapi"];

/// Cluster administrators and the cluster's own components may do all, though nodes may only ask
/// for certificates where those are concerned; who joins may do that too; everyone may ask for
/// health and version, and with a name for discovery; nobody else may do anything.
#[derive(Clone, Copy, Debug, Default)]
pub struct BuiltinAuthorizer;

impl Authorizer for BuiltinAuthorizer {
    fn allows(&self, attributes: &Attributes<'_>) -> bool {
        let identity = attributes.identity;
        if identity.is_in("system:masters") {
            return true;
        }
        if is_component(identity) {
            return attributes.verb != "impersonate";
        }
        if identity.is_in("system:nodes") {
            return attributes.verb != "impersonate"
                && (!concerns_certificates(attributes) || requests_certificates(attributes));
        }
        if identity.is_in("system:bootstrappers") && requests_certificates(attributes) {
            return true;
        }
        let under = |paths: &[&str]| {
            paths.iter().any(|path| {
                let rest = attributes.uri_path.strip_prefix(path);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        };
        matches!(attributes.verb, "get" | "head")
            && matches!(attributes.path, Path::Other)
            && (under(&PUBLIC_PATHS)
                || identity.is_in("system:authenticated") && under(&DISCOVERY_PATHS))
    }
}

fn is_component(identity: &Identity) -> bool {
    const USERS: [&str; 3] =
        ["system:kube-scheduler", "system:kube-controller-manager", "system:apiserver"];
    USERS.contains(&identity.user.as_str())
        || identity.user.starts_with("system:serviceaccount:kube-system:")
}

/// Of the group by which one becomes somebody else.
fn concerns_certificates(attributes: &Attributes<'_>) -> bool {
    matches!(attributes.path, Path::Resource(resource) if resource.group == GROUP)
}

/// Asking for a certificate and waiting for it, as upstream's `system:node-bootstrapper` has it.
fn requests_certificates(attributes: &Attributes<'_>) -> bool {
    let Path::Resource(resource) = attributes.path else { return false };
    resource.group == GROUP
        && resource.plural == PLURAL
        && resource.subresource.is_empty()
        && matches!(attributes.verb, "create" | "get" | "list" | "watch")
}

/// The refusal in upstream's words.
pub fn refusal(attributes: &Attributes<'_>) -> Status {
    let user = &attributes.identity.user;
    let verb = attributes.verb;
    match attributes.path {
        Path::Other => Status::forbidden_path(&format!(
            "User \"{user}\" cannot {verb} path \"{}\"",
            attributes.uri_path
        )),
        Path::Resource(resource) => {
            let target = Target::new(
                ResourceName { group: &resource.group, plural: &resource.plural },
                &resource.name,
            );
            Status::forbidden(target, &resource_cause(user, verb, resource))
        }
    }
}

fn resource_cause(user: &str, verb: &str, resource: &ResourcePath) -> String {
    let named = match resource.subresource.as_str() {
        "" => resource.plural.clone(),
        subresource => format!("{}/{subresource}", resource.plural),
    };
    let scope = match resource.namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace \"{namespace}\""),
    };
    format!(
        "User \"{user}\" cannot {verb} resource \"{named}\" in API group \"{}\" {scope}",
        resource.group
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(identity: &Identity, verb: &str, uri_path: &str) -> Result<(), Status> {
        let path = Path::parse(uri_path);
        let attributes = Attributes { identity, verb, path: &path, uri_path };
        if BuiltinAuthorizer.allows(&attributes) { Ok(()) } else { Err(refusal(&attributes)) }
    }

    #[test]
    fn administrators_and_components_may_do_all() {
        let allowed = [
            Identity::new("admin", &["system:masters"]),
            Identity::new("system:kube-scheduler", &[]),
            Identity::controller("replicaset-controller"),
            Identity::node("n1"),
        ];
        for identity in allowed {
            assert_eq!(ask(&identity, "delete", "/api/v1/namespaces/a/pods/b"), Ok(()));
        }
    }

    #[test]
    fn nodes_and_those_to_be_ask_for_certificates_and_give_none() {
        let (node, joins) = (Identity::node("n1"), Identity::new("x", &["system:bootstrappers"]));
        let requests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
        for identity in [&node, &joins] {
            for (verb, path) in [
                ("create", requests.to_owned()),
                ("watch", requests.to_owned()),
                ("get", format!("{requests}/a")),
            ] {
                assert_eq!(ask(identity, verb, &path), Ok(()), "{verb} {path}");
            }
            for (verb, path) in [
                ("update", format!("{requests}/a/approval")),
                ("patch", format!("{requests}/a/status")),
                ("delete", format!("{requests}/a")),
                ("sign", "/apis/certificates.k8s.io/*/signers/a.b%2Fc".to_owned()),
            ] {
                assert_eq!(ask(identity, verb, &path).unwrap_err().code, 403, "{verb} {path}");
            }
        }
        assert_eq!(ask(&joins, "get", "/api/v1/nodes/n1").unwrap_err().code, 403);
        let controller = Identity::controller("certificate-controller");
        assert_eq!(ask(&controller, "update", &format!("{requests}/a/approval")), Ok(()));
    }

    #[test]
    fn everyone_else_may_read_health_version_and_with_a_name_discovery() {
        let nobody = Identity::new("system:anonymous", &["system:unauthenticated"]);
        for path in ["/healthz", "/healthz/etcd", "/livez", "/readyz", "/version"] {
            assert_eq!(ask(&nobody, "get", path), Ok(()), "{path}");
        }
        let known = Identity::new("jane", &["system:authenticated"]);
        for path in ["/api", "/apis/", "/api/v1", "/apis/apps/v1", "/openapi/v3/api/v1"] {
            assert_eq!(ask(&known, "get", path), Ok(()), "{path}");
            assert_eq!(ask(&nobody, "get", path).unwrap_err().code, 403, "{path}");
        }
        for path in ["/api/v1/pods", "/metrics", "/", "/apisx"] {
            assert_eq!(ask(&known, "get", path).unwrap_err().code, 403, "{path}");
        }
        let rows = [
            ("get", "/", "forbidden: User \"system:anonymous\" cannot get path \"/\""),
            (
                "get",
                "/healthzz",
                "forbidden: User \"system:anonymous\" cannot get path \"/healthzz\"",
            ),
            (
                "post",
                "/version",
                "forbidden: User \"system:anonymous\" cannot post path \"/version\"",
            ),
            (
                "list",
                "/api/v1/namespaces/a/pods",
                "pods is forbidden: User \"system:anonymous\" cannot list resource \"pods\" in API group \"\" in the namespace \"a\"",
            ),
            (
                "update",
                "/apis/apps/v1/namespaces/a/deployments/web/scale",
                "deployments.apps \"web\" is forbidden: User \"system:anonymous\" cannot update resource \"deployments/scale\" in API group \"apps\" in the namespace \"a\"",
            ),
            (
                "get",
                "/api/v1/nodes/n",
                "nodes \"n\" is forbidden: User \"system:anonymous\" cannot get resource \"nodes\" in API group \"\" at the cluster scope",
            ),
        ];
        for (verb, path, message) in rows {
            assert_eq!(ask(&nobody, verb, path).unwrap_err().message, message);
        }
    }
}
