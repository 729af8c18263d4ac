//! Amounts of resources by name, as written.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A `ResourceList`: quantities as strings (`"cpu": "100m"`). A map of two entries in a slice of
/// two entries, where a BTreeMap takes a node of eleven.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceList(Box<[(Box<str>, Box<str>)]>);

impl ResourceList {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, quantity)| quantity)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, quantity)| (&**name, &**quantity))
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: AsRef<str>, Q: AsRef<str>> FromIterator<(N, Q)> for ResourceList {
    fn from_iter<I: IntoIterator<Item = (N, Q)>>(entries: I) -> Self {
        let entries = entries.into_iter();
        Self(
            entries
                .map(|(name, quantity)| (name.as_ref().into(), quantity.as_ref().into()))
                .collect(),
        )
    }
}

impl<'de> Deserialize<'de> for ResourceList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Entries)
    }
}

struct Entries;

impl<'de> Visitor<'de> for Entries {
    type Value = ResourceList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of resource names to quantities")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ResourceList, A::Error> {
        let mut entries = Vec::with_capacity(map.size_hint().unwrap_or(0));
        while let Some((name, quantity)) = map.next_entry::<Box<str>, Amount>()? {
            entries.push((name, quantity.0));
        }
        Ok(ResourceList(entries.into_boxed_slice()))
    }
}

/// A quantity may be written as a number too; stored objects hold what the client sent.
struct Amount(Box<str>);

impl<'de> Deserialize<'de> for Amount {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Amount;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a quantity")
            }

            fn visit_str<E>(self, text: &str) -> Result<Amount, E> {
                Ok(Amount(text.into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Amount, E> {
                Ok(Amount(number.to_string().into()))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Amount, E> {
                Ok(Amount(number.to_string().into()))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Amount, E> {
                Ok(Amount(number.to_string().into()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl Serialize for ResourceList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

/// A container's `resources`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Requirements {
    #[serde(
        default,
        skip_serializing_if = "ResourceList::is_empty",
        deserialize_with = "super::meta::nullable"
    )]
    pub requests: ResourceList,
    #[serde(
        default,
        skip_serializing_if = "ResourceList::is_empty",
        deserialize_with = "super::meta::nullable"
    )]
    pub limits: ResourceList,
}
