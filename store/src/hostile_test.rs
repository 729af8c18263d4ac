//! Input made to do harm: the targets of [`fuzzing`](crate::fuzzing) on random bytes and on
//! examples that were damaged, with an eye on the memory that they take.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};

use crate::fuzzing::{self, TARGETS};

/// What any input may take beside what it takes for its own length: buffers of fixed sizes.
const FIXED_BYTES: usize = 2 << 20;

/// What each byte of input may take. A message of two bytes can stand for a whole structure.
const PER_BYTE: usize = 1024;

/// Counts what each thread holds and the most that it held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // A thread that ends has no counters any more.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// Safety: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        unsafe { System.realloc(place, layout, size) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        unsafe { System.dealloc(place, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs a target, and fails if it took more memory than such input may.
fn run(name: &str, data: &[u8]) {
    let before = HELD.get();
    MOST.set(before);
    fuzzing::run(name, data);
    let took = usize::try_from(MOST.get() - before).unwrap_or(0);
    let may = FIXED_BYTES + PER_BYTE * data.len();
    assert!(took <= may, "{} bytes of input took {took} bytes of memory", data.len());
}

/// What happens to an example on its way.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Set(Index, u8),
    /// Four bytes become a number that a length could be.
    Length(Index, u32),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Remove(Index, usize),
    Twice(Index, Index),
    /// The rest comes from another example.
    Splice(Index, Index, Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let length = prop_oneof![
        Just(u32::MAX),
        Just(i32::MAX as u32),
        Just(1 << 30),
        Just((1 << 30) - 1),
        Just(0),
        any::<u32>(),
        0..5000u32,
    ];
    prop_oneof![
        4 => (any::<Index>(), 0..8u8).prop_map(|(at, bit)| Damage::Flip(at, 1 << bit)),
        2 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Set(at, byte)),
        3 => (any::<Index>(), length).prop_map(|(at, length)| Damage::Length(at, length)),
        1 => any::<Index>().prop_map(Damage::Cut),
        2 => (any::<Index>(), proptest::collection::vec(any::<u8>(), 1..20))
            .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        1 => (any::<Index>(), 1..20usize).prop_map(|(at, bytes)| Damage::Remove(at, bytes)),
        2 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Twice(from, to)),
        2 => (any::<Index>(), any::<Index>(), any::<Index>())
            .prop_map(|(at, other, from)| Damage::Splice(at, other, from)),
    ]
}

fn damaged(examples: &[Vec<u8>], which: Index, damage: &[Damage]) -> Vec<u8> {
    let mut data = examples[which.index(examples.len())].clone();
    for damage in damage {
        if data.is_empty() {
            return data;
        }
        let length = data.len();
        match damage {
            Damage::Flip(at, mask) => data[at.index(length)] ^= mask,
            Damage::Set(at, byte) => data[at.index(length)] = *byte,
            Damage::Length(at, number) => {
                let at = at.index(length);
                let bytes = number.to_le_bytes();
                let room = bytes.len().min(length - at);
                data[at..at + room].copy_from_slice(&bytes[..room]);
            }
            Damage::Cut(at) => data.truncate(at.index(length)),
            Damage::Insert(at, bytes) => {
                let at = at.index(length);
                data.splice(at..at, bytes.iter().copied());
            }
            Damage::Remove(at, bytes) => {
                let at = at.index(length);
                data.drain(at..length.min(at + bytes));
            }
            Damage::Twice(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let piece = data[from.min(to)..from.max(to)].to_vec();
                data.splice(to..to, piece);
            }
            Damage::Splice(at, other, from) => {
                let other = &examples[other.index(examples.len())];
                data.truncate(at.index(length));
                data.extend(&other[from.index(other.len())..]);
            }
        }
    }
    data
}

/// Runs `cases` of both kinds. A failure names what is left of the input when it is as small as can
/// be.
fn check(name: &str, cases: u32) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("it exists");
    let examples = (target.examples)();
    for example in &examples {
        run(name, example);
    }
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new(config.clone());
    let random = proptest::collection::vec(any::<u8>(), 0..300);
    let tried = |data: Vec<u8>| {
        run(name, &data);
        Ok(())
    };
    runner.run(&random, tried).expect("random bytes do no harm");
    let mutated = (any::<Index>(), proptest::collection::vec(damage(), 1..6));
    let mutated = mutated.prop_map(|(which, damage)| damaged(&examples, which, &damage));
    let mut runner = TestRunner::new(config);
    runner.run(&mutated, tried).expect("damaged examples do no harm");
}

macro_rules! targets {
    ($($name:ident: $cases:expr),* $(,)?) => {
        $(#[test]
        fn $name() {
            check(stringify!($name), $cases);
        })*

        #[test]
        fn every_target_is_tried() {
            let tried = [$(stringify!($name)),*];
            assert_eq!(TARGETS.iter().map(|target| target.name).collect::<Vec<_>>(), tried);
        }
    };
}

targets! {
    wal_segment: 2000,
    wal_records: 2000,
    snapshot_file: 500,
    snapshot_items: 2000,
    bbolt_import: 1000,
    grpc_messages: 3000,
    grpc_frames: 2000,
    log_commands: 3000,
    peer_messages: 3000,
    peer_snapshot: 300,
    json_gateway: 3000,
}
