//! Field selectors: `metadata.name=x,status.phase!=Running`.
//!
//! A conjunction of equalities on a few named fields. Values may hold `,`, `=` and `\`, each
//! escaped by a backslash.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldSelectorError {
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Term { selector: String, term: String },
    #[error("invalid field selector: invalid escape sequence: {0}")]
    Escape(String),
    #[error("invalid field selector: unescaped character in value: {0}")]
    Unescaped(char),
    /// Kinds that have fields of their own to select by.
    #[error("field label not supported: {0}")]
    NotSupported(String),
    /// Kinds that can be selected by metadata alone.
    #[error("{0:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\"")]
    NotKnown(String),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldRequirement {
    pub field: String,
    /// `=` and `==` when true, `!=` when false.
    pub equal: bool,
    pub value: String,
}

/// Every requirement must hold; without requirements it matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldSelector {
    requirements: Vec<FieldRequirement>,
}

impl FieldSelector {
    pub fn everything() -> Self {
        Self::default()
    }

    pub fn parse(text: &str) -> Result<Self, FieldSelectorError> {
        let mut requirements = Vec::new();
        for term in split_unescaped(text, ',') {
            if term.is_empty() {
                continue; // As upstream: `a=b,` is fine.
            }
            requirements.push(parse_term(text, term)?);
        }
        Ok(Self { requirements })
    }

    pub fn is_everything(&self) -> bool {
        self.requirements.is_empty()
    }

    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.requirements
    }

    /// The value that `field` must have, when the selector asks for exactly one
    /// (`metadata.name=x` lets a LIST become a GET).
    pub fn exact(&self, field: &str) -> Option<&str> {
        self.requirements
            .iter()
            .find(|requirement| requirement.equal && requirement.field == field)
            .map(|requirement| requirement.value.as_str())
    }

    /// Refuses fields that the resource cannot be selected by; `selectable` are those beyond
    /// metadata.
    pub fn check<S: AsRef<str>>(&self, selectable: &[S]) -> Result<(), FieldSelectorError> {
        for FieldRequirement { field, .. } in &self.requirements {
            let known = matches!(field.as_str(), "metadata.name" | "metadata.namespace")
                || selectable.iter().any(|name| name.as_ref() == field);
            if !known {
                return Err(if selectable.is_empty() {
                    FieldSelectorError::NotKnown(field.clone())
                } else {
                    FieldSelectorError::NotSupported(field.clone())
                });
            }
        }
        Ok(())
    }

    /// `value` gives the value of a field; None counts as empty.
    pub fn matches<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|requirement| {
            let found = value(&requirement.field).unwrap_or_default();
            (found == requirement.value) == requirement.equal
        })
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, FieldRequirement { field, equal, value }) in
            self.requirements.iter().enumerate()
        {
            let comma = if index > 0 { "," } else { "" };
            let operator = if *equal { "=" } else { "!=" };
            write!(f, "{comma}{field}{operator}{}", escape(value))?;
        }
        Ok(())
    }
}

/// Writes a value so that `FieldSelector::parse` reads it back.
pub fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '\\' | ',' | '=') {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    escaped
}

fn unescape(value: &str) -> Result<String, FieldSelectorError> {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => match letters.next() {
                Some(next @ ('\\' | ',' | '=')) => plain.push(next),
                Some(next) => return Err(FieldSelectorError::Escape(format!("\\{next}"))),
                None => return Err(FieldSelectorError::Escape("\\".to_owned())),
            },
            ',' | '=' => return Err(FieldSelectorError::Unescaped(letter)),
            other => plain.push(other),
        }
    }
    Ok(plain)
}

fn split_unescaped(text: &str, separator: char) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut escaped) = (0, false);
    for (at, letter) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == separator {
            parts.push(&text[start..at]);
            start = at + letter.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_term(selector: &str, term: &str) -> Result<FieldRequirement, FieldSelectorError> {
    for at in 0..term.len() {
        let Some(rest) = term.get(at..) else { continue };
        for (operator, equal) in [("!=", false), ("==", true), ("=", true)] {
            if let Some(value) = rest.strip_prefix(operator) {
                let field = term[..at].to_owned();
                return Ok(FieldRequirement { field, equal, value: unescape(value)? });
            }
        }
    }
    Err(FieldSelectorError::Term { selector: selector.to_owned(), term: term.to_owned() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn printed(text: &str) -> String {
        match FieldSelector::parse(text) {
            Ok(selector) => selector.to_string(),
            Err(error) => format!("error: {error}"),
        }
    }

    #[test]
    fn parses_and_prints() {
        let cases = [
            ("", ""),
            ("a=b", "a=b"),
            ("a==b,c!=d,", "a=b,c!=d"),
            ("a=", "a="),
            (r"a=x\,y\=z\\", r"a=x\,y\=z\\"),
            ("a", "error: invalid selector: 'a'; can't understand 'a'"),
            ("a=b=c", "error: invalid field selector: unescaped character in value: ="),
            (r"a=\x", r"error: invalid field selector: invalid escape sequence: \x"),
            (r"a=\", r"error: invalid field selector: invalid escape sequence: \"),
        ];
        for (text, wanted) in cases {
            assert_eq!(printed(text), wanted, "{text}");
        }
    }

    #[test]
    fn matches_and_checks() {
        let selector = FieldSelector::parse("status.phase=Running,spec.nodeName!=").expect("fine");
        let pod = |field: &str| match field {
            "status.phase" => Some("Running"),
            "spec.nodeName" => Some("n"),
            _ => None,
        };
        assert!(selector.matches(pod));
        assert!(!selector.matches(|_| None));
        assert_eq!(selector.exact("status.phase"), Some("Running"));
        assert_eq!(selector.exact("spec.nodeName"), None);
        assert_eq!(
            selector.check(&["status.phase"]).map_err(|error| error.to_string()),
            Err("field label not supported: spec.nodeName".to_owned())
        );
        let none: [&str; 0] = [];
        assert_eq!(
            selector.check(&none).map_err(|error| error.to_string()),
            Err("\"status.phase\" is not a known field selector: only \"metadata.name\", \
                 \"metadata.namespace\""
                .to_owned())
        );
    }

    proptest! {
        #[test]
        fn any_value_survives_escaping(value in r".{0,12}|[\\\\,=a]{0,8}") {
            let text = format!("a={},b!=c", escape(&value));
            let selector = FieldSelector::parse(&text).expect("escaped values are well formed");
            prop_assert_eq!(selector.exact("a"), Some(value.as_str()));
            prop_assert_eq!(selector.to_string(), text);
        }
    }
}
