//! Ids of members and clusters, computed as etcd computes them: whoever is configured alike arrives
//! at the same ids without asking anyone.

use aws_lc_rs::digest;

fn first_eight_bytes_of_sha1(input: &[u8]) -> u64 {
    // etcd's choice. Ids are names, not secrets.
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, input);
    let bytes = hash.as_ref().first_chunk().expect("a SHA-1 digest has 20 bytes");
    u64::from_be_bytes(*bytes)
}

/// The id of a member with these peer URLs in the cluster of this token. `added` is when it was
/// added to a running cluster, in seconds since 1970; founding members have none.
pub fn member_id(peer_urls: &[String], token: &str, added: Option<u64>) -> u64 {
    let mut sorted: Vec<&str> = peer_urls.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let mut input = sorted.concat();
    input.push_str(token);
    if let Some(added) = added {
        input.push_str(&added.to_string());
    }
    first_eight_bytes_of_sha1(input.as_bytes())
}

/// The id of the cluster that these members found.
pub fn cluster_id(member_ids: &[u64]) -> u64 {
    let mut sorted = member_ids.to_vec();
    sorted.sort_unstable();
    let input: Vec<u8> = sorted.iter().flat_map(|id| id.to_be_bytes()).collect();
    first_eight_bytes_of_sha1(&input)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From etcd's own tests.
    #[test]
    fn member_ids_are_those_of_etcd() {
        let added = Some(472_662_245); // 1984-12-23T15:04:05Z
        let cases: [(&[&str], &str, Option<u64>, u64); 6] = [
            (&["http://10.0.0.8:2379"], "", None, 14_544_069_596_553_697_298),
            (&["http://10.0.0.8:2379"], "", added, 2_448_790_162_483_548_276),
            (&["http://10.0.0.8:2379"], "etcd", added, 6_973_882_743_191_604_649),
            (&["http://10.0.0.1:2379"], "", added, 1_466_075_294_948_436_910),
            (
                &["http://10.0.0.1:2379", "http://10.0.0.2:2379"],
                "",
                None,
                16_552_244_735_972_308_939,
            ),
            (
                &["http://10.0.0.2:2379", "http://10.0.0.1:2379"],
                "",
                None,
                16_552_244_735_972_308_939,
            ),
        ];
        for (urls, token, added, id) in cases {
            let urls: Vec<String> = urls.iter().map(|url| (*url).to_owned()).collect();
            assert_eq!(member_id(&urls, token, added), id, "{urls:?} {token} {added:?}");
        }
    }

    /// The ids that etcd shows everyone who starts it without options.
    #[test]
    fn a_cluster_of_defaults_has_the_ids_that_everybody_knows() {
        let id = member_id(&["http://localhost:2380".into()], "etcd-cluster", None);
        assert_eq!(id, 0x8e9e_05c5_2164_694d);
        assert_eq!(cluster_id(&[id]), 0xcdf8_1819_4e3a_8c32);
    }
}
