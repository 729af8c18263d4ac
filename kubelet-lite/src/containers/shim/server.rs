//! The shim's loop: one poll over its socket, its clients, its children's pipes and SIGCHLD.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, kill};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::child::{Child, Output};
use super::executor::START_FAILED;
use super::logs::{Drained, Stream};
use super::oom;
use crate::containers::cgroup;
use crate::containers::folder::{SHIM_SOCKET, STATUS_FILE, write_atomically};
use crate::containers::protocol::{
    Decoder, End, Exec, Frame, Phase, Reply, Request, StartContainer, StartPause, Status,
};

/// The kubelet connects once and reconnects after a crash: more clients are a mistake.
const CLIENT_LIMIT: usize = 8;
/// A client that does not take its answers for so long is dropped.
const WRITE_PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: &str = "pause";

pub(super) struct Server {
    folder: PathBuf,
    listener: UnixListener,
    signals: SignalFd,
    clients: Vec<Client>,
    pause: Option<i32>,
    containers: BTreeMap<String, Container>,
    /// Commands that run beside containers: pid to the name of their end.
    execs: BTreeMap<i32, u64>,
    quitting: bool,
}

struct Client {
    stream: UnixStream,
    decoder: Decoder,
    /// To be dropped at the end of the turn.
    gone: bool,
}

struct Container {
    status: Status,
    status_file: PathBuf,
    cgroup: String,
    shares_pids: bool,
    streams: Vec<Stream>,
}

impl Server {
    pub(super) fn open(folder: PathBuf) -> io::Result<Self> {
        let folder = folder.canonicalize()?;
        nix::sys::prctl::set_child_subreaper(true)?;
        // Ctrl-C on the terminal is meant for the cluster, which then ends its pods in order.
        let mut ours = SigSet::empty();
        ours.add(Signal::SIGCHLD);
        ours.thread_block()?;
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGPIPE] {
            // SAFETY: ignoring a signal runs no code of ours.
            unsafe { nix::sys::signal::signal(signal, nix::sys::signal::SigHandler::SigIgn) }?;
        }
        let signals = SignalFd::with_flags(&ours, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
        // The path of a socket is short by law: bind it from within its folder.
        std::env::set_current_dir(&folder)?;
        let _ = fs::remove_file(SHIM_SOCKET);
        let listener = UnixListener::bind(SHIM_SOCKET)?;
        listener.set_nonblocking(true)?;
        let first = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
        let null = File::open("/dev/null")?;
        nix::unistd::dup2_stdin(&null)?;
        let mut server = Self {
            folder,
            listener,
            signals,
            clients: vec![],
            pause: None,
            containers: BTreeMap::new(),
            execs: BTreeMap::new(),
            quitting: false,
        };
        server.admit(first)?;
        Ok(server)
    }

    pub(super) fn run(mut self) -> io::Result<()> {
        while !self.quitting {
            let ready = self.wait()?;
            for token in ready {
                match token {
                    Token::Signals => self.reap(),
                    Token::Listener => self.accept(),
                    Token::Client(at) => self.serve(at),
                    Token::Stream(container, at) => self.pump(&container, at),
                }
            }
            self.clients.retain(|client| !client.gone);
        }
        Ok(())
    }

