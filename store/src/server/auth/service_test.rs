//! Users, tokens and certificates end to end, over TLS: what a list of cases that a real etcd
//! proves cannot show, because it needs a server of its own settings.

use std::time::Duration;

use store_proto::authpb;
use store_proto::etcdserverpb as pb;
use store_proto::etcdserverpb::auth_client::AuthClient;
use store_proto::etcdserverpb::kv_client::KvClient;
use store_proto::etcdserverpb::lease_client::LeaseClient;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};

use crate::Config;
use crate::auth::TokenSpec;
use crate::server::testing::Served;

/// Hashes that cost next to nothing.
const CHEAP: u32 = 4;

/// The common name of the certificate that test clients show.
const CERTIFIED: &str = "client";

fn config() -> Config {
    Config { bcrypt_cost: CHEAP, ..Config::default() }
}

/// A client that shows a token, if it has one.
#[derive(Clone)]
struct Client {
    channel: Channel,
    token: Option<String>,
}

type Told<T> = Result<T, (Code, String)>;

fn told<T>(answer: Result<tonic::Response<T>, Status>) -> Told<T> {
    match answer {
        Ok(answer) => Ok(answer.into_inner()),
        Err(status) => Err((status.code(), status.message().to_owned())),
    }
}

fn refused<T>(code: Code, text: &str) -> Told<T> {
    Err((code, format!("etcdserver: {text}")))
}

impl Client {
    /// A bare connection: one that asks for the status first would be turned away.
    async fn of(served: &Served) -> Self {
        let options = served.options();
        let tls = options.tls.expect("the server wants TLS");
        let (certificate, key) = tls.identity.expect("the server wants a certificate");
        let tls = ClientTlsConfig::new()
            .ca_certificate(Certificate::from_pem(tls.authorities))
            .identity(Identity::from_pem(certificate, key));
        let endpoint = Endpoint::from_shared(options.endpoints[0].clone());
        let endpoint = endpoint.and_then(|endpoint| endpoint.tls_config(tls));
        let endpoint = endpoint.expect("the certificates are usable");
        Self { channel: endpoint.connect().await.expect("the server listens"), token: None }
    }

    fn auth(&self) -> AuthClient<Channel> {
        AuthClient::new(self.channel.clone())
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(token) = &self.token {
            request.metadata_mut().insert("token", token.parse().expect("a token is text"));
        }
        request
    }

    async fn log_in(&self, name: &str, password: &str) -> Told<Self> {
        let request = pb::AuthenticateRequest { name: name.into(), password: password.into() };
        let token = told(self.auth().authenticate(request).await)?.token;
        Ok(Self { token: Some(token), ..self.clone() })
    }

    async fn get(&self, key: &str) -> Told<i64> {
        let request =
            self.request(pb::RangeRequest { key: key.to_owned().into(), ..Default::default() });
        told(KvClient::new(self.channel.clone()).range(request).await).map(|answer| answer.count)
    }

    async fn put(&self, key: &str) -> Told<()> {
        let request =
            self.request(pb::PutRequest { key: key.to_owned().into(), ..Default::default() });
        told(KvClient::new(self.channel.clone()).put(request).await).map(drop)
    }

    async fn user(&self, name: &str, password: Option<&str>, roles: &[&str]) -> Told<()> {
        let options = authpb::UserAddOptions { no_password: password.is_none() };
        let request = self.request(pb::AuthUserAddRequest {
            name: name.into(),
            password: password.unwrap_or_default().into(),
            options: Some(options),
            ..Default::default()
        });
        told(self.auth().user_add(request).await)?;
        for role in roles {
            let grant = pb::AuthUserGrantRoleRequest { user: name.into(), role: (*role).into() };
            told(self.auth().user_grant_role(self.request(grant)).await)?;
        }
        Ok(())
    }

    /// A role that may do everything with keys of this prefix of one letter.
    async fn role(&self, name: &str) -> Told<()> {
        let add = self.request(pb::AuthRoleAddRequest { name: name.into() });
        told(self.auth().role_add(add).await)?;
        let range = crate::KeyRange::prefix(name.to_owned());
        let perm = authpb::Permission {
            perm_type: authpb::permission::Type::Readwrite.into(),
            key: range.key,
            range_end: range.end,
        };
        let grant = pb::AuthRoleGrantPermissionRequest { name: name.into(), perm: Some(perm) };
        told(self.auth().role_grant_permission(self.request(grant)).await).map(drop)
    }

