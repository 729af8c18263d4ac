//! What all lines of the file together say.

use std::collections::BTreeMap;

use super::entry::Entry;
use crate::database::{CertificateRecord, Key, ResponseRecord};

#[derive(Debug, Default)]
pub struct Index {
    pub certificates: BTreeMap<Key, CertificateRecord>,
    pub responses: BTreeMap<Key, ResponseRecord>,
    /// Lines that made it.
    pub lines: usize,
}

/// Lines of no use that a file may have however small it is.
const SPARED_LINES: usize = 1000;

impl Index {
    pub fn apply(&mut self, entry: Entry) {
        self.lines += 1;
        match entry {
            Entry::Certificate(record) => {
                self.certificates.insert(record.key.clone(), record);
            }
            Entry::Response(record) => {
                self.responses.insert(record.key.clone(), record);
            }
        }
    }

    fn live(&self) -> usize {
        self.certificates.len() + self.responses.len()
    }

    /// Whether more than half of the lines are of no use any more.
    pub fn is_mostly_garbage(&self) -> bool {
        self.lines > 2 * self.live() + SPARED_LINES
    }

    /// Lines that say the same as all that came before.
    pub fn entries(&self) -> impl Iterator<Item = Entry> + '_ {
        let certificates = self.certificates.values().cloned().map(Entry::Certificate);
        certificates.chain(self.responses.values().cloned().map(Entry::Response))
    }
}
