//! The files of a volume that is made from objects: configMap, secret, downwardAPI, projected. Pure.

use std::collections::BTreeMap;

use super::atomic::{Entry, Payload};
use super::spec::{
    ConfigMapSource, DEFAULT_FILE_MODE, DownwardApiSource, KeyToPath, SecretSource, Volume,
};
use crate::pod::env::{References, Values};
use crate::pod::field;
use crate::pod::qos;
use crate::pod::types::Pod;

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("configmap {0:?} not found")]
    NoConfigMap(String),
    #[error("secret {0:?} not found")]
    NoSecret(String),
    #[error("references non-existent config key: {0}")]
    NoConfigKey(String),
    #[error("references non-existent secret key: {0}")]
    NoSecretKey(String),
    #[error("unsupported fieldPath: {0}")]
    Field(String),
    #[error("unsupported container resource: {0}")]
    Resource(String),
    #[error("container {0} not found")]
    NoContainer(String),
    #[error("volume source {0} is not supported yet")]
    Source(String),
}

pub struct Context<'a> {
    pub pod: &'a Pod,
    pub references: &'a References,
    pub allocatable: &'a BTreeMap<String, String>,
}

/// The files of a volume; `None` if the volume is not of this kind.
pub fn payload(context: &Context<'_>, volume: &Volume) -> Result<Option<Payload>, Error> {
    let mut payload = Payload::new();
    if let Some(source) = &volume.config_map {
        let mode = source.default_mode.unwrap_or(DEFAULT_FILE_MODE);
        add_config_map(context, source, mode, &mut payload)?;
    } else if let Some(source) = &volume.secret {
        let mode = source.default_mode.unwrap_or(DEFAULT_FILE_MODE);
        add_secret(context, source, mode, &mut payload)?;
    } else if let Some(source) = &volume.downward_api {
        let mode = source.default_mode.unwrap_or(DEFAULT_FILE_MODE);
        add_downward_api(context, source, mode, &mut payload)?;
    } else if let Some(projected) = &volume.projected {
        let mode = projected.default_mode.unwrap_or(DEFAULT_FILE_MODE);
        for source in &projected.sources {
            if let Some(name) = source.other.keys().next() {
                return Err(Error::Source(name.clone()));
            }
            if let Some(source) = &source.config_map {
                add_config_map(context, source, mode, &mut payload)?;
            }
            if let Some(source) = &source.secret {
                add_secret(context, source, mode, &mut payload)?;
            }
            if let Some(source) = &source.downward_api {
                add_downward_api(context, source, mode, &mut payload)?;
            }
        }
    } else {
        return Ok(None);
    }
    Ok(Some(payload))
}

fn add_config_map(
    context: &Context<'_>,
    source: &ConfigMapSource,
    mode: u32,
    payload: &mut Payload,
) -> Result<(), Error> {
    let optional = source.optional == Some(true);
    match context.references.config_maps.get(&source.name) {
        Some(values) => {
            add_values(values, &source.items, mode, optional, payload, Error::NoConfigKey)
        }
        None if optional => Ok(()),
        None => Err(Error::NoConfigMap(source.name.clone())),
    }
}

fn add_secret(
    context: &Context<'_>,
    source: &SecretSource,
    mode: u32,
    payload: &mut Payload,
) -> Result<(), Error> {
    let optional = source.optional == Some(true);
    match context.references.secrets.get(&source.secret_name) {
        Some(values) => {
            add_values(values, &source.items, mode, optional, payload, Error::NoSecretKey)
        }
        None if optional => Ok(()),
        None => Err(Error::NoSecret(source.secret_name.clone())),
    }
}

/// All keys under their names, or just the listed ones under their paths.
fn add_values(
    values: &Values,
    items: &[KeyToPath],
    mode: u32,
    optional: bool,
    payload: &mut Payload,
    missing: fn(String) -> Error,
) -> Result<(), Error> {
    if items.is_empty() {
        let all = values
            .iter()
            .map(|(key, content)| (key.clone(), Entry { content: content.clone(), mode }));
        payload.extend(all);
        return Ok(());
    }
    for item in items {
        let Some(content) = values.get(&item.key) else {
            if optional {
                continue;
            }
            return Err(missing(item.key.clone()));
        };
        let mode = item.mode.unwrap_or(mode);
        payload.insert(item.path.clone(), Entry { content: content.clone(), mode });
    }
    Ok(())
}

