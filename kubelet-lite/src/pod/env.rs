//! The environment of a container. Pure: what it refers to is handed in.
//!
//! Later entries win and may refer to earlier ones: services, then `envFrom`, then `env`.

use std::collections::BTreeMap;

use super::expand::expand;
use super::field::{self, Facts};
use super::qos;
use super::types::{Container, EnvSource, KeyRef, Pod};

/// Keys and values of a ConfigMap or Secret.
pub type Values = BTreeMap<String, Vec<u8>>;

/// ConfigMaps and Secrets at hand, by name in the pod's namespace. A name that is asked for and not
/// there does not exist.
#[derive(Clone, Debug, Default)]
pub struct References {
    pub config_maps: BTreeMap<String, Values>,
    pub secrets: BTreeMap<String, Values>,
}

/// Why a container cannot be configured; becomes `CreateContainerConfigError`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("configmap {0:?} not found")]
    NoConfigMap(String),
    #[error("secret {0:?} not found")]
    NoSecret(String),
    #[error("couldn't find key {key} in ConfigMap {object}")]
    NoConfigMapKey { key: String, object: String },
    #[error("couldn't find key {key} in Secret {object}")]
    NoSecretKey { key: String, object: String },
    #[error("unsupported fieldPath: {0}")]
    Field(String),
    #[error("unsupported container resource: {0}")]
    Resource(String),
    #[error("container {0} not found")]
    NoContainer(String),
    #[error("environment variable {0}: a source of this kind is not supported")]
    Source(String),
    #[error("environment variable {0}: the value is not text")]
    NotText(String),
}

/// The variables in the order in which they were first set.
#[derive(Default)]
struct Variables {
    order: Vec<String>,
    values: BTreeMap<String, String>,
}

impl Variables {
    fn set(&mut self, name: &str, value: String) {
        if self.values.insert(name.to_owned(), value).is_none() {
            self.order.push(name.to_owned());
        }
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }
}

pub fn environment(
    pod: &Pod,
    container: &Container,
    services: &[(String, String)],
    references: &References,
    facts: &Facts<'_>,
) -> Result<Vec<(String, String)>, Error> {
    let mut variables = Variables::default();
    for (name, value) in services {
        variables.set(name, value.clone());
    }
    for from in &container.env_from {
        if let Some(wanted) = &from.config_map_ref {
            let optional = wanted.optional == Some(true);
            match references.config_maps.get(&wanted.name) {
                Some(values) => set_all(&mut variables, &from.prefix, values),
                None if optional => {}
                None => return Err(Error::NoConfigMap(wanted.name.clone())),
            }
        }
        if let Some(wanted) = &from.secret_ref {
            let optional = wanted.optional == Some(true);
            match references.secrets.get(&wanted.name) {
                Some(values) => set_all(&mut variables, &from.prefix, values),
                None if optional => {}
                None => return Err(Error::NoSecret(wanted.name.clone())),
            }
        }
    }
    for variable in &container.env {
        let value = match &variable.value_from {
            Some(source) => from_source(pod, container, &variable.name, source, references, facts)?,
            None => Some(expand(&variable.value, |name| variables.get(name))),
        };
        if let Some(value) = value {
            variables.set(&variable.name, value);
        }
    }
    let Variables { order, mut values } = variables;
    Ok(order.into_iter().filter_map(|name| values.remove_entry(&name)).collect())
}

/// Values that are not text are left out, as are names that no shell could set.
fn set_all(variables: &mut Variables, prefix: &str, values: &Values) {
    for (key, value) in values {
        let name = format!("{prefix}{key}");
        let valid = !name.is_empty()
            && !name.contains('=')
            && name.bytes().all(|byte| (0x20..0x7f).contains(&byte));
        if let (true, Ok(value)) = (valid, std::str::from_utf8(value)) {
            variables.set(&name, value.to_owned());
        }
    }
}

