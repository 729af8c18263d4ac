//! Fields of a pod that its containers may read: `fieldRef` in env and in downwardAPI files.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::types::Pod;

/// What a field needs that the pod's spec does not hold.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub node_name: &'a str,
    pub host_ip: &'a str,
    pub pod_ips: &'a [String],
    pub allocatable: &'a BTreeMap<String, String>,
}

/// Fields that an environment variable may refer to.
pub fn env_value(pod: &Pod, path: &str, facts: &Facts<'_>) -> Option<String> {
    let value = match path {
        "spec.nodeName" => facts.node_name.to_owned(),
        "spec.serviceAccountName" => pod.spec.service_account_name.clone().unwrap_or_default(),
        "status.hostIP" | "status.hostIPs" => facts.host_ip.to_owned(),
        "status.podIP" => facts.pod_ips.first().cloned().unwrap_or_default(),
        "status.podIPs" => facts.pod_ips.join(","),
        // Whole maps are for files only.
        "metadata.labels" | "metadata.annotations" => return None,
        _ => return file_value(pod, path),
    };
    Some(value)
}

/// Fields that a downwardAPI file may hold: metadata alone.
pub fn file_value(pod: &Pod, path: &str) -> Option<String> {
    let meta = &pod.metadata;
    if let Some((map, key)) = path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        let map = match map {
            "metadata.labels" => meta.labels.as_ref(),
            "metadata.annotations" => meta.annotations.as_ref(),
            _ => return None,
        };
        return Some(map.and_then(|map| map.get(key)).cloned().unwrap_or_default());
    }
    match path {
        "metadata.name" => Some(pod.name().to_owned()),
        "metadata.namespace" => Some(pod.namespace().to_owned()),
        "metadata.uid" => Some(pod.uid().to_owned()),
        "metadata.labels" => Some(format_map(meta.labels.as_ref())),
        "metadata.annotations" => Some(format_map(meta.annotations.as_ref())),
        _ => None,
    }
}

/// `key="value"` lines in order of keys, the last without a line end; quoted as Go's `%q`.
fn format_map(map: Option<&BTreeMap<String, String>>) -> String {
    let mut out = String::new();
    for (key, value) in map.into_iter().flatten() {
        if !out.is_empty() {
            out.push('\n');
        }
        let _ = write!(out, "{key}=");
        quote(&mut out, value);
    }
    out
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_lines_quoted_as_go_quotes() {
        let map = BTreeMap::from([
            ("b".to_owned(), "line\n\"two\"\\".to_owned()),
            ("a".to_owned(), "ä".to_owned()),
        ]);
        assert_eq!(format_map(Some(&map)), "a=\"ä\"\nb=\"line\\n\\\"two\\\"\\\\\"");
        assert_eq!(format_map(None), "");
    }
}
