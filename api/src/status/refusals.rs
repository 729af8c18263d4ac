//! Constructors for the refusals, each in upstream's words.

use super::types::{Cause, Details, Reason, Status};
use crate::resource::Resource;
use crate::validation::FieldError;

/// Group and plural of a resource: what most messages name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceName<'a> {
    pub group: &'a str,
    pub plural: &'a str,
}

impl<'a> From<&'a Resource> for ResourceName<'a> {
    fn from(resource: &'a Resource) -> Self {
        Self { group: &resource.group, plural: &resource.plural }
    }
}

/// What a refusal is about: a resource and, where known, the object's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    pub resource: ResourceName<'a>,
    pub name: &'a str,
}

impl<'a> Target<'a> {
    pub fn new(resource: impl Into<ResourceName<'a>>, name: &'a str) -> Self {
        Self { resource: resource.into(), name }
    }

    fn details(self) -> Details {
        Details {
            name: self.name.to_owned(),
            group: self.resource.group.to_owned(),
            kind: self.resource.plural.to_owned(),
            ..Details::default()
        }
    }
}

impl ResourceName<'_> {
    /// `pods` or `deployments.apps`.
    fn qualified(self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}

impl Status {
    /// 404 for an object that is not there.
    pub fn not_found(target: Target<'_>) -> Self {
        let message = format!("{} \"{}\" not found", target.resource.qualified(), target.name);
        Self::new(404, Reason::NotFound, message).with_details(target.details())
    }

    /// 404 for a resource or subresource that is not served.
    pub fn no_such_resource() -> Self {
        Self::new(404, Reason::NotFound, "the server could not find the requested resource")
            .with_details(Details::default())
    }

    /// 501 for a subresource that upstream serves and this version does not yet.
    pub fn not_implemented(what: &str) -> Self {
        Self::new(501, Reason::Unknown, format!("{what} is not implemented yet"))
    }

    pub fn already_exists(target: Target<'_>) -> Self {
        let message = format!("{} \"{}\" already exists", target.resource.qualified(), target.name);
        Self::new(409, Reason::AlreadyExists, message).with_details(target.details())
    }

    /// 409 when `generateName` found no free name within its attempts.
    pub fn generate_name_exhausted(target: Target<'_>) -> Self {
        let message = format!(
            "{} \"{}\" already exists, the server was not able to generate a unique name for the object",
            target.resource.qualified(),
            target.name
        );
        Self::new(409, Reason::AlreadyExists, message).with_details(target.details()).retry_after(1)
    }

