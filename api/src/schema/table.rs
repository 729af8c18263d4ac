//! Reads `v1_35.txt`, lazily.
//!
//! A definition is a heading and its fields, one a line, words separated by single blanks:
//!
//! ```text
//! # <name> [<group>/<version>/<kind>]… [@atomic]
//! <field> <numbers> <type> <presence>[!] [@<list type>] [~<strategy>[:<key>]] [<default>]
//! ```
//!
//! - numbers: the field's protobuf number; `1.7` is field 7 of the message in field 1; `-` none.
//! - type: a word (`string`, `int32`, `quantity`, …), the name of a definition (`.PodSpec` is in
//!   this definition's package), or `[]` or `{}` before the type of elements or values.
//! - presence: `p` pointer, `z` left out when zero, `v` always written; `!` required by OpenAPI.
//! - list type: `@atomic`, `@granular`, `@set`, `@map:containerPort,protocol`.
//! - default: `=<JSON>`, or `?<sibling>=<value>|<value>=<JSON>`; it ends the line.
//!
//! Definitions and fields are sorted. The text is generated and checked by a test that parses all
//! of it, so the reader treats a malformed line as a broken invariant.

use std::sync::OnceLock;

use super::facts::{
    Default, Field, Kind, ListType, MergeStrategy, Numbers, Presence, Schema, Type,
};

const TEXT: &str = include_str!("v1_35.txt");
const MALFORMED: &str = "the schema table is generated and every line of it is parsed by a test";

/// A definition that is parsed when first asked for.
pub struct Entry {
    pub(crate) name: &'static str,
    heading: &'static str,
    body: &'static str,
    schema: OnceLock<Box<Schema>>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name) // Definitions may contain themselves.
    }
}

struct Table {
    /// Sorted by name.
    entries: Vec<Entry>,
    /// Sorted.
    kinds: Vec<(&'static str, &'static str, &'static str, u16)>,
}

/// The definition of a kind; `None` when 1.35 has no such built-in kind. `DeleteOptions` and
/// `WatchEvent` are found under every group and version, as every API group registers them.
pub fn lookup(group: &str, version: &str, kind: &str) -> Option<&'static Schema> {
    let table = table();
    let find = |key: (&str, &str, &str)| {
        let index = table
            .kinds
            .binary_search_by(|&(group, version, kind, _)| (group, version, kind).cmp(&key));
        Some(table.entries[usize::from(table.kinds[index.ok()?].3)].schema())
    };
    find((group, version, kind)).or_else(|| find(("*", "*", kind)))
}

/// A definition by its OpenAPI name without `io.k8s.`.
pub fn definition(name: &str) -> Option<&'static Schema> {
    entry(name).map(Entry::schema)
}

/// Every definition; parses them all.
pub fn all() -> impl Iterator<Item = &'static Schema> {
    table().entries.iter().map(Entry::schema)
}

fn entry(name: &str) -> Option<&'static Entry> {
    let entries = &table().entries;
    Some(&entries[entries.binary_search_by(|entry| entry.name.cmp(name)).ok()?])
}

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(index)
}

fn index() -> Table {
    let mut entries = Vec::new();
    let mut kinds = Vec::new();
    for definition in TEXT.split("\n# ").skip(1) {
        let (heading, body) = definition.split_once('\n').unwrap_or((definition, ""));
        let mut words = heading.split(' ');
        let name = words.next().expect(MALFORMED);
        let number = u16::try_from(entries.len()).expect(MALFORMED);
        kinds.extend(
            heading_kinds(heading).map(|kind| (kind.group, kind.version, kind.kind, number)),
        );
        entries.push(Entry { name, heading, body, schema: OnceLock::new() });
    }
    kinds.sort_unstable();
    kinds.shrink_to_fit();
    entries.shrink_to_fit();
    Table { entries, kinds }
}

fn heading_kinds(heading: &'static str) -> impl Iterator<Item = Kind> {
    heading.split(' ').skip(1).filter(|word| !word.starts_with('@')).map(|word| {
        let mut parts = word.rsplitn(3, '/');
        let kind = parts.next().expect(MALFORMED);
        let version = parts.next().expect(MALFORMED);
        // `*/DeleteOptions` has no third part.
        let group = parts.next().unwrap_or(version);
        Kind { group, version, kind }
    })
}

