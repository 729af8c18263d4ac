//! PEM: labelled base64.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use x509_parser::pem::{Pem, PemIterator};

use super::error::Error;

#[derive(Clone, PartialEq, Eq)]
pub struct Block {
    pub label: String,
    pub contents: Vec<u8>,
}

/// All blocks of a text; what stands between them is skipped.
pub fn decode(text: &str) -> Result<Vec<Block>, Error> {
    let blocks: PemIterator<Cursor<&[u8]>> = Pem::iter_from_buffer(text.as_bytes());
    blocks
        .map(|block| match block {
            Ok(block) => Ok(Block { label: block.label, contents: block.contents }),
            Err(error) => Err(Error::malformed("PEM block", error)),
        })
        .collect()
}

/// The contents of the first block with one of `labels`.
pub(super) fn first(text: &str, labels: &[&str], expected: &'static str) -> Result<Vec<u8>, Error> {
    let found = decode(text)?.into_iter().find(|block| labels.contains(&block.label.as_str()));
    found.map(|block| block.contents).ok_or(Error::NotPem { expected })
}

/// One block, in lines of 64 characters.
pub fn encode(label: &str, contents: &[u8]) -> String {
    const LINE: usize = 64;
    let encoded = STANDARD.encode(contents);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE));
        text.push_str(line);
        text.push('\n');
        rest = after;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_whatever_their_length() {
        for length in [0, 1, 47, 48, 49, 500] {
            let contents: Vec<u8> = (0..length).map(|byte| byte as u8).collect();
            let text = format!("Bag Attributes\n{}\n", encode("CERTIFICATE", &contents));
            let blocks = decode(&text).expect("decodes");
            assert_eq!(blocks.len(), 1);
            assert_eq!(blocks[0].label, "CERTIFICATE");
            assert_eq!(blocks[0].contents, contents);
        }
        assert!(decode("-----BEGIN X-----\n%%%\n-----END X-----\n").is_err());
        assert!(decode("nothing").expect("no block is no error").is_empty());
    }
}
