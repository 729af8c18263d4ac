//! Single values of the command line.

/// A lease's id, in hexadecimal.
pub fn lease_id(text: &str) -> Result<i64, String> {
    i64::from_str_radix(text, 16).map_err(|_| "a lease id is a hexadecimal number".to_owned())
}

/// A member's id, in hexadecimal.
pub fn member_id(text: &str) -> Result<u64, String> {
    u64::from_str_radix(text, 16)
        .map_err(|_| "a member id is a hexadecimal number, as `member list` prints it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_hex() {
        assert_eq!(lease_id("694d77aa9e38260f"), Ok(0x694d_77aa_9e38_260f));
        assert_eq!(member_id("8e9e05c52164694d"), Ok(0x8e9e_05c5_2164_694d));
        assert!(lease_id("xyz").is_err() && member_id("-1").is_err());
    }
}
