//! Makes a file from entries in order, front to back.

use std::io;

use super::layout::*;

/// The freelist lies behind the two meta pages, as in a file that bbolt has just made.
const FREELIST_PAGE: u64 = 2;

/// A branch with fewer children is not split, however long their keys: bbolt wants two on a page.
const MIN_CHILDREN: usize = 2;

/// Why an entry was not taken, or not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WriteError {
    #[error("a key of {0} bytes cannot be kept in this format")]
    KeyLength(usize),
    #[error("a value of {0} bytes cannot be kept in this format")]
    ValueLength(usize),
    #[error("keys are not in order")]
    KeyOrder,
    #[error("the entries are not those of the plan")]
    OtherThanPlanned,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What the front of a file tells of the rest: found by a run of [`Writer::planning`], used by the
/// run that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    root: u64,
    pages: u64,
}

impl Plan {
    /// Bytes of the file.
    pub(crate) fn size(self) -> u64 {
        self.pages * PAGE_BYTES as u64
    }
}

/// Where pages go.
type Output<'s> = &'s mut dyn FnMut(&[u8]) -> io::Result<()>;

/// Takes buckets in order of their names and each one's entries in order of their keys. Holds one
/// page per level of the current bucket's tree.
pub(crate) struct Writer<'s> {
    pages: Pages<'s>,
    planned: Option<Plan>,
    current: Option<(Vec<u8>, Tree)>,
    buckets: Tree,
}

impl<'s> Writer<'s> {
    /// A writer that writes nothing and finds the plan.
    pub(crate) fn planning() -> Self {
        Self::new(Pages { next: FREELIST_PAGE + 1, output: None }, None)
    }

    /// A writer of what `plan` was made of.
    pub(crate) fn writing(plan: Plan, output: Output<'s>) -> Result<Self, WriteError> {
        for id in 0..FREELIST_PAGE {
            output(&meta_page(plan, id))?;
        }
        output(&page(FREELIST_PAGE, FREELIST, 0, &[]))?;
        let pages = Pages { next: FREELIST_PAGE + 1, output: Some(output) };
        Ok(Self::new(pages, Some(plan)))
    }

    fn new(pages: Pages<'s>, planned: Option<Plan>) -> Self {
        Self { pages, planned, current: None, buckets: Tree::default() }
    }

    /// Begins a bucket; what is put from here on goes there.
    pub(crate) fn bucket(&mut self, name: &[u8]) -> Result<(), WriteError> {
        self.close()?;
        self.current = Some((name.to_owned(), Tree::default()));
        Ok(())
    }

    /// Adds an entry to the bucket begun last.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), WriteError> {
        let (_, tree) = self.current.as_mut().expect("entries follow the name of their bucket");
        tree.put(0, key, value, &mut self.pages)
    }

    /// Ends the file.
    pub(crate) fn finish(mut self) -> Result<Plan, WriteError> {
        self.close()?;
        let root = self.buckets.finish(&mut self.pages)?;
        let plan = Plan { root, pages: self.pages.next };
        match self.planned {
            Some(planned) if planned != plan => Err(WriteError::OtherThanPlanned),
            _ => Ok(plan),
        }
    }

    fn close(&mut self) -> Result<(), WriteError> {
        let Some((name, tree)) = self.current.take() else { return Ok(()) };
        let root = tree.finish(&mut self.pages)?;
        let mut value = [0; BUCKET_HEADER];
        value[..8].copy_from_slice(&root.to_le_bytes());
        self.buckets.put(BUCKET_FLAG, &name, &value, &mut self.pages)
    }
}

fn meta_page(plan: Plan, id: u64) -> Vec<u8> {
    let meta = Meta {
        page_bytes: PAGE_BYTES as u32,
        root: plan.root,
        sequence: 0,
        freelist: FREELIST_PAGE,
        pages: plan.pages,
        // bbolt writes transaction n to page n % 2. Both tell the same here.
        txid: id,
    };
    page(id, META_PAGE, 0, &meta.bytes())
}

/// A page with its overflow.
fn page(id: u64, flags: u16, count: u16, content: &[u8]) -> Vec<u8> {
    let length = (PAGE_HEADER + content.len()).next_multiple_of(PAGE_BYTES);
    let overflow = (length / PAGE_BYTES - 1) as u32;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(&PageHeader { id, flags, count, overflow }.bytes());
    bytes.extend_from_slice(content);
    bytes.resize(length, 0);
    bytes
}

/// Gives numbers to pages in the order in which they are written.
struct Pages<'s> {
    next: u64,
    output: Option<Output<'s>>,
}

impl Pages<'_> {
    fn add(&mut self, flags: u16, elements: &Elements, count: usize) -> io::Result<u64> {
        let id = self.next;
        let length = PAGE_HEADER + elements.bytes_of(count);
        self.next += length.div_ceil(PAGE_BYTES) as u64;
        if let Some(output) = &mut self.output {
            let content = elements.encode(flags, count);
            output(&page(id, flags, count as u16, &content))?;
        }
        Ok(id)
    }
}

/// A B+ tree, built from its leaves up.
#[derive(Default)]
struct Tree {
    /// The leaf that is being filled, then the branch above it, and so on.
    levels: Vec<Elements>,
    last_key: Vec<u8>,
}

