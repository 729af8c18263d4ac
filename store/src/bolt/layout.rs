//! Numbers and codecs of the format.

/// What the writer uses, and bbolt on machines with pages of this size. Readers take any.
pub(crate) const PAGE_BYTES: usize = 4096;

pub(super) const MAGIC: u32 = 0xED0C_DAED;
pub(super) const VERSION: u32 = 2;

pub(super) const PAGE_HEADER: usize = 16;
pub(super) const BRANCH_ELEMENT: usize = 16;
pub(super) const LEAF_ELEMENT: usize = 16;
pub(super) const BUCKET_HEADER: usize = 16;
pub(super) const META: usize = 64;

pub(super) const BRANCH: u16 = 0x01;
pub(super) const LEAF: u16 = 0x02;
pub(super) const META_PAGE: u16 = 0x04;
pub(super) const FREELIST: u16 = 0x10;

/// A leaf's entry that is a bucket.
pub(super) const BUCKET_FLAG: u32 = 0x01;

/// A meta page's freelist when none was written.
pub(super) const NO_FREELIST: u64 = u64::MAX;

/// A freelist's count when the real one is its first element.
pub(super) const COUNT_IN_LIST: u16 = 0xFFFF;

/// bbolt's limits on what it stores.
pub(super) const MAX_KEY: usize = 32768;
pub(super) const MAX_VALUE: usize = (1 << 31) - 2;

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

/// The caller has checked that `bytes` reaches that far.
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the slice has this length")
}

/// What a page says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageHeader {
    pub(super) id: u64,
    pub(super) flags: u16,
    pub(super) count: u16,
    pub(super) overflow: u32,
}

impl PageHeader {
    /// Reads the first [`PAGE_HEADER`] bytes.
    pub(super) fn read(bytes: &[u8]) -> Self {
        Self {
            id: u64_at(bytes, 0),
            flags: u16_at(bytes, 8),
            count: u16_at(bytes, 10),
            overflow: u32_at(bytes, 12),
        }
    }

    pub(super) fn bytes(self) -> [u8; PAGE_HEADER] {
        let mut bytes = [0; PAGE_HEADER];
        bytes[..8].copy_from_slice(&self.id.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.flags.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.count.to_le_bytes());
        bytes[12..].copy_from_slice(&self.overflow.to_le_bytes());
        bytes
    }
}

/// What describes a whole file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) page_bytes: u32,
    pub(super) root: u64,
    pub(super) sequence: u64,
    pub(super) freelist: u64,
    /// Number of pages: every page lies below.
    pub(super) pages: u64,
    pub(super) txid: u64,
}

impl Meta {
    /// Reads what follows a meta page's header; `None` unless it is valid.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..META)?;
        let valid = u32_at(bytes, 0) == MAGIC
            && u32_at(bytes, 4) == VERSION
            && u64_at(bytes, 56) == fnv1a(&bytes[..56]);
        let page_bytes = u32_at(bytes, 8);
        (valid && page_bytes.is_power_of_two() && page_bytes >= 1024).then(|| Self {
            page_bytes,
            root: u64_at(bytes, 16),
            sequence: u64_at(bytes, 24),
            freelist: u64_at(bytes, 32),
            pages: u64_at(bytes, 40),
            txid: u64_at(bytes, 48),
        })
    }

    pub(super) fn bytes(self) -> [u8; META] {
        let mut bytes = [0; META];
        bytes[..4].copy_from_slice(&MAGIC.to_le_bytes());
        bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.page_bytes.to_le_bytes());
        let numbers = [self.root, self.sequence, self.freelist, self.pages, self.txid];
        for (at, number) in numbers.into_iter().enumerate() {
            bytes[16 + 8 * at..][..8].copy_from_slice(&number.to_le_bytes());
        }
        let sum = fnv1a(&bytes[..56]);
        bytes[56..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }
}

/// FNV-1a of 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fnv_is_the_published_one() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn headers_and_metas_are_read_as_written() {
        let header = PageHeader { id: 77, flags: LEAF, count: 3, overflow: 9 };
        assert_eq!(PageHeader::read(&header.bytes()), header);
        let meta = Meta { page_bytes: 4096, root: 3, sequence: 1, freelist: 2, pages: 9, txid: 5 };
        assert_eq!(Meta::read(&meta.bytes()), Some(meta));
        for at in 0..META {
            // Bytes 12 to 16 are flags, which are summed up though nobody reads them.
            let mut bytes = meta.bytes();
            bytes[at] ^= 1;
            assert_eq!(Meta::read(&bytes), None, "byte {at}");
        }
    }
}
