//! A walk through one bucket, first key to last.

use super::error::{BoltError, Damage};
use super::layout::*;
use super::reader::Reader;

/// Pages from a bucket's root to a leaf, at most. A tree of this depth with two children a page
/// would hold more pages than a disk does.
const MAX_DEPTH: usize = 48;

/// Where a bucket's entries are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bucket {
    Pages {
        root: u64,
    },
    /// A leaf page inside the value of the entry that names the bucket, and that value's offset in
    /// the file.
    Inline {
        page: Vec<u8>,
        offset: u64,
    },
}

/// What a key stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Value<'c> {
    Bytes(&'c [u8]),
    Bucket(Bucket),
}

/// Walks a bucket. Checks on the way what a reader of trees relies on: elements lie in their pages,
/// keys ascend, and no child's key lies outside what its parent says.
pub(crate) struct Cursor<'r> {
    reader: &'r Reader<'r>,
    /// From the root to the leaf whose entries come next.
    stack: Vec<Level>,
    floor: Floor,
}

struct Level {
    /// Offset in the file.
    offset: u64,
    bytes: Vec<u8>,
    is_leaf: bool,
    count: usize,
    next: usize,
}

impl<'r> Cursor<'r> {
    pub(crate) fn new(reader: &'r Reader<'r>, bucket: &Bucket) -> Result<Self, BoltError> {
        let mut cursor = Self { reader, stack: Vec::new(), floor: Floor::default() };
        match bucket {
            Bucket::Pages { root } => cursor.descend(*root)?,
            Bucket::Inline { page, offset } => {
                let header = PageHeader::read(page);
                if header.flags != LEAF {
                    return Err(BoltError::damaged(*offset, Damage::PageKind));
                }
                cursor.enter(header, page.clone(), *offset)?;
            }
        }
        Ok(cursor)
    }

    /// The next entry, `None` after the last.
    pub(crate) fn next(&mut self) -> Result<Option<(&[u8], Value<'_>)>, BoltError> {
        loop {
            let Some(level) = self.stack.last_mut() else { return Ok(None) };
            if level.next == level.count {
                self.stack.pop();
                continue;
            }
            level.next += 1;
            if level.is_leaf {
                break;
            }
            let child = level.child(&mut self.floor)?;
            self.descend(child)?;
        }
        let level = self.stack.last().expect("the loop ends with a leaf on top");
        level.entry(&mut self.floor).map(Some)
    }

    /// Where in the file the entry that [`Cursor::next`] gave last is described.
    pub(crate) fn offset(&self) -> u64 {
        let element = |level: &Level| PAGE_HEADER + level.next.saturating_sub(1) * LEAF_ELEMENT;
        self.stack.last().map_or(0, |level| level.offset + element(level) as u64)
    }

    fn descend(&mut self, page: u64) -> Result<(), BoltError> {
        if self.stack.len() == MAX_DEPTH {
            return Err(BoltError::damaged(self.reader.offset(page), Damage::TooDeep));
        }
        let (header, bytes) = self.reader.page(page)?;
        self.enter(header, bytes, self.reader.offset(page))
    }

    fn enter(&mut self, header: PageHeader, bytes: Vec<u8>, offset: u64) -> Result<(), BoltError> {
        let (is_leaf, element) = match header.flags {
            LEAF => (true, LEAF_ELEMENT),
            BRANCH => (false, BRANCH_ELEMENT),
            _ => return Err(BoltError::damaged(offset, Damage::PageKind)),
        };
        let count = usize::from(header.count);
        if PAGE_HEADER + count * element > bytes.len() {
            return Err(BoltError::damaged(offset, Damage::ElementOutside));
        }
        self.stack.push(Level { offset, bytes, is_leaf, count, next: 0 });
        Ok(())
    }
}

impl Level {
    /// The page of the branch's current child.
    fn child(&self, floor: &mut Floor) -> Result<u64, BoltError> {
        let at = PAGE_HEADER + (self.next - 1) * BRANCH_ELEMENT;
        let key = at + u32_at(&self.bytes, at) as usize;
        let key = self.slice(at, key, u32_at(&self.bytes, at + 4) as usize)?;
        // The child may hold this key, but none before it.
        self.check_key(at, floor, key, true)?;
        Ok(u64_at(&self.bytes, at + 8))
    }

    /// The leaf's current entry.
    fn entry(&self, floor: &mut Floor) -> Result<(&[u8], Value<'_>), BoltError> {
        let at = PAGE_HEADER + (self.next - 1) * LEAF_ELEMENT;
        let flags = u32_at(&self.bytes, at);
        let start = at + u32_at(&self.bytes, at + 4) as usize;
        let key = self.slice(at, start, u32_at(&self.bytes, at + 8) as usize)?;
        let value_at = start + key.len();
        let value = self.slice(at, value_at, u32_at(&self.bytes, at + 12) as usize)?;
        self.check_key(at, floor, key, false)?;
        let value = match flags & BUCKET_FLAG {
            0 => Value::Bytes(value),
            _ => Value::Bucket(bucket(value, self.offset + value_at as u64)?),
        };
        Ok((key, value))
    }

    /// `length` bytes of the page from `start` on, for the element at `at`.
    fn slice(&self, at: usize, start: usize, length: usize) -> Result<&[u8], BoltError> {
        let outside = || BoltError::damaged(self.offset + at as u64, Damage::ElementOutside);
        let end = start.checked_add(length).ok_or_else(outside)?;
        self.bytes.get(start..end).ok_or_else(outside)
    }

    fn check_key(
        &self,
        at: usize,
        floor: &mut Floor,
        key: &[u8],
        inclusive: bool,
    ) -> Result<(), BoltError> {
        let damaged = |damage| BoltError::damaged(self.offset + at as u64, damage);
        if key.is_empty() {
            return Err(damaged(Damage::EmptyKey));
        }
        if floor.raise(key, inclusive) { Ok(()) } else { Err(damaged(Damage::KeyOrder)) }
    }
}

/// What the next key must exceed.
#[derive(Default)]
struct Floor {
    key: Vec<u8>,
    /// Whether the next key may also equal it: it was a branch's.
    inclusive: bool,
}

impl Floor {
    /// Raises the floor to `key`; false if it lies below. No key is empty, so an empty floor is
    /// below all.
    fn raise(&mut self, key: &[u8], inclusive: bool) -> bool {
        let above = match self.inclusive {
            true => key >= self.key.as_slice(),
            false => key > self.key.as_slice(),
        };
        self.key.clear();
        self.key.extend_from_slice(key);
        self.inclusive = inclusive;
        above
    }
}

/// Reads the description of a bucket, which lies at `offset`.
fn bucket(value: &[u8], offset: u64) -> Result<Bucket, BoltError> {
    let malformed = || BoltError::damaged(offset, Damage::BucketMalformed);
    if value.len() < BUCKET_HEADER {
        return Err(malformed());
    }
    match u64_at(value, 0) {
        0 if value.len() < BUCKET_HEADER + PAGE_HEADER => Err(malformed()),
        0 => Ok(Bucket::Inline {
            page: value[BUCKET_HEADER..].to_vec(),
            offset: offset + BUCKET_HEADER as u64,
        }),
        root => Ok(Bucket::Pages { root }),
    }
}
