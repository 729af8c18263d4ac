//! The OpenAPI v3 document of one group and version.

use serde_json::json;

use super::components::Components;
use super::paths;
use crate::resource::Resource;

/// The version of the API that the documents describe.
pub(super) const VERSION: &str = "v1.35.0";

/// The JSON document for `/openapi/v3/api/v1` or `/openapi/v3/apis/<group>/<version>`: paths of
/// those of `resources` that are in this group and version, and the definitions they use.
pub fn v3_document(group: &str, version: &str, resources: &[&Resource]) -> Vec<u8> {
    let mut components = Components::new(group, version);
    let mut paths = paths::discovery(group, version, &mut components);
    for resource in resources {
        if resource.group == group && resource.version == version {
            paths::add_resource(&mut paths, resource, &mut components);
        }
    }
    let document = json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": VERSION},
        "paths": paths,
        "components": {
            "schemas": components.into_schemas(),
            "securitySchemes": {
                "BearerToken": {
                    "type": "apiKey",
                    "description": "Bearer token authentication",
                    "name": "authorization",
                    "in": "header",
                },
            },
        },
    });
    document.to_string().into_bytes()
}
