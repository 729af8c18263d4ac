//! Passwords, hashed as Go's bcrypt hashes them: either side reads the other's.

use bytes::Bytes;

use super::refusal::Refusal;

/// Longest password that bcrypt takes as a whole, in bytes.
const MAX_PASSWORD: usize = 72;

/// Costs outside give way to this one, as in etcd.
pub const DEFAULT_COST: u32 = 10;
const COSTS: std::ops::RangeInclusive<u32> = 4..=31;

/// Hashes `password`. Slow by intent: not for threads that others wait for.
pub fn hash_password(password: &str, cost: u32) -> Result<Bytes, Refusal> {
    if password.len() > MAX_PASSWORD {
        return Err(Refusal::PasswordTooLong);
    }
    let cost = if COSTS.contains(&cost) { cost } else { DEFAULT_COST };
    let salt = rand::random();
    let parts = bcrypt::hash_with_salt(password, cost, salt).expect("the cost is in range");
    Ok(parts.format_for_version(bcrypt::Version::TwoA).into())
}

/// Whether `hash` is one of `password`. A hash that is none matches nothing. As slow as hashing.
pub fn password_matches(password: &str, hash: &[u8]) -> bool {
    let Ok(hash) = std::str::from_utf8(hash) else { return false };
    bcrypt::verify(password, hash).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: u32 = 4;

    #[test]
    fn a_password_matches_its_own_hash_alone() {
        let hash = hash_password("secret", CHEAP).expect("a short password is hashed");
        assert!(hash.starts_with(b"$2a$04$"), "{hash:?}");
        assert!(password_matches("secret", &hash));
        assert!(!password_matches("Secret", &hash));
        assert!(!password_matches("", &hash));
        assert!(!password_matches("secret", b""));
        assert!(!password_matches("secret", b"\xff"));
    }

    #[test]
    fn each_hash_has_its_own_salt() {
        let hash = || hash_password("secret", CHEAP).expect("a short password is hashed");
        assert_ne!(hash(), hash());
    }

    /// Made by golang.org/x/crypto/bcrypt.
    #[test]
    fn gos_hashes_match() {
        let hash = b"$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga";
        assert!(password_matches("allmine", hash));
        assert!(!password_matches("allmin", hash));
    }

    #[test]
    fn seventy_two_bytes_are_the_most() {
        assert!(hash_password(&"x".repeat(72), CHEAP).is_ok());
        assert_eq!(hash_password(&"x".repeat(73), CHEAP), Err(Refusal::PasswordTooLong));
    }
}
