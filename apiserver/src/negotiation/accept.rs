//! The Accept header: JSON, and in which form.

use api::Status;

/// The form of an answer that holds objects. All are JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The objects themselves.
    Objects,
    /// `as=Table`, with the version of meta.k8s.io asked for.
    Table { version: &'static str },
    /// `as=PartialObjectMetadata` or `as=PartialObjectMetadataList`.
    Metadata { version: &'static str },
}

/// One element of an Accept header.
#[derive(Clone, Debug, PartialEq)]
pub struct MediaRange<'a> {
    pub main: &'a str,
    pub sub: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: f32,
}

impl<'a> MediaRange<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (main, sub) = parts.next()?.split_once('/')?;
        let mut quality = 1.0;
        let mut parameters = Vec::new();
        for part in parts {
            let Some((key, value)) = part.split_once('=') else { continue };
            match key.trim() {
                "q" => quality = value.trim().parse().unwrap_or(0.0),
                key => parameters.push((key, value.trim())),
            }
        }
        Some(Self { main, sub, parameters, quality })
    }

    pub fn parameter(&self, name: &str) -> Option<&'a str> {
        self.parameters.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
    }

    fn is_json(&self) -> bool {
        matches!((self.main, self.sub), ("*", "*") | ("application", "*" | "json"))
    }
}

/// What a client accepts, best first.
#[derive(Clone, Debug, PartialEq)]
pub struct Accept<'a> {
    ranges: Vec<MediaRange<'a>>,
}

impl<'a> Accept<'a> {
    /// No header accepts anything.
    pub fn parse(header: Option<&'a str>) -> Self {
        let header = header.filter(|text| !text.trim().is_empty()).unwrap_or("*/*");
        let mut ranges: Vec<_> = header
            .split(',')
            .filter_map(MediaRange::parse)
            .filter(|range| range.quality > 0.0)
            .collect();
        ranges.sort_by(|a, b| b.quality.total_cmp(&a.quality));
        Self { ranges }
    }

    /// Chooses the form of an answer. A range with an `as` that cannot be served is skipped, as
    /// upstream does; 406 if nothing is left. `convertible` tells whether Table and metadata forms
    /// exist for what is asked.
    pub fn form(&self, convertible: bool) -> Result<Form, Status> {
        self.ranges
            .iter()
            .filter(|range| range.is_json())
            .find_map(|range| form_of(range, convertible))
            .ok_or_else(|| Status::not_acceptable(&["application/json"]))
    }

    /// Whether plain JSON will do.
    pub fn json(&self) -> Result<(), Status> {
        self.form(false).map(|_| ())
    }
}

fn form_of(range: &MediaRange<'_>, convertible: bool) -> Option<Form> {
    let Some(form) = range.parameter("as") else { return Some(Form::Objects) };
    if !convertible || range.parameter("g") != Some("meta.k8s.io") {
        return None;
    }
    let version = match range.parameter("v")? {
        "v1" => "v1",
        "v1beta1" => "v1beta1",
        _ => return None,
    };
    match form {
        "Table" => Some(Form::Table { version }),
        "PartialObjectMetadata" | "PartialObjectMetadataList" => Some(Form::Metadata { version }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(header: &str) -> Option<Form> {
        Accept::parse(Some(header)).form(true).ok()
    }

    #[test]
    fn the_form_follows_the_first_servable_range() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        let rows = [
            (table, Some(Form::Table { version: "v1" })),
            ("application/json;as=Table;v=v9;g=meta.k8s.io, application/json", Some(Form::Objects)),
            (
                "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json",
                Some(Form::Metadata { version: "v1" }),
            ),
            ("application/vnd.kubernetes.protobuf,application/json", Some(Form::Objects)),
            ("*/*", Some(Form::Objects)),
            (
                "application/json;q=0.1, application/json;as=Table;v=v1;g=meta.k8s.io;q=0.9",
                Some(Form::Table { version: "v1" }),
            ),
            ("application/vnd.kubernetes.protobuf", None),
            ("application/json;as=Table;v=v1;g=meta.k8s.io", Some(Form::Table { version: "v1" })),
            ("application/json;q=0", None),
        ];
        for (header, expected) in rows {
            assert_eq!(form(header), expected, "{header}");
        }
        assert_eq!(Accept::parse(None).form(true), Ok(Form::Objects));
    }

    #[test]
    fn what_has_no_table_refuses_only_a_table() {
        let only_table = Accept::parse(Some("application/json;as=Table;v=v1;g=meta.k8s.io"));
        assert_eq!(only_table.form(false).unwrap_err().code, 406);
    }
}
