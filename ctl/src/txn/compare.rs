//! `mod("key") > "0"`.

use bytes::Bytes;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};

use crate::go::quote::unquote;

pub fn parse(line: &str) -> Result<pb::Compare, String> {
    let malformed =
        || format!("malformed comparison: {line}; write for example mod(\"key\") > \"0\"");
    let (target, rest) = line.split_once('(').ok_or_else(malformed)?;
    let (key, rest) = unquote(rest.trim_start()).ok_or_else(malformed)?;
    let rest = rest.strip_prefix(')').ok_or_else(malformed)?.trim_start();
    let (operator, rest) = rest.split_once(char::is_whitespace).ok_or_else(malformed)?;
    let (operand, _) = unquote(rest.trim_start()).ok_or_else(malformed)?;
    let number = |radix: u32| {
        let text = std::str::from_utf8(&operand).ok();
        text.and_then(|text| i64::from_str_radix(text, radix).ok())
            .ok_or_else(|| format!("invalid txn compare request: {line}"))
    };
    let (target, union) = match target {
        "ver" | "version" => (CompareTarget::Version, TargetUnion::Version(number(10)?)),
        "c" | "create" => (CompareTarget::Create, TargetUnion::CreateRevision(number(10)?)),
        "m" | "mod" => (CompareTarget::Mod, TargetUnion::ModRevision(number(10)?)),
        "val" | "value" => (CompareTarget::Value, TargetUnion::Value(operand.into())),
        "lease" => (CompareTarget::Lease, TargetUnion::Lease(number(16)?)),
        other => {
            return Err(format!(
                "malformed comparison: {line} (unknown target {other}; use version, create, mod, \
                 value or lease)"
            ));
        }
    };
    let result = match operator {
        "=" => CompareResult::Equal,
        "!=" => CompareResult::NotEqual,
        ">" => CompareResult::Greater,
        "<" => CompareResult::Less,
        other => return Err(format!("{other:?} is no comparison; use =, !=, > or <")),
    };
    Ok(pb::Compare {
        result: result.into(),
        target: target.into(),
        key: key.into(),
        range_end: Bytes::new(),
        target_union: Some(union),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compares_are_read() {
        let cases = [
            (r#"mod("a") > "3""#, CompareResult::Greater, TargetUnion::ModRevision(3)),
            (r#"m("a") < "-3""#, CompareResult::Less, TargetUnion::ModRevision(-3)),
            (r#"create("a") = "0""#, CompareResult::Equal, TargetUnion::CreateRevision(0)),
            (r#"ver("a") != "1""#, CompareResult::NotEqual, TargetUnion::Version(1)),
            (
                r#"value("a")   =   "\x00b c""#,
                CompareResult::Equal,
                TargetUnion::Value("\0b c".into()),
            ),
            (r#"lease("a") = "1f""#, CompareResult::Equal, TargetUnion::Lease(0x1f)),
        ];
        for (line, result, union) in cases {
            let compare = parse(line).expect(line);
            assert_eq!(compare.key, "a", "{line}");
            assert_eq!((compare.result(), compare.target_union), (result, Some(union)), "{line}");
        }
        for wrong in
            ["mod", "mod(a) > \"0\"", "mod(\"a\")>\"0\"", "mod(\"a\") > 0", "mod (\"a\") > \"0\""]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
