//! Files written and read back, damaged in every way, and made by bbolt itself.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::error::Damage;
use super::layout::PAGE_BYTES;
use super::*;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;
type Buckets = BTreeMap<Vec<u8>, Entries>;

fn fill(writer: &mut Writer<'_>, buckets: &Buckets) {
    for (name, entries) in buckets {
        writer.bucket(name).expect("names are in order");
        for (key, value) in entries {
            writer.put(key, value).expect("keys are in order");
        }
    }
}

fn written(buckets: &Buckets) -> Vec<u8> {
    let mut planning = Writer::planning();
    fill(&mut planning, buckets);
    let plan = planning.finish().expect("a plan is made");
    let mut file = Vec::new();
    let mut output = |bytes: &[u8]| {
        file.extend_from_slice(bytes);
        Ok(())
    };
    let mut writer = Writer::writing(plan, &mut output).expect("memory takes it");
    fill(&mut writer, buckets);
    assert_eq!(writer.finish().expect("memory takes it"), plan);
    assert_eq!(file.len() as u64, plan.size());
    file
}

/// Everything in a file, nested buckets by the path of their names.
fn read(file: &dyn Source) -> Result<Buckets, BoltError> {
    let reader = Reader::open(file)?;
    let mut found = Buckets::new();
    let mut open = Vec::new();
    walk(&mut reader.root()?, b"", &mut found, &mut open)?;
    while let Some((name, bucket)) = open.pop() {
        walk(&mut Cursor::new(&reader, &bucket)?, &name, &mut found, &mut open)?;
    }
    reader.check_complete()?;
    Ok(found)
}

fn walk(
    cursor: &mut Cursor<'_>,
    path: &[u8],
    found: &mut Buckets,
    open: &mut Vec<(Vec<u8>, Bucket)>,
) -> Result<(), BoltError> {
    let mut entries = Entries::new();
    while let Some((key, value)) = cursor.next()? {
        match value {
            Value::Bytes(value) => drop(entries.insert(key.to_owned(), value.to_owned())),
            Value::Bucket(bucket) => open.push(([path, b"/", key].concat(), bucket)),
        }
    }
    if !path.is_empty() {
        found.insert(path.to_owned(), entries);
    }
    Ok(())
}

fn with_paths(buckets: &Buckets) -> Buckets {
    buckets.iter().map(|(name, entries)| ([b"/", &name[..]].concat(), entries.clone())).collect()
}

/// Many small entries, so that there are three levels, and values of several pages.
fn sample() -> Buckets {
    let mut entries = Entries::new();
    for at in 0..9000u32 {
        let length = if at % 1500 == 7 { 9000 } else { at as usize % 50 };
        let key = [&at.to_be_bytes()[..], &[b'k'; 100]].concat();
        entries.insert(key, vec![at as u8; length]);
    }
    Buckets::from([
        (b"empty".to_vec(), Entries::new()),
        (b"large".to_vec(), entries),
        (b"small".to_vec(), Entries::from([(b"k".to_vec(), b"v".to_vec())])),
    ])
}

#[test]
fn a_file_of_several_levels_is_read_as_written() {
    let buckets = sample();
    assert_eq!(read(&written(&buckets)).expect("the file is whole"), with_paths(&buckets));
}

#[test]
fn a_file_without_buckets_is_read() {
    assert_eq!(read(&written(&Buckets::new())).expect("the file is whole"), Buckets::new());
}

#[test]
fn long_keys_make_branches_overflow() {
    let entries = (0..300u16).map(|at| {
        let mut key = vec![b'k'; 3000];
        key.extend_from_slice(&at.to_be_bytes());
        (key, vec![1])
    });
    let buckets = Buckets::from([(b"b".to_vec(), entries.collect())]);
    assert_eq!(read(&written(&buckets)).expect("the file is whole"), with_paths(&buckets));
}

