//! The wire format: fields of one message, in their order.

use super::error::Problem;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Wire<'a> {
    pub(crate) fn varint(self) -> Result<u64, Problem> {
        match self {
            Wire::Varint(value) => Ok(value),
            other => Err(Problem::OtherWireType { found: other.number(), expected: 0 }),
        }
    }

    pub(crate) fn fixed64(self) -> Result<u64, Problem> {
        match self {
            Wire::Fixed64(value) => Ok(value),
            other => Err(Problem::OtherWireType { found: other.number(), expected: 1 }),
        }
    }

    pub(crate) fn bytes(self) -> Result<&'a [u8], Problem> {
        match self {
            Wire::Bytes(bytes) => Ok(bytes),
            other => Err(Problem::OtherWireType { found: other.number(), expected: 2 }),
        }
    }

    pub(crate) fn text(self) -> Result<&'a str, Problem> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Problem::NotUtf8)
    }

    fn number(self) -> u8 {
        match self {
            Wire::Varint(_) => 0,
            Wire::Fixed64(_) => 1,
            Wire::Bytes(_) => 2,
            Wire::Fixed32(_) => 5,
        }
    }
}

/// The fields of a message. Ends after the first error.
pub(crate) struct Fields<'a>(&'a [u8]);

pub(crate) fn fields(message: &[u8]) -> Fields<'_> {
    Fields(message)
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Wire<'a>), Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.read();
        if field.is_err() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn read(&mut self) -> Result<(u32, Wire<'a>), Problem> {
        let tag = varint(&mut self.0)?;
        let number = u32::try_from(tag >> 3).map_err(|_| Problem::FieldNumber)?;
        if number == 0 {
            return Err(Problem::FieldNumber);
        }
        let wire = match tag & 7 {
            0 => Wire::Varint(varint(&mut self.0)?),
            1 => Wire::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let length = varint(&mut self.0)?;
                Wire::Bytes(self.take(usize::try_from(length).map_err(|_| Problem::Truncated)?)?)
            }
            5 => Wire::Fixed32(u32::from_le_bytes(self.array()?)),
            // 3 and 4 are groups, which no Kubernetes type has.
            other => return Err(Problem::WireType(other as u8)),
        };
        Ok((number, wire))
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Problem> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Problem::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Problem::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }
}

/// Reads a varint off the front.
pub(crate) fn varint(bytes: &mut &[u8]) -> Result<u64, Problem> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(Problem::Truncated)?;
        *bytes = rest;
        if shift == 63 && byte > 1 {
            return Err(Problem::Varint);
        }
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Problem::Varint)
}
