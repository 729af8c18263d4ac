//! Certificates of a run: one authority at a time for members among each other and for clients.
//!
//! Rotation goes as operators do it, so that at each step old and new are both taken:
//! [`Pki::trust_next`], [`Pki::issue_anew`], [`Pki::forget_former`], each followed by a wait until
//! the members have taken it up.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use store::remote::Tls;

use super::ClusterError;
use crate::chaos::network::{Network, Node};

/// All certificates, and the files of members.
pub struct Pki {
    directory: PathBuf,
    inner: Mutex<Inner>,
}

struct Inner {
    current: certs::Authority,
    next: Option<certs::Authority>,
    /// Authorities made so far.
    made: u32,
    client: Tls,
}

impl Pki {
    pub fn create(directory: &Path, members: usize) -> Result<Self, ClusterError> {
        std::fs::create_dir_all(directory).map_err(|source| ClusterError::Io {
            action: "create directory",
            path: directory.to_owned(),
            source,
        })?;
        let current = certs::Authority::generate("chaos authority 1")?;
        let client = client(&current, current.certificate_pem().to_owned())?;
        let inner = Inner { current, next: None, made: 1, client };
        let pki = Self { directory: directory.to_owned(), inner: Mutex::new(inner) };
        pki.write_trust(pki.lock().client.authorities.as_str())?;
        pki.issue(&pki.lock().current, members)?;
        Ok(pki)
    }

    /// What clients trust and show now.
    pub fn client(&self) -> Tls {
        self.lock().client.clone()
    }

    pub fn trust(&self) -> PathBuf {
        self.directory.join("authorities.crt")
    }

    pub fn certificate(&self, slot: usize) -> PathBuf {
        self.directory.join(format!("member{slot}.crt"))
    }

    pub fn key(&self, slot: usize) -> PathBuf {
        self.directory.join(format!("member{slot}.key"))
    }

    /// Makes another authority, which everyone is to trust beside the one that is. Returns what a
    /// client of the next has, by which can be told who trusts it.
    pub fn trust_next(&self) -> Result<Tls, ClusterError> {
        let mut inner = self.lock();
        inner.made += 1;
        let next = certs::Authority::generate(&format!("chaos authority {}", inner.made))?;
        let both = format!("{}{}", inner.current.certificate_pem(), next.certificate_pem());
        self.write_trust(&both)?;
        let newcomer = client(&next, both.clone())?;
        inner.client.authorities = both;
        inner.next = Some(next);
        Ok(newcomer)
    }

    /// Gives members and clients certificates of the next authority. Returns what a client has that
    /// trusts nothing else, by which can be told who shows the new ones.
    pub fn issue_anew(&self, members: usize) -> Result<Tls, ClusterError> {
        let mut inner = self.lock();
        let Some(next) = &inner.next else { return Ok(inner.client.clone()) };
        self.issue(next, members)?;
        let strict = client(next, next.certificate_pem().to_owned())?;
        inner.client = Tls { authorities: inner.client.authorities.clone(), ..strict.clone() };
        Ok(strict)
    }

    /// Ends the trust in the former authority. Returns what a client of it has, by which can be
    /// told who has ended it.
    pub fn forget_former(&self) -> Result<Tls, ClusterError> {
        let mut inner = self.lock();
        let authorities = inner.client.authorities.clone();
        let former = client(&inner.current, authorities)?;
        if let Some(next) = inner.next.take() {
            self.write_trust(next.certificate_pem())?;
            next.certificate_pem().clone_into(&mut inner.client.authorities);
            inner.current = next;
        }
        Ok(former)
    }

    fn write_trust(&self, authorities: &str) -> Result<(), ClusterError> {
        Ok(certs::write_public(&self.trust(), authorities.as_bytes())?)
    }

    fn issue(&self, authority: &certs::Authority, members: usize) -> Result<(), ClusterError> {
        for slot in 0..members {
            let leaf = certs::Leaf {
                common_name: format!("member{slot}"),
                organization: None,
                usage: certs::Usage::Both,
                dns_names: Vec::new(),
                ip_addresses: vec![IpAddr::V4(Network::address(Node::Member(slot)))],
            };
            let pair = authority.issue(&leaf)?;
            certs::write_private(&self.key(slot), pair.key.as_bytes())?;
            certs::write_public(&self.certificate(slot), pair.certificate.as_bytes())?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no code panics while it holds the certificates")
    }
}

fn client(authority: &certs::Authority, authorities: String) -> Result<Tls, ClusterError> {
    let pair = authority.issue(&certs::Leaf::client("client", None))?;
    Ok(Tls { authorities, identity: Some((pair.certificate, pair.key)) })
}