#[test]
fn what_bbolt_would_not_take_is_refused() {
    let mut writer = Writer::planning();
    writer.bucket(b"b").expect("a bucket begins");
    writer.put(b"k", b"").expect("an empty value is one");
    assert!(matches!(writer.put(b"k", b""), Err(WriteError::KeyOrder)));
    assert!(matches!(writer.put(b"a", b""), Err(WriteError::KeyOrder)));
    assert!(matches!(writer.put(b"", b""), Err(WriteError::KeyLength(0))));
    assert!(matches!(writer.put(&[b'x'; 32769], b""), Err(WriteError::KeyLength(32769))));
    let plan = writer.finish().expect("the rest is fine");
    let mut output = |_: &[u8]| Ok(());
    let other = Writer::writing(plan, &mut output).expect("nothing fails");
    assert!(matches!(other.finish(), Err(WriteError::OtherThanPlanned)));
}

/// A file of few pages that has everything: branches, overflow, several buckets.
fn small() -> Vec<u8> {
    let entries = (0..150u32).map(|at| (at.to_be_bytes().to_vec(), vec![7; at as usize % 90]));
    let mut entries: Entries = entries.collect();
    entries.insert(vec![9; 9], vec![8; 5000]);
    written(&Buckets::from([(b"a".to_vec(), entries), (b"b".to_vec(), Entries::new())]))
}

#[test]
fn a_changed_byte_never_panics_and_never_adds_a_bucket_out_of_nothing() {
    let whole = small();
    let good = read(&whole).expect("the file is whole");
    let mut refused = 0;
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= [0x01, 0x80, 0xFF][at % 3];
        match read(&bytes) {
            Err(BoltError::Damaged { .. }) => refused += 1,
            Err(error) => panic!("byte {at}: {error}"),
            // A value, a key that stays in order, padding, or one of the two meta pages.
            Ok(found) => assert!(found.len() <= good.len() + 1, "byte {at}"),
        }
    }
    assert!(refused > 1000, "{refused}");
}

#[test]
fn a_file_cut_short_is_refused_whatever_the_length() {
    let whole = small();
    for length in 0..whole.len() {
        let cut = whole[..length].to_vec();
        assert!(matches!(read(&cut), Err(BoltError::Damaged { .. })), "{length}");
    }
}

#[test]
fn the_older_meta_page_serves_when_the_newer_is_damaged() {
    let whole = small();
    let good = read(&whole).expect("the file is whole");
    for page in [0, PAGE_BYTES] {
        let mut bytes = whole.clone();
        bytes[page + 40] ^= 0xFF;
        assert_eq!(read(&bytes).expect("one meta page is enough"), good);
    }
    let mut bytes = whole;
    bytes[40] ^= 0xFF;
    bytes[PAGE_BYTES + 40] ^= 0xFF;
    assert!(matches!(read(&bytes), Err(BoltError::Damaged { offset: 0, damage: Damage::NoMeta })));
    assert!(is_bolt(&bytes).expect("memory is readable"));
    assert!(!is_bolt(&vec![7; 100_000]).expect("memory is readable"));
    assert!(!is_bolt(&Vec::new()).expect("memory is readable"));
}

/// A branch that names one child twice would make a walk take forever, level by level.
#[test]
fn a_page_is_visited_once() {
    let whole = written(&sample());
    let branches = (3..whole.len() / PAGE_BYTES)
        .map(|page| page * PAGE_BYTES)
        .filter(|at| whole[at + 8] == 1 && whole[at + 10] > 1);
    let mut tried = 0;
    for at in branches {
        let mut bytes = whole.clone();
        let first: Vec<u8> = bytes[at + 16 + 8..at + 32].to_vec();
        bytes[at + 32 + 8..at + 48].copy_from_slice(&first);
        let error = read(&bytes).expect_err("a child is named twice");
        assert!(matches!(error, BoltError::Damaged { damage: Damage::PageTwice, .. }), "{error}");
        tried += 1;
    }
    assert!(tried > 1);
}

#[test]
fn a_lost_page_is_noticed() {
    let mut file = written(&sample());
    let end = file.len();
    // One more page that nobody names, known to both meta pages.
    file.resize(end + PAGE_BYTES, 0);
    for page in 0..2 {
        let at = page * PAGE_BYTES + 16;
        let mut meta = layout::Meta::read(&file[at..]).expect("it was just written");
        meta.pages += 1;
        file[at..at + 64].copy_from_slice(&meta.bytes());
    }
    let error = read(&file).expect_err("a page is lost");
    let expected = end as u64;
    assert!(
        matches!(error, BoltError::Damaged { offset, damage: Damage::PageLost } if offset == expected),
        "{error}"
    );
}

