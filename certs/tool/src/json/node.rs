//! A document and the places in it.

use serde_json::Value;

use super::error::Error;
use super::locate::{Step, locate};
use crate::log;

/// A JSON text with the value in it.
#[derive(Debug)]
pub(crate) struct Document {
    source: String,
    text: String,
    value: Value,
}

impl Document {
    /// Reads `text`, which came from `source`: a file's name, or words such as "standard input".
    pub fn parse(source: &str, text: String) -> Result<Self, Error> {
        match serde_json::from_str(&text) {
            Ok(value) => Ok(Self { source: source.to_owned(), text, value }),
            Err(error) => {
                let message = error.to_string();
                let reason = message.split(" at line ").next().unwrap_or_default();
                Err(Error {
                    source: source.to_owned(),
                    line: error.line(),
                    column: error.column(),
                    path: String::new(),
                    reason: if text.trim().is_empty() {
                        "it is empty, where JSON is expected".to_owned()
                    } else {
                        format!("not valid JSON: {reason}")
                    },
                })
            }
        }
    }

    pub fn root(&self) -> Node<'_> {
        Node { document: self, value: &self.value, path: Vec::new() }
    }
}

/// A value and the way to it.
#[derive(Clone, Debug)]
pub(crate) struct Node<'a> {
    document: &'a Document,
    value: &'a Value,
    path: Vec<Step>,
}

impl<'a> Node<'a> {
    /// A refusal of what stands here.
    pub fn error(&self, reason: impl Into<String>) -> Error {
        let (line, column) = locate(&self.document.text, &self.path);
        Error {
            source: self.document.source.clone(),
            line,
            column,
            path: self.path(),
            reason: reason.into(),
        }
    }

    /// `names[0].C`.
    pub fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) => {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(key);
                }
                Step::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        path
    }

    /// The value as it is, for what is handed on unread.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    fn expected(&self, expected: &str) -> Error {
        let found = match self.value {
            Value::Null => "null".to_owned(),
            Value::Bool(value) => format!("{value}"),
            Value::Number(number) => format!("the number {number}"),
            Value::String(_) => "a string".to_owned(),
            Value::Array(_) => "a list".to_owned(),
            Value::Object(_) => "an object".to_owned(),
        };
        self.error(format!("{expected} is expected, not {found}"))
    }

    fn below(&self, step: Step, value: &'a Value) -> Self {
        let mut path = self.path.clone();
        path.push(step);
        Self { document: self.document, value, path }
    }

    /// A field of an object, whatever the case of its name; none when it is absent or null.
    pub fn field(&self, name: &str) -> Result<Option<Self>, Error> {
        let Value::Object(object) = self.value else { return Err(self.expected("an object")) };
        let exact = object.get_key_value(name);
        let found = exact.or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)));
        Ok(found
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| self.below(Step::Key(key.clone()), value)))
    }

    /// All fields of an object.
    pub fn fields(&self) -> Result<Vec<(&'a str, Self)>, Error> {
        let Value::Object(object) = self.value else { return Err(self.expected("an object")) };
        let fields = object.iter();
        Ok(fields
            .map(|(key, value)| (key.as_str(), self.below(Step::Key(key.clone()), value)))
            .collect())
    }

    /// Warns of fields that nobody reads: most are misspelt.
    pub fn warn_unknown(&self, known: &[&str]) {
        let Value::Object(object) = self.value else { return };
        for key in object.keys() {
            if !known.iter().any(|known| known.eq_ignore_ascii_case(key)) {
                let place = self.below(Step::Key(key.clone()), &Value::Null);
                log::warning!("{}", place.error("there is no such field: it is ignored"));
            }
        }
    }

    pub fn text(&self) -> Result<&'a str, Error> {
        self.value.as_str().ok_or_else(|| self.expected("a string"))
    }

    pub fn integer(&self) -> Result<i64, Error> {
        self.value.as_i64().ok_or_else(|| self.expected("a whole number"))
    }

    pub fn boolean(&self) -> Result<bool, Error> {
        self.value.as_bool().ok_or_else(|| self.expected("true or false"))
    }

    pub fn list(&self) -> Result<Vec<Self>, Error> {
        let Value::Array(list) = self.value else { return Err(self.expected("a list")) };
        let list = list.iter().enumerate();
        Ok(list.map(|(index, value)| self.below(Step::Index(index), value)).collect())
    }

    /// The text of a field; none when it is absent or empty.
    pub fn text_of(&self, name: &str) -> Result<Option<&'a str>, Error> {
        let text = self.field(name)?.map(|field| field.text()).transpose()?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    pub fn integer_of(&self, name: &str) -> Result<Option<i64>, Error> {
        self.field(name)?.map(|field| field.integer()).transpose()
    }

    /// A field that is false when it is absent.
    pub fn boolean_of(&self, name: &str) -> Result<bool, Error> {
        Ok(self.field(name)?.map(|field| field.boolean()).transpose()?.unwrap_or(false))
    }

    /// A list of strings; empty when it is absent.
    pub fn texts_of(&self, name: &str) -> Result<Vec<String>, Error> {
        let Some(field) = self.field(name)? else { return Ok(Vec::new()) };
        field.list()?.iter().map(|entry| entry.text().map(str::to_owned)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, read: impl Fn(Node<'_>) -> Result<(), Error>) -> String {
        match Document::parse("a.json", text.to_owned()) {
            Ok(document) => read(document.root()).expect_err(text).to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_wrong_names_line_column_and_field() {
        let size = |root: Node<'_>| match root.field("key")? {
            Some(key) => key.integer_of("size").map(|_| ()),
            None => Err(root.error("key is missing")),
        };
        let rows = [
            (
                "{\n \"key\": {\n  \"size\": \"256\"}}",
                "a.json:3:11: key.size: a whole number is expected, not a string",
            ),
            (
                "{\"key\": {\"size\": 1.5}}",
                "a.json:1:18: key.size: a whole number is expected, not the number 1.5",
            ),
            ("{\"Key\": []}", "a.json:1:9: Key: an object is expected, not a list"),
            ("[]", "a.json:1:1: an object is expected, not a list"),
            ("{\n\"a\": 1,\n}", "a.json:3:1: not valid JSON: trailing comma"),
            ("", "a.json:1:0: it is empty, where JSON is expected"),
        ];
        for (text, expected) in rows {
            assert_eq!(refused(text, size), expected);
        }
    }

    #[test]
    fn fields_are_found_as_go_finds_them() {
        let text = r#"{"cn": "a", "CN": "b", "Hosts": ["x"], "names": null}"#;
        let document = Document::parse("a.json", text.to_owned()).expect("valid");
        let root = document.root();
        assert_eq!(root.text_of("CN"), Ok(Some("b")));
        assert_eq!(root.texts_of("hosts"), Ok(vec!["x".to_owned()]));
        assert!(root.field("names").expect("an object").is_none());
        assert_eq!(root.boolean_of("absent"), Ok(false));
    }
}
