//! `metadata.generateName`.

use crate::clock::Sources;

/// Upstream's alphabet: no vowels and no look-alikes, so that no words come out.
const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";

const SUFFIX_LENGTH: usize = 5;

/// So that base and suffix fit into a label of 63 characters.
const BASE_LENGTH: usize = 63 - SUFFIX_LENGTH;

/// Names tried before a create with generateName gives up, as upstream.
pub const ATTEMPTS: usize = 8;

pub fn generate(base: &str, sources: &dyn Sources) -> String {
    let mut end = base.len().min(BASE_LENGTH);
    while !base.is_char_boundary(end) {
        end -= 1;
    }
    let mut name = base[..end].to_owned();
    for _ in 0..SUFFIX_LENGTH {
        name.push(ALPHABET[sources.below(ALPHABET.len() as u64) as usize] as char);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemSources;

    #[test]
    fn names_keep_the_base_and_fit_a_label() {
        let short = generate("web-", &SystemSources);
        assert!(short.starts_with("web-") && short.len() == 9);
        assert!(short[4..].bytes().all(|byte| ALPHABET.contains(&byte)));
        assert_eq!(generate(&"a".repeat(80), &SystemSources).len(), 63);
        assert_eq!(generate(&"é".repeat(40), &SystemSources).len(), 63);
    }
}
