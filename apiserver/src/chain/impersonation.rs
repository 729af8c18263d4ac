//! `Impersonate-User` and its companions (`kubectl --as`): the request is carried out as somebody
//! else, if the one who asks may do that. The headers are never ignored: a request that means to be
//! less than its certificate must not be more.

use api::{Identity, Status};
use http::HeaderMap;

use super::authz::{Attributes, Authorizer, refusal};
use super::request_info::{Path, ResourcePath};

const USER: &str = "impersonate-user";
const GROUP: &str = "impersonate-group";
const UID: &str = "impersonate-uid";
const EXTRA_PREFIX: &str = "impersonate-extra-";

const ANONYMOUS: &str = "system:anonymous";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// Who a request acts as: `identity` itself when no header says otherwise. 400 if there is nobody to
/// act as or a header is not text, 403 if one of the user and groups may not be impersonated. The uid
/// and the extra fields of a user take no part in any decision here.
pub fn acting(
    identity: Identity,
    headers: &HeaderMap,
    authorizer: &dyn Authorizer,
) -> Result<Identity, Status> {
    let texts = |name: &str| {
        headers
            .get_all(name)
            .iter()
            .map(|value| value.to_str().map(str::to_owned))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| Status::bad_request(format!("the header {name} is not plain text")))
    };
    let user = texts(USER)?.into_iter().next().unwrap_or_default();
    let mut groups = texts(GROUP)?;
    if user.is_empty() {
        let companions = [GROUP, UID].iter().any(|name| headers.contains_key(*name))
            || headers.keys().any(|name| name.as_str().starts_with(EXTRA_PREFIX));
        return if companions || headers.contains_key(USER) {
            Err(Status::bad_request("a group, uid or extra is impersonated without a user"))
        } else {
            Ok(identity)
        };
    }
    let account = user.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split_once(':'));
    let asked = match account {
        Some((namespace, name)) => resource("serviceaccounts", namespace, name),
        None => resource("users", "", &user),
    };
    for path in std::iter::once(asked).chain(groups.iter().map(|name| resource("groups", "", name)))
    {
        let path = Path::Resource(path);
        let attributes =
            Attributes { identity: &identity, verb: "impersonate", path: &path, uri_path: "" };
        if !authorizer.allows(&attributes) {
            return Err(refusal(&attributes));
        }
    }
    if let (Some((namespace, _)), true) = (account, groups.is_empty()) {
        groups.push("system:serviceaccounts".to_owned());
        groups.push(format!("system:serviceaccounts:{namespace}"));
    }
    let everyone = if user == ANONYMOUS { UNAUTHENTICATED } else { AUTHENTICATED };
    if !groups.iter().any(|group| group == AUTHENTICATED || group == UNAUTHENTICATED) {
        groups.push(everyone.to_owned());
    }
    Ok(Identity { user, groups })
}

fn resource(plural: &str, namespace: &str, name: &str) -> ResourcePath {
    ResourcePath {
        version: "v1".to_owned(),
        plural: plural.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        ..ResourcePath::default()
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::chain::BuiltinAuthorizer;

    fn act(
        identity: Identity,
        headers: &[(&'static str, &'static str)],
    ) -> Result<Identity, Status> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        acting(identity, &headers, &BuiltinAuthorizer)
    }

    fn admin() -> Identity {
        Identity::new("admin", &["system:masters"])
    }

    #[test]
    fn an_administrator_acts_as_anybody() {
        let rows: [(&[(&str, &str)], Identity); 5] = [
            (&[], admin()),
            (&[(USER, "jane")], Identity::new("jane", &[AUTHENTICATED])),
            (
                &[(USER, "jane"), (GROUP, "a"), (GROUP, "b"), (UID, "7")],
                Identity::new("jane", &["a", "b", AUTHENTICATED]),
            ),
            (&[(USER, ANONYMOUS)], Identity::new(ANONYMOUS, &[UNAUTHENTICATED])),
            (
                &[(USER, "system:serviceaccount:a:b")],
                Identity::new(
                    "system:serviceaccount:a:b",
                    &["system:serviceaccounts", "system:serviceaccounts:a", AUTHENTICATED],
                ),
            ),
        ];
        for (headers, expected) in rows {
            assert_eq!(act(admin(), headers), Ok(expected));
        }
    }

    #[test]
    fn nobody_else_does_and_a_group_needs_a_user() {
        let jane = Identity::new("jane", &[AUTHENTICATED]);
        let refused = act(jane, &[(USER, "admin"), (GROUP, "system:masters")]).unwrap_err();
        assert_eq!(
            (refused.code, refused.message.as_str()),
            (
                403,
                "users \"admin\" is forbidden: User \"jane\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope"
            )
        );
        assert_eq!(act(Identity::node("n"), &[(USER, "admin")]).unwrap_err().code, 403);
        assert_eq!(act(admin(), &[(GROUP, "a")]).unwrap_err().code, 400);
        assert_eq!(act(admin(), &[("impersonate-extra-x", "a")]).unwrap_err().code, 400);
    }
}
