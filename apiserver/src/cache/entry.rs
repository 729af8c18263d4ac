//! One object as the cache holds it.

use api::object::{Light, LightError, Spliced};
use api::resource::Resource;
use bytes::Bytes;
use store::KeyValue;

/// Shared bytes and the index facts. Immutable; shared by snapshots, changes and answers.
#[derive(Debug)]
pub struct Entry {
    pub value: Bytes,
    pub mod_revision: i64,
    pub light: Light,
    /// Values of the row's selectable fields, in the row's order.
    pub fields: Box<[Box<str>]>,
}

impl Entry {
    pub fn read(row: &Resource, kv: &KeyValue) -> Result<Self, LightError> {
        let light = Light::read(&kv.value)?;
        let fields = if row.selectable_fields.is_empty() {
            Box::default()
        } else {
            let object = serde_json::from_slice(&kv.value)?;
            let values = row.strategy.selectable_values(&object);
            values.into_iter().map(String::into_boxed_str).collect()
        };
        Ok(Self { value: kv.value.clone(), mod_revision: kv.mod_revision, light, fields })
    }

    /// Value of a selectable field; `None` for a field that the row does not offer.
    pub fn field(&self, row: &Resource, name: &str) -> Option<&str> {
        match name {
            "metadata.name" => Some(&self.light.name),
            "metadata.namespace" => Some(&self.light.namespace),
            _ => {
                let at = row.selectable_fields.iter().position(|field| field == name)?;
                self.fields.get(at).map(AsRef::as_ref)
            }
        }
    }

    pub fn spliced(&self) -> Spliced {
        Spliced::new(&self.value, self.mod_revision)
    }
}
