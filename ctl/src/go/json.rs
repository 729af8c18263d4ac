//! JSON as Go's `encoding/json` writes it: members in the order given, `<`, `>` and `&` escaped,
//! byte strings in base64, and what is zero left out where the Go struct says `omitempty`.
//!
//! `serde_json` sorts members and escapes less, so its output would differ to the byte.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Text that is JSON already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Json(pub String);

/// What can be a member of an object.
pub trait Value {
    /// Whether `omitempty` leaves it out.
    fn is_zero(&self) -> bool;
    fn write(&self, out: &mut String);
}

macro_rules! numbers {
    ($($number:ty)*) => {$(
        impl Value for $number {
            fn is_zero(&self) -> bool {
                *self == 0
            }
            fn write(&self, out: &mut String) {
                out.push_str(&self.to_string());
            }
        }
    )*};
}
numbers!(i32 i64 u32 u64);

impl Value for bool {
    fn is_zero(&self) -> bool {
        !self
    }
    fn write(&self, out: &mut String) {
        out.push_str(if *self { "true" } else { "false" });
    }
}

impl Value for &str {
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn write(&self, out: &mut String) {
        write_string(self, out);
    }
}

impl Value for &[u8] {
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn write(&self, out: &mut String) {
        out.push('"');
        STANDARD.encode_string(self, out);
        out.push('"');
    }
}

impl Value for Json {
    fn is_zero(&self) -> bool {
        false
    }
    fn write(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

/// A pointer, which may be nil.
impl Value for Option<Json> {
    fn is_zero(&self) -> bool {
        self.is_none()
    }
    fn write(&self, out: &mut String) {
        out.push_str(self.as_ref().map_or("null", |json| &json.0));
    }
}

/// A slice that is there: `[]` when empty.
impl<T: Value> Value for Vec<T> {
    fn is_zero(&self) -> bool {
        self.is_empty()
    }
    fn write(&self, out: &mut String) {
        out.push('[');
        for (at, item) in self.iter().enumerate() {
            if at > 0 {
                out.push(',');
            }
            item.write(out);
        }
        out.push(']');
    }
}

pub fn array<T: Value>(items: impl IntoIterator<Item = T>) -> Json {
    let mut out = String::new();
    items.into_iter().collect::<Vec<_>>().write(&mut out);
    Json(out)
}

/// A slice that may be nil: `null` when empty.
pub fn array_or_null<T: Value>(items: impl IntoIterator<Item = T>) -> Json {
    let mut items = items.into_iter().peekable();
    if items.peek().is_none() { Json("null".to_owned()) } else { array(items) }
}

/// Builds an object, member by member.
#[derive(Clone, Default)]
pub struct Object {
    members: String,
}

impl Object {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn member(mut self, name: &str, value: impl Value) -> Self {
        if !self.members.is_empty() {
            self.members.push(',');
        }
        write_string(name, &mut self.members);
        self.members.push(':');
        value.write(&mut self.members);
        self
    }

    /// `omitempty`.
    pub fn unless_zero(self, name: &str, value: impl Value) -> Self {
        if value.is_zero() { self } else { self.member(name, value) }
    }

    pub fn end(self) -> Json {
        Json(format!("{{{}}}", self.members))
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                out.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_zeros_go_when_told() {
        let json = Object::new()
            .unless_zero("zero", 0_i64)
            .member("b", 0_u64)
            .unless_zero("a", "<x>&\"\u{1}")
            .unless_zero("bytes", &b"k"[..])
            .member("list", vec![1_i64, 2])
            .member("none", array_or_null::<i64>([]))
            .unless_zero("nil", None)
            .member("inner", Object::new().end());
        assert_eq!(
            json.end().0,
            r#"{"b":0,"a":"\u003cx\u003e\u0026\"\u0001","bytes":"aw==","list":[1,2],"none":null,"inner":{}}"#
        );
    }
}
