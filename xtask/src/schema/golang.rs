//! Reads the struct tags of Go's API types: what the JSON schema does not say of a field.
//!
//! A line-based reader suffices, because gofmt gives these files one shape: a field a line, its
//! tags between backquotes, its markers in the comment above.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, bail};

use super::fetch::Module;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub go_type: String,
    pub pointer: bool,
    pub omit_empty: bool,
    pub omit_zero: bool,
    /// Protobuf numbers from the message down to the field: more than one when Go embeds a struct
    /// that JSON flattens and protobuf nests. Empty when the field has no protobuf form.
    pub numbers: Vec<u32>,
    /// The literal of a `+default=` marker.
    pub default: Option<String>,
}

enum Member {
    Field {
        json_name: String,
        field: Field,
    },
    /// A struct whose fields JSON shows as the outer struct's own.
    Inline {
        go_type: String,
        number: Option<u32>,
    },
}

/// Structs by definition name (`io.k8s.api.core.v1.Pod`).
pub struct Structs(HashMap<String, Declaration>);

enum Declaration {
    Struct(Vec<Member>),
    /// `type MatchCondition v1.MatchCondition`: the same fields as another version's.
    Like(String),
}

/// Struct nesting by embedding is two deep upstream.
const MAX_EMBEDDING: usize = 4;

impl Structs {
    pub fn read(modules: &[Module]) -> anyhow::Result<Structs> {
        let mut structs = HashMap::new();
        for module in modules {
            for path in super::proto::files(&module.root, "go")? {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                let holds_types = name.starts_with("types") && !name.contains("generated");
                if !holds_types && !["group_version.go", "watch.go"].contains(&name.as_ref()) {
                    continue;
                }
                let package = super::proto::package(module, &path)?;
                let text = std::fs::read_to_string(&path)
                    .with_context(|| format!("cannot read {}", path.display()))?;
                for (name, declaration) in parse(&text)? {
                    structs.insert(format!("{package}.{name}"), declaration);
                }
            }
        }
        Ok(Structs(structs))
    }

    /// The fields of a definition by JSON name, embedded structs flattened.
    pub fn fields(&self, definition: &str) -> anyhow::Result<BTreeMap<&str, Field>> {
        let mut fields = BTreeMap::new();
        self.collect(definition, &[], 0, &mut fields)?;
        Ok(fields)
    }

    fn collect<'a>(
        &'a self,
        definition: &str,
        prefix: &[u32],
        depth: usize,
        fields: &mut BTreeMap<&'a str, Field>,
    ) -> anyhow::Result<()> {
        if depth > MAX_EMBEDDING {
            bail!("{definition} is embedded too deep");
        }
        let (package, _) = definition.rsplit_once('.').context("no package")?;
        let members = match self.0.get(definition) {
            Some(Declaration::Struct(members)) => members,
            Some(Declaration::Like(target)) => {
                let (group, _) = package.rsplit_once('.').context("no group")?;
                return self.collect(&format!("{group}.{target}"), prefix, depth + 1, fields);
            }
            None => bail!("no Go struct {definition}"),
        };
        let path = |number: Option<u32>| match number {
            Some(number) => prefix.iter().copied().chain([number]).collect(),
            None => Vec::new(),
        };
        for member in members {
            match member {
                Member::Field { json_name, field } => {
                    let numbers = path(field.numbers.first().copied());
                    fields.insert(json_name, Field { numbers, ..field.clone() });
                }
                Member::Inline { go_type, .. } if go_type.ends_with("TypeMeta") => {
                    for name in ["apiVersion", "kind"] {
                        fields.insert(name, type_meta_field());
                    }
                }
                Member::Inline { go_type, number } => {
                    let inner = format!("{package}.{go_type}");
                    self.collect(&inner, &path(*number), depth + 1, fields)?;
                }
            }
        }
        Ok(())
    }
}

/// `kind` and `apiVersion` travel in protobuf's envelope, not in the message.
fn type_meta_field() -> Field {
    Field {
        go_type: "string".into(),
        pointer: false,
        omit_empty: true,
        omit_zero: false,
        numbers: Vec::new(),
        default: None,
    }
}