    async fn enable(&self) -> Told<()> {
        told(self.auth().auth_enable(self.request(pb::AuthEnableRequest {})).await).map(drop)
    }

    async fn revision(&self) -> u64 {
        let status = self.auth().auth_status(self.request(pb::AuthStatusRequest {})).await;
        told(status).expect("the status is told").auth_revision
    }

    /// root, and ann who has what begins with `a`.
    async fn set_up(&self) -> Told<()> {
        self.role("a").await?;
        self.user("ann", Some("secret"), &["a"]).await?;
        self.user("root", Some("root"), &["root"]).await?;
        self.enable().await
    }
}

#[tokio::test]
async fn an_expired_token_is_told() -> Told<()> {
    let served = Served::with(Config { auth_token_ttl: Duration::ZERO, ..config() }).await;
    let client = Client::of(&served).await;
    client.set_up().await?;
    let ann = client.log_in("ann", "secret").await?;
    assert_eq!(ann.get("a").await, refused(Code::Unauthenticated, "invalid auth token"));
    served.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_certificate_names_its_user_where_that_is_asked_for() -> Told<()> {
    for client_cert_auth in [false, true] {
        let served = Served::with(Config { client_cert_auth, ..config() }).await;
        let client = Client::of(&served).await;
        client.role("c").await?;
        client.user(CERTIFIED, None, &["c"]).await?;
        client.set_up().await?;
        if client_cert_auth {
            assert_eq!(client.put("c").await, Ok(()));
            assert_eq!(client.put("a").await, refused(Code::PermissionDenied, "permission denied"));
        } else {
            assert_eq!(client.put("c").await, refused(Code::InvalidArgument, "user name is empty"));
        }
        // A token goes before the certificate, good or bad.
        let ann = client.log_in("ann", "secret").await?;
        assert_eq!(ann.put("a").await, Ok(()));
        assert_eq!(ann.put("c").await, refused(Code::PermissionDenied, "permission denied"));
        let liar = Client { token: Some("x.1".into()), ..client.clone() };
        assert_eq!(liar.put("c").await, refused(Code::Unauthenticated, "invalid auth token"));
        let given = client.log_in(CERTIFIED, "guess").await.map(drop);
        let text = "auth: authentication failed, password was given for no password user";
        assert_eq!(given, Err((Code::Unknown, text.to_owned())));
        served.stop().await;
    }
    Ok(())
}

#[tokio::test]
async fn a_jwt_is_good_until_users_change() -> Told<()> {
    let files = tempfile::tempdir().expect("a directory is made");
    let key = files.path().join("key");
    let pair = certs::Authority::generate("test")
        .and_then(|authority| authority.issue(&certs::Leaf::client("signer", None)))
        .expect("a key is made");
    std::fs::write(&key, pair.key).expect("the key is written");
    let spec = format!("jwt,sign-method=ES256,priv-key={}", key.display());
    let auth_token = TokenSpec::parse(&spec).expect("the key signs");
    let served = Served::with(Config { auth_token, ..config() }).await;
    let client = Client::of(&served).await;
    client.set_up().await?;
    let (root, ann) = (client.log_in("root", "root").await?, client.log_in("ann", "secret").await?);
    assert_eq!(ann.token.as_ref().map(|token| token.split('.').count()), Some(3));
    assert_eq!(ann.put("a").await, Ok(()));
    assert_eq!(ann.put("b").await, refused(Code::PermissionDenied, "permission denied"));
    root.user("bob", Some("secret"), &[]).await?;
    let old = || refused(Code::InvalidArgument, "revision of auth store is old");
    assert_eq!(ann.put("a").await, old());
    assert_eq!(ann.get("a").await.map(drop), old());
    assert_eq!(root.get("a").await.map(drop), old());
    // Administration does not ask for the revision.
    root.user("cay", Some("secret"), &[]).await?;
    assert_eq!(client.log_in("ann", "secret").await?.put("a").await, Ok(()));
    let liar = Client { token: ann.token.map(|token| token + "x"), ..client };
    assert_eq!(liar.put("a").await, refused(Code::Unauthenticated, "invalid auth token"));
    served.stop().await;
    Ok(())
}

#[tokio::test]
async fn without_tokens_nobody_logs_in() -> Told<()> {
    let served = Served::with(Config { auth_token: TokenSpec::None, ..config() }).await;
    let client = Client::of(&served).await;
    client.set_up().await?;
    let text = "authentication failed, invalid user ID or password";
    let tried = client.log_in("ann", "secret").await.map(drop);
    assert_eq!(tried, refused(Code::InvalidArgument, text));
    served.stop().await;
    Ok(())
}

/// Whoever holds a simple token does not notice that others' rights change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_go_on_while_roles_change() -> Told<()> {
    const ROLES: usize = 40;
    let served = Served::with(config()).await;
    let client = Client::of(&served).await;
    client.set_up().await?;
    let (root, ann) = (client.log_in("root", "root").await?, client.log_in("ann", "secret").await?);
    let before = root.revision().await;
    let changing = tokio::spawn(async move {
        for at in 0..ROLES {
            root.role(&format!("role{at}")).await?;
        }
        Told::Ok(root.revision().await)
    });
    let mut written = 0;
    while !changing.is_finished() || written == 0 {
        ann.put("a").await?;
        ann.get("a").await?;
        written += 1;
    }
    let after = changing.await.expect("the roles are made")?;
    assert_eq!(after, before + 2 * ROLES as u64);
    served.stop().await;
    Ok(())
}

