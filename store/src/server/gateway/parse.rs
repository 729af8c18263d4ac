//! JSON to protobuf, as protojson reads it for grpc-gateway: names as in the contract or in camel
//! case, integers as numbers or strings, enums by name or number, any base64, and what is unknown
//! left out.
//!
//! The text has been scanned: it is JSON. What remains to refuse is told in protojson's words, with
//! its positions.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use prost::encoding::{WireType, encode_key, encode_varint};
use store_proto::reflect::{Enum, Field, Kind, Message};

/// Messages nested deeper than this are refused: parsing recurses, and so does prost.
const MAX_DEPTH: usize = 90;

const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// The encoding of the `message` that `text`, one JSON value, tells.
pub(super) fn parse(message: &'static Message, text: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    Parser { text, at: 0 }.message(message, &mut out, 0)?;
    Ok(out)
}

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
}

/// One token: where it begins and what it is. Of an object or array the opening bracket alone.
#[derive(Clone, Copy)]
struct Token<'a> {
    at: usize,
    raw: &'a [u8],
}

impl Token<'_> {
    fn raw(&self) -> String {
        String::from_utf8_lossy(self.raw).into_owned()
    }

    fn is_null(&self) -> bool {
        self.raw == b"null"
    }

    /// The text of a string, `None` for any other token.
    fn string(&self) -> Option<String> {
        if !self.raw.starts_with(b"\"") {
            return None;
        }
        serde_json::from_slice(self.raw).ok()
    }
}

impl<'a> Parser<'a> {
    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    /// Whether the next token is this punctuation, which is then taken.
    fn take(&mut self, punctuation: u8) -> bool {
        self.skip_space();
        let found = self.peek() == Some(punctuation);
        self.at += usize::from(found);
        found
    }

