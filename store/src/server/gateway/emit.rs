//! Protobuf to JSON, as grpc-gateway writes it for etcd: names as in the contract, 64-bit integers
//! as strings, bytes in base64, enums by name, and nothing that is not set.

use std::fmt::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use prost::encoding::{WireType, decode_key, decode_varint};
use store_proto::reflect::{Enum, Field, Kind, Message};

/// What is not the encoding of its message. The store's own answers always are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed {message}")]
pub(super) struct Malformed {
    message: &'static str,
}

/// One value of a field as it stands in the message.
#[derive(Clone, Copy)]
enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// Appends `wire` as JSON.
pub(super) fn emit(
    message: &'static Message,
    wire: &[u8],
    out: &mut String,
) -> Result<(), Malformed> {
    let malformed = Malformed { message: message.name };
    let mut values = values(message, wire).ok_or_else(|| malformed.clone())?;
    // Values of one field stay in their order.
    values.sort_by_key(|(field, _)| *field);
    out.push('{');
    let mut rest = values.as_slice();
    while let Some((at, _)) = rest.first() {
        let field = &message.fields[*at];
        let same = rest.iter().take_while(|(other, _)| other == at).count();
        let (these, others) = rest.split_at(same);
        if rest.len() < values.len() {
            out.push(',');
        }
        let _ = write!(out, "\"{}\":", field.name);
        if field.repeated {
            emit_list(field, these, out, &malformed)?;
        } else if let Some((_, value)) = these.last() {
            emit_value(field.kind, *value, out, &malformed)?;
        }
        rest = others;
    }
    out.push('}');
    Ok(())
}

/// The fields of a message, by their place in its table. Unknown fields are left out.
fn values<'a>(message: &'static Message, mut wire: &'a [u8]) -> Option<Vec<(usize, Value<'a>)>> {
    let mut values = Vec::new();
    while !wire.is_empty() {
        let (number, wire_type) = decode_key(&mut wire).ok()?;
        let value = match wire_type {
            WireType::Varint => Value::Number(decode_varint(&mut wire).ok()?),
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut wire).ok()?).ok()?;
                let (bytes, rest) = wire.split_at_checked(length)?;
                wire = rest;
                Value::Bytes(bytes)
            }
            // The contract has no field of these.
            WireType::SixtyFourBit
            | WireType::ThirtyTwoBit
            | WireType::StartGroup
            | WireType::EndGroup => return None,
        };
        let Some(at) = message.fields.iter().position(|field| field.number == number) else {
            continue;
        };
        let field = &message.fields[at];
        match (field.kind, value) {
            (Kind::String | Kind::Bytes | Kind::Message(_), Value::Bytes(_)) => {
                values.push((at, value));
            }
            (Kind::String | Kind::Bytes | Kind::Message(_), Value::Number(_)) => return None,
            (_, Value::Number(_)) => values.push((at, value)),
            (_, Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    values.push((at, Value::Number(decode_varint(&mut packed).ok()?)));
                }
            }
        }
    }
    Some(values)
}