/// `None` when an optional reference leads nowhere: the variable is then not set.
fn from_source(
    pod: &Pod,
    container: &Container,
    name: &str,
    source: &EnvSource,
    references: &References,
    facts: &Facts<'_>,
) -> Result<Option<String>, Error> {
    if let Some(wanted) = &source.field_ref {
        return field::env_value(pod, &wanted.field_path, facts)
            .map(Some)
            .ok_or_else(|| Error::Field(wanted.field_path.clone()));
    }
    if let Some(wanted) = &source.resource_field_ref {
        let container = match wanted.container_name.as_str() {
            "" => container,
            other => {
                pod.spec.container(other).ok_or_else(|| Error::NoContainer(other.to_owned()))?
            }
        };
        let value = qos::resource_field(
            container,
            &wanted.resource,
            wanted.divisor.as_deref(),
            facts.allocatable,
        );
        return value.map(Some).ok_or_else(|| Error::Resource(wanted.resource.clone()));
    }
    let found = if let Some(wanted) = &source.config_map_key_ref {
        let values = references.config_maps.get(&wanted.name);
        key_of(pod, wanted, values, Error::NoConfigMap, |key, object| Error::NoConfigMapKey {
            key,
            object,
        })
    } else if let Some(wanted) = &source.secret_key_ref {
        let values = references.secrets.get(&wanted.name);
        key_of(pod, wanted, values, Error::NoSecret, |key, object| Error::NoSecretKey {
            key,
            object,
        })
    } else {
        Err(Error::Source(name.to_owned()))
    };
    let text = |value: &[u8]| std::str::from_utf8(value).map(str::to_owned);
    found?.map(text).transpose().map_err(|_| Error::NotText(name.to_owned()))
}

/// One key of an object; `None` if it is not there and need not be.
fn key_of<'a>(
    pod: &Pod,
    wanted: &KeyRef,
    values: Option<&'a Values>,
    missing: fn(String) -> Error,
    missing_key: fn(String, String) -> Error,
) -> Result<Option<&'a [u8]>, Error> {
    let optional = wanted.optional == Some(true);
    let Some(values) = values else {
        return if optional { Ok(None) } else { Err(missing(wanted.name.clone())) };
    };
    match values.get(&wanted.key) {
        Some(value) => Ok(Some(value)),
        None if optional => Ok(None),
        None => {
            Err(missing_key(wanted.key.clone(), format!("{}/{}", pod.namespace(), wanted.name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn build(container: serde_json::Value) -> Result<Vec<(String, String)>, Error> {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "x"}},
            "spec": {"containers": [container]}
        }))
        .expect("a pod");
        let values = |pairs: &[(&str, &str)]| -> Values {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
                .collect()
        };
        let references = References {
            config_maps: BTreeMap::from([("cm".to_owned(), values(&[("k", "v"), ("a b", "w")]))]),
            secrets: BTreeMap::from([("s".to_owned(), values(&[("p", "q")]))]),
        };
        let services = [("WEB_PORT".to_owned(), "80".to_owned())];
        let allocatable = BTreeMap::new();
        let facts = Facts {
            node_name: "n1",
            host_ip: "10.0.0.1",
            pod_ips: &["10.1.0.2".to_owned()],
            allocatable: &allocatable,
        };
        environment(&pod, &pod.spec.containers[0], &services, &references, &facts)
    }

    #[test]
    fn later_entries_win_and_may_use_earlier_ones() {
        let got = build(json!({"name": "c", "env": [
            {"name": "A", "value": "1"},
            {"name": "B", "value": "$(A)-$(WEB_PORT)-$(LATER)"},
            {"name": "LATER", "value": "x"},
            {"name": "A", "value": "2"},
            {"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            {"name": "LABEL", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['app']"}}},
            {"name": "K", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k"}}},
            {"name": "P", "valueFrom": {"secretKeyRef": {"name": "s", "key": "p"}}},
            {"name": "GONE", "valueFrom": {"secretKeyRef": {"name": "none", "key": "p", "optional": true}}}
        ], "envFrom": [{"prefix": "CM_", "configMapRef": {"name": "cm"}}, {"secretRef": {"name": "none", "optional": true}}]}))
        .expect("an environment");
        let got: Vec<(&str, &str)> =
            got.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            got,
            [
                ("WEB_PORT", "80"),
                ("CM_a b", "w"),
                ("CM_k", "v"),
                ("A", "2"),
                ("B", "1-80-$(LATER)"),
                ("LATER", "x"),
                ("IP", "10.1.0.2"),
                ("LABEL", "x"),
                ("K", "v"),
                ("P", "q"),
            ]
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let cases = [
            (
                json!({"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "no", "key": "k"}}}]}),
                r#"configmap "no" not found"#,
            ),
            (
                json!({"env": [{"name": "X", "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "z"}}}]}),
                "couldn't find key z in ConfigMap shop/cm",
            ),
            (
                json!({"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "s", "key": "z"}}}]}),
                "couldn't find key z in Secret shop/s",
            ),
            (json!({"envFrom": [{"secretRef": {"name": "no"}}]}), r#"secret "no" not found"#),
            (
                json!({"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "spec.weather"}}}]}),
                "unsupported fieldPath: spec.weather",
            ),
            (
                json!({"env": [{"name": "X", "valueFrom": {"fileKeyRef": {}}}]}),
                "environment variable X: a source of this kind is not supported",
            ),
        ];
        for (container, wanted) in cases {
            assert_eq!(build(container).expect_err("refused").to_string(), wanted);
        }
    }
}