#[tokio::test]
async fn users_and_their_passwords_survive_a_restart() -> Told<()> {
    let files = tempfile::tempdir().expect("a directory is made");
    let config = || Config { data_dir: Some(files.path().to_owned()), ..config() };
    let served = Served::with(config()).await;
    let client = Client::of(&served).await;
    client.set_up().await?;
    let root = client.log_in("root", "root").await?;
    let before = root.revision().await;
    served.stop().await;
    let served = Served::with(config()).await;
    let client = Client::of(&served).await;
    assert_eq!(client.put("a").await, refused(Code::InvalidArgument, "user name is empty"));
    let ann = client.log_in("ann", "secret").await?;
    assert_eq!(ann.put("a").await, Ok(()));
    assert_eq!(ann.put("b").await, refused(Code::PermissionDenied, "permission denied"));
    assert_eq!(ann.revision().await, before);
    served.stop().await;
    Ok(())
}

#[tokio::test]
async fn a_lease_is_kept_by_those_who_may_write_its_keys() -> Told<()> {
    let served = Served::with(config()).await;
    let client = Client::of(&served).await;
    client.set_up().await?;
    let (root, ann) = (client.log_in("root", "root").await?, client.log_in("ann", "secret").await?);
    let leases = || LeaseClient::new(client.channel.clone());
    let grant = pb::LeaseGrantRequest { id: 7, ttl: 600 };
    let stranger = told(leases().lease_grant(grant).await).map(drop);
    assert_eq!(stranger, refused(Code::InvalidArgument, "user name is empty"));
    told(leases().lease_grant(ann.request(grant)).await)?;
    let keep = async |client: &Client| {
        let requests = futures::stream::once(async { pb::LeaseKeepAliveRequest { id: 7 } });
        let mut request = client.request(()).map(|()| requests);
        request.set_timeout(Duration::from_secs(10));
        let mut answers = told(leases().lease_keep_alive(request).await)?;
        match answers.message().await {
            Ok(answer) => Ok(answer.expect("the request is answered").ttl),
            Err(status) => Err((status.code(), status.message().to_owned())),
        }
    };
    assert_eq!(keep(&ann).await, Ok(600));
    assert_eq!(keep(&client).await, refused(Code::InvalidArgument, "user name is empty"));
    let hidden = pb::PutRequest { key: "z".into(), lease: 7, ..Default::default() };
    told(KvClient::new(client.channel.clone()).put(root.request(hidden)).await)?;
    assert_eq!(keep(&ann).await, refused(Code::PermissionDenied, "permission denied"));
    assert_eq!(keep(&root).await, Ok(600));
    let list = told(leases().lease_leases(ann.request(pb::LeaseLeasesRequest {})).await);
    assert_eq!(list.map(drop), refused(Code::PermissionDenied, "permission denied"));
    let list = told(leases().lease_leases(root.request(pb::LeaseLeasesRequest {})).await)?;
    assert_eq!(list.leases.len(), 1);
    served.stop().await;
    Ok(())
}
