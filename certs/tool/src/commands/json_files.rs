//! `json`, also the program `cfssljson`: from the JSON that the other commands print to files.

use std::path::PathBuf;

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::command::{Call, Command, Group};
use crate::commands::version;
use crate::failure::Usage;
use crate::flag::{Flag, Order};
use crate::input;
use crate::json::{Document, Error, Node};
use crate::output::{Existing, NewFile, print_line, write_all};

const BARE: Flag =
    Flag::switch("bare", "the input is what a command printed, not a server's answer");
const FILE: Flag = Flag::text("f", "JSON input, - is standard input").with_default("-");
const STDOUT: Flag = Flag::switch("stdout", "print the contents instead of writing files");
const VERSION: Flag = Flag::switch("version", "print the version and exit");
const FORCE: Flag = Flag::switch("force", "replace files that exist");

pub(crate) const COMMAND: Command = Command {
    name: "json",
    group: Group::Make,
    summary: "Write the JSON that the other commands print to PEM files",
    usage: &["[-bare] [-f FILE] [-stdout] [-force] [NAME]"],
    help: "Writes NAME.pem, NAME-key.pem (only its owner can read it) and NAME.csr, whichever the\n\
           input has; also NAME-bundle.pem, NAME-root.pem and NAME-response.der. NAME is cert unless\n\
           told otherwise. Unlike CFSSL's, it replaces no file that exists unless told -force, and\n\
           writes all files or none. This is the program cfssljson.\n\n\
           Example:\n  {name} gencert -initca csr.json | {json} -bare ca",
    flags: &[BARE, FILE, STDOUT, VERSION, FORCE],
    order: Order::FlagsFirst,
    run,
};

fn run(call: &Call<'_>) -> anyhow::Result<()> {
    if call.flags.is_on(VERSION) {
        print!("{}", version::text());
        return Ok(());
    }
    let name = match call.arguments.as_slice() {
        [] => "cert",
        // Many a script ends with a dash, for standard input, which it is anyway.
        [name] => name,
        [name, dash] if dash == "-" => name,
        _ => return Err(Usage::error("one name for the files is expected, after the flags")),
    };
    let file = call.flags.text(FILE).unwrap_or("-");
    let text = input::read(file)?;
    if text.trim().is_empty() {
        bail!("{} is empty: the command that should have printed failed", input::name_of(file));
    }
    let document = Document::parse(input::name_of(file), text)?;
    let material = if call.flags.is_on(BARE) { document.root() } else { answer(&document.root())? };
    let outputs = outputs(&material)?;
    if outputs.is_empty() {
        bail!("{} holds no certificate, key or request", input::name_of(file));
    }
    if call.flags.is_on(STDOUT) {
        return outputs.iter().try_for_each(|output| print_line(&output.printed()));
    }
    let files: Vec<NewFile> = outputs.into_iter().map(|output| output.file(name)).collect();
    let existing = if call.flags.is_on(FORCE) { Existing::Replace } else { Existing::Keep };
    write_all(&files, existing)
}

/// The result inside a server's answer.
fn answer<'a>(root: &Node<'a>) -> anyhow::Result<Node<'a>> {
    let Some(success) = root.field("success")? else {
        return Err(root
            .error("no \"success\" is in it: what a command prints needs -bare")
            .into());
    };
    if !success.boolean()? {
        let mut told = Vec::new();
        if let Some(errors) = root.field("errors")? {
            for error in errors.list()? {
                told.extend(error.text_of("message")?.map(str::to_owned));
            }
        }
        bail!("the server refused: {}", told.join("; "));
    }
    root.field("result")?.with_context(|| root.error("no \"result\" is in it"))
}

#[derive(Debug, PartialEq, Eq)]
struct Output {
    suffix: &'static str,
    contents: Contents,
    mode: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Contents {
    Text(String),
    Binary(Vec<u8>),
}

impl Output {
    fn text(suffix: &'static str, text: &str, mode: u32) -> Self {
        Self { suffix, contents: Contents::Text(text.to_owned()), mode }
    }