    /// The next string, number, literal, or opening bracket.
    fn token(&mut self) -> Token<'a> {
        self.skip_space();
        let at = self.at;
        match self.peek() {
            Some(b'"') => self.end_of_string(),
            Some(b'{' | b'[') => self.at += 1,
            _ => {
                let ends = |byte: u8| byte.is_ascii_whitespace() || b",:]}".contains(&byte);
                while self.peek().is_some_and(|byte| !ends(byte)) {
                    self.at += 1;
                }
            }
        }
        Token { at, raw: &self.text[at..self.at] }
    }

    fn end_of_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'"' => return,
                b'\\' => self.at += 1,
                _ => {}
            }
        }
    }

    /// Passes over a value whose first token was taken.
    fn skip(&mut self, first: Token<'_>) {
        let mut depth = usize::from(matches!(first.raw, b"{" | b"["));
        while depth > 0 {
            self.skip_space();
            match self.peek() {
                Some(b'}' | b']') => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') => self.at += 1,
                None => return,
                Some(_) => {
                    depth += usize::from(matches!(self.token().raw, b"{" | b"["));
                }
            }
        }
    }

    /// `line:column`, both from 1, as protojson counts.
    fn position(&self, at: usize) -> String {
        let before = &self.text[..at];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |newline| newline + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        format!("(line {line}:{column})")
    }

    fn refuse(&self, token: Token<'_>, what: &str) -> String {
        format!("proto: {}: {what}", self.position(token.at))
    }

    fn unexpected(&self, token: Token<'_>) -> String {
        let position = self.position(token.at);
        format!("proto: syntax error {position}: unexpected token {}", token.raw())
    }

    fn message(
        &mut self,
        message: &'static Message,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), String> {
        let open = self.token();
        if open.raw != b"{" {
            return Err(self.unexpected(open));
        }
        if depth > MAX_DEPTH {
            return Err(self.refuse(open, "exceeded max recursion depth"));
        }
        let mut seen: Vec<u32> = Vec::new();
        let mut oneofs: Vec<&'static str> = Vec::new();
        while !self.take(b'}') {
            self.take(b',');
            let name = self.token();
            self.take(b':');
            let Some(field) = field_of(message, name) else {
                let first = self.token();
                self.skip(first);
                continue;
            };
            if seen.contains(&field.number) {
                return Err(self.refuse(name, &format!("duplicate field {}", name.raw())));
            }
            seen.push(field.number);
            let before = self.at;
            if self.token().is_null() {
                continue;
            }
            self.at = before;
            if field.repeated {
                self.list(field, out, depth)?;
                continue;
            }
            if let Some(oneof) = field.oneof {
                if oneofs.contains(&oneof) {
                    let name_raw = name.raw();
                    let what = format!("error parsing {name_raw}, oneof {oneof} is already set");
                    return Err(self.refuse(name, &what));
                }
                oneofs.push(oneof);
            }
            self.value(field, out, depth)?;
        }
        Ok(())
    }

    fn list(
        &mut self,
        field: &'static Field,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), String> {
        let open = self.token();
        if open.raw != b"[" {
            return Err(self.unexpected(open));
        }
        while !self.take(b']') {
            self.take(b',');
            self.value(field, out, depth)?;
        }
        Ok(())
    }

    /// One value with its key. Numbers of a list are not packed, which any decoder takes.
    fn value(
        &mut self,
        field: &'static Field,
        out: &mut Vec<u8>,
        depth: usize,
    ) -> Result<(), String> {
        if let Kind::Message(inner) = field.kind {
            let mut nested = Vec::new();
            self.message(inner, &mut nested, depth + 1)?;
            put_bytes(field, &nested, out);
            return Ok(());
        }
        let token = self.token();
        let invalid = || {
            let (kind, name, raw) = (kind_name(field.kind), field.json_name, token.raw());
            self.refuse(token, &format!("invalid value for {kind} field {name}: {raw}"))
        };
        match field.kind {
            Kind::String => {
                let text = token.string().ok_or_else(invalid)?;
                put_bytes(field, text.as_bytes(), out);
            }
            Kind::Bytes => {
                let text = token.string().ok_or_else(invalid)?;
                put_bytes(field, &base64(&text).ok_or_else(invalid)?, out);
            }
            Kind::Enum(one) => {
                // A name that is unknown counts as not told.
                if let Some(number) = enum_value(one, token).map_err(|Invalid| invalid())? {
                    put_number(field, number as i64 as u64, out);
                }
            }
            Kind::Bool | Kind::Int32 | Kind::Int64 | Kind::Uint32 | Kind::Uint64 => {
                put_number(field, number(field.kind, token).ok_or_else(invalid)?, out);
            }
            Kind::Message(_) => unreachable!("messages were handled above"),
        }
        Ok(())
    }
}

fn field_of(message: &'static Message, name: Token<'_>) -> Option<&'static Field> {
    let name = name.string()?;
    message.fields.iter().find(|field| field.name == name || field.json_name == name)
}

fn put_bytes(field: &Field, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(field.number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn put_number(field: &Field, number: u64, out: &mut Vec<u8>) {
    encode_key(field.number, WireType::Varint, out);
    encode_varint(number, out);
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "bool",
        Kind::Int32 => "int32",
        Kind::Int64 => "int64",
        Kind::Uint32 => "uint32",
        Kind::Uint64 => "uint64",
        Kind::String => "string",
        Kind::Bytes => "bytes",
        Kind::Enum(_) => "enum",
        Kind::Message(_) => "message",
    }
}

/// Either alphabet, with or without padding, line breaks ignored: what Go's decoders take.
fn base64(text: &str) -> Option<Vec<u8>> {
    let text: String = text.chars().filter(|character| !"\r\n".contains(*character)).collect();
    let engine = if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD };
    engine.decode(text).ok()
}

/// A value that its kind does not have.
struct Invalid;

fn enum_value(one: &Enum, token: Token<'_>) -> Result<Option<i32>, Invalid> {
    if let Some(name) = token.string() {
        let known = one.values.iter().find(|(known, _)| *known == name);
        return Ok(known.map(|(_, number)| *number));
    }
    let number = std::str::from_utf8(token.raw).ok().and_then(integer).ok_or(Invalid)?;
    i32::try_from(number).map(Some).map_err(|_| Invalid)
}

