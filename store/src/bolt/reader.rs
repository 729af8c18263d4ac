//! A file, opened: its meta page and which of its pages were seen.

use std::cell::RefCell;

use super::cursor::{Bucket, Cursor};
use super::error::{BoltError, Damage};
use super::layout::*;
use super::source::Source;

/// Page sizes that are tried when the first meta page is damaged: `1024 << n`, as bbolt does.
const SIZES: u32 = 15;

/// Longest page that is read, with what overflows from it: far above the largest request that an
/// etcd takes, and a bound on what a file made to do harm can have allocated.
const MAX_PAGE_BYTES: u64 = 256 << 20;

/// Whether `source` begins like a file of this format, whole or not.
pub(crate) fn is_bolt(source: &dyn Source) -> Result<bool, BoltError> {
    let mut magic = [0; 4];
    let at_first = PAGE_HEADER as u64;
    let sizes = (0..SIZES).map(|size| (1024u64 << size) + at_first);
    for offset in std::iter::once(at_first).chain(sizes) {
        if offset + 4 > source.length() {
            return Ok(false);
        }
        read(source, &mut magic, offset)?;
        if u32::from_le_bytes(magic) == MAGIC {
            return Ok(true);
        }
    }
    Ok(false)
}

fn read(source: &dyn Source, buffer: &mut [u8], offset: u64) -> Result<(), BoltError> {
    source.read_at(buffer, offset).map_err(|source| BoltError::Io { offset, source })
}

/// One file. Every page is read at most once in a reader's life, so that no file, however its pages
/// refer to each other, takes longer than its length allows: walk each bucket once.
pub(crate) struct Reader<'s> {
    source: &'s dyn Source,
    meta: Meta,
    seen: RefCell<Pages>,
}

impl<'s> Reader<'s> {
    /// Finds the newer valid meta page and reads which pages are free.
    pub(crate) fn open(source: &'s dyn Source) -> Result<Self, BoltError> {
        let meta = find_meta(source)?;
        let page_bytes = u64::from(meta.page_bytes);
        let inside = meta.pages.checked_mul(page_bytes).is_some_and(|end| end <= source.length());
        if !inside || meta.pages < 3 {
            return Err(BoltError::damaged(source.length(), Damage::Short));
        }
        let mut seen = Pages::new(meta.pages);
        seen.mark(0, 0);
        seen.mark(1, 0);
        let reader = Self { source, meta, seen: RefCell::new(seen) };
        if meta.freelist != NO_FREELIST {
            reader.read_freelist()?;
        }
        Ok(reader)
    }

    /// Bytes that the file's pages take.
    pub(crate) fn size(&self) -> u64 {
        self.meta.pages * u64::from(self.meta.page_bytes)
    }

    /// Number of the last transaction that was written.
    #[cfg(test)]
    pub(crate) fn txid(&self) -> u64 {
        self.meta.txid
    }

