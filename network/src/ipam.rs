//! Addresses of one node's pods, kept in one file.
//!
//! One process owns the file (the data directory's lock sees to that). The file is replaced by a
//! rename, so a reader after a crash finds the state before or after an assignment, never between.
//! It is not synced: what a power failure may lose are the addresses of pods that it ended too.
//!
//! Addresses go round: the next one after the last assigned is tried first, so that an address is
//! reused as late as possible and clients with an old address meet nobody instead of a stranger.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use crate::Error;

/// The addresses of a node's range and who holds them.
#[derive(Debug)]
pub struct Ipam {
    path: PathBuf,
    pool: Pool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pool {
    cidr: Ipv4Net,
    /// The address that was assigned last.
    last: Option<Ipv4Addr>,
    holders: BTreeMap<Ipv4Addr, String>,
}

impl Ipam {
    /// Opens the file at `path`, or starts an empty one. A file of another range is dropped: its
    /// addresses are of no use any more.
    pub fn open(path: impl Into<PathBuf>, cidr: Ipv4Net) -> Result<Self, Error> {
        if cidr.prefix_len() > 29 {
            return Err(Error::CidrTooSmall { cidr });
        }
        let path = path.into();
        let pool = read(&path)?.filter(|pool| pool.cidr == cidr);
        let pool = pool.unwrap_or_else(|| Pool { cidr, last: None, holders: BTreeMap::new() });
        Ok(Self { path, pool })
    }

    pub fn cidr(&self) -> Ipv4Net {
        self.pool.cidr
    }

    /// The bridge's own address: the first of the range.
    pub fn gateway(&self) -> Ipv4Addr {
        gateway(self.pool.cidr)
    }

    /// Assigns a free address to `holder`; one that holds an address already gets the same again.
    pub fn assign(&mut self, holder: &str) -> Result<Ipv4Addr, Error> {
        if let Some(address) = self.of(holder) {
            return Ok(address);
        }
        let address = self.pool.next_free().ok_or(Error::PoolExhausted { cidr: self.pool.cidr })?;
        let mut pool = self.pool.clone();
        pool.holders.insert(address, holder.to_owned());
        pool.last = Some(address);
        self.replace(pool)?;
        Ok(address)
    }

    /// Gives back what `holder` has. Idempotent.
    pub fn release(&mut self, holder: &str) -> Result<(), Error> {
        self.retain(|other| other != holder)
    }

    /// Gives back every address whose holder is not wanted any more.
    pub fn retain(&mut self, wanted: impl Fn(&str) -> bool) -> Result<(), Error> {
        let mut pool = self.pool.clone();
        pool.holders.retain(|_, holder| wanted(holder));
        if pool.holders.len() == self.pool.holders.len() {
            return Ok(());
        }
        self.replace(pool)
    }

    /// The address that `holder` has.
    pub fn of(&self, holder: &str) -> Option<Ipv4Addr> {
        let mut holders = self.pool.holders.iter();
        holders.find_map(|(address, other)| (other == holder).then_some(*address))
    }

    fn replace(&mut self, pool: Pool) -> Result<(), Error> {
        write(&self.path, &pool)?;
        self.pool = pool;
        Ok(())
    }
}

impl Pool {
    /// The first free address after the last assigned one, wrapping around. Network, gateway and
    /// broadcast address are never given out.
    fn next_free(&self) -> Option<Ipv4Addr> {
        let first = u32::from(self.cidr.network()) + 2;
        let end = u32::from(self.cidr.broadcast());
        let start = match self.last {
            Some(last) if u32::from(last) + 1 < end => u32::from(last) + 1,
            _ => first,
        };
        (start..end)
            .chain(first..start)
            .map(Ipv4Addr::from)
            .find(|address| !self.holders.contains_key(address))
    }
}

/// The first address of a range, which its bridge holds.
pub fn gateway(cidr: Ipv4Net) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(cidr.network()) + 1)
}

fn read(path: &Path) -> Result<Option<Pool>, Error> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::CorruptPool {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path.display().to_string())(error)),
    }
}

fn write(path: &Path, pool: &Pool) -> Result<(), Error> {
    let bytes = serde_json::to_vec(pool).expect("addresses and strings always encode");
    let temporary = path.with_extension("new");
    fs::write(&temporary, bytes)
        .and_then(|()| fs::rename(&temporary, path))
        .map_err(Error::io("write", path.display().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(dir: &Path, cidr: &str) -> Ipam {
        let cidr = cidr.parse().expect("a literal network");
        Ipam::open(dir.join("ipam.json"), cidr).expect("a pool that opens")
    }

    #[test]
    fn assignments_survive_a_reopening() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut ipam = open(dir.path(), "10.244.0.0/24");
        assert_eq!(ipam.gateway(), Ipv4Addr::new(10, 244, 0, 1));
        assert_eq!(ipam.assign("a").unwrap(), Ipv4Addr::new(10, 244, 0, 2));
        assert_eq!(ipam.assign("b").unwrap(), Ipv4Addr::new(10, 244, 0, 3));
        assert_eq!(ipam.assign("a").unwrap(), Ipv4Addr::new(10, 244, 0, 2));

        let mut again = open(dir.path(), "10.244.0.0/24");
        assert_eq!(again.of("b"), Some(Ipv4Addr::new(10, 244, 0, 3)));
        assert_eq!(again.assign("c").unwrap(), Ipv4Addr::new(10, 244, 0, 4));
    }

    #[test]
    fn a_released_address_is_reused_last() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut ipam = open(dir.path(), "10.0.0.0/29");
        for (holder, last) in [("a", 2), ("b", 3)] {
            assert_eq!(ipam.assign(holder).unwrap(), Ipv4Addr::new(10, 0, 0, last));
        }
        ipam.release("a").unwrap();
        for (holder, last) in [("c", 4), ("d", 5), ("e", 6), ("f", 2)] {
            assert_eq!(ipam.assign(holder).unwrap(), Ipv4Addr::new(10, 0, 0, last));
        }
        let error = ipam.assign("g").unwrap_err();
        assert_eq!(error.to_string(), "no free address is left in 10.0.0.0/29");
    }

    #[test]
    fn retain_drops_the_unwanted() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut ipam = open(dir.path(), "10.0.0.0/29");
        for holder in ["a", "b", "c"] {
            ipam.assign(holder).unwrap();
        }
        ipam.retain(|holder| holder == "b").unwrap();
        let again = open(dir.path(), "10.0.0.0/29");
        assert_eq!(again.of("a"), None);
        assert!(again.of("b").is_some());
    }

    #[test]
    fn another_range_starts_afresh_and_garbage_is_named() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        open(dir.path(), "10.0.0.0/24").assign("a").unwrap();
        assert_eq!(open(dir.path(), "10.1.0.0/24").of("a"), None);

        fs::write(dir.path().join("ipam.json"), b"{").unwrap();
        let error = Ipam::open(
            dir.path().join("ipam.json"),
            "10.0.0.0/24".parse().expect("a literal network"),
        );
        assert!(matches!(error, Err(Error::CorruptPool { .. })));
    }
}
