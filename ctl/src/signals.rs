//! The ways in which a person ends a command that lasts.

use tokio::signal::unix::{SignalKind, signal};

/// Returns when the process is told to end (SIGINT or SIGTERM). Without a way to be told, never.
pub async fn ended() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
