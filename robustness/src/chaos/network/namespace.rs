//! A network namespace without a name: it lives while somebody is in it or holds it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use nix::sched::{CloneFlags, setns, unshare};

#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// Makes one. A thread goes there for a moment; the caller stays where it is.
    pub fn new() -> io::Result<Self> {
        let made = std::thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET)?;
            File::open("/proc/thread-self/ns/net").map(Self)
        });
        made.join().expect("the thread does not panic")
    }

    /// A path by which other programs find it while this process holds it.
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }

    /// Has a command run inside.
    pub fn enter(&self, command: &mut Command) -> io::Result<()> {
        let inside = self.0.try_clone()?;
        // SAFETY: setns is a plain system call; the closure owns the descriptor and allocates
        // nothing.
        unsafe {
            command.pre_exec(move || Ok(setns(inside.as_fd(), CloneFlags::CLONE_NEWNET)?));
        }
        Ok(())
    }
}
