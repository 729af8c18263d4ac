//! The text of a transaction, as `txn` reads it from standard input.
//!
//! ```text
//! mod("key1") > "0"        compares, one a line
//!
//! put key1 "overwritten"   requests for when all hold
//!
//! get key1                 requests for when not
//!
//! ```
//!
//! Each list ends with an empty line. Input that ends earlier is refused, as etcdctl does: half a
//! transaction that was cut off on its way must not be run.

mod compare;
mod operation;
mod words;

use std::io::BufRead;

use store_proto::etcdserverpb as pb;

pub use words::words;

use crate::failure::{Failure, Kind};

/// Names of the three lists, as `--interactive` announces them.
const LISTS: [&str; 3] =
    ["compares:", "success requests (get, put, del):", "failure requests (get, put, del):"];

/// Reads a whole transaction. `announce` is told which list comes next. Errors name the line.
pub fn read(
    input: impl BufRead,
    announce: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<pb::TxnRequest> {
    let mut txn = pb::TxnRequest::default();
    let mut lines = input.lines();
    let mut number = 0;
    for (list, name) in LISTS.iter().enumerate() {
        announce(name)?;
        loop {
            number += 1;
            let Some(line) = lines.next().transpose()? else {
                let wanted = name.trim_end_matches(':');
                return Err(wrong(
                    number,
                    format!("the {wanted} do not end with an empty line: EOF"),
                ));
            };
            let line = line.trim();
            if line.is_empty() {
                break;
            }
            let at = |reason: String| wrong(number, reason);
            match list {
                0 => txn.compare.push(compare::parse(line).map_err(at)?),
                1 => txn.success.push(operation::parse(line).map_err(at)?),
                _ => txn.failure.push(operation::parse(line).map_err(at)?),
            }
        }
    }
    Ok(txn)
}

fn wrong(number: usize, reason: String) -> anyhow::Error {
    Failure::new(Kind::Input, format!("line {number}: {reason}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> anyhow::Result<pb::TxnRequest> {
        read(text.as_bytes(), |_| Ok(()))
    }

    #[test]
    fn three_lists_become_a_transaction() {
        let text =
            "mod(\"a\") > \"0\"\nvalue(\"b\") = \"x y\"\n\nput a \"1 2\"\ndel b\n\nget a\n\n";
        let txn = parse(text).expect("well formed");
        assert_eq!((txn.compare.len(), txn.success.len(), txn.failure.len()), (2, 2, 1));
        let Some(pb::request_op::Request::RequestPut(put)) = &txn.success[0].request else {
            panic!("a put");
        };
        assert_eq!((put.key.as_ref(), put.value.as_ref()), (&b"a"[..], &b"1 2"[..]));
    }

    #[test]
    fn a_mistake_names_its_line() {
        let cases = [
            ("mod(a) > \"0\"", "line 1"),
            ("size(\"a\") > \"0\"", "unknown target size"),
            ("mod(\"a\") >> \"0\"", ">>"),
            ("mod(\"a\") > \"x\"", "invalid txn compare request"),
            ("\nfrob a\n", "line 2"),
            ("\nput \"a\n", "line 2"),
            ("\nput a\n", "value"),
            ("\nget a\n\nget b\n", "EOF"),
            ("", "EOF"),
        ];
        for (text, expected) in cases {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }
}
