//! Labels of a pod or a namespace.

use std::collections::BTreeMap;

/// In one string, key, NUL, value, NUL, and so on: a pod has a handful, every placed pod keeps
/// them, and a map would take ten times the room. The API allows no NUL in either.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels(Box<str>);

impl Labels {
    pub fn of(labels: Option<&BTreeMap<String, String>>) -> Self {
        let mut text = String::new();
        for (key, value) in labels.into_iter().flatten() {
            text.extend([key, "\0", value, "\0"]);
        }
        Self(text.into())
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        let mut parts = self.0.split_terminator('\0');
        loop {
            let (known, value) = (parts.next()?, parts.next()?);
            if known == key {
                return Some(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_label_is_found_and_no_other() {
        let map: BTreeMap<String, String> =
            [("a", "1"), ("empty", ""), ("z/b", "a")].map(|(k, v)| (k.into(), v.into())).into();
        let labels = Labels::of(Some(&map));
        for (key, value) in &map {
            assert_eq!(labels.get(key), Some(&**value));
        }
        // Values are not taken for keys.
        assert_eq!((labels.get("1"), labels.get(""), labels.get("b")), (None, None, None));
        assert_eq!(Labels::of(None).get("a"), None);
        assert_eq!(Labels::of(None), Labels::of(Some(&BTreeMap::new())));
    }
}
