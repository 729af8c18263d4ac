//! The data directory: whose it is, who uses it, what lies where.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use certs::cluster::{LeafSpec, Place};
use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use super::Options;

/// Says that a directory is ours, and how it is laid out.
const FORMAT_FILE: &str = "format";
const FORMAT: &str = "coracle data directory, layout 1\n";
const LOCK_FILE: &str = "lock";
/// What may be there before the first start: the lock of one that was killed early, a store that was
/// restored, images that were imported, authorities of the user's own, and what a file system puts
/// into its root.
const BEFORE_FIRST_START: [&str; 6] =
    [LOCK_FILE, "store", "runtime", "pki", "admin.kubeconfig", "lost+found"];

/// A data directory that this process holds until it is dropped.
pub struct DataDir {
    path: PathBuf,
    _lock: File,
    temporary: Option<TempDir>,
}

impl DataDir {
    /// Opens the directory that the options name, makes it when it is not there, and locks it.
    pub fn open(options: &Options) -> anyhow::Result<Self> {
        let chosen = options.data_dir.clone();
        let (path, temporary) = match chosen {
            Some(path) => (path, None),
            None if options.ephemeral || options.memory => {
                let temporary = temporary_directory(options.memory)?;
                (temporary.path().to_owned(), Some(temporary))
            }
            None => (default_path()?, None),
        };
        let path = std::path::absolute(&path)
            .with_context(|| format!("cannot use data directory {}", path.display()))?;
        prepare(&path)?;
        let lock = lock(&path)?;
        claim(&path)?;
        Ok(Self { path, _lock: lock, temporary })
    }

    pub fn pki(&self) -> PathBuf {
        self.path.join("pki")
    }

    pub fn store(&self) -> PathBuf {
        store_path(&self.path)
    }

    pub fn kubelet(&self) -> PathBuf {
        self.path.join("kubelet")
    }

    pub fn runtime(&self) -> PathBuf {
        self.path.join("runtime")
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.path.join("admin.kubeconfig")
    }

    pub fn run_file(&self) -> PathBuf {
        self.path.join("run.json")
    }

    /// Removes a temporary directory now, so that a failure can be told.
    pub fn close(self) -> anyhow::Result<()> {
        match self.temporary {
            Some(temporary) => {
                temporary.close().with_context(|| format!("cannot remove {}", self.path.display()))
            }
            None => Ok(()),
        }
    }
}

/// Where the store of the data directory `path` is.
pub fn store_path(path: &Path) -> PathBuf {
    path.join("store")
}

/// Where the images of the data directory `path` are.
pub fn images_path(path: &Path) -> PathBuf {
    path.join("runtime").join("images")
}

/// `/var/lib/coracle` for root, `$XDG_DATA_HOME/coracle` otherwise.
pub fn default_path() -> anyhow::Result<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/coracle"));
    }
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(|| {
        std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local").join("share"))
    });
    let base = base.context("neither XDG_DATA_HOME nor HOME is set; name one with --data-dir")?;
    Ok(base.join("coracle"))
}

/// With `--memory` what must be a file (kubeconfig, certificates, pods) lies in a tmpfs.
fn temporary_directory(in_memory: bool) -> anyhow::Result<TempDir> {
    let tmpfs = Path::new("/dev/shm");
    let base = if in_memory && tmpfs.is_dir() { tmpfs.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new()
        .prefix("coracle-")
        .tempdir_in(&base)
        .with_context(|| format!("cannot make a temporary directory in {}", base.display()))
}

fn prepare(path: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    match made {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            Err(error).with_context(|| {
                format!(
                    "cannot make data directory {}; choose another with --data-dir",
                    path.display()
                )
            })
        }
        Err(error) => {
            Err(error).with_context(|| format!("cannot make data directory {}", path.display()))
        }
    }
}

/// Takes the lock, or says who has it. The kernel drops it with the process, however that ends.
fn lock(path: &Path) -> anyhow::Result<File> {
    let foreign = foreign_entry(path)?;
    if let Some(entry) = foreign {
        bail!(
            "data directory {} is not Coracle's: it holds {entry:?}; choose an empty directory \
             with --data-dir",
            path.display()
        );
    }
    let lock_path = path.join(LOCK_FILE);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&lock_path)
        .with_context(|| format!("cannot open {}", lock_path.display()))?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        let mut holder = String::new();
        // The pid is a courtesy; the lock itself is what counts.
        let _ = file.read_to_string(&mut holder);
        bail!(
            "data directory {} is in use by another coracle (pid {}); stop it, or choose another \
             with --data-dir",
            path.display(),
            holder.trim()
        );
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .with_context(|| format!("cannot write {}", lock_path.display()))?;
    Ok(file)
}

