//! Whether sled's record of where everything lies is whole.
//!
//! sled checks each frame of it, and takes a damaged one for the end: what it knew before that is
//! served as if it were the latest, though its place may have been given to something else since.
//! So the files are looked at before sled opens them. A frame that a crash left unfinished is
//! refused as well; a home is cheap.
//!
//! ```text
//!   length of the payload     6 bytes, little-endian
//!   CRC32 of the length       2 bytes, the lower half
//!   payload
//!   CRC32 of all the above    4 bytes, XOR 0xAF
//! ```
//!
//! What it points to, sled checks with every read.

use std::io;
use std::path::Path;

const HEAD: usize = 8;
const TAIL: usize = 4;
const MASK: u32 = 0xAF;

/// What the names of such files begin with.
const PREFIXES: [&str; 2] = ["log", "snapshot"];

/// Where such files lie in a home.
const FOLDER: &str = "metadata";

/// Fails if a file of the home in `dir` holds anything but whole frames.
pub(super) fn check(dir: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(dir.join(FOLDER)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // One that was being written when the process ended sled removes.
        let is_ours =
            PREFIXES.iter().any(|prefix| name.starts_with(prefix) && !name.ends_with(".tmp"));
        if is_ours && entry.file_type()?.is_file() && !are_whole(&std::fs::read(entry.path())?) {
            let path = entry.path();
            let told = format!("{} is damaged", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, told));
        }
    }
    Ok(())
}

fn are_whole(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match rest(bytes) {
            Some(rest) => bytes = rest,
            None => return false,
        }
    }
    true
}

/// What follows the frame at the start, if that is whole.
fn rest(bytes: &[u8]) -> Option<&[u8]> {
    let head: [u8; HEAD] = bytes.get(..HEAD)?.try_into().ok()?;
    let (length, check) = head.split_at(6);
    if crc32(length).to_le_bytes()[..2] != *check {
        return None;
    }
    let length = length.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
    let (checked, rest) = bytes.split_at_checked(HEAD.checked_add(length)?)?;
    let (checksum, rest) = rest.split_at_checked(TAIL)?;
    (crc32(checked) ^ MASK == u32::from_le_bytes(checksum.try_into().ok()?)).then_some(rest)
}

/// The CRC of zip and Ethernet, which sled uses and nothing else here does.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| sum >> 8 ^ TABLE[usize::from(sum as u8 ^ byte)])
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut at = 0;
    while at < table.len() {
        let (mut sum, mut bit) = (at as u32, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xEDB8_8320 } else { sum >> 1 };
            bit += 1;
        }
        table[at] = sum;
        at += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_the_published_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn frames_are_whole_or_not() {
        let mut frame = vec![3, 0, 0, 0, 0, 0];
        frame.extend(&crc32(&frame).to_le_bytes()[..2]);
        frame.extend(b"abc");
        frame.extend((crc32(&frame) ^ MASK).to_le_bytes());
        assert!(are_whole(&[]) && are_whole(&frame) && are_whole(&[&frame[..], &frame].concat()));
        for at in 0..frame.len() {
            assert!(at == 0 || !are_whole(&frame[..at]), "cut at {at}");
            for bit in 0..8 {
                let mut damaged = frame.clone();
                damaged[at] ^= 1 << bit;
                assert!(!are_whole(&damaged), "bit {bit} of byte {at}");
            }
        }
        // A length that no memory has.
        let mut long = vec![0xFF; 6];
        long.extend(&crc32(&long).to_le_bytes()[..2]);
        assert!(!are_whole(&long));
    }
}