fn parse(text: &str) -> anyhow::Result<Vec<(String, Declaration)>> {
    let mut structs = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(rest) = line.strip_prefix("type ") else { continue };
        let Some((name, shape)) = rest.split_once(' ') else { continue };
        if shape != "struct {" {
            let declaration = match shape {
                "struct{}" => Declaration::Struct(Vec::new()),
                shape => Declaration::Like(shape.trim_start_matches("= ").to_owned()),
            };
            structs.push((name.to_owned(), declaration));
            continue;
        }
        let mut members = Vec::new();
        let mut default = None;
        for line in lines.by_ref() {
            if line == "}" {
                break;
            }
            let line = line.trim();
            if let Some(comment) = line.strip_prefix("//") {
                if let Some(literal) = comment.trim().strip_prefix("+default=") {
                    default = Some(literal.to_owned());
                }
                continue;
            }
            if let Some(member) = parse_member(line, default.take())
                .with_context(|| format!("cannot read the field {line:?} of {name}"))?
            {
                members.push(member);
            }
        }
        structs.push((name.to_owned(), Declaration::Struct(members)));
    }
    Ok(structs)
}

fn parse_member(line: &str, default: Option<String>) -> anyhow::Result<Option<Member>> {
    let Some((declaration, tags)) = line.split_once('`') else {
        return Ok(None); // Blank, or a field that is not serialised.
    };
    let mut words = declaration.split_whitespace();
    let first = words.next().context("no name")?;
    let go_type = words.next().unwrap_or(first); // An embedded struct is named as its type.
    let Some(json) = tag(tags, "json") else { return Ok(None) };
    let mut options = json.split(',');
    let json_name = options.next().unwrap_or_default();
    let options: Vec<&str> = options.collect();
    let number = match tag(tags, "protobuf") {
        Some(protobuf) => {
            let number = protobuf.split(',').nth(1).context("no protobuf number")?;
            (number != "-").then(|| number.parse()).transpose()?
        }
        None => None,
    };
    if json_name == "-" {
        return Ok(None);
    }
    if options.contains(&"inline") {
        return Ok(Some(Member::Inline { go_type: go_type.to_owned(), number }));
    }
    Ok(Some(Member::Field {
        json_name: if json_name.is_empty() { first } else { json_name }.to_owned(),
        field: Field {
            go_type: go_type.trim_start_matches('*').to_owned(),
            pointer: go_type.starts_with('*'),
            omit_empty: options.contains(&"omitempty"),
            omit_zero: options.contains(&"omitzero"),
            numbers: number.into_iter().collect(),
            default,
        },
    }))
}

fn tag<'a>(tags: &'a str, name: &str) -> Option<&'a str> {
    let start = tags.find(&format!("{name}:\""))? + name.len() + 2;
    let length = tags[start..].find('"')?;
    Some(&tags[start..start + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = r#"
package v1

type Volume struct {
	// Name of it.
	Name string `json:"name" protobuf:"bytes,1,opt,name=name"`
	VolumeSource `json:",inline" protobuf:"bytes,2,opt,name=volumeSource"`
}

type VolumeSource struct {
	// +optional
	// +default="ext4"
	HostPath *HostPathVolumeSource `json:"hostPath,omitempty" protobuf:"bytes,7,opt,name=hostPath"`
	internal int
}
"#;

    #[test]
    fn embedded_structs_are_flattened_and_keep_their_numbers() {
        let structs = Structs(
            parse(SOURCE)
                .expect("the source is well formed")
                .into_iter()
                .map(|(name, declaration)| (format!("p.{name}"), declaration))
                .collect(),
        );
        let fields = structs.fields("p.Volume").expect("both structs are known");
        assert_eq!(fields.keys().copied().collect::<Vec<_>>(), ["hostPath", "name"]);
        assert_eq!(fields["hostPath"].numbers, [2, 7]);
        assert!(fields["hostPath"].pointer && fields["hostPath"].omit_empty);
        assert_eq!(fields["hostPath"].default.as_deref(), Some("\"ext4\""));
        assert_eq!(fields["name"].numbers, [1]);
        assert!(!fields["name"].pointer && !fields["name"].omit_empty);
    }
}
