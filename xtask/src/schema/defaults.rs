//! The hand-written defaults: what upstream's defaulting code sets and no schema tells.

use std::collections::BTreeMap;

use anyhow::{Context, bail};

/// Defaults by definition (without `io.k8s.`) and field, each in the form of the generated table:
/// `=JSON`, or `?sibling=value|value=JSON` when it depends on a sibling field.
pub struct Defaults(BTreeMap<(String, String), String>);

impl Defaults {
    /// Lines `definition field default`; `#` begins a comment.
    pub fn parse(text: &str) -> anyhow::Result<Defaults> {
        let mut defaults = BTreeMap::new();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let mut words = line.splitn(3, ' ');
            let (Some(definition), Some(field), Some(default)) =
                (words.next(), words.next(), words.next())
            else {
                bail!("not a default: {line:?}");
            };
            let json = match default.strip_prefix('?') {
                Some(conditional) => conditional.splitn(3, '=').nth(2),
                None => default.strip_prefix('='),
            };
            let json = json.with_context(|| format!("no value in {line:?}"))?;
            serde_json::from_str::<serde_json::Value>(json)
                .with_context(|| format!("the value in {line:?} is not JSON"))?;
            let key = (definition.to_owned(), field.to_owned());
            if defaults.insert(key, default.to_owned()).is_some() {
                bail!("a second default: {line:?}");
            }
        }
        Ok(Defaults(defaults))
    }

    pub fn take(&mut self, definition: &str, field: &str) -> Option<String> {
        self.0.remove(&(definition.to_owned(), field.to_owned()))
    }

    /// What no definition asked for: misspelt, or gone from the sources.
    pub fn unused(&self) -> impl Iterator<Item = String> {
        self.0.keys().map(|(definition, field)| format!("{definition} {field}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_in_the_repository_parses() {
        Defaults::parse(include_str!("defaults.txt")).expect("defaults.txt is well formed");
    }

    #[test]
    fn bad_lines_are_refused() {
        for line in ["a.B c", "a.B c TCP", "a.B c =TCP", "a.B c ?type=X", "a.B c =1\na.B c =2"] {
            assert!(Defaults::parse(line).is_err(), "{line}");
        }
    }
}
