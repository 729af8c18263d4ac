//! The files of a responder: `-ca`, `-responder`, `-responder-key`.

use anyhow::Context;
use certs::x509::Responder;

use crate::flag::{Flags, catalog};
use crate::input;

/// As given; nothing has been read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResponderFiles {
    pub ca: String,
    pub responder: String,
    pub key: String,
}

impl ResponderFiles {
    /// Which of the flags is missing, if one is. `-key` stands in for `-responder-key`.
    pub fn from_flags(flags: &Flags) -> Result<Self, &'static str> {
        let text = |flag| flags.text(flag).map(str::to_owned);
        let key = text(catalog::RESPONDER_KEY).or_else(|| text(catalog::KEY));
        Ok(Self {
            ca: text(catalog::CA).ok_or("need CA certificate (provide with -ca)")?,
            responder: text(catalog::RESPONDER)
                .ok_or("need responder certificate (provide with -responder)")?,
            key: key.ok_or("need responder key (provide with -responder-key)")?,
        })
    }

    pub fn read(&self) -> anyhow::Result<Responder> {
        let issuer = input::read_certificate(&self.ca).context("-ca")?;
        let certificate = input::read_certificate(&self.responder).context("-responder")?;
        let key = input::read_key(&self.key).context("-responder-key")?;
        Responder::new(issuer, certificate, key).with_context(|| {
            format!("-ca {}, -responder {}, -responder-key {}", self.ca, self.responder, self.key)
        })
    }
}