/// The first thing in a directory that does not say it is ours, if it holds anything.
fn foreign_entry(path: &Path) -> anyhow::Result<Option<String>> {
    if path.join(FORMAT_FILE).exists() {
        return Ok(None);
    }
    let entries = fs::read_dir(path)
        .with_context(|| format!("cannot read data directory {}", path.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read {}", path.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !BEFORE_FIRST_START.contains(&name.as_str()) && !is_kubeconfig(&name) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// What `certs init` and `certs generate-csr` put beside `pki`.
fn is_kubeconfig(name: &str) -> bool {
    let kubeconfig = name.strip_suffix(".csr").unwrap_or(name);
    LeafSpec::named(kubeconfig).is_some_and(|spec| matches!(spec.place, Place::Kubeconfig(_)))
}

fn claim(path: &Path) -> anyhow::Result<()> {
    let format_path = path.join(FORMAT_FILE);
    match fs::read_to_string(&format_path) {
        Ok(format) if format == FORMAT => Ok(()),
        Ok(format) => bail!(
            "data directory {} has a layout that this version does not know ({:?}); use the \
             version of coracle that made it",
            path.display(),
            format.trim()
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            fs::set_permissions(path, fs::Permissions::from_mode(0o700))
                .and_then(|()| fs::write(&format_path, FORMAT))
                .with_context(|| format!("cannot write {}", format_path.display()))
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", format_path.display())),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Wrapper {
        #[command(flatten)]
        options: Options,
    }

    fn options(path: &Path) -> Options {
        let arguments = ["up", "--data-dir", path.to_str().expect("UTF-8")];
        Wrapper::parse_from(arguments).options
    }

    fn refusal(path: &Path) -> String {
        format!("{:#}", DataDir::open(&options(path)).err().expect("refused"))
    }

    #[test]
    fn a_directory_in_use_names_the_process() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let held = DataDir::open(&options(directory.path())).expect("free");
        let message = refusal(directory.path());
        assert!(message.contains(&format!("pid {}", std::process::id())), "{message}");
        drop(held);
        DataDir::open(&options(directory.path())).expect("free again");
    }

    #[test]
    fn a_foreign_directory_is_left_alone() {
        let directory = tempfile::tempdir().expect("temporary directory");
        fs::write(directory.path().join("thesis.tex"), "years of work").expect("written");
        let message = refusal(directory.path());
        assert!(message.contains("thesis.tex") && message.contains("--data-dir"), "{message}");
        assert_eq!(fs::read_dir(directory.path()).expect("read").count(), 1);
    }

    #[test]
    fn images_may_be_imported_before_the_first_start() {
        let directory = tempfile::tempdir().expect("temporary directory");
        fs::create_dir_all(images_path(directory.path())).expect("made");
        DataDir::open(&options(directory.path())).expect("ours");
    }

    #[test]
    fn certificates_may_be_made_before_the_first_start() {
        let directory = tempfile::tempdir().expect("temporary directory");
        fs::create_dir_all(directory.path().join("pki/etcd")).expect("made");
        for name in ["admin.conf", "admin.conf.csr", "kubelet.conf"] {
            fs::write(directory.path().join(name), "").expect("written");
        }
        fs::write(directory.path().join("apiserver"), "").expect("written");
        assert!(refusal(directory.path()).contains("apiserver"));
        fs::remove_file(directory.path().join("apiserver")).expect("removed");
        DataDir::open(&options(directory.path())).expect("ours");
    }

    #[test]
    fn an_unknown_layout_is_refused() {
        let directory = tempfile::tempdir().expect("temporary directory");
        fs::write(directory.path().join(FORMAT_FILE), "layout 99").expect("written");
        assert!(refusal(directory.path()).contains("layout 99"));
    }

    #[test]
    fn a_file_in_place_of_the_directory_is_named() {
        let file = tempfile::NamedTempFile::new().expect("temporary file");
        assert!(refusal(file.path()).contains(file.path().to_str().expect("UTF-8")));
    }
}