    fn printed(&self) -> String {
        match &self.contents {
            Contents::Text(text) => text.clone(),
            Contents::Binary(bytes) => STANDARD.encode(bytes),
        }
    }

    fn file(self, name: &str) -> NewFile {
        let contents = match self.contents {
            Contents::Text(text) => text.into_bytes(),
            Contents::Binary(bytes) => bytes,
        };
        let path = PathBuf::from(format!("{name}{}", self.suffix));
        NewFile { path, contents, mode: self.mode }
    }
}

const PUBLIC: u32 = 0o644;
const PRIVATE: u32 = 0o600;

fn outputs(material: &Node<'_>) -> Result<Vec<Output>, Error> {
    let rows: [(&[&str], &'static str, u32); 4] = [
        (&["cert", "certificate"], ".pem", PUBLIC),
        (&["key", "private_key"], "-key.pem", PRIVATE),
        (&["encrypted_key"], "-key.enc", PRIVATE),
        (&["csr", "certificate_request"], ".csr", PUBLIC),
    ];
    let mut outputs = Vec::new();
    for (fields, suffix, mode) in rows {
        for field in fields {
            if let Some(text) = material.text_of(field)? {
                outputs.push(Output::text(suffix, text, mode));
                break;
            }
        }
    }
    if let Some(bundle) = bundle(material)? {
        outputs.extend(bundle);
    }
    if let Some(response) = material.field("ocspResponse")? {
        let bytes = STANDARD.decode(response.text()?);
        let bytes = bytes.map_err(|error| response.error(format!("not base64: {error}")))?;
        let contents = Contents::Binary(bytes);
        outputs.push(Output { suffix: "-response.der", contents, mode: PUBLIC });
    }
    Ok(outputs)
}

/// What a server adds to a certificate that it was asked to bundle.
fn bundle(material: &Node<'_>) -> Result<Option<[Output; 2]>, Error> {
    let Some(result) = material.field("result")? else { return Ok(None) };
    let Some(bundle) = result.field("bundle")? else { return Ok(None) };
    let member = |name: &str| {
        bundle.text_of(name)?.ok_or_else(|| bundle.error(format!("no {name:?} is in it")))
    };
    let (chain, root) = (member("bundle")?, member("root")?);
    Ok(Some([
        Output::text("-bundle.pem", &format!("{chain}\n{root}"), PUBLIC),
        Output::text("-root.pem", root, PUBLIC),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffixes(text: &str) -> Vec<(&'static str, u32)> {
        let document = Document::parse("x", text.to_owned()).expect("valid");
        let outputs = outputs(&document.root()).expect("read");
        outputs.iter().map(|output| (output.suffix, output.mode)).collect()
    }

    #[test]
    fn every_member_has_its_file() {
        let rows: [(&str, &[(&str, u32)]); 5] = [
            (
                r#"{"cert":"c","key":"k","csr":"r"}"#,
                &[(".pem", 0o644), ("-key.pem", 0o600), (".csr", 0o644)],
            ),
            (
                r#"{"certificate":"c","private_key":"k","certificate_request":"r"}"#,
                &[(".pem", 0o644), ("-key.pem", 0o600), (".csr", 0o644)],
            ),
            (r#"{"cert":"","encrypted_key":"e"}"#, &[("-key.enc", 0o600)]),
            (r#"{"ocspResponse":"AAAA"}"#, &[("-response.der", 0o644)]),
            (
                r#"{"result":{"bundle":{"bundle":"b","root":"r"}}}"#,
                &[("-bundle.pem", 0o644), ("-root.pem", 0o644)],
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(suffixes(text), expected, "{text}");
        }
    }

    #[test]
    fn an_answer_that_refuses_says_why() {
        let rows = [
            (r#"{"success":false,"errors":[{"code":1,"message":"no"}]}"#, "refused: no"),
            (r#"{"cert":"c"}"#, "-bare"),
            (r#"{"success":true}"#, "no \"result\""),
        ];
        for (text, expected) in rows {
            let document = Document::parse("x", text.to_owned()).expect("valid");
            let refused = answer(&document.root()).expect_err(text).to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
