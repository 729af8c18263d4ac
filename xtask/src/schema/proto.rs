//! Reads the `generated.proto` files: the second opinion on protobuf numbers and wire types.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::fetch::Module;

/// Message fields by number: the type as written, without `optional` and `repeated`.
pub type Message = HashMap<u32, String>;

/// Messages by definition name.
pub struct Messages(HashMap<String, Message>);

impl Messages {
    pub fn read(modules: &[Module]) -> anyhow::Result<Messages> {
        let mut messages = HashMap::new();
        for module in modules {
            for path in files(&module.root, "proto")? {
                let package = package(module, &path)?;
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                for (name, message) in parse(&text)? {
                    messages.insert(format!("{package}.{name}"), message);
                }
            }
        }
        Ok(Messages(messages))
    }

    /// The written type of the field reached by `numbers` from the definition's message.
    pub fn wire_type(&self, definition: &str, numbers: &[u32]) -> Option<&str> {
        let (first, rest) = numbers.split_first()?;
        let written = self.0.get(definition)?.get(first)?;
        if rest.is_empty() {
            return Some(written);
        }
        let inner = match written.trim_start_matches('.').strip_prefix("k8s.io.") {
            Some(qualified) => format!("io.k8s.{qualified}"),
            None => format!("{}.{written}", definition.rsplit_once('.')?.0),
        };
        self.wire_type(&inner, rest)
    }
}

fn parse(text: &str) -> anyhow::Result<Vec<(String, Message)>> {
    let mut messages = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("message ").and_then(|rest| rest.split(' ').next())
        else {
            continue;
        };
        let mut message = Message::new();
        for line in lines.by_ref() {
            if line == "}" {
                break;
            }
            let line = line.trim();
            let Some((declaration, number)) =
                line.strip_suffix(';').and_then(|l| l.split_once('='))
            else {
                continue;
            };
            if line.starts_with("//") {
                continue;
            }
            let number = number.trim().parse().with_context(|| format!("{name}: {line}"))?;
            let declaration = declaration.trim();
            let (written, _) = declaration.rsplit_once(' ').context("a field without a name")?;
            let written = written.trim_start_matches("optional ").trim_start_matches("repeated ");
            message.insert(number, written.to_owned());
        }
        messages.push((name.to_owned(), message));
    }
    Ok(messages)
}

/// Every file below `root` with this extension.
pub fn files(root: &Path, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(dir) = pending.pop() {
        for entry in
            std::fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|present| present == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The definition prefix of the types in `path`: `io.k8s.api.core.v1`.
pub fn package(module: &Module, path: &Path) -> anyhow::Result<String> {
    let dir = path.parent().context("a file without a directory")?.strip_prefix(&module.root)?;
    let parts: Vec<_> = dir.iter().map(|part| part.to_string_lossy()).collect();
    Ok(std::iter::once(module.prefix.into()).chain(parts).collect::<Vec<_>>().join("."))
}
