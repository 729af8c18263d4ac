//! What commands print and write.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::{Map, Value};

/// What gencert and its like print: the members that there are, in PEM.
#[derive(Clone, Default)]
pub(crate) struct Material {
    pub certificate: Option<String>,
    pub request: Option<String>,
    pub key: Option<String>,
}

impl Material {
    /// CFSSL's object: `cert`, `csr`, `key`.
    pub fn to_json(&self) -> Value {
        let members = [("cert", &self.certificate), ("csr", &self.request), ("key", &self.key)];
        let members = members.into_iter().filter_map(|(name, text)| {
            text.as_ref().map(|text| (name.to_owned(), Value::from(text.as_str())))
        });
        Value::Object(members.collect::<Map<_, _>>())
    }

    pub fn print(&self) -> anyhow::Result<()> {
        print_line(&self.to_json().to_string())
    }
}

/// Prints a result. That nobody listens is an error: a key must not be lost unseen.
pub(crate) fn print_line(text: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    let written = writeln!(output, "{text}").and_then(|()| output.flush());
    written.context("cannot write the result to standard output")
}

/// A file to be written.
pub(crate) struct NewFile {
    pub path: PathBuf,
    pub contents: Vec<u8>,
    pub mode: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// A file that is there with other contents is left, and the whole run fails.
    Keep,
    Replace,
}

/// Writes all files or none: each is written whole beside its place first.
pub(crate) fn write_all(files: &[NewFile], existing: Existing) -> anyhow::Result<()> {
    let mut written = Vec::new();
    let result = stage_and_place(files, existing, &mut written);
    if result.is_err() {
        // What was placed by this run goes again; a temporary file that stays is nobody's key.
        written.iter().for_each(|path| drop(fs::remove_file(path)));
    }
    result
}

fn stage_and_place(
    files: &[NewFile],
    existing: Existing,
    written: &mut Vec<PathBuf>,
) -> anyhow::Result<()> {
    if existing == Existing::Keep {
        for file in files {
            refuse_existing(file)?;
        }
    }
    let mut staged = Vec::new();
    for file in files {
        let temporary = beside(&file.path);
        written.push(temporary.clone());
        stage(&temporary, file).with_context(|| format!("cannot write {}", file.path.display()))?;
        staged.push((temporary, file));
    }
    for (temporary, file) in staged {
        place(&temporary, &file.path, existing)
            .with_context(|| format!("cannot write {}", file.path.display()))?;
        if existing == Existing::Keep {
            written.push(file.path.clone());
        }
    }
    Ok(())
}

fn refuse_existing(file: &NewFile) -> anyhow::Result<()> {
    if file.path.symlink_metadata().is_ok() {
        bail!(
            "{} exists already and is not overwritten: remove it, or say -force",
            file.path.display()
        );
    }
    Ok(())
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

fn stage(temporary: &Path, file: &NewFile) -> std::io::Result<()> {
    let mut output =
        OpenOptions::new().write(true).create_new(true).mode(file.mode).open(temporary)?;
    output.write_all(&file.contents)?;
    output.sync_all()
}

/// A link does not replace what another process made meanwhile, a rename would.
fn place(temporary: &Path, path: &Path, existing: Existing) -> std::io::Result<()> {
    let linked = match existing {
        Existing::Keep => fs::hard_link(temporary, path),
        Existing::Replace => Err(ErrorKind::Unsupported.into()),
    };
    match linked {
        Ok(()) => fs::remove_file(temporary)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(error),
        // Also for file systems without links.
        Err(_) => fs::rename(temporary, path)?,
    }
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(directory.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn file(path: PathBuf, contents: &str, mode: u32) -> NewFile {
        NewFile { path, contents: contents.as_bytes().to_vec(), mode }
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).expect("directory");
        let mut names: Vec<_> = entries
            .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn all_files_are_written_or_none() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let at = |name: &str| directory.path().join(name);
        let both = [file(at("a.pem"), "certificate", 0o644), file(at("a-key.pem"), "key", 0o600)];
        write_all(&both, Existing::Keep).expect("written");
        assert_eq!(names(directory.path()), ["a-key.pem", "a.pem"]);
        let mode = fs::metadata(at("a-key.pem")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let clash = [file(at("b.pem"), "new", 0o644), file(at("a.pem"), "other", 0o644)];
        let refused = write_all(&clash, Existing::Keep).expect_err("refused").to_string();
        assert!(refused.contains("a.pem exists already") && refused.contains("-force"));
        assert_eq!(names(directory.path()), ["a-key.pem", "a.pem"]);

        let lost = [file(at("c.pem"), "new", 0o644), file(at("no/c-key.pem"), "key", 0o600)];
        assert!(write_all(&lost, Existing::Keep).is_err());
        assert!(write_all(&lost, Existing::Replace).is_err());
        assert_eq!(names(directory.path()), ["a-key.pem", "a.pem"]);

        write_all(&clash, Existing::Replace).expect("replaced");
        assert_eq!(fs::read_to_string(at("a.pem")).expect("there"), "other");
        assert_eq!(names(directory.path()), ["a-key.pem", "a.pem", "b.pem"]);
    }
}
