//! Tells systemd that the member serves, for units of `Type=notify`, as etcd's own are.

use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Does nothing where no service manager waits.
pub fn ready() {
    let Some(path) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let address = match path.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(&path),
    };
    let send = || -> std::io::Result<usize> {
        UnixDatagram::unbound()?.send_to_addr(b"READY=1", &address?)
    };
    if let Err(error) = send() {
        tracing::warn!(%error, "cannot notify the service manager");
    }
}
