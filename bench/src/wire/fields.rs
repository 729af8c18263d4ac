//! A look at a protobuf message where it lies.

/// A field's value, as far as the wire tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Value<'a> {
    pub fn number(self) -> u64 {
        if let Self::Number(number) = self { number } else { 0 }
    }

    pub fn bytes(self) -> &'a [u8] {
        if let Self::Bytes(bytes) = self { bytes } else { &[] }
    }
}

/// The fields of a message in their order. Ends early at bytes that are none.
pub struct Fields<'a>(pub &'a [u8]);

impl Fields<'_> {
    fn varint(&mut self) -> Option<u64> {
        let (mut value, mut shift) = (0u64, 0);
        loop {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
            shift += 7;
            if shift > 63 {
                return None;
            }
        }
    }
}

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = (u64, Value<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Bytes(self.take(4)?),
            _ => return None,
        };
        Some((tag >> 3, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_prost_writes_and_stops_at_nonsense() {
        use prost::Message;
        let put = store_proto::etcdserverpb::PutRequest {
            key: "a".into(),
            value: vec![7; 300].into(),
            lease: 1 << 40,
            ..Default::default()
        };
        let encoded = put.encode_to_vec();
        let fields: Vec<_> = Fields(&encoded).collect();
        let expected =
            [(1, Value::Bytes(b"a")), (2, Value::Bytes(&[7; 300])), (3, Value::Number(1 << 40))];
        assert_eq!(fields, expected);
        assert_eq!(Fields(&encoded[..encoded.len() - 1]).count(), 2);
        assert_eq!(Fields(&[0xff; 20]).count(), 0);
    }
}
