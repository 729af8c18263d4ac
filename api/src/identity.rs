//! Who makes a request.

/// An authenticated user. The apiserver reads it from a client certificate (CN and O) or, for
/// components in the same process, from the request's extensions, where no socket can put it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    pub user: String,
    pub groups: Vec<String>,
}

impl Identity {
    pub fn new(user: impl Into<String>, groups: &[&str]) -> Self {
        Self { user: user.into(), groups: groups.iter().map(|group| (*group).to_owned()).collect() }
    }

    /// A kube-system service account, as each controller has one upstream.
    pub fn controller(name: &str) -> Self {
        Self::new(
            format!("system:serviceaccount:kube-system:{name}"),
            &[
                "system:serviceaccounts",
                "system:serviceaccounts:kube-system",
                "system:authenticated",
            ],
        )
    }

    /// The kubelet of one node.
    pub fn node(name: &str) -> Self {
        Self::new(format!("system:node:{name}"), &["system:nodes", "system:authenticated"])
    }

    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|member| member == group)
    }
}