impl Entry {
    pub fn schema(&self) -> &Schema {
        self.schema.get_or_init(|| {
            let package = self.name.rsplit_once('.').expect(MALFORMED).0;
            let mut fields: Vec<Field> =
                self.body.lines().map(|line| parse_field(line, package)).collect();
            fields.sort_unstable_by_key(|field| field.name);
            let mut by_number: Vec<_> = (0..)
                .zip(&fields)
                .filter(|(_, field)| !field.numbers.is_empty())
                .map(|(index, field)| (field.numbers, index))
                .collect();
            by_number.sort_unstable();
            Box::new(Schema {
                name: self.name,
                kinds: heading_kinds(self.heading).collect(),
                atomic: self.heading.ends_with(" @atomic"),
                fields,
                by_number,
            })
        })
    }
}

fn parse_field(line: &'static str, package: &str) -> Field {
    let mut words = line.splitn(5, ' ');
    let mut word = || words.next().expect(MALFORMED);
    let name = word();
    let numbers = parse_numbers(word());
    let kind = parse_type(word(), package);
    let presence = word();
    let mut field = Field {
        name,
        numbers,
        kind,
        presence: match presence.as_bytes()[0] {
            b'p' => Presence::Pointer,
            b'z' => Presence::OmitZero,
            b'v' => Presence::Always,
            _ => panic!("{MALFORMED}: {line}"),
        },
        required: presence.ends_with('!'),
        list_type: None,
        merge: None,
        default: None,
    };
    let mut rest = words.next().unwrap_or_default();
    while !rest.is_empty() {
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        match word.as_bytes()[0] {
            b'@' => field.list_type = Some(parse_list_type(&word[1..])),
            b'~' => {
                let (strategy, key) = match word[1..].split_once(':') {
                    Some((strategy, key)) => (strategy, Some(key)),
                    None => (&word[1..], None),
                };
                field.merge = Some(MergeStrategy { strategy, key });
            }
            b'=' | b'?' => {
                field.default = Some(parse_default(rest));
                break;
            }
            _ => panic!("{MALFORMED}: {line}"),
        }
        rest = after;
    }
    field
}

fn parse_numbers(text: &str) -> Numbers {
    if text == "-" {
        return Numbers::default();
    }
    text.split('.').fold(Numbers::default(), |numbers, number| {
        numbers.then(number.parse().expect(MALFORMED)).expect(MALFORMED)
    })
}

fn parse_type(text: &str, package: &str) -> Type {
    if let Some(element) = text.strip_prefix("[]") {
        return Type::List(Box::new(parse_type(element, package)));
    }
    if let Some(value) = text.strip_prefix("{}") {
        return Type::Map(Box::new(parse_type(value, package)));
    }
    match text {
        "string" => Type::String,
        "bytes" => Type::Bytes,
        "bool" => Type::Bool,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "double" => Type::Double,
        "time" => Type::Time,
        "microtime" => Type::MicroTime,
        "quantity" => Type::Quantity,
        "intstr" => Type::IntOrString,
        "raw" => Type::RawExtension,
        "fields" => Type::Fields,
        "json" => Type::Json,
        "schema-or-array" => Type::SchemaOrArray,
        "schema-or-bool" => Type::SchemaOrBool,
        "schema-or-strings" => Type::SchemaOrStrings,
        name => {
            let entry = match name.strip_prefix('.') {
                Some(local) => entry(&format!("{package}.{local}")),
                None => entry(name),
            };
            Type::Object(entry.expect(MALFORMED))
        }
    }
}

fn parse_list_type(text: &'static str) -> ListType {
    match text {
        "atomic" => ListType::Atomic,
        "granular" => ListType::Granular,
        "set" => ListType::Set,
        text => ListType::Map(text.strip_prefix("map:").expect(MALFORMED)),
    }
}

fn parse_default(text: &'static str) -> Default {
    let (condition, json) = match text.strip_prefix('?') {
        Some(conditional) => {
            let mut parts = conditional.splitn(3, '=');
            let sibling = parts.next().expect(MALFORMED);
            let values = parts.next().expect(MALFORMED);
            (Some((sibling, values)), parts.next().expect(MALFORMED))
        }
        None => (None, &text[1..]),
    };
    Default { value: serde_json::from_str(json).expect(MALFORMED), condition }
}
