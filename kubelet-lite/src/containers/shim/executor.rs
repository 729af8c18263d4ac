//! The last steps inside the container, up to the exec.

use std::collections::HashMap;
use std::ffi::CString;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use libcontainer::oci_spec::runtime::Spec;
use libcontainer::workload::{
    Executor, ExecutorError, ExecutorSetEnvsError, ExecutorValidationError,
};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal};

/// Exit code of a container that never came to run, as Docker has it.
pub(super) const START_FAILED: i32 = 128;

/// Executes the container's command with the spec's environment in the spec's order.
///
/// What goes wrong is said through a pipe in words meant for the pod's status: it is closed by a
/// successful exec, so the shim's read of it ends either way.
#[derive(Clone)]
pub(super) struct PodExecutor {
    /// Write end of the pipe. Stays open in the child because it is a number, not an owner.
    pub(super) complaints: RawFd,
    /// Standard input is a terminal, to be the controlling one.
    pub(super) tty: bool,
}

impl Executor for PodExecutor {
    fn validate(&self, spec: &Spec) -> Result<(), ExecutorValidationError> {
        let (args, env) = command(spec);
        lookup(args, env).map(|_| ()).map_err(|reason| {
            self.complain(&reason);
            ExecutorValidationError::ArgValidationError(reason)
        })
    }

    /// The environment is passed to the exec instead.
    fn setup_envs(&self, _: HashMap<String, String>) -> Result<(), ExecutorSetEnvsError> {
        Ok(())
    }

    fn exec(&self, spec: &Spec) -> Result<(), ExecutorError> {
        let (args, env) = command(spec);
        let failure = match lookup(args, env) {
            Err(reason) => reason,
            Ok(path) => {
                self.prepare();
                match run(&path, args, env) {
                    Ok(never) => match never {},
                    Err(reason) => format!("exec {path:?}: {reason}"),
                }
            }
        };
        self.complain(&failure);
        std::process::exit(START_FAILED);
    }
}

impl PodExecutor {
    /// Undoes what the shim has of its own and a program does not expect.
    fn prepare(&self) {
        let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
        // SAFETY: the default action runs no code of ours.
        let _ = unsafe { nix::sys::signal::sigaction(Signal::SIGPIPE, &default) };
        let _ =
            nix::sys::signal::sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
        if self.tty {
            // SAFETY: descriptor 0 is open; this process leads its session already.
            let stdin = unsafe { BorrowedFd::borrow_raw(0) };
            let _ = rustix::process::ioctl_tiocsctty(stdin);
        }
    }

    fn complain(&self, reason: &str) {
        // SAFETY: the shim keeps the pipe open until the container is started.
        let pipe = unsafe { BorrowedFd::borrow_raw(self.complaints) };
        let _ = nix::unistd::write(pipe, reason.as_bytes());
    }
}

fn command(spec: &Spec) -> (&[String], &[String]) {
    let process = spec.process().as_ref();
    let args = process.and_then(|process| process.args().as_deref());
    let env = process.and_then(|process| process.env().as_deref());
    (args.unwrap_or_default(), env.unwrap_or_default())
}

fn run(path: &Path, args: &[String], env: &[String]) -> Result<std::convert::Infallible, String> {
    let text = |text: &str| CString::new(text).map_err(|_| format!("{text:?} holds a zero byte"));
    let path = text(&path.to_string_lossy())?;
    let args = args.iter().map(|arg| text(arg)).collect::<Result<Vec<_>, _>>()?;
    let env = env.iter().map(|pair| text(pair)).collect::<Result<Vec<_>, _>>()?;
    nix::unistd::execve(&path, &args, &env).map_err(|errno| words(errno).to_owned())
}

fn words(errno: nix::Error) -> &'static str {
    match errno {
        nix::Error::ENOEXEC => "exec format error",
        nix::Error::ENOENT => "no such file or directory",
        nix::Error::EACCES => "permission denied",
        other => other.desc(),
    }
}

/// Finds the program as a shell would, in words that Kubernetes users know.
fn lookup(args: &[String], env: &[String]) -> Result<PathBuf, String> {
    let Some(name) = args.first().filter(|name| !name.is_empty()) else {
        return Err("no command specified".to_owned());
    };
    if name.contains('/') {
        let path = PathBuf::from(name);
        return match is_program(&path) {
            Ok(()) => Ok(path),
            Err(reason) => Err(format!("exec: {name:?}: stat {name}: {reason}")),
        };
    }
    let path = env.iter().find_map(|pair| pair.strip_prefix("PATH=")).unwrap_or("");
    let mut denied = false;
    for folder in path.split(':').filter(|folder| !folder.is_empty()) {
        let candidate = Path::new(folder).join(name);
        match is_program(&candidate) {
            Ok(()) => return Ok(candidate),
            Err(reason) => denied |= reason == "permission denied",
        }
    }
    Err(match denied {
        true => format!("exec: {name:?}: permission denied"),
        false => format!("exec: {name:?}: executable file not found in $PATH"),
    })
}

fn is_program(path: &Path) -> Result<(), &'static str> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err("is a directory"),
        Ok(metadata) if metadata.permissions().mode() & 0o111 == 0 => Err("permission denied"),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err("permission denied")
        }
        Err(_) => Err("no such file or directory"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(args: &[&str], path: &str) -> Result<PathBuf, String> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        lookup(&args, &[format!("PATH={path}")])
    }

    #[test]
    fn programs_are_looked_up_as_a_shell_does() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("tool"), "").unwrap();
        std::fs::set_permissions(at("tool"), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(at("data"), "").unwrap();
        std::fs::set_permissions(at("data"), PermissionsExt::from_mode(0o644)).unwrap();
        let path = format!("/nonexistent:{}", dir.path().display());

        assert_eq!(look(&["tool", "x"], &path), Ok(at("tool")));
        let refusal = |name: &str| look(&[name], &path).unwrap_err();
        assert_eq!(refusal("foo"), "exec: \"foo\": executable file not found in $PATH");
        assert_eq!(refusal("data"), "exec: \"data\": permission denied");
        assert_eq!(
            refusal("/no/such"),
            "exec: \"/no/such\": stat /no/such: no such file or directory"
        );
        assert!(refusal("/tmp").ends_with("is a directory"));
        assert_eq!(look(&[], &path).unwrap_err(), "no command specified");
    }
}
