//! Stock etcdctl as a user, where it is installed.

use std::process::Output;

use crate::Config;
use crate::server::etcdctl_test::Etcdctl;
use crate::server::testing::Served;

impl Etcdctl {
    /// What the command prints and says, as `user:password` if that is not empty.
    async fn told(&self, user: &str, arguments: &str) -> (bool, String) {
        let mut words = if user.is_empty() { Vec::new() } else { vec!["--user", user] };
        words.extend(arguments.split(' '));
        let mut command = self.command(&words);
        let Output { status, stdout, stderr } = command.output().await.expect("etcdctl runs");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (status.success(), text(stdout) + &text(stderr))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn etcdctl_logs_in() {
    const ROOT: &str = "root:pass";
    const ANN: &str = "ann:secret";
    let served = Served::with(Config { bcrypt_cost: 4, ..Config::default() }).await;
    let Some(etcdctl) = Etcdctl::of(&served) else {
        eprintln!("SKIPPED: no etcdctl in PATH");
        return served.stop().await;
    };
    let steps: [(&str, &str, bool, &str); 28] = [
        ("", "user add root:pass", true, "User root created"),
        ("", "user add root:pass", false, "user name already exists"),
        ("", "user add ann:secret", true, "User ann created"),
        ("", "user add cert --no-password", true, "User cert created"),
        ("", "role add app", true, "Role app created"),
        ("", "role grant-permission app readwrite /app/ --prefix", true, "Role app updated"),
        ("", "role grant-permission app read b d", true, "Role app updated"),
        ("", "user grant-role ann app", true, "Role app is granted to user ann"),
        ("", "user grant-role ann none", false, "role name not found"),
        // It makes the root role, and grants it to root.
        ("", "auth enable", true, "Authentication Enabled"),
        ("", "get b", false, "user name is empty"),
        ("ann:wrong", "get b", false, "authentication failed, invalid user ID or password"),
        (ANN, "put /app/x 1", true, "OK"),
        (ANN, "get /app/ --prefix", true, "/app/x\n1\n"),
        (ANN, "get b d", true, ""),
        (ANN, "put b 1", false, "permission denied"),
        (ANN, "get --prefix /", false, "permission denied"),
        (ANN, "del /app/ --prefix", true, "1"),
        (ANN, "user list", false, "permission denied"),
        (ANN, "compaction 2", false, "permission denied"),
        (ANN, "user get ann", true, "Roles: app"),
        (ROOT, "user list", true, "ann\ncert\nroot\n"),
        (ROOT, "role get app", true, "[b, d)"),
        (ROOT, "user delete root", false, "invalid auth management"),
        (ROOT, "role revoke-permission app b d", true, "[b, d) is revoked from role app"),
        (ROOT, "compaction 2", true, "compacted revision 2"),
        (ROOT, "auth disable", true, "Authentication Disabled"),
        ("", "get b", true, ""),
    ];
    for (user, arguments, succeeds, text) in steps {
        let (success, told) = etcdctl.told(user, arguments).await;
        assert_eq!(success, succeeds, "{user} {arguments}: {told}");
        assert!(told.contains(text), "{user} {arguments}: {told}");
    }
    served.stop().await;
}
