//! Writing without the whole object: creation from JSON, patches, deletion.
//!
//! Light types have lost fields, so nothing here takes one. Status is written as the difference
//! between what was read and what it shall be, bound to the resourceVersion that was read.

use kube::api::{DeleteParams, GetParams, Patch, PatchParams, PostParams, Preconditions, Request};
use kube::{Client, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

fn requests<K: Resource<DynamicType = ()>>(namespace: &str) -> Request {
    let namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
    Request::new(K::url_path(&(), namespace))
}

/// Creates `object`; gives what the server made of it.
pub async fn create<K>(client: &Client, namespace: &str, object: &Value) -> kube::Result<K>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let body = object.to_string().into_bytes();
    let request = requests::<K>(namespace).create(&PostParams::default(), body);
    client.request(request.map_err(kube::Error::BuildRequest)?).await
}

pub async fn get<K>(client: &Client, namespace: &str, name: &str) -> kube::Result<Option<K>>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let request = requests::<K>(namespace).get(name, &GetParams::default());
    match client.request(request.map_err(kube::Error::BuildRequest)?).await {
        Err(error) if crate::error::is_not_found(&error) => Ok(None),
        result => result.map(Some),
    }
}

/// Patches `name`; gives the object as it then is.
pub async fn patch<K>(
    client: &Client,
    namespace: &str,
    name: &str,
    patch: &Patch<Value>,
) -> kube::Result<K>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    let request = requests::<K>(namespace).patch(name, &PatchParams::default(), patch);
    client.request(request.map_err(kube::Error::BuildRequest)?).await
}

/// Patches the status of `name`; gives the object as it then is.
pub async fn patch_status<K>(
    client: &Client,
    namespace: &str,
    name: &str,
    patch: &Patch<Value>,
) -> kube::Result<K>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    patch_at(client, requests::<K>(namespace), name, "status", patch).await
}

/// The same for another subresource of a cluster-scoped object.
pub async fn patch_subresource<K>(
    client: &Client,
    name: &str,
    subresource: &str,
    patch: &Patch<Value>,
) -> kube::Result<K>
where
    K: Resource<DynamicType = ()> + DeserializeOwned,
{
    patch_at(client, requests::<K>(""), name, subresource, patch).await
}

async fn patch_at<K: DeserializeOwned>(
    client: &Client,
    requests: Request,
    name: &str,
    subresource: &str,
    patch: &Patch<Value>,
) -> kube::Result<K> {
    let request = requests.patch_subresource(subresource, name, &PatchParams::default(), patch);
    client.request(request.map_err(kube::Error::BuildRequest)?).await
}

/// Deletes the object of that name and, when `uid` is given, of that identity only.
pub async fn delete<K>(
    client: &Client,
    namespace: &str,
    name: &str,
    uid: Option<&str>,
    params: DeleteParams,
) -> kube::Result<()>
where
    K: Resource<DynamicType = ()>,
{
    let preconditions =
        uid.map(|uid| Preconditions { uid: Some(uid.to_owned()), resource_version: None });
    let params = DeleteParams { preconditions, ..params };
    let request = requests::<K>(namespace).delete(name, &params);
    client.request_text(request.map_err(kube::Error::BuildRequest)?).await.map(drop)
}

/// A merge patch of `status` from `old` to `new`, refused if the object changed since
/// `resource_version`. `None` when there is no difference.
pub fn status_patch<S: Serialize>(
    resource_version: Option<&str>,
    old: &S,
    new: &S,
) -> Option<Patch<Value>> {
    let difference = merge_difference(&to_value(old), &to_value(new))?;
    Some(Patch::Merge(json!({
        "metadata": { "resourceVersion": resource_version },
        "status": difference,
    })))
}

/// The merge patch (RFC 7386) that turns `old` into `new`; `None` when they are equal.
pub fn merge_difference(old: &Value, new: &Value) -> Option<Value> {
    let (Value::Object(old_fields), Value::Object(new_fields)) = (old, new) else {
        return (old != new).then(|| new.clone());
    };
    let mut patch = Map::new();
    for name in old_fields.keys().filter(|name| !new_fields.contains_key(*name)) {
        patch.insert(name.clone(), Value::Null);
    }
    for (name, value) in new_fields {
        let before = old_fields.get(name).unwrap_or(&Value::Null);
        if let Some(difference) = merge_difference(before, value) {
            patch.insert(name.clone(), difference);
        }
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

fn to_value<S: Serialize>(status: &S) -> Value {
    // Statuses are plain structs with string keys.
    serde_json::to_value(status).expect("a status serializes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merge_difference_sets_changes_and_removes() {
        let cases = [
            (json!({"a": 1}), json!({"a": 1}), None),
            (json!({"a": 1}), json!({"a": 2}), Some(json!({"a": 2}))),
            (json!({"a": 1, "b": 1}), json!({"b": 1}), Some(json!({"a": null}))),
            (json!({}), json!({"a": {"b": []}}), Some(json!({"a": {"b": []}}))),
            (
                json!({"a": {"b": 1, "c": 1}}),
                json!({"a": {"b": 1, "c": 2}}),
                Some(json!({"a": {"c": 2}})),
            ),
            (json!({"a": [1, 2]}), json!({"a": [2]}), Some(json!({"a": [2]}))),
        ];
        for (old, new, expected) in cases {
            assert_eq!(merge_difference(&old, &new), expected, "{old} -> {new}");
        }
    }
}
