//! Builds a JSON value from any serde format, counting values and noting duplicate fields.

use std::cell::{Cell, RefCell};
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Levels of objects and lists. Built-in kinds nest some 20 deep; the schema of a custom resource
/// takes two levels for each of its own.
pub(crate) const MAX_DEPTH: usize = 128;

/// Values in one body. The largest real objects within the 3 MiB limit on bodies (Endpoints of a
/// thousand addresses, the schemas of custom resources) hold some ten thousand; each value can cost
/// hundreds of bytes once it has its defaults: 200 MiB for a body of empty containers.
pub(crate) const MAX_VALUES: usize = 250_000;

/// What is left of `MAX_VALUES`.
pub(crate) struct Budget {
    left: Cell<usize>,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { left: Cell::new(MAX_VALUES) }
    }
}

impl Budget {
    /// Takes one value's share; false when none is left.
    pub(crate) fn take(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

/// What one reading of a body keeps track of.
pub(super) struct Reader<'a> {
    budget: &'a Budget,
    depth: Cell<usize>,
    path: RefCell<String>,
    duplicates: RefCell<Vec<String>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(budget: &'a Budget) -> Self {
        Reader {
            budget,
            depth: Cell::default(),
            path: RefCell::default(),
            duplicates: RefCell::default(),
        }
    }

    pub(super) fn into_duplicates(self) -> Vec<String> {
        self.duplicates.into_inner()
    }

    /// Runs `read` one level deeper.
    fn nested<T, E: Error>(&self, read: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let depth = self.depth.get();
        if depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth.set(depth + 1);
        let result = read();
        self.depth.set(depth);
        result
    }

    /// Runs `read` with the path extended by `step`.
    fn at<T>(&self, step: impl FnOnce(&mut String), read: impl FnOnce() -> T) -> T {
        let length = {
            let mut path = self.path.borrow_mut();
            let length = path.len();
            step(&mut path);
            length
        };
        let result = read();
        self.path.borrow_mut().truncate(length);
        result
    }
}

/// Reads one value.
#[derive(Clone, Copy)]
pub(super) struct Tree<'a>(pub(super) &'a Reader<'a>);

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if !self.0.budget.take() {
            return Err(D::Error::custom(format_args!("more than {MAX_VALUES} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        match Number::from_f64(value) {
            Some(number) => Ok(Value::Number(number)),
            None => Err(E::custom(format_args!("{value} is not a JSON number"))),
        }
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let reader = self.0;
        reader.nested(|| {
            let mut items = Vec::new();
            loop {
                let step = |path: &mut String| path.push_str(&format!("[{}]", items.len()));
                match reader.at(step, || access.next_element_seed(self))? {
                    Some(item) => items.push(item),
                    None => return Ok(Value::Array(items)),
                }
            }
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let reader = self.0;
        reader.nested(|| {
            let mut members = Map::new();
            while let Some(key) = access.next_key::<String>()? {
                let step = |path: &mut String| {
                    if !path.is_empty() {
                        path.push('.');
                    }
                    path.push_str(&key);
                };
                let value = reader.at(step, || {
                    if members.contains_key(&key) {
                        reader.duplicates.borrow_mut().push(reader.path.borrow().clone());
                    }
                    access.next_value_seed(self)
                })?;
                members.insert(key, value);
            }
            Ok(Value::Object(members))
        })
    }
}
