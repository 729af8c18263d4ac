//! Reads the JSON schema definitions.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;

pub type Definitions = BTreeMap<String, Definition>;

#[derive(Deserialize)]
pub struct Definition {
    #[serde(default)]
    pub properties: BTreeMap<String, Property>,
    #[serde(default)]
    pub required: Vec<String>,
    #[serde(default, rename = "x-kubernetes-group-version-kind")]
    pub kinds: Vec<Kind>,
    #[serde(default, rename = "x-kubernetes-map-type")]
    pub map_type: Option<String>,
}

#[derive(Deserialize)]
pub struct Kind {
    pub group: String,
    pub version: String,
    pub kind: String,
}

#[derive(Deserialize)]
pub struct Property {
    #[serde(default, rename = "type")]
    pub kind: Option<TypeName>,
    #[serde(default)]
    pub format: Option<String>,
    #[serde(default, rename = "$ref")]
    pub reference: Option<String>,
    #[serde(default)]
    pub items: Option<Box<Property>>,
    #[serde(default, rename = "additionalProperties")]
    pub values: Option<Box<Property>>,
    #[serde(default, rename = "x-kubernetes-list-type")]
    pub list_type: Option<String>,
    #[serde(default, rename = "x-kubernetes-list-map-keys")]
    pub map_keys: Vec<String>,
    #[serde(default, rename = "x-kubernetes-map-type")]
    pub map_type: Option<String>,
    #[serde(default, rename = "x-kubernetes-patch-strategy")]
    pub patch_strategy: Option<String>,
    #[serde(default, rename = "x-kubernetes-patch-merge-key")]
    pub merge_key: Option<String>,
}

/// `"string"`, or `["string", "null"]` for what may be left out.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum TypeName {
    One(String),
    Several(Vec<String>),
}

impl Property {
    pub fn type_name(&self) -> Option<&str> {
        match self.kind.as_ref()? {
            TypeName::One(name) => Some(name),
            TypeName::Several(names) => {
                names.iter().map(String::as_str).find(|name| *name != "null")
            }
        }
    }

    /// The name of the definition this property refers to.
    pub fn referred(&self) -> Option<&str> {
        self.reference.as_deref()?.rsplit('/').next()
    }
}

pub fn read(path: &Path) -> anyhow::Result<Definitions> {
    #[derive(Deserialize)]
    struct File {
        #[serde(rename = "$defs")]
        definitions: Definitions,
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: File = serde_json::from_str(&text)
        .with_context(|| format!("{} holds no definitions", path.display()))?;
    Ok(file.definitions)
}