impl Tree {
    fn put(
        &mut self,
        flags: u32,
        key: &[u8],
        value: &[u8],
        pages: &mut Pages<'_>,
    ) -> Result<(), WriteError> {
        if key.is_empty() || key.len() > MAX_KEY {
            return Err(WriteError::KeyLength(key.len()));
        }
        if value.len() > MAX_VALUE {
            return Err(WriteError::ValueLength(value.len()));
        }
        if key <= self.last_key.as_slice() {
            return Err(WriteError::KeyOrder);
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        if self.levels.is_empty() {
            self.levels.push(Elements::default());
        }
        let leaf = &mut self.levels[0];
        let full = leaf.bytes() + LEAF_ELEMENT + key.len() + value.len() > PAGE_BYTES - PAGE_HEADER;
        if full && leaf.count() > 0 {
            let id = pages.add(LEAF, leaf, leaf.count())?;
            let first = leaf.first_key().to_owned();
            leaf.clear();
            self.put_child(1, &first, id, pages)?;
        }
        self.levels[0].push(u64::from(flags), key, value);
        Ok(())
    }

    /// Enters a finished page into the branch of `level`, which is written when it is full, except
    /// its last two children: so the page after it has two at least, whatever follows.
    fn put_child(
        &mut self,
        mut level: usize,
        key: &[u8],
        id: u64,
        pages: &mut Pages<'_>,
    ) -> Result<(), WriteError> {
        let (mut key, mut id) = (key.to_owned(), id);
        loop {
            if self.levels.len() == level {
                self.levels.push(Elements::default());
            }
            let branch = &mut self.levels[level];
            branch.push(id, &key, &[]);
            let keep = branch.count().saturating_sub(MIN_CHILDREN);
            if branch.bytes() <= PAGE_BYTES - PAGE_HEADER || keep < MIN_CHILDREN {
                return Ok(());
            }
            key = branch.first_key().to_owned();
            id = pages.add(BRANCH, branch, keep)?;
            branch.drain(keep);
            level += 1;
        }
    }

    /// Writes what is not full, and gives the root.
    fn finish(mut self, pages: &mut Pages<'_>) -> Result<u64, WriteError> {
        let leaf = self.levels.first_mut().map(std::mem::take).unwrap_or_default();
        let mut id = pages.add(LEAF, &leaf, leaf.count())?;
        let mut key = leaf.first_key().to_owned();
        let mut level = 1;
        while level < self.levels.len() {
            self.put_child(level, &key, id, pages)?;
            let branch = &self.levels[level];
            id = pages.add(BRANCH, branch, branch.count())?;
            key = branch.first_key().to_owned();
            level += 1;
        }
        Ok(id)
    }
}

/// The elements of one page.
#[derive(Default)]
struct Elements {
    /// A leaf's flags or a branch's page, and the lengths of key and value.
    heads: Vec<(u64, u32, u32)>,
    /// Keys and values, one behind the other.
    data: Vec<u8>,
}

impl Elements {
    fn count(&self) -> usize {
        self.heads.len()
    }

    fn bytes(&self) -> usize {
        self.heads.len() * LEAF_ELEMENT + self.data.len()
    }

    /// Bytes of the first `count`.
    fn bytes_of(&self, count: usize) -> usize {
        count * LEAF_ELEMENT + self.data_of(count)
    }

    fn data_of(&self, count: usize) -> usize {
        self.heads[..count].iter().map(|(_, key, value)| (key + value) as usize).sum()
    }

    fn push(&mut self, head: u64, key: &[u8], value: &[u8]) {
        self.heads.push((head, key.len() as u32, value.len() as u32));
        self.data.extend_from_slice(key);
        self.data.extend_from_slice(value);
    }

    fn first_key(&self) -> &[u8] {
        self.heads.first().map_or(&[], |(_, key, _)| &self.data[..*key as usize])
    }

    fn clear(&mut self) {
        self.heads.clear();
        self.data.clear();
    }

    /// Takes the first `count` away.
    fn drain(&mut self, count: usize) {
        let data = self.data_of(count);
        self.heads.drain(..count);
        self.data.drain(..data);
    }

    /// The first `count` as they stand behind a page's header.
    fn encode(&self, flags: u16, count: usize) -> Vec<u8> {
        let data = &self.data[..self.data_of(count)];
        let mut bytes = Vec::with_capacity(count * LEAF_ELEMENT + data.len());
        let mut position = 0;
        for (at, (head, key, value)) in self.heads[..count].iter().enumerate() {
            // Counted from the element itself.
            let offset = ((count - at) * LEAF_ELEMENT + position) as u32;
            position += (key + value) as usize;
            if flags == LEAF {
                for number in [*head as u32, offset, *key, *value] {
                    bytes.extend_from_slice(&number.to_le_bytes());
                }
            } else {
                bytes.extend_from_slice(&offset.to_le_bytes());
                bytes.extend_from_slice(&key.to_le_bytes());
                bytes.extend_from_slice(&head.to_le_bytes());
            }
        }
        bytes.extend_from_slice(data);
        bytes
    }
}

// Both kinds of elements have the same length, which the arithmetic above relies on.
const _: () = assert!(LEAF_ELEMENT == BRANCH_ELEMENT);