    /// The bucket of buckets. It may be walked once.
    pub(crate) fn root(&self) -> Result<Cursor<'_>, BoltError> {
        Cursor::new(self, &Bucket::Pages { root: self.meta.root })
    }

    /// Fails unless every page was seen or is free. To be asked after everything was walked.
    pub(crate) fn check_complete(&self) -> Result<(), BoltError> {
        // Without a list of free pages nobody can tell which are.
        if self.meta.freelist == NO_FREELIST {
            return Ok(());
        }
        match self.seen.borrow().first_unmarked() {
            None => Ok(()),
            Some(page) => Err(BoltError::damaged(self.offset(page), Damage::PageLost)),
        }
    }

    pub(super) fn offset(&self, page: u64) -> u64 {
        page.saturating_mul(u64::from(self.meta.page_bytes))
    }

    /// Reads page `id` with what overflows from it, and checks that it is what it says, inside, and
    /// not seen before.
    pub(super) fn page(&self, id: u64) -> Result<(PageHeader, Vec<u8>), BoltError> {
        let (header, end) = self.claim(id)?;
        if end - self.offset(id) > MAX_PAGE_BYTES {
            return Err(BoltError::damaged(self.offset(id), Damage::PageLength));
        }
        let mut bytes = vec![0; (end - self.offset(id)) as usize];
        read(self.source, &mut bytes, self.offset(id))?;
        Ok((header, bytes))
    }

    /// Reads and checks a page's header, and marks the page. Also gives the offset of its end.
    fn claim(&self, id: u64) -> Result<(PageHeader, u64), BoltError> {
        let offset = self.offset(id);
        let damaged = |damage| BoltError::damaged(offset, damage);
        if id < 2 || id >= self.meta.pages {
            return Err(damaged(Damage::PageOutside));
        }
        let mut header = [0; PAGE_HEADER];
        read(self.source, &mut header, offset)?;
        let header = PageHeader::read(&header);
        if header.id != id {
            return Err(damaged(Damage::PageId));
        }
        let overflow = u64::from(header.overflow);
        if overflow >= self.meta.pages - id {
            return Err(damaged(Damage::PageOutside));
        }
        if !self.seen.borrow_mut().mark(id, overflow) {
            return Err(damaged(Damage::PageTwice));
        }
        Ok((header, self.offset(id + overflow + 1)))
    }

    /// Marks what is free, a piece of the list at a time: the list of a large file is long.
    fn read_freelist(&self) -> Result<(), BoltError> {
        let (header, end) = self.claim(self.meta.freelist)?;
        let mut offset = self.offset(self.meta.freelist);
        let damaged = |offset| BoltError::damaged(offset, Damage::Freelist);
        if header.flags != FREELIST {
            return Err(damaged(offset));
        }
        offset += PAGE_HEADER as u64;
        let mut count = u64::from(header.count);
        if header.count == COUNT_IN_LIST {
            let mut number = [0; 8];
            read(self.source, &mut number, offset)?;
            count = u64::from_le_bytes(number);
            offset += 8;
        }
        if count > (end - offset) / 8 {
            return Err(damaged(offset));
        }
        let end = offset + count * 8;
        let mut piece = vec![0; 8192];
        while offset < end {
            let length = piece.len().min((end - offset) as usize);
            read(self.source, &mut piece[..length], offset)?;
            for at in (0..length).step_by(8) {
                let page = u64_at(&piece, at);
                let free = page < self.meta.pages && self.seen.borrow_mut().mark(page, 0);
                if !free {
                    return Err(damaged(offset + at as u64));
                }
            }
            offset += length as u64;
        }
        Ok(())
    }
}

/// Of two meta pages the valid one, of two valid ones that of the later transaction.
fn find_meta(source: &dyn Source) -> Result<Meta, BoltError> {
    let first = meta_at(source, 0)?;
    let second = match first {
        Some(first) => meta_at(source, u64::from(first.page_bytes))?
            .filter(|second| second.page_bytes == first.page_bytes),
        // The size is unknown: the meta page whose own size leads to it is the second.
        None => {
            let mut found = None;
            for size in (0..SIZES).map(|size| 1024u32 << size) {
                found = meta_at(source, u64::from(size))?.filter(|meta| meta.page_bytes == size);
                if found.is_some() {
                    break;
                }
            }
            found
        }
    };
    let newer = first.into_iter().chain(second).max_by_key(|meta| meta.txid);
    newer.ok_or(BoltError::damaged(0, Damage::NoMeta))
}

fn meta_at(source: &dyn Source, offset: u64) -> Result<Option<Meta>, BoltError> {
    let mut bytes = [0; PAGE_HEADER + META];
    if offset + bytes.len() as u64 > source.length() {
        return Ok(None);
    }
    read(source, &mut bytes, offset)?;
    Ok(Meta::read(&bytes[PAGE_HEADER..]))
}

/// One bit per page.
struct Pages {
    bits: Vec<u64>,
    count: u64,
}

impl Pages {
    /// `count` is bounded by the length of the file, which the caller has checked.
    fn new(count: u64) -> Self {
        Self { bits: vec![0; count.div_ceil(64) as usize], count }
    }

    /// Marks a page and the `overflow` pages behind it; false if one of them was marked before.
    fn mark(&mut self, id: u64, overflow: u64) -> bool {
        (id..=id + overflow).all(|id| {
            let word = &mut self.bits[(id / 64) as usize];
            let bit = 1 << (id % 64);
            let new = *word & bit == 0;
            *word |= bit;
            new
        })
    }

    fn first_unmarked(&self) -> Option<u64> {
        let word = self.bits.iter().position(|word| *word != u64::MAX)?;
        let id = word as u64 * 64 + u64::from(self.bits[word].trailing_ones());
        (id < self.count).then_some(id)
    }
}