fn emit_list(
    field: &'static Field,
    values: &[(usize, Value<'_>)],
    out: &mut String,
    malformed: &Malformed,
) -> Result<(), Malformed> {
    out.push('[');
    for (at, (_, value)) in values.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        emit_value(field.kind, *value, out, malformed)?;
    }
    out.push(']');
    Ok(())
}

fn emit_value(
    kind: Kind,
    value: Value<'_>,
    out: &mut String,
    malformed: &Malformed,
) -> Result<(), Malformed> {
    // Writing into a string cannot fail.
    let _ = match (kind, value) {
        (Kind::Bool, Value::Number(number)) => write!(out, "{}", number != 0),
        (Kind::Int32, Value::Number(number)) => write!(out, "{}", number as i32),
        (Kind::Uint32, Value::Number(number)) => write!(out, "{}", number as u32),
        (Kind::Int64, Value::Number(number)) => write!(out, "\"{}\"", number as i64),
        (Kind::Uint64, Value::Number(number)) => write!(out, "\"{number}\""),
        (Kind::Enum(one), Value::Number(number)) => emit_enum(one, number as i32, out),
        (Kind::String, Value::Bytes(bytes)) => {
            let text = std::str::from_utf8(bytes).map_err(|_| malformed.clone())?;
            write!(out, "{}", serde_json::Value::from(text))
        }
        (Kind::Bytes, Value::Bytes(bytes)) => {
            out.push('"');
            STANDARD.encode_string(bytes, out);
            out.push('"');
            Ok(())
        }
        (Kind::Message(inner), Value::Bytes(bytes)) => {
            emit(inner, bytes, out)?;
            Ok(())
        }
        (_, Value::Number(_) | Value::Bytes(_)) => return Err(malformed.clone()),
    };
    Ok(())
}

/// A value without a name is told as its number.
fn emit_enum(one: &Enum, number: i32, out: &mut String) -> std::fmt::Result {
    match one.values.iter().find(|(_, known)| *known == number) {
        Some((name, _)) => write!(out, "\"{name}\""),
        None => write!(out, "{number}"),
    }
}

#[cfg(test)]
mod tests {
    use store_proto::{etcdserverpb as pb, mvccpb, reflect};

    use super::*;

    fn json(message: &'static Message, value: &impl prost::Message) -> String {
        let mut out = String::new();
        emit(message, &value.encode_to_vec(), &mut out).expect("it is well-formed");
        out
    }

    #[test]
    fn answers_read_as_those_of_etcd() {
        let header =
            pb::ResponseHeader { cluster_id: u64::MAX, revision: -2, ..Default::default() };
        let kv = mvccpb::KeyValue {
            key: "foo".into(),
            value: vec![0xff, 0xfe].into(),
            mod_revision: 3,
            ..Default::default()
        };
        let range = pb::RangeResponse {
            header: Some(header),
            kvs: vec![kv.clone(), mvccpb::KeyValue::default()],
            more: true,
            count: 2,
        };
        let told = concat!(
            r#"{"header":{"cluster_id":"18446744073709551615","revision":"-2"},"#,
            r#""kvs":[{"key":"Zm9v","mod_revision":"3","value":"//4="},{}],"#,
            r#""more":true,"count":"2"}"#,
        );
        assert_eq!(json(&reflect::ETCDSERVERPB_RANGERESPONSE, &range), told);
        let member = pb::Member {
            id: 7,
            name: "a \"quoted\" name".into(),
            peer_ur_ls: vec!["http://a".into(), "http://b".into()],
            is_learner: true,
            ..Default::default()
        };
        let told = concat!(
            r#"{"ID":"7","name":"a \"quoted\" name","#,
            r#""peerURLs":["http://a","http://b"],"isLearner":true}"#,
        );
        assert_eq!(json(&reflect::ETCDSERVERPB_MEMBER, &member), told);
        let event = mvccpb::Event { r#type: 1, kv: Some(kv), prev_kv: None };
        let told = r#"{"type":"DELETE","kv":{"key":"Zm9v","mod_revision":"3","value":"//4="}}"#;
        assert_eq!(json(&reflect::MVCCPB_EVENT, &event), told);
        let alarm = pb::AlarmMember { member_id: 1, alarm: 9 };
        assert_eq!(
            json(&reflect::ETCDSERVERPB_ALARMMEMBER, &alarm),
            r#"{"memberID":"1","alarm":9}"#
        );
        let hash = pb::HashResponse { header: None, hash: u32::MAX };
        assert_eq!(json(&reflect::ETCDSERVERPB_HASHRESPONSE, &hash), r#"{"hash":4294967295}"#);
    }

    /// A set member of a oneof is told even where it is zero.
    #[test]
    fn a_oneof_is_told_when_it_is_set() {
        let target_union = Some(pb::compare::TargetUnion::Version(0));
        let compare = pb::Compare { target_union, ..Default::default() };
        assert_eq!(json(&reflect::ETCDSERVERPB_COMPARE, &compare), r#"{"version":"0"}"#);
        let empty = pb::TxnResponse {
            responses: vec![pb::ResponseOp {
                response: Some(pb::response_op::Response::ResponsePut(Default::default())),
            }],
            ..Default::default()
        };
        let told = r#"{"responses":[{"response_put":{}}]}"#;
        assert_eq!(json(&reflect::ETCDSERVERPB_TXNRESPONSE, &empty), told);
    }

    #[test]
    fn packed_numbers_are_a_list_and_garbage_is_refused() {
        let create = pb::WatchCreateRequest { filters: vec![0, 1, 5], ..Default::default() };
        let told = r#"{"filters":["NOPUT","NODELETE",5]}"#;
        assert_eq!(json(&reflect::ETCDSERVERPB_WATCHCREATEREQUEST, &create), told);
        for wire in [&[0x0a, 5, 1][..], &[0x0a], &[0x09, 1], &[0x08, 1]] {
            let refused = emit(&reflect::ETCDSERVERPB_PUTREQUEST, wire, &mut String::new());
            assert!(refused.is_err(), "{wire:?}");
        }
    }
}