/// A file much longer than what is in it.
struct Sparse(Vec<u8>);

impl Source for Sparse {
    fn length(&self) -> u64 {
        1 << 40
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        buffer.fill(0);
        let held = self.0.get(offset as usize..).unwrap_or_default();
        let length = held.len().min(buffer.len());
        buffer[..length].copy_from_slice(&held[..length]);
        Ok(())
    }
}

#[test]
fn a_sparse_file_does_not_take_all_memory() {
    let mut file = written(&Buckets::new());
    for page in 0..2 {
        let at = page * PAGE_BYTES + 16;
        let mut meta = layout::Meta::read(&file[at..]).expect("it was just written");
        meta.pages = 1 << 27;
        file[at..at + 64].copy_from_slice(&meta.bytes());
    }
    // The root goes on for half a terabyte.
    let root = 3 * PAGE_BYTES;
    file[root + 12..root + 16].copy_from_slice(&((1u32 << 27) - 10).to_le_bytes());
    let error = read(&Sparse(file)).expect_err("no entry is so long");
    assert!(matches!(error, BoltError::Damaged { damage: Damage::PageLength, .. }), "{error}");
}

/// Made by bbolt 1.5.0 with pages of 1 KiB (see `fixtures/make.go`): a tree of several levels, values
/// over several pages, buckets in buckets to the fifth level, inline ones, and pages that were freed.
#[test]
fn odd_shapes_of_bbolt_are_read() {
    let file = include_bytes!("fixtures/odd.db").to_vec();
    assert_eq!(Reader::open(&file).expect("the file is whole").txid(), 6);
    let found = read(&file).expect("the file is whole");
    let deep = &found[&b"/deep"[..]];
    assert_eq!(deep.len(), 200);
    for (at, (key, value)) in deep.iter().enumerate() {
        assert_eq!(*key, format!("key-{:06}-{:0110}", at * 2, 0).into_bytes());
        assert_eq!(*value, vec![(at * 2) as u8; at * 2 % 40]);
    }
    let big: Vec<usize> = found[&b"/big"[..]].values().map(Vec::len).collect();
    assert_eq!(big, [0, 1, 1000, 1024, 5000, 20_000]);
    let mut path = Vec::new();
    for level in 0..5 {
        path.extend_from_slice(format!("/nest{level}").as_bytes());
        let entries = &found[&path];
        assert_eq!(entries[&b"level"[..]], format!("{level}").into_bytes());
    }
    assert!(found[&b"/empty"[..]].is_empty());
    assert_eq!(found.len(), 8);
}

#[test]
fn a_changed_byte_in_bbolts_own_file_never_panics() {
    let whole = include_bytes!("fixtures/odd.db").to_vec();
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        match read(&bytes) {
            Ok(_) | Err(BoltError::Damaged { .. }) => {}
            Err(error) => panic!("byte {at}: {error}"),
        }
    }
}

fn any_buckets() -> impl Strategy<Value = Buckets> {
    let value = prop_oneof![
        8 => proptest::collection::vec(any::<u8>(), 0..80),
        1 => (0usize..20_000).prop_map(|length| vec![3; length]),
    ];
    let key = proptest::collection::vec(any::<u8>(), 1..40);
    let entries = proptest::collection::btree_map(key, value, 0..200);
    proptest::collection::btree_map(proptest::collection::vec(any::<u8>(), 1..20), entries, 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_is_written_is_read(buckets in any_buckets()) {
        let found = read(&written(&buckets)).expect("the file is whole");
        prop_assert_eq!(found, with_paths(&buckets));
    }

    #[test]
    fn noise_is_never_more_than_refused(
        buckets in any_buckets(),
        noise in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = written(&buckets);
        for (at, byte) in noise {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // One in so many is cut as well.
        let cut = cut.index(2 * bytes.len());
        bytes.truncate(cut.max(1));
        if let Err(error) = read(&bytes) {
            prop_assert!(matches!(error, BoltError::Damaged { .. }), "{}", error);
        }
    }
}
