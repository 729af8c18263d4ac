//! `--config-file`: YAML with the names of flags as keys, and two blocks for TLS, as etcd has it.
//!
//! Durations are integers of nanoseconds there, as Go writes them; those of the command line
//! (`10m`) are taken too. Every value keeps its line, for messages.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::flags::{self, Flag};

/// One setting of the file.
#[derive(Debug)]
pub struct Entry {
    pub flag: &'static Flag,
    /// As the file names it, with its block.
    pub key: String,
    pub text: String,
    pub line: u64,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FileError {
    #[error("cannot read {path}: {reason}")]
    Unreadable { path: String, reason: String },
    #[error("{path} is no YAML map of settings: {reason}")]
    Yaml { path: String, reason: String },
    #[error("unknown key {key:?} ({path}, line {line})")]
    Unknown { path: String, key: String, line: u64 },
    #[error("invalid value for {key} ({path}, line {line}): {expected} is expected")]
    Shape { path: String, key: String, line: u64, expected: &'static str },
}

/// Keys of `client-transport-security` and the flags that say the same.
const CLIENT_BLOCK: [(&str, &str); 9] = [
    ("cert-file", "cert-file"),
    ("key-file", "key-file"),
    ("client-cert-file", "client-cert-file"),
    ("client-key-file", "client-key-file"),
    ("client-cert-auth", "client-cert-auth"),
    ("trusted-ca-file", "trusted-ca-file"),
    ("auto-tls", "auto-tls"),
    ("allowed-cn", "client-cert-allowed-cn"),
    ("allowed-hostname", "client-cert-allowed-hostname"),
];

/// Keys of `peer-transport-security` and the flags that say the same.
const PEER_BLOCK: [(&str, &str); 10] = [
    ("cert-file", "peer-cert-file"),
    ("key-file", "peer-key-file"),
    ("client-cert-file", "peer-client-cert-file"),
    ("client-key-file", "peer-client-key-file"),
    ("client-cert-auth", "peer-client-cert-auth"),
    ("trusted-ca-file", "peer-trusted-ca-file"),
    ("auto-tls", "peer-auto-tls"),
    ("allowed-cn", "peer-cert-allowed-cn"),
    ("allowed-hostname", "peer-cert-allowed-hostname"),
    ("skip-client-san-verification", "peer-skip-client-san-verification"),
];

const SOCKET_BLOCK: [(&str, &str); 2] =
    [("reuse-port", "socket-reuse-port"), ("reuse-address", "socket-reuse-address")];

/// The blocks of the file.
const BLOCKS: [(&str, &[(&str, &str)]); 3] = [
    ("client-transport-security", &CLIENT_BLOCK),
    ("peer-transport-security", &PEER_BLOCK),
    ("socket-options", &SOCKET_BLOCK),
];

/// Settings of earlier versions that etcd's sample file still has; `etcd` itself passes over them.
const FORMER: [&str; 3] = ["proxy", "enable-v2", "rpc-max-size"];

/// Reads a file's text. Keys without a value count as not given.
pub fn read(path: &str, text: &str) -> Result<Vec<Entry>, FileError> {
    let root: Option<BTreeMap<String, Spanned<Node>>> = serde_saphyr::from_str(text)
        .map_err(|error| FileError::Yaml { path: path.to_owned(), reason: error.to_string() })?;
    let mut entries = Vec::new();
    for (key, node) in root.unwrap_or_default() {
        let line = node.defined.line();
        if let Some((_, keys)) = BLOCKS.iter().find(|(block, _)| *block == key) {
            entries.extend(read_block(path, &key, line, keys, node.value)?);
            continue;
        }
        if FORMER.contains(&key.as_str()) {
            continue;
        }
        let flag = flags::find(&key)
            .filter(|flag| !["config-file", "version"].contains(&flag.name))
            .ok_or_else(|| FileError::Unknown { path: path.into(), key: key.clone(), line })?;
        entries.extend(entry(path, flag, key, line, node.value)?);
    }
    Ok(entries)
}

fn read_block(
    path: &str,
    block: &str,
    line: u64,
    keys: &[(&str, &str)],
    node: Node,
) -> Result<Vec<Entry>, FileError> {
    let map = match node {
        Node::Nothing => return Ok(Vec::new()),
        Node::Map(map) => map,
        Node::Scalar(_) | Node::List(_) => {
            let (path, key) = (path.to_owned(), block.to_owned());
            return Err(FileError::Shape { path, key, line, expected: "a map" });
        }
    };
    let mut entries = Vec::new();
    for (key, node) in map {
        let (line, full) = (node.defined.line(), format!("{block}.{key}"));
        let flag = keys.iter().find(|(name, _)| *name == key).and_then(|(_, f)| flags::find(f));
        let flag = flag.ok_or_else(|| FileError::Unknown {
            path: path.to_owned(),
            key: full.clone(),
            line,
        })?;
        entries.extend(entry(path, flag, full, line, node.value)?);
    }
    Ok(entries)
}

fn entry(
    path: &str,
    flag: &'static Flag,
    key: String,
    line: u64,
    node: Node,
) -> Result<Option<Entry>, FileError> {
    let text = match node {
        Node::Nothing => return Ok(None),
        Node::Scalar(text) => text,
        Node::List(items) => items.join(","),
        Node::Map(_) => {
            let expected = "a value or a list";
            return Err(FileError::Shape { path: path.to_owned(), key, line, expected });
        }
    };
    // An empty text is how a file leaves a setting at its default.
    Ok((!text.is_empty()).then_some(Entry { flag, key, text, line }))
}

/// What YAML can hold, with scalars as text: the settings know their own types.
#[derive(Debug)]
enum Node {
    Nothing,
    Scalar(String),
    List(Vec<String>),
    Map(BTreeMap<String, Spanned<Node>>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list of values or a map")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Nothing)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Node>()? {
            match item {
                Node::Scalar(text) => list.push(text),
                _ => return Err(serde::de::Error::custom("a list holds plain values")),
            }
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry::<String, Spanned<Node>>()? {
            map.insert(key, value);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(&'static str, String, u64)> {
        let entries = read("x", text).expect("valid");
        entries.into_iter().map(|entry| (entry.flag.name, entry.text, entry.line)).collect()
    }

    #[test]
    fn keys_blocks_and_lists_are_read_with_their_lines() {
        let mut read = pairs(
            "name: 'a'\n\
             data-dir:\n\
             heartbeat-interval: 100\n\
             force-new-cluster: false\n\
             log-outputs: [stderr, 'x.log']\n\
             cipher-suites: [\n  TLS_A,\n  TLS_B\n]\n\
             corrupt-check-time: 600000000000\n\
             peer-transport-security:\n  cert-file: p.crt\n  allowed-cn: [a, b]\n",
        );
        read.sort_by_key(|(_, _, line)| *line);
        let expected = [
            ("name", "a", 1),
            ("heartbeat-interval", "100", 3),
            ("force-new-cluster", "false", 4),
            ("log-outputs", "stderr,x.log", 5),
            ("cipher-suites", "TLS_A,TLS_B", 6),
            ("corrupt-check-time", "600000000000", 10),
            ("peer-cert-file", "p.crt", 12),
            ("peer-cert-allowed-cn", "a,b", 13),
        ];
        assert_eq!(read, expected.map(|(name, text, line)| (name, text.to_owned(), line)));
        assert!(pairs("").is_empty() && pairs("# nothing\n").is_empty());
    }

    #[test]
    fn what_is_wrong_has_a_line() {
        for (text, told) in [
            ("name: a\nnomen: b\n", "unknown key \"nomen\" (x, line 2)"),
            (
                "\nclient-transport-security:\n  cert: b\n",
                "unknown key \"client-transport-security.cert\" (x, line 3)",
            ),
            ("name:\n  deep: 1\n", "(x, line 2): a value or a list is expected"),
            ("peer-transport-security: 1\n", "(x, line 1): a map is expected"),
            ("name: [", "no YAML"),
        ] {
            let error = read("x", text).expect_err("refused").to_string();
            assert!(error.contains(told), "{error}");
        }
    }
}