/// A boolean or an integer in the range of its kind, as its varint.
fn number(kind: Kind, token: Token<'_>) -> Option<u64> {
    if let Kind::Bool = kind {
        return match token.raw {
            b"true" => Some(1),
            b"false" => Some(0),
            _ => None,
        };
    }
    let text = match token.string() {
        Some(text) => text,
        None => String::from_utf8(token.raw.to_vec()).ok()?,
    };
    let number = integer(&text)?;
    match kind {
        Kind::Int32 => i32::try_from(number).ok().map(|number| i64::from(number) as u64),
        Kind::Int64 => i64::try_from(number).ok().map(|number| number as u64),
        Kind::Uint32 => u32::try_from(number).ok().map(u64::from),
        Kind::Uint64 => u64::try_from(number).ok(),
        Kind::Bool | Kind::String | Kind::Bytes | Kind::Enum(_) | Kind::Message(_) => None,
    }
}

/// Digits of the largest exponent that a 64-bit integer may be told with.
const MAX_EXPONENT: i32 = 30;

/// A JSON number that is an integer, whatever its form: `12`, `1.20e1`, `120e-1`.
fn integer(text: &str) -> Option<i128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = match mantissa.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, mantissa),
    };
    let (whole, fraction) = match digits.split_once('.') {
        Some((_, "")) => return None,
        Some((whole, fraction)) => (whole, fraction.trim_end_matches('0')),
        None => (digits, ""),
    };
    let canonical = whole == "0" || !whole.starts_with('0');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !canonical || !digits(whole) || !digits(fraction) {
        return None;
    }
    let mut magnitude: i128 = format!("{whole}{fraction}").parse().ok()?;
    let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?;
    if magnitude != 0 {
        if shift.abs() > MAX_EXPONENT {
            return None;
        }
        let power = 10_i128.pow(shift.unsigned_abs());
        magnitude = match shift {
            0.. => magnitude.checked_mul(power)?,
            _ if magnitude % power == 0 => magnitude / power,
            _ => return None,
        };
    }
    Some(if negative { -magnitude } else { magnitude })
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use store_proto::{etcdserverpb as pb, reflect};

    use super::*;

    fn range(text: &str) -> Result<pb::RangeRequest, String> {
        let wire = parse(&reflect::ETCDSERVERPB_RANGEREQUEST, text.as_bytes())?;
        Ok(pb::RangeRequest::decode(wire.as_slice()).expect("what is written can be read"))
    }

    #[test]
    fn forms_that_mean_the_same() {
        let expected = pb::RangeRequest {
            key: "foo".into(),
            range_end: vec![0xff, 0xef].into(),
            limit: 12,
            sort_order: 2,
            sort_target: 3,
            serializable: true,
            ..Default::default()
        };
        for text in [
            r#"{"key":"Zm9v","range_end":"/+8=","limit":"12","sort_order":"DESCEND","sort_target":"MOD","serializable":true}"#,
            r#" { "key" : "Zm9v" , "rangeEnd":"_-8", "limit":12, "sortOrder":2, "sortTarget":3, "serializable":true } "#,
            r#"{"key":"Zm9v","range_end":"/+8","limit":1.2e1,"sort_order":2.0,"sort_target":"MOD","serializable":true}"#,
            r#"{"unknown":{"a":[1,{"b":"]}"}]},"key":"Zm\u0039v","range_end":"/+8=","limit":"120e-1","sort_order":"DESCEND","sort_target":"MOD","serializable":true,"revision":null,"count_only":false,"other":null}"#,
        ] {
            assert_eq!(range(text), Ok(expected.clone()), "{text}");
        }
        assert_eq!(range("{}"), Ok(pb::RangeRequest::default()));
        assert_eq!(range(r#"{"sort_order":"SIDEWAYS"}"#), Ok(pb::RangeRequest::default()));
    }

    #[test]
    fn refusals_are_those_of_protojson() {
        let cases = [
            ("[]", "proto: syntax error (line 1:1): unexpected token ["),
            ("5", "proto: syntax error (line 1:1): unexpected token 5"),
            (r#"{"key":5}"#, "proto: (line 1:8): invalid value for bytes field key: 5"),
            (r#"{"key":"***"}"#, r#"proto: (line 1:8): invalid value for bytes field key: "***""#),
            (
                r#"{"key":"Zm9v","limit":"x"}"#,
                r#"proto: (line 1:23): invalid value for int64 field limit: "x""#,
            ),
            (r#"{"limit":1.5}"#, "proto: (line 1:10): invalid value for int64 field limit: 1.5"),
            (
                r#"{"limit":9223372036854775808}"#,
                "proto: (line 1:10): invalid value for int64 field limit: 9223372036854775808",
            ),
            (r#"{"key":"Zm9v","key":"Zm9v"}"#, r#"proto: (line 1:15): duplicate field "key""#),
            (
                r#"{"serializable":"true"}"#,
                r#"proto: (line 1:17): invalid value for bool field serializable: "true""#,
            ),
            (
                "{\n \"range_end\": {}}",
                "proto: (line 2:15): invalid value for bytes field rangeEnd: {",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(range(text), Err(expected.to_owned()), "{text}");
        }
    }

    fn txn(text: &str) -> Result<pb::TxnRequest, String> {
        let wire = parse(&reflect::ETCDSERVERPB_TXNREQUEST, text.as_bytes())?;
        Ok(pb::TxnRequest::decode(wire.as_slice()).expect("what is written can be read"))
    }

    #[test]
    fn messages_nest_and_a_oneof_holds_one() {
        let told = txn(
            r#"{"compare":[{"target":"VERSION","key":"YQ==","version":"0","result":"GREATER"}],
                "success":[{"requestPut":{"key":"YQ==","value":"MQ=="}},{"request_range":{}}],
                "failure":[]}"#,
        )
        .expect("it is a transaction");
        assert_eq!(told.compare[0].target_union, Some(pb::compare::TargetUnion::Version(0)));
        assert_eq!((told.success.len(), told.failure.len()), (2, 0));
        let twice = txn(r#"{"compare":[{"version":"1","mod_revision":"2"}]}"#);
        let refusal = "proto: (line 1:28): error parsing \"mod_revision\", \
                       oneof etcdserverpb.Compare.target_union is already set";
        assert_eq!(twice, Err(refusal.to_owned()));
        let no_list = txn(r#"{"compare":{}}"#);
        let refusal = "proto: syntax error (line 1:12): unexpected token {";
        assert_eq!(no_list, Err(refusal.to_owned()));
        let in_list = txn(r#"{"success":[null]}"#);
        let refusal = "proto: syntax error (line 1:13): unexpected token null";
        assert_eq!(in_list, Err(refusal.to_owned()));
    }

    #[test]
    fn nesting_is_bounded() {
        let nest = |depth: usize| {
            let open = r#"{"success":[{"request_txn":"#.repeat(depth);
            format!("{open}{{}}{}", "}]}".repeat(depth))
        };
        assert!(txn(&nest(40)).is_ok());
        assert!(txn(&nest(5_000)).is_err());
    }

    #[test]
    fn integers_in_every_form() {
        let cases = [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("-12", Some(-12)),
            ("1e3", Some(1000)),
            ("1.50", None),
            ("1.5e1", Some(15)),
            ("1500E-2", Some(15)),
            ("1501e-2", None),
            ("0e999999", Some(0)),
            ("1e999999", None),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("", None),
            ("-", None),
            (" 1", None),
            ("01", None),
            ("+1", None),
            ("1.", None),
            (".5", None),
            ("1e", None),
            ("x", None),
        ];
        for (text, expected) in cases {
            assert_eq!(integer(text), expected, "{text}");
        }
    }
}
