//! YAML bodies: one document, YAML 1.1's scalars as Go's library reads them (`yes` is a boolean,
//! `0644` is octal).

use serde::de::DeserializeSeed;
use serde_saphyr::options::{DuplicateKeyPolicy, Options};

use super::json::text;
use super::tree::{Budget, MAX_VALUES, Reader, Tree};
use super::{DecodeError, Decoded, json};

/// Less than JSON's bound, for the parser takes some 10 KiB of stack a level.
const MAX_DEPTH: usize = 64;

/// JSON is YAML, and clients send it as such (kubectl's server-side apply): it is read as JSON
/// where it can be.
pub(super) fn decode(body: &[u8]) -> Result<Decoded, DecodeError> {
    let text = text(body)?;
    if text.trim_ascii_start().starts_with('{')
        && let Ok(decoded) = json::decode(body)
    {
        return Ok(decoded);
    }
    let budget = Budget::default();
    let reader = Reader::new(&budget);
    let object = serde_saphyr::with_deserializer_from_str_with_options(text, options(), |yaml| {
        Tree(&reader).deserialize(yaml)
    })
    .map_err(|error| DecodeError::Yaml(error.to_string()))?;
    Ok(Decoded { object, duplicate_fields: reader.into_duplicates() })
}

fn options() -> Options {
    let mut options = Options::default();
    options.legacy_octal_numbers = true;
    // The tree reports duplicates itself, with their paths.
    options.duplicate_keys = DuplicateKeyPolicy::LastWins;
    options.with_snippet = false;
    // The parser's own bounds hold before the tree has anything to count.
    let mut budget = serde_saphyr::Budget::default();
    budget.max_depth = MAX_DEPTH;
    budget.max_nodes = 2 * MAX_VALUES; // Keys are nodes too.
    budget.max_events = 4 * MAX_VALUES; // And every list and object ends with an event.
    options.budget = Some(budget);
    options
}
