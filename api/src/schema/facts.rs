//! What the table says of a definition and its fields.

use serde_json::Value;

use super::table::Entry;

/// A definition: a kind, or an object within kinds.
#[derive(Debug)]
pub struct Schema {
    /// As OpenAPI names it, without `io.k8s.`: `api.core.v1.Pod`.
    pub name: &'static str,
    /// The kinds that this definition describes; empty for objects within kinds.
    pub kinds: Vec<Kind>,
    /// Appliers own objects of this definition as a whole (`x-kubernetes-map-type: atomic`).
    pub atomic: bool,
    /// Sorted by name. Structs that Go embeds are flattened, as in JSON.
    pub fields: Vec<Field>,
    /// Positions in `fields` by protobuf number, sorted.
    pub(super) by_number: Vec<(Numbers, u16)>,
}

/// Protobuf numbers from a message down to a field within it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Numbers(u64);

impl Numbers {
    /// How deep protobuf nests what JSON flattens.
    const MAX_DEPTH: u32 = 3;

    /// The numbers one level deeper; `None` where no definition goes.
    pub fn then(self, number: u32) -> Option<Numbers> {
        let number = u16::try_from(number).ok().filter(|number| *number > 0)?;
        let depth = (0..Self::MAX_DEPTH).find(|depth| self.0 & Self::level(*depth) == 0)?;
        Some(Numbers(self.0 | u64::from(number) << Self::shift(depth)))
    }

    /// No numbers: the field has no protobuf form.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn is_below(self, other: Numbers) -> bool {
        let depth = (0..Self::MAX_DEPTH).find(|depth| other.0 & Self::level(*depth) == 0);
        let mask = (0..depth.unwrap_or(Self::MAX_DEPTH)).fold(0, |mask, d| mask | Self::level(d));
        self != other && self.0 & mask == other.0
    }

    /// The first number is the most significant, so that a message's fields sort together.
    fn shift(depth: u32) -> u32 {
        16 * (Self::MAX_DEPTH - 1 - depth)
    }

    fn level(depth: u32) -> u64 {
        0xffff << Self::shift(depth)
    }
}

/// What a protobuf number leads to.
pub(crate) enum Numbered<'a> {
    Field(&'a Field),
    /// A message whose fields JSON shows among this definition's.
    Embedded,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// `*` when every group and version serves the kind (`DeleteOptions`, `WatchEvent`).
    pub group: &'static str,
    pub version: &'static str,
    pub kind: &'static str,
}

#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    /// More than one where protobuf nests what JSON flattens.
    pub numbers: Numbers,
    pub kind: Type,
    pub presence: Presence,
    pub required: bool,
    pub list_type: Option<ListType>,
    pub merge: Option<MergeStrategy>,
    pub default: Option<Default>,
}

#[derive(Debug)]
pub enum Type {
    String,
    /// Base64 in JSON.
    Bytes,
    Bool,
    Int32,
    Int64,
    Double,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    /// Any object; protobuf carries its JSON text.
    RawExtension,
    /// A field set of managed fields.
    Fields,
    /// Any JSON value.
    Json,
    /// A JSON schema of a custom resource, or several.
    SchemaOrArray,
    SchemaOrBool,
    SchemaOrStrings,
    Object(&'static Entry),
    List(Box<Type>),
    Map(Box<Type>),
}

/// When Go writes a field into JSON, which decides what an absent field and a zero value mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// A pointer: absent and zero differ.
    Pointer,
    /// A value whose zero is left out: absent and zero are the same.
    OmitZero,
    /// A value that is always written, be it zero.
    Always,
}

/// How appliers share a list, map or object: OpenAPI's `x-kubernetes-list-type` or `-map-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListType {
    /// One applier owns the whole.
    Atomic,
    /// Each field of an object or entry of a map has its owners; what maps and objects are anyway.
    Granular,
    Set,
    /// The keys, with commas between.
    Map(&'static str),
}

impl ListType {
    /// Keys of an associative list; empty for other lists.
    pub fn map_keys(self) -> impl Iterator<Item = &'static str> {
        let keys = match self {
            ListType::Map(keys) => keys,
            ListType::Atomic | ListType::Granular | ListType::Set => "",
        };
        keys.split(',').filter(|key| !key.is_empty())
    }
}

/// The field's part in a strategic merge patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeStrategy {
    /// `merge`, `replace`, `retainKeys` or `merge,retainKeys`, as OpenAPI shows it.
    pub strategy: &'static str,
    /// The key that identifies elements of a merged list of objects.
    pub key: Option<&'static str>,
}

impl MergeStrategy {
    pub fn merges(self) -> bool {
        self.strategy.split(',').any(|word| word == "merge")
    }

    pub fn replaces(self) -> bool {
        self.strategy == "replace"
    }
}

#[derive(Debug)]
pub struct Default {
    pub value: Value,
    /// The default holds only while this sibling has one of these values (with `|` between; none:
    /// while the sibling is absent).
    pub condition: Option<(&'static str, &'static str)>,
}

impl Schema {
    pub fn field(&self, name: &str) -> Option<&Field> {
        let index = self.fields.binary_search_by(|field| field.name.cmp(name)).ok()?;
        Some(&self.fields[index])
    }

    pub(crate) fn numbered(&self, numbers: Numbers) -> Numbered<'_> {
        let next = self.by_number.partition_point(|(present, _)| *present < numbers);
        match self.by_number.get(next) {
            Some((present, index)) if *present == numbers => {
                Numbered::Field(&self.fields[usize::from(*index)])
            }
            Some((present, _)) if present.is_below(numbers) => Numbered::Embedded,
            Some(_) | None => Numbered::Nothing,
        }
    }

    /// The Go type's name without its package: `PodSpec`.
    pub fn type_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }
}

impl Type {
    /// The definition of the objects this type holds: its own, its elements', or its values'.
    pub fn schema(&self) -> Option<&'static Schema> {
        match self {
            Type::Object(entry) => Some(entry.schema()),
            Type::List(element) | Type::Map(element) => element.schema(),
            _ => None,
        }
    }

    /// As Go's decoder names the type in an error.
    pub(crate) fn go_name(&self) -> String {
        match self {
            Type::String => "string".into(),
            Type::Bytes => "[]uint8".into(),
            Type::Bool => "bool".into(),
            Type::Int32 => "int32".into(),
            Type::Int64 => "int64".into(),
            Type::Double => "float64".into(),
            Type::Time => "v1.Time".into(),
            Type::MicroTime => "v1.MicroTime".into(),
            Type::Quantity => "resource.Quantity".into(),
            Type::IntOrString => "intstr.IntOrString".into(),
            Type::RawExtension => "runtime.RawExtension".into(),
            Type::Fields => "v1.FieldsV1".into(),
            Type::Json => "v1.JSON".into(),
            Type::SchemaOrArray => "v1.JSONSchemaPropsOrArray".into(),
            Type::SchemaOrBool => "v1.JSONSchemaPropsOrBool".into(),
            Type::SchemaOrStrings => "v1.JSONSchemaPropsOrStringArray".into(),
            Type::Object(entry) => {
                let mut parts = entry.name.rsplitn(3, '.');
                let name = parts.next().unwrap_or_default();
                format!("{}.{name}", parts.next().unwrap_or_default())
            }
            Type::List(element) => format!("[]{}", element.go_name()),
            Type::Map(value) => format!("map[string]{}", value.go_name()),
        }
    }
}
