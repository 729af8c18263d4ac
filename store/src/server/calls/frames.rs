//! Where gRPC messages begin in a body, found without keeping any of it.

/// A message's head: whether it is compressed, and its length.
const HEAD_BYTES: usize = 5;

/// Follows a body through its chunks.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::server) struct Frames {
    head: [u8; HEAD_BYTES],
    /// Bytes of the head that are known.
    known: usize,
    /// Bytes of the present message that are yet to come.
    rest: usize,
}

impl Frames {
    /// Takes a chunk. Answers how many messages began in it, and the length of the largest.
    pub(in crate::server) fn pass(&mut self, mut chunk: &[u8]) -> (u64, usize) {
        let (mut begun, mut largest) = (0, 0);
        while !chunk.is_empty() {
            if self.rest > 0 {
                let inside = self.rest.min(chunk.len());
                self.rest -= inside;
                chunk = &chunk[inside..];
                continue;
            }
            let missing = (HEAD_BYTES - self.known).min(chunk.len());
            self.head[self.known..self.known + missing].copy_from_slice(&chunk[..missing]);
            self.known += missing;
            chunk = &chunk[missing..];
            if self.known == HEAD_BYTES {
                let [_, a, b, c, d] = self.head;
                self.rest = u32::from_be_bytes([a, b, c, d]) as usize;
                self.known = 0;
                begun += 1;
                largest = largest.max(self.rest);
            }
        }
        (begun, largest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn messages_are_found_however_they_are_cut(
            lengths in proptest::collection::vec(0..300_usize, 0..12),
            cuts in proptest::collection::vec(1..40_usize, 1..8),
        ) {
            let mut body = Vec::new();
            for length in &lengths {
                body.push(0);
                body.extend_from_slice(&(*length as u32).to_be_bytes());
                body.extend(vec![9; *length]);
            }
            let (mut frames, mut begun, mut largest) = (Frames::default(), 0, 0);
            let (mut rest, mut cuts) = (body.as_slice(), cuts.iter().cycle());
            while !rest.is_empty() {
                let cut = *cuts.next().expect("it repeats");
                let (chunk, after) = rest.split_at(cut.min(rest.len()));
                let (more, length) = frames.pass(chunk);
                begun += more;
                largest = largest.max(length);
                rest = after;
            }
            prop_assert_eq!(begun, lengths.len() as u64);
            prop_assert_eq!(largest, lengths.iter().copied().max().unwrap_or(0));
        }
    }
}