fn add_downward_api(
    context: &Context<'_>,
    source: &DownwardApiSource,
    mode: u32,
    payload: &mut Payload,
) -> Result<(), Error> {
    for file in &source.items {
        let content = if let Some(wanted) = &file.field_ref {
            field::file_value(context.pod, &wanted.field_path)
                .ok_or_else(|| Error::Field(wanted.field_path.clone()))?
        } else if let Some(wanted) = &file.resource_field_ref {
            let container = context
                .pod
                .spec
                .container(&wanted.container_name)
                .ok_or_else(|| Error::NoContainer(wanted.container_name.clone()))?;
            let divisor = wanted.divisor.as_deref();
            qos::resource_field(container, &wanted.resource, divisor, context.allocatable)
                .ok_or_else(|| Error::Resource(wanted.resource.clone()))?
        } else {
            continue;
        };
        let mode = file.mode.unwrap_or(mode);
        payload.insert(file.path.clone(), Entry { content: content.into_bytes(), mode });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn files(volume: serde_json::Value) -> Result<Vec<(String, String, u32)>, Error> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web", "labels": {"a": "b"}},
            "spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "2"}}}]}
        }))
        .expect("a pod");
        let values = |key: &str| Values::from([(key.to_owned(), b"v".to_vec())]);
        let references = References {
            config_maps: BTreeMap::from([("cm".to_owned(), values("k"))]),
            secrets: BTreeMap::from([("s".to_owned(), values("p"))]),
        };
        let allocatable = BTreeMap::new();
        let context = Context { pod: &pod, references: &references, allocatable: &allocatable };
        let volume: Volume = serde_json::from_value(volume).expect("a volume");
        let payload = payload(&context, &volume)?.expect("files");
        let text = |entry: Entry| String::from_utf8(entry.content).expect("text");
        Ok(payload
            .into_iter()
            .map(|(path, entry)| (path, text(entry.clone()), entry.mode))
            .collect())
    }

    #[test]
    fn each_source_gives_its_files() {
        let file = |path: &str, text: &str, mode| (path.to_owned(), text.to_owned(), mode);
        let cases = [
            (json!({"name": "v", "configMap": {"name": "cm"}}), vec![file("k", "v", 0o644)]),
            (json!({"name": "v", "configMap": {"name": "no", "optional": true}}), vec![]),
            (
                json!({"name": "v", "configMap": {"name": "cm", "defaultMode": 256,
                "items": [{"key": "k", "path": "x/y"}]}}),
                vec![file("x/y", "v", 0o400)],
            ),
            (
                json!({"name": "v", "secret": {"secretName": "s",
                "items": [{"key": "p", "path": "q", "mode": 384}]}}),
                vec![file("q", "v", 0o600)],
            ),
            (
                json!({"name": "v", "downwardAPI": {"items": [
                {"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}},
                {"path": "c", "resourceFieldRef": {"containerName": "c", "resource": "limits.cpu"}}]}}),
                vec![file("c", "2", 0o644), file("l", "a=\"b\"", 0o644)],
            ),
            (
                json!({"name": "v", "projected": {"sources": [
                {"configMap": {"name": "cm"}}, {"secret": {"name": "s"}},
                {"downwardAPI": {"items": [{"path": "n", "fieldRef": {"fieldPath": "metadata.name"}}]}}]}}),
                vec![file("k", "v", 0o644), file("n", "web", 0o644), file("p", "v", 0o644)],
            ),
        ];
        for (volume, wanted) in cases {
            assert_eq!(files(volume.clone()), Ok(wanted), "{volume}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let cases = [
            (json!({"configMap": {"name": "no"}}), Error::NoConfigMap("no".into())),
            (json!({"secret": {"secretName": "no"}}), Error::NoSecret("no".into())),
            (
                json!({"secret": {"secretName": "s", "items": [{"key": "z", "path": "z"}]}}),
                Error::NoSecretKey("z".into()),
            ),
            (
                json!({"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}),
                Error::Source("serviceAccountToken".into()),
            ),
            (
                json!({"downwardAPI": {"items": [{"path": "x", "fieldRef": {"fieldPath": "status.podIP"}}]}}),
                Error::Field("status.podIP".into()),
            ),
        ];
        for (volume, wanted) in cases {
            assert_eq!(files(volume.clone()), Err(wanted), "{volume}");
        }
    }
}
