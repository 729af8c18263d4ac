//! A Pod template, kept as the bytes it came in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// The JSON of a Pod template. Parsed when it is looked into: at most once or twice in a reconcile,
/// while caches hold thousands.
///
/// Deserializes from JSON text only, not from a `serde_json::Value`.
#[derive(Clone, Debug)]
pub struct Template(Arc<RawValue>);

impl Template {
    pub fn of(value: &Value) -> Self {
        let text = value.to_string();
        // `to_string` of a value is JSON.
        Self(RawValue::from_string(text).expect("a value prints as JSON").into())
    }

    pub fn value(&self) -> Value {
        serde_json::from_str(self.0.get()).unwrap_or(Value::Null)
    }

    pub fn labels(&self) -> BTreeMap<String, String> {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Outer {
            metadata: Inner,
        }
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Inner {
            labels: BTreeMap<String, String>,
        }
        serde_json::from_str::<Outer>(self.0.get()).unwrap_or_default().metadata.labels
    }
}

impl Default for Template {
    fn default() -> Self {
        Self::of(&Value::Object(serde_json::Map::new()))
    }
}

impl PartialEq for Template {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get() || self.value() == other.value()
    }
}

impl<'de> Deserialize<'de> for Template {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::<RawValue>::deserialize(deserializer)?.into()))
    }
}
