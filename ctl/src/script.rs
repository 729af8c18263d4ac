//! The text of a transaction, as `ctl txn` reads it from standard input.
//!
//! ```text
//! mod("key1") > "0"        compares, one a line
//!
//! put key1 "overwritten"   then
//!
//! get key1                 else
//! ```

use clap::Parser;
use store_proto::etcdserverpb as pb;

use crate::Usage;
use crate::arguments::{Del, Get, Put};
use crate::command::request;

/// Parses a whole transaction. Errors name the line.
pub fn parse(text: &str) -> Result<pb::TxnRequest, Usage> {
    let mut sections: [Vec<(usize, &str)>; 3] = Default::default();
    let mut section = 0;
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            section += 1;
            continue;
        }
        let Some(lines) = sections.get_mut(section) else {
            break;
        };
        lines.push((number + 1, line));
    }
    let [compares, success, failure] = sections;
    let at = |number: usize| move |reason: String| Usage(format!("line {number}: {reason}"));
    let ops = |lines: Vec<(usize, &str)>| {
        lines
            .into_iter()
            .map(|(number, line)| operation(line).map_err(at(number)))
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(pb::TxnRequest {
        compare: compares
            .into_iter()
            .map(|(number, line)| compare(line).map_err(at(number)))
            .collect::<Result<_, _>>()?,
        success: ops(success)?,
        failure: ops(failure)?,
    })
}

fn compare(line: &str) -> Result<pb::Compare, String> {
    use pb::compare::{CompareResult, CompareTarget, TargetUnion};
    let malformed = || format!("{line:?} is no compare; write e.g. mod(\"key\") > \"0\"");
    let (target, rest) = line.split_once('(').ok_or_else(malformed)?;
    let (key, rest) = quoted(rest.trim_start()).ok_or_else(malformed)?;
    let rest = rest.trim_start().strip_prefix(')').ok_or_else(malformed)?.trim_start();
    let split = rest.find(|c: char| !"=!<>".contains(c)).ok_or_else(malformed)?;
    let (operator, operand) = rest.split_at(split);
    let (operand, _) = quoted(operand.trim_start()).ok_or_else(malformed)?;
    let number = || {
        String::from_utf8_lossy(&operand)
            .parse::<i64>()
            .map_err(|_| format!("{} is no number", String::from_utf8_lossy(&operand)))
    };
    let (target, union) = match target.trim() {
        "ver" | "version" => (CompareTarget::Version, TargetUnion::Version(number()?)),
        "c" | "create" => (CompareTarget::Create, TargetUnion::CreateRevision(number()?)),
        "m" | "mod" => (CompareTarget::Mod, TargetUnion::ModRevision(number()?)),
        "val" | "value" => (CompareTarget::Value, TargetUnion::Value(operand.into())),
        "lease" => {
            let text = String::from_utf8_lossy(&operand);
            let id = i64::from_str_radix(&text, 16).map_err(|_| format!("{text} is no lease"))?;
            (CompareTarget::Lease, TargetUnion::Lease(id))
        }
        other => {
            return Err(format!(
                "{other:?} cannot be compared; use version, create, mod, value or lease"
            ));
        }
    };
    let result = match operator {
        "=" | "==" => CompareResult::Equal,
        "!=" => CompareResult::NotEqual,
        ">" => CompareResult::Greater,
        "<" => CompareResult::Less,
        other => return Err(format!("{other:?} is no comparison; use =, !=, > or <")),
    };
    Ok(pb::Compare {
        result: result.into(),
        target: target.into(),
        key: key.into(),
        range_end: bytes::Bytes::new(),
        target_union: Some(union),
    })
}

#[derive(Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
enum Operation {
    Get(Get),
    Put(Put),
    Del(Del),
}

fn operation(line: &str) -> Result<pb::RequestOp, String> {
    use pb::request_op::Request;
    let words = words(line)?;
    let operation = Operation::try_parse_from(words).map_err(|error| {
        let text = error.to_string();
        text.lines().next().unwrap_or("not an operation").trim_start_matches("error: ").to_owned()
    })?;
    let request = match operation {
        Operation::Get(get) => Request::RequestRange(request::range(&get)),
        Operation::Put(put) => {
            let value = put.value.clone().unwrap_or_default();
            Request::RequestPut(request::put(&put, value.into_bytes()))
        }
        Operation::Del(del) => Request::RequestDeleteRange(request::delete(&del)),
    };
    Ok(pb::RequestOp { request: Some(request) })
}

/// Splits a line at white space, honouring double quotes.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        if rest.starts_with('"') {
            let (word, after) = quoted(rest).ok_or("a quote is not closed")?;
            words.push(String::from_utf8_lossy(&word).into_owned());
            rest = after.trim_start();
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            words.push(rest[..end].to_owned());
            rest = rest[end..].trim_start();
        }
    }
    Ok(words)
}

/// Reads a double-quoted string with `\"`, `\\`, `\n`, `\t` and `\xHH`; gives what follows it.
fn quoted(text: &str) -> Option<(Vec<u8>, &str)> {
    let mut bytes = Vec::new();
    let mut characters = text.strip_prefix('"')?.char_indices();
    let body = &text[1..];
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((bytes, &body[at + 1..])),
            '\\' => match characters.next()?.1 {
                'n' => bytes.push(b'\n'),
                't' => bytes.push(b'\t'),
                'x' => {
                    let digits: String =
                        [characters.next()?.1, characters.next()?.1].iter().collect();
                    bytes.push(u8::from_str_radix(&digits, 16).ok()?);
                }
                other => {
                    bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes());
                }
            },
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_sections_become_a_transaction() {
        let txn =
            parse("mod(\"a\") > \"0\"\nvalue(\"b\") = \"x y\"\n\nput a \"1 2\"\ndel b\n\nget a\n")
                .expect("well formed");
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
            ("size(\"a\") > \"0\"", "cannot be compared"),
            ("mod(\"a\") >> \"0\"", "no comparison"),
            ("mod(\"a\") > \"x\"", "no number"),
            ("\nfrob a\n", "line 2"),
            ("\nput \"a\n", "quote"),
        ];
        for (text, expected) in cases {
            let error = parse(text).expect_err(text).to_string();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
    }

    #[test]
    fn escapes_are_read() {
        assert_eq!(quoted("\"a\\\"\\x00\\n\" rest"), Some((b"a\"\0\n".to_vec(), " rest")));
        assert_eq!(quoted("\"open"), None);
    }
}
