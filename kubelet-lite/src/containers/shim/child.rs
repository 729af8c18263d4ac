//! Creating processes by libcontainer.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use libcontainer::container::Container;
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::pipe2;

use super::executor::PodExecutor;

/// An exec takes microseconds once everything is prepared.
const EXEC_PATIENCE_MS: u16 = 10_000;
/// Room for a sentence about what went wrong.
const COMPLAINT_LIMIT: u64 = 4096;

/// Where a process's output is read, and which stream it is.
pub(super) type ReadEnd = (OwnedFd, &'static str);

/// The two ends of what a process prints.
pub(super) struct Output {
    pub(super) child_stdin: OwnedFd,
    pub(super) child_stdout: OwnedFd,
    pub(super) child_stderr: OwnedFd,
    /// Read ends, not blocking. With a terminal there is one, its other side.
    pub(super) streams: Vec<ReadEnd>,
}

impl Output {
    pub(super) fn pipes() -> std::io::Result<Self> {
        let (stdout, child_stdout) = pipe2(OFlag::O_CLOEXEC)?;
        let (stderr, child_stderr) = pipe2(OFlag::O_CLOEXEC)?;
        // The container's end keeps blocking: the flag is that end's own.
        for end in [&stdout, &stderr] {
            fcntl(end, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(Self {
            child_stdin: null()?,
            child_stdout,
            child_stderr,
            streams: vec![(stdout, "stdout"), (stderr, "stderr")],
        })
    }

    pub(super) fn terminal() -> std::io::Result<Self> {
        let pty = nix::pty::openpty(None, None)?;
        for end in [&pty.master, &pty.slave] {
            fcntl(end, FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC))?;
        }
        fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self {
            child_stdin: pty.slave.try_clone()?,
            child_stdout: pty.slave.try_clone()?,
            child_stderr: pty.slave,
            streams: vec![(pty.master, "stdout")],
        })
    }

    pub(super) fn files(stdout: &Path, stderr: &Path) -> std::io::Result<Self> {
        Ok(Self {
            child_stdin: null()?,
            child_stdout: File::create(stdout)?.into(),
            child_stderr: File::create(stderr)?.into(),
            streams: vec![],
        })
    }

    pub(super) fn nothing() -> std::io::Result<Self> {
        Ok(Self {
            child_stdin: null()?,
            child_stdout: null()?,
            child_stderr: null()?,
            streams: vec![],
        })
    }
}

fn null() -> std::io::Result<OwnedFd> {
    let file = File::options().read(true).write(true).open("/dev/null")?;
    Ok(file.into())
}

/// What a process is made of.
pub(super) struct Child<'a> {
    pub(super) id: &'a str,
    /// Where libcontainer keeps its state, one folder per id.
    pub(super) state: &'a Path,
    /// Folder with `config.json`.
    pub(super) bundle: &'a Path,
    pub(super) oom_score_adj: Option<i32>,
    pub(super) tty: bool,
}

impl Child<'_> {
    /// Creates and starts it. Returns the pid and the read ends of its output.
    pub(super) fn start(&self, output: Output) -> Result<(i32, Vec<ReadEnd>), String> {
        let _ = std::fs::remove_dir_all(self.state.join(self.id)); // Of an earlier attempt.
        let (complaints, executor, writer) = self.executor()?;
        let built = self
            .builder(executor)?
            .with_stdin(output.child_stdin)
            .with_stdout(output.child_stdout)
            .with_stderr(output.child_stderr)
            .as_init(self.bundle)
            .with_systemd(false)
            .as_sibling(false)
            .build();
        drop(writer);
        let mut container = built.map_err(|error| complaint_or(&complaints, &error))?;
        let pid = container.pid().map(|pid| pid.as_raw()).unwrap_or(0);
        self.adjust_oom_score(pid);
        container.start().map_err(|error| chain(&error))?;
        match complaint(&complaints) {
            Some(reason) => Err(reason),
            None => Ok((pid, output.streams)),
        }
    }

    /// Runs a command beside the container's own. Returns the pid.
    pub(super) fn exec(&self, command: Vec<String>, output: Output) -> Result<i32, String> {
        Container::load(self.state.join(self.id)).map_err(|error| chain(&error))?;
        let (complaints, executor, writer) = self.executor()?;
        let built = self
            .builder(executor)?
            .with_stdin(output.child_stdin)
            .with_stdout(output.child_stdout)
            .with_stderr(output.child_stderr)
            .as_tenant()
            .as_sibling(false)
            .with_detach(true)
            .with_container_args(command)
            .build();
        drop(writer);
        let pid = built.map_err(|error| complaint_or(&complaints, &error))?;
        match complaint(&complaints) {
            Some(reason) => Err(reason),
            None => Ok(pid.as_raw()),
        }
    }

    fn executor(&self) -> Result<(File, PodExecutor, OwnedFd), String> {
        let (reader, writer) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| errno.to_string())?;
        let executor = PodExecutor { complaints: writer.as_raw_fd(), tty: self.tty };
        Ok((reader.into(), executor, writer))
    }

    fn builder(&self, executor: PodExecutor) -> Result<ContainerBuilder, String> {
        ContainerBuilder::new(self.id.to_owned(), SyscallType::default())
            .with_executor(executor)
            .with_root_path(self.state)
            .map_err(|error| chain(&error))
    }

    /// Done from outside and best effort: libcontainer would set it for this process as well, and
    /// lowering it takes a privilege that even root may lack.
    fn adjust_oom_score(&self, pid: i32) {
        if let (Some(score), true) = (self.oom_score_adj, pid > 0) {
            let path = PathBuf::from(format!("/proc/{pid}/oom_score_adj"));
            let _ = std::fs::write(path, score.to_string());
        }
    }
}

/// What the process itself says about its failure is better than what libcontainer concludes.
fn complaint_or(complaints: &File, error: &dyn std::error::Error) -> String {
    complaint(complaints).unwrap_or_else(|| chain(error))
}

/// Reads what the process wrote until its end of the pipe closed: nothing after a good exec.
fn complaint(mut complaints: &File) -> Option<String> {
    let mut fds = [PollFd::new(complaints.as_fd(), PollFlags::POLLIN)];
    let ready = poll(&mut fds, PollTimeout::from(EXEC_PATIENCE_MS));
    if !ready.is_ok_and(|ready| ready > 0) {
        return Some("the process did not come to its exec in time".to_owned());
    }
    let mut bytes = vec![];
    let _ = (&mut complaints).take(COMPLAINT_LIMIT).read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
