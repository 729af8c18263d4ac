//! The Content-Type header: what a body is in.

use api::Status;
use api::decode::Format;

const JSON: &str = "application/json";
const YAML: &str = "application/yaml";
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// Reads the header of a body that is one object; without a header a body is JSON.
pub fn body_format(header: Option<&str>) -> Result<Format, Status> {
    match essence(header) {
        "" | JSON => Ok(Format::Json),
        YAML => Ok(Format::Yaml),
        PROTOBUF => Ok(Format::Protobuf),
        _ => Err(Status::unsupported_media_type(&[JSON, YAML, PROTOBUF])),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own, by the merge keys of the schema.
    Strategic,
}

const PATCHES: [&str; 3] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
];

impl PatchType {
    pub fn parse(header: Option<&str>) -> Result<Self, Status> {
        match essence(header) {
            "application/json-patch+json" => Ok(Self::Json),
            "application/merge-patch+json" => Ok(Self::Merge),
            "application/strategic-merge-patch+json" => Ok(Self::Strategic),
            "application/apply-patch+yaml" | "application/apply-patch+cbor" => {
                let mut status = Status::unsupported_media_type(&PATCHES);
                status.message = format!(
                    "server-side apply is not served yet: {}; accepted media types include: {}",
                    "send a merge, strategic merge or JSON patch instead",
                    PATCHES.join(", ")
                );
                Err(status)
            }
            _ => Err(Status::unsupported_media_type(&PATCHES)),
        }
    }
}

/// The media type without its parameters.
fn essence(header: Option<&str>) -> &str {
    header.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_unless_said_otherwise() {
        let rows = [
            (None, Ok(Format::Json)),
            (Some("application/json; charset=utf-8"), Ok(Format::Json)),
            (Some("application/yaml"), Ok(Format::Yaml)),
            (Some("application/vnd.kubernetes.protobuf"), Ok(Format::Protobuf)),
            (Some("text/plain"), Err(415)),
        ];
        for (header, expected) in rows {
            assert_eq!(body_format(header).map_err(|status| status.code), expected);
        }
    }

    #[test]
    fn server_side_apply_is_refused_by_name() {
        let status = PatchType::parse(Some("application/apply-patch+yaml")).unwrap_err();
        assert_eq!(status.code, 415);
        assert!(status.message.starts_with("server-side apply is not served yet"));
    }
}
