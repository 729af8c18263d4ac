//! Named network namespaces, as `ip netns` keeps them: a file under `/run/netns` that a namespace
//! is bound to, so that it lives without a process.
//!
//! A namespace is made on a thread of its own that unshares and ends. Forking instead is not
//! open to a process with threads.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, setns, unshare};

use crate::Error;

/// Where named namespaces are found.
pub const DIRECTORY: &str = "/run/netns";

/// The file of a named namespace.
pub fn path(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

/// Creates a namespace and binds it to its name. Fails if the name is taken.
pub fn create(name: &str) -> Result<(), Error> {
    let owned = name.to_owned();
    on_thread(name, move || {
        enter_new()?;
        bind_current(&owned)
    })
}

/// Runs `work` on a thread inside the named namespace and returns what it says.
pub fn within<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    let file = File::open(path(name)).map_err(Error::io("open namespace", name))?;
    let owned = name.to_owned();
    on_thread(name, move || {
        setns(file, CloneFlags::CLONE_NEWNET)
            .map_err(io::Error::from)
            .map_err(Error::io("enter namespace", owned))?;
        Ok(work())
    })
}

/// Unbinds and removes a name. The namespace goes with its last process. Idempotent.
pub fn delete(name: &str) -> Result<(), Error> {
    let path = path(name);
    match umount2(&path, MntFlags::MNT_DETACH) {
        // EINVAL: a file that nothing is bound to, which a crash between the two steps leaves.
        Ok(()) | Err(nix::errno::Errno::EINVAL) => {}
        Err(nix::errno::Errno::ENOENT) => return Ok(()),
        Err(errno) => return Err(Error::io("unbind namespace", name)(errno.into())),
    }
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::io("remove namespace", name)(error))
        }
        _ => Ok(()),
    }
}

/// Names that begin with `prefix`.
pub fn list(prefix: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(DIRECTORY) else {
        return vec![]; // Nobody has made a namespace on this machine.
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .collect()
}

/// Moves the calling thread into a new namespace, for good.
pub(crate) fn enter_new() -> Result<(), Error> {
    unshare(CloneFlags::CLONE_NEWNET)
        .map_err(io::Error::from)
        .map_err(Error::io("create", "network namespace"))
}

/// Binds the calling thread's namespace to a name.
pub(crate) fn bind_current(name: &str) -> Result<(), Error> {
    let path = path(name);
    fs::create_dir_all(DIRECTORY).map_err(Error::io("create", DIRECTORY))?;
    File::create_new(&path).map_err(Error::io("create namespace", name))?;
    let bound = mount(
        Some("/proc/thread-self/ns/net"),
        &path,
        None::<&str>,
        MsFlags::MS_BIND,
        None::<&str>,
    );
    bound.map_err(|errno| {
        let _ = fs::remove_file(&path);
        Error::io("bind namespace", name)(errno.into())
    })
}

pub(crate) fn on_thread<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    std::thread::Builder::new()
        .name("netns".to_owned())
        .spawn(work)
        .map_err(Error::io("start a thread for", name))?
        .join()
        .map_err(|_| Error::WorkerLost { name: name.to_owned() })?
}
