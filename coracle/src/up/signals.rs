//! SIGINT and SIGTERM.

use std::fmt;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// Which signal came.
#[derive(Clone, Copy, Debug)]
pub enum Caught {
    Interrupt,
    Terminate,
}

impl Caught {
    /// Ends this process as the signal would have without a handler, so that its parent sees why.
    pub fn die(self) {
        let signal = match self {
            Caught::Interrupt => nix::sys::signal::Signal::SIGINT,
            Caught::Terminate => nix::sys::signal::Signal::SIGTERM,
        };
        // SAFETY: the default action is no handler of ours that could do something unsafe.
        let reset =
            unsafe { nix::sys::signal::signal(signal, nix::sys::signal::SigHandler::SigDfl) };
        // Where it cannot be reset, an ordinary exit has to do.
        if reset.is_ok() {
            let _ = nix::sys::signal::raise(signal);
        }
    }
}

impl fmt::Display for Caught {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Caught::Interrupt => "SIGINT",
            Caught::Terminate => "SIGTERM",
        })
    }
}

impl Signals {
    pub fn install() -> anyhow::Result<Self> {
        let install = |kind| signal(kind).context("cannot handle signals");
        Ok(Self {
            interrupt: install(SignalKind::interrupt())?,
            terminate: install(SignalKind::terminate())?,
        })
    }

    pub async fn next(&mut self) -> Caught {
        tokio::select! {
            _ = self.interrupt.recv() => Caught::Interrupt,
            _ = self.terminate.recv() => Caught::Terminate,
        }
    }
}