    fn wait(&self) -> io::Result<Vec<Token>> {
        let mut tokens = vec![Token::Signals, Token::Listener];
        let mut fds: Vec<BorrowedFd<'_>> = vec![self.signals.as_fd(), self.listener.as_fd()];
        for (at, client) in self.clients.iter().enumerate() {
            tokens.push(Token::Client(at));
            fds.push(client.stream.as_fd());
        }
        for (id, container) in &self.containers {
            for (at, stream) in container.streams.iter().enumerate() {
                tokens.push(Token::Stream(id.clone(), at));
                fds.push(stream.fd());
            }
        }
        let mut fds: Vec<PollFd<'_>> =
            fds.into_iter().map(|fd| PollFd::new(fd, PollFlags::POLLIN)).collect();
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(vec![]),
            Err(errno) => return Err(errno.into()),
        }
        let ready = |fd: &PollFd<'_>| fd.revents().is_some_and(|events| !events.is_empty());
        // Backwards, so that a removal does not move what is still to be served.
        let ready = tokens.into_iter().zip(&fds).filter(|(_, fd)| ready(fd));
        let mut ready: Vec<Token> = ready.map(|(token, _)| token).collect();
        ready.reverse();
        Ok(ready)
    }

    fn accept(&mut self) {
        if let Ok((stream, _)) = self.listener.accept() {
            let _ = self.admit(stream);
        }
    }

    fn admit(&mut self, stream: UnixStream) -> io::Result<()> {
        if self.clients.len() >= CLIENT_LIMIT {
            return Ok(());
        }
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        self.clients.push(Client { stream, decoder: Decoder::default(), gone: false });
        Ok(())
    }

    /// Reads what a client has sent and answers the requests in it.
    fn serve(&mut self, at: usize) {
        let mut buffer = [0; 8192];
        let client = &mut self.clients[at];
        match client.stream.read(&mut buffer) {
            Ok(0) | Err(_) => client.gone = true,
            Ok(read) => client.decoder.push(&buffer[..read]),
        }
        loop {
            match self.clients[at].decoder.next() {
                Ok(Some(Frame::Request { id, request })) => {
                    let reply = self.answer(request);
                    self.clients[at].send(&Frame::Reply { id, reply });
                }
                Ok(Some(Frame::Reply { .. } | Frame::End(_))) => {}
                Ok(None) => return,
                Err(_) => return self.clients[at].gone = true,
            }
        }
    }

    fn answer(&mut self, request: Request) -> Reply {
        let answered = match request {
            Request::StartPause(start) => self.start_pause(&start),
            Request::Start(start) => self.start(start),
            Request::Signal { container, signal } => self.signal(&container, signal),
            Request::Exec(exec) => self.exec(exec),
            Request::KillExec { exec } => Ok(self.kill_exec(exec)),
            Request::List => Ok(Reply::Listed {
                pause: self.pause,
                containers: self.containers.values().map(|c| c.status.clone()).collect(),
            }),
            Request::Quit => {
                self.quit();
                Ok(Reply::Done)
            }
        };
        answered.unwrap_or_else(|reason| Reply::Failed { reason })
    }

    fn start_pause(&mut self, start: &StartPause) -> Result<Reply, String> {
        if let Some(pid) = self.pause {
            return Ok(Reply::Started { pid });
        }
        let output = Output::nothing().map_err(|error| error.to_string())?;
        let state = self.state_folder()?;
        let child = Child {
            id: PAUSE,
            state: &state,
            bundle: &start.bundle,
            oom_score_adj: start.oom_score_adj,
            tty: false,
        };
        let (pid, _) = child.start(output)?;
        self.pause = Some(pid);
        Ok(Reply::Started { pid })
    }

    fn start(&mut self, start: StartContainer) -> Result<Reply, String> {
        if let Some(known) = self.containers.get(&start.container) {
            return match known.status.phase {
                Phase::Running => Ok(Reply::Started { pid: known.status.pid }),
                Phase::Created | Phase::Exited => {
                    Err(format!("container {} has run already", start.container))
                }
            };
        }
        let mut container = Container {
            status: Status {
                container: start.container.clone(),
                started_at: now(),
                ..Status::default()
            },
            status_file: start.bundle.join(STATUS_FILE),
            cgroup: start.cgroup.clone(),
            shares_pids: start.shares_pids,
            streams: vec![],
        };
        let outcome = match self.launch(&start) {
            Ok((pid, streams)) => {
                container.status.pid = pid;
                container.status.phase = Phase::Running;
                container.streams = streams;
                Ok(Reply::Started { pid })
            }
            Err(reason) => {
                container.status.phase = Phase::Exited;
                container.status.finished_at = now();
                container.status.exit_code = START_FAILED;
                container.status.start_error = Some(reason.clone());
                Err(reason)
            }
        };
        container.save();
        self.containers.insert(start.container, container);
        outcome
    }

    fn launch(&self, start: &StartContainer) -> Result<(i32, Vec<Stream>), String> {
        let output = match start.tty {
            true => Output::terminal(),
            false => Output::pipes(),
        };
        let output = output.map_err(|error| format!("output: {error}"))?;
        let log = open_log(&start.log_path)
            .map_err(|error| format!("log {}: {error}", start.log_path.display()))?;
        let state = self.state_folder()?;
        let child = Child {
            id: &start.container,
            state: &state,
            bundle: &start.bundle,
            oom_score_adj: start.oom_score_adj,
            tty: start.tty,
        };
        let (pid, ends) = child.start(output)?;
        let mut streams = vec![];
        for (pipe, name) in ends {
            let log = log.try_clone().map_err(|error| format!("log: {error}"))?;
            streams.push(Stream::new(pipe, name, log));
        }
        Ok((pid, streams))
    }

    fn exec(&mut self, exec: Exec) -> Result<Reply, String> {
        let container = self.running(&exec.container)?;
        let bundle = container.status_file.parent().unwrap_or(Path::new("")).to_owned();
        let output = Output::files(&exec.stdout, &exec.stderr).map_err(|e| e.to_string())?;
        let state = self.state_folder()?;
        let child = Child {
            id: &exec.container,
            state: &state,
            bundle: &bundle,
            oom_score_adj: None,
            tty: false,
        };
        let pid = child.exec(exec.command, output)?;
        self.execs.insert(pid, exec.exec);
        Ok(Reply::Done)
    }

    fn kill_exec(&self, exec: u64) -> Reply {
        for (pid, _) in self.execs.iter().filter(|(_, name)| **name == exec) {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        Reply::Done
    }

    fn signal(&self, id: &str, signal: i32) -> Result<Reply, String> {
        let container = self.running(id)?;
        let signal = Signal::try_from(signal).map_err(|_| format!("{signal} is no signal"))?;
        // The pid is not reused before this process has reaped it.
        match kill(Pid::from_raw(container.status.pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(Reply::Done),
            Err(errno) => Err(format!("signal {signal} to container {id}: {errno}")),
        }
    }

    fn running(&self, id: &str) -> Result<&Container, String> {
        match self.containers.get(id) {
            Some(container) if container.status.phase == Phase::Running => Ok(container),
            Some(_) => Err(format!("container {id} does not run")),
            None => Err(format!("no container {id}")),
        }
    }

    /// Takes the ends of all children that have ended.
    fn reap(&mut self) {
        while let Ok(Some(_)) = self.signals.read_signal() {}
        loop {
            let (pid, exit_code, signal) = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => (pid.as_raw(), code, 0),
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    (pid.as_raw(), 128 + signal as i32, signal as i32)
                }
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(_) => continue,
            };
            if self.pause == Some(pid) {
                self.pause = None;
                self.report(&End::Pause);
            } else if let Some(exec) = self.execs.remove(&pid) {
                self.report(&End::Exec { exec, exit_code });
            } else {
                self.container_ended(pid, exit_code, signal);
            }
        }
    }

    fn container_ended(&mut self, pid: i32, exit_code: i32, signal: i32) {
        let mut containers = self.containers.values_mut();
        let ended = containers.find(|container| {
            container.status.pid == pid && container.status.phase == Phase::Running
        });
        let Some(container) = ended else {
            return; // Adopted from a container, and of no interest.
        };
        if container.shares_pids {
            cgroup::kill_all(&container.cgroup);
        }
        // What it printed last is in the log before its end is known.
        container.streams.retain_mut(|stream| stream.drain() == Drained::ForNow);
        let status = &mut container.status;
        status.phase = Phase::Exited;
        status.exit_code = exit_code;
        status.signal = signal;
        status.finished_at = now();
        status.oom_killed = oom::kills(&container.cgroup) > 0;
        container.save();
        let end = End::Container(container.status.clone());
        self.report(&end);
    }

    fn pump(&mut self, id: &str, at: usize) {
        let Some(container) = self.containers.get_mut(id) else {
            return;
        };
        // A container's end may have taken its streams in the meantime.
        let Some(stream) = container.streams.get_mut(at) else {
            return;
        };
        if stream.pump() == Drained::AtEnd {
            container.streams.remove(at);
        }
    }

    fn report(&mut self, end: &End) {
        for client in &mut self.clients {
            client.send(&Frame::End(end.clone()));
        }
    }

    /// Ends every process of the pod and takes their ends, so that the status files tell them.
    fn quit(&mut self) {
        self.quitting = true;
        for container in self.containers.values() {
            if container.status.phase == Phase::Running {
                let _ = kill(Pid::from_raw(container.status.pid), Signal::SIGKILL);
                cgroup::kill_all(&container.cgroup);
            }
        }
        while self.containers.values().any(|c| c.status.phase == Phase::Running) {
            if !self.wait_for_child() {
                return;
            }
            self.reap();
        }
        if let Some(pid) = self.pause {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            while self.pause.is_some() && self.wait_for_child() {
                self.reap();
            }
        }
    }

    /// False if no child ended in good time: one that hangs in the kernel must not hang its pod.
    fn wait_for_child(&self) -> bool {
        const PATIENCE_MS: u16 = 5000;
        let mut fds = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(PATIENCE_MS)).is_ok_and(|ready| ready > 0)
    }

    fn state_folder(&self) -> Result<PathBuf, String> {
        let folder = self.folder.join("state");
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }
}

enum Token {
    Signals,
    Listener,
    Client(usize),
    /// A container and the number of its stream.
    Stream(String, usize),
}

impl Client {
    fn send(&mut self, frame: &Frame) {
        self.gone |= self.stream.write_all(&frame.encode()).is_err();
    }
}

impl Container {
    /// Best effort: without the file a later runtime takes the end as unknown.
    fn save(&self) {
        let bytes = serde_json::to_vec(&self.status).expect("a status always encodes");
        if let Err(error) = write_atomically(&self.status_file, &bytes) {
            eprintln!("shim: {}: {error}", self.status_file.display());
        }
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::OpenOptions::new().create(true).append(true).mode(0o640).open(path)
}

fn now() -> i64 {
    i64::try_from(jiff::Timestamp::now().as_nanosecond()).unwrap_or(i64::MAX)
}
