//! Kinds of keys in kubeadm's words.

use crate::x509::KeyAlgorithm;

/// kubeadm's `encryptionAlgorithm`, and two kinds more.
const NAMES: [(&str, KeyAlgorithm); 7] = [
    ("RSA-2048", KeyAlgorithm::Rsa(2048)),
    ("RSA-3072", KeyAlgorithm::Rsa(3072)),
    ("RSA-4096", KeyAlgorithm::Rsa(4096)),
    ("ECDSA-P256", KeyAlgorithm::EcdsaP256),
    ("ECDSA-P384", KeyAlgorithm::EcdsaP384),
    ("ECDSA-P521", KeyAlgorithm::EcdsaP521),
    ("Ed25519", KeyAlgorithm::Ed25519),
];

/// Reads `RSA-2048`, `ECDSA-P256` and so on, in any case.
pub fn key_algorithm(text: &str) -> Result<KeyAlgorithm, String> {
    let found = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    found.map(|(_, algorithm)| *algorithm).ok_or_else(|| {
        let names = NAMES.map(|(name, _)| name).join(", ");
        format!("no key algorithm is called {text:?}: take one of {names}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_kubeadm_s() {
        assert_eq!(key_algorithm("RSA-2048"), Ok(KeyAlgorithm::Rsa(2048)));
        assert_eq!(key_algorithm("ecdsa-p256"), Ok(KeyAlgorithm::EcdsaP256));
        assert!(key_algorithm("rsa").is_err_and(|error| error.contains("RSA-2048")));
    }
}
