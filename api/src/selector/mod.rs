//! Label and field selectors: parsing, matching, printing.

mod field;
mod label;
mod label_object;
mod label_parser;

pub use field::{
    FieldRequirement, FieldSelector, FieldSelectorError, escape as escape_field_value,
};
pub use label::{LabelSelector, LabelSelectorError, Operator, Requirement};
pub(crate) use label_object::validate as validate_label_selector;
