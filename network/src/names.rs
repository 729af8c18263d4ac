//! Names of everything a cluster creates in the kernel.

/// The names of one cluster's bridge, interfaces, namespaces and rules.
///
/// All are derived from a four-digit tag, because an interface name has 15 characters at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    tag: String,
}

/// How much of a sandbox id goes into a name.
const ID_DIGITS: usize = 8;

impl Names {
    /// Derives the tag from any cluster id; an id of four hex digits is its own tag.
    pub fn of(cluster_id: &str) -> Self {
        let is_tag = cluster_id.len() == 4
            && cluster_id
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let tag = if is_tag {
            cluster_id.to_owned()
        } else {
            format!("{:04x}", fold(fnv1a(cluster_id.as_bytes())))
        };
        Self { tag }
    }

    pub fn tag(&self) -> &str {
        &self.tag
    }

    pub fn bridge(&self) -> String {
        format!("cora-{}", self.tag)
    }

    /// Every host end of a pod's interface pair begins so.
    pub fn veth_prefix(&self) -> String {
        format!("cv{}-", self.tag)
    }

    pub fn veth(&self, sandbox_id: &str) -> String {
        format!("{}{}", self.veth_prefix(), short(sandbox_id))
    }

    /// Every network namespace of a pod begins so.
    pub fn netns_prefix(&self) -> String {
        format!("cora-{}-", self.tag)
    }

    pub fn netns(&self, sandbox_id: &str) -> String {
        format!("{}{}", self.netns_prefix(), short(sandbox_id))
    }

    pub fn nft_table(&self) -> String {
        format!("coracle-{}", self.tag)
    }

    /// The cgroup below which every pod of this cluster runs.
    pub fn cgroup(&self) -> String {
        format!("coracle-{}", self.tag)
    }
}

fn short(id: &str) -> &str {
    match id.char_indices().nth(ID_DIGITS) {
        Some((end, _)) => &id[..end],
        None => id,
    }
}

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn fold(hash: u64) -> u16 {
    ((hash >> 48) ^ (hash >> 32) ^ (hash >> 16) ^ hash) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_an_interface_and_differ_by_cluster() {
        let id = "f".repeat(64);
        for cluster in ["abcd", "", "a-long-cluster-name-of-any-kind", "ABCD"] {
            let names = Names::of(cluster);
            assert!(names.bridge().len() <= 15, "{}", names.bridge());
            assert!(names.veth(&id).len() <= 15, "{}", names.veth(&id));
            assert!(names.veth(&id).starts_with(&names.veth_prefix()));
            assert!(names.netns(&id).starts_with(&names.netns_prefix()));
        }
        assert_eq!(Names::of("abcd").bridge(), "cora-abcd");
        assert_ne!(Names::of("one"), Names::of("two"));
        assert_eq!(Names::of("one"), Names::of("one"));
    }
}
