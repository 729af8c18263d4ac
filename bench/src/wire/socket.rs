//! A socket that never waits, in the clear or under TLS.

use std::io::{self, Read, Write};

use rustls::ClientConnection;
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::Endpoint;

pub struct Socket {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

/// The socket as rustls wants it.
struct Raw<'a>(&'a TcpStream);

impl Read for Raw<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Raw<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Socket {
    pub async fn connect(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let tcp = TcpStream::connect(endpoint.address).await?;
        tcp.set_nodelay(true)?;
        let tls = match &endpoint.tls {
            None => None,
            Some(config) => {
                let name = rustls_pki_types::ServerName::try_from(endpoint.host().to_owned())?;
                let mut tls = ClientConnection::new(config.clone(), name)?;
                tls.set_buffer_limit(None);
                Some(Box::new(tls))
            }
        };
        Ok(Self { tcp, tls })
    }

    /// Sends as much of `out` as fits, and takes that away. Answers whether something is left to send.
    pub fn write(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        match &mut self.tls {
            None => {
                let mut sent = 0;
                while sent < out.len() {
                    match self.tcp.try_write(&out[sent..]) {
                        Ok(count) => sent += count,
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                        Err(error) => return Err(error),
                    }
                }
                out.drain(..sent);
                Ok(!out.is_empty())
            }
            Some(tls) => {
                tls.writer().write_all(out)?;
                out.clear();
                while tls.wants_write() {
                    match tls.write_tls(&mut Raw(&self.tcp)) {
                        Ok(_) => {}
                        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                        Err(error) => return Err(error),
                    }
                }
                Ok(false)
            }
        }
    }

    /// Reads what is there; `WouldBlock` when nothing is, 0 when the server has closed.
    pub fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.tcp.try_read(buffer) };
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                outcome => return outcome,
            }
            if tls.read_tls(&mut Raw(&self.tcp))? == 0 {
                return Ok(0);
            }
            tls.process_new_packets().map_err(io::Error::other)?;
        }
    }

    /// Waits until there may be something to read, or, if `write`, room to write.
    pub async fn ready(&self, write: bool) -> io::Result<()> {
        let interest =
            if write { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
        self.tcp.ready(interest).await.map(|_| ())
    }
}
