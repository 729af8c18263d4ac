//! Serial numbers of certificates: positive, as large as RFC 5280 allows.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rand;
use yasna::DERWriter;

use super::error::Error;

/// RFC 5280 allows 20 octets; the first bit of a positive number is 0.
const RANDOM_OCTETS: usize = 20;

/// Octets that a number may have which is read: three times what RFC 5280 allows. Printing one takes
/// time with the square of its length.
const MAX_READ_OCTETS: usize = 64;

/// Big endian, without leading zeros; empty is zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// A new number of 159 random bits, never zero.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = [0; RANDOM_OCTETS];
        rand::fill(&mut bytes).map_err(|_| Error::Generate)?;
        bytes[0] &= 0x7f;
        bytes[RANDOM_OCTETS - 1] |= 1;
        Ok(Self::from_bytes(&bytes))
    }

    /// Of an unsigned number in big-endian order.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Self(bytes[zeros..].to_vec())
    }

    /// As [`Self::from_bytes`], of a number that somebody else wrote.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let serial = Self::from_bytes(bytes);
        if serial.0.len() > MAX_READ_OCTETS {
            let reason = format!("{} octets are more than {MAX_READ_OCTETS}", serial.0.len());
            return Err(Error::malformed("serial number", reason));
        }
        Ok(serial)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn write(&self, writer: DERWriter<'_>) {
        writer.write_bigint_bytes(if self.0.is_empty() { &[0] } else { &self.0 }, true);
    }
}

/// In decimal, as CFSSL prints and takes it.
impl fmt::Display for Serial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut number = self.0.clone();
        let mut digits = Vec::new();
        while number.iter().any(|byte| *byte != 0) {
            let mut remainder = 0u32;
            for byte in &mut number {
                let value = (remainder << 8) | u32::from(*byte);
                *byte = (value / 10) as u8;
                remainder = value % 10;
            }
            digits.push(char::from(b'0' + remainder as u8));
        }
        if digits.is_empty() {
            digits.push('0');
        }
        let text: String = digits.into_iter().rev().collect();
        formatter.write_str(&text)
    }
}

impl FromStr for Serial {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        const MAX_DIGITS: usize = 60;
        if text.is_empty() || text.len() > MAX_DIGITS || !text.bytes().all(|c| c.is_ascii_digit()) {
            return Err(Error::Unusable {
                field: "a serial number",
                value: text.to_owned(),
                reason: "it is a decimal number of at most 60 digits",
            });
        }
        let mut number: Vec<u8> = Vec::new();
        for digit in text.bytes() {
            let mut carry = u32::from(digit - b'0');
            for byte in number.iter_mut().rev() {
                let value = u32::from(*byte) * 10 + carry;
                *byte = value as u8;
                carry = value >> 8;
            }
            if carry > 0 {
                number.insert(0, carry as u8);
            }
        }
        Ok(Self::from_bytes(&number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_and_bytes_agree() {
        let rows: [(&str, &[u8]); 5] = [
            ("0", &[]),
            ("9", &[9]),
            ("256", &[1, 0]),
            ("340282366920938463463374607431768211455", &[0xff; 16]),
            ("1461501637330902918203684832716283019655932542975", &[0xff; 20]),
        ];
        for (text, bytes) in rows {
            let serial: Serial = text.parse().expect(text);
            assert_eq!(serial.as_bytes(), bytes, "{text}");
            assert_eq!(serial.to_string(), text);
        }
        assert_eq!(Serial::from_bytes(&[0, 0, 1, 0]).to_string(), "256");
        assert!("".parse::<Serial>().is_err() && "0x1f".parse::<Serial>().is_err());
    }

    #[test]
    fn random_numbers_fit_into_twenty_positive_octets() {
        for _ in 0..100 {
            let serial = Serial::random().expect("random");
            let encoded = yasna::construct_der(|writer| serial.write(writer));
            assert!(!serial.as_bytes().is_empty() && encoded.len() <= 2 + RANDOM_OCTETS);
            assert_eq!(encoded[2] & 0x80, 0);
        }
    }
}
