//! A connection and its turns: send what is queued, look at what came.

use std::io;

use anyhow::{Context, bail};

use super::Endpoint;
use super::frame::{Frame, Http2};
use super::socket::Socket;

/// Bytes read at once.
const INPUT: usize = 256 * 1024;

pub struct Connection {
    socket: Socket,
    pub http: Http2,
    input: Box<[u8]>,
    filled: usize,
}

impl Connection {
    pub async fn open(endpoint: &Endpoint) -> anyhow::Result<Self> {
        let socket = Socket::connect(endpoint)
            .await
            .with_context(|| format!("cannot connect to {}", endpoint.authority))?;
        let http = Http2::new(&endpoint.authority, endpoint.tls.is_some());
        Ok(Self { socket, http, input: vec![0; INPUT].into(), filled: 0 })
    }

    /// Sends what is queued, waits for something to come and hands each whole frame to `look`.
    pub async fn turn(
        &mut self,
        mut look: impl FnMut(Frame<'_>, &mut Http2) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        loop {
            let unsent = self.socket.write(&mut self.http.out)?;
            self.socket.ready(unsent).await?;
            match self.socket.read(&mut self.input[self.filled..]) {
                Ok(0) => bail!("the server closed the connection"),
                Ok(count) => self.filled += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error.into()),
            }
            break;
        }
        let mut at = 0;
        while let Some((frame, length)) = self.http.receive(&self.input[at..self.filled]) {
            if let Frame::GoAway { code, reason } = frame {
                bail!(
                    "the server ends the connection: {code}, {}",
                    String::from_utf8_lossy(reason)
                );
            }
            look(frame, &mut self.http)?;
            at += length;
        }
        self.input.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(())
    }

    /// One call, for setting up: its answer.
    pub async fn ask<A: prost::Message + Default>(
        &mut self,
        path: &'static str,
        request: &impl prost::Message,
    ) -> anyhow::Result<A> {
        let stream = self.http.call(path, &request.encode_to_vec());
        let (mut answer, mut ended) = (Vec::new(), false);
        while !ended {
            self.turn(|frame, _| {
                match frame {
                    Frame::Data { stream: of, bytes, end } if of == stream => {
                        answer.extend_from_slice(bytes);
                        ended |= end;
                    }
                    Frame::Head { stream: of, end } if of == stream => ended |= end,
                    Frame::Reset { stream: of, code } if of == stream => {
                        bail!("{path}: the server reset the stream ({code})")
                    }
                    _ => {}
                }
                Ok(())
            })
            .await?;
        }
        let message = answer.get(5..).with_context(|| format!("{path} was refused"))?;
        Ok(A::decode(message)?)
    }
}
