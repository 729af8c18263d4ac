//! YAML bodies: one document, YAML 1.1's scalars as Go's library reads them (`yes` is a boolean,
//! `0644` is octal).

use serde::de::DeserializeSeed;
use serde_saphyr::options::{DuplicateKeyPolicy, Options};

use super::json::text;
use super::tree::{Budget, Reader, Tree};
use super::{DecodeError, Decoded};

pub(super) fn decode(body: &[u8]) -> Result<Decoded, DecodeError> {
    let text = text(body)?;
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
    options
}