    /// 409: a write that contradicts the object's state. `cause` ends the sentence.
    pub fn conflict(target: Target<'_>, cause: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{}\": {cause}",
            target.resource.qualified(),
            target.name
        );
        Self::new(409, Reason::Conflict, message).with_details(target.details())
    }

    /// The conflict of optimistic concurrency: a stale resourceVersion.
    pub fn modified(target: Target<'_>) -> Self {
        Self::conflict(
            target,
            "the object has been modified; please apply your changes to the latest version and try again",
        )
    }

    /// 422 with one cause per field. `kind` is the object's kind, not its resource.
    pub fn invalid(group: &str, kind: &str, name: &str, errors: &[FieldError]) -> Self {
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        let summary = match texts.as_slice() {
            [only] => only.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
        let causes = errors
            .iter()
            .map(|error| Cause {
                reason: error.reason.as_str().into(),
                message: error.body(),
                field: error.field.clone(),
            })
            .collect();
        Self::new(422, Reason::Invalid, format!("{qualified} \"{name}\" is invalid: {summary}"))
            .with_details(Details {
                name: name.to_owned(),
                group: group.to_owned(),
                kind: kind.to_owned(),
                causes,
                ..Details::default()
            })
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, Reason::BadRequest, message)
    }

    /// 403: `cause` ends the sentence `pods "web" is forbidden: …`.
    pub fn forbidden(target: Target<'_>, cause: &str) -> Self {
        let message = match target.name {
            "" => format!("{} is forbidden: {cause}", target.resource.qualified()),
            name => format!("{} \"{name}\" is forbidden: {cause}", target.resource.qualified()),
        };
        Self::new(403, Reason::Forbidden, message).with_details(target.details())
    }

    /// 403 for a path that is no resource.
    pub fn forbidden_path(cause: &str) -> Self {
        Self::new(403, Reason::Forbidden, format!("forbidden: {cause}"))
            .with_details(Details::default())
    }

    pub fn unauthorized() -> Self {
        Self::new(401, Reason::Unauthorized, "Unauthorized")
    }

    pub fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(405, Reason::MethodNotAllowed, message).with_details(Details::default())
    }

    /// 406: nothing of what the client accepts can be produced.
    pub fn not_acceptable(accepted: &[&str]) -> Self {
        let list = accepted.join(", ");
        Self::new(
            406,
            Reason::NotAcceptable,
            format!("only the following media types are accepted: {list}"),
        )
    }

    /// 415: the body is in a type that cannot be read here.
    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        let list = accepted.join(", ");
        Self::new(
            415,
            Reason::UnsupportedMediaType,
            format!(
                "the body of the request was in an unknown format - accepted media types include: {list}"
            ),
        )
    }

    pub fn entity_too_large(limit: usize) -> Self {
        Self::new(
            413,
            Reason::RequestEntityTooLarge,
            format!("Request entity too large: limit is {limit}"),
        )
    }

    /// 410: the version asked for is no longer kept.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::new(410, Reason::Expired, message)
    }

    /// 410 for a watch that starts before the oldest kept event.
    pub fn too_old_resource_version(asked: i64, oldest: i64) -> Self {
        Self::expired(format!("too old resource version: {asked} ({oldest})"))
    }

    /// 504 for a version that lies in the future.
    pub fn too_large_resource_version(asked: i64, current: i64) -> Self {
        Self::new(
            504,
            Reason::Timeout,
            format!("Timeout: Too large resource version: {asked}, current: {current}"),
        )
        .with_cause("ResourceVersionTooLarge", "", "Too large resource version")
        .retry_after(1)
    }

    /// 504: the request as a whole took longer than allowed.
    pub fn request_timeout() -> Self {
        Self::new(
            504,
            Reason::Timeout,
            "Timeout: request did not complete within the allotted timeout",
        )
        .with_details(Details::default())
    }

    /// 500 or 503 of the storage: the write may or may not have happened.
    pub fn server_timeout(target: Target<'_>, verb: &str, retry_after: u32) -> Self {
        let message = format!(
            "The {verb} operation against {} could not be completed at this time, please try again.",
            target.resource.qualified()
        );
        Self::new(500, Reason::ServerTimeout, message)
            .with_details(target.details())
            .retry_after(retry_after)
    }

    pub fn too_many_requests(message: impl Into<String>, retry_after: u32) -> Self {
        Self::new(429, Reason::TooManyRequests, message).retry_after(retry_after)
    }

    pub fn internal(cause: impl Into<String>) -> Self {
        let cause = cause.into();
        Self::new(500, Reason::InternalError, format!("Internal error occurred: {cause}"))
            .with_cause("", "", cause)
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, Reason::ServiceUnavailable, message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const PODS: ResourceName<'_> = ResourceName { group: "", plural: "pods" };
    const DEPLOYMENTS: ResourceName<'_> = ResourceName { group: "apps", plural: "deployments" };

    #[test]
    fn refusals_read_as_upstream_words_them() {
        let rows = [
            (Status::not_found(Target::new(PODS, "web")), 404, "pods \"web\" not found"),
            (
                Status::already_exists(Target::new(DEPLOYMENTS, "web")),
                409,
                "deployments.apps \"web\" already exists",
            ),
            (
                Status::modified(Target::new(PODS, "web")),
                409,
                "Operation cannot be fulfilled on pods \"web\": the object has been modified; please apply your changes to the latest version and try again",
            ),
            (Status::forbidden(Target::new(PODS, ""), "no"), 403, "pods is forbidden: no"),
            (
                Status::too_large_resource_version(9, 3),
                504,
                "Timeout: Too large resource version: 9, current: 3",
            ),
            (Status::entity_too_large(3), 413, "Request entity too large: limit is 3"),
        ];
        for (status, code, message) in rows {
            assert_eq!((status.code, status.message.as_str()), (code, message));
        }
    }

    #[test]
    fn invalid_lists_each_field_as_a_cause() {
        let status = Status::invalid(
            "apps",
            "Deployment",
            "web",
            &[
                FieldError::required("spec.selector", ""),
                FieldError::invalid("spec.replicas", -1, "must be non-negative"),
            ],
        );
        assert_eq!(
            status.to_json(),
            json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "reason": "Invalid", "code": 422,
                "message": "Deployment.apps \"web\" is invalid: [spec.selector: Required value, spec.replicas: Invalid value: -1: must be non-negative]",
                "details": {
                    "name": "web", "group": "apps", "kind": "Deployment",
                    "causes": [
                        {"reason": "FieldValueRequired", "message": "Required value", "field": "spec.selector"},
                        {"reason": "FieldValueInvalid", "message": "Invalid value: -1: must be non-negative", "field": "spec.replicas"},
                    ],
                },
            })
        );
    }
}
